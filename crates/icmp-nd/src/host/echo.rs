//! The IPv4 options of a reply (RFC 1122 §3.2.2.6).

use alloc::vec::Vec;
use core::net::Ipv4Addr;
use packet_buffer::tlv::{Tlv, TlvList};
use packet_buffer::wire::{HeaderOptions, Ipv4OptionKind};

/// Octets of an address in a list.
const ADDRESS: usize = 4;

/// The options of the reply to a request with these options, and the destination of its header: the
/// way back of a source route, and records with this host in them. Others do not come back.
pub(super) fn reply_options(
    request: &TlvList<'_>,
    source: Ipv4Addr,
    own: Ipv4Addr,
    timestamp: u32,
) -> (HeaderOptions, Ipv4Addr) {
    let mut octets = Vec::new();
    let mut destination = source;
    if !request.is_empty() {
        for option in request.iter() {
            match Ipv4OptionKind(option.kind) {
                // RFC 1122 §3.2.2.6 SHOULD (record): a record of the route, or of times, is continued and
                // comes back whole.
                Ipv4OptionKind::RECORD_ROUTE => octets.extend(record_route(&option, own)),
                Ipv4OptionKind::TIMESTAMP => {
                    octets.extend(record_timestamp(&option, own, timestamp));
                }
                // RFC 1122 §3.2.2.6 MUST (source-route): a source route comes back reversed.
                Ipv4OptionKind::LOOSE_SOURCE_ROUTE | Ipv4OptionKind::STRICT_SOURCE_ROUTE => {
                    if let Some((first_hop, option)) = reversed(&option, source) {
                        destination = first_hop;
                        octets.extend(option);
                    }
                }
                _ => {}
            }
        }
    }
    // They were in one header, and none has grown.
    let options = HeaderOptions::from_slice(&octets).unwrap_or_default();
    (options, destination)
}

/// Writes this host into the next free place of a record.
fn record_route(option: &Tlv<'_>, own: Ipv4Addr) -> Vec<u8> {
    let mut octets = option.octets.to_vec();
    let pointer = usize::from(option.data.first().copied().unwrap_or(0));
    if let Some(at) = pointer.checked_sub(1)
        && at >= 3
        && let Some(room) = octets.get_mut(at..at + ADDRESS)
    {
        room.copy_from_slice(&own.octets());
        add_to_pointer(&mut octets, ADDRESS);
    }
    octets
}

fn add_to_pointer(octets: &mut [u8], step: usize) {
    if let Some(pointer) = octets.get_mut(2) {
        *pointer = pointer.saturating_add(u8::try_from(step).unwrap_or(0));
    }
}

/// Writes the time into the next free place of a record, as its flag asks (RFC 791 §3.1).
fn record_timestamp(option: &Tlv<'_>, own: Ipv4Addr, timestamp: u32) -> Vec<u8> {
    const ONLY: u8 = 0;
    const WITH_ADDRESS: u8 = 1;
    const PRESPECIFIED: u8 = 3;
    let mut octets = option.octets.to_vec();
    let (Some(&pointer), Some(&flags)) = (option.data.first(), option.data.get(1)) else {
        return octets;
    };
    let Some(at) = usize::from(pointer).checked_sub(1).filter(|&at| at >= 4) else {
        return octets;
    };
    let time = timestamp.to_be_bytes();
    match flags & 0x0f {
        ONLY => match octets.get_mut(at..at + ADDRESS) {
            Some(room) => {
                room.copy_from_slice(&time);
                add_to_pointer(&mut octets, ADDRESS);
            }
            None => overflow(&mut octets),
        },
        flag @ (WITH_ADDRESS | PRESPECIFIED) => match octets.get_mut(at..at + 2 * ADDRESS) {
            Some(room) => {
                let (address, place) = room.split_at_mut(ADDRESS);
                if flag == PRESPECIFIED && *address != own.octets() {
                    return octets;
                }
                address.copy_from_slice(&own.octets());
                place.copy_from_slice(&time);
                add_to_pointer(&mut octets, 2 * ADDRESS);
            }
            None if flag == WITH_ADDRESS => overflow(&mut octets),
            None => {}
        },
        _ => {}
    }
    octets
}

/// Counts a host that found no room, in the high four bits.
fn overflow(octets: &mut [u8]) {
    if let Some(flags) = octets.get_mut(3)
        && *flags < 0xf0
    {
        *flags += 0x10;
    }
}

/// The way back: to the last address that was visited, from there to the others in reverse, and at
/// last to the source. `None` when none was visited.
fn reversed(option: &Tlv<'_>, source: Ipv4Addr) -> Option<(Ipv4Addr, Vec<u8>)> {
    let (&pointer, route) = option.data.split_first()?;
    // What lies before the pointer was visited.
    let visited = route.get(..usize::from(pointer).checked_sub(4)?)?;
    let (addresses, _) = visited.as_chunks::<ADDRESS>();
    let (first_hop, others) = addresses.split_last()?;
    let length = u8::try_from(3 + addresses.len() * ADDRESS).ok()?;
    let mut octets = Vec::from([option.kind, length, 4]);
    octets.extend(others.iter().rev().flatten());
    octets.extend(source.octets());
    Some((Ipv4Addr::from(*first_hop), octets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use packet_buffer::tlv::TlvFormat;

    const OWN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);

    fn reply(request: &[u8]) -> (Vec<u8>, Ipv4Addr) {
        let list = TlvList::parse(&TlvFormat::IPV4, request, 0).unwrap();
        let (options, destination) = reply_options(&list, PEER, OWN, 0x0102_0304);
        (options.as_slice().to_vec(), destination)
    }

    #[test]
    fn a_record_of_the_route_goes_on() {
        // RFC 1122 §3.2.2.6 SHOULD (record): the record is updated and comes back whole.
        let request = [7, 11, 8, 10, 0, 0, 1, 0, 0, 0, 0, 0];
        let expected = [7, 11, 12, 10, 0, 0, 1, 192, 0, 2, 1, 0];
        assert_eq!(reply(&request), (expected.to_vec(), PEER));
        // A full one comes back as it is.
        let full = [7, 7, 8, 10, 0, 0, 1, 0];
        assert_eq!(reply(&full).0, full);
    }

    #[test]
    fn times_are_recorded_as_the_flag_asks() {
        let only = [68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(reply(&only).0, [68, 12, 9, 0, 1, 2, 3, 4, 0, 0, 0, 0]);
        let with_address = [68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(
            reply(&with_address).0,
            [68, 12, 13, 1, 192, 0, 2, 1, 1, 2, 3, 4]
        );
        let for_another = [68, 12, 5, 3, 10, 0, 0, 1, 0, 0, 0, 0];
        assert_eq!(reply(&for_another).0, for_another);
        let full = [68, 8, 9, 0x20, 0, 0, 0, 9];
        assert_eq!(
            reply(&full).0,
            [68, 8, 9, 0x30, 0, 0, 0, 9],
            "one more without room"
        );
    }

    #[test]
    fn a_source_route_comes_back_reversed() {
        // RFC 1122 §3.2.2.6 MUST (source-route): through 10.0.0.2, then 10.0.0.1, then to the source.
        let request = [131, 11, 12, 10, 0, 0, 1, 10, 0, 0, 2, 0];
        let (options, destination) = reply(&request);
        assert_eq!(options, [131, 11, 4, 10, 0, 0, 1, 192, 0, 2, 9, 0]);
        assert_eq!(destination, Ipv4Addr::new(10, 0, 0, 2));
    }

    #[test]
    fn nonsense_comes_back_unchanged_or_not_at_all() {
        assert_eq!(reply(&[7, 3, 0, 0]).0, [7, 3, 0, 0]);
        assert_eq!(reply(&[68, 4, 1, 0]).0, [68, 4, 1, 0]);
        assert_eq!(reply(&[131, 3, 200, 0]), (Vec::new(), PEER));
        assert_eq!(reply(&[148, 4, 0, 0]).0, []);
    }
}
