//! What the benches feed: random numbers, packets, and buffers to put them in.

use alloc::rc::Rc;
use core::net::Ipv4Addr;
use flow_table::Ipv4FlowKey;
use packet_buffer::wire::{IpProtocol, Ipv4Repr, PseudoHeader, TcpFlags, TcpRepr};
use packet_buffer::{PacketBuf, RandomSource};

/// Octets of a packet.
pub const PACKET: usize = 64;
/// Packets of one pass.
pub const PASS: usize = 1_024;
/// Packets of one batch.
pub const BATCH: usize = 32;
/// Packets that are made at the most: many more than the caches hold.
const MAX_PACKETS: usize = 1 << 20;

/// SplitMix64: small, fast, the same numbers in every run.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// The next number. Not an iterator: it never ends.
    #[allow(clippy::should_implement_trait, reason = "there is no last one")]
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

impl RandomSource for Random {
    fn fill(&mut self, dest: &mut [u8]) {
        for chunk in dest.chunks_mut(8) {
            let octets = self.next().to_ne_bytes();
            chunk.copy_from_slice(&octets[..chunk.len()]);
        }
    }
}

/// Packets of random sessions, one behind the other, round and round.
pub struct Packets {
    octets: Rc<[u8]>,
    at: usize,
}

impl Packets {
    /// Packets of `sessions` sessions; `make` makes one of a session, of [`PACKET`] octets.
    pub fn new<P: AsRef<[u8]>>(sessions: usize, make: impl Fn(usize) -> P) -> Self {
        let mut random = Random(3);
        let count = MAX_PACKETS.min(sessions * 16).max(PASS);
        let mut octets = Vec::with_capacity(count * PACKET);
        for _ in 0..count {
            octets.extend_from_slice(make(random.below(sessions)).as_ref());
        }
        Self {
            octets: octets.into(),
            at: 0,
        }
    }

    /// One packet of each of so many sessions, in order.
    pub fn in_order<P: AsRef<[u8]>>(sessions: usize, make: impl Fn(usize) -> P) -> Self {
        let mut octets = Vec::with_capacity(sessions * PACKET);
        for n in 0..sessions {
            octets.extend_from_slice(make(n).as_ref());
        }
        Self {
            octets: octets.into(),
            at: 0,
        }
    }

    /// Goes on with packet `n`.
    pub fn go_to(&mut self, n: usize) {
        self.at = n * PACKET % self.octets.len();
    }

    /// The same packets from the first one on.
    pub fn clone_from_start(&self) -> Self {
        Self {
            octets: Rc::clone(&self.octets),
            at: 0,
        }
    }

    /// The next packet. Not an iterator: it never ends.
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "there is no last one")]
    pub fn next(&mut self) -> &[u8] {
        let at = self.at;
        self.at = (at + PACKET) % self.octets.len();
        &self.octets[at..at + PACKET]
    }
}

/// Puts a packet into a buffer.
#[inline]
pub fn load(buffer: &mut PacketBuf, octets: &[u8]) {
    buffer.reset(PacketBuf::DEFAULT_HEADROOM);
    buffer.append_slice(octets);
}

/// The key of a packet with ports, which is not checked: what the bare table is asked for.
#[inline]
pub fn key(octets: &[u8]) -> Ipv4FlowKey {
    let header = octets.first_chunk::<24>().expect("a whole header");
    let address =
        |at: usize| Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]);
    let port = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    Ipv4FlowKey::new(
        (address(12), port(20)),
        (address(16), port(22)),
        header[9],
        0,
    )
}

/// The server of all TCP connections.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);
/// Sessions of a host.
const SESSIONS_A_HOST: usize = 60_000;

/// The inside end of connection `n`.
pub fn client(n: usize) -> (Ipv4Addr, u16) {
    let host = 0x0a00_0002 + (n / SESSIONS_A_HOST) as u32;
    let port = 1_024 + (n % SESSIONS_A_HOST) as u16;
    (Ipv4Addr::from_bits(host), port)
}

/// A segment with `data` octets of data, as nearly all hosts send it: not to be fragmented.
pub fn segment(
    from: (Ipv4Addr, u16),
    to: (Ipv4Addr, u16),
    flags: TcpFlags,
    numbers: (u32, u32),
    data: usize,
) -> PacketBuf {
    let mut packet = PacketBuf::from_slice(PacketBuf::DEFAULT_HEADROOM, &[0xa5; PACKET][..data]);
    let addresses = PseudoHeader::V4 {
        source: from.0,
        destination: to.0,
    };
    let header = TcpRepr {
        source_port: from.1,
        destination_port: to.1,
        sequence_number: numbers.0,
        acknowledgment_number: numbers.1,
        flags,
        window: 65_000,
        ..TcpRepr::default()
    };
    header.emit(&mut packet, &addresses).expect("it fits");
    let mut ip = Ipv4Repr::new(from.0, to.0, IpProtocol::TCP);
    ip.dont_fragment = true;
    ip.emit(&mut packet).expect("it fits");
    packet
}

/// The three segments that open connection `n`.
pub fn handshake(n: usize) -> [(bool, PacketBuf); 3] {
    let (client, server) = (client(n), (SERVER, 443));
    let ack = TcpFlags::ACK;
    [
        (true, segment(client, server, TcpFlags::SYN, (100, 0), 0)),
        (
            false,
            segment(server, client, TcpFlags::SYN | ack, (500, 101), 0),
        ),
        (true, segment(client, server, ack, (101, 501), 0)),
    ]
}

/// A segment of [`PACKET`] octets from the client of connection `n`, when it is open.
pub fn data(n: usize) -> PacketBuf {
    let flags = TcpFlags::ACK | TcpFlags::PSH;
    segment(client(n), (SERVER, 443), flags, (101, 501), PACKET - 40)
}
