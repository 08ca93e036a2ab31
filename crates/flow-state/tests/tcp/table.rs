//! The transition table, whole.

use flow_state::SegmentKind::{Ack, Fin, Rst, Syn, SynAck};
use flow_state::{Direction, SegmentKind, Step, TcpState, step};
use packet_buffer::wire::TcpFlags;

/// A row: what comes, from where, and what it does in each state from SYN_SENT to CLOSE.
///
/// | entry | means |
/// |---|---|
/// | `sS` `s2` `sR` `ES` `FW` `CW` `LA` `TW` `CL` | that state is next |
/// | `ig` | passes and changes nothing |
/// | `si` | ESTABLISHED after a simultaneous open, else nothing |
/// | `re` | a new connection |
/// | `rc` | a new connection if the old one has ended, else passes |
/// | `iv` | invalid |
const TABLE: &[(SegmentKind, Direction, &str)] = &[
    //                             sS s2 sR ES FW CW LA TW CL
    (Syn, Direction::Original, "sS s2 ig ig ig ig ig re rc"),
    (Syn, Direction::Reply, "s2 s2 iv iv iv iv iv re iv"),
    (SynAck, Direction::Original, "iv sR sR iv iv iv iv iv iv"),
    (SynAck, Direction::Reply, "sR sR ig ig ig ig ig ig ig"),
    (Ack, Direction::Original, "iv iv ES ES CW CW TW TW CL"),
    (Ack, Direction::Reply, "ig ig si ES CW CW TW TW CL"),
    (Fin, Direction::Original, "iv iv FW FW LA LA LA TW CL"),
    (Fin, Direction::Reply, "iv iv FW FW LA LA LA TW CL"),
    (Rst, Direction::Original, "CL CL CL CL CL CL CL CL CL"),
    (Rst, Direction::Reply, "CL CL CL CL CL CL CL CL CL"),
];

fn entry(code: &str) -> Step {
    match code {
        "sS" => Step::To(TcpState::SynSent),
        "s2" => Step::To(TcpState::SynSent2),
        "sR" => Step::To(TcpState::SynReceived),
        "ES" => Step::To(TcpState::Established),
        "FW" => Step::To(TcpState::FinWait),
        "CW" => Step::To(TcpState::CloseWait),
        "LA" => Step::To(TcpState::LastAck),
        "TW" => Step::To(TcpState::TimeWait),
        "CL" => Step::To(TcpState::Closed),
        "ig" => Step::Ignore,
        "si" => Step::EstablishedIfSimultaneous,
        "re" => Step::Reopen,
        "rc" => Step::ReopenIfEnded,
        "iv" => Step::Invalid,
        other => panic!("no such entry: {other}"),
    }
}

#[test]
fn every_entry_of_the_table() {
    assert_eq!(TABLE.len(), 2 * SegmentKind::ALL.len());
    let mut entries = 0;
    for (kind, direction, row) in TABLE {
        let codes: Vec<_> = row.split(' ').collect();
        assert_eq!(codes.len(), TcpState::ALL.len());
        for (state, code) in TcpState::ALL.into_iter().zip(codes) {
            let found = step(state, *direction, *kind);
            assert_eq!(found, entry(code), "{kind:?} {direction} in {state}");
            entries += 1;
        }
    }
    assert_eq!(entries, 90);
}

#[test]
fn kinds_of_all_control_bits() {
    // The valid ones, of FIN 1, SYN 2, RST 4, ACK 16, URG 32.
    let valid = [
        (0x02, Syn),
        (0x22, Syn),
        (0x12, SynAck),
        (0x11, Fin),
        (0x31, Fin),
        (0x10, Ack),
        (0x30, Ack),
        (0x04, Rst),
        (0x14, Rst),
    ];
    for bits in 0..0x1000u16 {
        // PSH, ECE, CWR and the reserved bits do not count.
        let counted = bits & 0x37;
        let expected = valid
            .iter()
            .find(|(flags, _)| *flags == counted)
            .map(|(_, kind)| *kind);
        assert_eq!(SegmentKind::of(TcpFlags(bits)), expected, "{bits:#05x}");
    }
}

#[test]
fn states_are_opening_open_or_closing() {
    for state in TcpState::ALL {
        let is_open = state == TcpState::Established;
        let ways = [state.is_opening(), is_open, state.is_closing()];
        assert_eq!(ways.iter().filter(|way| **way).count(), 1, "{state}");
    }
    let names: Vec<_> = TcpState::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(
        names.join(" "),
        "SYN_SENT SYN_SENT2 SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE"
    );
}
