//! LCP's options in negotiation.

use super::config::{LcpConfig, hundredths};
use super::option::{
    AuthMethod, FcsAlternatives, LcpOption, LcpOptionKind, LcpValues, quality_option,
};
use crate::automaton::{Judgement, Negotiation, Offer};
use crate::wire::{Code, ConfigOption, ConfigOptions, PppProtocol};
use packet_buffer::RandomSource;
use packet_buffer::tlv::Tlv;

/// What one end of a link asks for, and what was agreed so far.
#[derive(Debug, Clone)]
pub struct LcpNegotiation {
    config: LcpConfig,
    /// What our next request says.
    wanted: LcpValues,
    /// What the peer has acknowledged: for the direction to us.
    ours: LcpValues,
    /// What we have acknowledged: for the direction to the peer.
    peers: LcpValues,
    /// The magic number that the peer is told to take when it has ours.
    suggested_magic: u32,
    /// Requests with our own magic number, in a row.
    own_magic_seen: u32,
    /// Ways to authenticate that the peer has refused.
    refused_auth: [Option<AuthMethod>; 4],
    auth_rejected: bool,
}

impl LcpNegotiation {
    /// What `config` asks for. It is checked by [`Lcp::new`](super::Lcp::new).
    pub fn new(config: LcpConfig) -> Self {
        Self {
            config,
            wanted: LcpValues::default(),
            ours: LcpValues::default(),
            peers: LcpValues::default(),
            suggested_magic: 0,
            own_magic_seen: 0,
            refused_auth: [None; 4],
            auth_rejected: false,
        }
    }

    /// What holds for packets to us. Until the layer is open these are the defaults.
    pub const fn ours(&self) -> &LcpValues {
        &self.ours
    }

    /// What holds for packets to the peer.
    pub const fn peers(&self) -> &LcpValues {
        &self.peers
    }

    /// Sets what holds in both directions, where it is not negotiated.
    pub(super) const fn assume(&mut self, ours: LcpValues, peers: LcpValues) {
        self.ours = ours;
        self.peers = peers;
    }

    /// What was configured.
    pub const fn config(&self) -> &LcpConfig {
        &self.config
    }

    /// Whether requests with our own magic number have come so often that the line must be looped
    /// back.
    pub const fn is_looped_back(&self) -> bool {
        self.own_magic_seen >= self.config.loopback_hits
    }

    /// Whether the peer has to authenticate itself and will not by any way that we take.
    pub fn is_auth_refused(&self) -> bool {
        !self.config.require_auth.is_empty() && (self.auth_rejected || self.wanted.auth.is_none())
    }

    /// The best way to authenticate that the peer has not refused.
    fn next_auth(&self) -> Option<AuthMethod> {
        let refused = |method: &AuthMethod| self.refused_auth.contains(&Some(*method));
        let mut methods = self.config.require_auth.iter();
        methods.find(|method| !refused(method)).copied()
    }

    fn refuse_auth(&mut self, method: AuthMethod) {
        if let Some(free) = self.refused_auth.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(method);
        }
    }

    fn judge_auth(&self, method: Option<AuthMethod>) -> Judgement {
        let allowed = &self.config.allow_auth;
        match (method, allowed.first()) {
            (Some(method), _) if allowed.contains(&method) => Judgement::Ack,
            // RFC 1661 §6.2 MUST (nak): a way that will not do is answered with one that will.
            (_, Some(best)) => Judgement::Nak(best.to_option()),
            (_, None) => Judgement::Reject,
        }
    }

    fn judge_magic(&self, magic: u32) -> Judgement {
        let suggested = ConfigOption::number32(LcpOptionKind::MAGIC_NUMBER.0, self.suggested_magic);
        if magic == 0 {
            // RFC 1661 §6.4 MUST (zero): a magic number of zero is not accepted.
            Judgement::Nak(suggested)
        } else if magic == self.wanted.magic {
            // RFC 1661 §6.4 MUST (own): nor is our own, which means that the line may be looped
            // back. A Reject that comes back to us would take the number away, and the loop with it.
            Judgement::Insist(suggested)
        } else {
            Judgement::Ack
        }
    }

    fn judge_fcs(&self, fcs: FcsAlternatives) -> Judgement {
        let common = fcs.common(self.config.fcs);
        let kind = LcpOptionKind::FCS_ALTERNATIVES.0;
        if self.config.fcs == FcsAlternatives::FCS_16 && fcs != FcsAlternatives::FCS_16 {
            Judgement::Reject
        } else if common == fcs && !fcs.is_empty() {
            Judgement::Ack
        } else {
            let wanted = if common.is_empty() {
                self.config.fcs
            } else {
                common
            };
            ConfigOption::new(kind, &[wanted.0]).map_or(Judgement::Reject, Judgement::Nak)
        }
    }

    fn judge_quality(&self, protocol: PppProtocol, data: &[u8]) -> Judgement {
        match self.config.quality.and_then(hundredths) {
            None => Judgement::Reject,
            Some(_) if protocol == PppProtocol::LQR && data.len() == 4 => Judgement::Ack,
            Some(period) => quality_option(period).map_or(Judgement::Reject, Judgement::Nak),
        }
    }

    /// The value that would do in place of one whose length is wrong.
    fn replacement(&self, kind: LcpOptionKind) -> Judgement {
        match kind {
            LcpOptionKind::MAXIMUM_RECEIVE_UNIT => {
                Judgement::Nak(ConfigOption::number16(kind.0, LcpValues::default().mru))
            }
            LcpOptionKind::ASYNC_CONTROL_CHARACTER_MAP => {
                Judgement::Nak(ConfigOption::number32(kind.0, 0))
            }
            LcpOptionKind::MAGIC_NUMBER => {
                Judgement::Nak(ConfigOption::number32(kind.0, self.suggested_magic))
            }
            LcpOptionKind::AUTHENTICATION_PROTOCOL => self.judge_auth(None),
            LcpOptionKind::PROTOCOL_FIELD_COMPRESSION
            | LcpOptionKind::ADDRESS_AND_CONTROL_FIELD_COMPRESSION => {
                Judgement::Nak(ConfigOption::flag(kind.0))
            }
            _ => Judgement::Reject,
        }
    }
}

impl Negotiation for LcpNegotiation {
    const PROTOCOL: PppProtocol = PppProtocol::LCP;

    fn is_own_code(code: Code) -> bool {
        (Code::PROTOCOL_REJECT.0..=Code::TIME_REMAINING.0).contains(&code.0)
    }

    fn restart(&mut self, random: &mut dyn RandomSource) {
        let config = &self.config;
        self.wanted = LcpValues {
            mru: config.mru.min(config.limits.max_mru),
            accm: config.accm.unwrap_or(u32::MAX),
            auth: config.require_auth.first().copied(),
            quality: config.quality.and_then(hundredths),
            magic: if config.magic { magic(random) } else { 0 },
            protocol_field_compression: config.protocol_field_compression,
            address_and_control_field_compression: config.address_and_control_field_compression,
            fcs: config.fcs,
            mrru: config.multilink.map(|multilink| multilink.mrru),
            short_sequence_number: config
                .multilink
                .is_some_and(|multilink| multilink.short_sequence_number),
            endpoint: config.multilink.and_then(|multilink| multilink.endpoint),
        };
        self.ours = LcpValues::default();
        self.peers = LcpValues::default();
        self.suggested_magic = magic(random);
        self.own_magic_seen = 0;
        self.refused_auth = [None; 4];
        self.auth_rejected = false;
    }

    fn request(&self, offer: &mut Offer) {
        for option in self.wanted.options() {
            offer.push(option);
        }
    }

    fn judge(&self, option: &Tlv<'_>) -> Judgement {
        let kind = LcpOptionKind(option.kind);
        let limits = &self.config.limits;
        let accept = |yes: bool| {
            if yes {
                Judgement::Ack
            } else {
                Judgement::Reject
            }
        };
        match LcpOption::read(option) {
            LcpOption::MaximumReceiveUnit(mru) if mru < limits.min_mru => {
                Judgement::Nak(ConfigOption::number16(kind.0, limits.min_mru))
            }
            LcpOption::MaximumReceiveUnit(mru) if mru > limits.max_mru => {
                Judgement::Nak(ConfigOption::number16(kind.0, limits.max_mru))
            }
            LcpOption::MaximumReceiveUnit(_) | LcpOption::EndpointDiscriminator(_) => {
                Judgement::Ack
            }
            LcpOption::AsyncControlCharacterMap(_) => accept(limits.accm),
            LcpOption::FcsAlternatives(_) if !limits.fcs => Judgement::Reject,
            LcpOption::AuthenticationProtocol(method) => self.judge_auth(method),
            LcpOption::QualityProtocol(protocol, data) => self.judge_quality(protocol, data),
            LcpOption::MagicNumber(magic) => self.judge_magic(magic),
            LcpOption::ProtocolFieldCompression => accept(limits.protocol_field_compression),
            LcpOption::AddressAndControlFieldCompression => {
                accept(limits.address_and_control_field_compression)
            }
            LcpOption::FcsAlternatives(fcs) => self.judge_fcs(fcs),
            LcpOption::MultilinkMrru(mrru) => match self.config.multilink {
                None => Judgement::Reject,
                Some(_) if mrru >= limits.min_mru => Judgement::Ack,
                Some(_) => Judgement::Nak(ConfigOption::number16(kind.0, limits.min_mru)),
            },
            LcpOption::ShortSequenceNumber => accept(
                self.config
                    .multilink
                    .is_some_and(|multilink| multilink.short_sequence_number),
            ),
            LcpOption::BadLength(kind) => self.replacement(kind),
            LcpOption::Unknown(..) => Judgement::Reject,
        }
    }

    fn accept(&mut self, request: &ConfigOptions<'_>) {
        let mut peers = LcpValues::default();
        for option in request {
            peers.apply(&LcpOption::read(&option));
        }
        // A peer that says nothing takes more than the line carries.
        peers.mru = peers.mru.min(self.config.limits.max_mru);
        self.peers = peers;
        self.own_magic_seen = 0;
    }

    fn refuse(&mut self, request: &ConfigOptions<'_>, _: Code, random: &mut dyn RandomSource) {
        let option = request.find(LcpOptionKind::MAGIC_NUMBER.0);
        let its = option.map(|option| LcpOption::read(&option));
        if self.wanted.magic != 0 && its == Some(LcpOption::MagicNumber(self.wanted.magic)) {
            self.own_magic_seen += 1;
        } else {
            self.own_magic_seen = 0;
        }
        self.suggested_magic = magic(random);
    }

    fn naked(&mut self, option: &Tlv<'_>, random: &mut dyn RandomSource) {
        let asked = |kind: LcpOptionKind| {
            let mut options = self.wanted.options();
            options.any(|option| option.kind() == kind.0)
        };
        match LcpOption::read(option) {
            // RFC 1661 §6.4 MUST (nak): a new number is drawn, whatever the peer suggests.
            LcpOption::MagicNumber(_) if self.wanted.magic != 0 => {
                self.wanted.magic = magic(random)
            }
            LcpOption::MaximumReceiveUnit(mru) => {
                // A larger one would be more than we take; the default is always taken.
                let most = self.config.mru.max(1500).min(self.config.limits.max_mru);
                self.wanted.mru = mru.clamp(128, most);
            }
            LcpOption::AsyncControlCharacterMap(accm) if self.config.accm.is_some() => {
                // What the peer wants to escape is escaped beside what we want.
                self.wanted.accm |= accm;
            }
            LcpOption::AuthenticationProtocol(hint) => {
                let Some(refused) = self.wanted.auth else {
                    return;
                };
                self.refuse_auth(refused);
                // Only what was configured is taken: a hint cannot talk us into something weaker.
                let taken = hint.filter(|method| {
                    self.config.require_auth.contains(method)
                        && !self.refused_auth.contains(&Some(*method))
                });
                self.wanted.auth = taken.or_else(|| self.next_auth());
            }
            LcpOption::QualityProtocol(PppProtocol::LQR, data)
                if asked(LcpOptionKind::QUALITY_PROTOCOL) =>
            {
                if let Ok(period) = <[u8; 4]>::try_from(data) {
                    self.wanted.quality = Some(u32::from_be_bytes(period));
                }
            }
            LcpOption::FcsAlternatives(fcs) if asked(LcpOptionKind::FCS_ALTERNATIVES) => {
                let common = fcs.common(self.config.fcs);
                self.wanted.fcs = if common.is_empty() {
                    FcsAlternatives::FCS_16
                } else {
                    common
                };
            }
            LcpOption::MultilinkMrru(mrru) => {
                if let (Some(multilink), Some(_)) = (self.config.multilink, self.wanted.mrru) {
                    self.wanted.mrru = Some(mrru.clamp(128, multilink.mrru));
                }
            }
            _ => {}
        }
    }

    fn rejected(&mut self, option: &Tlv<'_>) {
        let default = LcpValues::default();
        match LcpOptionKind(option.kind) {
            LcpOptionKind::MAXIMUM_RECEIVE_UNIT => self.wanted.mru = default.mru,
            LcpOptionKind::ASYNC_CONTROL_CHARACTER_MAP => self.wanted.accm = default.accm,
            LcpOptionKind::AUTHENTICATION_PROTOCOL => {
                self.wanted.auth = None;
                self.auth_rejected = true;
            }
            LcpOptionKind::QUALITY_PROTOCOL => self.wanted.quality = None,
            LcpOptionKind::MAGIC_NUMBER => self.wanted.magic = 0,
            LcpOptionKind::PROTOCOL_FIELD_COMPRESSION => {
                self.wanted.protocol_field_compression = false;
            }
            LcpOptionKind::ADDRESS_AND_CONTROL_FIELD_COMPRESSION => {
                self.wanted.address_and_control_field_compression = false;
            }
            LcpOptionKind::FCS_ALTERNATIVES => self.wanted.fcs = default.fcs,
            // RFC 1990 §5.1.1 MUST (no-mrru): without the MRRU there is no multilink.
            LcpOptionKind::MULTILINK_MRRU => {
                self.wanted.mrru = None;
                self.wanted.short_sequence_number = false;
            }
            LcpOptionKind::SHORT_SEQUENCE_NUMBER => self.wanted.short_sequence_number = false,
            LcpOptionKind::ENDPOINT_DISCRIMINATOR => self.wanted.endpoint = None,
            _ => {}
        }
    }

    fn acknowledged(&mut self) {
        self.ours = self.wanted;
    }
}

/// A magic number, which is never zero.
fn magic(random: &mut dyn RandomSource) -> u32 {
    let mut octets = [0; 4];
    random.fill(&mut octets);
    u32::from_be_bytes(octets).max(1)
}
