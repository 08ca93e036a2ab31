//! What a Linux kernel did with packets, and what the gateway of `nat` and `stateful-firewall` does.
//!
//! The recordings are found through `INTERNETWORK_SHARED`. Whatever differs is in a list, with its reason; a
//! difference that is not in the list, or one of the list that is gone, fails the test.

extern crate alloc;

use alloc::collections::BTreeSet;
use anyhow::{Context, Result, ensure};
use internetwork::packet_oracle::{Case, PacketOracle, Tally, replay};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// A difference: the case, the steps, and the reason.
type Known = (&'static str, &'static [u64], &'static str);

/// Differences that stay: the case, the steps, and the reason.
const KNOWN: &[Known] = &[
    (
        "v6_bad_checksum_and_zero",
        &[1],
        "RFC 8200 §8.1: a UDP checksum of zero over IPv6 is discarded; the kernel's tracker lets it pass",
    ),
    (
        "v6_ext_headers",
        &[2],
        "RFC 5095 §4.2: packets with a type 0 routing header that has segments left are filtered; the kernel \
         forwards them",
    ),
    (
        "v6_ext_headers",
        &[5],
        "RFC 8200 §4.3: hop-by-hop options stand directly behind the IPv6 header; the kernel forwards others",
    ),
    (
        "v6_ext_headers",
        &[7],
        "RFC 8200 §4.7: a packet without a next header is passed on; the kernel's tracker calls it invalid",
    ),
    ("fuzz_napt_1_0004", &[39], REFUSED_SYN_ACK),
    (
        "fuzz_napt_1_0016",
        &[20],
        "RFC 5961 §3.2: a RST that is one off does not end the connection; the kernel takes it for exact here",
    ),
    ("fuzz_napt_1_0081", &[20], REFUSED_SYN_ACK),
    (
        "fuzz_napt_1_0084",
        &[26, 27, 29, 30, 31, 32, 36, 38, 39],
        REFUSED_SYN_ACK,
    ),
];

/// Differences that there are beside these when the firewall stands behind the translator.
const KNOWN_WITH_BOTH: &[Known] = &[
    (
        "icmperr_redirect_quench",
        &[2],
        "RFC 6633 §5: source quench is discarded; the kernel relays it",
    ),
    (
        "ip_land_attack",
        &[0],
        "RFC 1812 §5.3.7: a packet from a host to itself has no business in a router; the kernel sends it back",
    ),
];

const REFUSED_SYN_ACK: &str = "RFC 9293 §3.10.7.3: a SYN-ACK whose acknowledgment is not acceptable is discarded; \
    the kernel drops it and takes its numbers over";

/// Cases that cannot be played from their packets alone: something else happened between these.
fn out_of_band(lab: &Path) -> Result<BTreeSet<String>> {
    let list = fs::read_to_string(lab.join("skip.txt")).context("skip.txt")?;
    Ok(list.split(',').map(|name| name.trim().to_owned()).collect())
}

fn lab() -> Option<PathBuf> {
    let Some(shared) = env::var_os("INTERNETWORK_SHARED") else {
        println!("SKIPPED: INTERNETWORK_SHARED is not set, so the recordings are not there");
        return None;
    };
    Some(Path::new(&shared).join("labs/natfw/out"))
}

/// Plays all cases of a folder.
fn play(mut oracle: PacketOracle, folder: &Path, leave_out: &BTreeSet<String>) -> Result<Tally> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .with_context(|| folder.display().to_string())?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    let mut tally = Tally::default();
    for file in files {
        let case: Case = serde_json::from_slice(&fs::read(&file)?)?;
        if !leave_out.contains(&case.name) && !case.steps.is_empty() {
            replay(&mut oracle, &case, &mut tally)?;
        }
    }
    Ok(tally)
}

/// Holds what differs against the list.
fn judge(tally: &Tally, known: &[&Known]) -> Result<()> {
    let listed: BTreeSet<_> = known
        .iter()
        .flat_map(|(case, steps, _)| steps.iter().map(|step| ((*case).to_owned(), *step)))
        .collect();
    let found: BTreeSet<_> = tally
        .differences
        .iter()
        .map(|difference| (difference.case.clone(), difference.step))
        .collect();
    println!(
        "{} cases, {} packets in, {} out: {} differences, all listed with their reasons; {} cases skipped",
        tally.cases,
        tally.packets,
        tally.outputs,
        found.len(),
        tally.skipped.len(),
    );
    for difference in &tally.differences {
        if !listed.contains(&(difference.case.clone(), difference.step)) {
            println!("  not listed: {difference}");
        }
    }
    let unlisted: Vec<_> = found.difference(&listed).collect();
    ensure!(unlisted.is_empty(), "not listed: {unlisted:?}");
    let gone: Vec<_> = listed.difference(&found).collect();
    ensure!(gone.is_empty(), "listed, and does not differ: {gone:?}");
    Ok(())
}

/// The listed differences of the recorded cases, or of the random sequences.
fn known(is_random: bool) -> Vec<&'static Known> {
    KNOWN
        .iter()
        .filter(|(case, ..)| case.starts_with("fuzz_") == is_random)
        .collect()
}

/// Plays the cases.
fn play_cases(oracle: PacketOracle, known: &[&Known]) -> Result<()> {
    let Some(lab) = lab() else { return Ok(()) };
    let tally = play(oracle, &lab.join("tun/cases"), &out_of_band(&lab)?)?;
    ensure!(tally.cases >= 150, "only {} cases were played", tally.cases);
    // Cases with rules of their own are other tests' business.
    ensure!(
        tally
            .skipped
            .iter()
            .all(|(_, why)| *why == "rules of its own")
    );
    judge(&tally, known)
}

#[test]
fn cases() -> Result<()> {
    play_cases(PacketOracle::new(), &known(false))
}

#[test]
fn cases_with_the_firewall_behind_the_translator() -> Result<()> {
    let mut known = known(false);
    known.extend(KNOWN_WITH_BOTH);
    play_cases(PacketOracle::with_both(), &known)
}

#[test]
fn random_sequences() -> Result<()> {
    let Some(lab) = lab() else { return Ok(()) };
    let tally = play(
        PacketOracle::new(),
        &lab.join("fuzz/cases"),
        &BTreeSet::new(),
    )?;
    ensure!(tally.packets >= 1_000, "only {} packets", tally.packets);
    judge(&tally, &known(true))
}

#[test]
fn every_difference_has_its_rfc() {
    for (case, steps, why) in KNOWN.iter().chain(KNOWN_WITH_BOTH) {
        assert!(why.starts_with("RFC ") && why.contains('§'), "{case}");
        assert!(!steps.is_empty(), "{case}");
    }
}
