//! Many packets at once.

use super::{Forward, Nat, Tracked, parse, track};
use crate::config::Side;
use crate::flow::FlowFlags;
use crate::verdict::{DropReason, Verdict};
use flow_state::{FlowPacket, Transport};
use flow_table::Ipv4FlowKey;
use packet_buffer::{Instant, PacketBuf};

/// How many packets are under way at once.
const BATCH: usize = 32;

/// What is to be done with a packet of a batch.
#[derive(Clone, Copy)]
enum Step {
    /// Everything, one by one.
    Alone,
    Forward(Forward),
    Drop(DropReason),
}

impl Nat {
    /// Translates many packets from one side, as [`process`](Self::process) does one by one: the
    /// memory accesses of 32 packets overlap, which is several times as fast when there are many
    /// sessions. `verdicts` gets what became of each, in order; the shorter of the two slices says
    /// how many are handled.
    ///
    /// Packets of one session are handled in their order. Those that need more than a look at their
    /// session (the first of a session, fragments, ICMP errors) come after the others of the same
    /// 32.
    pub fn process_batch(
        &mut self,
        now: Instant,
        side: Side,
        packets: &mut [PacketBuf],
        verdicts: &mut [Verdict],
    ) {
        let now = self.advance(now);
        let chunks = packets.chunks_mut(BATCH);
        for (packets, verdicts) in chunks.zip(verdicts.chunks_mut(BATCH)) {
            let mut steps = [Step::Alone; BATCH];
            self.plan_batch(now, side, packets, &mut steps);
            for ((packet, step), verdict) in packets.iter_mut().zip(&steps).zip(verdicts) {
                *verdict = match step {
                    Step::Forward(forward) => self.forward(now, packet, forward),
                    Step::Drop(reason) => Verdict::Drop(*reason),
                    Step::Alone => self.decide(now, side, packet),
                };
                self.count(side, *verdict);
            }
        }
    }

    /// Looks up the sessions of a batch and has them look at their packets.
    fn plan_batch(
        &mut self,
        now: Instant,
        side: Side,
        packets: &[PacketBuf],
        steps: &mut [Step; BATCH],
    ) {
        let nobody = Ipv4FlowKey::new(([0; 4].into(), 0), ([0; 4].into(), 0), 0, 0);
        let mut parsed: [Option<FlowPacket<'_>>; BATCH] = [const { None }; BATCH];
        let mut keys = [nobody; BATCH];
        let places = parsed.iter_mut().zip(&mut keys).zip(&mut *steps);
        for (packet, ((parsed, key), step)) in packets.iter().zip(places) {
            match parse(packet.as_slice()) {
                Err(reason) => *step = Step::Drop(reason),
                Ok(view) => match self.inspect(&view) {
                    Err(reason) => *step = Step::Drop(reason),
                    Ok(()) if is_plain(&view) => {
                        if let Some(found) = self.key_of(&view) {
                            (*parsed, *key) = (Some(view), found);
                        }
                    }
                    Ok(()) => {}
                },
            }
        }
        let mut matches = [None; BATCH];
        self.sessions.lookup_batch(now, &keys, &mut matches);
        for ((parsed, found), step) in parsed.iter().zip(matches).zip(steps) {
            let (Some(packet), Some(found)) = (parsed, found) else {
                continue;
            };
            let Some(flow) = self.sessions.get_mut(found.id) else {
                continue;
            };
            // A gateway sees its packets before they are tracked.
            if flow.value().flags.has(FlowFlags::ALG) {
                continue;
            }
            match track(&self.config, now, side, found.direction, flow, packet) {
                Tracked::Forward(forward) => {
                    *step = Step::Forward(forward);
                    if forward.is_last {
                        // The packets behind it must not find the session.
                        self.end(now, forward.id);
                    }
                }
                Tracked::Drop(reason) => *step = Step::Drop(reason),
                Tracked::Reopen(_) => {}
            }
        }
    }
}

/// Whether a look at its session is all that a packet needs.
#[inline]
fn is_plain(packet: &FlowPacket<'_>) -> bool {
    let has_ports = matches!(
        packet.transport(),
        Transport::Tcp(_) | Transport::Udp(_) | Transport::IcmpQuery(_)
    );
    has_ports && !packet.is_fragment()
}
