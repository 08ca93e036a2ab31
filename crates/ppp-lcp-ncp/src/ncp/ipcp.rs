//! IPCP's options.
//!
//! | option | type | RFC |
//! |---|---:|---|
//! | IP-Compression-Protocol, Van Jacobson | 2 | 1332 §4 |
//! | IP-Address | 3 | 1332 §3.3 |
//! | Primary and Secondary DNS Server Address | 129, 131 | 1877 §1.1, §1.3 |
//! | Primary and Secondary NBNS Server Address | 130, 132 | 1877 §1.2, §1.4 |
//!
//! IP-Addresses (1) is deprecated and rejected, as are all others.

use crate::automaton::{Judgement, Negotiation, Offer};
use crate::wire::{Code, ConfigOption, ConfigOptions, PppProtocol};
use core::net::Ipv4Addr;
use packet_buffer::RandomSource;
use packet_buffer::tlv::Tlv;

packet_buffer::code_points! {
    /// The type of an IPCP option.
    pub struct IpcpOptionKind(u8) {
        /// Deprecated: both addresses in one.
        IP_ADDRESSES = 1 => "IP-Addresses",
        /// How headers that the sender receives may be compressed.
        IP_COMPRESSION_PROTOCOL = 2 => "IP-Compression-Protocol",
        /// The sender's address.
        IP_ADDRESS = 3 => "IP-Address",
        /// The first DNS server that the sender will use.
        PRIMARY_DNS = 129 => "Primary DNS Server Address",
        /// The first NetBIOS name server that the sender will use.
        PRIMARY_NBNS = 130 => "Primary NBNS Server Address",
        /// The second DNS server.
        SECONDARY_DNS = 131 => "Secondary DNS Server Address",
        /// The second NetBIOS name server.
        SECONDARY_NBNS = 132 => "Secondary NBNS Server Address",
    }
}

/// How the receiver of a direction takes Van Jacobson compressed headers (RFC 1332 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VjParameters {
    /// The highest slot; there is one slot more. At most 254.
    pub max_slot_id: u8,
    /// Whether the slot may be left out when it is that of the packet before.
    pub compress_slot_id: bool,
}

impl VjParameters {
    fn to_option(self) -> ConfigOption {
        let [a, b] = PppProtocol::VJ_COMPRESSED.0.to_be_bytes();
        let kind = IpcpOptionKind::IP_COMPRESSION_PROTOCOL.0;
        let data = [a, b, self.max_slot_id, u8::from(self.compress_slot_id)];
        ConfigOption::new(kind, &data).unwrap_or(ConfigOption::flag(kind))
    }

    fn from_data(data: &[u8]) -> Option<Self> {
        match *data {
            [a, b, max_slot_id, flag]
                if u16::from_be_bytes([a, b]) == PppProtocol::VJ_COMPRESSED.0 =>
            {
                Some(Self {
                    max_slot_id,
                    compress_slot_id: flag != 0,
                })
            }
            _ => None,
        }
    }
}

/// What an end of an IPv4 link asks for and gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IpcpConfig {
    /// Our address; `None` to have the peer give one.
    pub address: Option<Ipv4Addr>,
    /// The peer's address; `None` to take the one that it has. A peer that has another is told this
    /// one.
    pub peer_address: Option<Ipv4Addr>,
    /// Whether an address of ours that is configured gives way to one that the peer wants us to have.
    pub accept_other_address: bool,
    /// Whether we ask for DNS servers.
    pub request_dns: bool,
    /// Whether we ask for NetBIOS name servers.
    pub request_nbns: bool,
    /// DNS servers for a peer that asks.
    pub give_dns: [Option<Ipv4Addr>; 2],
    /// NetBIOS name servers for a peer that asks.
    pub give_nbns: [Option<Ipv4Addr>; 2],
    /// How we take compressed headers; with `None` headers are compressed in neither direction.
    pub vj: Option<VjParameters>,
}

/// What was agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IpcpValues {
    /// Our address.
    pub our_address: Option<Ipv4Addr>,
    /// The peer's.
    pub peer_address: Option<Ipv4Addr>,
    /// DNS servers that the peer gave us.
    pub dns: [Option<Ipv4Addr>; 2],
    /// NetBIOS name servers that the peer gave us.
    pub nbns: [Option<Ipv4Addr>; 2],
    /// How we take compressed headers.
    pub vj_receive: Option<VjParameters>,
    /// How the peer takes them.
    pub vj_send: Option<VjParameters>,
}

/// What one end of an IPv4 link asks for, and what was agreed so far.
#[derive(Debug, Clone)]
pub struct IpcpNegotiation {
    config: IpcpConfig,
    /// What our next request says; an address of zero asks for one.
    address: Option<Ipv4Addr>,
    servers: [Option<Ipv4Addr>; 4],
    vj: Option<VjParameters>,
    values: IpcpValues,
}

/// The options of [`IpcpNegotiation::servers`].
const SERVER_KINDS: [IpcpOptionKind; 4] = [
    IpcpOptionKind::PRIMARY_DNS,
    IpcpOptionKind::PRIMARY_NBNS,
    IpcpOptionKind::SECONDARY_DNS,
    IpcpOptionKind::SECONDARY_NBNS,
];

impl IpcpNegotiation {
    /// What `config` asks for.
    pub fn new(config: IpcpConfig) -> Self {
        Self {
            config,
            address: None,
            servers: [None; 4],
            vj: None,
            values: IpcpValues::default(),
        }
    }

    /// What was configured.
    pub const fn config(&self) -> &IpcpConfig {
        &self.config
    }

    /// Configures anew, for the next negotiation.
    pub fn set_config(&mut self, config: IpcpConfig) {
        self.config = config;
    }

    /// What was agreed.
    pub const fn values(&self) -> &IpcpValues {
        &self.values
    }

    /// Whether both ends have an address, so that packets can go.
    pub const fn is_complete(&self) -> bool {
        self.values.our_address.is_some() && self.values.peer_address.is_some()
    }

    fn server_for(&self, kind: IpcpOptionKind) -> Option<Ipv4Addr> {
        let ([dns, second_dns], [nbns, second_nbns]) =
            (self.config.give_dns, self.config.give_nbns);
        match kind {
            IpcpOptionKind::PRIMARY_DNS => dns,
            IpcpOptionKind::SECONDARY_DNS => second_dns,
            IpcpOptionKind::PRIMARY_NBNS => nbns,
            IpcpOptionKind::SECONDARY_NBNS => second_nbns,
            _ => None,
        }
    }

    fn server_mut(&mut self, kind: IpcpOptionKind) -> Option<&mut Option<Ipv4Addr>> {
        let mut servers = SERVER_KINDS.into_iter().zip(&mut self.servers);
        let (_, server) = servers.find(|(it, _)| *it == kind)?;
        Some(server)
    }

    fn judge_address(&self, data: &[u8]) -> Judgement {
        let kind = IpcpOptionKind::IP_ADDRESS;
        let Some(address) = address(data) else {
            let wanted = self.config.peer_address.unwrap_or(Ipv4Addr::UNSPECIFIED);
            return Judgement::Nak(option(kind, wanted));
        };
        match self.config.peer_address {
            Some(wanted) if wanted == address => Judgement::Ack,
            // RFC 1332 §3.3 MUST (assign): the address that the peer is to have.
            Some(wanted) => Judgement::Nak(option(kind, wanted)),
            None if is_host(address) => Judgement::Ack,
            // It asks for one, or has one that cannot be, and there is none to give.
            None => Judgement::Reject,
        }
    }

    // RFC 1877 §1 MUST (servers): the peer uses the server that it is told, or none.
    fn judge_server(&self, kind: IpcpOptionKind, data: &[u8]) -> Judgement {
        match self.server_for(kind) {
            Some(server) if address(data) == Some(server) => Judgement::Ack,
            Some(server) => Judgement::Nak(option(kind, server)),
            None => Judgement::Reject,
        }
    }

    fn judge_compression(&self, data: &[u8]) -> Judgement {
        let Some(ours) = self.config.vj else {
            return Judgement::Reject;
        };
        match VjParameters::from_data(data) {
            // Slot 255 would be 256 slots, whose number does not fit.
            Some(theirs) if theirs.max_slot_id < 255 => Judgement::Ack,
            _ => Judgement::Nak(ours.to_option()),
        }
    }
}

impl Negotiation for IpcpNegotiation {
    const PROTOCOL: PppProtocol = PppProtocol::IPCP;

    fn is_own_code(_: Code) -> bool {
        false
    }

    fn restart(&mut self, _: &mut dyn RandomSource) {
        let config = &self.config;
        // RFC 1332 §3.3 MUST (zero): an address of zero asks the peer for one.
        self.address = Some(config.address.unwrap_or(Ipv4Addr::UNSPECIFIED));
        let asked = |wanted: bool| wanted.then_some(Ipv4Addr::UNSPECIFIED);
        let (dns, nbns) = (asked(config.request_dns), asked(config.request_nbns));
        self.servers = [dns, nbns, dns, nbns];
        self.vj = config.vj;
        self.values = IpcpValues::default();
    }

    fn request(&self, offer: &mut Offer) {
        if let Some(vj) = self.vj {
            offer.push(vj.to_option());
        }
        if let Some(address) = self.address {
            offer.push(option(IpcpOptionKind::IP_ADDRESS, address));
        }
        for (kind, server) in SERVER_KINDS.into_iter().zip(self.servers) {
            if let Some(server) = server {
                offer.push(option(kind, server));
            }
        }
    }

    fn judge(&self, option: &Tlv<'_>) -> Judgement {
        match IpcpOptionKind(option.kind) {
            IpcpOptionKind::IP_ADDRESS => self.judge_address(option.data),
            IpcpOptionKind::IP_COMPRESSION_PROTOCOL => self.judge_compression(option.data),
            kind if SERVER_KINDS.contains(&kind) => self.judge_server(kind, option.data),
            _ => Judgement::Reject,
        }
    }

    fn missing(&self, request: &ConfigOptions<'_>, offer: &mut Offer) {
        // RFC 1332 §3.3 SHOULD (append): a peer that does not tell its address is asked to.
        if request.find(IpcpOptionKind::IP_ADDRESS.0).is_none() {
            let wanted = self.config.peer_address.unwrap_or(Ipv4Addr::UNSPECIFIED);
            offer.push(option(IpcpOptionKind::IP_ADDRESS, wanted));
        }
    }

    fn accept(&mut self, request: &ConfigOptions<'_>) {
        let find = |kind: IpcpOptionKind| request.find(kind.0).map(|option| option.data);
        let told = find(IpcpOptionKind::IP_ADDRESS).and_then(address);
        // A peer that would not tell still has the address that it is configured to have.
        self.values.peer_address = told.or(self.config.peer_address);
        let vj = find(IpcpOptionKind::IP_COMPRESSION_PROTOCOL);
        self.values.vj_send = vj.and_then(VjParameters::from_data);
    }

    fn naked(&mut self, option: &Tlv<'_>, _: &mut dyn RandomSource) {
        let kind = IpcpOptionKind(option.kind);
        let suggested = address(option.data);
        match kind {
            IpcpOptionKind::IP_ADDRESS => {
                let fixed = self.config.address.is_some() && !self.config.accept_other_address;
                if let (false, Some(suggested)) = (fixed, suggested.filter(|it| is_host(*it))) {
                    self.address = Some(suggested);
                }
            }
            IpcpOptionKind::IP_COMPRESSION_PROTOCOL => {
                // Fewer slots are taken; another protocol means that there will be none.
                self.vj = match (self.vj, VjParameters::from_data(option.data)) {
                    (Some(ours), Some(theirs)) => Some(VjParameters {
                        max_slot_id: ours.max_slot_id.min(theirs.max_slot_id),
                        compress_slot_id: ours.compress_slot_id && theirs.compress_slot_id,
                    }),
                    _ => None,
                };
            }
            _ => {
                // Servers that we did not ask for are not taken.
                if let Some(server) = self.server_mut(kind)
                    && server.is_some()
                    && let Some(suggested) = suggested.filter(|it| is_host(*it))
                {
                    *server = Some(suggested);
                }
            }
        }
    }

    fn rejected(&mut self, option: &Tlv<'_>) {
        match IpcpOptionKind(option.kind) {
            IpcpOptionKind::IP_ADDRESS => self.address = None,
            IpcpOptionKind::IP_COMPRESSION_PROTOCOL => self.vj = None,
            kind => {
                if let Some(server) = self.server_mut(kind) {
                    *server = None;
                }
            }
        }
    }

    fn acknowledged(&mut self) {
        let given = |address: Option<Ipv4Addr>| address.filter(|it| !it.is_unspecified());
        let [dns, nbns, second_dns, second_nbns] = self.servers.map(given);
        self.values.our_address = given(self.address).or(self.config.address);
        self.values.dns = [dns, second_dns];
        self.values.nbns = [nbns, second_nbns];
        self.values.vj_receive = self.vj;
    }
}

fn option(kind: IpcpOptionKind, address: Ipv4Addr) -> ConfigOption {
    ConfigOption::number32(kind.0, address.to_bits())
}

fn address(data: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(data).ok().map(Ipv4Addr::from)
}

/// Whether one host can have the address.
const fn is_host(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    !matches!(first, 0 | 127 | 224..)
}
