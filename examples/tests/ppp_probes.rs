//! 73 odd packets: what our end of a link answers, beside what pppd 2.4.9 answered to the same.
//!
//! Each packet goes to a fresh end: 42 to one whose LCP is open, 31 as the first Configure-Request that it gets.
//! Where we answer otherwise than pppd does, the table says by which section of an RFC, or which choice.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

use core::fmt::Write as _;
use internetwork::pppd::config::Settings;
use internetwork::pppd::port::{Outbox, Port};
use ppp_lcp_ncp::framing::{Decoder, Encoder, FramingParameters};
use ppp_lcp_ncp::{Instant, PacketBuf};
use testkit::SeededRandom;

/// Our magic number as the prober, and the option for it.
const MAGIC: [u8; 4] = [0xaa, 0xbb, 0xcc, 0xdd];
const MAGIC_OPTION: [u8; 6] = [5, 6, 0xaa, 0xbb, 0xcc, 0xdd];

const LCP: u16 = 0xc021;
const IPCP: u16 = 0x8021;

/// The prober's end of the line.
struct Prober {
    port: Port,
    encoder: Encoder,
    decoder: Decoder,
    now: Instant,
    /// Packets that came and were not looked at.
    heard: Vec<Vec<u8>>,
    /// The last Configure-Request of LCP among all.
    request: Vec<u8>,
}

impl Prober {
    fn new(seed: u64) -> Self {
        let settings = Settings::parse(
            "auth.name = 'alice'\nauth.allow = ['ms-chap-v2', 'eap', 'chap-md5', 'pap']\n\
             [[secret]]\nname = 'alice'\nsecret = 'wonderland'",
            &[],
        );
        let settings = settings.unwrap();
        let random = Box::new(SeededRandom::new(seed));
        let mut port = Port::new(settings.link, settings.secrets, random).unwrap();
        port.link_mut().open(Instant::ZERO);
        port.link_mut().lower_up(Instant::ZERO);
        let mut prober = Self {
            port,
            encoder: Encoder::new(),
            decoder: Decoder::new(1500),
            now: Instant::ZERO,
            heard: Vec::new(),
            request: Vec::new(),
        };
        prober.listen();
        prober
    }

    /// One whose LCP has opened.
    fn opened(seed: u64) -> Self {
        let mut prober = Self::new(seed);
        prober.send(LCP, 1, 0x51, &MAGIC_OPTION);
        let request = prober.request.clone();
        prober.send(LCP, 2, request[1], &request[4..]);
        assert!(prober.port.link().lcp().is_open());
        prober.heard.clear();
        prober
    }

    fn raw(&mut self, octets: &[u8]) {
        self.port.receive(self.now, octets, |_, _| (), drop);
        while self.port.poll_event(self.now).is_some() {}
        self.listen();
    }

    fn listen(&mut self) {
        let mut out = Outbox::default();
        self.port.poll_transmit(self.now, &mut out);
        let octets = out.take();
        let mut octets = octets.as_slice();
        while let Some(frame) = self.decoder.next_frame(&mut octets) {
            // Address and Control may be left out, and so may the first octet of the protocol.
            let frame = frame.strip_prefix(&[0xff, 3]).unwrap_or(frame);
            let packet = if frame[0] & 1 == 1 {
                [&[0], frame].concat()
            } else {
                frame.to_vec()
            };
            if packet.starts_with(&[0xc0, 0x21, 1]) {
                self.request = packet[2..].to_vec();
            }
            self.heard.push(packet);
        }
        self.decoder.set_parameters(&self.port.link().framing());
    }

    fn frame(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut line = PacketBuf::new();
        self.encoder
            .encode(&FramingParameters::DEFAULT, packet, &mut line);
        line.as_slice().to_vec()
    }

    fn packet(&mut self, packet: &[u8]) {
        let octets = self.frame(packet);
        self.raw(&octets);
    }

    fn send(&mut self, protocol: u16, code: u8, identifier: u8, data: &[u8]) {
        let length = u16::try_from(4 + data.len()).unwrap();
        self.send_with_length(protocol, code, identifier, length, data);
    }

    fn send_with_length(
        &mut self,
        protocol: u16,
        code: u8,
        identifier: u8,
        length: u16,
        data: &[u8],
    ) {
        let [a, b] = protocol.to_be_bytes();
        let [c, d] = length.to_be_bytes();
        self.packet(&[&[a, b, code, identifier, c, d], data].concat());
    }

    fn lcp(&mut self, code: u8, identifier: u8, data: &[u8]) {
        self.send(LCP, code, identifier, data);
    }

    /// The magic number of the end that is probed.
    fn its_magic(&self) -> [u8; 4] {
        self.port.link().lcp().ours().magic.to_be_bytes()
    }

    /// What was heard, in words; packets of networks, which come as soon as the link is open, are left out unless
    /// they are asked for.
    fn answers(&self, with_networks: bool) -> String {
        let mut text = String::new();
        for packet in &self.heard {
            let protocol = u16::from_be_bytes([packet[0], packet[1]]);
            if protocol != LCP && !with_networks {
                continue;
            }
            let (code, data) = (packet[2], &packet[6..]);
            // Its own first requests are not answers.
            if protocol != LCP && code == 1 {
                continue;
            }
            if !text.is_empty() {
                text.push_str(", ");
            }
            if protocol != LCP {
                write!(text, "{protocol:04x}:").unwrap();
            }
            let name = [
                "", "Req", "Ack", "Nak", "Rej", "TermReq", "TermAck", "CodeRej", "ProtRej",
                "EchoReq", "EchoRep",
            ];
            text.push_str(name.get(usize::from(code)).unwrap_or(&"other"));
            match code {
                // The number is random.
                3 if data.starts_with(&[5, 6]) => text.push_str(" 0506"),
                3 | 4 | 7 | 8 => {
                    text.push(' ');
                    text.push_str(&hex::encode(&data[..data.len().min(20)]));
                }
                _ => {}
            }
        }
        if text.is_empty() {
            "-".to_owned()
        } else {
            text
        }
    }
}

/// What is sent to an end whose LCP is open; what pppd answers, what we do, and why where that differs.
type Open = (
    &'static str,
    fn(&mut Prober),
    &'static str,
    &'static str,
    &'static str,
);

#[rustfmt::skip]
const OPEN: &[Open] = &[
    ("Echo-Request with the prober's magic", |p| p.lcp(9, 7, &[&MAGIC[..], b"data"].concat()), "EchoRep", "", ""),
    ("Echo-Request with the magic of the end itself", |p| { let magic = p.its_magic(); p.lcp(9, 7, &magic); }, "EchoRep", "TermReq", "RFC 1661 §6.4: one's own magic number tells of a line that is looped back"),
    ("Echo-Request without a magic", |p| p.lcp(9, 7, &[]), "EchoRep", "-", "RFC 1661 §5.8: the Magic-Number is a field of the packet, and is not there"),
    ("Echo-Reply that nobody asked for", |p| p.lcp(10, 99, &MAGIC), "-", "", ""),
    ("Discard-Request", |p| p.lcp(11, 7, &MAGIC), "-", "", ""),
    ("Identification", |p| p.lcp(12, 7, &[&MAGIC[..], b"hello"].concat()), "-", "", ""),
    ("Time-Remaining", |p| p.lcp(13, 7, &[0xaa, 0xbb, 0xcc, 0xdd, 0, 0, 0, 60]), "-", "", ""),
    ("Reset-Request, which is CCP's", |p| p.lcp(14, 7, &[]), "CodeRej 0e070004", "", ""),
    ("code 0", |p| p.lcp(0, 7, &[0xaa, 0xbb, 0xcc, 0xdd, 0, 0, 0, 0]), "CodeRej 0007000caabbccdd00000000", "", ""),
    ("code 200", |p| p.lcp(200, 7, b"abc"), "CodeRej c8070007616263", "", ""),
    ("protocol 4021, which nobody knows", |p| p.packet(b"\x40\x21hello"), "ProtRej 402168656c6c6f", "", ""),
    ("the same, 1490 octets", |p| p.packet(&[b"\x40\x21", &[b'x'; 1488][..]].concat()), "ProtRej 4021787878787878787878787878787878787878", "", ""),
    ("protocol c020, which cannot be one", |p| p.packet(b"\xc0\x20hello"), "ProtRej c02068656c6c6f", "", ""),
    ("a length beyond the frame", |p| p.send_with_length(LCP, 9, 7, 40, &MAGIC), "-", "", ""),
    ("a length below 4", |p| p.send_with_length(LCP, 9, 7, 3, &MAGIC), "-", "", ""),
    ("padding behind the length", |p| p.send_with_length(LCP, 9, 7, 8, &[&MAGIC[..], &[0; 9]].concat()), "EchoRep", "", ""),
    ("a bad FCS, then an Echo-Request", |p| { let mut bad = p.frame(&[0xc0, 0x21, 9, 1, 0, 8, 0xaa, 0xbb, 0xcc, 0xdd]); let last = bad.len() - 2; bad[last] ^= 1; p.raw(&bad); p.lcp(9, 2, &MAGIC); }, "EchoRep", "", ""),
    ("an abort, then an Echo-Request", |p| { p.raw(b"~\xff}#\xc0!}~"); p.lcp(9, 2, &MAGIC); }, "EchoRep", "", ""),
    ("two octets, then an Echo-Request", |p| { p.raw(b"~ab~"); p.lcp(9, 2, &MAGIC); }, "EchoRep", "", ""),
    ("4000 octets, then an Echo-Request", |p| { p.packet(&[b"\x00\x21", &[b'y'; 4000][..]].concat()); p.lcp(9, 2, &MAGIC); }, "EchoRep", "", ""),
    ("an Echo-Request without Address and Control", |p| { let mut line = PacketBuf::new(); let bare = FramingParameters { address_and_control_field_compression: true, ..FramingParameters::DEFAULT }; p.encoder.encode(&bare, &[0xc0, 0x21, 9, 2, 0, 8, 0xaa, 0xbb, 0xcc, 0xdd], &mut line); let octets = line.as_slice().to_vec(); p.raw(&octets); }, "EchoRep", "", ""),
    ("Configure-Ack with another identifier", |p| { let data = p.request[4..].to_vec(); p.lcp(2, 0xee, &data); }, "-", "", ""),
    ("Configure-Ack again", |p| { let request = p.request.clone(); p.lcp(2, request[1], &request[4..]); }, "-", "", ""),
    ("Configure-Nak of what was acknowledged", |p| { let identifier = p.request[1]; p.lcp(3, identifier, &[1, 4, 5, 0]); }, "-", "", ""),
    ("Configure-Request", |p| p.lcp(1, 0x52, &MAGIC_OPTION), "Req, Ack", "", ""),
    ("Configure-Request with an unknown option", |p| p.lcp(1, 0x52, &[0x63, 4, 1, 2]), "Req, Rej 63040102", "", ""),
    ("Terminate-Ack that nobody asked for", |p| p.lcp(6, 0x77, &[]), "Req", "", ""),
    ("Code-Reject of Echo-Request", |p| p.lcp(7, 9, &[9, 1, 0, 8, 0xaa, 0xbb, 0xcc, 0xdd]), "-", "", ""),
    ("Code-Reject of Configure-Request", |p| p.lcp(7, 9, &[1, 1, 0, 4]), "-", "TermReq", "RFC 1661 §4.3 (RXJ-), §5.6: LCP cannot do without the code"),
    ("Protocol-Reject of LCP", |p| p.lcp(8, 9, &[0xc0, 0x21, 1, 1, 0, 4]), "TermReq", "", ""),
    ("Protocol-Reject of IPCP", |p| p.lcp(8, 9, &[0x80, 0x21, 1, 1, 0, 4]), "-", "", ""),
    ("Protocol-Reject of one octet", |p| p.lcp(8, 9, &[0x80]), "-", "", ""),
    ("Terminate-Request, Echo-Request, Configure-Request", |p| { p.lcp(5, 0x60, b"bye"); p.lcp(9, 2, &MAGIC); p.lcp(1, 0x53, &MAGIC_OPTION); }, "TermAck", "", ""),
    ("IPCP: an option of length 0", |p| p.send(IPCP, 1, 1, &[3, 0]), "8021:Rej 0300", "-", "RFC 1661 §5.4: a Configure-Reject holds whole options, and the list has none that can be told apart"),
    ("IPCP: Terminate-Request", |p| p.send(IPCP, 5, 1, &[]), "8021:TermAck", "", ""),
    ("CCP: MPPE", |p| p.send(0x80fd, 1, 1, &[0x12, 6, 1, 0, 0, 0x40]), "ProtRej 80fd0101000a120601000040", "", ""),
    ("ECP", |p| p.send(0x8053, 1, 1, &[]), "ProtRej 805301010004", "", ""),
    ("PAP that was not negotiated", |p| p.packet(b"\xc0\x23\x01\x01\x00\x0a\x02ab\x02cd"), "-", "", ""),
    ("the same with an empty name and password", |p| p.packet(b"\xc0\x23\x01\x01\x00\x06\x00\x00"), "-", "", ""),
    ("CHAP that was not negotiated", |p| p.packet(&[b"\xc2\x23\x01\x01\x00\x15\x10", &[b'C'; 16][..]].concat()), "-", "", ""),
    ("EAP that was not negotiated", |p| p.packet(&[b"\xc2\x27\x01\x01\x00\x16\x04\x10", &[b'C'; 16][..]].concat()), "-", "", ""),
    ("Multilink that was not negotiated", |p| p.packet(b"\x00\x3d\xc0\x00\x00\x00\x00\x21E"), "-", "ProtRej 003dc0000000002145", "RFC 1661 §5.7: what is not supported is rejected"),
];

/// The options of a first Configure-Request; what pppd answers, what we do, and why where that differs.
type First = (
    &'static str,
    &'static [u8],
    &'static str,
    &'static str,
    &'static str,
);

#[rustfmt::skip]
const FIRST: &[First] = &[
    ("an option of length 0", b"\x01\x00", "Rej 0100", "-", "RFC 1661 §5.4: a Configure-Reject holds whole options, and the list has none that can be told apart"),
    ("an option of length 1", b"\x01\x01\x05", "Rej 010105", "-", "RFC 1661 §5.4: a Configure-Reject holds whole options, and the list has none that can be told apart"),
    ("an option past the end", b"\x01\x20\x05\xdc", "Rej 012005dc", "-", "RFC 1661 §5.4: a Configure-Reject holds whole options, and the list has none that can be told apart"),
    ("an octet behind the last option", b"\x05\x06\xaa\xbb\xcc\xdd\x07", "Rej 07", "-", "RFC 1661 §5.4: a Configure-Reject holds whole options, and the list has none that can be told apart"),
    ("MRU of length 3", b"\x01\x03\x05", "Rej 010305", "Nak 010405dc", "RFC 1661 §6: an option of a wrong length is answered by a Nak with a right one"),
    ("MRU 64", b"\x01\x04\x00\x40", "Nak 01040080", "", ""),
    ("MRU 0", b"\x01\x04\x00\x00", "Nak 01040080", "", ""),
    ("MRU 65535", b"\x01\x04\xff\xff", "Ack", "", ""),
    ("MRU twice", b"\x01\x04\x05\xdc\x01\x04\x02\x40", "Ack", "Rej 01040240", "RFC 1661 §6: no option is listed more than once"),
    ("magic number 0", b"\x05\x06\0\0\0\0", "Ack", "Nak 0506", "RFC 1661 §6.4: zero is no magic number, and MUST be refused"),
    ("ACCM 0", b"\x02\x06\0\0\0\0", "Ack", "", ""),
    ("PFC and ACFC", b"\x07\x02\x08\x02", "Ack", "", ""),
    ("PFC of length 3", b"\x07\x03\x01", "Rej 070301", "Nak 0702", "RFC 1661 §6: an option of a wrong length is answered by a Nak with a right one"),
    ("Quality-Protocol", b"\x04\x08\xc0\x25\0\0\0\x64", "Rej 0408c02500000064", "", ""),
    ("FCS-Alternatives", b"\x09\x03\x04", "Rej 090304", "", ""),
    ("Self-Describing-Padding", b"\x0a\x03\x04", "Rej 0a0304", "", ""),
    ("Numbered-Mode", b"\x0b\x04\x01\x01", "Rej 0b040101", "", ""),
    ("Callback", b"\x0d\x03\x06", "Rej 0d0306", "", ""),
    ("MRRU", b"\x11\x04\x05\xdc", "Rej 110405dc", "", ""),
    ("Short-Sequence-Number", b"\x12\x02", "Rej 1202", "", ""),
    ("Endpoint-Discriminator, null", b"\x13\x03\x00", "Ack", "", ""),
    ("Link-Discriminator", b"\x17\x04\x00\x01", "Rej 17040001", "", ""),
    ("an unknown option, and a magic number", b"\x63\x04\x01\x02\x05\x06\xaa\xbb\xcc\xdd", "Rej 63040102", "", ""),
    ("PAP", b"\x03\x04\xc0\x23", "Ack", "", ""),
    ("CHAP with MD5", b"\x03\x05\xc2\x23\x05", "Ack", "", ""),
    ("CHAP with SHA-256", b"\x03\x05\xc2\x23\x07", "Nak 0305c22305", "Nak 0305c22381", "RFC 1661 §5.3: a Nak has the value that we like best, and that is the first that is configured"),
    ("CHAP with SHA-1", b"\x03\x05\xc2\x23\x06", "Nak 0305c22305", "Nak 0305c22381", "RFC 1661 §5.3: a Nak has the value that we like best, and that is the first that is configured"),
    ("MS-CHAP-V2", b"\x03\x05\xc2\x23\x81", "Ack", "", ""),
    ("EAP", b"\x03\x04\xc2\x27", "Ack", "", ""),
    ("PAP of length 5", b"\x03\x05\xc0\x23\x00", "Rej 0305c02300", "Nak 0305c22381", "RFC 1661 §6: an option of a wrong length is answered by a Nak with a right one"),
    ("two ways to authenticate", b"\x03\x04\xc0\x23\x03\x05\xc2\x23\x05", "Rej 0305c22305", "", ""),
    ("no option", b"", "Ack", "", ""),
];

/// Holds an answer against the table: ours where there is one, else pppd's. A difference has a reason.
fn judge(name: &str, found: &str, theirs: &str, ours: &str, why: &str, bad: &mut Vec<String>) {
    let expected = if ours.is_empty() { theirs } else { ours };
    if found != expected {
        bad.push(format!("{name}: {found}, and not {expected}"));
    }
    if ours.is_empty() != why.is_empty() || ours == theirs {
        bad.push(format!(
            "{name}: a difference needs a reason, and a reason a difference"
        ));
    }
}

#[test]
fn every_probe_is_answered_as_pppd_does_or_with_a_reason() {
    let mut bad = Vec::new();
    for (seed, (name, probe, theirs, ours, why)) in OPEN.iter().enumerate() {
        let mut prober = Prober::opened(seed as u64);
        probe(&mut prober);
        let networks = ["IPCP", "CCP:", "ECP", "PAP", "the same with", "CHAP", "EAP"];
        let with_networks = networks.iter().any(|start| name.starts_with(start));
        judge(
            name,
            &prober.answers(with_networks),
            theirs,
            ours,
            why,
            &mut bad,
        );
    }
    for (seed, (name, options, theirs, ours, why)) in FIRST.iter().enumerate() {
        let mut prober = Prober::new(1000 + seed as u64);
        prober.heard.clear();
        prober.lcp(1, 0x51, options);
        judge(name, &prober.answers(false), theirs, ours, why, &mut bad);
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    assert_eq!(OPEN.len() + FIRST.len(), 74);
}
