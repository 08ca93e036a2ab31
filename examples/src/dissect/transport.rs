//! UDP and TCP.

use super::{ChecksumStatus, Dissector, Layer, Network, Part};
use packet_buffer::Cursor;
use packet_buffer::ParseError;
use packet_buffer::wire::{PseudoHeader, TcpFlags, TcpOption, TcpSegment, UdpDatagram};

/// GRE in UDP (RFC 8086 §8.1).
const GRE_IN_UDP: u16 = 4754;

impl Dissector {
    pub(super) fn udp(&mut self, network: Network, part: Part<'_>) {
        let mut layer = Layer::new("udp", "UDP", part, UdpDatagram::HEADER_LEN);
        // A first fragment, a quote or a cut frame has the header of a datagram that goes on.
        let mut cursor = Cursor::new(part.octets);
        let mut read = || -> Result<(u16, u16), ParseError> {
            let source = cursor.u16("UDP source port")?;
            let destination = cursor.u16("UDP destination port")?;
            let length = cursor.u16("UDP length")?;
            let checksum = cursor.u16("UDP checksum")?;
            layer.add("udp.srcport", source);
            layer.add("udp.dstport", destination);
            layer.add("udp.length", length);
            layer.add("udp.checksum", checksum);
            layer.add("udp.checksum.status", cut_udp_status(checksum, network));
            Ok((source, destination))
        };
        match UdpDatagram::parse(part.octets) {
            Ok(datagram) => {
                layer.add("udp.srcport", datagram.source_port());
                layer.add("udp.dstport", datagram.destination_port());
                layer.add("udp.length", datagram.length());
                layer.add("udp.checksum", datagram.checksum());
                let status = self.udp_status(&datagram, network, part);
                layer.add("udp.checksum.status", status);
                layer.summary = format!(
                    "{} → {}, {} octets",
                    datagram.source_port(),
                    datagram.destination_port(),
                    datagram.payload().len()
                );
                let ports = [datagram.source_port(), datagram.destination_port()];
                self.push(layer);
                let length = datagram.payload().len();
                let payload = part.with(datagram.payload(), UdpDatagram::HEADER_LEN, length);
                if datagram.destination_port() == GRE_IN_UDP {
                    self.gre(payload);
                } else {
                    self.rip_of_port(ports, payload);
                }
            }
            Err(error) => {
                // A first fragment tells the length of the whole.
                if !(part.fragment && error.is_truncated()) {
                    self.error("udp", part, error);
                }
                if let Ok((source, destination)) = read() {
                    layer.summary = format!("{source} → {destination}, cut");
                    let whole_header = cursor.offset() == UdpDatagram::HEADER_LEN;
                    self.push(layer);
                    if whole_header {
                        self.rip_of_port(
                            [source, destination],
                            part.after(UdpDatagram::HEADER_LEN),
                        );
                    }
                }
            }
        }
    }

    fn udp_status(
        &mut self,
        datagram: &UdpDatagram<'_>,
        network: Network,
        part: Part<'_>,
    ) -> ChecksumStatus {
        if part.fragment || datagram.checksum() == 0 {
            let status = cut_udp_status(datagram.checksum(), network);
            if status == ChecksumStatus::Illegal && !part.quoted {
                self.error("udp", part, ParseError::bad_checksum("UDP checksum", 6, 0));
            }
            return status;
        }
        match datagram.verify_checksum(&network.addresses) {
            Ok(()) => ChecksumStatus::Good,
            Err(error) => {
                if !part.quoted {
                    self.error("udp", part, error);
                }
                ChecksumStatus::Bad
            }
        }
    }

    pub(super) fn tcp(&mut self, network: Network, part: Part<'_>) {
        match TcpSegment::parse(part.octets) {
            Ok(segment) => self.tcp_segment(&segment, network, part),
            Err(error) => {
                self.error("tcp", part, error);
                self.cut_tcp(part);
            }
        }
    }

    fn tcp_segment(&mut self, segment: &TcpSegment<'_>, network: Network, part: Part<'_>) {
        let header_length = segment.header_len();
        let mut layer = Layer::new("tcp", "TCP", part, header_length);
        layer.add("tcp.srcport", segment.source_port());
        layer.add("tcp.dstport", segment.destination_port());
        // What the whole segment carries; fragments and quotes do not tell.
        let length = part.wire_len.saturating_sub(header_length);
        if !part.fragment && !part.quoted {
            layer.add("tcp.len", length);
        }
        layer.add("tcp.seq_raw", segment.sequence_number());
        layer.add("tcp.ack_raw", segment.acknowledgment_number());
        layer.add("tcp.hdr_len", header_length);
        layer.add("tcp.flags", segment.flags().0);
        layer.add("tcp.window_size_value", segment.window());
        let keys = ("tcp.checksum", "tcp.checksum.status");
        self.checksum(&mut layer, keys, part, segment.checksum(), || {
            segment.verify_checksum(&network.addresses)
        });
        layer.add("tcp.urgent_pointer", segment.urgent_pointer());
        for (option, octets) in segment.options().zip(segment.option_list()) {
            layer.add("tcp.option_kind", option.kind().0);
            if !octets.is_lone_octet() {
                layer.add("tcp.option_len", octets.octets.len());
            }
            add_tcp_option(&mut layer, &option);
        }
        layer.summary = format!(
            "{} → {} [{}] Seq={} Ack={} Win={} Len={length}",
            segment.source_port(),
            segment.destination_port(),
            segment.flags(),
            segment.sequence_number(),
            segment.acknowledgment_number(),
            segment.window(),
        );
        if !segment.flags().contains(TcpFlags::ACK) {
            layer.summary = layer.summary.replace(" Ack=0", "");
        }
        self.push(layer);
    }

    /// What a quote has at least: the ports and the sequence number. Of a header that cannot be
    /// right, nothing more is shown either, but for its length.
    fn cut_tcp(&mut self, part: Part<'_>) {
        let mut layer = Layer::new("tcp", "TCP", part, 8);
        let mut cursor = Cursor::new(part.octets);
        let mut read = || -> Result<(u16, u16), ParseError> {
            let source = cursor.u16("TCP source port")?;
            layer.add("tcp.srcport", source);
            let destination = cursor.u16("TCP destination port")?;
            layer.add("tcp.dstport", destination);
            layer.add("tcp.seq_raw", cursor.u32("TCP sequence number")?);
            Ok((source, destination))
        };
        if let Ok((source, destination)) = read() {
            layer.summary = format!("{source} → {destination}, cut");
        }
        if cursor.u32("TCP acknowledgment number").is_ok()
            && let Ok(offset) = cursor.u8("TCP data offset")
        {
            layer.add("tcp.hdr_len", usize::from(offset >> 4) * 4);
        }
        self.push(layer);
    }
}

/// What is to be said of a checksum that cannot be verified.
fn cut_udp_status(checksum: u16, network: Network) -> ChecksumStatus {
    match (checksum, network.addresses) {
        (0, PseudoHeader::V4 { .. }) => ChecksumStatus::NotPresent,
        (0, PseudoHeader::V6 { .. }) => ChecksumStatus::Illegal,
        _ => ChecksumStatus::Unverified,
    }
}

fn add_tcp_option(layer: &mut Layer, option: &TcpOption<'_>) {
    match *option {
        TcpOption::MaximumSegmentSize(size) => layer.add("tcp.options.mss_val", size),
        TcpOption::WindowScale(shift) => layer.add("tcp.options.wscale.shift", shift),
        TcpOption::Sack(blocks) => {
            for (left, right) in blocks.iter() {
                layer.add("tcp.options.sack_le", left);
                layer.add("tcp.options.sack_re", right);
            }
        }
        TcpOption::Timestamps { value, echo_reply } => {
            layer.add("tcp.options.timestamp.tsval", value);
            layer.add("tcp.options.timestamp.tsecr", echo_reply);
        }
        TcpOption::EndOfList
        | TcpOption::NoOperation
        | TcpOption::SackPermitted
        | TcpOption::Other { .. } => {}
    }
}
