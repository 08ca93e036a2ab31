//! LCP's options as values.

use crate::wire::{ConfigOption, PppProtocol};
use core::fmt;
use packet_buffer::tlv::Tlv;

packet_buffer::code_points! {
    /// The type of an LCP option.
    pub struct LcpOptionKind(u8) {
        /// Octets of information that the sender takes.
        MAXIMUM_RECEIVE_UNIT = 1 => "Maximum-Receive-Unit",
        /// Control characters that the sender wants escaped.
        ASYNC_CONTROL_CHARACTER_MAP = 2 => "Async-Control-Character-Map",
        /// How the sender wants the receiver to authenticate itself.
        AUTHENTICATION_PROTOCOL = 3 => "Authentication-Protocol",
        /// How the sender wants the link to be watched.
        QUALITY_PROTOCOL = 4 => "Quality-Protocol",
        /// A number that tells the ends apart.
        MAGIC_NUMBER = 5 => "Magic-Number",
        /// The sender takes protocols of one octet.
        PROTOCOL_FIELD_COMPRESSION = 7 => "Protocol-Field-Compression",
        /// The sender takes frames without Address and Control fields.
        ADDRESS_AND_CONTROL_FIELD_COMPRESSION = 8 => "Address-and-Control-Field-Compression",
        /// Frame check sequences that the sender takes.
        FCS_ALTERNATIVES = 9 => "FCS-Alternatives",
        /// Padding that describes itself.
        SELF_DESCRIBING_PAD = 10 => "Self-Describing-Pad",
        /// The sender wants to be called back.
        CALLBACK = 13 => "Callback",
        /// Octets of a reassembled multilink packet that the sender takes.
        MULTILINK_MRRU = 17 => "Multilink-MRRU",
        /// The sender takes multilink headers of two octets.
        SHORT_SEQUENCE_NUMBER = 18 => "Short-Sequence-Number",
        /// What the sender is, so that its links can be bundled.
        ENDPOINT_DISCRIMINATOR = 19 => "Endpoint-Discriminator",
    }
}

/// A way to authenticate (RFC 1661 §6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthMethod {
    /// A password in the clear (RFC 1334).
    Pap,
    /// A challenge, answered with MD5 (RFC 1994).
    ChapMd5,
    /// A challenge in both directions (RFC 2759).
    MsChapV2,
    /// A method that is agreed on later (RFC 3748).
    Eap,
}

impl AuthMethod {
    /// The algorithm of CHAP with MD5 (RFC 1994 §3).
    const CHAP_MD5: u8 = 5;
    /// The algorithm of MS-CHAP-V2 (RFC 2759 §3).
    const MS_CHAP_V2: u8 = 0x81;

    /// The protocol that carries it.
    pub const fn protocol(self) -> PppProtocol {
        match self {
            Self::Pap => PppProtocol::PAP,
            Self::ChapMd5 | Self::MsChapV2 => PppProtocol::CHAP,
            Self::Eap => PppProtocol::EAP,
        }
    }

    /// The option that asks for it.
    pub fn to_option(self) -> ConfigOption {
        let [high, low] = self.protocol().0.to_be_bytes();
        let kind = LcpOptionKind::AUTHENTICATION_PROTOCOL.0;
        let algorithm = match self {
            Self::Pap | Self::Eap => return ConfigOption::number16(kind, self.protocol().0),
            Self::ChapMd5 => Self::CHAP_MD5,
            Self::MsChapV2 => Self::MS_CHAP_V2,
        };
        let option = ConfigOption::new(kind, &[high, low, algorithm]);
        option.unwrap_or(ConfigOption::flag(kind))
    }

    /// Reads the data of the option; `None` for a method that is not known here.
    pub fn from_data(data: &[u8]) -> Option<Self> {
        let (protocol, rest) = data.split_first_chunk::<2>()?;
        match (PppProtocol(u16::from_be_bytes(*protocol)), rest) {
            (PppProtocol::PAP, []) => Some(Self::Pap),
            (PppProtocol::CHAP, [Self::CHAP_MD5]) => Some(Self::ChapMd5),
            (PppProtocol::CHAP, [Self::MS_CHAP_V2]) => Some(Self::MsChapV2),
            (PppProtocol::EAP, []) => Some(Self::Eap),
            _ => None,
        }
    }
}

impl fmt::Display for AuthMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pap => "PAP",
            Self::ChapMd5 => "CHAP with MD5",
            Self::MsChapV2 => "MS-CHAP-V2",
            Self::Eap => "EAP",
        })
    }
}

/// A set of frame check sequences (RFC 1570 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FcsAlternatives(pub u8);

impl FcsAlternatives {
    /// None at all.
    pub const NULL: Self = Self(1);
    /// The 16-bit sequence.
    pub const FCS_16: Self = Self(2);
    /// The 32-bit sequence.
    pub const FCS_32: Self = Self(4);

    /// What is in both sets.
    #[must_use]
    pub const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What an end of a bundle is known by (RFC 1990 §5.1.3): a class, and an address of up to 20 octets.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EndpointDiscriminator {
    class: u8,
    length: u8,
    address: [u8; Self::MAX_ADDRESS],
}

impl EndpointDiscriminator {
    /// The longest address, in octets.
    pub const MAX_ADDRESS: usize = 20;
    /// No address: the ends are told apart by their authentication.
    pub const NULL: Self = Self {
        class: 0,
        length: 0,
        address: [0; Self::MAX_ADDRESS],
    };

    /// A discriminator: class 1 is locally assigned, 2 an IP address, 3 a MAC address, 4 a block of
    /// magic numbers, 5 a directory number. `None` when the address is too long.
    pub fn new(class: u8, address: &[u8]) -> Option<Self> {
        let mut discriminator = Self {
            class,
            length: u8::try_from(address.len()).ok()?,
            address: [0; Self::MAX_ADDRESS],
        };
        let room = discriminator.address.get_mut(..address.len())?;
        room.copy_from_slice(address);
        Some(discriminator)
    }

    /// The class.
    pub const fn class(&self) -> u8 {
        self.class
    }

    /// The address.
    pub fn address(&self) -> &[u8] {
        self.address
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }

    fn to_option(self) -> ConfigOption {
        let kind = LcpOptionKind::ENDPOINT_DISCRIMINATOR.0;
        let mut data = [0; 1 + Self::MAX_ADDRESS];
        let [class, address @ ..] = &mut data;
        *class = self.class;
        *address = self.address;
        let data = data.get(..1 + usize::from(self.length));
        let option = ConfigOption::new(kind, data.unwrap_or_default());
        option.unwrap_or(ConfigOption::flag(kind))
    }
}

impl fmt::Debug for EndpointDiscriminator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointDiscriminator")
            .field("class", &self.class)
            .field("address", &self.address())
            .finish()
    }
}

/// One option, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LcpOption<'a> {
    /// Octets of information that the sender takes.
    MaximumReceiveUnit(u16),
    /// Control characters that the sender wants escaped: bit n for character n.
    AsyncControlCharacterMap(u32),
    /// How the sender wants the receiver to authenticate itself; `None` for a way that is not known
    /// here.
    AuthenticationProtocol(Option<AuthMethod>),
    /// How the sender wants the link to be watched, and with which data.
    QualityProtocol(PppProtocol, &'a [u8]),
    /// A number that tells the ends apart.
    MagicNumber(u32),
    /// The sender takes protocols of one octet.
    ProtocolFieldCompression,
    /// The sender takes frames without Address and Control fields.
    AddressAndControlFieldCompression,
    /// Frame check sequences that the sender takes.
    FcsAlternatives(FcsAlternatives),
    /// Octets of a reassembled packet that the sender takes.
    MultilinkMrru(u16),
    /// The sender takes multilink headers of two octets.
    ShortSequenceNumber,
    /// What the sender is.
    EndpointDiscriminator(EndpointDiscriminator),
    /// The length is not that of the type.
    BadLength(LcpOptionKind),
    /// An option that is not known here.
    Unknown(LcpOptionKind, &'a [u8]),
}

impl<'a> LcpOption<'a> {
    /// Reads an option.
    pub fn read(option: &Tlv<'a>) -> Self {
        let kind = LcpOptionKind(option.kind);
        let number16 = || <[u8; 2]>::try_from(option.data).map(u16::from_be_bytes);
        let number32 = || <[u8; 4]>::try_from(option.data).map(u32::from_be_bytes);
        let bad_length = Self::BadLength(kind);
        let flag = |value| {
            if option.data.is_empty() {
                value
            } else {
                bad_length
            }
        };
        match kind {
            LcpOptionKind::MAXIMUM_RECEIVE_UNIT => {
                number16().map_or(bad_length, Self::MaximumReceiveUnit)
            }
            LcpOptionKind::ASYNC_CONTROL_CHARACTER_MAP => {
                number32().map_or(bad_length, Self::AsyncControlCharacterMap)
            }
            LcpOptionKind::AUTHENTICATION_PROTOCOL => {
                if option.data.len() < 2 {
                    bad_length
                } else {
                    Self::AuthenticationProtocol(AuthMethod::from_data(option.data))
                }
            }
            LcpOptionKind::QUALITY_PROTOCOL => match option.data.split_first_chunk::<2>() {
                Some((protocol, data)) => {
                    Self::QualityProtocol(PppProtocol(u16::from_be_bytes(*protocol)), data)
                }
                None => bad_length,
            },
            LcpOptionKind::MAGIC_NUMBER => number32().map_or(bad_length, Self::MagicNumber),
            LcpOptionKind::PROTOCOL_FIELD_COMPRESSION => flag(Self::ProtocolFieldCompression),
            LcpOptionKind::ADDRESS_AND_CONTROL_FIELD_COMPRESSION => {
                flag(Self::AddressAndControlFieldCompression)
            }
            LcpOptionKind::FCS_ALTERNATIVES => match option.data {
                [bits] => Self::FcsAlternatives(FcsAlternatives(*bits)),
                _ => bad_length,
            },
            LcpOptionKind::MULTILINK_MRRU => number16().map_or(bad_length, Self::MultilinkMrru),
            LcpOptionKind::SHORT_SEQUENCE_NUMBER => flag(Self::ShortSequenceNumber),
            LcpOptionKind::ENDPOINT_DISCRIMINATOR => match option.data.split_first() {
                Some((class, address)) => EndpointDiscriminator::new(*class, address)
                    .map_or(bad_length, Self::EndpointDiscriminator),
                None => bad_length,
            },
            _ => Self::Unknown(kind, option.data),
        }
    }
}

/// What holds for one direction of a link: what its receiver has agreed to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LcpValues {
    /// Octets of information that the receiver takes.
    pub mru: u16,
    /// Control characters that the receiver wants escaped: bit n for character n.
    pub accm: u32,
    /// How the sender of this direction has to authenticate itself.
    pub auth: Option<AuthMethod>,
    /// Hundredths of a second between the link quality reports that the receiver wants; zero for
    /// whenever one arrives. `None` when it wants none.
    pub quality: Option<u32>,
    /// The receiver's magic number; 0 when it has none.
    pub magic: u32,
    /// Whether the receiver takes protocols of one octet.
    pub protocol_field_compression: bool,
    /// Whether the receiver takes frames without Address and Control fields.
    pub address_and_control_field_compression: bool,
    /// Frame check sequences that the receiver takes.
    pub fcs: FcsAlternatives,
    /// Octets of a reassembled multilink packet that the receiver takes; `None` without multilink.
    pub mrru: Option<u16>,
    /// Whether the receiver takes multilink headers of two octets.
    pub short_sequence_number: bool,
    /// What the receiver is.
    pub endpoint: Option<EndpointDiscriminator>,
}

impl Default for LcpValues {
    /// What holds where nothing was negotiated (RFC 1661 §6, RFC 1662 §7).
    fn default() -> Self {
        Self {
            mru: 1500,
            accm: u32::MAX,
            auth: None,
            quality: None,
            magic: 0,
            protocol_field_compression: false,
            address_and_control_field_compression: false,
            fcs: FcsAlternatives::FCS_16,
            mrru: None,
            short_sequence_number: false,
            endpoint: None,
        }
    }
}

impl LcpValues {
    /// Takes over what one option says.
    pub(super) fn apply(&mut self, option: &LcpOption<'_>) {
        match *option {
            LcpOption::MaximumReceiveUnit(mru) => self.mru = mru,
            LcpOption::AsyncControlCharacterMap(accm) => self.accm = accm,
            LcpOption::AuthenticationProtocol(method) => self.auth = method,
            LcpOption::QualityProtocol(_, data) => {
                self.quality = <[u8; 4]>::try_from(data).ok().map(u32::from_be_bytes);
            }
            LcpOption::MagicNumber(magic) => self.magic = magic,
            LcpOption::ProtocolFieldCompression => self.protocol_field_compression = true,
            LcpOption::AddressAndControlFieldCompression => {
                self.address_and_control_field_compression = true;
            }
            LcpOption::FcsAlternatives(fcs) => self.fcs = fcs,
            LcpOption::MultilinkMrru(mrru) => self.mrru = Some(mrru),
            LcpOption::ShortSequenceNumber => self.short_sequence_number = true,
            LcpOption::EndpointDiscriminator(endpoint) => self.endpoint = Some(endpoint),
            LcpOption::BadLength(_) | LcpOption::Unknown(..) => {}
        }
    }

    /// The options that say what differs from the default, in the order of their types.
    pub(super) fn options(&self) -> impl Iterator<Item = ConfigOption> {
        let default = Self::default();
        let number16 = |kind: LcpOptionKind, value| ConfigOption::number16(kind.0, value);
        let number32 = |kind: LcpOptionKind, value| ConfigOption::number32(kind.0, value);
        let flag = |kind: LcpOptionKind, is: bool| is.then_some(ConfigOption::flag(kind.0));
        [
            (self.mru != default.mru)
                .then(|| number16(LcpOptionKind::MAXIMUM_RECEIVE_UNIT, self.mru)),
            (self.accm != default.accm)
                .then(|| number32(LcpOptionKind::ASYNC_CONTROL_CHARACTER_MAP, self.accm)),
            self.auth.map(AuthMethod::to_option),
            self.quality.and_then(quality_option),
            (self.magic != 0).then(|| number32(LcpOptionKind::MAGIC_NUMBER, self.magic)),
            flag(
                LcpOptionKind::PROTOCOL_FIELD_COMPRESSION,
                self.protocol_field_compression,
            ),
            flag(
                LcpOptionKind::ADDRESS_AND_CONTROL_FIELD_COMPRESSION,
                self.address_and_control_field_compression,
            ),
            (self.fcs != default.fcs)
                .then(|| ConfigOption::new(LcpOptionKind::FCS_ALTERNATIVES.0, &[self.fcs.0]))
                .flatten(),
            self.mrru
                .map(|mrru| number16(LcpOptionKind::MULTILINK_MRRU, mrru)),
            flag(
                LcpOptionKind::SHORT_SEQUENCE_NUMBER,
                self.short_sequence_number,
            ),
            self.endpoint.map(EndpointDiscriminator::to_option),
        ]
        .into_iter()
        .flatten()
    }
}

/// The option that asks for link quality reports, one in `hundredths` of a second (RFC 1989 §2.1).
pub(super) fn quality_option(hundredths: u32) -> Option<ConfigOption> {
    let [a, b] = PppProtocol::LQR.0.to_be_bytes();
    let [c, d, e, f] = hundredths.to_be_bytes();
    ConfigOption::new(LcpOptionKind::QUALITY_PROTOCOL.0, &[a, b, c, d, e, f])
}
