//! What is in a page, without a browser. `examples/tests/interop_page.rs` opens it in one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::world::model::{Check, Message, MessageLayer, StoryLine};
use serde_json::{Value, json};

/// What must not get out of the data, in every form that we know of.
const HOSTILE: &str = "</script><script>alert(1)</script><!--<script>]]>\"'`\\\u{0}\u{1}\u{2028}\u{2029}\
                       &lt;\u{7f}\u{feff}{{script}}é漢😀";

fn empty() -> Report {
    Report {
        seed: u64::MAX,
        command: String::new(),
        faults: String::new(),
        scenarios: Vec::new(),
    }
}

fn scenario(text: &str) -> ScenarioReport {
    ScenarioReport {
        name: text.to_owned(),
        title: text.to_owned(),
        about: text.to_owned(),
        failure: Some(text.to_owned()),
        duration_us: 1_000_000,
        story: vec![StoryLine {
            at_us: 1,
            text: text.to_owned(),
        }],
        checks: vec![Check {
            at_us: 2,
            what: text.to_owned(),
            found: text.to_owned(),
            passed: false,
        }],
        nodes: Vec::new(),
        links: Vec::new(),
        messages: vec![message(text)],
        messages_left_out: 7,
        timelines: Vec::new(),
        tables: Vec::new(),
        counters: Vec::new(),
    }
}

fn message(text: &str) -> Message {
    Message {
        at_us: 3,
        link: text.to_owned(),
        from: text.to_owned(),
        to: None,
        protocol: text.to_owned(),
        source: Some(text.to_owned()),
        destination: None,
        summary: text.to_owned(),
        fate: String::new(),
        length: 2,
        octets: "0045".to_owned(),
        layers: vec![MessageLayer {
            name: text.to_owned(),
            offset: 0,
            length: 2,
            quoted: false,
            summary: text.to_owned(),
            fields: vec![(text.to_owned(), text.to_owned())],
        }],
        number: 1,
    }
}

fn page(report: &Report) -> String {
    let mut out = Vec::new();
    write(report, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// What is in the data element of that name.
fn element_of<'a>(page: &'a str, id: &str) -> &'a str {
    let open = format!("<script type=\"application/json\" id=\"{id}\">");
    let (_, after) = page.split_once(&open).unwrap();
    after.split_once("</script>").unwrap().0
}

#[test]
fn hostile_text_stays_in_its_element_and_comes_back_whole() {
    let report = Report {
        command: HOSTILE.to_owned(),
        faults: HOSTILE.to_owned(),
        scenarios: vec![scenario(HOSTILE)],
        ..empty()
    };
    let page = page(&report);
    // The policy's style, the outline, the scenario and our script: no element more.
    assert_eq!(page.matches("<script").count(), 3);
    assert_eq!(page.matches("</script").count(), 3);
    for id in ["outline", "scenario-0"] {
        let text = element_of(&page, id);
        assert!(!text.contains(ESCAPED_IN_SCRIPTS), "{text}");
        assert!(text.contains("\\u003c/script\\u003e"), "{text}");
        assert!(text.contains("\\u2028\\u2029"), "{text}");
    }
    let outline: Value = serde_json::from_str(element_of(&page, "outline")).unwrap();
    assert_eq!(outline["command"], HOSTILE);
    assert_eq!(outline["scenarios"][0]["failure"], HOSTILE);
    let read: Value = serde_json::from_str(element_of(&page, "scenario-0")).unwrap();
    assert_eq!(read, serde_json::to_value(&report.scenarios[0]).unwrap());
}

/// None of these stands in a data element as it is.
const ESCAPED_IN_SCRIPTS: [char; 5] = ['<', '>', '&', '\u{2028}', '\u{2029}'];

#[test]
fn the_outline_counts_and_keeps_the_seed() {
    let report = Report {
        scenarios: vec![scenario("one"), scenario("two")],
        ..empty()
    };
    let page = page(&report);
    let outline: Value = serde_json::from_str(element_of(&page, "outline")).unwrap();
    assert_eq!(outline["seed"], u64::MAX.to_string());
    let two = &outline["scenarios"][1];
    assert_eq!(two["name"], "two");
    assert_eq!(
        [&two["checks"], &two["checks_failed"], &two["messages"]],
        [&json!(1), &json!(1), &json!(8)]
    );
}

#[test]
fn a_report_without_scenarios_is_a_page_too() {
    let page = page(&empty());
    assert!(page.starts_with("<!DOCTYPE html>"));
    assert!(page.trim_end().ends_with("</html>"));
    assert!(!page.contains("{{"), "something was not filled in");
    assert!(page.contains("<style>") && page.contains("<script type=\"module\">"));
}

/// Nothing that a browser would fetch, and nothing that makes markup of text.
#[test]
fn the_page_needs_nothing_and_makes_no_markup_of_data() {
    let page = page(&empty());
    let namespace = "http://www.w3.org/2000/svg";
    let without = page.replace(namespace, "");
    for word in [
        "http:", "https:", "//cdn", "@import", "url(", "src=", "fetch(", "XMLHttp",
    ] {
        assert!(!without.contains(word), "{word}");
    }
    for word in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "DOMParser",
        "createContextualFragment",
        "srcdoc",
        "setHTML",
    ] {
        assert!(!SCRIPT.contains(word), "{word}");
    }
}

/// A browser runs the script only when the policy's hash is that of what is between the tags.
#[test]
fn the_policy_knows_style_and_script_by_what_is_between_the_tags() {
    let page = page(&empty());
    for (open, close, rule) in [
        ("<style>", "</style>", "style-src"),
        ("<script type=\"module\">", "</script>", "script-src"),
    ] {
        let content = page.split_once(open).unwrap().1;
        let content = content.split_once(close).unwrap().0;
        let hash = BASE64_STANDARD.encode(Sha256::digest(content));
        assert!(page.contains(&format!("{rule} 'sha256-{hash}'")), "{rule}");
    }
    assert!(page.contains("content=\"default-src 'none'; "));
    assert!(!page.contains("unsafe"));
}

/// What a message costs in the page beyond its own texts: names of fields, and not much else.
#[test]
fn five_thousand_messages_are_a_few_megabytes() {
    let mut big = scenario("x");
    big.messages = vec![message("IPv4 192.0.2.1 → 192.0.2.2"); 5_000];
    let report = Report {
        scenarios: vec![big],
        ..empty()
    };
    let without = page(&empty()).len();
    let each = (page(&report).len() - without) / 5_000;
    assert!((400..600).contains(&each), "{each} octets a message");
}

#[test]
fn an_error_of_the_output_is_handed_out() {
    /// Takes so many octets.
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            if self.0 < octets.len() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0 -= octets.len();
            Ok(octets.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let report = Report {
        scenarios: vec![scenario(HOSTILE)],
        ..empty()
    };
    let whole = page(&report).len();
    for room in [0, 1_000, whole / 2, whole - 1] {
        let error = write(&report, &mut Full(room)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{room}");
    }
    write(&report, &mut Full(whole)).unwrap();
}
