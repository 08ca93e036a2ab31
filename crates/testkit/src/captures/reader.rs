//! Reads capture files in the pcap and pcapng formats.

use crate::pcapng::{Direction, LinkType};
use core::fmt;
use core::time::Duration;
use pcap_file::pcap::PcapParser;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::{Block, PcapNgParser};
use pcap_file::{DataLink, PcapError, TsResolution};

/// A captured frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The octets that were captured.
    pub data: Vec<u8>,
    /// Octets that the frame had on the wire, of which a capture may keep fewer.
    pub original_len: usize,
    /// When it was captured, since 1970-01-01 00:00:00 UTC.
    pub timestamp: Duration,
    /// What it begins with.
    pub link_type: LinkType,
    /// The interface that it was captured at, where the file names it.
    pub interface: Option<String>,
    /// Which way it went, where the file says so.
    pub direction: Option<Direction>,
    /// The comment on it, where there is one.
    pub comment: Option<String>,
}

/// What a capture file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureFile {
    /// What the first frame begins with, or would, where there is none.
    pub link_type: LinkType,
    /// All whole frames, in order.
    pub frames: Vec<Frame>,
    /// Whether the file ends in the middle of another, as it does when the capturing program was
    /// killed.
    pub is_cut: bool,
}

/// Why a capture file could not be read.
#[derive(Debug)]
pub struct ReadError(String);

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a sound capture file: {}", self.0)
    }
}

impl core::error::Error for ReadError {}

impl From<PcapError> for ReadError {
    fn from(error: PcapError) -> Self {
        Self(error.to_string())
    }
}

/// Reads a capture file: pcap (of either byte order, with microseconds or nanoseconds) or pcapng.
///
/// # Errors
///
/// When the file is neither, or not sound up to its end.
pub fn read(file: &[u8]) -> Result<CaptureFile, ReadError> {
    // Every pcapng file begins with a section header block, which reads the same in either order.
    if file.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
        read_pcapng(file)
    } else {
        read_pcap(file)
    }
}

fn read_pcap(file: &[u8]) -> Result<CaptureFile, ReadError> {
    let (mut rest, parser) = PcapParser::new(file)?;
    let header = parser.header();
    let link_type = link_type(header.datalink);
    let nanos_in_unit = match header.ts_resolution {
        TsResolution::MicroSecond => 1_000,
        TsResolution::NanoSecond => 1,
    };
    let mut frames = Vec::new();
    let mut is_cut = false;
    while !rest.is_empty() {
        // The library's checked packets would refuse frames that the snapshot length has cut.
        let (after, packet) = match parser.next_raw_packet(rest) {
            Err(PcapError::IncompleteBuffer) => {
                is_cut = true;
                break;
            }
            other => other?,
        };
        rest = after;
        frames.push(Frame {
            data: packet.data.into_owned(),
            original_len: packet.orig_len as usize,
            timestamp: Duration::from_secs(packet.ts_sec.into())
                + Duration::from_nanos(u64::from(packet.ts_frac) * nanos_in_unit),
            link_type,
            interface: None,
            direction: None,
            comment: None,
        });
    }
    Ok(CaptureFile {
        link_type,
        frames,
        is_cut,
    })
}

fn read_pcapng(file: &[u8]) -> Result<CaptureFile, ReadError> {
    let (mut rest, mut parser) = PcapNgParser::new(file)?;
    let mut frames = Vec::new();
    let mut is_cut = false;
    while !rest.is_empty() {
        let (after, block) = match parser.next_block(rest) {
            Err(PcapError::IncompleteBuffer) => {
                is_cut = true;
                break;
            }
            other => other?,
        };
        rest = after;
        match block {
            Block::EnhancedPacket(packet) => {
                let interface = find_interface(&parser, packet.interface_id)?;
                let mut frame = Frame {
                    data: packet.data.into_owned(),
                    original_len: packet.original_len as usize,
                    // The library takes every tick for a nanosecond.
                    timestamp: ticks_to_time(packet.timestamp.as_nanos(), interface),
                    link_type: link_type(interface.linktype),
                    interface: interface_name(interface),
                    direction: None,
                    comment: None,
                };
                for option in packet.options {
                    match option {
                        EnhancedPacketOption::Flags(flags) => {
                            frame.direction = Direction::from_flags(flags);
                        }
                        EnhancedPacketOption::Comment(comment) => {
                            frame.comment = Some(comment.into_owned());
                        }
                        _ => {}
                    }
                }
                frames.push(frame);
            }
            Block::SimplePacket(packet) => {
                let interface = find_interface(&parser, 0)?;
                let original_len = packet.original_len as usize;
                let limit = match interface.snaplen {
                    0 => original_len,
                    snaplen => original_len.min(snaplen as usize),
                };
                let mut data = packet.data.into_owned();
                data.truncate(limit); // the library leaves the padding on
                frames.push(Frame {
                    data,
                    original_len,
                    timestamp: Duration::ZERO,
                    link_type: link_type(interface.linktype),
                    interface: interface_name(interface),
                    direction: None,
                    comment: None,
                });
            }
            _ => {}
        }
    }
    let link_type = frames
        .first()
        .map(|frame| frame.link_type)
        .or_else(|| parser.interfaces().first().map(|i| link_type(i.linktype)))
        .ok_or_else(|| ReadError("there is no interface".to_owned()))?;
    Ok(CaptureFile {
        link_type,
        frames,
        is_cut,
    })
}

fn find_interface(
    parser: &PcapNgParser,
    id: u32,
) -> Result<&InterfaceDescriptionBlock<'static>, ReadError> {
    parser
        .interfaces()
        .get(id as usize)
        .ok_or_else(|| ReadError(format!("there is no interface {id}")))
}

fn interface_name(interface: &InterfaceDescriptionBlock<'_>) -> Option<String> {
    interface.options.iter().find_map(|option| match option {
        InterfaceDescriptionOption::IfName(name) => Some(name.clone().into_owned()),
        _ => None,
    })
}

/// The low half of the field; above it, pcap keeps the length of a frame check sequence.
fn link_type(data_link: DataLink) -> LinkType {
    LinkType(u16::try_from(u32::from(data_link) & 0xffff).expect("16 bits"))
}

/// What `ticks` of the interface's clock (`if_tsresol`) are: microseconds where it does not say;
/// a negative power of ten or, with the highest bit set, of two.
fn ticks_to_time(ticks: u128, interface: &InterfaceDescriptionBlock<'_>) -> Duration {
    let mut resolution = 6;
    let mut offset = 0;
    for option in &interface.options {
        match option {
            InterfaceDescriptionOption::IfTsResol(given) => resolution = *given,
            InterfaceDescriptionOption::IfTsOffset(given) => offset = *given,
            _ => {}
        }
    }
    let exponent = u32::from(resolution & 0x7f);
    let ticks_a_second = if resolution & 0x80 == 0 {
        10u128.checked_pow(exponent)
    } else {
        2u128.checked_pow(exponent)
    };
    let time = ticks_a_second
        .and_then(|unit| {
            let seconds = u64::try_from(ticks / unit).ok()?;
            let nanos = (ticks % unit).checked_mul(1_000_000_000)? / unit;
            Some(Duration::new(seconds, u32::try_from(nanos).ok()?))
        })
        .unwrap_or_default();
    time + Duration::from_secs(offset)
}
