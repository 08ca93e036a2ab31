//! The table against the model in `model/mod.rs`, under random operations.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod model;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn the_table_does_what_the_model_does(
        ops in proptest::collection::vec(any::<u8>(), 0..1_200),
    ) {
        model::run(&ops);
    }
}
