//! What is understood, and what is said about what is not.

use super::*;
use crate::model::{Action, Rule};
use alloc::string::ToString;
use proptest::prelude::*;

const EXAMPLE: &str = r#"
# Zones, from the most trusted to the least.
zone inside level 100
zone dmz level 50 intra drop
zone outside level 0

interface lan0 zone inside
interface dmz0 zone dmz groups { web }
interface wan0 zone outside reverse-path loose bogons acl-in edge

addresses servers {
    192.0.2.10, 192.0.2.16/28,   # a comment within
    2001:db8:5::/64, 192.0.2.40-192.0.2.49
}

acl edge {
    100 deny from 198.51.100.0/24 log
    200 permit
}

group web {
    members { 10.0.1.10, @servers }
    in tcp port { 80, 443 } from any
    in icmp type echo-request
    out udp port 53 to any
}

filter clean {
    block { ads.example, *.tracker.example }
    paths { "/admin", "/a \"b\"" }
    unknown drop; refuse reject
}

rules from outside to dmz {
    web: accept tcp to @servers port { 80, 443 } sessions-per-source 100 syn-proxy
    mail: accept tcp to 192.0.2.25 port 25 limit 10/second burst 20 log
    reject tcp port 113
    drop log
}
rules from inside to outside {
    accept tcp port 21 helper ftp
    surf: accept { tcp, udp } port { 80, 443 } user { staff, alice } filter clean mark 7
    continue tcp flags syn/syn,ack,rst log
    accept icmp type { 8, 3/4 } fragments none dscp { 46, 10 } in lan0 out wan0
    queue 3 from not { 10.0.0.0/8, 10.9.0.1 } port 1000-2000
}
same-level accept
log-default
"#;

#[test]
fn a_policy_is_read_compiled_and_printed() {
    let policy = parse(EXAMPLE).unwrap();
    assert_eq!(policy.zones.len(), 3);
    assert_eq!(policy.rules.len(), 9);
    let [web, ..] = &*policy.rules else {
        panic!();
    };
    assert_eq!((&*web.name, web.action), ("web", Action::Accept));
    assert_eq!(
        (&web.from[..], &web.to[..]),
        (&["outside".to_string()][..], &["dmz".to_string()][..])
    );
    assert!(web.syn_proxy && !web.log);
    assert_eq!(policy.filters[0].paths[1], "/a \"b\"");
    assert!(policy.same_level && policy.log_default);
    assert_eq!(
        policy.rules[8].condition.source_ports[0].to_string(),
        "1000-2000"
    );

    let compiled = compile(EXAMPLE).unwrap();
    assert_eq!(compiled.rules(), 9);
    assert_eq!(compiled.users(), ["staff", "alice"]);

    let printed = policy.to_string();
    assert_eq!(parse(&printed).unwrap(), policy, "{printed}");
}

#[test]
fn errors_name_line_and_column() {
    for (text, message) in [
        (
            "zoen inside level 1",
            "line 1, column 1: `zoen` is no statement; did you mean `zone`?",
        ),
        (
            "zone a level 1\nfoo",
            "line 2, column 1: expected statement (zone, interface, addresses, acl, group, filter, rules, rule, same-level, log-default), found `foo`",
        ),
        (
            "zone a level 300",
            "line 1, column 14: expected a level from 0 to 100: number too large to fit in target type",
        ),
        (
            "zone a",
            "line 1, column 7: expected `level`, found the end of the text",
        ),
        (
            "rule acept tcp",
            "line 1, column 6: `acept` is no action; did you mean `accept`?",
        ),
        (
            "rule accept tcp prot 80",
            "line 1, column 17: `prot` is no part of a rule; did you mean `port`?",
        ),
        (
            "rule accept tcp port 80-",
            "line 1, column 22: expected a port: `80-` is not a port (443) or a range of ports (1024-65535)",
        ),
        (
            "rules {\n  drop\n",
            "line 3, column 1: expected `}`, found the end of the text",
        ),
        (
            "rule accept from { 10.0.0.0/8 10.1.0.0/16 }",
            "line 1, column 31: expected `,` or `}`, found `10.1.0.0/16`",
        ),
        (
            "rule accept from 10.0.0.0/33",
            "line 1, column 18: expected an address: `10.0.0.0/33` is not an address, a prefix (192.0.2.0/24), a range (192.0.2.1-192.0.2.9), a set (@name) or a group (group:name)",
        ),
        (
            "rule accept flags syn/syn,akc",
            "line 1, column 19: TCP flags: `akc` is not a name: letters, digits, `_`, `-` and `.`",
        ),
        (
            "filter x { paths { \"/a } }",
            "line 1, column 20: the text in quotes does not end on its line",
        ),
        (
            "zone é level 1",
            "line 1, column 6: the character `\\u{e9}` means nothing here",
        ),
        (
            "rule accept from not any",
            "line 1, column 22: expected an address: `any` is not an address, a prefix (192.0.2.0/24), a range (192.0.2.1-192.0.2.9), a set (@name) or a group (group:name)",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), message);
    }
}

#[test]
fn what_cannot_be_compiled_is_blamed_on_its_declaration() {
    for (text, message) in [
        (
            "zone a level 1\ninterface e zone b",
            "line 2, column 1: e: there is no zone `b`",
        ),
        (
            "zone a level 1\n\n  rule x: accept to @s",
            "line 3, column 8: x: there is no address set `s`",
        ),
        (
            "addresses s { @t }\naddresses t { @s }",
            "line 1, column 1: s: the set `s` holds itself, or sets are nested too deep",
        ),
        (
            "acl a {\n 10 permit\n 10 deny\n}",
            "line 2, column 2: a 10: there are two of this entry",
        ),
        (
            "rule accept icmp port 7",
            "line 1, column 6: rule 1: no packet can match: the protocol has no ports",
        ),
        (
            "zone a level 101",
            "line 1, column 1: a: level 101 is not from 0 to 100",
        ),
        (
            "rule accept dscp 64",
            "line 1, column 6: rule 1: dscp: 64 is out of range",
        ),
    ] {
        let error = compile(text).unwrap_err().to_string();
        // Which of two sets that hold each other is named is no matter.
        assert!(
            error == message || error.contains("holds itself"),
            "{error}"
        );
    }
}

#[test]
fn sets_that_grow_as_a_power_of_two_are_refused() {
    let mut text = "addresses s0 { 10.0.0.0/9, 10.128.0.0/9 }\n".to_string();
    for n in 1..16 {
        let inner = alloc::format!("@s{}", n - 1);
        let items = alloc::vec![inner; 8].join(", ");
        text += &alloc::format!("addresses s{n} {{ {items} }}\n");
    }
    let error = compile(&text).unwrap_err();
    assert!(error.message.contains("more address ranges"), "{error}");
}

#[test]
fn deep_nesting_of_braces_is_an_error_and_no_overflow() {
    let text = "rule accept from ".to_string() + &"{ ".repeat(100_000);
    assert!(parse(&text).is_err());
}

fn rule() -> impl Strategy<Value = Rule> {
    // Each part as it is written.
    let part = |texts: &'static [&'static str]| proptest::sample::select(texts);
    (
        part(&["", "a: ", "n-1.x_y: "]),
        part(&["accept", "drop", "reject", "continue", "queue 9"]),
        part(&["", " tcp", " { tcp, udp }", " 47"]),
        part(&[
            "",
            " from any port 53",
            " from 10.0.0.0/8",
            " from not { 10.0.0.1, @s }",
        ]),
        part(&[
            "",
            " to any port { 80, 443 }",
            " to group:g",
            " to 2001:db8::1-2001:db8::9",
        ]),
        part(&[
            "",
            " flags syn/syn,ack",
            " fragments later",
            " dscp 46",
            " type { 8, 3/4 }",
        ]),
        part(&["", " in e0", " out { e0, e1 }", " user alice"]),
        part(&["", " from-zone a", " from-zone { a, b } to-zone c"]),
        part(&[
            "",
            " log",
            " log mark 5",
            " limit 10/second",
            " limit-per-source 5/minute burst 9",
        ]),
        part(&[
            "",
            " sessions 4 sessions-per-source 2",
            " helper sip",
            " filter f syn-proxy",
        ]),
    )
        .prop_map(|(a, b, c, d, e, f, g, h, i, j)| {
            let text = alloc::format!("rule {a}{b}{c}{d}{e}{f}{g}{h}{i}{j}");
            parse(&text).unwrap().rules.remove(0)
        })
}

proptest! {
    #[test]
    fn rules_print_as_they_are_read(rule in rule()) {
        let text = alloc::format!("rule {rule}");
        let again = parse(&text).unwrap();
        prop_assert_eq!(&again.rules[0], &rule, "{}", text);
    }

    #[test]
    fn no_text_panics(text in "[a-z0-9{},;:/@#\" \n.-]{0,60}") {
        let _ = compile(&text);
    }

    #[test]
    fn no_statement_panics(
        words in prop::collection::vec(proptest::sample::select(&[
            "zone", "rules", "rule", "acl", "group", "filter", "accept", "{", "}", ",", "\n", "from",
            "to", "port", "any", "not", "10.0.0.0/8", "80", "tcp", "a:", "@s", "level", "limit",
            "5/second", "burst", "flags", "syn/ack", "in", "out", "block", "paths", "\"x\"", "members",
        ][..]), 0..25),
    ) {
        let _ = compile(&words.join(" "));
    }
}
