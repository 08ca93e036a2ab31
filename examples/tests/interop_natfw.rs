//! The gateway of `nat` and `stateful-firewall` beside a Linux kernel's, with random TCP sequences that nobody
//! has seen before.
//!
//! What goes in is the same; what comes out must be. The seed is printed, and `NATFW_SEED` sets it.

use anyhow::{Result, ensure};
use core::net::Ipv4Addr;
use core::time::Duration;
use internetwork::lab::{interop_wanted, long_interop_wanted};
use internetwork::packet_oracle::{
    CaseConfig, Comparison, KernelGateway, OUTSIDE, PacketOracle, Segment, Sequence, Translation,
};
use packet_buffer::random::OsRandom;
use packet_buffer::wire::TcpFlags;
use packet_buffer::{RandomSource, time::StdClock};
use testkit::SeededRandom;

/// Segments of a sequence.
const LENGTH: usize = 40;

/// What has been compared.
#[derive(Default)]
struct Count {
    sequences: usize,
    packets: usize,
    /// Sequences that were left because of a difference that is known.
    excused: usize,
    differences: Vec<String>,
}

/// Plays sequences through both for some time.
fn compare(profile: &str, time: Duration) -> Result<Count> {
    let seed = std::env::var("NATFW_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| OsRandom.next_u64());
    println!("NATFW_SEED={seed}");
    let mut random = SeededRandom::new(seed);
    let mut kernel = KernelGateway::new(profile == "napt")?;
    let mut oracle = PacketOracle::new();
    let config = CaseConfig {
        profile: profile.to_owned(),
        ..CaseConfig::default()
    };
    let outside = if profile == "napt" {
        OUTSIDE
    } else {
        Ipv4Addr::new(10, 0, 0, 2)
    };
    let mut count = Count::default();
    let clock = StdClock::new();
    let end = clock.now() + time;
    while clock.now() < end && count.differences.len() < 10 {
        oracle.reset(&config)?;
        count.sequences += 1;
        one(&mut kernel, &mut oracle, outside, &mut random, &mut count)?;
    }
    println!(
        "{profile}: {} sequences, {} packets compared, {} sequences ended early by a known difference, {} differences",
        count.sequences,
        count.packets,
        count.excused,
        count.differences.len()
    );
    for difference in &count.differences {
        println!("  {difference}");
    }
    Ok(count)
}

/// One sequence.
fn one(
    kernel: &mut KernelGateway,
    oracle: &mut PacketOracle,
    outside: Ipv4Addr,
    random: &mut dyn RandomSource,
    count: &mut Count,
) -> Result<()> {
    // The kernel remembers: each sequence is a connection of its own.
    let port = u16::try_from(20_000 + count.sequences % 40_000)?;
    let mut sequence = Sequence::new(random, port);
    let mut translation = Translation::default();
    let mut history: Vec<(Segment, bool)> = Vec::new();
    for _ in 0..LENGTH {
        let segment = sequence.next_segment();
        let octets = segment.packet(outside);
        let theirs = kernel.packet(segment.is_inside, &octets)?;
        let mut octets = octets;
        if !segment.is_inside {
            translation.rewrite(&mut octets);
        }
        let ours = oracle.packet(Duration::ZERO, segment.is_inside, &octets);
        count.packets += 1;
        let sides =
            |packets: &[(bool, Vec<u8>)]| packets.iter().map(|packet| packet.0).collect::<Vec<_>>();
        let mut what = (sides(&theirs) != sides(&ours)).then(|| {
            format!(
                "{} packets out, not {} ({:?})",
                ours.len(),
                theirs.len(),
                oracle.last()
            )
        });
        for (kernels, own) in theirs.iter().zip(&ours) {
            if let Comparison::Different(how) = translation.forwarded(&kernels.1, &own.1) {
                what = Some(how);
            }
        }
        history.push((segment, !theirs.is_empty()));
        if let Some(what) = what {
            if is_known(&history) {
                count.excused += 1;
            } else {
                let steps: Vec<_> = history
                    .iter()
                    .map(|(segment, passes)| {
                        format!(
                            "{}{}",
                            segment.describe(),
                            if *passes { "" } else { " (dropped)" }
                        )
                    })
                    .collect();
                count
                    .differences
                    .push(format!("{what}:\n    {}", steps.join("\n    ")));
            }
            return Ok(());
        }
    }
    Ok(())
}

/// Whether a sequence has what leads to differences that stay: a SYN-ACK that does not answer the last SYN, from
/// which the kernel learns all the same (RFC 9293 §3.10.7.3 discards it), or a RST, which the kernel believes in
/// more places than RFC 5961 §3.2 and RFC 9293 §3.10.7.3 do.
fn is_known(history: &[(Segment, bool)]) -> bool {
    let mut opened = None;
    let mut is_older = false;
    history.iter().any(|(segment, passes)| {
        let header = &segment.header;
        let (is_syn, has_ack) = (
            header.flags.contains(TcpFlags::SYN),
            header.flags.contains(TcpFlags::ACK),
        );
        if is_syn && !has_ack && segment.is_inside {
            let next = header.sequence_number.wrapping_add(1);
            // The kernel lets an older SYN pass, and its answer, but does not learn from either.
            is_older |= opened.is_some_and(|last: u32| next.wrapping_sub(last).cast_signed() < 0);
            opened = Some(next);
        }
        let answers = Some(header.acknowledgment_number) == opened;
        let is_odd = !segment.is_inside && (!answers || is_older);
        let learned = is_syn && has_ack && (!passes || is_odd);
        learned || header.flags.contains(TcpFlags::RST)
    })
}

fn judge(count: &Count) -> Result<()> {
    ensure!(count.sequences > 20, "only {} sequences", count.sequences);
    // Those of a kind that nobody has seen yet are printed; they may be one in 50,000 packets.
    ensure!(
        count.differences.len() * 50_000 <= count.packets,
        "{} differences",
        count.differences.len()
    );
    ensure!(
        count.excused * 20 <= count.sequences,
        "{} of {} sequences ended early",
        count.excused,
        count.sequences
    );
    Ok(())
}

#[test]
fn random_sequences_are_translated_as_the_kernel_does() -> Result<()> {
    if !interop_wanted("random_sequences_are_translated_as_the_kernel_does") {
        return Ok(());
    }
    judge(&compare("napt", Duration::from_secs(30))?)
}

#[test]
fn random_sequences_are_filtered_as_the_kernel_does() -> Result<()> {
    if !interop_wanted("random_sequences_are_filtered_as_the_kernel_does") {
        return Ok(());
    }
    judge(&compare("fw", Duration::from_secs(30))?)
}

#[test]
fn many_random_sequences() -> Result<()> {
    if !long_interop_wanted("many_random_sequences") {
        return Ok(());
    }
    for profile in ["napt", "fw"] {
        judge(&compare(profile, Duration::from_secs(300))?)?;
    }
    Ok(())
}
