//! The configuration options of PPP's control protocols.

use super::Layer;
use super::ppp::{add_octets_of, add_text_of};
use core::net::Ipv4Addr;
use packet_buffer::tlv::Tlv;
use packet_buffer::wire::MacAddr;
use packet_buffer::{Cursor, ParseError};
use ppp_lcp_ncp::ccp::{CcpOptionKind, MppeBits};
use ppp_lcp_ncp::lcp::{FcsAlternatives, LcpOptionKind};
use ppp_lcp_ncp::ncp::{IpcpOptionKind, Ipv6cpOptionKind};
use ppp_lcp_ncp::wire::{ConfigOptions, PppProtocol};

/// Protocols in IP-Compression-Protocol options: IP header compression (RFC 2509), robust header
/// compression (RFC 3241).
const IP_HEADER_COMPRESSION: u16 = 0x0061;
const ROHC: u16 = 0x0003;

impl Layer {
    /// The options of a Configure packet; when they are no whole list, those in front of what is
    /// wrong.
    ///
    /// Options that are unknown, or have a length that theirs cannot have, are left out, as tshark does.
    pub(super) fn add_config_options(
        &mut self,
        protocol: PppProtocol,
        data: &[u8],
    ) -> Result<(), ParseError> {
        let (options, result) = match ConfigOptions::parse(data) {
            Ok(options) => (options, Ok(())),
            Err(error) => {
                let whole = (0..=error.offset.min(data.len())).rev().find_map(|end| {
                    let options = data.get(..end)?;
                    ConfigOptions::parse(options).ok()
                });
                let Some(options) = whole else {
                    return Err(error);
                };
                (options, Err(error))
            }
        };
        for option in &options {
            let size = option.data.len();
            match protocol {
                PppProtocol::LCP => self.add_lcp_option(&option, size),
                PppProtocol::IPCP => self.add_ipcp_option(&option, size),
                PppProtocol::IPV6CP => self.add_ipv6cp_option(&option),
                PppProtocol::CCP => self.add_ccp_option(&option, size),
                _ => {}
            }
        }
        result
    }

    fn add_head(&mut self, [kind, length]: [&'static str; 2], option: &Tlv<'_>) {
        self.add(kind, option.kind);
        self.add(length, option.octets.len());
    }

    fn add_lcp_option(&mut self, option: &Tlv<'_>, size: usize) {
        let kind = LcpOptionKind(option.kind);
        let is_possible = match kind {
            LcpOptionKind::PROTOCOL_FIELD_COMPRESSION
            | LcpOptionKind::ADDRESS_AND_CONTROL_FIELD_COMPRESSION
            | LcpOptionKind::SHORT_SEQUENCE_NUMBER
            // Compound frames, nominal data encapsulation, simple data link on SONET.
            | LcpOptionKind(15 | 16 | 29) => size == 0,
            LcpOptionKind::FCS_ALTERNATIVES
            | LcpOptionKind::SELF_DESCRIBING_PAD
            // DCE identifier, COBS.
            | LcpOptionKind(21 | 25) => size == 1,
            LcpOptionKind::MAXIMUM_RECEIVE_UNIT
            | LcpOptionKind::MULTILINK_MRRU
            // Multilink-Plus, link discriminator, multilink header format.
            | LcpOptionKind(22 | 23 | 27) => size == 2,
            LcpOptionKind::ASYNC_CONTROL_CHARACTER_MAP
            | LcpOptionKind::MAGIC_NUMBER
            // The quality protocol of old.
            | LcpOptionKind(6) => size == 4,
            LcpOptionKind::AUTHENTICATION_PROTOCOL | LcpOptionKind::QUALITY_PROTOCOL => size >= 2,
            LcpOptionKind::CALLBACK
            | LcpOptionKind::ENDPOINT_DISCRIMINATOR
            // Numbered mode, LCP's prefix elision.
            | LcpOptionKind(11 | 26) => size >= 1,
            // A vendor's own, internationalization.
            LcpOptionKind(0 | 28) => size >= 4,
            _ => false,
        };
        if !is_possible {
            return;
        }
        self.add_head(["lcp.opt.type", "lcp.opt.length"], option);
        let mut cursor = Cursor::new(option.data);
        // The length is one that fits.
        let _: Result<(), ParseError> = self.add_lcp_value(kind, &mut cursor);
    }

    fn add_lcp_value(
        &mut self,
        kind: LcpOptionKind,
        cursor: &mut Cursor<'_>,
    ) -> Result<(), ParseError> {
        let what = "LCP option";
        match kind {
            LcpOptionKind::MAXIMUM_RECEIVE_UNIT => self.add("lcp.opt.mru", cursor.u16(what)?),
            LcpOptionKind::ASYNC_CONTROL_CHARACTER_MAP => {
                self.add("lcp.opt.asyncmap", cursor.u32(what)?);
            }
            LcpOptionKind::AUTHENTICATION_PROTOCOL => {
                let protocol = PppProtocol(cursor.u16(what)?);
                self.add("lcp.opt.auth_protocol", protocol.0);
                if protocol == PppProtocol::CHAP && !cursor.is_empty() {
                    self.add("lcp.opt.algorithm", cursor.u8(what)?);
                }
                add_octets_of(self, "lcp.opt.data", cursor.rest());
            }
            LcpOptionKind::QUALITY_PROTOCOL => {
                self.add("lcp.opt.quality_protocol", cursor.u16(what)?);
                add_octets_of(self, "lcp.opt.data", cursor.rest());
            }
            LcpOptionKind::MAGIC_NUMBER => self.add("lcp.opt.magic_number", cursor.u32(what)?),
            LcpOptionKind(6) => self.add("lcp.opt.reporting_period", cursor.u32(what)?),
            LcpOptionKind::FCS_ALTERNATIVES => {
                let offered = FcsAlternatives(cursor.u8(what)?);
                let takes = |bits: u8| offered.0 & bits != 0;
                self.add("lcp.opt.fcs_alternatives", offered.0);
                self.add("lcp.opt.fcs_alternatives.null", takes(1));
                let [short, long] = [FcsAlternatives::FCS_16, FcsAlternatives::FCS_32];
                self.add("lcp.opt.fcs_alternatives.ccitt16", takes(short.0));
                self.add("lcp.opt.fcs_alternatives.ccitt32", takes(long.0));
            }
            LcpOptionKind::SELF_DESCRIBING_PAD => self.add("lcp.opt.maximum", cursor.u8(what)?),
            LcpOptionKind(11) => {
                self.add("lcp.opt.window", cursor.u8(what)?);
                add_octets_of(self, "lcp.opt.hdlc_address", cursor.rest());
            }
            LcpOptionKind::CALLBACK => {
                self.add("lcp.opt.operation", cursor.u8(what)?);
                add_octets_of(self, "lcp.opt.message", cursor.rest());
            }
            LcpOptionKind::MULTILINK_MRRU => self.add("lcp.opt.mrru", cursor.u16(what)?),
            LcpOptionKind::ENDPOINT_DISCRIMINATOR => {
                let class = cursor.u8(what)?;
                self.add("lcp.opt.ep_disc_class", class);
                self.add_endpoint(class, cursor.rest());
            }
            LcpOptionKind(21) => self.add("lcp.opt.mode", cursor.u8(what)?),
            LcpOptionKind(22) => self.add_octets("lcp.opt.unused", cursor.rest()),
            LcpOptionKind(23) => self.add("lcp.opt.link_discrim", cursor.u16(what)?),
            LcpOptionKind(25) => {
                let flags = cursor.u8(what)?;
                self.add("lcp.opt.flags", flags);
                self.add("lcp.opt.flags.reserved", flags >> 2);
                self.add("lcp.opt.flags.pre", flags & 2 != 0);
                self.add("lcp.opt.flags.zxe", flags & 1 != 0);
            }
            LcpOptionKind(26) => {
                if let [class, _, ..] = cursor.rest() {
                    self.add("lcp.opt.class", *class);
                }
            }
            LcpOptionKind(27) => {
                self.add("lcp.opt.code", cursor.u8(what)?);
                self.add("lcp.opt.max_susp_classes", cursor.u8(what)?);
            }
            LcpOptionKind(28) => {
                self.add("lcp.opt.MIBenum", cursor.u32(what)?);
                add_text_of(self, "lcp.opt.language_tag", cursor.rest());
            }
            LcpOptionKind(0) => {
                self.add("lcp.opt.oui", cursor.u24(what)?);
                self.add("lcp.opt.kind", cursor.u8(what)?);
                add_octets_of(self, "lcp.opt.data", cursor.rest());
            }
            _ => {}
        }
        Ok(())
    }

    /// The address of an endpoint discriminator (RFC 1990 §5.1.3).
    fn add_endpoint(&mut self, class: u8, address: &[u8]) {
        match (class, address) {
            (2, &[a, b, c, d]) => {
                self.add_text("lcp.opt.ip_address", Ipv4Addr::from([a, b, c, d]));
            }
            (3, &[a, b, c, d, e, f]) => {
                self.add_text("lcp.opt.802_1_address", MacAddr([a, b, c, d, e, f]));
            }
            (4, block) => {
                add_octets_of(self, "lcp.opt.magic_block", block);
                for number in block.as_chunks().0 {
                    self.add("lcp.opt.magic_number", u32::from_be_bytes(*number));
                }
            }
            (5, number) => add_octets_of(self, "lcp.opt.psndn", number),
            (_, address) => add_octets_of(self, "lcp.opt.data", address),
        }
    }

    fn add_ipcp_option(&mut self, option: &Tlv<'_>, size: usize) {
        const MOBILE_HOME_ADDRESS: IpcpOptionKind = IpcpOptionKind(4);
        let kind = IpcpOptionKind(option.kind);
        if kind == IpcpOptionKind::IP_COMPRESSION_PROTOCOL {
            return self.add_ip_compression(option);
        }
        let key = match kind {
            IpcpOptionKind::IP_ADDRESS => "ipcp.opt.ip_address",
            MOBILE_HOME_ADDRESS => "ipcp.opt.mobilenodehomeaddress",
            IpcpOptionKind::PRIMARY_DNS => "ipcp.opt.pri_dns_address",
            IpcpOptionKind::PRIMARY_NBNS => "ipcp.opt.pri_nbns_address",
            IpcpOptionKind::SECONDARY_DNS => "ipcp.opt.sec_dns_address",
            IpcpOptionKind::SECONDARY_NBNS => "ipcp.opt.sec_nbns_address",
            IpcpOptionKind::IP_ADDRESSES if size == 8 => "ipcp.opt.src_address",
            _ => return,
        };
        let (addresses, rest) = option.data.as_chunks::<4>();
        if !rest.is_empty() || kind != IpcpOptionKind::IP_ADDRESSES && addresses.len() != 1 {
            return;
        }
        self.add_head(["ipcp.opt.type", "ipcp.opt.length"], option);
        for (address, key) in addresses.iter().zip([key, "ipcp.opt.dst_address"]) {
            self.add_text(key, Ipv4Addr::from(*address));
        }
    }

    /// IPCP's and IPV6CP's option have one form (RFC 1332 §3.2, RFC 5072 §4).
    fn add_ip_compression(&mut self, option: &Tlv<'_>) {
        let Some((protocol, data)) = option.data.split_first_chunk::<2>() else {
            return;
        };
        let protocol = u16::from_be_bytes(*protocol);
        self.add_head(["ipcp.opt.type", "ipcp.opt.length"], option);
        self.add("ipcp.opt.compress_proto", protocol);
        if protocol == PppProtocol::VJ_COMPRESSED.0 {
            if let [max_slot, slot_id, ..] = data {
                self.add("ipcp.opt.max_slot_id", *max_slot);
                self.add("ipcp.opt.comp_slot_id", slot_id & 1 == 1);
            }
            return;
        }
        let keys: &[&'static str] = match protocol {
            IP_HEADER_COMPRESSION => &[
                "ipcp.opt.tcp_space",
                "ipcp.opt.non_tcp_space",
                "ipcp.opt.f_max_period",
                "ipcp.opt.f_max_time",
                "ipcp.opt.max_header",
            ],
            ROHC => &["ipcp.opt.max_cid", "ipcp.opt.mrru", "ipcp.opt.max_header"],
            _ => return add_octets_of(self, "ipcp.data", data),
        };
        for (key, number) in keys.iter().zip(data.as_chunks().0) {
            self.add(key, u16::from_be_bytes(*number));
        }
        let suboptions = data.get(2 * keys.len()..).unwrap_or_default();
        if protocol == IP_HEADER_COMPRESSION
            && let Ok(suboptions) = ConfigOptions::parse(suboptions)
        {
            for suboption in &suboptions {
                self.add_head(["ipcp.opt.iphc.type", "ipcp.opt.iphc.length"], &suboption);
            }
        }
    }

    fn add_ipv6cp_option(&mut self, option: &Tlv<'_>) {
        const IP_COMPRESSION_PROTOCOL: Ipv6cpOptionKind = Ipv6cpOptionKind(2);
        match Ipv6cpOptionKind(option.kind) {
            Ipv6cpOptionKind::INTERFACE_IDENTIFIER if option.data.len() == 8 => {
                self.add_head(["ipv6cp.opt.type", "ipv6cp.opt.length"], option);
                self.add_octets("ipv6cp.interface_identifier", option.data);
            }
            IP_COMPRESSION_PROTOCOL => self.add_ip_compression(option),
            _ => {}
        }
    }

    fn add_ccp_option(&mut self, option: &Tlv<'_>, size: usize) {
        let kind = CcpOptionKind(option.kind);
        let is_possible = match kind {
            CcpOptionKind::OUI | CcpOptionKind::MPPE => {
                size == 4 || kind == CcpOptionKind::OUI && size > 4
            }
            CcpOptionKind::STAC_LZS => size >= 3,
            CcpOptionKind::BSD_COMPRESS => size == 1,
            CcpOptionKind::DEFLATE | CcpOptionKind::DEFLATE_DRAFT => size == 2,
            // Gandalf, LZS-DCP, V.44.
            CcpOptionKind(19) => size >= 1,
            CcpOptionKind(23) => size == 4,
            CcpOptionKind(27) => size >= 2,
            CcpOptionKind(1..=3 | 16 | 20) => true,
            CcpOptionKind(25) => size == 1,
            _ => false,
        };
        if !is_possible {
            return;
        }
        self.add_head(["ccp.opt.type", "ccp.opt.length"], option);
        let mut cursor = Cursor::new(option.data);
        // The length is one that fits.
        let _: Result<(), ParseError> = self.add_ccp_value(kind, &mut cursor);
    }

    fn add_ccp_value(
        &mut self,
        kind: CcpOptionKind,
        cursor: &mut Cursor<'_>,
    ) -> Result<(), ParseError> {
        let what = "CCP option";
        match kind {
            CcpOptionKind::OUI => {
                self.add("ccp.opt.oui", cursor.u24(what)?);
                self.add("ccp.opt.subtype", cursor.u8(what)?);
                add_octets_of(self, "ccp.opt.data", cursor.rest());
            }
            CcpOptionKind::STAC_LZS if matches!(cursor.rest().len(), 3 | 5) => {
                self.add("ccp.opt.history_count", cursor.u16(what)?);
                let mode = cursor.u8(what)?;
                self.add("ccp.opt.cm", mode);
                self.add("ccp.opt.cm.reserved", mode >> 3);
                self.add("ccp.opt.cm.check_mode", mode & 7);
            }
            CcpOptionKind::MPPE => {
                let bits = MppeBits(cursor.u32(what)?);
                self.add("ccp.opt.supported_bits", bits.0);
                for (key, bit) in [
                    ("ccp.opt.supported_bits.h", MppeBits::STATELESS),
                    ("ccp.opt.supported_bits.m", MppeBits::BITS_56),
                    ("ccp.opt.supported_bits.s", MppeBits::BITS_128),
                    ("ccp.opt.supported_bits.l", MppeBits::BITS_40),
                    ("ccp.opt.supported_bits.d", MppeBits::OBSOLETE),
                    ("ccp.opt.supported_bits.c", MppeBits::MPPC),
                ] {
                    self.add(key, bits.contains(bit));
                }
            }
            CcpOptionKind::BSD_COMPRESS => {
                let value = cursor.u8(what)?;
                self.add("ccp.opt.vd", value);
                self.add("ccp.opt.vd.vers", value >> 5);
                self.add("ccp.opt.vd.dict", value & 0x1f);
            }
            CcpOptionKind::DEFLATE => {
                let (first, second) = (cursor.u8(what)?, cursor.u8(what)?);
                self.add("ccp.opt.window", first >> 4);
                self.add("ccp.opt.method", first & 0x0f);
                self.add("ccp.opt.mbz", second >> 2);
                self.add("ccp.opt.chk", second & 0x03);
            }
            // tshark knows the number by its other owner.
            CcpOptionKind::DEFLATE_DRAFT => {
                let (first, second) = (cursor.u8(what)?, cursor.u8(what)?);
                self.add("ccp.opt.fe", first >> 6);
                self.add("ccp.opt.p", first & 0x20 != 0);
                self.add("ccp.opt.History", first & 0x1f);
                self.add("ccp.opt.contexts", second);
            }
            CcpOptionKind(19) => {
                self.add("ccp.opt.history", cursor.u8(what)?);
                add_octets_of(self, "ccp.opt.version", cursor.rest());
            }
            CcpOptionKind(23) => {
                self.add("ccp.opt.history_count", cursor.u16(what)?);
                self.add("ccp.opt.check_mode", cursor.u8(what)?);
                self.add("ccp.opt.process_mode", cursor.u8(what)?);
            }
            CcpOptionKind(27) => {
                self.add("ccp.opt.mode_dictcount", cursor.u16(what)?);
                for key in ["ccp.opt.dict_size", "ccp.opt.history_length"] {
                    if cursor.rest().len() >= 2 {
                        self.add(key, cursor.u16(what)?);
                    }
                }
            }
            _ => add_octets_of(self, "ccp.opt.data", cursor.rest()),
        }
        Ok(())
    }
}
