use super::markers::{self, Waiting};
use super::measured::Measured;
use super::tables::{Source, Table, Tables, groups_of, nanoseconds};
use std::collections::{BTreeMap, BTreeSet};

/// What `cargo bench --bench neighbor -- --ratios` printed once, behind the line that names the machine.
const RECORDED: &str = include_str!("recorded.md");

const TABLES: &str = r#"
[[table]]
name = "neighbors"
head = "a neighbor is found"
bench = "neighbor"
columns = [{ head = "`std`", items = ["std HashMap"] }, { items = ["not here", "hashbrown + foldhash"] }]
rows = [
    { label = "among 1", group = "neighbor cache lookup, 1 entries" },
    { label = "the map alone", group = "neighbor cache lookup, 1024 entries", ours = "std HashMap" },
]

[[table]]
name = "routers"
example = { name = "rip_scale", arguments = ["--markdown"], needs = ["bird"] }
"#;

fn tables() -> Tables {
    Tables::parse(TABLES).unwrap()
}

fn markdown(table: &Table, output: &str) -> Result<String, String> {
    let measured = Measured::parse(output).map_err(|error| format!("{error:#}"))?;
    let Source::Rows(rows) = table.source().unwrap() else {
        panic!("it has rows");
    };
    let measured = BTreeMap::from([("neighbor".to_owned(), measured)]);
    table
        .markdown(&rows, &measured)
        .map_err(|error| format!("{error:#}"))
}

/// The cells of the recorded line `item` of a group.
fn recorded(group: &str, item: &str) -> Vec<&'static str> {
    let (_, rest) = RECORDED.split_once(&format!("### {group}\n")).unwrap();
    let line = rest.lines().find(|line| line.contains(item)).unwrap();
    line.split('|').map(str::trim).collect()
}

#[test]
fn a_table_of_recorded_output() {
    let tables = tables();
    let text = markdown(&tables.table[0], RECORDED).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let group = "neighbor cache lookup, 1 entries";
    let ours: f64 = recorded(group, "icmp-nd")[2].parse().unwrap();
    let ratio = |item| recorded(group, item)[4].split(' ').next().unwrap();
    let alone: f64 = recorded("neighbor cache lookup, 1024 entries", "std HashMap")[2]
        .parse()
        .unwrap();
    assert_eq!(lines.len(), 6);
    assert_eq!(
        lines[0],
        "| a neighbor is found | ours | `std` | not here |"
    );
    assert_eq!(lines[1], "|---|---:|---:|---:|");
    assert_eq!(
        lines[2],
        format!(
            "| among 1 | {} | {} | {} |",
            nanoseconds(ours),
            ratio("std HashMap"),
            ratio("hashbrown")
        )
    );
    // Ratios belong to the group's first item, and are not shown beside another.
    assert_eq!(
        lines[3],
        format!("| the map alone | {} | | |", nanoseconds(alone))
    );
    let machine = RECORDED.lines().next().unwrap();
    assert_eq!(lines[5], machine.replacen("measured", "Measured", 1) + ".");
}

#[test]
fn output_that_cannot_be_right_is_refused() {
    let tables = tables();
    let table = &tables.table[0];
    let refused = |from: &str, to: &str| {
        let output = RECORDED.replace(from, to);
        assert_ne!(output, RECORDED, "{from}");
        markdown(table, &output).unwrap_err()
    };
    let says = |error: String, words: &str| assert!(error.contains(words), "{error}");
    says(refused("measured on: ", ""), "on which machine");
    says(
        refused("1 entries", "2 entries"),
        "`neighbor cache lookup, 1 entries` was not measured",
    );
    says(refused("1024 entries", "1 entries"), "is there twice");
    says(
        refused("| std HashMap |", "| other |"),
        "no item `std HashMap`",
    );
    says(
        refused("| hashbrown + foldhash |", "| other |"),
        "no group has an item of",
    );
    says(refused("ns, best", "ns, worst"), "does not begin with");
    says(refused("| icmp-nd | ", "| icmp-nd | x"), "is no number");
    says(
        refused("| icmp-nd | ", "| icmp-nd | -"),
        "cannot have been measured",
    );
    says(
        refused("| icmp-nd | ", "| icmp-nd | 1 | "),
        "cells and not five",
    );
}

#[test]
fn definitions_that_cannot_be_right_are_refused() {
    let refused = |from: &str, to: &str| {
        let text = TABLES.replacen(from, to, 1);
        assert_ne!(text, TABLES, "{from}");
        format!("{:#}", Tables::parse(&text).unwrap_err())
    };
    assert!(refused("\"routers\"", "\"neighbors\"").contains("twice"));
    assert!(refused("bench = \"neighbor\"", "").contains("has no bench"));
    assert!(refused("[\"std HashMap\"]", "[]").contains("without items"));
    assert!(refused("ours = ", "our = ").contains("unknown field"));
    assert!(
        refused(
            "name = \"routers\"",
            "name = \"routers\"\ncolumns = [{ items = [\"x\"] }]"
        )
        .contains("example's")
    );

    let benches = BTreeSet::from(["neighbor".to_owned()]);
    assert!(tables().check_benches(&benches).is_ok());
    let error = tables().check_benches(&BTreeSet::new()).unwrap_err();
    assert!(error.to_string().contains("no bench `neighbor`"));
}

#[test]
fn the_groups_of_a_bench() {
    let tables = tables();
    let all: Vec<&Table> = tables.table.iter().collect();
    let groups = groups_of("neighbor", &all);
    assert_eq!(
        groups.into_iter().collect::<Vec<_>>(),
        [
            "neighbor cache lookup, 1 entries",
            "neighbor cache lookup, 1024 entries"
        ]
    );
    assert!(groups_of("wire", &all).is_empty());
}

const README: &str = "before
<!-- report: neighbors -->
| a neighbor is found | ours |
|---|---:|
| among 1 | 1.0 ns |
| the map alone | 2.0 ns |
<!-- end of report: neighbors -->
between
<!-- report: routers -->
| | ours |
|---|---|
| learned | 1 s |
<!-- end of report: routers -->
after
";

#[test]
fn a_table_goes_to_its_place_and_nothing_else_changes() {
    assert_eq!(
        markers::check(README, &tables()).unwrap(),
        Waiting::default()
    );
    let replaced = markers::replace(README, "routers", "| new |\n").unwrap();
    let (before, rest) = README.split_once("| | ours |").unwrap();
    let (_, after) = rest.split_once("1 s |").unwrap();
    assert_eq!(replaced, format!("{before}| new |{after}"));
    assert!(markers::replace(README, "others", "| new |").is_err());
}

#[test]
fn places_that_are_not_well_formed() {
    let refused = |from: &str, to: &str| {
        let text = README.replacen(from, to, 1);
        assert_ne!(text, README, "{from}");
        markers::check(&text, &tables()).unwrap_err().to_string()
    };
    let says = |error: String, words: &str| assert!(error.contains(words), "{error}");
    says(
        refused("<!-- end of report: neighbors -->\n", ""),
        "begins within",
    );
    says(
        refused("<!-- end of report: routers -->\n", ""),
        "does not end",
    );
    says(
        refused("<!-- report: routers -->\n", ""),
        "without a beginning",
    );
    says(
        refused("<!-- report: routers", "<!-- report: others"),
        "but `others` has begun",
    );
    says(
        refused("between", "text <!-- report: x -->"),
        "a line of its own",
    );
    says(
        refused("between", "<!-- report: x -->\n<!-- end of report: x -->"),
        "no such table",
    );
    let stale = |from: &str, to: &str, name: &str| {
        let text = README.replacen(from, to, 1);
        let tables = tables();
        let waiting = markers::check(&text, &tables).unwrap();
        assert_eq!(waiting.stale, [name]);
        assert!(waiting.empty.is_empty());
    };
    stale("among 1", "among 2", "neighbors");
    stale("| learned | 1 s |\n", "", "routers");
    let empty = markers::replace(README, "neighbors", "").unwrap();
    assert_eq!(
        markers::check(&empty, &tables()).unwrap().empty,
        ["neighbors"]
    );
    let twice = format!("{README}{README}");
    says(
        markers::check(&twice, &tables()).unwrap_err().to_string(),
        "is there twice",
    );
    says(
        markers::check("", &tables()).unwrap_err().to_string(),
        "there is no",
    );
}

#[test]
fn nanoseconds_are_short() {
    for (value, text) in [
        (3.64, "3.6 ns"),
        (9.96, "10.0 ns"),
        (21.4, "21 ns"),
        (934.4, "934 ns"),
        (3_001.0, "3,001 ns"),
        (28_400.0, "28.4 us"),
    ] {
        assert_eq!(nanoseconds(value), text);
    }
}
