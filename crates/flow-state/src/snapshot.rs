//! The state of a flow as octets, for a standby that takes over.

use crate::udp::milliseconds;
use crate::{
    DccpFlow, DccpState, FlowState, GenericFlow, GenericKind, IcmpQueryFlow, SctpFlow, SctpState,
    TcpFlow, UdpFlow,
};
use alloc::vec::Vec;
use packet_buffer::{Cursor, Instant, ParseError};

const TCP: u8 = 1;
const UDP: u8 = 2;
const ICMP: u8 = 3;
const SCTP: u8 = 4;
const DCCP: u8 = 5;
const GENERIC: u8 = 6;

const SCTP_STATES: [SctpState; 7] = [
    SctpState::CookieWait,
    SctpState::CookieEchoed,
    SctpState::Established,
    SctpState::ShutdownSent,
    SctpState::ShutdownAckSent,
    SctpState::HeartbeatSent,
    SctpState::Closed,
];

const DCCP_STATES: [DccpState; 4] = [
    DccpState::Requested,
    DccpState::Responded,
    DccpState::Open,
    DccpState::Closing,
];

const KINDS: [GenericKind; 3] = [GenericKind::Gre, GenericKind::Ipsec, GenericKind::Other];

fn place<T: PartialEq>(all: &[T], one: &T) -> u8 {
    let place = all.iter().position(|other| other == one);
    place
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or(u8::MAX)
}

fn pick<T: Copy>(all: &[T], cursor: &mut Cursor<'_>, what: &'static str) -> Result<T, ParseError> {
    let at = cursor.offset();
    let place = cursor.u8(what)?;
    all.get(usize::from(place))
        .copied()
        .ok_or(ParseError::bad_value(what, at, place.into()))
}

fn flag(cursor: &mut Cursor<'_>) -> Result<bool, ParseError> {
    pick(&[false, true], cursor, "flag")
}

impl FlowState {
    /// The most octets of a snapshot.
    pub const MAX_SNAPSHOT: usize = 46;

    /// Appends the state to `out`, for [`read_snapshot`](Self::read_snapshot) of another node, whose
    /// clock may have another epoch. At most [`MAX_SNAPSHOT`](Self::MAX_SNAPSHOT) octets.
    ///
    /// The layout is this crate's own and may change with its version.
    pub fn write_snapshot(&self, now: Instant, out: &mut Vec<u8>) {
        match self {
            Self::Tcp(flow) => {
                out.push(TCP);
                flow.write(out);
            }
            Self::Udp(flow) => {
                out.push(UDP);
                let age = milliseconds(now).wrapping_sub(flow.created);
                out.extend_from_slice(&age.to_be_bytes());
                out.extend_from_slice(&[u8::from(flow.is_replied), u8::from(flow.is_stream)]);
            }
            Self::Icmp(flow) => {
                out.extend_from_slice(&[ICMP, u8::from(flow.is_ipv6), u8::from(flow.is_replied)]);
            }
            Self::Sctp(flow) => {
                out.push(SCTP);
                for tag in flow.tags {
                    out.extend_from_slice(&tag.to_be_bytes());
                }
                out.extend_from_slice(&[
                    place(&SCTP_STATES, &flow.state),
                    u8::from(flow.is_replied),
                    u8::from(flow.is_assured),
                ]);
            }
            Self::Dccp(flow) => out.extend_from_slice(&[
                DCCP,
                place(&DCCP_STATES, &flow.state),
                u8::from(flow.is_replied),
                u8::from(flow.is_assured),
            ]),
            Self::Generic(flow) => out.extend_from_slice(&[
                GENERIC,
                place(&KINDS, &flow.kind),
                u8::from(flow.is_replied),
            ]),
        }
    }

    /// Reads what [`write_snapshot`](Self::write_snapshot) has written.
    ///
    /// # Errors
    ///
    /// Truncated; bad value, for a kind or a state that does not exist.
    pub fn read_snapshot(now: Instant, cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let at = cursor.offset();
        Ok(match cursor.u8("flow kind")? {
            TCP => Self::Tcp(TcpFlow::read(cursor)?),
            UDP => {
                let age = cursor.u32("UDP age")?;
                Self::Udp(UdpFlow {
                    created: milliseconds(now).wrapping_sub(age),
                    is_replied: flag(cursor)?,
                    is_stream: flag(cursor)?,
                })
            }
            ICMP => Self::Icmp(IcmpQueryFlow {
                is_ipv6: flag(cursor)?,
                is_replied: flag(cursor)?,
            }),
            SCTP => Self::Sctp(SctpFlow {
                tags: [cursor.u32("SCTP tag")?, cursor.u32("SCTP tag")?],
                state: pick(&SCTP_STATES, cursor, "SCTP state")?,
                is_replied: flag(cursor)?,
                is_assured: flag(cursor)?,
            }),
            DCCP => Self::Dccp(DccpFlow {
                state: pick(&DCCP_STATES, cursor, "DCCP state")?,
                is_replied: flag(cursor)?,
                is_assured: flag(cursor)?,
            }),
            GENERIC => Self::Generic(GenericFlow {
                kind: pick(&KINDS, cursor, "flow kind")?,
                is_replied: flag(cursor)?,
            }),
            kind => return Err(ParseError::bad_value("flow kind", at, kind.into())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{IcmpQuery, TcpSegment};
    use crate::{Direction, TcpPolicy, Verdict};
    use alloc::vec;
    use packet_buffer::wire::TcpFlags;

    fn segment(
        flags: TcpFlags,
        sequence_number: u32,
        acknowledgment_number: u32,
    ) -> TcpSegment<'static> {
        TcpSegment {
            source_port: 1,
            destination_port: 2,
            sequence_number,
            acknowledgment_number,
            flags,
            window: 1_000,
            options: &[],
            payload: &[],
        }
    }

    fn states() -> Vec<FlowState> {
        let policy = TcpPolicy::Strict;
        let mut tcp = TcpFlow::new(&policy, &segment(TcpFlags::SYN, 100, 0)).unwrap();
        let answer = segment(TcpFlags::SYN | TcpFlags::ACK, 900, 101);
        assert_eq!(
            tcp.handle(&policy, Direction::Reply, &answer),
            Verdict::Accept
        );
        let query = IcmpQuery {
            message_type: 8,
            identifier: 1,
            sequence_number: 1,
            is_request: true,
        };
        vec![
            FlowState::Tcp(tcp),
            FlowState::Udp(UdpFlow::new(Instant::from_secs(40))),
            FlowState::Icmp(IcmpQueryFlow::new(true, &query).unwrap()),
            FlowState::Sctp(SctpFlow {
                tags: [7, 9],
                state: SctpState::ShutdownSent,
                is_replied: true,
                is_assured: false,
            }),
            FlowState::Dccp(DccpFlow {
                state: DccpState::Open,
                is_replied: true,
                is_assured: true,
            }),
            FlowState::Generic(GenericFlow::new(GenericKind::Ipsec)),
        ]
    }

    #[test]
    fn a_snapshot_is_read_as_it_was_written() {
        let now = Instant::from_secs(50);
        for state in states() {
            let mut octets = Vec::new();
            state.write_snapshot(now, &mut octets);
            assert!(octets.len() <= FlowState::MAX_SNAPSHOT);
            let mut cursor = Cursor::new(&octets);
            assert_eq!(FlowState::read_snapshot(now, &mut cursor), Ok(state));
            assert!(cursor.is_empty());
            // Every cut, every changed octet: an error or another state, no panic.
            testkit::sweep(&octets, |octets| {
                let _ = FlowState::read_snapshot(now, &mut Cursor::new(octets));
            });
        }
    }

    #[test]
    fn a_connection_without_windows_learns_them_from_one_segment_each() {
        let policy = TcpPolicy::Strict;
        let mut tcp = TcpFlow::new(&policy, &segment(TcpFlags::SYN, 100, 0)).unwrap();
        let answer = segment(TcpFlags::SYN | TcpFlags::ACK, 900, 101);
        assert_eq!(
            tcp.handle(&policy, Direction::Reply, &answer),
            Verdict::Accept
        );
        let ack = segment(TcpFlags::ACK, 101, 901);
        assert_eq!(
            tcp.handle(&policy, Direction::Original, &ack),
            Verdict::Accept
        );
        // Far on, after much that was not seen.
        let reply = segment(TcpFlags::ACK, 500_000, 700_000);
        assert!(matches!(
            tcp.handle(&policy, Direction::Reply, &reply),
            Verdict::Invalid(_)
        ));
        tcp.forget_windows();
        assert_eq!(
            tcp.handle(&policy, Direction::Reply, &reply),
            Verdict::Accept
        );
        let ack = segment(TcpFlags::ACK, 700_000, 500_000);
        assert_eq!(
            tcp.handle(&policy, Direction::Original, &ack),
            Verdict::Accept
        );
        let far = segment(TcpFlags::ACK, 900_000, 500_000);
        assert!(matches!(
            tcp.handle(&policy, Direction::Original, &far),
            Verdict::Invalid(_)
        ));
    }

    #[test]
    fn what_does_not_exist_is_refused() {
        let now = Instant::ZERO;
        for octets in [
            &[0][..],
            &[7],
            &[6, 3, 0],
            &[3, 0, 2],
            &[5, 4, 0, 0],
            &[2, 0, 0],
        ] {
            assert!(FlowState::read_snapshot(now, &mut Cursor::new(octets)).is_err());
        }
    }
}
