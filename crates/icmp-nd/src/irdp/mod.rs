//! Router discovery for IPv4 (RFC 1256), host and router.
//!
//! A router tells its addresses now and then, and when it is asked; a host keeps those that are its
//! neighbors, and uses the one that is preferred most. [`IrdpHost`] and [`IrdpRouter`] have the calls of
//! machines; they read and write whole IPv4 packets.
//!
//! ```
//! use icmp_nd::irdp::{Advertised, HostEvent, IrdpHost, IrdpHostConfig, IrdpRouter, IrdpRouterConfig};
//! use icmp_nd::{Instant, PacketBuf};
//! use packet_buffer::random::OsRandom;
//!
//! let prefix = "192.0.2.0/24".parse()?;
//! let router = Advertised { address: [192, 0, 2, 254].into(), prefix, preference: 10 };
//! let mut router = IrdpRouter::new(Instant::ZERO, IrdpRouterConfig::new(vec![router]), Box::new(OsRandom))?;
//! let host = IrdpHostConfig::new([192, 0, 2, 1].into(), vec![prefix]);
//! let mut host = IrdpHost::new(Instant::ZERO, host, Box::new(OsRandom))?;
//!
//! let now = router.poll_timeout().expect("the first advertisement");
//! router.handle_timeout(now);
//! let mut packet = PacketBuf::with_headroom(64);
//! router.poll_transmit(&mut packet).expect("an advertisement");
//! host.handle_input(now, packet.as_slice())?;
//! assert_eq!(host.default_router(), Some([192, 0, 2, 254].into()));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod host;
mod router;

pub use host::{
    HostDiscard, HostEvent, HostStats, IrdpHost, IrdpHostConfig, IrdpHostConfigError, KnownRouter,
};
pub use router::{
    Advertised, IrdpRouter, IrdpRouterConfig, IrdpRouterConfigError, RouterDiscard, RouterStats,
};

use core::net::Ipv4Addr;
use core::time::Duration;
use packet_buffer::RandomSource;
use packet_buffer::wire::{Icmpv4Message, IpProtocol, Ipv4Packet};
use packet_buffer::{Instant, ParseError};

/// All systems on the link, to which routers advertise (RFC 1256 §4.1).
pub const ALL_SYSTEMS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
/// All routers on the link, which hosts ask (RFC 1256 §5.1).
pub const ALL_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);

/// A moment between `now` and `now + longest`, to the microsecond.
fn within(now: Instant, longest: Duration, random: &mut dyn RandomSource) -> Instant {
    now + random_up_to(longest, random)
}

fn random_up_to(longest: Duration, random: &mut dyn RandomSource) -> Duration {
    let micros = u32::try_from(longest.as_micros()).unwrap_or(u32::MAX);
    Duration::from_micros(u64::from(random.below(micros.saturating_add(1))))
}

/// The ICMP message of an IPv4 packet, both checksums verified. `None` for other packets.
fn icmp<'a>(packet: &'a [u8]) -> Result<Option<(Ipv4Packet<'a>, Icmpv4Message<'a>)>, ParseError> {
    let ip = Ipv4Packet::parse(packet)?;
    ip.verify_checksum()?;
    if ip.protocol() != IpProtocol::ICMP || ip.is_fragment() {
        return Ok(None);
    }
    let message = Icmpv4Message::parse(ip.payload())?;
    message.verify_checksum()?;
    Ok(Some((ip, message)))
}
