//! What a firewall keeps of one session beside the protocol's state, as a value for a flow table's
//! entry.

use super::verdict::{DropReason, Path};
use super::{FirewallConfig, facts, sanity};
use crate::compile::{CompiledPolicy, RuleId};
use crate::facts::InterfaceId;
use crate::model::Action;
use flow_state::{Direction, FlowPacket};

/// By which rule a session was let in, and between which interfaces: 8 octets.
///
/// [`Firewall`](crate::Firewall) keeps one for each session, beside the
/// [`FlowState`](flow_state::FlowState). A gateway that has a table of its own, for address translation
/// above all, can keep it in the same entry: then a packet is read once, looked up once and tracked
/// once.
///
/// ```
/// use flow_state::{Direction, FlowPacket, FlowState, TcpPolicy};
/// use stateful_firewall::{Admission, FirewallConfig, Instant, PacketBuf, Path, language};
/// # use packet_buffer::wire::{Ipv4Repr, IpProtocol, PseudoHeader, UdpRepr};
///
/// let policy = language::compile("
///     zone inside level 100
///     zone outside level 0
///     interface lan0 zone inside
///     interface wan0 zone outside
///     rules from inside to outside { accept udp port 53
///     }
/// ")?;
/// let [lan, wan] = ["lan0", "wan0"].map(|name| policy.interface(name).expect("declared above"));
/// let (out, back) = (Path::new(lan, wan), Path::new(wan, lan));
/// let config = FirewallConfig::new(1);
/// # let mut packet = PacketBuf::new();
/// # let (source, destination) = ([192, 0, 2, 7].into(), [198, 51, 100, 53].into());
/// # let addresses = PseudoHeader::V4 { source, destination };
/// # UdpRepr { source_port: 40_000, destination_port: 53 }.emit(&mut packet, &addresses)?;
/// # Ipv4Repr::new(source, destination, IpProtocol::UDP).emit(&mut packet)?;
///
/// // A packet that no entry is there for.
/// let query = FlowPacket::parse(packet.as_slice())?;
/// config.check_packet(&query)?;
/// let state = FlowState::new(&TcpPolicy::Strict, Instant::ZERO, &query)?;
/// let admission = Admission::decide(&policy, &out, &query)?;
///
/// // Later packets of the session, which `state` tracks.
/// assert!(admission.fits(&policy, Direction::Original, &out));
/// assert!(admission.fits(&policy, Direction::Reply, &back));
/// assert!(!admission.fits(&policy, Direction::Reply, &out));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// Access lists, limits, helpers, filters, logs and the SYN proxy are the firewall's own.
// From the top: the rule (24 bits), the interface of the original direction's packets on their way in
// (13), and on their way out (13), and flags (14). All ones stand for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission(u64);

const NO_RULE: u64 = 0xff_ffff;
const NO_INTERFACE: u64 = 0x1fff;
const FLAGS: u64 = 0x3fff;

impl Admission {
    pub(crate) fn new(
        rule: Option<RuleId>,
        ingress: Option<InterfaceId>,
        egress: Option<InterfaceId>,
        flags: u64,
    ) -> Self {
        let interface =
            |id: Option<InterfaceId>| id.map_or(NO_INTERFACE, |id| u64::from(id.0) & NO_INTERFACE);
        let mut new = Self(flags & FLAGS | interface(ingress) << 27 | interface(egress) << 14);
        new.set_rule(rule);
        new
    }

    /// Asks groups, rules and levels whether a packet may begin a session.
    ///
    /// # Errors
    ///
    /// [`DropReason::Policy`], when it may not, or the rule has the caller decide;
    /// [`DropReason::Interface`], when the policy does not have the interfaces.
    pub fn decide(
        policy: &CompiledPolicy,
        path: &Path<'_>,
        packet: &FlowPacket<'_>,
    ) -> Result<Self, DropReason> {
        let facts = facts(policy, path, packet).ok_or(DropReason::Interface)?;
        let decision = policy.decide(&facts);
        match decision.action {
            Action::Accept => Ok(Self::new(decision.rule(), path.ingress, path.egress, 0)),
            _ => Err(DropReason::Policy(decision.reason)),
        }
    }

    /// The rule that let the session in; `None` when a level did.
    #[inline]
    pub fn rule(&self) -> Option<RuleId> {
        let number = self.0 >> 40;
        if number == NO_RULE {
            return None;
        }
        u32::try_from(number).ok().map(RuleId)
    }

    pub(crate) fn set_rule(&mut self, rule: Option<RuleId>) {
        let number = rule.map_or(NO_RULE, |rule| u64::from(rule.0).min(NO_RULE));
        self.0 = self.0 & !(NO_RULE << 40) | number << 40;
    }

    /// The interface by which packets of this direction come in.
    #[inline]
    pub fn ingress(&self, direction: Direction) -> Option<InterfaceId> {
        let shift = match direction {
            Direction::Original => 27,
            Direction::Reply => 14,
        };
        let number = self.0 >> shift & NO_INTERFACE;
        if number == NO_INTERFACE {
            return None;
        }
        u16::try_from(number).ok().map(InterfaceId)
    }

    /// Whether a packet of the session goes between the zones that it was let in for. Interfaces may
    /// change, as when a route does; zones may not.
    #[inline(always)]
    pub fn fits(&self, policy: &CompiledPolicy, direction: Direction, path: &Path<'_>) -> bool {
        let begun = (self.ingress(direction), self.ingress(direction.reversed()));
        let now = (path.ingress, path.egress);
        begun == now || same_zones(policy, begun, now)
    }

    #[inline]
    pub(crate) const fn has(&self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    pub(crate) const fn set(&mut self, flag: u64, on: bool) {
        if on {
            self.0 |= flag & FLAGS;
        } else {
            self.0 &= !(flag & FLAGS);
        }
    }
}

/// Whether two ways through the router are between the same zones.
#[cold]
fn same_zones(
    policy: &CompiledPolicy,
    (from, to): (Option<InterfaceId>, Option<InterfaceId>),
    (now_from, now_to): (Option<InterfaceId>, Option<InterfaceId>),
) -> bool {
    let same = |begun, now| begun == now || policy.zone_of(begun) == policy.zone_of(now);
    same(from, now_from) && same(to, now_to)
}

impl FirewallConfig {
    /// What a firewall asks of every packet before its session: that no header is odd, that its
    /// addresses can be, and, where [`verify_checksums`](Self::verify_checksums) says so, that
    /// checksums are right.
    ///
    /// # Errors
    ///
    /// What is wrong.
    #[inline(always)]
    pub fn check_packet(&self, packet: &FlowPacket<'_>) -> Result<(), DropReason> {
        sanity::header(self, packet)?;
        if self.verify_checksums {
            packet.verify().map_err(DropReason::Checksum)?;
        }
        Ok(())
    }
}
