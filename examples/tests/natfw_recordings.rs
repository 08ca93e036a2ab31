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
];

/// Differences that stay in cases with rules of their own.
const KNOWN_OF_RULES: &[Known] = &[
    (
        "hairpin_internal_source",
        &[0, 1],
        "RFC 4787 §6: a hairpinned packet has the external source",
    ),
    (
        "stateless_1to1",
        &[2],
        "RFC 5508 §4.2: the packet that an error quotes is translated too",
    ),
    (
        "tcp_invalid_leak",
        &[3],
        "RFC 9293 §3.4: a segment out of the window is not acceptable, and does not leave untranslated or otherwise",
    ),
    (
        "alg_ftp_port_other_host",
        &[5],
        "RFC 2577 §3: a PORT command that names another host is not passed on; the kernel passes it untranslated",
    ),
    (
        "alg_sip_register_invite",
        &[0],
        "RFC 3261 §20.20: From names who calls, not where it is reached; the kernel translates it too",
    ),
    (
        "slipstream_sip_in_tcp_fragment",
        &[4],
        "RFC 3261 §18.3: in a stream, a message begins where the last one ended; the kernel takes any segment for one",
    ),
    (
        "tcp_reject_rst",
        &[3, 4],
        "RFC 1812 §4.3.2.3 and §5.2.7.1: an error quotes the packet as it came, and says that it is prohibited",
    ),
    (
        "v6_prefix_translation",
        &[0, 1, 2],
        "RFC 6296 §3.1: the translated address leaves checksums as they are",
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

/// Which server a client gets is the kernel's turn, and here a secret hash of its address: it stays with its server.
const ROUND_ROBIN: &str = "dnat_round_robin";

/// Cases with rules that neither crate has: octets of a payload, and IPv6 addresses that hosts share (which RFC 4864
/// §2 and RFC 5902 §4 advise against).
const NOT_OFFERED: [&str; 2] = ["fw_payload_match", "v6_napt66"];

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
        .chain(KNOWN_OF_RULES)
        .filter(|(case, ..)| case.starts_with("fuzz_") == is_random)
        .collect()
}

/// Plays the cases.
fn play_cases(oracle: PacketOracle, known: &[&Known]) -> Result<()> {
    let Some(lab) = lab() else { return Ok(()) };
    let mut leave_out = out_of_band(&lab)?;
    leave_out.insert(ROUND_ROBIN.to_owned());
    let tally = play(oracle, &lab.join("tun/cases"), &leave_out)?;
    ensure!(tally.cases >= 190, "only {} cases were played", tally.cases);
    let skipped: Vec<_> = tally.skipped.iter().map(|(name, _)| &**name).collect();
    ensure!(skipped == NOT_OFFERED, "skipped: {skipped:?}");
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
    for (case, steps, why) in KNOWN.iter().chain(KNOWN_OF_RULES).chain(KNOWN_WITH_BOTH) {
        assert!(why.starts_with("RFC ") && why.contains('§'), "{case}");
        assert!(!steps.is_empty(), "{case}");
    }
}
