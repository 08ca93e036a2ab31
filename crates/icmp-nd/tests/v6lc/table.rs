//! The list of parts against the doc comments of the tests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, println};

/// Every part of the list has a test that names it; prints how many, by section.
#[test]
fn every_part_of_the_list_has_a_test() {
    let Some(shared) = env::var_os("INTERNETWORK_SHARED") else {
        println!("SKIPPED: INTERNETWORK_SHARED is not set, so the list of parts is not there");
        return;
    };
    let list = PathBuf::from(shared).join("labs/icmp/icmpnd-v6LC-list.txt");
    let list = fs::read_to_string(&list).expect("the list of parts");
    let tests = names_in_sources();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut missing = Vec::new();
    for part in list.lines().map(str::trim).filter(|it| !it.is_empty()) {
        if tests.contains_key(part) {
            let section = part.split('.').nth(1).unwrap_or_default().to_owned();
            *counts.entry(section).or_default() += 1;
        } else {
            missing.push(part);
        }
    }
    for (section, count) in &counts {
        println!("section {section}: {count} parts");
    }
    println!(
        "{} parts of the list, {} with a test",
        list.lines().count(),
        counts.values().sum::<usize>()
    );
    assert!(missing.is_empty(), "without a test: {missing:#?}");
}

/// The names of parts in doc comments, with the function that each comment is of.
fn names_in_sources() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/v6lc");
    let mut names = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the tests") {
        let source = fs::read_to_string(entry.expect("a test file").path()).expect("a test file");
        let mut pending = Vec::new();
        let mut is_test = false;
        for line in source.lines().map(str::trim) {
            if let Some(comment) = line.strip_prefix("///") {
                let comment = comment.trim();
                if comment.starts_with("v6LC.") {
                    pending.push(comment.to_owned());
                }
            } else if line == "#[test]" {
                is_test = true;
            } else if let Some(rest) = line.strip_prefix("fn ") {
                let function = rest.split('(').next().unwrap_or_default();
                for name in pending.drain(..) {
                    assert!(is_test, "{name} names a function that is no test");
                    names.insert(name, function.to_owned());
                }
                is_test = false;
            }
        }
    }
    names
}
