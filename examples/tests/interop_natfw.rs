//! The gateway of `nat` and `stateful-firewall` beside a Linux kernel's, with random TCP sequences that nobody
//! has seen before.
//!
//! What goes in is the same; what comes out must be, octet by octet, and the first packet that differs fails the test.
//! The seed is printed, and `NATFW_SEED` sets it.

use anyhow::{Result, bail, ensure};
use core::net::Ipv4Addr;
use core::time::Duration;
use internetwork::lab::{interop_wanted, long_interop_wanted};
use internetwork::packet_oracle::{
    CaseConfig, Comparison, KernelGateway, OUTSIDE, PacketOracle, Segment, Sequence, Translation,
};
use packet_buffer::random::OsRandom;
use packet_buffer::{RandomSource, time::StdClock};
use testkit::SeededRandom;

/// Segments of a sequence.
const LENGTH: usize = 40;
/// Sequences that are compared at the most: each has a source port of its own.
const PORTS: usize = 40_000;

/// What has been compared.
#[derive(Default)]
struct Count {
    sequences: usize,
    packets: usize,
}

/// The kernel and the gateway beside each other.
struct Pair {
    kernel: KernelGateway,
    oracle: PacketOracle,
    config: CaseConfig,
    outside: Ipv4Addr,
}

impl Pair {
    /// Both with a profile and the kernel's settings `nf_conntrack_*`.
    fn new(profile: &str, settings: &[(&str, u8)]) -> Result<Self> {
        let kernel = KernelGateway::new(profile == "napt")?;
        let mut config = CaseConfig {
            profile: profile.to_owned(),
            ..CaseConfig::default()
        };
        for (name, value) in settings {
            let name = format!("nf_conntrack_{name}");
            let setting = format!("net.netfilter.{name}={value}");
            kernel.namespace().run("sysctl", &["-qw", &setting])?;
            config.sysctl.insert(name, (*value).into());
        }
        let outside = if profile == "napt" {
            OUTSIDE
        } else {
            Ipv4Addr::new(10, 0, 0, 2)
        };
        Ok(Self {
            kernel,
            oracle: PacketOracle::new(),
            config,
            outside,
        })
    }

    /// Plays sequences through both for some time.
    fn compare(&mut self, time: Duration) -> Result<Count> {
        let seed = std::env::var("NATFW_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or_else(|| OsRandom.next_u64());
        println!("NATFW_SEED={seed}");
        let mut random = SeededRandom::new(seed);
        let mut count = Count::default();
        let clock = StdClock::new();
        let end = clock.now() + time;
        // With more, ports would come again that the kernel still remembers.
        while clock.now() < end && count.sequences < PORTS {
            self.oracle.reset(&self.config)?;
            self.one(&mut random, &mut count)?;
            count.sequences += 1;
        }
        println!(
            "{} {:?}: {} sequences, {} packets compared, no difference",
            self.config.profile, self.config.sysctl, count.sequences, count.packets,
        );
        ensure!(count.sequences > 20, "only {} sequences", count.sequences);
        Ok(count)
    }

    /// One sequence.
    fn one(&mut self, random: &mut dyn RandomSource, count: &mut Count) -> Result<()> {
        // The kernel remembers: each sequence is a connection of its own.
        let port = u16::try_from(20_000 + count.sequences)?;
        let mut sequence = Sequence::new(random, port);
        let mut translation = Translation::default();
        let mut history: Vec<String> = Vec::new();
        for _ in 0..LENGTH {
            let segment = sequence.next_segment();
            let found = self.step(&segment, &mut translation)?;
            count.packets += 1;
            history.push(format!("{} {:?}", segment.describe(), self.oracle.last()));
            if let Some(what) = found {
                bail!(
                    "sequence {}, packet {}: {what}:\n    {}",
                    count.sequences,
                    count.packets,
                    history.join("\n    ")
                );
            }
        }
        Ok(())
    }

    /// One packet; what differs, if anything.
    fn step(&mut self, segment: &Segment, translation: &mut Translation) -> Result<Option<String>> {
        let mut octets = segment.packet(self.outside);
        let theirs = self.kernel.packet(segment.is_inside, &octets)?;
        if !segment.is_inside {
            translation.rewrite(&mut octets);
        }
        let ours = self
            .oracle
            .packet(Duration::ZERO, segment.is_inside, &octets);
        let sides =
            |packets: &[(bool, Vec<u8>)]| packets.iter().map(|packet| packet.0).collect::<Vec<_>>();
        if sides(&theirs) != sides(&ours) {
            let counts = (ours.len(), theirs.len());
            return Ok(Some(format!("{} packets out, not {}", counts.0, counts.1)));
        }
        for (kernels, own) in theirs.iter().zip(&ours) {
            if let Comparison::Different(how) = translation.forwarded(&kernels.1, &own.1) {
                return Ok(Some(how));
            }
        }
        Ok(None)
    }
}

#[test]
fn random_sequences_are_translated_as_the_kernel_does() -> Result<()> {
    if !interop_wanted("random_sequences_are_translated_as_the_kernel_does") {
        return Ok(());
    }
    Pair::new("napt", &[])?.compare(Duration::from_secs(30))?;
    Ok(())
}

#[test]
fn random_sequences_are_filtered_as_the_kernel_does() -> Result<()> {
    if !interop_wanted("random_sequences_are_filtered_as_the_kernel_does") {
        return Ok(());
    }
    Pair::new("fw", &[])?.compare(Duration::from_secs(30))?;
    Ok(())
}

/// The settings that change what is let through.
const SETTINGS: [&[(&str, u8)]; 4] = [
    &[("tcp_be_liberal", 1)],
    &[("tcp_loose", 0)],
    &[("tcp_ignore_invalid_rst", 1)],
    &[("tcp_be_liberal", 1), ("tcp_loose", 0)],
];

#[test]
fn random_sequences_with_other_settings() -> Result<()> {
    if !interop_wanted("random_sequences_with_other_settings") {
        return Ok(());
    }
    for settings in SETTINGS {
        Pair::new("fw", settings)?.compare(Duration::from_secs(5))?;
    }
    Ok(())
}

#[test]
fn many_random_sequences() -> Result<()> {
    if !long_interop_wanted("many_random_sequences") {
        return Ok(());
    }
    for profile in ["napt", "fw"] {
        Pair::new(profile, &[])?.compare(Duration::from_secs(300))?;
        for settings in SETTINGS {
            Pair::new(profile, settings)?.compare(Duration::from_secs(30))?;
        }
    }
    Ok(())
}
