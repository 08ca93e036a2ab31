//! One direction of a TCP connection, put back in order within bounds.

use super::filter::Refused;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The octets of one direction, as far as they are not both read and acknowledged.
///
/// A firewall sees segments before the receiver does, and may see what the receiver never gets. So octets
/// are kept until they are acknowledged, and a segment that brings others in their place is refused:
/// otherwise the firewall would read one stream and the receiver another.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    /// The sequence number of position 0.
    start: u32,
    /// The position of the first octet in `data`.
    base: u64,
    data: Vec<u8>,
    /// The position that has been read up to.
    read: u64,
    /// Octets behind a gap, by their position.
    ahead: BTreeMap<u64, Vec<u8>>,
    ahead_octets: usize,
    capacity: usize,
    /// The position behind which nothing matters any more.
    limit: Option<u64>,
}

impl Stream {
    /// A stream whose first octet has this sequence number; at most `capacity` octets are kept.
    pub(crate) const fn new(first: u32, capacity: usize) -> Self {
        Self {
            start: first,
            base: 0,
            data: Vec::new(),
            read: 0,
            ahead: BTreeMap::new(),
            ahead_octets: 0,
            capacity,
            limit: None,
        }
    }

    /// The position behind the last octet in order.
    const fn next(&self) -> u64 {
        self.base + self.data.len() as u64
    }

    /// The position of a sequence number, the one nearest to the next; `None` in front of the
    /// first octet.
    fn position(&self, sequence_number: u32) -> Option<u64> {
        let next = self.next();
        // Positions run along with sequence numbers, without their wrap.
        let low = u32::try_from(next & 0xffff_ffff).unwrap_or(0);
        let expected = self.start.wrapping_add(low);
        let distance = sequence_number.wrapping_sub(expected).cast_signed();
        next.checked_add_signed(distance.into())
    }

    /// Takes a segment's data.
    ///
    /// # Errors
    ///
    /// With the stream unchanged: other octets are there already, or there is no room.
    pub(crate) fn insert(&mut self, sequence_number: u32, data: &[u8]) -> Result<(), Refused> {
        let (mut at, mut data) = match self.position(sequence_number) {
            Some(at) => (at, data),
            None => {
                // A keep-alive, or what lies in front of the stream.
                let before = self.start.wrapping_sub(sequence_number);
                let skip = usize::try_from(before).unwrap_or(usize::MAX);
                (0, data.get(skip..).unwrap_or_default())
            }
        };
        if at < self.base {
            // Acknowledged: the receiver has it and takes nothing else in its place.
            let skip = usize::try_from(self.base - at).unwrap_or(usize::MAX);
            data = data.get(skip..).unwrap_or_default();
            at = self.base;
        }
        if let Some(limit) = self.limit {
            let room = usize::try_from(limit.saturating_sub(at)).unwrap_or(usize::MAX);
            data = data.get(..room).unwrap_or(data);
        }
        if data.is_empty() {
            return Ok(());
        }
        self.agrees(at, data)?;
        let known = usize::try_from(self.next().saturating_sub(at)).unwrap_or(usize::MAX);
        let fresh = data.get(known.min(data.len())..).unwrap_or_default();
        if fresh.is_empty() {
            return Ok(());
        }
        if self.data.len() + self.ahead_octets + fresh.len() > self.capacity {
            return Err(Refused::TooLong);
        }
        if at > self.next() {
            self.keep_ahead(at, data);
        } else {
            self.data.extend_from_slice(fresh);
            self.join();
        }
        Ok(())
    }

    /// Whether octets that are there already are the same.
    fn agrees(&self, at: u64, data: &[u8]) -> Result<(), Refused> {
        let end = at + data.len() as u64;
        let same = |held_at: u64, held: &[u8]| {
            let from = at.max(held_at);
            let to = end.min(held_at + held.len() as u64);
            if from >= to {
                return true;
            }
            let part = |octets: &[u8], start: u64| -> Option<Vec<u8>> {
                let low = usize::try_from(from - start).ok()?;
                let high = usize::try_from(to - start).ok()?;
                octets.get(low..high).map(<[u8]>::to_vec)
            };
            part(data, at) == part(held, held_at)
        };
        let ahead = self.ahead.range(..end);
        if same(self.base, &self.data)
            && ahead
                .rev()
                .take_while(|(held_at, held)| **held_at + held.len() as u64 > at)
                .all(|(held_at, held)| same(*held_at, held))
        {
            Ok(())
        } else {
            Err(Refused::Overlap)
        }
    }

    /// Keeps what lies behind a gap; what is there already is left out.
    fn keep_ahead(&mut self, at: u64, data: &[u8]) {
        let (mut at, mut data) = (at, data);
        while !data.is_empty() {
            let before = self
                .ahead
                .range(..=at)
                .next_back()
                .map_or(0, |(held_at, held)| *held_at + held.len() as u64);
            if before > at {
                let skip = usize::try_from(before - at).unwrap_or(usize::MAX);
                data = data.get(skip..).unwrap_or_default();
                at = before;
                continue;
            }
            let behind = self.ahead.range(at..).next().map(|(held_at, _)| *held_at);
            let room = behind.map_or(data.len(), |behind| {
                usize::try_from(behind - at).unwrap_or(usize::MAX)
            });
            let (part, rest) = data.split_at_checked(room).unwrap_or((data, &[]));
            if !part.is_empty() {
                self.ahead.insert(at, part.to_vec());
                self.ahead_octets += part.len();
            }
            at += part.len() as u64;
            data = rest;
        }
    }

    /// Takes over what the gap was in front of.
    fn join(&mut self) {
        while let Some(entry) = self.ahead.first_entry() {
            let at = *entry.key();
            let next = self.base + self.data.len() as u64;
            if at > next {
                break;
            }
            let held = entry.remove();
            self.ahead_octets -= held.len();
            let skip = usize::try_from(next - at).unwrap_or(usize::MAX);
            self.data
                .extend_from_slice(held.get(skip..).unwrap_or_default());
        }
    }

    /// What is in order and was not read.
    pub(crate) fn unread(&self) -> &[u8] {
        let skip = usize::try_from(self.read.saturating_sub(self.base)).unwrap_or(usize::MAX);
        self.data.get(skip..).unwrap_or_default()
    }

    /// Takes octets for read.
    pub(crate) const fn consume(&mut self, octets: usize) {
        self.read += octets as u64;
    }

    /// Nothing behind what was read matters any more.
    pub(crate) fn stop(&mut self) {
        self.limit = Some(self.read);
        let keep = usize::try_from(self.read.saturating_sub(self.base)).unwrap_or(usize::MAX);
        self.data.truncate(keep);
        self.ahead.clear();
        self.ahead_octets = 0;
    }

    /// The receiver acknowledges everything in front of this sequence number.
    pub(crate) fn acknowledge(&mut self, sequence_number: u32) {
        let Some(at) = self.position(sequence_number) else {
            return;
        };
        let to = at.min(self.read).min(self.next());
        let done = usize::try_from(to.saturating_sub(self.base)).unwrap_or(0);
        if done > 0 {
            self.data.drain(..done.min(self.data.len()));
            self.base = to;
        }
    }

    /// Whether nothing of the stream is needed any more.
    pub(crate) fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| self.base >= limit)
    }

    /// Octets held.
    #[cfg(test)]
    pub(crate) fn octets(&self) -> usize {
        self.data.len() + self.ahead_octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn segments_that_disagree_are_refused() {
        let mut stream = Stream::new(1_000, 100);
        stream.insert(1_000, b"GET /good").unwrap();
        assert_eq!(stream.insert(1_005, b"evil"), Err(Refused::Overlap));
        stream.insert(1_020, b"later").unwrap();
        assert_eq!(stream.insert(1_019, b"xlatex"), Err(Refused::Overlap));
        stream.insert(1_004, b"/good + more").unwrap();
        assert_eq!(stream.unread(), b"GET /good + more");
        stream.insert(1_016, b"1234later!").unwrap();
        assert_eq!(stream.unread(), b"GET /good + more1234later!");
        // Read, but not acknowledged: still held against what comes.
        stream.consume(26);
        assert_eq!(stream.insert(1_000, b"P"), Err(Refused::Overlap));
        stream.acknowledge(1_009);
        stream.insert(1_000, b"P").unwrap();
        assert_eq!(stream.insert(1_008, b"xy"), Err(Refused::Overlap));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut stream = Stream::new(0, 100);
        stream.insert(50, &[1; 60]).unwrap();
        assert_eq!(stream.insert(200, &[1; 41]), Err(Refused::TooLong));
        stream.insert(0, &[1; 40]).unwrap();
        assert_eq!(stream.octets(), 100);
        stream.consume(40);
        stream.acknowledge(40);
        assert_eq!(stream.octets(), 60);
        stream.stop();
        assert_eq!(stream.octets(), 0);
        assert!(stream.is_over());
        stream.insert(40, &[9; 1_000]).unwrap();
        assert_eq!(stream.octets(), 0);
    }

    proptest! {
        #[test]
        fn segments_in_any_order_give_the_stream(
            first in any::<u32>(),
            cuts in prop::collection::vec((0usize..200, 1usize..40), 1..40),
            acks in prop::collection::vec(0usize..220, 1..10),
        ) {
            let whole: Vec<u8> = (0..200u8).collect();
            let mut stream = Stream::new(first, 4_000);
            let mut read = Vec::new();
            let take = |stream: &mut Stream, read: &mut Vec<u8>| {
                read.extend_from_slice(stream.unread());
                let octets = stream.unread().len();
                stream.consume(octets);
            };
            let mut seen = [false; 200];
            for (at, length) in &cuts {
                let part = &whole[*at..(*at + *length).min(200)];
                stream.insert(first.wrapping_add(u32::try_from(*at).unwrap()), part).unwrap();
                seen[*at..(*at + *length).min(200)].fill(true);
                take(&mut stream, &mut read);
                let in_order = seen.iter().take_while(|seen| **seen).count();
                prop_assert_eq!(&read[..], &whole[..in_order]);
                let ack = acks[*at % acks.len()].min(in_order);
                stream.acknowledge(first.wrapping_add(u32::try_from(ack).unwrap()));
            }
            stream.insert(first, &whole).unwrap();
            take(&mut stream, &mut read);
            prop_assert_eq!(read, whole);
        }
    }
}
