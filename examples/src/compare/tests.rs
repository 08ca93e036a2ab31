use super::*;
use crate::dissect::{Dissection, Field, Layer};
use serde_json::json;

fn frame(fields: &[(&'static str, Value)]) -> Dissection {
    let fields = fields.iter().map(|(key, value)| Field {
        key,
        value: value.clone(),
    });
    let layer = Layer {
        protocol: "ip",
        name: "IPv4",
        offset: 0,
        length: 0,
        quoted: false,
        fields: fields.collect(),
        addresses: None,
        summary: String::new(),
    };
    Dissection {
        layers: vec![layer],
        ..Dissection::default()
    }
}

/// Compares ours with tshark's, to which the keys of every frame are added.
fn compare(ours: &[(&'static str, Value)], theirs: Value) -> Report {
    let mut expected = Map::new();
    for (key, value) in [
        ("frame.number", 1),
        ("frame.len", 60),
        ("frame.cap_len", 60),
    ] {
        expected.insert(key.to_owned(), value.into());
    }
    let Value::Object(theirs) = theirs else {
        panic!("an object");
    };
    expected.extend(theirs);
    let mut report = Report::default();
    report.add_frame("a/b", 1, (60, 60), &frame(ours), &expected);
    report
}

fn differing(report: &Report) -> Vec<&str> {
    report
        .differences
        .iter()
        .map(|difference| difference.key.as_str())
        .collect()
}

#[test]
fn a_value_that_differs_is_found() {
    let ours = [("ip.ttl", json!(64)), ("ip.id", json!(1))];
    let report = compare(&ours, json!({"ip.ttl": [64], "ip.id": [1]}));
    assert_eq!((differing(&report), report.equal()), (vec![], 5));
    let report = compare(&ours, json!({"ip.ttl": [63], "ip.id": [1]}));
    assert_eq!((differing(&report), report.equal()), (vec!["ip.ttl"], 4));
    assert_eq!(
        report.differences[0].to_string(),
        "a/b frame 1: ip.ttl: tshark [63], ours [64]"
    );
    // The order counts, and so does the kind of value.
    let ours = [("ip.ttl", json!(1)), ("ip.ttl", json!(2))];
    assert_eq!(
        differing(&compare(&ours, json!({"ip.ttl": [2, 1]}))),
        ["ip.ttl"]
    );
    let ours = [("ip.flags.df", json!(1))];
    assert_eq!(
        differing(&compare(&ours, json!({"ip.flags.df": [true]}))),
        ["ip.flags.df"]
    );
}

#[test]
fn a_key_on_one_side_only_is_found() {
    let ours = [("ip.ttl", json!(64))];
    assert_eq!(differing(&compare(&ours, json!({}))), ["ip.ttl"]);
    assert_eq!(
        differing(&compare(&[], json!({"ip.ttl": [64]}))),
        ["ip.ttl"]
    );
    // Those that tshark was not asked for, and remarks, are no keys to compare.
    let ours = [("eth.src", json!("02:00:00:00:00:01"))];
    assert!(differing(&compare(&ours, json!({"expert": ["bad"]}))).is_empty());
}

#[test]
fn keys_of_later_crates_are_counted() {
    let theirs = json!({
        "tcp.stream": [0],
        "icmp.mip.seq": [1],
    });
    let report = compare(&[], theirs);
    assert!(report.differences.is_empty());
    assert_eq!(report.not_yet["mobileip"]["icmp.mip.seq"], 1);
    // Another key of the protocol is ours to give; and what is given must be right.
    let theirs = json!({"icmp.type": [9], "icmp.lifetime": [5]});
    let report = compare(&[("icmp.type", json!(9))], theirs);
    assert_eq!(differing(&report), ["icmp.lifetime"]);
    let report = compare(&[("icmp.mip.seq", json!(1))], json!({"icmp.mip.seq": [2]}));
    assert_eq!(differing(&report), ["icmp.mip.seq"]);
}

#[test]
fn inside_a_carrier_the_beginning_must_be_equal() {
    let theirs = |addresses: Value| {
        json!({
            "frame.protocols": "eth:ethertype:ip:udp:teredo:ipv6",
            "ip.version": addresses,
        })
    };
    let ours = [("ip.version", json!(4))];
    let report = compare(&ours, theirs(json!([4, 6])));
    assert!(report.differences.is_empty());
    assert_eq!(report.inside["Teredo: nobody"], 1);
    assert_eq!(
        differing(&compare(&ours, theirs(json!([6, 6])))),
        ["ip.version"]
    );
    // Without a carrier, nothing may be missing.
    assert_eq!(
        differing(&compare(&ours, json!({"ip.version": [4, 6]}))),
        ["ip.version"]
    );
}

#[test]
fn marked_frames_are_exempt() {
    for mark in ["_ws.malformed", "_ws.short"] {
        let report = compare(&[("ip.ttl", json!(64))], json!({mark: true, "ip.ttl": [1]}));
        assert!(report.differences.is_empty());
        assert_eq!(
            (report.frames, report.compared(), report.exempt[mark]),
            (1, 0, 1)
        );
    }
}

#[test]
fn rules_cover_their_kind_only() {
    let kinds = |kinds: &[u8]| {
        kinds
            .iter()
            .map(|kind| ("tcp.option_kind", json!(kind)))
            .collect()
    };
    let ours: Vec<_> = kinds(&[2, 0]);
    let report = compare(&ours, json!({"tcp.option_kind": [2, 0, 0, 0]}));
    assert_eq!(
        (differing(&report), report.protocols["tcp"].excused),
        (vec![], 1)
    );
    let report = compare(&ours, json!({"tcp.option_kind": [2, 0, 0, 1]}));
    assert_eq!(differing(&report), ["tcp.option_kind"]);

    let ours = [
        ("tcp.options.sack_le", json!(5)),
        ("tcp.options.sack_re", json!(15)),
    ];
    let relative = |left: u32, right: u32| {
        json!({
            "tcp.options.sack_le": [left],
            "tcp.options.sack_re": [right],
        })
    };
    // Sequence numbers wrap.
    assert!(differing(&compare(&ours, relative(u32::MAX, 9))).is_empty());
    assert_eq!(differing(&compare(&ours, relative(1, 12))).len(), 2);
}

#[test]
fn excuses_are_about_one_place() {
    let excuse = Excuse {
        capture: "a/b",
        frames: Which::These(&[2]),
        keys: &["ip.ttl", "icmp."],
        reason: "",
    };
    assert!(excuse.covers("a/b", 2, "ip.ttl") && excuse.covers("a/b", 2, "icmp.type"));
    assert!(!excuse.covers("a/b", 1, "ip.ttl") && !excuse.covers("a/c", 2, "ip.ttl"));
    assert!(!excuse.covers("a/b", 2, "ip.id") && !excuse.covers("a/b", 2, "icmpv6.type"));
    assert!(
        Excuse {
            frames: Which::All,
            ..excuse
        }
        .covers("a/b", 9, "ip.ttl")
    );
}

#[test]
fn an_excuse_that_nothing_needs_is_stale() {
    let mut report = Report::default();
    let all = EXCUSES.len() + RULES.len() + keys::CARRIERS.len();
    assert_eq!(report.stale().len(), all);
    assert!(report.excuse(EXCUSES[5].capture, 45, "tcp.checksum.status"));
    assert_eq!(report.stale().len(), all - 1);
}
