//! A dual-stack host without an operating system: the pattern for a loop on bare metal.
//!
//! Two things are here. [`Station`] is a whole host around [`icmp_nd::host::Host`]: it needs a global allocator, takes
//! its memory when it starts, and answers pings and UDP echo. [`echo_in_place`] answers pings alone, in the buffer that
//! the network controller wrote, and needs no allocator at all: what stands in `packet_buffer`'s views works on any slice.
//!
//! What the board has to supply is a [`Device`], and a [`RandomSource`] over its entropy. `docs/integration.md` walks
//! through both; CI links this crate without `std` and without a C library, and its tests run it on a simulated board.
#![no_std]

extern crate alloc;

use alloc::boxed::Box;
use core::net::{IpAddr, Ipv4Addr};
use icmp_nd::host::{Host, HostConfig, HostConfigError, Outgoing};
use packet_buffer::checksum::ChecksumDelta;
use packet_buffer::wire::{
    EtherType, EthernetFrame, Icmpv4Message, Icmpv4Repr, IpProtocol, Ipv4Packet, MacAddr,
    PseudoHeader, UdpDatagram, UdpRepr,
};
use packet_buffer::{Instant, IpPacketMut, PacketBuf, RandomSource};

/// The largest frame, without its check sequence.
pub const FRAME: usize = 1514;

/// The port of the echo service (RFC 862).
pub const ECHO_PORT: u16 = 7;

/// What a board has: a network controller and a timer.
pub trait Device {
    /// Puts the next frame that has arrived into `frame`, and tells its length in octets; `None` when there is none.
    fn receive(&mut self, frame: &mut [u8; FRAME]) -> Option<usize>;
    /// Sends a frame, or drops it when the controller is busy.
    fn send(&mut self, frame: &[u8]);
    /// The time since the start, from a timer that never runs backwards.
    fn now(&self) -> Instant;
}

/// A host on a device.
#[derive(Debug)]
pub struct Station<D> {
    host: Host,
    device: D,
    input: [u8; FRAME],
    /// Used for every frame that goes out and every packet that comes in: they keep their memory.
    output: PacketBuf,
    packet: PacketBuf,
}

impl<D: Device> Station<D> {
    /// A host with that address on the link; it configures IPv6 by itself.
    ///
    /// # Errors
    ///
    /// None with these settings: [`HostConfigError`] tells of those that contradict each other.
    pub fn new(
        link_address: MacAddr,
        device: D,
        random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, HostConfigError> {
        let mut host = Host::new(HostConfig::new(link_address), random)?;
        host.start(device.now());
        Ok(Self {
            host,
            device,
            input: [0; FRAME],
            output: PacketBuf::new(),
            packet: PacketBuf::new(),
        })
    }

    /// One turn of the main loop. Tells until when there is nothing to do but frames that arrive: sleep until then, or
    /// until the controller's interrupt.
    pub fn turn(&mut self) -> Option<Instant> {
        while let Some(length) = self.device.receive(&mut self.input) {
            let frame = self.input.get(..length).unwrap_or_default();
            // What is ignored is counted in `stats()`.
            let _ = self.host.handle_input(self.device.now(), frame);
        }
        let now = self.device.now();
        if self.host.poll_timeout().is_some_and(|due| due <= now) {
            self.host.handle_timeout(now);
        }
        self.serve(now);
        while self.host.poll_event().is_some() {}
        while self.host.poll_transmit(&mut self.output).is_some() {
            self.device.send(self.output.as_slice());
        }
        self.host.poll_timeout()
    }

    /// The host, to look at or to give orders to.
    pub const fn host(&mut self) -> &mut Host {
        &mut self.host
    }

    /// The application: UDP echo.
    fn serve(&mut self, now: Instant) {
        while let Some(received) = self.host.poll_receive(&mut self.packet) {
            let octets = self.packet.as_slice().get(received.payload_offset..);
            let Ok(datagram) = UdpDatagram::parse(octets.unwrap_or_default()) else {
                continue;
            };
            let addresses = |source, destination| match (source, destination) {
                (IpAddr::V4(source), IpAddr::V4(destination)) => Some(PseudoHeader::V4 {
                    source,
                    destination,
                }),
                (IpAddr::V6(source), IpAddr::V6(destination)) => Some(PseudoHeader::V6 {
                    source,
                    destination,
                }),
                _ => None,
            };
            let (Some(arrived), Some(answering)) = (
                addresses(received.source, received.destination),
                addresses(received.destination, received.source),
            ) else {
                continue;
            };
            let wanted = received.protocol == IpProtocol::UDP
                && datagram.destination_port() == ECHO_PORT
                && datagram.source_port() != ECHO_PORT // no two echo services for ever
                && self.host.is_own(received.destination)
                && datagram.verify_checksum(&arrived).is_ok();
            if !wanted {
                continue;
            }
            self.output.reset(PacketBuf::DEFAULT_HEADROOM);
            self.output.append_slice(datagram.payload());
            let ports = UdpRepr {
                source_port: ECHO_PORT,
                destination_port: datagram.source_port(),
            };
            let outgoing =
                Outgoing::new(received.source, IpProtocol::UDP).from(received.destination);
            if ports.emit(&mut self.output, &answering).is_ok() {
                // What cannot be sent is counted.
                let _ = self.host.send(now, &outgoing, &mut self.output);
            }
        }
    }
}

/// Turns an ICMP echo request to `own` into its reply, in place. False when the frame is anything else: it is as it
/// was.
///
/// Nothing is allocated. The sender's link-layer address is taken from the frame, so that no ARP is needed to answer.
pub fn echo_in_place(frame: &mut [u8], own: Ipv4Addr) -> bool {
    let Some((source, header, length)) = echo_request(frame, own) else {
        return false;
    };
    let Some((ethernet, packet)) = frame.split_at_mut_checked(header) else {
        return false;
    };
    let Some(packet) = packet.get_mut(..length) else {
        return false;
    };
    let offset = match Ipv4Packet::parse(packet) {
        Ok(ip) => ip.header_len(),
        Err(_) => return false,
    };
    // Type 8 becomes 0; the checksum is patched for the word of type and code.
    if let Some([kind, code, high, low]) = packet
        .get_mut(offset..)
        .and_then(|message| message.first_chunk_mut())
    {
        let old = u16::from_be_bytes([*kind, *code]);
        *kind = 0;
        let delta = ChecksumDelta::new().replace_u16(old, u16::from_be_bytes([*kind, *code]));
        [*high, *low] = delta.apply(u16::from_be_bytes([*high, *low])).to_be_bytes();
    }
    let Ok(mut ip) = IpPacketMut::parse(packet) else {
        return false;
    };
    let turned =
        ip.set_source(own.into(), None).is_ok() && ip.set_destination(source.into(), None).is_ok();
    ip.set_hop_limit(64);
    if let Some((to, from)) = ethernet.split_first_chunk_mut::<6>()
        && let Some(from) = from.first_chunk_mut::<6>()
    {
        core::mem::swap(to, from);
    }
    turned
}

/// Who asks, where the packet begins, and its length in octets.
fn echo_request(frame: &[u8], own: Ipv4Addr) -> Option<(Ipv4Addr, usize, usize)> {
    let ethernet = EthernetFrame::parse(frame).ok()?;
    let ip = Ipv4Packet::parse(ethernet.payload()).ok()?;
    ip.verify_checksum().ok()?;
    let source = ip.source();
    let is_host = !(source.is_multicast() || source.is_broadcast() || source.is_unspecified());
    let is_mine = ip.destination() == own && !ethernet.destination().is_multicast();
    let is_whole = !ip.is_fragment() && ip.protocol() == IpProtocol::ICMP;
    if ethernet.ethertype() != EtherType::IPV4 || !is_host || !is_mine || !is_whole {
        return None;
    }
    let message = Icmpv4Message::parse(ip.payload()).ok()?;
    message.verify_checksum().ok()?;
    let is_request = matches!(message.to_repr(), Icmpv4Repr::EchoRequest { .. });
    is_request.then_some((source, ethernet.header_len(), ip.total_length()))
}

#[cfg(test)]
mod tests;
