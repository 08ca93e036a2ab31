//! Sequence numbers that prove that a client has seen them.

use core::time::Duration;
use flow_state::Key;
use flow_table::{FlowHash as _, SipHash13};
use packet_buffer::{Instant, RandomSource};

/// Segment sizes that a cookie can stand for, in octets.
const SIZES: [u16; 8] = [536, 1_220, 1_300, 1_380, 1_420, 1_440, 1_460, 8_940];

/// How long a step of the cookie's clock is, in seconds.
const STEP: u64 = 64;

/// How long a cookie is taken, at the least a step.
const LIFETIME: Duration = Duration::from_secs(2 * STEP);

/// The keys of cookies, and when the last one was given out.
pub(super) struct Cookies {
    hash: SipHash13,
    live_until: Instant,
}

impl Cookies {
    /// Whether a cookie given out can still come back.
    pub(super) fn are_out(&self, now: Instant) -> bool {
        now < self.live_until
    }

    pub(super) fn new(random: &mut (dyn RandomSource + Send)) -> Self {
        Self {
            hash: SipHash13::from_random(random),
            live_until: Instant::ZERO,
        }
    }

    // RFC 6528 §3 MUST (secret): the hash is keyed, and its key is drawn for each firewall.
    fn code(&self, key: &Key, client: u32, step: u64, size: usize) -> u32 {
        let bits = |address| match address {
            core::net::IpAddr::V4(address) => u128::from(address.to_bits()),
            core::net::IpAddr::V6(address) => address.to_bits(),
        };
        let half = |number: u128, shift: u32| {
            u64::try_from(number >> shift & u128::from(u64::MAX)).unwrap_or(0)
        };
        let (from, to) = (bits(key.source()), bits(key.destination()));
        let ports = u64::from(key.source_port()) << 16 | u64::from(key.destination_port());
        let words = [
            half(from, 64),
            half(from, 0),
            half(to, 64),
            half(to, 0),
            ports << 32 | u64::from(client),
            step << 8 | size as u64,
        ];
        u32::try_from(self.hash.hash(&words) >> 40).unwrap_or(0)
    }

    /// The cookie for a client's SYN.
    pub(super) fn make(&mut self, now: Instant, key: &Key, client: u32, mss: u16) -> u32 {
        self.live_until = now + LIFETIME;
        let size = SIZES
            .iter()
            .rposition(|size| *size <= mss)
            .unwrap_or_default();
        let step = now.as_secs() / STEP;
        let clock = u32::try_from(step % 32).unwrap_or(0);
        let place = u32::try_from(size).unwrap_or(0);
        clock << 27 | place << 24 | self.code(key, client, step, size)
    }

    /// The MSS in a cookie that the firewall gave to this client lately.
    pub(super) fn check(&self, now: Instant, key: &Key, client: u32, cookie: u32) -> Option<u16> {
        if now >= self.live_until {
            return None;
        }
        let step = now.as_secs() / STEP;
        let age = (step % 32).wrapping_sub(u64::from(cookie >> 27)) % 32;
        let step = step.checked_sub(age).filter(|_| age <= 1)?;
        let size = usize::try_from(cookie >> 24 & 7).ok()?;
        (self.code(key, client, step, size) == cookie & 0x00ff_ffff)
            .then(|| SIZES.get(size).copied())
            .flatten()
    }
}
