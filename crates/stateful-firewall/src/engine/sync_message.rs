//! What two nodes of a pair tell each other of sessions, and its octets.

use crate::facts::InterfaceId;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use flow_state::application::{LineStream, ftp};
use flow_state::{Direction, Expected, FlowState, Ipv4FlowKey, Ipv6FlowKey, Key};
use packet_buffer::wire::IpProtocol;
use packet_buffer::{Cursor, Instant, ParseError};

/// A session as a standby has to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncSession {
    /// In the original direction.
    pub key: Key,
    /// The tracker's state.
    pub state: FlowState,
    /// The interface that the original direction's packets come in by. Both nodes number their
    /// interfaces alike, which the same policy sees to.
    pub ingress: Option<InterfaceId>,
    /// The interface that they go out by.
    pub egress: Option<InterfaceId>,
    /// Whether a helper or the caller let it begin, and no rule.
    pub granted: bool,
    /// What is added to the server's sequence numbers, when the firewall answered the handshake.
    pub translation: Option<u32>,
    /// What a helper knows of it.
    pub helper: Option<SyncHelper>,
    /// How long it lives without packets from now on, to the second.
    pub remaining: Duration,
}

/// A helper of a session, and what it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncHelper {
    /// FTP, and how far its lines were read.
    Ftp(ftp::Control),
    /// TFTP.
    Tftp,
    /// SIP.
    Sip,
}

/// A connection that a helper expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncExpectation {
    /// The session that has announced it.
    pub owner: Key,
    /// Who opens it and to where; and how long it is waited for, to the second.
    pub expected: Expected,
    /// The interface of the side that opens it.
    pub opener: Option<InterfaceId>,
}

/// A change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMessage {
    /// The session has begun, or has changed. It replaces what was known of it.
    Set(SyncSession),
    /// A connection is expected.
    Expects(SyncExpectation),
    /// The session is over, and with it what it has announced.
    Gone(Key),
    /// A snapshot begins: whatever is not set again until it ends is over.
    SnapshotBegins,
    /// The snapshot is whole.
    SnapshotEnds,
}

/// Why a change was not taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The table of sessions, or of expected connections, has no room for it.
    #[error("the table has no room")]
    Full,
}

const SET: u8 = 1;
const GONE: u8 = 2;
const BEGINS: u8 = 3;
const ENDS: u8 = 4;
const EXPECTS: u8 = 5;

/// Bits of a session's flags: granted, translated, and the kind of its helper in two.
const GRANTED: u8 = 1;
const TRANSLATED: u8 = 1 << 1;
const HELPER: u8 = 3 << 2;
const FTP: u8 = 1 << 2;
const TFTP: u8 = 2 << 2;
const SIP: u8 = 3 << 2;
/// Bits of an expectation's: it has a source, a source port, and the opener replies.
const SOURCE: u8 = 1;
const SOURCE_PORT: u8 = 1 << 1;
const REPLY: u8 = 1 << 2;

const NONE: u16 = u16::MAX;

impl SyncMessage {
    /// The most octets that a message takes.
    pub const MAX_LEN: usize = 1 + 38 + 4 + 4 + 5 + FlowState::MAX_SNAPSHOT + 10;

    /// Appends the message to `out`. `now` is the sender's time.
    pub fn write(&self, now: Instant, out: &mut Vec<u8>) {
        match self {
            Self::Set(session) => {
                out.push(SET);
                write_key(&session.key, out);
                write_interface(session.ingress, out);
                write_interface(session.egress, out);
                write_seconds(session.remaining, out);
                let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
                let helper = match session.helper {
                    None => 0,
                    Some(SyncHelper::Ftp(_)) => FTP,
                    Some(SyncHelper::Tftp) => TFTP,
                    Some(SyncHelper::Sip) => SIP,
                };
                let translated = session.translation.is_some();
                out.push(flag(session.granted, GRANTED) | flag(translated, TRANSLATED) | helper);
                out.extend_from_slice(&session.translation.unwrap_or(0).to_be_bytes());
                session.state.write_snapshot(now, out);
                if let Some(SyncHelper::Ftp(control)) = session.helper {
                    for stream in control.streams() {
                        let (next, at_start) = stream.map_or((0, false), |it| it.state());
                        out.push(u8::from(stream.is_some()) | u8::from(at_start) << 1);
                        out.extend_from_slice(&next.to_be_bytes());
                    }
                }
            }
            Self::Expects(told) => {
                out.push(EXPECTS);
                write_key(&told.owner, out);
                write_interface(told.opener, out);
                let expected = &told.expected;
                write_seconds(expected.lifetime, out);
                let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
                out.push(
                    flag(expected.source.is_some(), SOURCE)
                        | flag(expected.source_port.is_some(), SOURCE_PORT)
                        | flag(expected.direction == Direction::Reply, REPLY),
                );
                out.push(expected.protocol.0);
                if let Some(source) = expected.source {
                    write_address(source, out);
                }
                if let Some(port) = expected.source_port {
                    out.extend_from_slice(&port.to_be_bytes());
                }
                write_address(expected.destination, out);
                out.extend_from_slice(&expected.destination_port.to_be_bytes());
            }
            Self::Gone(key) => {
                out.push(GONE);
                write_key(key, out);
            }
            Self::SnapshotBegins => out.push(BEGINS),
            Self::SnapshotEnds => out.push(ENDS),
        }
    }

    /// Reads one message. `now` is the receiver's time.
    ///
    /// # Errors
    ///
    /// Truncated; bad value, for what does not exist.
    pub fn read(now: Instant, cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let at = cursor.offset();
        Ok(match cursor.u8("message kind")? {
            SET => {
                let key = read_key(cursor)?;
                let ingress = read_interface(cursor, "interface in")?;
                let egress = read_interface(cursor, "interface out")?;
                let remaining = read_seconds(cursor)?;
                let flags = read_flags(cursor, GRANTED | TRANSLATED | HELPER)?;
                let translation = cursor.u32("translation")?;
                let state = FlowState::read_snapshot(now, cursor)?;
                let helper = match flags & HELPER {
                    FTP => {
                        let streams = [read_stream(cursor)?, read_stream(cursor)?];
                        Some(SyncHelper::Ftp(ftp::Control::resumed(streams)))
                    }
                    TFTP => Some(SyncHelper::Tftp),
                    SIP => Some(SyncHelper::Sip),
                    _ => None,
                };
                Self::Set(SyncSession {
                    key,
                    ingress,
                    egress,
                    granted: flags & GRANTED != 0,
                    translation: (flags & TRANSLATED != 0).then_some(translation),
                    helper,
                    remaining,
                    state,
                })
            }
            EXPECTS => {
                let owner = read_key(cursor)?;
                let opener = read_interface(cursor, "interface of the opener")?;
                let lifetime = read_seconds(cursor)?;
                let flags = read_flags(cursor, SOURCE | SOURCE_PORT | REPLY)?;
                let protocol = IpProtocol(cursor.u8("protocol")?);
                let source = if flags & SOURCE == 0 {
                    None
                } else {
                    Some(read_address(cursor, "source")?)
                };
                let source_port = if flags & SOURCE_PORT == 0 {
                    None
                } else {
                    Some(cursor.u16("source port")?)
                };
                let destination = read_address(cursor, "destination")?;
                let destination_port = cursor.u16("destination port")?;
                Self::Expects(SyncExpectation {
                    owner,
                    opener,
                    expected: Expected {
                        protocol,
                        zone: 0,
                        source,
                        source_port,
                        destination,
                        destination_port,
                        direction: if flags & REPLY == 0 {
                            Direction::Original
                        } else {
                            Direction::Reply
                        },
                        lifetime,
                    },
                })
            }
            GONE => Self::Gone(read_key(cursor)?),
            BEGINS => Self::SnapshotBegins,
            ENDS => Self::SnapshotEnds,
            kind => return Err(ParseError::bad_value("message kind", at, kind.into())),
        })
    }
}

fn write_key(key: &Key, out: &mut Vec<u8>) {
    match key {
        Key::V4(key) => {
            out.push(4);
            out.extend_from_slice(&key.source().octets());
            out.extend_from_slice(&key.destination().octets());
        }
        Key::V6(key) => {
            out.push(6);
            out.extend_from_slice(&key.source().octets());
            out.extend_from_slice(&key.destination().octets());
        }
    }
    out.extend_from_slice(&key.source_port().to_be_bytes());
    out.extend_from_slice(&key.destination_port().to_be_bytes());
    out.push(key.protocol().0);
}

fn read_key(cursor: &mut Cursor<'_>) -> Result<Key, ParseError> {
    let at = cursor.offset();
    let family = cursor.u8("address family")?;
    let ports = |cursor: &mut Cursor<'_>| -> Result<_, ParseError> {
        Ok((
            cursor.u16("source port")?,
            cursor.u16("destination port")?,
            cursor.u8("protocol")?,
        ))
    };
    match family {
        4 => {
            let (from, to): (Ipv4Addr, Ipv4Addr) =
                (cursor.ipv4("source")?, cursor.ipv4("destination")?);
            let (source, destination, protocol) = ports(cursor)?;
            let key = Ipv4FlowKey::new((from, source), (to, destination), protocol, 0);
            Ok(Key::V4(key))
        }
        6 => {
            let (from, to): (Ipv6Addr, Ipv6Addr) =
                (cursor.ipv6("source")?, cursor.ipv6("destination")?);
            let (source, destination, protocol) = ports(cursor)?;
            let key = Ipv6FlowKey::new((from, source), (to, destination), protocol, 0);
            Ok(Key::V6(key))
        }
        other => Err(ParseError::bad_value("address family", at, other.into())),
    }
}

fn write_interface(id: Option<InterfaceId>, out: &mut Vec<u8>) {
    let number = id.map_or(NONE, InterfaceId::number);
    out.extend_from_slice(&number.to_be_bytes());
}

fn read_interface(
    cursor: &mut Cursor<'_>,
    what: &'static str,
) -> Result<Option<InterfaceId>, ParseError> {
    let number = cursor.u16(what)?;
    Ok((number != NONE).then_some(InterfaceId(number)))
}

fn write_seconds(time: Duration, out: &mut Vec<u8>) {
    let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    out.extend_from_slice(&seconds.to_be_bytes());
}

fn read_seconds(cursor: &mut Cursor<'_>) -> Result<Duration, ParseError> {
    let seconds = cursor.u32("remaining seconds")?;
    Ok(Duration::from_secs(seconds.into()))
}

/// Flags, of which there are no others than these.
fn read_flags(cursor: &mut Cursor<'_>, known: u8) -> Result<u8, ParseError> {
    let at = cursor.offset();
    let flags = cursor.u8("flags")?;
    if flags & !known != 0 {
        return Err(ParseError::bad_value("flags", at, flags.into()));
    }
    Ok(flags)
}

fn read_stream(cursor: &mut Cursor<'_>) -> Result<Option<LineStream>, ParseError> {
    let flags = read_flags(cursor, 3)?;
    let next = cursor.u32("next octet")?;
    Ok((flags & 1 != 0).then_some(LineStream::resumed(next, flags & 2 != 0)))
}

fn write_address(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => {
            out.push(4);
            out.extend_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            out.push(6);
            out.extend_from_slice(&address.octets());
        }
    }
}

fn read_address(cursor: &mut Cursor<'_>, what: &'static str) -> Result<IpAddr, ParseError> {
    let at = cursor.offset();
    match cursor.u8("address family")? {
        4 => Ok(cursor.ipv4(what)?.into()),
        6 => Ok(cursor.ipv6(what)?.into()),
        other => Err(ParseError::bad_value("address family", at, other.into())),
    }
}
