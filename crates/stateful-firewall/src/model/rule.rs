//! Rules: a condition, what is done, and what goes with it.

use super::address::{Addresses, PortRange, ValueError, list};
use super::condition::{Condition, IcmpMatch, Protocol};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

/// What is done with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Action {
    /// It passes, and so do the packets of its session both ways.
    Accept,
    /// It is dropped in silence.
    #[default]
    Drop,
    /// It is dropped and its sender told: a TCP RST for TCP, ICMP "communication administratively
    /// prohibited" for everything else, as far as the rate limit of answers allows.
    Reject,
    /// The next rules are asked. Log, mark and counters of this rule take effect.
    Continue,
    /// It is handed to the caller, who decides or takes the connection over as a proxy. The number
    /// tells the caller's queues apart.
    Queue(u16),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Reject => f.write_str("reject"),
            Self::Continue => f.write_str("continue"),
            Self::Queue(number) => write!(f, "queue {number}"),
        }
    }
}

/// So many in a time, and so many at once. As text: `10/second`, `100/minute burst 20`; the burst is
/// the count when it is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many in `per`.
    pub count: u32,
    /// The time.
    pub per: Duration,
    /// How many at once after a quiet time.
    pub burst: u32,
}

impl Rate {
    /// So many a second.
    pub const fn per_second(count: u32) -> Self {
        Self {
            count,
            per: Duration::from_secs(1),
            burst: count,
        }
    }
}

const UNITS: [(&str, u64); 4] = [
    ("second", 1),
    ("minute", 60),
    ("hour", 3_600),
    ("day", 86_400),
];

impl FromStr for Rate {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bad = || ValueError::Name(text.to_string());
        let mut words = text.split_ascii_whitespace();
        let (count, unit) = words
            .next()
            .and_then(|word| word.split_once('/'))
            .ok_or_else(bad)?;
        let count = count.parse().map_err(|_| bad())?;
        let (_, seconds) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(bad)?;
        let burst = match (words.next(), words.next(), words.next()) {
            (None, ..) => count,
            (Some("burst"), Some(burst), None) => burst.parse().map_err(|_| bad())?,
            _ => return Err(bad()),
        };
        if count == 0 || burst == 0 {
            return Err(bad());
        }
        Ok(Self {
            count,
            per: Duration::from_secs(*seconds),
            burst,
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.per.as_secs();
        match UNITS.iter().find(|(_, length)| *length == seconds) {
            Some((name, _)) => write!(f, "{}/{name}", self.count)?,
            None => write!(f, "{}/{seconds}s", self.count)?,
        }
        if self.burst == self.count {
            return Ok(());
        }
        write!(f, " burst {}", self.burst)
    }
}

/// How much of what it accepts a rule lets through. What is over a limit is dropped, and does not go
/// on to later rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(default, rename_all = "kebab-case", deny_unknown_fields)
)]
pub struct Limits {
    /// New sessions in a time.
    pub rate: Option<Rate>,
    /// New sessions in a time from one source address (IPv6: from one /64).
    pub rate_per_source: Option<Rate>,
    /// Sessions at a time.
    pub sessions: Option<u32>,
    /// Sessions at a time from one source address (IPv6: from one /64).
    pub sessions_per_source: Option<u32>,
}

impl Limits {
    /// Whether there is no limit.
    pub const fn is_none(&self) -> bool {
        self.rate.is_none()
            && self.rate_per_source.is_none()
            && self.sessions.is_none()
            && self.sessions_per_source.is_none()
    }
}

/// A protocol whose control connection announces other connections, which are let through.
///
/// Helpers work for the rules that name them and for no others: a helper that looks into every
/// connection is what NAT slipstreaming uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Helper {
    /// FTP: PORT, EPRT and the answers to PASV and EPSV (RFC 959, RFC 2428).
    Ftp,
    /// TFTP: the transfer comes from another port (RFC 1350).
    Tftp,
    /// SIP over UDP: media as announced by SDP (RFC 3261, RFC 4566).
    Sip,
}

impl fmt::Display for Helper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ftp => "ftp",
            Self::Tftp => "tftp",
            Self::Sip => "sip",
        })
    }
}

/// A rule of the stateful part. Rules are asked in order about the first packet of a session, and
/// the first whose zones and condition hold decides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(default, rename_all = "kebab-case", deny_unknown_fields)
)]
pub struct Rule {
    /// What logs and counters call it.
    pub name: String,
    /// The zones that the packet may come from; none stands for all.
    pub from: Vec<String>,
    /// The zones that the packet may go to; none stands for all.
    pub to: Vec<String>,
    /// What is asked of the packet.
    #[cfg_attr(feature = "serde", serde(rename = "match"))]
    pub condition: Condition,
    /// What is done.
    pub action: Action,
    /// Whether that is logged.
    pub log: bool,
    /// A number that the packets of the session carry in their verdicts, for the caller's use.
    pub mark: Option<u32>,
    /// How much of it.
    pub limits: Limits,
    /// A helper that reads the session.
    pub helper: Option<Helper>,
    /// The application filter that reads the session.
    pub filter: Option<String>,
    /// Whether the firewall answers the handshake itself and asks the server only when the client
    /// has shown that it exists.
    pub syn_proxy: bool,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.name.is_empty() {
            write!(f, "{}: ", self.name)?;
        }
        fmt::Display::fmt(&self.action, f)?;
        let condition = self.condition.to_string();
        if condition != "any" {
            write!(f, " {condition}")?;
        }
        if !self.from.is_empty() {
            f.write_str(" from-zone ")?;
            list(f, &self.from)?;
        }
        if !self.to.is_empty() {
            f.write_str(" to-zone ")?;
            list(f, &self.to)?;
        }
        if self.log {
            f.write_str(" log")?;
        }
        if let Some(mark) = self.mark {
            write!(f, " mark {mark}")?;
        }
        if let Some(rate) = &self.limits.rate {
            write!(f, " limit {rate}")?;
        }
        if let Some(rate) = &self.limits.rate_per_source {
            write!(f, " limit-per-source {rate}")?;
        }
        if let Some(sessions) = self.limits.sessions {
            write!(f, " sessions {sessions}")?;
        }
        if let Some(sessions) = self.limits.sessions_per_source {
            write!(f, " sessions-per-source {sessions}")?;
        }
        if let Some(helper) = self.helper {
            write!(f, " helper {helper}")?;
        }
        if let Some(filter) = &self.filter {
            write!(f, " filter {filter}")?;
        }
        if self.syn_proxy {
            f.write_str(" syn-proxy")?;
        }
        Ok(())
    }
}

/// An entry of a stateless access list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(default, rename_all = "kebab-case", deny_unknown_fields)
)]
pub struct AclEntry {
    /// Its place: entries are asked from the lowest number up. Different for each entry of a list.
    pub number: u16,
    /// Whether the packet passes.
    pub permit: bool,
    /// What is asked of the packet. Users are not known to access lists.
    #[cfg_attr(feature = "serde", serde(rename = "match"))]
    pub condition: Condition,
    /// Whether that is logged.
    pub log: bool,
}

/// A stateless access list, as a cloud's network ACL: asked about every packet, in each direction
/// that it is bound to; the first entry that holds decides, and a packet that none holds for is
/// denied. Answers need an entry too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(default, rename_all = "kebab-case", deny_unknown_fields)
)]
pub struct Acl {
    /// What interfaces call it.
    pub name: String,
    /// The entries, in any order.
    #[cfg_attr(feature = "serde", serde(rename = "entry"))]
    pub entries: Vec<AclEntry>,
}

/// What a security group allows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(default, rename_all = "kebab-case", deny_unknown_fields)
)]
pub struct GroupRule {
    /// The protocols; none stands for all.
    pub protocols: Vec<Protocol>,
    /// The other end.
    pub peer: Addresses,
    /// The port of the end that is asked: the member's for what comes in, the peer's for what goes
    /// out. None stands for all.
    pub ports: Vec<PortRange>,
    /// Types of ICMP messages; none stands for all.
    pub icmp: Vec<IcmpMatch>,
}

/// A security group, as in a cloud: what hosts behind an interface may receive and send. Groups
/// only allow; those of an interface add up, and what none allows is dropped. They are stateful:
/// answers need no rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(default, rename_all = "kebab-case", deny_unknown_fields)
)]
pub struct SecurityGroup {
    /// What interfaces and other groups call it.
    pub name: String,
    /// Addresses that belong to the group, for rules of others that name it; hosts behind
    /// interfaces that the group is attached to belong to it as well.
    pub members: Addresses,
    /// What may come to the hosts behind the interface.
    #[cfg_attr(feature = "serde", serde(rename = "in"))]
    pub inbound: Vec<GroupRule>,
    /// What those hosts may begin.
    #[cfg_attr(feature = "serde", serde(rename = "out"))]
    pub outbound: Vec<GroupRule>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_and_print_alike() {
        for text in ["10/second", "100/minute burst 20", "1/day"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
        for text in [
            "10",
            "0/second",
            "5/week",
            "5/second burst",
            "5/second burst 0",
            "5/second 9",
            "",
        ] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }
}
