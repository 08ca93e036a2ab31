//! The rewriter held against sums that are computed anew.

use core::net::{IpAddr, Ipv6Addr};
use packet_buffer::checksum::{ChecksumDelta, Sum, internet_checksum};
use packet_buffer::wire::{
    IpPacket, IpProtocol, Ipv6Extension, Ipv6Extensions, Ipv6OptionKind, QuotedPacket,
};
use packet_buffer::{IpPacketMut, RewriteError};

/// Octets at the front that say what to change to: a port, an address, a hop limit, and switches.
const CONTROL: usize = 20;

/// Takes what to change to from the front of `octets`, and changes the packet that follows, read as
/// a whole packet and as a quoted one.
pub(crate) fn rewrite(octets: &[u8]) {
    let Some((control, packet)) = octets.split_first_chunk::<CONTROL>() else {
        return;
    };
    let [high, low, hop_limit, switches, address @ ..] = *control;
    let address = Ipv6Addr::from(address);
    let port = (switches & 1 == 0).then_some(u16::from_be_bytes([high, low]));
    for is_quoted in [false, true] {
        for is_source in [false, true] {
            change_and_change_back(packet, is_quoted, is_source, address, port);
        }
    }
    hops(packet, hop_limit);
}

fn parse(packet: &mut [u8], is_quoted: bool) -> Option<IpPacketMut<'_>> {
    if is_quoted {
        IpPacketMut::parse_quoted(packet).ok()
    } else {
        IpPacketMut::parse(packet).ok()
    }
}

/// Changes one end of a copy of `original`, compares all sums, and changes it back. Says whether
/// there was something to change.
pub(crate) fn change_and_change_back(
    original: &[u8],
    is_quoted: bool,
    is_source: bool,
    address: Ipv6Addr,
    port: Option<u16>,
) -> bool {
    let mut packet = original.to_vec();
    let Some(mut rewriter) = parse(&mut packet, is_quoted) else {
        return false;
    };
    let (old_address, old_port) = if is_source {
        (rewriter.source(), rewriter.source_port())
    } else {
        (rewriter.destination(), rewriter.destination_port())
    };
    let [.., a, b, c, d] = address.octets();
    let (new, other): (IpAddr, IpAddr) = match old_address {
        IpAddr::V4(_) => ([a, b, c, d].into(), address.into()),
        IpAddr::V6(_) => (address.into(), [a, b, c, d].into()),
    };
    let mut set = |address, port| {
        if is_source {
            rewriter.set_source(address, port)
        } else {
            rewriter.set_destination(address, port)
        }
    };
    if !is_quoted && is_tiny(original) {
        assert_eq!(set(new, port), Err(RewriteError::Tiny));
        assert_eq!(packet, original, "an error changes nothing");
        return false;
    }
    // Without a port to change, and with an address of the other version, nothing happens.
    assert_eq!(set(other, None), Err(RewriteError::AddressFamily));
    let delta = match set(new, port) {
        Ok(delta) => {
            assert!(port.is_none() || old_port.is_some());
            delta
        }
        Err(error) => {
            assert_eq!(error, RewriteError::NoPort);
            assert!(port.is_some() && old_port.is_none());
            assert_eq!(packet, original, "an error changes nothing");
            return false;
        }
    };
    let new_port = port.or(old_port);
    if is_source {
        assert_eq!((rewriter.source(), rewriter.source_port()), (new, new_port));
    } else {
        let now = (rewriter.destination(), rewriter.destination_port());
        assert_eq!(now, (new, new_port));
    }
    assert_sums_kept(original, &packet, is_quoted);
    assert_delta(original, &packet, delta);
    assert_nothing_else_changed(original, &packet, is_quoted, is_source);

    let changed = packet.clone();
    let mut rewriter = parse(&mut packet, is_quoted).expect("it is still a packet");
    let delta = if is_source {
        rewriter.set_source(old_address, port.and(old_port))
    } else {
        rewriter.set_destination(old_address, port.and(old_port))
    };
    assert_delta(&changed, &packet, delta.expect("it was possible before"));
    assert_eq!(
        normalized(&packet, is_quoted),
        normalized(original, is_quoted),
        "changed back"
    );
    true
}

fn hops(original: &[u8], hop_limit: u8) {
    let mut packet = original.to_vec();
    let Some(mut rewriter) = parse(&mut packet, false) else {
        return;
    };
    let old = rewriter.hop_limit();
    rewriter.set_hop_limit(hop_limit);
    assert_eq!(rewriter.hop_limit(), hop_limit);
    let left = rewriter.decrement_hop_limit();
    assert_eq!(left, hop_limit.checked_sub(1).filter(|left| *left > 0));
    assert_eq!(rewriter.hop_limit(), left.unwrap_or(hop_limit));
    assert_sums_kept(original, &packet, false);
    let mut rewriter = parse(&mut packet, false).expect("it is still a packet");
    rewriter.set_hop_limit(old);
    assert_eq!(normalized(&packet, false), normalized(original, false));
}

/// Whether a whole packet, or first fragment, ends within its transport header.
fn is_tiny(octets: &[u8]) -> bool {
    let Layout { end, transport, .. } = layout(octets, false);
    transport.is_some_and(|(at, protocol)| {
        let header = match protocol {
            IpProtocol::TCP => 20,
            IpProtocol::DCCP => 12,
            IpProtocol::UDP | IpProtocol::UDP_LITE | IpProtocol::ICMP => 8,
            IpProtocol::ICMPV6 => 4,
            _ => 0,
        };
        end < at + header
    })
}

/// Where the checksums of a packet are, found by the views alone.
struct Layout {
    header_length: usize,
    is_v4: bool,
    /// Where the packet ends.
    end: usize,
    /// Where the transport header starts, and what it is.
    transport: Option<(usize, IpProtocol)>,
    covers: [bool; 2],
}

fn layout(octets: &[u8], is_quoted: bool) -> Layout {
    let v4 = |header_length, protocol, offset, whole: &[u8]| Layout {
        header_length,
        is_v4: true,
        end: whole.len(),
        transport: (offset == 0).then_some((header_length, protocol)),
        covers: [true; 2],
    };
    let v6 = |next, payload: &[u8], whole: &[u8]| {
        let extensions = Ipv6Extensions::parse(next, payload, 40).ok();
        let mut covers = [true; 2];
        for (_, extension) in extensions.into_iter().flatten() {
            match extension {
                Ipv6Extension::Routing(routing) => covers[1] &= routing.segments_left == 0,
                Ipv6Extension::DestinationOptions(options) => {
                    let home = Ipv6OptionKind::HOME_ADDRESS.0;
                    covers[0] &= options.iter().all(|option| option.kind != home);
                }
                _ => {}
            }
        }
        let upper = extensions.map(|extensions| extensions.upper_layer());
        let upper = upper.filter(|upper| upper.is_start());
        Layout {
            header_length: 40,
            is_v4: false,
            end: whole.len(),
            transport: upper.map(|upper| (upper.offset, upper.protocol)),
            covers,
        }
    };
    if is_quoted {
        match QuotedPacket::parse(octets).expect("it was parsed before") {
            QuotedPacket::V4(packet) => v4(
                packet.header_len(),
                packet.protocol(),
                packet.fragment_offset(),
                packet.as_slice(),
            ),
            QuotedPacket::V6(packet) => {
                v6(packet.next_header(), packet.payload(), packet.as_slice())
            }
        }
    } else {
        match IpPacket::parse(octets).expect("it was parsed before") {
            IpPacket::V4(packet) => v4(
                packet.header_len(),
                packet.protocol(),
                packet.fragment_offset(),
                packet.as_slice(),
            ),
            IpPacket::V6(packet) => v6(packet.next_header(), packet.payload(), packet.as_slice()),
        }
    }
}

impl Layout {
    /// Where the transport checksum is, and whether zero in it means that there is none.
    fn checksum(&self) -> Option<(usize, bool)> {
        let (start, protocol) = self.transport?;
        let (at, zero_is_none) = match protocol {
            IpProtocol::TCP => (16, false),
            IpProtocol::UDP | IpProtocol::UDP_LITE => (6, true),
            IpProtocol::DCCP => (6, false),
            IpProtocol::ICMP if self.is_v4 => (2, false),
            IpProtocol::ICMPV6 if !self.is_v4 => (2, false),
            _ => return None,
        };
        (start + at + 2 <= self.end).then_some((start + at, zero_is_none))
    }

    /// What the transport checksum covers, its own field among it. Protocol and length are left
    /// out: they do not change.
    fn transport_sum(&self, octets: &[u8]) -> Option<u16> {
        let (start, protocol) = self.transport?;
        self.checksum()?;
        let addresses = match (self.is_v4, protocol) {
            (true, IpProtocol::ICMP) => &[],
            (true, _) => &octets[12..20],
            (false, _) => &octets[8..40],
        };
        let (source, destination) = addresses.split_at(addresses.len() / 2);
        let mut sum = Sum::new();
        for (address, covered) in [source, destination].into_iter().zip(self.covers) {
            if covered {
                sum = sum.add_bytes(address);
            }
        }
        Some(sum.add_bytes(&octets[start..self.end]).fold())
    }
}

/// The two representations of zero are one.
fn same_sum(a: u16, b: u16) -> bool {
    a % 0xffff == b % 0xffff
}

/// A checksum that was right is right, and one that was wrong is wrong by as much as before: the
/// sums over what each covers are as they were.
fn assert_sums_kept(before: &[u8], after: &[u8], is_quoted: bool) {
    let layout = layout(before, is_quoted);
    assert_eq!(after[layout.end..], before[layout.end..], "padding");
    if layout.is_v4 {
        // A quote can end within the options, which never change.
        let length = layout.header_length.min(layout.end);
        let sum = |octets: &[u8]| Sum::new().add_bytes(&octets[..length]).fold();
        assert!(same_sum(sum(before), sum(after)), "IPv4 header checksum");
    }
    let Some((at, zero_is_none)) = layout.checksum() else {
        return;
    };
    let field = |octets: &[u8]| u16::from_be_bytes([octets[at], octets[at + 1]]);
    if zero_is_none {
        assert_eq!(field(before) == 0, field(after) == 0, "zero means none");
    }
    if !(zero_is_none && field(before) == 0) {
        let (before, after) = (layout.transport_sum(before), layout.transport_sum(after));
        let (before, after) = (before.expect("has one"), after.expect("has one"));
        assert!(same_sum(before, after), "transport checksum");
    }
}

/// Of all octets, only an address, a port or identifier, and checksums are others than before.
///
/// The sums alone do not show that: whatever word is patched, they come out right.
fn assert_nothing_else_changed(before: &[u8], after: &[u8], is_quoted: bool, is_source: bool) {
    let layout = layout(before, is_quoted);
    let mut may_change = vec![match (layout.is_v4, is_source) {
        (true, true) => 12..16,
        (true, false) => 16..20,
        (false, true) => 8..24,
        (false, false) => 24..40,
    }];
    if layout.is_v4 {
        may_change.push(10..12);
    }
    if let Some((start, protocol)) = layout.transport {
        let is_icmp = matches!(protocol, IpProtocol::ICMP | IpProtocol::ICMPV6);
        let port = match (is_icmp, is_source) {
            (true, _) => start + 4,
            (false, true) => start,
            (false, false) => start + 2,
        };
        may_change.push(port..port + 2);
    }
    may_change.extend(layout.checksum().map(|(at, _)| at..at + 2));
    for (at, (before, after)) in before.iter().zip(after).enumerate() {
        let may_change = may_change.iter().any(|range| range.contains(&at));
        assert!(before == after || may_change, "octet {at}");
    }
}

/// The delta does for whoever quotes the packet what summing it again would do.
fn assert_delta(before: &[u8], after: &[u8], delta: ChecksumDelta) {
    let patched = delta.apply(internet_checksum(before));
    assert!(same_sum(patched, internet_checksum(after)), "delta");
}

/// The packet with 0xffff for zero in each checksum.
fn normalized(octets: &[u8], is_quoted: bool) -> Vec<u8> {
    let layout = layout(octets, is_quoted);
    let mut octets = octets.to_vec();
    let mut fields = vec![];
    if layout.is_v4 {
        fields.push(10);
    }
    fields.extend(layout.checksum().map(|(at, _)| at));
    for at in fields {
        if octets[at..at + 2] == [0, 0] {
            octets[at..at + 2].fill(0xff);
        }
    }
    octets
}
