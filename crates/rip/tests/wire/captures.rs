//! Messages that nobody here wrote.

use super::*;
use packet_buffer::PacketBuf;
use packet_buffer::wire::{EtherType, EthernetFrame, IpPacket, UdpDatagram};
use rip::wire::{MessageError, RipMessageRepr, RipngMessage, RipngMessageRepr};
use testkit::LinkType;
use testkit::captures::{self, Frame};

/// The UDP payload of a frame that is whole, and whether it is RIPng's.
fn payload(frame: &Frame) -> Option<(Vec<u8>, bool)> {
    let packet = match frame.link_type {
        LinkType::ETHERNET => {
            let ethernet = EthernetFrame::parse(&frame.data).ok()?;
            let is_ip = [EtherType::IPV4, EtherType::IPV6].contains(&ethernet.ethertype());
            is_ip.then(|| ethernet.payload().to_vec())?
        }
        LinkType::RAW => frame.data.clone(),
        _ => return None,
    };
    let udp = match IpPacket::parse(&packet).ok()? {
        IpPacket::V4(ip) => UdpDatagram::parse(ip.payload()).ok()?.payload().to_vec(),
        IpPacket::V6(ip) => {
            let udp = UdpDatagram::parse(ip.payload()).ok()?;
            return Some((udp.payload().to_vec(), true));
        }
    };
    Some((udp, false))
}

/// Every message is read, its entries pass where they should, and what is written of what was
/// read is the same octets again.
#[test]
fn the_captures() {
    testkit::skip_without_shared!();
    let (mut messages, mut routes, mut bad) = (0, 0, Vec::new());
    for capture in captures::in_folder("rip").unwrap() {
        if capture.crafted || capture.name.contains("error") || capture.name.contains("hoobr") {
            continue;
        }
        for frame in &capture.frames {
            let (octets, is_ripng) = payload(frame).unwrap();
            messages += 1;
            let mut written = PacketBuf::new();
            if is_ripng {
                let message = RipngMessage::parse(&octets).unwrap();
                for entry in message.entries() {
                    written.append_slice(&entry.to_repr().octets());
                }
                if message.check().is_err() {
                    continue;
                }
                RipngMessageRepr::new(message.command())
                    .emit(&mut written)
                    .unwrap();
                for route in message.routes() {
                    match route {
                        Ok(_) => routes += 1,
                        Err(error) => bad.push(error),
                    }
                }
            } else {
                let message = RipMessage::parse(&octets).unwrap();
                // Scapy wrote an authentication entry into a message of version 1.
                let expected = match capture.name.as_str() {
                    "rip/scapy-rip" => Err(MessageError::MustBeZero),
                    _ => Ok(()),
                };
                assert_eq!(message.check(25), expected, "{}", capture.name);
                for entry in message.entries() {
                    written.append_slice(&entry.to_repr().octets());
                    // Requests for the whole table aside.
                    if entry.address_family() == 2 {
                        entry.route(message.version(), &[]).unwrap();
                        routes += 1;
                    }
                }
                RipMessageRepr::new(message.command(), message.version())
                    .emit(&mut written)
                    .unwrap();
                if message.authentication().is_some() {
                    continue;
                }
            }
            assert_eq!(written.as_slice(), octets, "{}", capture.name);
        }
    }
    assert!(messages > 30 && routes > 100, "{messages} {routes}");
    // The last message of holo-ripng is there to be wrong.
    let expected = [
        EntryError::Loopback,
        EntryError::PrefixLength(129),
        EntryError::MetricTooLarge(20),
    ];
    assert_eq!(bad, expected);
}
