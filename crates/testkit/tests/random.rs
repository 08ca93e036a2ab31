//! Seeded randomness, and seeds from the environment.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod common;

use common::run_alone;
use core::time::Duration;
use packet_buffer::RandomSource;
use testkit::{SEED_VARIABLE, SeededRandom, for_each_seed, parse_seed, seed_from_env};

fn octets(mut random: SeededRandom) -> [u8; 32] {
    let mut octets = [0; 32];
    random.fill(&mut octets);
    octets
}

#[test]
fn the_same_seed_gives_the_same_octets_on_every_machine() {
    // ChaCha8 with the key 07 00 00 ... 00, block 0.
    let mut chacha = <rand_chacha::ChaCha8Rng as rand_chacha::rand_core::SeedableRng>::from_seed(
        core::array::from_fn(|i| if i == 0 { 7 } else { 0 }),
    );
    let mut expected = [0; 32];
    rand_chacha::rand_core::Rng::fill_bytes(&mut chacha, &mut expected);
    assert_eq!(octets(SeededRandom::new(7)), expected);
    assert_ne!(octets(SeededRandom::new(8)), expected);
}

#[test]
fn forks_depend_on_the_label_and_not_on_what_was_drawn() {
    let mut root = SeededRandom::new(1);
    let before = octets(root.fork("alice"));
    root.next_u64();
    assert_eq!(octets(root.fork("alice")), before);

    let labels = [
        "",
        "a",
        "b",
        "ab",
        "a\0",
        "\0\0\0\0\0\0\0\0",
        "longer than eight octets",
    ];
    let mut all: Vec<_> = labels
        .iter()
        .map(|label| octets(root.fork(label)))
        .collect();
    all.push(octets(SeededRandom::new(1)));
    all.push(octets(root.fork("a").fork("b")));
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count, "no two generators are the same");
}

#[test]
fn chances_and_ranges_come_out_as_asked() {
    let mut random = SeededRandom::new(3);
    let hits = (0..10_000).filter(|_| random.chance(0.3)).count();
    assert!((2_850..3_150).contains(&hits), "{hits}");
    assert!(!(0..1_000).any(|_| random.chance(0.0)));
    assert!((0..1_000).all(|_| random.chance(1.0)));

    let mut seen = [0u32; 5];
    for _ in 0..5_000 {
        seen[random.between(10, 14) - 10] += 1;
    }
    assert!(seen.iter().all(|n| (900..1_100).contains(n)), "{seen:?}");
    assert_eq!(random.between(9, 9), 9);

    let longest = Duration::from_micros(3);
    let mut micros: Vec<_> = (0..200).map(|_| random.duration_up_to(longest)).collect();
    micros.sort_unstable();
    micros.dedup();
    assert_eq!(
        micros,
        (0..=3).map(Duration::from_micros).collect::<Vec<_>>()
    );
}

#[test]
fn seeds_are_decimal_or_hexadecimal() {
    assert_eq!(parse_seed("42"), Some(42));
    assert_eq!(parse_seed(" 0x2a\n"), Some(42));
    assert_eq!(parse_seed("0XFFFFFFFFFFFFFFFF"), Some(u64::MAX));
    for bad in ["", "0x", "2a", "-1", "0x10000000000000000", "1 2"] {
        assert_eq!(parse_seed(bad), None, "{bad:?}");
    }
}

// The tests below run these in processes of their own.

#[test]
#[ignore = "fails on purpose"]
fn fails_with_seed_3() {
    for_each_seed(0..10, |seed| {
        let network = testkit::Network::new(seed);
        assert_ne!(network.seed(), 3, "this one");
    });
}

#[test]
#[ignore = "fails on purpose"]
fn fails_inside_a_network() {
    let network = testkit::Network::new(seed_from_env(0xabc));
    panic!("{}", network.now());
}

#[test]
#[ignore = "prints the seeds that it is run with"]
fn prints_seeds() {
    for_each_seed(5..8, |seed| eprintln!("ran {seed}"));
}

#[test]
fn a_failing_seed_is_printed_with_the_command_that_replays_it() {
    let (passed, error) = run_alone("fails_with_seed_3", &[(SEED_VARIABLE, None)]);
    assert!(!passed);
    let lines: Vec<_> = error
        .lines()
        .filter(|line| line.contains("with seed"))
        .collect();
    assert_eq!(
        lines,
        [
            "failed with seed 0x3; to replay: INTERNETWORK_SEED=0x3 cargo test -p testkit \
          fails_with_seed_3 -- --exact"
        ]
    );

    let (passed, error) = run_alone("fails_with_seed_3", &[(SEED_VARIABLE, Some("3"))]);
    assert!(!passed, "{error}");
    let (passed, error) = run_alone("fails_with_seed_3", &[(SEED_VARIABLE, Some("4"))]);
    assert!(passed, "{error}");
}

#[test]
fn a_network_prints_its_seed_on_failure() {
    let (passed, error) = run_alone("fails_inside_a_network", &[(SEED_VARIABLE, None)]);
    assert!(!passed);
    assert!(
        error.contains("the simulation had reached 0.000000"),
        "{error}"
    );
    assert_eq!(
        error.matches("INTERNETWORK_SEED=0xabc ").count(),
        1,
        "{error}"
    );
    let (_, error) = run_alone("fails_inside_a_network", &[(SEED_VARIABLE, Some("0xdef"))]);
    assert!(error.contains("INTERNETWORK_SEED=0xdef "), "{error}");
}

#[test]
fn the_variable_runs_one_seed_only() {
    let ran = |error: &str| error.lines().filter(|l| l.starts_with("ran")).count();
    let (_, error) = run_alone("prints_seeds", &[(SEED_VARIABLE, None)]);
    assert_eq!(ran(&error), 3, "{error}");
    let (_, error) = run_alone("prints_seeds", &[(SEED_VARIABLE, Some("0x63"))]);
    assert_eq!(ran(&error), 1, "{error}");
    assert!(error.contains("ran 99"), "{error}");
    let (passed, error) = run_alone("prints_seeds", &[(SEED_VARIABLE, Some("seven"))]);
    assert!(
        !passed && error.contains("\"seven\" is not a seed"),
        "{error}"
    );
}
