//! The flow table alone: what any stateful device has to do with a packet.

use crate::traffic::{BATCH, PASS, Packets, Random, key, load};
use core::time::Duration;
use flow_table::{Config, FlowTable, Ipv4FlowKey, Match, NewFlow};
use packet_buffer::{Instant, PacketBuf};

const IDLE: Duration = Duration::from_secs(300);

/// How many flows a table or a device has room for that is to hold `sessions`.
pub const fn capacity(sessions: usize) -> usize {
    sessions + sessions / 8 + 64
}

/// A table with a value of `VALUE` octets for each flow.
pub struct BareTable<const VALUE: usize> {
    flows: FlowTable<Ipv4FlowKey, [u8; VALUE]>,
    now: Instant,
}

impl<const VALUE: usize> BareTable<VALUE> {
    /// With so many flows, of which `make` makes a packet.
    pub fn new<P: AsRef<[u8]>>(now: Instant, sessions: usize, make: impl Fn(usize) -> P) -> Self {
        let config = Config::new(capacity(sessions));
        let mut flows = FlowTable::new(config, &mut Random(2)).expect("there is memory");
        for n in 0..sessions {
            let original = key(make(n).as_ref());
            let new = NewFlow {
                original,
                reply: original.reversed(),
                deadline: now + IDLE,
                class: 0,
                value: [0; VALUE],
            };
            flows.insert(now, new).expect("there is room");
        }
        Self { flows, now }
    }

    /// One pass: the flow of each packet is found, and its deadline put off.
    pub fn one_by_one(mut self, mut packets: Packets) -> impl FnMut() {
        let mut buffer = PacketBuf::new();
        move || {
            for _ in 0..PASS {
                load(&mut buffer, packets.next());
                let found = self.flows.lookup(self.now, &key(buffer.as_slice()));
                let (_, mut flow) = found.expect("it is there");
                flow.set_deadline(self.now + IDLE);
            }
        }
    }

    /// The same, with the flows of a batch looked up together.
    pub fn in_batches(mut self, mut packets: Packets) -> impl FnMut() {
        let mut buffers = vec![PacketBuf::new(); BATCH];
        let mut matches: [Option<Match>; BATCH] = [None; BATCH];
        move || {
            for _ in 0..PASS / BATCH {
                let keys: [Ipv4FlowKey; BATCH] = core::array::from_fn(|n| {
                    load(&mut buffers[n], packets.next());
                    key(buffers[n].as_slice())
                });
                self.flows.lookup_batch(self.now, &keys, &mut matches);
                for found in &matches {
                    let id = found.expect("it is there").id;
                    let mut flow = self.flows.get_mut(id).expect("it is there");
                    flow.set_deadline(self.now + IDLE);
                }
            }
        }
    }
}
