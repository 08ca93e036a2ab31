//! The shape of the configuration file. Everything in it may be left out.

use super::ethernet::PppoeFile;
use crate::rip_router::file::Seconds;
use core::fmt;
use core::net::Ipv4Addr;
use ppp_lcp_ncp::auth::Secret;
use serde::de::{Deserialize, Deserializer, Error as _};

/// The whole file.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PppFile {
    /// What carries the link: see [`Line`](super::line::LineSpec).
    pub line: Option<String>,
    /// Several lines, for a bundle.
    pub lines: Vec<String>,
    /// Multilink.
    pub multilink: Option<MultilinkFile>,
    /// PPP over Ethernet.
    pub pppoe: PppoeFile,
    /// The kernel's end.
    pub tun: TunFile,
    /// The link itself.
    pub link: LinkFile,
    /// LCP.
    pub lcp: LcpFile,
    /// Timers and counters of all control protocols.
    pub negotiation: NegotiationFile,
    /// Authentication.
    pub auth: AuthFile,
    /// Names and what proves them.
    pub secret: Vec<SecretFile>,
    /// Compression, and encryption by MPPE.
    pub ccp: CcpFile,
    /// Encryption by ECP.
    pub ecp: Option<EcpFile>,
    /// IPv4.
    pub ipv4: Ipv4File,
    /// IPv6.
    pub ipv6: Ipv6File,
}

/// `[multilink]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct MultilinkFile {
    /// Octets of the largest packet that we put together again.
    pub mrru: u16,
    /// Whether headers of two octets are asked for and accepted.
    pub short_sequence_numbers: bool,
    /// What our end is known by.
    pub endpoint: String,
}

impl Default for MultilinkFile {
    fn default() -> Self {
        Self {
            mrru: 1500,
            short_sequence_numbers: false,
            endpoint: "internetwork".to_owned(),
        }
    }
}

/// `[tun]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct TunFile {
    /// The device; without one, packets that arrive are counted and dropped.
    pub device: Option<String>,
    /// The largest packet that the kernel is to give us, where the peer takes it.
    pub mtu: u16,
}

impl Default for TunFile {
    fn default() -> Self {
        Self {
            device: None,
            mtu: 1500,
        }
    }
}

/// `[link]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LinkFile {
    /// Between Echo-Requests.
    pub echo_interval: Option<Seconds>,
    /// How many may stay without an answer.
    pub echo_failures: Option<u32>,
    /// Without packets, the link ends after this.
    pub idle_timeout: Option<Seconds>,
    /// It ends after this in any case.
    pub session_timeout: Option<Seconds>,
    /// Whether it opens only when there is something to send.
    pub on_demand: bool,
    /// How long it does not, after it has failed.
    pub holdoff: Option<Seconds>,
    /// Whether it ends when too much is lost, by its quality reports.
    pub close_when_poor: bool,
}

/// `[negotiation]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct NegotiationFile {
    /// Until a request is repeated.
    pub restart_timer: Option<Seconds>,
    /// How often, before the peer is given up.
    pub max_configure: Option<u32>,
    /// The same for Terminate-Requests.
    pub max_terminate: Option<u32>,
    /// Naks before Rejects.
    pub max_failure: Option<u32>,
    /// Whether to wait for the peer when it does not answer.
    pub passive: bool,
}

/// `[lcp]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LcpFile {
    /// The largest packet that we take.
    pub mru: Option<u16>,
    /// Control characters that we want escaped, or `"none"` not to ask.
    pub accm: Option<Accm>,
    /// Whether we have a magic number.
    pub magic: Option<bool>,
    /// Protocol-Field-Compression, asked for and accepted.
    pub pfc: Option<bool>,
    /// Address-and-Control-Field-Compression, asked for and accepted.
    pub acfc: Option<bool>,
    /// The longest time between quality reports.
    pub quality: Option<Seconds>,
    /// Check sequences, 16 and 32.
    pub fcs: Option<Vec<u8>>,
    /// Configure-Requests of our own that come back, until the line is taken for looped.
    pub loopback_hits: Option<u32>,
}

/// `lcp.accm`
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(untagged)]
pub enum Accm {
    /// Bit n for character n.
    Map(u32),
    /// `"none"`: not asked for, so that the peer escapes all.
    Not(NotAsked),
}

/// The word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotAsked {
    /// Not asked for.
    None,
}

/// `[auth]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct AuthFile {
    /// Our name.
    pub name: String,
    /// The peer has to prove itself, by one of these.
    pub require: Vec<Method>,
    /// We prove ourselves by these, when the peer wants it.
    pub allow: Vec<Method>,
    /// A peer that CHAP let in has to prove itself again that often.
    pub rechallenge: Option<Seconds>,
}

/// A way to authenticate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// A password in the clear.
    Pap,
    /// CHAP with MD5.
    ChapMd5,
    /// MS-CHAP-V2.
    MsChapV2,
    /// EAP with MD5-Challenge.
    Eap,
}

/// `[[secret]]`: proves a name, ours or a peer's.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretFile {
    /// Whose.
    pub name: String,
    /// What proves it.
    pub secret: SecretText,
}

/// A secret, which is never printed.
pub struct SecretText(pub Secret);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(..)")
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

/// `[ccp]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CcpFile {
    /// Encryption by MPPE.
    pub mppe: Option<MppeFile>,
    /// Deflate, with a window of 2 to the power of so many octets.
    pub deflate: Option<u8>,
    /// BSD Compress, with codes of at most so many bits.
    pub bsd_compress: Option<u8>,
}

/// `[ccp.mppe]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct MppeFile {
    /// Whether nothing may go in clear.
    pub required: bool,
    /// Bits of the keys that will do: 40, 56, 128.
    pub bits: Vec<u8>,
    /// When keys change.
    pub keys: MppeKeys,
}

impl Default for MppeFile {
    fn default() -> Self {
        Self {
            required: true,
            bits: vec![128],
            keys: MppeKeys::Stateless,
        }
    }
}

/// When keys of MPPE change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MppeKeys {
    /// With each packet.
    Stateless,
    /// With one packet of 256.
    Stateful,
    /// So too, and with each reset, as Linux has it.
    StatefulRekeyed,
}

/// `[ecp]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct EcpFile {
    /// Whether nothing may go in clear.
    pub required: bool,
    /// The key of 3DESE.
    pub triple_dese_key: Option<KeyText>,
    /// The key of DESE-bis.
    pub dese_key: Option<KeyText>,
}

impl Default for EcpFile {
    fn default() -> Self {
        Self {
            required: true,
            triple_dese_key: None,
            dese_key: None,
        }
    }
}

/// A key in hexadecimal digits, which is never printed.
pub struct KeyText(pub Secret);

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText(..)")
    }
}

impl<'de> Deserialize<'de> for KeyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let octets = text.as_bytes().chunks(2).map(|pair| {
            let pair = core::str::from_utf8(pair).ok();
            // A number in Rust may have a sign, and one digit.
            let pair = pair.filter(|pair| pair.len() == 2 && !pair.starts_with('+'));
            pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())
        });
        let octets: Option<Vec<u8>> = octets.collect();
        // The text is not quoted: it may be a key all the same.
        let octets = octets.ok_or_else(|| D::Error::custom("two hexadecimal digits an octet"))?;
        Ok(Self(Secret::new(octets)))
    }
}

/// `[ipv4]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Ipv4File {
    /// Whether there is IPv4.
    pub enabled: bool,
    /// Our address; without it, the peer gives one.
    pub address: Option<Ipv4Addr>,
    /// The peer's; without it, the peer has one.
    pub peer_address: Option<Ipv4Addr>,
    /// Whether `address` gives way to one that the peer wants us to have.
    pub accept_other_address: bool,
    /// Whether we ask for DNS servers.
    pub request_dns: bool,
    /// DNS servers for the peer.
    pub dns: Vec<Ipv4Addr>,
    /// NetBIOS name servers for the peer.
    pub nbns: Vec<Ipv4Addr>,
    /// Whether TCP headers are compressed, where the peer agrees.
    pub vj: bool,
    /// Slots for connections whose headers are compressed to us.
    pub vj_slots: u8,
    /// Whether the slot may be left out.
    pub vj_slot_compression: bool,
}

impl Default for Ipv4File {
    fn default() -> Self {
        Self {
            enabled: true,
            address: None,
            peer_address: None,
            accept_other_address: false,
            request_dns: false,
            dns: Vec::new(),
            nbns: Vec::new(),
            vj: false,
            vj_slots: 16,
            vj_slot_compression: true,
        }
    }
}

/// `[ipv6]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Ipv6File {
    /// Whether there is IPv6.
    pub enabled: bool,
    /// The low half of our address; random without it.
    pub identifier: Option<u64>,
    /// What a peer without one is given.
    pub peer_identifier: Option<u64>,
}

impl Default for Ipv6File {
    fn default() -> Self {
        Self {
            enabled: true,
            identifier: None,
            peer_identifier: None,
        }
    }
}
