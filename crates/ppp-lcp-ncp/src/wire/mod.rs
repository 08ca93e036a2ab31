//! Control packets and their options, read and written.
//!
//! | format | view | `Repr` | specification |
//! |---|---|---|---|
//! | a packet: protocol and information, with the Address and Control fields or without | [`PppPacket`] | [`PppRepr`] | RFC 1661 §2, RFC 1662 §3.1 |
//! | control packets | [`ControlPacket`] | [`ControlRepr`] | RFC 1661 §5 |
//! | configuration options | [`ConfigOptions`] | [`ConfigOption`] | RFC 1661 §6 |

mod control;
mod option;
mod packet;
mod protocol;

pub use control::{Code, ControlPacket, ControlRepr};
pub use option::{ConfigOption, ConfigOptions};
pub use packet::{PppPacket, PppRepr};
pub use protocol::PppProtocol;
