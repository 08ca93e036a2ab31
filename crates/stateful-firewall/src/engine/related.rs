//! ICMP errors: each belongs to the session of the packet that it quotes.

use super::session::Family;
use super::{Class, DropReason, Firewall, Judged, Path, Verdict};
use flow_state::limits::SourceKey;
use flow_state::packet::IcmpError;
use flow_state::{FlowPacket, FlowState, Key};
use packet_buffer::Instant;

impl Firewall {
    // RFC 2979 §3.1.1 MUST (path-mtu): errors about what was let out come in, without a rule.
    // RFC 2979 §3.1.1 MAY (echo): others do not.
    /// An ICMP error. It passes when it is about a packet that has passed the other way, and changes
    /// nothing of the session: neither its state nor its timer.
    pub(super) fn related(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        error: &IcmpError<'_>,
    ) -> Judged {
        let Some(expected) = error.expected() else {
            return self.dropped(DropReason::Unrelated);
        };
        // The error goes to the sender of the packet that it quotes.
        if packet.key().destination() != expected.destination() || !error.is_relayable() {
            return self.dropped(DropReason::Unrelated);
        }
        match expected {
            Key::V4(key) => self.related_to(now, path, packet, error, key),
            Key::V6(key) => self.related_to(now, path, packet, error, key),
        }
    }

    fn related_to<K: Family>(
        &mut self,
        now: Instant,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
        error: &IcmpError<'_>,
        key: K,
    ) -> Judged {
        let table = K::table(&self.tables);
        let Some(found) = table.find(now, &key) else {
            return self.dropped(DropReason::Unrelated);
        };
        let Some(flow) = table.get(found.id) else {
            return self.dropped(DropReason::Unrelated);
        };
        let session = *flow.value;
        // `found.direction` is that of the answer to the quoted packet, which is the error's.
        let expected = session.ingress(found.direction);
        if self.config.bind_zones
            && expected != path.ingress
            && self.policy.zone_of(expected) != self.policy.zone_of(path.ingress)
        {
            return self.dropped(DropReason::WrongZone);
        }
        if let FlowState::Tcp(tcp) = &session.state
            && self.config.icmp_sequence
        {
            // RFC 5927 §4.1 SHOULD (sequence-number): the quoted segment is one that is on its way.
            let quoted = found.direction.reversed();
            let in_flight = error
                .tcp_sequence_number()
                .is_some_and(|number| tcp.is_in_flight(quoted, number));
            if !in_flight {
                return self.dropped(DropReason::BadQuote);
            }
        }
        let floor = if error.is_ipv6 {
            self.config.ipv6_mtu_floor
        } else {
            self.config.ipv4_mtu_floor
        };
        if let Some(mtu) = error.mtu()
            && mtu < floor
            && (mtu != 0 || error.is_ipv6)
        {
            return self.dropped(DropReason::BadQuote);
        }
        if !self
            .errors
            .take(now, SourceKey::of(packet.key().destination()))
        {
            return self.dropped(DropReason::TooManyErrors);
        }
        let rule = session.rule();
        self.counters.packet(rule, packet.len());
        Judged {
            rule,
            ..Judged::pass(Verdict::Accept {
                session: Some(K::session_id(found.id)),
                class: Class::Related,
                mark: self.mark(rule),
            })
        }
    }
}
