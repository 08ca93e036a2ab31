//! The rule language: any text either says where it is wrong, or prints as text that means the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stateful_firewall::{CompiledPolicy, language};

fuzz_target!(|text: &str| {
    match language::parse(text) {
        Ok(policy) => {
            let printed = policy.to_string();
            let again = language::parse(&printed);
            let again = again.unwrap_or_else(|why| panic!("{why} in what was printed:\n{printed}"));
            assert_eq!(again, policy, "{printed}");
            let _ = CompiledPolicy::new(&policy);
        }
        Err(why) => {
            let at = why.position;
            let line = text.split('\n').nth(at.line.saturating_sub(1));
            assert!(line.is_some(), "{why} names a line that is not there");
        }
    }
});
