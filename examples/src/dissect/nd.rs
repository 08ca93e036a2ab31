//! Neighbor Discovery and multicast listener messages.

use super::{Dissector, Layer, Part};
use icmp_nd::wire::{
    MldMessage, MldQuery, NdMessage, NdOption, NdOptions, NeighborAdvertisement,
    RouterAdvertisement,
};
use packet_buffer::tlv::Tlv;
use packet_buffer::wire::Icmpv6Type;

impl Dissector {
    /// Adds to `layer` what its message says behind the checksum, if it is one of these, and gives
    /// back the packet that it quotes, and where that starts.
    pub(super) fn nd_or_mld<'a>(
        &mut self,
        layer: &mut Layer,
        part: Part<'a>,
        message_type: Icmpv6Type,
    ) -> Option<(usize, &'a [u8])> {
        let read = if NdMessage::is_type(message_type) {
            NdMessage::parse(part.octets).map(|message| nd(layer, &message, part.octets))
        } else if MldMessage::is_type(message_type) {
            MldMessage::parse(part.octets).map(|message| {
                mld(layer, &message, part.octets);
                None
            })
        } else {
            return None;
        };
        match read {
            Ok(quoted) => {
                layer.length = part.octets.len();
                quoted
            }
            Err(error) => {
                self.error("icmpv6", part, error);
                None
            }
        }
    }
}

/// The octets of a message from `at` on, `N` of them; a parsed message has them.
fn octets<const N: usize>(message: &[u8], at: usize) -> [u8; N] {
    let found = message.get(at..).and_then(<[u8]>::first_chunk);
    found.copied().unwrap_or([0; N])
}

fn nd<'a>(layer: &mut Layer, message: &NdMessage<'a>, raw: &[u8]) -> Option<(usize, &'a [u8])> {
    match message {
        NdMessage::RouterSolicitation(_) => reserved(layer, raw),
        NdMessage::RouterAdvertisement(message) => router_advertisement(layer, message),
        NdMessage::NeighborSolicitation(message) => {
            reserved(layer, raw);
            layer.add_text("icmpv6.nd.ns.target_address", message.target());
            layer.summary = format!("neighbor solicitation for {}", message.target());
        }
        NdMessage::NeighborAdvertisement(message) => neighbor_advertisement(layer, message, raw),
        NdMessage::Redirect(message) => {
            reserved(layer, raw);
            let (target, destination) = (message.target(), message.destination());
            layer.add_text("icmpv6.nd.rd.target_address", target);
            layer.add_text("icmpv6.rd.na.destination_address", destination);
            layer.summary = format!("redirect of {destination} to {target}");
        }
    }
    options(layer, &message.options(), message.to_repr().header_len())
}

fn reserved(layer: &mut Layer, raw: &[u8]) {
    layer.add_octets("icmpv6.reserved", &octets::<4>(raw, 4));
}

fn router_advertisement(layer: &mut Layer, message: &RouterAdvertisement<'_>) {
    let flags = message.flags();
    layer.add("icmpv6.nd.ra.cur_hop_limit", message.cur_hop_limit());
    layer.add("icmpv6.nd.ra.flag", flags);
    layer.add("icmpv6.nd.ra.flag.m", message.is_managed());
    layer.add("icmpv6.nd.ra.flag.o", message.has_other_configuration());
    layer.add("icmpv6.nd.ra.flag.h", message.is_home_agent());
    layer.add("icmpv6.nd.ra.flag.prf", (flags >> 3) & 0x03);
    layer.add("icmpv6.nd.ra.flag.p", flags & 0x04 != 0);
    layer.add("icmpv6.nd.ra.flag.rsv", flags & 0x03);
    layer.add("icmpv6.nd.ra.router_lifetime", message.router_lifetime());
    layer.add("icmpv6.nd.ra.reachable_time", message.reachable_time());
    layer.add("icmpv6.nd.ra.retrans_timer", message.retrans_timer());
    layer.summary = format!(
        "router advertisement, router for {} s",
        message.router_lifetime()
    );
}

fn neighbor_advertisement(layer: &mut Layer, message: &NeighborAdvertisement<'_>, raw: &[u8]) {
    let flags = u32::from_be_bytes(octets(raw, 4));
    layer.add("icmpv6.nd.na.flag", flags);
    layer.add("icmpv6.nd.na.flag.r", message.is_router());
    layer.add("icmpv6.nd.na.flag.s", message.is_solicited());
    layer.add("icmpv6.nd.na.flag.o", message.is_override());
    layer.add("icmpv6.nd.na.flag.rsv", flags & 0x1fff_ffff);
    layer.add_text("icmpv6.nd.na.target_address", message.target());
    layer.summary = format!("neighbor advertisement of {}", message.target());
}

/// Adds the options, which start `offset` octets into the message; gives the packet in the first
/// redirected header.
fn options<'a>(
    layer: &mut Layer,
    options: &NdOptions<'a>,
    mut offset: usize,
) -> Option<(usize, &'a [u8])> {
    let mut quoted = None;
    for (option, raw) in options.iter().zip(options.as_tlv_list()) {
        layer.add("icmpv6.opt.type", raw.kind);
        layer.add("icmpv6.opt.length", raw.octets.len() / 8);
        if let NdOption::RedirectedHeader(packet) = option {
            quoted = quoted.or(Some((offset + 8, packet)));
        }
        add_option(layer, &option, &raw);
        offset += raw.octets.len();
    }
    quoted
}

fn add_option(layer: &mut Layer, option: &NdOption<'_>, raw: &Tlv<'_>) {
    match option {
        NdOption::SourceLinkLayerAddress(address) => {
            layer.add_octets("icmpv6.opt.linkaddr", address.as_slice());
            layer.add_octets("icmpv6.opt.src_linkaddr", address.as_slice());
        }
        NdOption::TargetLinkLayerAddress(address) => {
            layer.add_octets("icmpv6.opt.linkaddr", address.as_slice());
            layer.add_octets("icmpv6.opt.target_linkaddr", address.as_slice());
        }
        NdOption::PrefixInformation(prefix) => {
            let [_, flags] = octets(raw.data, 0);
            layer.add("icmpv6.opt.prefix.length", prefix.prefix_length);
            layer.add("icmpv6.opt.prefix.flag", flags);
            layer.add("icmpv6.opt.prefix.flag.l", prefix.on_link);
            layer.add("icmpv6.opt.prefix.flag.a", prefix.autonomous);
            layer.add("icmpv6.opt.prefix.flag.r", prefix.router_address);
            layer.add("icmpv6.opt.prefix.flag.reserved", flags & 0x1f);
            layer.add("icmpv6.opt.prefix.valid_lifetime", prefix.valid_lifetime);
            let preferred = prefix.preferred_lifetime;
            layer.add("icmpv6.opt.prefix.preferred_lifetime", preferred);
            layer.add_text("icmpv6.opt.prefix", prefix.address);
        }
        NdOption::Mtu(mtu) => layer.add("icmpv6.opt.mtu", *mtu),
        NdOption::RouteInformation(route) => {
            let [_, flags] = octets(raw.data, 0);
            layer.add("icmpv6.opt.prefix.length", route.prefix.length());
            layer.add("icmpv6.opt.route_info.flag", flags);
            let preference = (flags >> 3) & 0x03;
            layer.add("icmpv6.opt.route_info.flag.route_preference", preference);
            layer.add("icmpv6.opt.route_info.flag.reserved", flags & 0xe7);
            layer.add("icmpv6.opt.route_lifetime", route.lifetime);
            // Without octets for it, the prefix is not shown.
            if raw.octets.len() > 8 {
                layer.add_text("icmpv6.opt.prefix", route.prefix.network());
            }
        }
        NdOption::RecursiveDnsServers(list) => {
            layer.add("icmpv6.opt.rdnss.lifetime", list.lifetime());
            for server in list.servers() {
                layer.add_text("icmpv6.opt.rdnss", server);
            }
        }
        NdOption::DnsSearchList(list) => {
            layer.add("icmpv6.opt.dnssl.lifetime", list.lifetime());
            for domain in list.domains() {
                layer.add_text("icmpv6.opt.dnssl", domain);
            }
        }
        NdOption::Nonce(nonce) => layer.add_octets("icmpv6.opt.nonce", nonce),
        NdOption::CaptivePortal(uri) => layer.add("icmpv6.opt.captive_portal", *uri),
        NdOption::Pref64(prefix) => {
            let [high, low] = octets(raw.data, 0);
            let word = u16::from_be_bytes([high, low]);
            layer.add("icmpv6.opt.pref64.scaled_lifetime", word >> 3);
            layer.add("icmpv6.opt.pref64.plc", low & 0x07);
            layer.add_text("icmpv6.opt.pref64.prefix", prefix.prefix.network());
        }
        _ => {}
    }
}

fn mld(layer: &mut Layer, message: &MldMessage<'_>, raw: &[u8]) {
    match message {
        MldMessage::Query(query) => mld_query(layer, query, raw),
        MldMessage::Report { group } | MldMessage::Done { group } => {
            let delay = u16::from_be_bytes(octets(raw, 4));
            layer.add("icmpv6.mld.maximum_response_delay", delay);
            layer.add_octets("icmpv6.reserved", &octets::<2>(raw, 6));
            layer.add_text("icmpv6.mld.multicast_address", group);
            layer.summary += &format!(" for {group}");
        }
        MldMessage::ReportV2(report) => {
            layer.add_octets("icmpv6.reserved", &octets::<2>(raw, 4));
            layer.add("icmpv6.mldr.nb_mcast_records", report.record_count());
            for record in report.records() {
                layer.add("icmpv6.mldr.mar.record_type", record.record_type.0);
                let auxiliary = record.auxiliary();
                layer.add("icmpv6.mldr.mar.aux_data_len", auxiliary.len() / 4);
                layer.add("icmpv6.mldr.mar.nb_sources", record.sources().len());
                layer.add_text("icmpv6.mldr.mar.multicast_address", record.group);
                for source in record.sources() {
                    layer.add_text("icmpv6.mldr.mar.source_address", source);
                }
                if !auxiliary.is_empty() {
                    layer.add_octets("icmpv6.mldr.mar.auxiliary_data", auxiliary);
                }
            }
        }
    }
}

fn mld_query(layer: &mut Layer, query: &MldQuery<'_>, raw: &[u8]) {
    let code = query.max_response_code();
    if query.version() == 1 {
        layer.add("icmpv6.mld.maximum_response_delay", code);
    } else {
        layer.add("icmpv6.mld.maximum_response_code", code);
    }
    layer.add_octets("icmpv6.reserved", &octets::<2>(raw, 6));
    layer.add_text("icmpv6.mld.multicast_address", query.group());
    if query.version() == 2 {
        let [flags, interval] = octets(raw, 24);
        layer.add("icmpv6.mld.flag", flags);
        let suppress = query.suppresses_router_processing();
        layer.add("icmpv6.mld.flag.s", suppress);
        layer.add("icmpv6.mld.flag.qrv", query.robustness());
        layer.add("icmpv6.mld.flag.reserved", flags >> 4);
        layer.add("icmpv6.mld.qqi", interval);
        layer.add("icmpv6.mld.nb_sources", query.sources().len());
        for source in query.sources() {
            layer.add_text("icmpv6.mld.source_address", source);
        }
    }
}
