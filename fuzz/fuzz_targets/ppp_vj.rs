//! Van Jacobson compression: without loss every packet comes out as it went in; with loss, noise and
//! changes nothing falls over.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use packet_buffer::PacketBuf;
use ppp_lcp_ncp::ncp::VjParameters;
use ppp_lcp_ncp::vj::{Compressor, Decompressor, Form};

#[derive(Debug, Arbitrary)]
enum Op<'a> {
    /// A segment of one of some connections, near to the one before.
    Segment {
        connection: u8,
        flags: u8,
        sequence: u16,
        acknowledgment: u16,
        window: u8,
        urgent: u8,
        identification: u8,
        data: &'a [u8],
        options: u8,
        fate: u8,
    },
    /// Any octets are compressed.
    Packet(&'a [u8]),
    /// Any octets arrive.
    Noise(u8, &'a [u8]),
}

fuzz_target!(|input: (u8, bool, Vec<Op<'_>>)| {
    let (slots, compress_slot_id, ops) = input;
    let parameters = VjParameters {
        max_slot_id: slots % 8,
        compress_slot_id,
    };
    let mut compressor = Compressor::new(&parameters);
    let mut decompressor = Decompressor::new(&parameters);
    let mut numbers = [(0x1000u32, 0x2000u32, 0u16); 16];
    let mut is_clean = true;
    for op in &ops {
        let (mut packet, fate) = match op {
            Op::Segment {
                connection,
                flags,
                sequence,
                acknowledgment,
                window,
                urgent,
                identification,
                data,
                options,
                fate,
            } => {
                let number = usize::from(connection % 16);
                let (seq, ack, id) = &mut numbers[number];
                *seq = seq.wrapping_add((*sequence).into());
                *ack = ack.wrapping_add((*acknowledgment).into());
                *id = id.wrapping_add((*identification).into());
                let flags = if flags & 0xc0 == 0 {
                    *flags
                } else {
                    0x10 | flags & 0x28
                };
                let header = (number as u8, *seq, *ack, *id, flags, *window, *urgent);
                (segment(header, usize::from(options % 4), data), *fate)
            }
            Op::Packet(octets) => (octets.to_vec(), 0),
            Op::Noise(form, octets) => {
                let form = [Form::Ip, Form::Uncompressed, Form::Compressed][usize::from(*form) % 3];
                let mut packet = PacketBuf::from(*octets);
                let before = packet.clone();
                if decompressor.decompress(form, &mut packet).is_err() {
                    assert_eq!(packet, before, "a refused packet is where it was");
                }
                is_clean = is_clean && form == Form::Ip;
                continue;
            }
        };
        let original = packet.clone();
        let mut compressed = PacketBuf::with_headroom(128);
        compressed.append_slice(&packet);
        let form = compressor.compress(&mut compressed);
        assert!(compressed.len() <= original.len());
        packet.clear();
        match fate {
            // It is lost.
            250.. if form != Form::Ip => {
                decompressor.line_error();
                is_clean = false;
            }
            // An octet is another one.
            240..250 if form != Form::Ip => {
                let place = usize::from(fate) % compressed.len();
                compressed.as_mut_slice()[place] ^= fate;
                let _ = decompressor.decompress(form, &mut compressed);
                is_clean = false;
            }
            _ => {
                let result = decompressor.decompress(form, &mut compressed);
                if is_clean {
                    assert_eq!(result, Ok(()), "{form:?}");
                    assert_eq!(compressed.as_slice(), original, "{form:?}");
                }
            }
        }
    }
});

/// Number of the connection, sequence, acknowledgment, identification, flags, window and urgent pointer.
type Numbers = (u8, u32, u32, u16, u8, u8, u8);

fn segment(numbers: Numbers, options: usize, data: &[u8]) -> Vec<u8> {
    let (connection, sequence, acknowledgment, identification, flags, window, urgent) = numbers;
    let data = data.get(..data.len().min(600)).unwrap_or_default();
    let total = 40 + 4 * options + data.len();
    let mut packet = vec![0x45, 0];
    packet.extend((total as u16).to_be_bytes());
    packet.extend(identification.to_be_bytes());
    packet.extend([0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, connection]);
    let checksum = packet_buffer::checksum::internet_checksum(&packet);
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet.extend([0x10, connection, 0, 80]);
    packet.extend(sequence.to_be_bytes());
    packet.extend(acknowledgment.to_be_bytes());
    packet.extend([
        (5 + options as u8) << 4,
        flags,
        window,
        0,
        0x12,
        0x34,
        0,
        urgent,
    ]);
    packet.extend([1u8; 16].iter().take(4 * options));
    packet.extend(data);
    packet
}
