//! Many packets at once.

use super::Nat;
use crate::config::Side;
use crate::verdict::Verdict;
use flow_state::{FlowPacket, Key};
use flow_table::look_ahead;
use packet_buffer::{Instant, PacketBuf};

/// A batch that is under way.
struct Batch<'a> {
    nat: &'a mut Nat,
    packets: &'a mut [PacketBuf],
    verdicts: &'a mut [Verdict],
}

impl Nat {
    /// Translates many packets from one side, as [`process`](Self::process) does one by one: the
    /// sessions of 32 packets are fetched together, which is several times as fast when there are
    /// many sessions. `verdicts` gets what became of each, in order; the
    /// shorter of the two slices says how many are handled.
    pub fn process_batch(
        &mut self,
        now: Instant,
        side: Side,
        packets: &mut [PacketBuf],
        verdicts: &mut [Verdict],
    ) {
        let now = self.advance(now);
        let count = packets.len().min(verdicts.len());
        let mut batch = Batch {
            nat: self,
            packets,
            verdicts,
        };
        // What is fetched gives no more than a hint. Packets are read and held to their sessions one
        // by one, so that each finds what the one before it left.
        look_ahead(
            count,
            &mut batch,
            |batch, at| match FlowPacket::peek_key(batch.packets.get(at)?.as_slice())? {
                Key::V4(key) => Some((batch.nat.sessions.fetch_index(&key), key)),
                Key::V6(_) => None,
            },
            |batch, (ahead, key)| {
                let nat = &batch.nat;
                let hint = nat.sessions.fetch_flow(ahead);
                if hint.is_none() && side == Side::Inside {
                    nat.fetch_new(&key);
                }
                hint
            },
            |batch, at, hint| {
                if let (Some(packet), Some(verdict)) =
                    (batch.packets.get_mut(at), batch.verdicts.get_mut(at))
                {
                    *verdict = batch.nat.decide_about(now, side, packet, false, hint);
                    batch.nat.count(side, *verdict);
                }
            },
        );
    }
}
