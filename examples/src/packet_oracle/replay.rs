//! Recorded cases, played through the oracle.

use super::{CaseConfig, Comparison, PacketOracle, Translation, unhex};
use core::fmt;
use core::time::Duration;
use serde::Deserialize;

/// A recorded case.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Case {
    /// What it is called.
    pub name: String,
    /// How the kernel was set up.
    pub config: CaseConfig,
    /// What went in, and what came out.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// One packet that went in.
#[derive(Debug, Clone, Deserialize)]
pub struct Step {
    /// Its number.
    pub step: u64,
    /// When, in milliseconds from the start of the case.
    pub at_ms: u64,
    /// By which interface: `in` or `out`.
    #[serde(rename = "if")]
    pub interface: String,
    /// The packet, in hexadecimal.
    pub pkt: String,
    /// What it is, for people.
    #[serde(default)]
    pub desc: String,
    /// What came out.
    #[serde(default)]
    pub out: Vec<Output>,
}

/// One packet that came out.
#[derive(Debug, Clone, Deserialize)]
pub struct Output {
    /// By which interface.
    #[serde(rename = "if")]
    pub interface: String,
    /// `forward`, or `router` for the router's own.
    pub kind: String,
    /// The packet, in hexadecimal.
    pub pkt: String,
}

/// A step at which ours did something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The case.
    pub case: String,
    /// The step.
    pub step: u64,
    /// The packet that went in.
    pub packet: String,
    /// What differs.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} step {} ({}): {}",
            self.case, self.step, self.packet, self.what
        )
    }
}

/// What has been compared.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Cases that were played.
    pub cases: usize,
    /// Packets that went in.
    pub packets: usize,
    /// Packets of these that came out, by the kernel's account.
    pub outputs: usize,
    /// Cases that were not played, and why.
    pub skipped: Vec<(String, &'static str)>,
    /// Where ours did something else.
    pub differences: Vec<Difference>,
}

/// Plays a case and compares each packet that comes out.
///
/// # Errors
///
/// When the case cannot be read.
pub fn replay(oracle: &mut PacketOracle, case: &Case, tally: &mut Tally) -> anyhow::Result<()> {
    let config = CaseConfig {
        name: case.name.clone(),
        ..case.config.clone()
    };
    if let Some(why) = oracle.reset(&config)? {
        tally.skipped.push((case.name.clone(), why));
        return Ok(());
    }
    tally.cases += 1;
    let mut translation = Translation::of_pool(oracle.shared());
    for step in &case.steps {
        let is_inside = step.interface == "in";
        let mut octets = unhex(&step.pkt)?;
        if !is_inside {
            translation.rewrite(&mut octets);
        }
        let ours = oracle.packet(Duration::from_millis(step.at_ms), is_inside, &octets);
        tally.packets += 1;
        tally.outputs += step.out.len();
        if let Some(what) = compare(&mut translation, step, &ours)? {
            tally.differences.push(Difference {
                case: case.name.clone(),
                step: step.step,
                packet: step.desc.clone(),
                what: format!("{what} ({:?})", oracle.last()),
            });
        }
    }
    Ok(())
}

/// What differs at a step, if anything.
fn compare(
    translation: &mut Translation,
    step: &Step,
    ours: &[(bool, Vec<u8>)],
) -> anyhow::Result<Option<String>> {
    let names: Vec<_> = ours
        .iter()
        .map(|(is_inside, _)| super::side_name(*is_inside))
        .collect();
    let expected: Vec<_> = step
        .out
        .iter()
        .map(|output| output.interface.as_str())
        .collect();
    if names != expected {
        return Ok(Some(format!("out by {names:?}, not {expected:?}")));
    }
    for (output, (_, octets)) in step.out.iter().zip(ours) {
        let kernel = unhex(&output.pkt)?;
        // An answer in another's name is the router's own too.
        let is_answer = output.interface == step.interface && is_answer(&step.pkt, &kernel)?;
        let found = if output.kind == "router" || is_answer {
            Translation::answered(&kernel, octets)
        } else {
            translation.forwarded(&kernel, octets)
        };
        if let Comparison::Different(what) = found {
            return Ok(Some(format!(
                "{what}: {}, not {}",
                super::to_hex(octets),
                output.pkt
            )));
        }
    }
    Ok(None)
}

/// Whether a packet goes from where another was going to, to where that came from.
fn is_answer(sent: &str, packet: &[u8]) -> anyhow::Result<bool> {
    use packet_buffer::wire::IpPacket;
    let sent = unhex(sent)?;
    Ok(match (IpPacket::parse(&sent), IpPacket::parse(packet)) {
        (Ok(sent), Ok(answer)) => {
            (sent.source(), sent.destination()) == (answer.destination(), answer.source())
        }
        _ => false,
    })
}
