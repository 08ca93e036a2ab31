//! Reads capture files in the pcap and pcapng formats.
//!
//! Both byte orders, time stamps of any resolution, several sections and interfaces, and blocks of
//! unknown types are understood. A file that is damaged or ends early gives the frames before the
//! damage, and then the error.

use core::time::Duration;
use pcap_parser::nom::{Err as Stop, IResult};
use pcap_parser::{
    Block, InterfaceDescriptionBlock, LegacyPcapBlock, Linktype, PcapError, parse_block_be,
    parse_block_le, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified,
    parse_pcap_header,
};
use testkit::LinkType;
use thiserror::Error;

/// A captured frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapturedFrame<'a> {
    /// What the frame begins with.
    pub link_type: LinkType,
    /// When it was captured, since 1970-01-01 00:00:00 UTC; zero where the file does not say.
    pub timestamp: Duration,
    /// Octets that the frame had on the wire.
    pub original_len: usize,
    /// The octets that were captured.
    pub octets: &'a [u8],
}

/// Why a capture file could not be read further.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CaptureFileError {
    /// The file begins like none of the known formats.
    #[error("this is neither a pcap nor a pcapng file")]
    NotACapture,
    /// The file ends inside a header, a record or a block.
    #[error("the file ends early: the record at octet {offset} is not there whole")]
    Truncated {
        /// Where the record or block begins.
        offset: usize,
    },
    /// A record or block cannot be right.
    #[error("the record at octet {offset} is damaged")]
    Damaged {
        /// Where the record or block begins.
        offset: usize,
    },
    /// A packet names an interface that the file does not describe.
    #[error("the packet at octet {offset} is of interface {interface}, which is not described")]
    UnknownInterface {
        /// Where the packet's block begins.
        offset: usize,
        /// The interface's number.
        interface: u32,
    },
}

/// A capture file, and the place that reading has come to.
///
/// It is an iterator over the frames; after an error there is nothing more.
#[derive(Debug)]
pub struct CaptureFile<'a> {
    file: &'a [u8],
    rest: &'a [u8],
    format: Format,
}

#[derive(Debug)]
enum Format {
    Pcap(PcapFormat),
    Pcapng {
        big_endian: bool,
        /// The interfaces of the section, in order.
        interfaces: Vec<Interface>,
    },
}

#[derive(Debug, Clone, Copy)]
struct PcapFormat {
    link_type: LinkType,
    nanos_in_unit: u32,
    big_endian: bool,
    /// The variant with longer record headers that some systems wrote.
    is_modified: bool,
}

/// What is needed of an interface to read its packets.
#[derive(Debug, Clone, Copy)]
struct Interface {
    link_type: LinkType,
    /// Octets kept of a frame; 0 for no limit.
    snap_len: usize,
    /// Ticks of the clock a second.
    resolution: u128,
    /// Added to all time stamps, in seconds.
    offset: i64,
}

impl<'a> CaptureFile<'a> {
    /// Looks at the file's beginning.
    ///
    /// # Errors
    ///
    /// [`CaptureFileError::NotACapture`], and [`CaptureFileError::Truncated`] when the file header
    /// is not there whole.
    pub fn new(file: &'a [u8]) -> Result<Self, CaptureFileError> {
        // A section header block begins so in both byte orders.
        if file.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
            let format = Format::Pcapng {
                big_endian: false,
                interfaces: Vec::new(),
            };
            return Ok(Self {
                file,
                rest: file,
                format,
            });
        }
        let (rest, header) = parse_pcap_header(file).map_err(|stop| match stop {
            Stop::Incomplete(_) => CaptureFileError::Truncated { offset: 0 },
            Stop::Error(_) | Stop::Failure(_) => CaptureFileError::NotACapture,
        })?;
        let format = Format::Pcap(PcapFormat {
            link_type: link_type(header.network),
            nanos_in_unit: if header.is_nanosecond_precision() {
                1
            } else {
                1_000
            },
            big_endian: header.is_bigendian(),
            is_modified: header.is_modified_format(),
        });
        Ok(Self { file, rest, format })
    }

    /// Octets that have been read.
    fn offset(&self) -> usize {
        self.file.len() - self.rest.len()
    }

    fn next_record(
        &mut self,
        format: PcapFormat,
    ) -> Result<Option<CapturedFrame<'a>>, CaptureFileError> {
        let parse = match format {
            PcapFormat {
                is_modified: true, ..
            } => parse_pcap_frame_modified,
            PcapFormat {
                big_endian: true, ..
            } => parse_pcap_frame_be,
            _ => parse_pcap_frame,
        };
        let record: LegacyPcapBlock<'a> = self.step(parse)?;
        let nanos = u64::from(record.ts_usec) * u64::from(format.nanos_in_unit);
        Ok(Some(CapturedFrame {
            link_type: format.link_type,
            timestamp: Duration::from_secs(record.ts_sec.into()) + Duration::from_nanos(nanos),
            original_len: to_usize(record.origlen),
            octets: record.data,
        }))
    }

    /// The packet of the next block, or `None` for a block without one.
    fn next_block(&mut self) -> Result<Option<CapturedFrame<'a>>, CaptureFileError> {
        let offset = self.offset();
        let order = match self.format {
            Format::Pcapng { big_endian, .. } => big_endian,
            Format::Pcap(_) => false,
        };
        let block = self.step(if order {
            parse_block_be
        } else {
            parse_block_le
        })?;
        let Format::Pcapng {
            big_endian,
            interfaces,
        } = &mut self.format
        else {
            return Ok(None);
        };
        let interface_of = |interfaces: &[Interface], number: u32| {
            let interface = interfaces.get(to_usize(number)).copied();
            interface.ok_or(CaptureFileError::UnknownInterface {
                offset,
                interface: number,
            })
        };
        match block {
            Block::SectionHeader(section) => {
                *big_endian = section.big_endian();
                interfaces.clear();
                Ok(None)
            }
            Block::InterfaceDescription(description) => {
                interfaces.push(Interface::new(&description, *big_endian));
                Ok(None)
            }
            Block::EnhancedPacket(packet) => {
                let interface = interface_of(interfaces, packet.if_id)?;
                let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                let octets = packet.data.get(..to_usize(packet.caplen));
                Ok(Some(CapturedFrame {
                    link_type: interface.link_type,
                    timestamp: interface.time(ticks),
                    original_len: to_usize(packet.origlen),
                    octets: octets.ok_or(CaptureFileError::Damaged { offset })?,
                }))
            }
            Block::SimplePacket(packet) => {
                let interface = interface_of(interfaces, 0)?;
                let original_len = to_usize(packet.origlen);
                let limit = match interface.snap_len {
                    0 => original_len,
                    snap_len => original_len.min(snap_len),
                };
                let octets = packet.data.get(..limit);
                Ok(Some(CapturedFrame {
                    link_type: interface.link_type,
                    timestamp: Duration::ZERO,
                    original_len,
                    octets: octets.ok_or(CaptureFileError::Damaged { offset })?,
                }))
            }
            _ => Ok(None),
        }
    }

    fn step<T>(
        &mut self,
        parse: impl FnOnce(&'a [u8]) -> IResult<&'a [u8], T, PcapError<&'a [u8]>>,
    ) -> Result<T, CaptureFileError> {
        let offset = self.offset();
        let (rest, value) = parse(self.rest).map_err(|stop| match stop {
            Stop::Incomplete(_) => CaptureFileError::Truncated { offset },
            Stop::Error(_) | Stop::Failure(_) => CaptureFileError::Damaged { offset },
        })?;
        // What takes no octets would be read for ever.
        if rest.len() >= self.rest.len() {
            return Err(CaptureFileError::Damaged { offset });
        }
        self.rest = rest;
        Ok(value)
    }
}

impl<'a> Iterator for CaptureFile<'a> {
    type Item = Result<CapturedFrame<'a>, CaptureFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let next = match self.format {
                Format::Pcap(format) => self.next_record(format),
                Format::Pcapng { .. } => self.next_block(),
            };
            match next {
                Ok(Some(frame)) => return Some(Ok(frame)),
                Ok(None) => {}
                Err(error) => {
                    self.rest = &[];
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl Interface {
    fn new(description: &InterfaceDescriptionBlock<'_>, big_endian: bool) -> Self {
        let exponent = u32::from(description.if_tsresol & 0x7f);
        let base: u128 = if description.if_tsresol & 0x80 == 0 {
            10
        } else {
            2
        };
        Self {
            link_type: link_type(description.linktype),
            snap_len: to_usize(description.snaplen),
            // A resolution that no number of 128 bits holds is nonsense: all is in second zero.
            resolution: base.checked_pow(exponent).unwrap_or(u128::MAX),
            // The library reads it in little-endian order in either case.
            offset: if big_endian {
                description.if_tsoffset.swap_bytes()
            } else {
                description.if_tsoffset
            },
        }
    }

    fn time(&self, ticks: u64) -> Duration {
        let ticks = u128::from(ticks);
        let seconds = u64::try_from(ticks / self.resolution).unwrap_or(u64::MAX);
        let fraction = (ticks % self.resolution).saturating_mul(1_000_000_000) / self.resolution;
        let nanos = u32::try_from(fraction).unwrap_or(0);
        Duration::new(seconds.saturating_add_signed(self.offset), nanos)
    }
}

/// The low half of the field; above it, pcap keeps the length of a frame check sequence.
fn link_type(number: Linktype) -> LinkType {
    let [.., high, low] = number.0.to_be_bytes();
    LinkType(u16::from_be_bytes([high, low]))
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
