//! NAT64: IPv6 hosts reach the IPv4 Internet.
//!
//! | what | specification |
//! |---|---|
//! | [`Pref64`]: IPv4 addresses within IPv6 addresses | RFC 6052 |
//! | [`ipv4_to_ipv6`], [`ipv6_to_ipv4`]: headers, ICMP, quoted packets; stateless | RFC 7915 |

mod address;
mod icmp;
mod to_v4;
mod to_v6;
mod translate;

pub use address::{Pref64, Pref64Error};
pub use to_v4::ipv6_to_ipv4;
pub use to_v6::ipv4_to_ipv6;
pub use translate::{Addresses, TranslateConfig, TranslateError};
