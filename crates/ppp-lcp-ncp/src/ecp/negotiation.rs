//! ECP's options.
//!
//! | option | type | data | RFC |
//! |---|---:|---|---|
//! | 3DESE | 2 | a nonce of 8 octets | 2420 §2 |
//! | DESE-bis | 3 | a nonce of 8 octets | 2419 §4 |
//!
//! The first DESE (1), which RFC 2419 replaces, is rejected, as are all others.

use crate::auth::Secret;
use crate::automaton::{Judgement, Negotiation, Offer};
use crate::wire::{Code, ConfigOption, ConfigOptions, PppProtocol};
use packet_buffer::RandomSource;
use packet_buffer::tlv::Tlv;

packet_buffer::code_points! {
    /// The type of an ECP option.
    pub struct EcpOptionKind(u8) {
        /// A maker's own algorithm.
        OUI = 0 => "Organization",
        /// The first DESE (RFC 1969).
        DESE = 1 => "DESE",
        /// Triple DES (RFC 2420).
        TRIPLE_DESE = 2 => "3DESE",
        /// DES (RFC 2419).
        DESE_BIS = 3 => "DESE-bis",
    }
}

/// What packets of a direction are encrypted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EcpMethod {
    /// Triple DES.
    TripleDese,
    /// DES.
    DeseBis,
}

impl EcpMethod {
    /// All of them, the strongest first.
    pub const ALL: [Self; 2] = [Self::TripleDese, Self::DeseBis];

    /// Octets of the key: the lowest bit of each is parity and does not count.
    pub const fn key_len(self) -> usize {
        match self {
            Self::TripleDese => 24,
            Self::DeseBis => 8,
        }
    }

    // RFC 2420 §2 MUST (option): type 2.
    // RFC 2419 §4 MUST (option): type 3.
    const fn kind(self) -> EcpOptionKind {
        match self {
            Self::TripleDese => EcpOptionKind::TRIPLE_DESE,
            Self::DeseBis => EcpOptionKind::DESE_BIS,
        }
    }
}

/// What an end of a link encrypts with. Methods without a key are rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcpConfig {
    /// Whether nothing may go in clear: no network opens before encryption does, and the link ends when
    /// it is refused or ends. Default: true.
    pub required: bool,
    /// The key of 3DESE, three DES keys in a row: 24 octets. Default: none.
    pub triple_dese_key: Option<Secret>,
    /// The key of DESE-bis: 8 octets. Default: none.
    pub dese_key: Option<Secret>,
}

impl Default for EcpConfig {
    fn default() -> Self {
        Self {
            required: true,
            triple_dese_key: None,
            dese_key: None,
        }
    }
}

impl EcpConfig {
    /// The key of a method.
    pub(super) const fn key(&self, method: EcpMethod) -> Option<&Secret> {
        match method {
            EcpMethod::TripleDese => self.triple_dese_key.as_ref(),
            EcpMethod::DeseBis => self.dese_key.as_ref(),
        }
    }

    /// What is wrong with it.
    pub(crate) fn problem(&self) -> Option<(&'static str, &'static str)> {
        let wrong = |method: EcpMethod| {
            self.key(method)
                .is_some_and(|key| key.expose().len() != method.key_len())
        };
        if self.triple_dese_key.is_none() && self.dese_key.is_none() {
            Some(("dese_key", "a key is needed"))
        } else if wrong(EcpMethod::TripleDese) {
            Some(("triple_dese_key", "must have 24 octets"))
        } else if wrong(EcpMethod::DeseBis) {
            Some(("dese_key", "must have 8 octets"))
        } else {
            None
        }
    }
}

/// A method and the nonce with which the sender begins.
pub(super) type Agreed = (EcpMethod, [u8; 8]);

/// What one end asks for, and what was agreed so far.
#[derive(Debug, Clone)]
pub struct EcpNegotiation {
    config: EcpConfig,
    /// What our next request says, for packets to us.
    wanted: Option<EcpMethod>,
    /// Methods that the peer has rejected.
    refused: [bool; 2],
    nonce: [u8; 8],
    receive: Option<Agreed>,
    send: Option<Agreed>,
    acknowledged: u32,
}

impl EcpNegotiation {
    /// What `config` asks for.
    pub const fn new(config: EcpConfig) -> Self {
        Self {
            config,
            wanted: None,
            refused: [false; 2],
            nonce: [0; 8],
            receive: None,
            send: None,
            acknowledged: 0,
        }
    }

    /// What was configured.
    pub const fn config(&self) -> &EcpConfig {
        &self.config
    }

    /// Configures anew, for the next negotiation.
    pub(super) fn set_config(&mut self, config: EcpConfig) {
        self.config = config;
    }

    /// What packets to us are encrypted with; `None` for nothing.
    pub fn receive(&self) -> Option<EcpMethod> {
        self.receive.map(|(method, _)| method)
    }

    /// What packets to the peer are encrypted with.
    pub fn send(&self) -> Option<EcpMethod> {
        self.send.map(|(method, _)| method)
    }

    /// Whether both directions are encrypted.
    pub const fn is_encrypted(&self) -> bool {
        self.receive.is_some() && self.send.is_some()
    }

    pub(super) const fn agreed(&self) -> (Option<Agreed>, Option<Agreed>) {
        (self.receive, self.send)
    }

    pub(super) const fn acknowledged_requests(&self) -> u32 {
        self.acknowledged
    }

    /// The strongest method that has a key and was not refused.
    fn best(&self) -> Option<EcpMethod> {
        let mut methods = EcpMethod::ALL.into_iter().zip(self.refused);
        methods.find_map(|(method, refused)| {
            (!refused && self.config.key(method).is_some()).then_some(method)
        })
    }

    /// The method of an option that is acceptable.
    fn method(&self, option: &Tlv<'_>) -> Option<Agreed> {
        let nonce = <[u8; 8]>::try_from(option.data).ok()?;
        let mut methods = EcpMethod::ALL.into_iter();
        let method = methods.find(|method| method.kind() == EcpOptionKind(option.kind))?;
        self.config.key(method).map(|_| (method, nonce))
    }

    fn option(&self, method: EcpMethod) -> ConfigOption {
        let kind = method.kind().0;
        ConfigOption::new(kind, &self.nonce).unwrap_or(ConfigOption::flag(kind))
    }
}

impl Negotiation for EcpNegotiation {
    const PROTOCOL: PppProtocol = PppProtocol::ECP;

    fn is_own_code(code: Code) -> bool {
        matches!(code, Code::RESET_REQUEST | Code::RESET_ACK)
    }

    // RFC 2419 §4 SHOULD (nonce): the nonce is drawn anew for each negotiation.
    fn restart(&mut self, random: &mut dyn RandomSource) {
        random.fill(&mut self.nonce);
        self.refused = [false; 2];
        self.wanted = self.best();
        self.receive = None;
        self.send = None;
    }

    fn request(&self, offer: &mut Offer) {
        if let Some(method) = self.wanted {
            offer.push(self.option(method));
        }
    }

    // RFC 1968 §4 MUST (unrecognized): options that are not recognized are rejected.
    fn judge(&self, option: &Tlv<'_>) -> Judgement {
        match self.method(option) {
            Some(_) => Judgement::Ack,
            None => Judgement::Reject,
        }
    }

    fn missing(&self, request: &ConfigOptions<'_>, offer: &mut Offer) {
        if self.config.required
            && request.is_empty()
            && let Some(method) = self.best()
        {
            offer.push(self.option(method));
        }
    }

    fn accept(&mut self, request: &ConfigOptions<'_>) {
        // Of several, both ends take the first.
        self.send = request.iter().find_map(|option| self.method(&option));
    }

    fn naked(&mut self, option: &Tlv<'_>, _: &mut dyn RandomSource) {
        // Only what was configured is taken, and what the peer has not refused.
        if let Some((method, _)) = self.method(option)
            && self.wanted.is_some()
        {
            self.wanted = Some(method);
        }
    }

    fn rejected(&mut self, option: &Tlv<'_>) {
        for (method, refused) in EcpMethod::ALL.into_iter().zip(&mut self.refused) {
            *refused |= method.kind() == EcpOptionKind(option.kind);
        }
        self.wanted = self.best();
    }

    fn acknowledged(&mut self) {
        self.acknowledged = self.acknowledged.wrapping_add(1);
        self.receive = self.wanted.map(|method| (method, self.nonce));
    }
}
