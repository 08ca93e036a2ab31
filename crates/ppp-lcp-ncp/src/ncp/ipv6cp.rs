//! IPV6CP's options: the interface identifier (RFC 5072 §4.1). All others are rejected.

use crate::automaton::{Judgement, Negotiation, Offer};
use crate::wire::{Code, ConfigOption, ConfigOptions, PppProtocol};
use core::fmt;
use core::net::Ipv6Addr;
use packet_buffer::RandomSource;
use packet_buffer::tlv::Tlv;

packet_buffer::code_points! {
    /// The type of an IPV6CP option.
    pub struct Ipv6cpOptionKind(u8) {
        /// The low 64 bits of the sender's link-local address.
        INTERFACE_IDENTIFIER = 1 => "Interface-Identifier",
        /// How the sender takes compressed datagrams.
        IPV6_COMPRESSION_PROTOCOL = 2 => "IPv6-Compression-Protocol",
    }
}

/// The low 64 bits of the addresses of an end of the link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceIdentifier(pub u64);

impl InterfaceIdentifier {
    /// None: asks the peer for one.
    pub const ZERO: Self = Self(0);

    /// The "u" bit: the identifier is globally unique, as one of IEEE's is.
    const UNIVERSAL: u64 = 1 << 57;

    /// One that is drawn at random, which is not globally unique and never zero.
    // RFC 5072 §4.1 MUST (u-bit): the "u" bit of a random identifier is zero.
    pub fn random(random: &mut dyn RandomSource) -> Self {
        let mut octets = [0; 8];
        random.fill(&mut octets);
        Self((u64::from_be_bytes(octets) & !Self::UNIVERSAL).max(1))
    }

    /// The link-local address with this identifier (RFC 5072 §5).
    pub const fn link_local(self) -> Ipv6Addr {
        Ipv6Addr::from_bits(0xfe80 << 112 | self.0 as u128)
    }
}

impl fmt::Display for InterfaceIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g, h, i] = self.0.to_be_bytes();
        let group = |high, low| u16::from_be_bytes([high, low]);
        let (first, second, third, fourth) = (group(a, b), group(c, d), group(e, g), group(h, i));
        write!(f, "{first:x}:{second:x}:{third:x}:{fourth:x}")
    }
}

impl fmt::Debug for InterfaceIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an end of an IPv6 link asks for and gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ipv6cpConfig {
    /// Our identifier; `None` to draw one at random.
    pub identifier: Option<InterfaceIdentifier>,
    /// The peer's identifier; `None` to take the one that it has.
    pub peer_identifier: Option<InterfaceIdentifier>,
}

/// What one end of an IPv6 link asks for, and what was agreed so far.
#[derive(Debug, Clone)]
pub struct Ipv6cpNegotiation {
    config: Ipv6cpConfig,
    /// What our next request says; `None` when the peer does not want to know.
    wanted: Option<InterfaceIdentifier>,
    /// What a peer without an identifier is told to take.
    suggested: InterfaceIdentifier,
    ours: Option<InterfaceIdentifier>,
    peers: Option<InterfaceIdentifier>,
}

impl Ipv6cpNegotiation {
    /// What `config` asks for.
    pub const fn new(config: Ipv6cpConfig) -> Self {
        Self {
            config,
            wanted: None,
            suggested: InterfaceIdentifier::ZERO,
            ours: None,
            peers: None,
        }
    }

    /// What was configured.
    pub const fn config(&self) -> &Ipv6cpConfig {
        &self.config
    }

    /// Our identifier, when it is agreed on.
    pub const fn ours(&self) -> Option<InterfaceIdentifier> {
        self.ours
    }

    /// The peer's identifier, when it is agreed on.
    pub const fn peers(&self) -> Option<InterfaceIdentifier> {
        self.peers
    }

    /// Whether both ends have an identifier, so that they have link-local addresses.
    pub const fn is_complete(&self) -> bool {
        self.ours.is_some() && self.peers.is_some()
    }

    /// What the peer is told to take in place of what it has.
    fn suggestion(&self) -> ConfigOption {
        option(self.config.peer_identifier.unwrap_or(self.suggested))
    }
}

impl Negotiation for Ipv6cpNegotiation {
    const PROTOCOL: PppProtocol = PppProtocol::IPV6CP;

    fn is_own_code(_: Code) -> bool {
        false
    }

    fn restart(&mut self, random: &mut dyn RandomSource) {
        let ours = self.config.identifier;
        self.wanted = Some(ours.unwrap_or_else(|| InterfaceIdentifier::random(random)));
        self.suggested = InterfaceIdentifier::random(random);
        self.ours = None;
        self.peers = None;
    }

    fn request(&self, offer: &mut Offer) {
        if let Some(wanted) = self.wanted {
            offer.push(option(wanted));
        }
    }

    fn judge(&self, option: &Tlv<'_>) -> Judgement {
        if Ipv6cpOptionKind(option.kind) != Ipv6cpOptionKind::INTERFACE_IDENTIFIER {
            return Judgement::Reject;
        }
        let Some(theirs) = identifier(option.data) else {
            return Judgement::Nak(self.suggestion());
        };
        let ours = self.wanted.unwrap_or(InterfaceIdentifier::ZERO);
        match self.config.peer_identifier {
            Some(wanted) if theirs != wanted => Judgement::Nak(self.suggestion()),
            // RFC 5072 §4.1 MUST (both-zero): two ends that have none cannot help each other.
            _ if theirs.0 == 0 && ours.0 == 0 => Judgement::Reject,
            // RFC 5072 §4.1 MUST (zero): an identifier of zero is answered with one to take.
            _ if theirs.0 == 0 => Judgement::Nak(self.suggestion()),
            // RFC 5072 §4.1 MUST (equal): so is our own.
            _ if theirs == ours => Judgement::Nak(self.suggestion()),
            _ => Judgement::Ack,
        }
    }

    fn missing(&self, request: &ConfigOptions<'_>, offer: &mut Offer) {
        if request
            .find(Ipv6cpOptionKind::INTERFACE_IDENTIFIER.0)
            .is_none()
        {
            offer.push(self.suggestion());
        }
    }

    fn accept(&mut self, request: &ConfigOptions<'_>) {
        let told = request.find(Ipv6cpOptionKind::INTERFACE_IDENTIFIER.0);
        self.peers = told.and_then(|option| identifier(option.data));
    }

    fn refuse(&mut self, _: &ConfigOptions<'_>, _: Code, random: &mut dyn RandomSource) {
        self.suggested = InterfaceIdentifier::random(random);
    }

    fn naked(&mut self, option: &Tlv<'_>, random: &mut dyn RandomSource) {
        if Ipv6cpOptionKind(option.kind) != Ipv6cpOptionKind::INTERFACE_IDENTIFIER {
            return;
        }
        // RFC 5072 §4.1 MUST (nak): what the peer suggests, if it can be ours, or another random one.
        let suggested = identifier(option.data).filter(|it| it.0 != 0 && Some(*it) != self.peers);
        self.wanted = Some(suggested.unwrap_or_else(|| InterfaceIdentifier::random(random)));
    }

    fn rejected(&mut self, _: &Tlv<'_>) {
        self.wanted = None;
    }

    fn acknowledged(&mut self) {
        self.ours = self.wanted;
    }
}

fn option(identifier: InterfaceIdentifier) -> ConfigOption {
    let kind = Ipv6cpOptionKind::INTERFACE_IDENTIFIER.0;
    let option = ConfigOption::new(kind, &identifier.0.to_be_bytes());
    option.unwrap_or(ConfigOption::flag(kind))
}

fn identifier(data: &[u8]) -> Option<InterfaceIdentifier> {
    let octets = <[u8; 8]>::try_from(data).ok()?;
    Some(InterfaceIdentifier(u64::from_be_bytes(octets)))
}
