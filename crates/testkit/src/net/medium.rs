//! A link or LAN at work: decides, when a frame is sent, when and how it arrives.

use super::link::{LinkConfig, LinkCounters};
use super::{End, Record};
use crate::random::SeededRandom;
use crate::tap::Tap;
use crate::tap::TapInterface;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use packet_buffer::{Instant, RandomSource as _};

/// A link (two stations) or a LAN (any number).
pub(crate) struct Medium {
    pub(crate) name: String,
    pub(crate) is_lan: bool,
    pub(crate) up: bool,
    pub(crate) stations: Vec<Station>,
    pub(crate) taps: Vec<MediumTap>,
}

/// A capture file that records what is sent here.
pub(crate) struct MediumTap {
    pub(crate) tap: Tap,
    pub(crate) link_type: crate::LinkType,
    /// The interface of each station, in the same order.
    pub(crate) interfaces: Vec<TapInterface>,
}

/// A node's port, attached to a medium, and the direction from it into the medium.
pub(crate) struct Station {
    pub(crate) end: End,
    /// The node's name, and its port where that is not 0.
    pub(crate) label: String,
    up: bool,
    /// Whether the port is still plugged in here.
    attached: bool,
    /// How often this station went down, on its own or with the medium. A frame that was sent under
    /// another count is lost.
    cuts: u64,
    pub(crate) config: LinkConfig,
    pub(crate) counters: LinkCounters,
    random: SeededRandom,
    /// The state of the burst loss model.
    bad: bool,
    transmitter: Transmitter,
    /// When the last frame that keeps its order arrives, at each station.
    last_arrival: Vec<Instant>,
}

/// A frame on its way.
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    pub(crate) from: usize,
    pub(crate) to: usize,
    cuts: u64,
    pub(crate) frame: Rc<[u8]>,
}

impl Station {
    pub(crate) fn new(end: End, label: String, config: LinkConfig, random: SeededRandom) -> Self {
        Self {
            end,
            label,
            up: true,
            attached: true,
            cuts: 0,
            config,
            counters: LinkCounters::default(),
            random,
            bad: false,
            transmitter: Transmitter::default(),
            last_arrival: Vec::new(),
        }
    }

    fn cut(&mut self) {
        self.cuts += 1;
        self.transmitter = Transmitter::default();
        self.last_arrival.clear();
    }

    /// Moves the state of the burst loss model by one frame (or octet).
    fn next_channel_state(&mut self) {
        if let Some(burst) = self.config.burst_loss {
            let turn = if self.bad {
                burst.bad_to_good
            } else {
                burst.good_to_bad
            };
            self.bad ^= self.random.chance(turn);
        }
    }

    fn loses(&mut self) -> bool {
        let burst = self.config.burst_loss.map_or(0.0, |burst| {
            if self.bad {
                burst.loss_in_bad
            } else {
                burst.loss_in_good
            }
        });
        let alone = self.random.chance(self.config.loss);
        self.random.chance(burst) || alone
    }

    /// Flips from one to `corrupt_bits` bits, all different.
    fn corrupt(&mut self, frame: &[u8]) -> Rc<[u8]> {
        let mut frame = frame.to_vec();
        let bits = frame.len() * 8;
        let flips = self
            .random
            .between(1, self.config.corrupt_bits.clamp(1, bits.max(1)));
        let mut flipped = Vec::with_capacity(flips);
        while flipped.len() < flips && flipped.len() < bits {
            let bit = self.random.between(0, bits - 1);
            if !flipped.contains(&bit) {
                frame[bit / 8] ^= 1 << (bit % 8);
                flipped.push(bit);
            }
        }
        frame.into()
    }

    /// When a frame that leaves at `departure` arrives at station `to`, behind those before it.
    fn arrival_in_order(&mut self, departure: Instant, to: usize) -> Instant {
        let at = self.arrival(departure);
        if self.last_arrival.len() <= to {
            self.last_arrival.resize(to + 1, Instant::ZERO);
        }
        let last = &mut self.last_arrival[to];
        *last = at.max(*last);
        *last
    }

    fn arrival(&mut self, departure: Instant) -> Instant {
        departure + self.config.delay + self.random.duration_up_to(self.config.jitter)
    }
}

impl Medium {
    pub(crate) fn new(name: String, is_lan: bool) -> Self {
        Self {
            name,
            is_lan,
            up: true,
            stations: Vec::new(),
            taps: Vec::new(),
        }
    }

    /// Cuts or repairs the whole medium. What is in flight when it is cut is lost.
    pub(crate) fn set_up(&mut self, up: bool) {
        if self.up && !up {
            self.stations.iter_mut().for_each(Station::cut);
        }
        self.up = up;
    }

    /// Cuts or repairs one station.
    pub(crate) fn set_station_up(&mut self, station: usize, up: bool) {
        let station = &mut self.stations[station];
        if station.up && !up {
            station.cut();
        }
        station.up = up;
    }

    /// Unplugs one station for good.
    pub(crate) fn detach(&mut self, station: usize) {
        self.set_station_up(station, false);
        self.stations[station].attached = false;
    }

    /// Whether the frame arrives: nothing was cut on its way since it was sent.
    pub(crate) fn arrives(&self, arrival: &Arrival) -> bool {
        self.cuts(arrival.from, arrival.to) == arrival.cuts
    }

    /// Counts what has arrived, or what a cut has kept from arriving.
    pub(crate) fn count_arrival(&mut self, from: usize, octets: usize, arrives: bool) {
        let station = &mut self.stations[from];
        let n = station.config.unit(octets);
        if arrives {
            station.counters.delivered += n;
        } else {
            station.counters.while_down += n;
        }
    }

    /// A coin of the sending station.
    pub(crate) fn coin(&mut self, from: usize) -> bool {
        self.stations[from].random.next_u32() & 1 == 0
    }

    /// Puts a frame on the wire: all that becomes of it is decided here, but for cuts to come.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        from: usize,
        frame: &[u8],
        arrivals: &mut Vec<Arrival>,
        record: &mut Record,
    ) {
        let up = self.up && self.stations[from].up;
        let sender = &mut self.stations[from];
        let n = sender.config.unit(frame.len());
        sender.counters.sent += n;
        sender.counters.sent_octets += frame.len() as u64;
        if !up {
            sender.counters.while_down += n;
            record.note("link down");
            return;
        }
        if sender.config.mtu.is_some_and(|mtu| frame.len() > mtu) {
            sender.counters.too_long += n;
            record.note("too long");
            return;
        }
        let Some(slot) = sender.transmitter.accept(now, frame.len(), &sender.config) else {
            sender.counters.queue_full += n;
            record.note("queue full");
            return;
        };
        if sender.config.byte_stream.is_some() {
            self.send_octets(from, frame, slot, arrivals, record);
            return;
        }
        sender.next_channel_state();
        let shared: Rc<[u8]> = frame.into();
        for to in 0..self.stations.len() {
            if to != from && (self.stations[to].attached || !self.is_lan) {
                self.send_to(from, to, &shared, slot.end, arrivals, record);
            }
        }
    }

    /// Sends one receiver its copy or copies.
    fn send_to(
        &mut self,
        from: usize,
        to: usize,
        frame: &Rc<[u8]>,
        departure: Instant,
        arrivals: &mut Vec<Arrival>,
        record: &mut Record,
    ) {
        let cuts = self.cuts(from, to);
        let receiver = &self.stations[to];
        if record.wanted && self.is_lan {
            record.receiver.clone_from(&receiver.label);
        }
        let receiver_up = receiver.up;
        let sender = &mut self.stations[from];
        if !receiver_up {
            sender.counters.while_down += 1;
            record.note("receiver down");
            return;
        }
        if sender.loses() {
            sender.counters.lost += 1;
            record.note("lost");
            return;
        }
        let mut copies = 1;
        if sender.random.chance(sender.config.duplicate) {
            sender.counters.duplicated += 1;
            record.note("duplicated");
            copies = 2;
        }
        for _ in 0..copies {
            let mut copy = Rc::clone(frame);
            if !frame.is_empty() && sender.random.chance(sender.config.corrupt) {
                sender.counters.corrupted += 1;
                record.note("corrupted");
                copy = sender.corrupt(frame);
            }
            let at = if sender.random.chance(sender.config.reorder) {
                sender.counters.reordered += 1;
                record.note("held back");
                sender.arrival(departure) + sender.config.reorder_delay
            } else {
                sender.arrival_in_order(departure, to)
            };
            arrivals.push(Arrival {
                at,
                from,
                to,
                cuts,
                frame: copy,
            });
        }
    }

    /// Sends octets down a serial line, where each of them has its own fate.
    fn send_octets(
        &mut self,
        from: usize,
        octets: &[u8],
        slot: Slot,
        arrivals: &mut Vec<Arrival>,
        record: &mut Record,
    ) {
        let to = 1 - from;
        let cuts = self.cuts(from, to);
        let receiver_up = self.stations[to].up;
        let sender = &mut self.stations[from];
        if !receiver_up {
            sender.counters.while_down += octets.len() as u64;
            record.note("receiver down");
            return;
        }
        let max_chunk = sender
            .config
            .byte_stream
            .map_or(1, |stream| stream.max_chunk);
        let before = sender.counters;
        let mut sent = 0;
        while sent < octets.len() {
            let size = sender.random.between(1, max_chunk.min(octets.len() - sent));
            let mut chunk = Vec::with_capacity(size);
            for &octet in &octets[sent..sent + size] {
                sender.next_channel_state();
                if sender.loses() {
                    sender.counters.lost += 1;
                } else if sender.random.chance(sender.config.corrupt) {
                    sender.counters.corrupted += 1;
                    chunk.extend_from_slice(&sender.corrupt(&[octet]));
                } else {
                    chunk.push(octet);
                }
            }
            sent += size;
            if chunk.is_empty() {
                continue;
            }
            let departure = slot.after(sent, sender.config.rate);
            arrivals.push(Arrival {
                at: sender.arrival_in_order(departure, to),
                from,
                to,
                cuts,
                frame: chunk.into(),
            });
        }
        let (lost, corrupted) = (
            sender.counters.lost - before.lost,
            sender.counters.corrupted - before.corrupted,
        );
        if lost > 0 {
            record.note(&format!("lost {lost} octets"));
        }
        if corrupted > 0 {
            record.note(&format!("corrupted {corrupted} octets"));
        }
    }

    /// Grows whenever either station is cut.
    fn cuts(&self, a: usize, b: usize) -> u64 {
        self.stations[a].cuts + self.stations[b].cuts
    }
}

impl LinkConfig {
    /// What a frame counts for: on a byte stream each octet counts.
    fn unit(&self, octets: usize) -> u64 {
        if self.byte_stream.is_some() {
            octets as u64
        } else {
            1
        }
    }
}

/// The sending end of a medium with a rate. It counts in nanoseconds, as a microsecond is many
/// octets on a fast link.
#[derive(Default)]
struct Transmitter {
    free_at: u64,
    /// When the sending of each frame that waits begins, and its length.
    waiting: VecDeque<(u64, usize)>,
    waiting_octets: usize,
}

/// The time that the sending of a frame takes.
#[derive(Clone, Copy)]
struct Slot {
    start_nanos: u64,
    /// When the last bit has left.
    end: Instant,
}

impl Slot {
    /// When so many octets have left.
    fn after(self, octets: usize, rate: Option<u64>) -> Instant {
        ceil_to_micros(self.start_nanos.saturating_add(nanos_to_send(octets, rate)))
    }
}

impl Transmitter {
    /// Queues a frame; `None` when it finds no room.
    fn accept(&mut self, now: Instant, octets: usize, config: &LinkConfig) -> Option<Slot> {
        let now = now.as_micros().saturating_mul(1_000);
        while let Some(&(start, length)) = self.waiting.front()
            && start <= now
        {
            self.waiting_octets -= length;
            self.waiting.pop_front();
        }
        let start = self.free_at.max(now);
        if start > now {
            if self.waiting_octets + octets > config.queue_octets {
                return None;
            }
            self.waiting_octets += octets;
            self.waiting.push_back((start, octets));
        }
        let end = start.saturating_add(nanos_to_send(octets, config.rate));
        self.free_at = end;
        Some(Slot {
            start_nanos: start,
            end: ceil_to_micros(end),
        })
    }
}

fn nanos_to_send(octets: usize, rate: Option<u64>) -> u64 {
    let Some(rate) = rate else { return 0 };
    let nanos = octets as u128 * 8 * 1_000_000_000 / u128::from(rate);
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

fn ceil_to_micros(nanos: u64) -> Instant {
    Instant::from_micros(nanos.div_ceil(1_000))
}
