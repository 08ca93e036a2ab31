//! Lists, citations and the report.

use super::requirements::{Key, parse};
use super::scan::{Citation, scan};
use super::*;

fn key(rfc: u32, section: &str, level: &str, id: &str) -> Key {
    Key {
        rfc,
        section: section.to_owned(),
        level: level.to_owned(),
        id: id.to_owned(),
    }
}

fn found(path: &str, text: &str) -> Vec<(String, String, bool)> {
    let scan = scan(&[(path.into(), text.to_owned())], is_test);
    assert_eq!(scan.malformed, [""; 0]);
    scan.citations
        .into_iter()
        .map(|citation| (citation.key.to_string(), citation.text, citation.in_test))
        .collect()
}

fn citation(rfc: u32, section: &str, in_test: bool) -> Citation {
    Citation {
        key: key(rfc, section, "MUST", ""),
        text: "text".to_owned(),
        in_test,
        place: "src/lib.rs:1".to_owned(),
    }
}

fn ledger(name: &str, list: &str, citations: Vec<Citation>) -> Ledger {
    Ledger {
        name: name.to_owned(),
        requirements: parse(list).unwrap(),
        citations,
    }
}

const TWO: &str = r#"
    [[requirement]]
    rfc = 1071
    section = "1"
    level = "MUST"
    text = "one"

    [[requirement]]
    rfc = 1071
    section = "2"
    level = "MUST"
    text = "two"
    note = "for people"
"#;

#[test]
fn citations_in_code() {
    let source = "\
//! Says RFC 1661 §5 in passing, and MUST elsewhere.
// RFC 1661 §4.6 MUST: restart the timer
// for each packet.
//
// Nothing to do with it.
fn f() {} // RFC 791 §3.2 MUST NOT (overlap): keep.
/// | RFC 1812 §4.3 | MUST |
/// see RFC 792; RFC 4861 §A-1 SHOULD: doc.
";
    let cited = |key: &str, text: &str| (key.to_owned(), text.to_owned(), false);
    assert_eq!(
        found("crates/ppp/src/lib.rs", source),
        [
            cited("RFC 1661 §4.6 MUST", "restart the timer for each packet."),
            cited("RFC 791 §3.2 MUST NOT (overlap)", "keep."),
            cited("RFC 4861 §A-1 SHOULD", "doc."),
        ]
    );
}

#[test]
fn a_level_without_a_colon_is_refused() {
    for line in [
        "// RFC 1661 §4.6 MUST restart",
        "// RFC 1661 §4.6 MUST (id) restart",
        "// RFC 1661 §4.6 MUST (id: restart",
    ] {
        let scan = scan(&[("src/lib.rs".into(), line.to_owned())], is_test);
        assert_eq!(scan.citations, []);
        assert_eq!(scan.malformed.len(), 1, "{line}");
    }
}

#[test]
fn where_tests_are() {
    let line = "// RFC 1 §1 MUST: x\n";
    let in_test = |path: &str| found(path, line)[0].2;
    assert!(in_test("crates/rip/tests/rfc2453.rs"));
    assert!(in_test("crates/rip/src/wire/tests.rs"));
    assert!(in_test("crates/rip/src/wire/tests/long.rs"));
    assert!(!in_test("crates/rip/src/wire/contests.rs"));
}

#[test]
fn test_modules_in_a_file() {
    let source = "\
// RFC 1 §1 MUST: code
#[cfg(test)]
use std::vec;
// RFC 1 §2 MUST: code
#[cfg(test)]
#[allow(
    clippy::panic,
    reason = \"tests\"
)]
mod tests {
    fn f() {
        // RFC 1 §3 MUST: test
    }
    // RFC 1 §3.1 MUST: test
}
// RFC 1 §4 MUST: code
mod inner {
    #[cfg(all(test, feature = \"std\"))]
    mod tests {
        // RFC 1 §5 MUST: test
    }
    // RFC 1 §6 MUST: code
}
";
    let tests: Vec<bool> = found("src/lib.rs", source)
        .into_iter()
        .inspect(|(key, text, in_test)| assert_eq!(text == "test", *in_test, "{key}"))
        .map(|(_, _, in_test)| in_test)
        .collect();
    assert_eq!(tests, [false, false, true, true, false, true, false]);
}

#[test]
fn test_modules_in_files_of_their_own() {
    let declaring = "#[cfg(test)]\nmod properties;\nmod code;\n".to_owned();
    let citing = "// RFC 1 §1 MUST: x\n".to_owned();
    let sources = [
        ("src/lib.rs", &declaring),
        ("src/properties.rs", &citing),
        ("src/properties/more.rs", &citing),
        ("src/code.rs", &citing),
        ("src/wire.rs", &declaring),
        ("src/wire/properties.rs", &citing),
        ("src/wire/code.rs", &citing),
    ]
    .map(|(path, text)| (path.into(), text.clone()));
    let tests: Vec<(String, bool)> = scan(&sources, is_test)
        .citations
        .into_iter()
        .map(|citation| (citation.place, citation.in_test))
        .collect();
    assert_eq!(
        tests,
        [
            ("src/properties.rs:1".to_owned(), true),
            ("src/properties/more.rs:1".to_owned(), true),
            ("src/code.rs:1".to_owned(), false),
            ("src/wire/properties.rs:1".to_owned(), true),
            ("src/wire/code.rs:1".to_owned(), false),
        ]
    );
}

#[test]
fn a_list_is_checked() {
    assert_eq!(parse("").unwrap(), []);
    assert_eq!(parse(TWO).unwrap().len(), 2);
    let entry = |more: &str| {
        format!(
            "[[requirement]]\nrfc = 1\nsection = \"2\"\nlevel = \"MUST\"\ntext = \"x\"\n{more}\n"
        )
    };
    let refused = |list: &str| parse(list).unwrap_err().to_string();
    assert!(refused(&entry("exeption = \"typo\"")).contains("unknown field `exeption`"));
    assert!(refused(&entry("exception = \" \"")).contains("an exception says why"));
    assert!(refused(&entry("id = \"a:b\"")).contains("an id has no parentheses"));
    assert!(refused(&entry("").replace("MUST", "must")).contains("a level is one of MUST NOT,"));
    assert!(refused(&entry("").replace("\"2\"", "\"\"")).contains("the section is missing"));
    assert!(refused(&entry("").replace("\"x\"", "\" \"")).contains("the text is missing"));
    assert!(refused(&entry("").repeat(2)).contains("RFC 1 §2 MUST is listed twice"));
    let both = entry("") + &entry("id = \"other\"");
    assert_eq!(parse(&both).unwrap().len(), 2);
}

#[test]
fn the_report_counts_code_and_tests() {
    let two = ledger(
        "rip",
        TWO,
        vec![citation(1071, "1", false), citation(1071, "1", true)],
    );
    let report_of_two = report(&two);
    assert_eq!(report_of_two.untested, 1);
    assert_eq!(
        report_of_two.text,
        "rip\n  RFC 1071: 2 listed, 1 cited in code, 1 with a test, 1 without, 0 excepted\n    \
         no code cited, no test: §2 MUST: two\n"
    );

    let excepted = ledger(
        "rip",
        &format!("{TWO}exception = \"why\""),
        vec![citation(1071, "1", false)],
    );
    let report_of_excepted = report(&excepted);
    assert_eq!(report_of_excepted.untested, 1);
    assert_eq!(
        report_of_excepted.text,
        "rip\n  RFC 1071: 2 listed, 1 cited in code, 0 with a test, 1 without, 1 excepted\n    \
         no test: §1 MUST: one\n    not done (why): §2 MUST: two\n"
    );
}

#[test]
fn citations_without_an_entry_are_found() {
    let mut ledgers = [
        ledger("nat", "", vec![citation(1071, "1", false)]),
        ledger(
            "rip",
            TWO,
            vec![citation(1071, "1", false), citation(1071, "3", true)],
        ),
    ];
    let shared = vec![citation(1071, "2", true), citation(1071, "4", true)];
    let unlisted = distribute(&mut ledgers, shared);
    let places: Vec<(&str, &str)> = unlisted
        .iter()
        .flat_map(|(name, citations)| {
            citations
                .iter()
                .map(|citation| (name.as_str(), citation.key.section.as_str()))
        })
        .collect();
    assert_eq!(places, [(EXAMPLES, "4"), ("nat", "1"), ("rip", "3")]);
    // The example's test counts for the crate that lists the requirement.
    assert_eq!(report(&ledgers[1]).untested, 1);
}

#[test]
fn a_draft_is_a_list() {
    let citations = [
        citation(2, "1", true),
        citation(1, "1", true),
        citation(1, "1", false),
    ];
    let keys: Vec<Key> = parse(&requirements::draft(&citations))
        .unwrap()
        .into_iter()
        .map(|entry| entry.key)
        .collect();
    assert_eq!(keys, [key(1, "1", "MUST", ""), key(2, "1", "MUST", "")]);
}
