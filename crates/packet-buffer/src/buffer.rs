//! The packet buffer: octets with room in front of and behind them.

use bytes::{Bytes, BytesMut};
use core::fmt;

/// An owned packet with headroom and tailroom, so that adding and removing headers never moves the
/// payload.
///
/// ```text
///   |<- headroom ->|<--------- as_slice() -------->|<- tailroom ->|
///   +--------------+-------------------------------+--------------+
///   |  prepend() <-|                               |-> append()   |
///   |              |-> trim_front()   trim_back() <-|              |
///   +--------------+-------------------------------+--------------+
/// ```
///
/// A packet is written from the inside out: the payload first, then each header in front of it. The
/// caller reserves the headroom once ([`with_headroom`](Self::with_headroom)); a `prepend` that
/// does not fit grows the buffer and copies, so it cannot fail.
///
/// `prepend` and `append` always hand out zeroed octets: what an earlier packet left in the buffer
/// never reaches the wire.
///
/// ```
/// use packet_buffer::PacketBuf;
///
/// let mut packet = PacketBuf::with_headroom(64);
/// packet.append_slice(b"payload");
/// packet.prepend(2).copy_from_slice(b"h:");
/// assert_eq!(packet.as_slice(), b"h:payload");
/// assert_eq!(packet.headroom(), 62);
///
/// packet.trim_front(2);
/// let frozen: bytes::Bytes = packet.freeze(); // no copy
/// assert_eq!(&frozen[..], b"payload");
/// ```
#[derive(Default)]
pub struct PacketBuf {
    /// Everything from the start of the headroom to the end of the packet.
    bytes: BytesMut,
    /// Where the packet starts in `bytes`; never more than `bytes.len()`.
    start: usize,
}

impl PacketBuf {
    /// Headroom that fits Ethernet with two VLAN tags, PPPoE, an outer IPv6 header, ESP with a
    /// 16-octet IV, and an inner IPv6, UDP or TCP header with options.
    pub const DEFAULT_HEADROOM: usize = 192;

    /// An empty buffer without any room. The first write allocates.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty packet with `headroom` octets in front and room for 2048 behind.
    pub fn with_headroom(headroom: usize) -> Self {
        Self::with_capacity(headroom, 2048)
    }

    /// An empty packet with `headroom` octets in front and `tailroom` behind.
    pub fn with_capacity(headroom: usize, tailroom: usize) -> Self {
        let mut bytes = BytesMut::with_capacity(headroom.saturating_add(tailroom));
        bytes.resize(headroom, 0);
        Self {
            bytes,
            start: headroom,
        }
    }

    /// A copy of `packet` with `headroom` octets in front of it.
    pub fn from_slice(headroom: usize, packet: &[u8]) -> Self {
        let mut buffer = Self::with_capacity(headroom, packet.len());
        buffer.append_slice(packet);
        buffer
    }

    /// The packet.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// The packet, to change octets in place.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..).unwrap_or_default()
    }

    /// Octets in the packet.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.start)
    }

    /// Whether the packet has no octets.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Octets that can be prepended without a copy.
    #[inline]
    pub fn headroom(&self) -> usize {
        self.start
    }

    /// Octets that can be appended without a copy.
    #[inline]
    pub fn tailroom(&self) -> usize {
        self.bytes.capacity().saturating_sub(self.bytes.len())
    }

    /// Makes the packet `n` octets longer at its front and hands out those octets, zeroed.
    ///
    /// Grows the buffer, which copies the packet, when the headroom is smaller than `n`.
    #[inline]
    pub fn prepend(&mut self, n: usize) -> &mut [u8] {
        let front = self.grow_front(n);
        front.fill(0);
        front
    }

    /// Writes `octets` in front of the packet.
    #[inline]
    pub fn prepend_slice(&mut self, octets: &[u8]) {
        self.grow_front(octets.len()).copy_from_slice(octets);
    }

    /// Writes an array in front of the packet: [`prepend_slice`](Self::prepend_slice) for what is short and has a
    /// length that is known, without a way through memory.
    #[inline]
    pub fn prepend_array<const N: usize>(&mut self, octets: [u8; N]) {
        if let Some(start) = self.start.checked_sub(N)
            && let Some(front) = self.bytes.get_mut(start..self.start)
            && let Some(room) = front.first_chunk_mut()
        {
            *room = octets;
            self.start = start;
        } else {
            // Of a copy: so the array itself has no address, and stays in registers where there is room.
            self.grow_and_prepend(&{ octets });
        }
    }

    /// Makes the packet `n` octets longer at its back and hands out those octets, zeroed.
    ///
    /// Grows the buffer, which copies the packet, when the tailroom is smaller than `n`.
    #[inline]
    pub fn append(&mut self, n: usize) -> &mut [u8] {
        let end = self.bytes.len();
        self.bytes.resize(end.saturating_add(n), 0);
        self.bytes.get_mut(end..).unwrap_or_default()
    }

    /// Writes `octets` behind the packet.
    #[inline]
    pub fn append_slice(&mut self, octets: &[u8]) {
        self.bytes.extend_from_slice(octets);
    }

    /// Takes up to `n` octets off the front of the packet, which become headroom; returns how many
    /// were taken.
    #[inline]
    pub fn trim_front(&mut self, n: usize) -> usize {
        let n = n.min(self.len());
        self.start += n;
        n
    }

    /// Takes up to `n` octets off the back of the packet, which become tailroom; returns how many
    /// were taken.
    #[inline]
    pub fn trim_back(&mut self, n: usize) -> usize {
        let n = n.min(self.len());
        self.bytes.truncate(self.bytes.len() - n);
        n
    }

    /// Cuts the packet to its first `len` octets, when it is longer.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        self.bytes.truncate(self.start.saturating_add(len));
    }

    /// Empties the packet and sets `headroom`, keeping the memory: in steady state a buffer that is
    /// reused does not allocate.
    #[inline]
    pub fn reset(&mut self, headroom: usize) {
        // What lies in the headroom is written over before it can become part of a packet, so it
        // is not wiped here; only octets that the buffer never had are added.
        if headroom > self.bytes.len() {
            self.extend_headroom(headroom);
        }
        self.bytes.truncate(headroom);
        self.start = headroom;
    }

    /// Empties the packet; all the room that it took becomes headroom where it lay in front, and
    /// tailroom elsewhere.
    #[inline]
    pub fn clear(&mut self) {
        self.bytes.truncate(self.start);
    }

    /// The packet as an immutable, reference-counted [`Bytes`], without a copy: for retransmission
    /// queues and multicast fan-out.
    pub fn freeze(self) -> Bytes {
        let mut bytes = self.bytes;
        bytes.split_off(self.start.min(bytes.len())).freeze()
    }

    /// The front `n` octets after growing by `n`, with whatever was in the headroom: the callers
    /// overwrite all of it.
    #[inline]
    fn grow_front(&mut self, n: usize) -> &mut [u8] {
        if n > self.start {
            self.make_headroom(n);
        }
        let start = self.start.saturating_sub(n);
        let end = self.start;
        self.start = start;
        self.bytes.get_mut(start..end).unwrap_or_default()
    }

    #[cold]
    fn grow_and_prepend(&mut self, octets: &[u8]) {
        self.prepend_slice(octets);
    }

    #[cold]
    fn extend_headroom(&mut self, headroom: usize) {
        self.bytes.resize(headroom, 0);
    }

    #[cold]
    fn make_headroom(&mut self, n: usize) {
        let headroom = n.saturating_add(Self::DEFAULT_HEADROOM);
        let tailroom = self.len().saturating_add(self.tailroom());
        let mut grown = Self::with_capacity(headroom, tailroom);
        grown.append_slice(self.as_slice());
        *self = grown;
    }
}

impl Clone for PacketBuf {
    /// A copy with the same packet and the same headroom.
    fn clone(&self) -> Self {
        Self::from_slice(self.start, self.as_slice())
    }
}

impl PartialEq for PacketBuf {
    /// Two buffers are equal when their packets are; the room around them does not count.
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for PacketBuf {}

impl fmt::Debug for PacketBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketBuf")
            .field("headroom", &self.headroom())
            .field("tailroom", &self.tailroom())
            .field("packet", &self.as_slice())
            .finish()
    }
}

impl AsRef<[u8]> for PacketBuf {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsMut<[u8]> for PacketBuf {
    fn as_mut(&mut self) -> &mut [u8] {
        self.as_mut_slice()
    }
}

impl From<&[u8]> for PacketBuf {
    /// A copy of the octets with [`PacketBuf::DEFAULT_HEADROOM`] in front.
    fn from(packet: &[u8]) -> Self {
        Self::from_slice(Self::DEFAULT_HEADROOM, packet)
    }
}

impl From<BytesMut> for PacketBuf {
    /// Takes the octets without a copy; there is no headroom.
    fn from(bytes: BytesMut) -> Self {
        Self { bytes, start: 0 }
    }
}

impl TryFrom<Bytes> for PacketBuf {
    type Error = Bytes;

    /// Takes the octets back without a copy when nobody else holds them; gives them back otherwise.
    fn try_from(bytes: Bytes) -> Result<Self, Bytes> {
        bytes.try_into_mut().map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    #[test]
    fn prepend_and_append_hand_out_zeroes() {
        let mut packet = PacketBuf::with_headroom(8);
        packet.append_slice(&[0xff; 8]);
        packet.trim_front(4);
        packet.trim_back(4);
        assert_eq!(packet.prepend(4), [0; 4]);
        assert_eq!(packet.append(4), [0; 4]);
        packet.append_slice(&[0xff; 32]);
        packet.reset(16);
        assert_eq!(packet.prepend(16), [0; 16]);
        assert_eq!(packet.append(16), [0; 16]);
    }

    #[test]
    fn prepend_beyond_the_headroom_grows() {
        let mut packet = PacketBuf::new();
        packet.append_slice(b"abc");
        packet.prepend(300).fill(b'x');
        assert_eq!(packet.len(), 303);
        assert_eq!(&packet.as_slice()[298..], b"xxabc");
        assert!(packet.headroom() >= PacketBuf::DEFAULT_HEADROOM);
    }

    #[test]
    fn freeze_does_not_copy_and_can_be_undone() {
        let mut packet = PacketBuf::with_headroom(32);
        packet.append_slice(b"hello");
        let address = packet.as_slice().as_ptr();
        let frozen = packet.freeze();
        assert_eq!(frozen.as_ptr(), address);
        let second = frozen.clone();
        let frozen = PacketBuf::try_from(frozen).unwrap_err();
        drop(second);
        let packet = PacketBuf::try_from(frozen).unwrap();
        assert_eq!(packet.as_slice(), b"hello");
        assert_eq!(packet.as_slice().as_ptr(), address);
    }

    #[test]
    fn reset_keeps_the_memory() {
        let mut packet = PacketBuf::with_capacity(64, 1500);
        packet.append_slice(&[1; 1500]);
        let address = packet.as_slice().as_ptr();
        for _ in 0..3 {
            packet.reset(64);
            packet.append_slice(&[2; 1500]);
            packet.prepend(40);
            packet.trim_front(40);
            assert_eq!(packet.as_slice().as_ptr(), address);
        }
    }

    #[test]
    fn trims_stop_at_the_packet() {
        let mut packet = PacketBuf::from_slice(4, b"abcd");
        assert_eq!(packet.trim_front(9), 4);
        assert_eq!(packet.trim_back(1), 0);
        assert!(packet.is_empty());
        assert_eq!(packet.headroom(), 8);
        packet.truncate(5);
        assert_eq!(packet.as_slice(), b"");
    }

    proptest! {
        /// Against a plain vector, under any sequence of operations.
        #[test]
        fn behaves_like_a_vector(
            headroom in 0usize..40,
            ops in proptest::collection::vec((0u8..7, 0usize..50), 0..60),
        ) {
            let mut packet = PacketBuf::with_capacity(headroom, 16);
            let mut model = vec![];
            for (i, (op, n)) in ops.into_iter().enumerate() {
                let mark = u8::try_from(i).unwrap_or(0);
                match op {
                    0 => {
                        let front = packet.prepend(n);
                        prop_assert!(front.iter().all(|&octet| octet == 0));
                        front.fill(mark);
                        model.splice(0..0, vec![mark; n]);
                    }
                    1 => {
                        let back = packet.append(n);
                        prop_assert!(back.iter().all(|&octet| octet == 0));
                        back.fill(mark);
                        model.extend(vec![mark; n]);
                    }
                    2 => {
                        let taken = packet.trim_front(n);
                        model.drain(..taken);
                    }
                    3 => {
                        let taken = packet.trim_back(n);
                        model.truncate(model.len() - taken);
                    }
                    4 => {
                        packet.truncate(n);
                        model.truncate(n);
                    }
                    5 => {
                        packet.prepend_slice(&vec![mark; n]);
                        model.splice(0..0, vec![mark; n]);
                    }
                    _ => {
                        packet.prepend_array([mark; 24]);
                        model.splice(0..0, [mark; 24]);
                    }
                }
                prop_assert_eq!(packet.as_slice(), &model[..]);
                prop_assert_eq!(packet.len(), model.len());
            }
            prop_assert_eq!(&packet.freeze()[..], &model[..]);
        }
    }
}
