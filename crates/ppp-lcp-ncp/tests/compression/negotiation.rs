//! CCP's options and resets, by themselves.

use super::{noise, text};
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf};
use ppp_lcp_ncp::auth::{MsChapV2Keys, Secret};
use ppp_lcp_ncp::automaton::{Discard, EndpointConfig, State};
use ppp_lcp_ncp::ccp::mppe::{MppeMode, MppeStrength};
use ppp_lcp_ncp::ccp::{Ccp, CcpConfig, CcpDiscard, CcpMethod, CcpNegotiation, MppeConfig};
use ppp_lcp_ncp::wire::{Code, PppProtocol};
use testkit::SeededRandom;

const NOW: Instant = Instant::from_secs(50);

fn keys(is_server: bool) -> MsChapV2Keys {
    MsChapV2Keys::new(&Secret::from("kiwi"), &[7; 24], is_server)
}

fn started(config: CcpConfig, keys: Option<MsChapV2Keys>, seed: u64) -> Ccp {
    let random = Box::new(SeededRandom::new(seed));
    let negotiation = CcpNegotiation::new(config);
    let mut ccp = Ccp::new(EndpointConfig::default(), negotiation, random).unwrap();
    ccp.open(NOW);
    ccp.lower_up(NOW, keys);
    ccp
}

fn sent(ccp: &mut Ccp) -> Vec<Vec<u8>> {
    let mut packet = PacketBuf::new();
    let mut all = Vec::new();
    while let Some(protocol) = ccp.poll_transmit(&mut packet) {
        assert_eq!(protocol, PppProtocol::CCP);
        all.push(packet.as_slice().to_vec());
    }
    all
}

fn talk(a: &mut Ccp, b: &mut Ccp) {
    for _ in 0..100 {
        let (from_a, from_b) = (sent(a), sent(b));
        if from_a.is_empty() && from_b.is_empty() {
            return;
        }
        for octets in from_a {
            let _ = b.handle_input(NOW, &octets);
        }
        for octets in from_b {
            let _ = a.handle_input(NOW, &octets);
        }
    }
    panic!("no end of it");
}

/// Two ends that have agreed.
fn pair(a: &CcpConfig, b: &CcpConfig) -> (Ccp, Ccp) {
    let mut a = started(a.clone(), Some(keys(true)), 1);
    let mut b = started(b.clone(), Some(keys(false)), 2);
    talk(&mut a, &mut b);
    (a, b)
}

fn packet(code: Code, identifier: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + data.len()).unwrap().to_be_bytes();
    [&[code.0, identifier], &length[..], data].concat()
}

fn answer(ccp: &mut Ccp, options: &[u8]) -> (Code, Vec<u8>) {
    sent(ccp);
    ccp.handle_input(NOW, &packet(Code::CONFIGURE_REQUEST, 200, options))
        .unwrap();
    let all = sent(ccp);
    assert_eq!(all.len(), 1);
    (Code(all[0][0]), all[0][4..].to_vec())
}

fn with_mppe(strengths: &[MppeStrength], mode: MppeMode) -> CcpConfig {
    CcpConfig {
        mppe: Some(MppeConfig {
            required: true,
            strengths: strengths.to_vec(),
            mode,
        }),
        ..CcpConfig::default()
    }
}

fn all() -> CcpConfig {
    CcpConfig {
        mppe: None,
        deflate: Some(15),
        bsd_compress: Some(12),
    }
}

fn mppe_option(bits: u32) -> Vec<u8> {
    [&[18, 6][..], &bits.to_be_bytes()].concat()
}

const H: u32 = 0x0100_0000;
const M: u32 = 0x80;
const S: u32 = 0x40;
const L: u32 = 0x20;
const D: u32 = 0x10;
const C: u32 = 0x01;

// RFC 3078 §2 SHOULD (all): all that will do is asked for.
// RFC 1962 §4 MUST (willing): the best first.
#[test]
fn what_is_asked_for() {
    let asked = |config: &CcpConfig, keys| {
        sent(&mut started(config.clone(), keys, 1)).remove(0)[4..].to_vec()
    };
    let mppe = with_mppe(&MppeStrength::ALL, MppeMode::Stateless);
    assert_eq!(asked(&mppe, Some(keys(true))), mppe_option(H | M | S | L));
    let mppe = with_mppe(&[MppeStrength::Bits128], MppeMode::Stateful);
    assert_eq!(asked(&mppe, Some(keys(true))), mppe_option(S));
    // RFC 3078 §4 MUST (keys): without keys there is nothing to ask for.
    assert!(asked(&mppe, None).is_empty());
    assert_eq!(asked(&all(), None), [26, 4, 0x78, 0, 21, 3, 0x2c]);
    let both = CcpConfig {
        deflate: Some(10),
        ..mppe
    };
    assert_eq!(asked(&both, Some(keys(true))), mppe_option(S));
}

// RFC 3078 §2 SHOULD (repeat): what the answer names is asked for.
#[test]
fn what_is_asked_for_then() {
    let mppe = with_mppe(&MppeStrength::ALL, MppeMode::Stateless);
    let mut ccp = started(mppe, Some(keys(true)), 1);
    // RFC 3078 §3 MUST (open): nothing is encrypted before both have agreed.
    assert!(!send(&mut ccp, &text(1)).0);
    let request = sent(&mut ccp).remove(0);
    let nak = [&[3, request[1], 0, 10][..], &mppe_option(H | L)].concat();
    ccp.handle_input(NOW, &nak).unwrap();
    assert_eq!(sent(&mut ccp).remove(0)[4..], mppe_option(H | L));
}

// RFC 3078 §2 SHOULD (single): one strength is named.
// RFC 3078 §2 SHOULD (strongest): the strongest.
// RFC 3078 §2 MUST (mppc): and compression by MPPC never.
// RFC 3078 §2 MUST (reserved): nor bits that mean nothing.
#[test]
fn what_is_answered_about_mppe() {
    use MppeStrength::{Bits40, Bits128};
    let stateless = MppeMode::Stateless;
    let cases: [(&[MppeStrength], MppeMode, u32, u32); 13] = [
        (&[Bits128], stateless, H | S, H | S),
        (&[Bits128], stateless, S, H | S),
        (&[Bits128], stateless, H | L, H | S),
        (&[Bits128], stateless, H | S | L | M, H | S),
        (&[Bits128], stateless, H | S | C, H | S),
        (&[Bits128], stateless, H | S | D, H | S),
        (&[Bits128], stateless, C, H | S),
        (&[Bits128], stateless, H | S | 0x8000_0000, H | S),
        (&[Bits40, Bits128], stateless, H | L, H | L),
        (&[Bits40, Bits128], stateless, H | L | S, H | S),
        (&[Bits40, Bits128], stateless, H | L | M, H | L),
        (&[Bits128], MppeMode::Stateful, S, S),
        (&[Bits128], MppeMode::Stateful, H | S, H | S),
    ];
    for (strengths, mode, asked, good) in cases {
        let mut ccp = started(with_mppe(strengths, mode), Some(keys(true)), 1);
        let code = if asked == good {
            Code::CONFIGURE_ACK
        } else {
            Code::CONFIGURE_NAK
        };
        let answer = answer(&mut ccp, &mppe_option(asked));
        assert_eq!(answer, (code, mppe_option(good)), "{asked:#x}");
    }
    // Without keys, or without a wish for it, it is rejected.
    let mut ccp = started(with_mppe(&[Bits128], stateless), None, 1);
    let option = mppe_option(H | S);
    assert_eq!(
        answer(&mut ccp, &option),
        (Code::CONFIGURE_REJECT, option.clone())
    );
    let mut ccp = started(all(), Some(keys(true)), 1);
    assert_eq!(answer(&mut ccp, &option), (Code::CONFIGURE_REJECT, option));
    // A request without it is told to have it.
    let mut ccp = started(with_mppe(&[Bits128], stateless), Some(keys(true)), 1);
    assert_eq!(
        answer(&mut ccp, &[]),
        (Code::CONFIGURE_NAK, mppe_option(H | S))
    );
    let short = [18, 4, 1, 0];
    assert_eq!(
        answer(&mut ccp, &short),
        (Code::CONFIGURE_NAK, mppe_option(H | S))
    );
    // Compression in its place is not a way around it.
    let deflate = [26, 4, 0x78, 0];
    assert_eq!(
        answer(&mut ccp, &deflate),
        (Code::CONFIGURE_REJECT, deflate.to_vec())
    );
}

// RFC 1962 §4 MUST (unrecognized): what is not known is rejected.
// RFC 1979 §3 MUST (option): window, method 8 and sequence numbers.
// RFC 1977 §3 MUST (option): version 1 and the bits of the longest codes.
#[test]
fn what_is_answered_about_compression() {
    let ack = Code::CONFIGURE_ACK;
    let nak = Code::CONFIGURE_NAK;
    let reject = Code::CONFIGURE_REJECT;
    let cases: [(&[u8], Code, &[u8]); 16] = [
        (&[26, 4, 0x78, 0], ack, &[26, 4, 0x78, 0]),
        (&[26, 4, 0x08, 0], ack, &[26, 4, 0x08, 0]),
        (&[24, 4, 0x78, 0], ack, &[24, 4, 0x78, 0]),
        (
            &[26, 4, 0x78, 0, 24, 4, 0x78, 0],
            ack,
            &[26, 4, 0x78, 0, 24, 4, 0x78, 0],
        ),
        (&[26, 4, 0x88, 0], nak, &[26, 4, 0x78, 0]),
        (&[26, 4, 0x77, 0], nak, &[26, 4, 0x78, 0]),
        (&[26, 4, 0x78, 1], nak, &[26, 4, 0x78, 0]),
        (&[24, 3, 0x78], nak, &[24, 4, 0x78, 0]),
        (&[21, 3, 0x2c], ack, &[21, 3, 0x2c]),
        (&[21, 3, 0x29], ack, &[21, 3, 0x29]),
        (&[21, 3, 0x2f], nak, &[21, 3, 0x2c]),
        (&[21, 3, 0x28], nak, &[21, 3, 0x2c]),
        (&[21, 3, 0x4c], nak, &[21, 3, 0x2c]),
        (&[1, 2], reject, &[1, 2]),
        (&[17, 5, 0, 0, 1], reject, &[17, 5, 0, 0, 1]),
        (
            &[0, 6, 0, 1, 2, 3, 26, 4, 0x78, 0],
            reject,
            &[0, 6, 0, 1, 2, 3],
        ),
    ];
    for (asked, code, options) in cases {
        let mut ccp = started(all(), None, 1);
        assert_eq!(
            answer(&mut ccp, asked),
            (code, options.to_vec()),
            "{asked:?}"
        );
    }
    let mut none = started(CcpConfig::default(), None, 1);
    for option in [&[26, 4, 0x78, 0][..], &[21, 3, 0x2c]] {
        assert_eq!(answer(&mut none, option), (reject, option.to_vec()));
    }
}

#[test]
fn what_two_ends_agree_on() {
    let deflate = |bits| CcpConfig {
        deflate: Some(bits),
        ..CcpConfig::default()
    };
    let bsd = |bits| CcpConfig {
        bsd_compress: Some(bits),
        ..CcpConfig::default()
    };
    let window_bits = |window_bits| Some(CcpMethod::Deflate { window_bits });
    let max_bits = |max_bits| Some(CcpMethod::BsdCompress { max_bits });
    let cases = [
        (deflate(15), deflate(15), window_bits(15), window_bits(15)),
        // Each end says what it can decompress.
        (deflate(10), deflate(15), window_bits(10), window_bits(15)),
        (bsd(15), bsd(12), max_bits(12), max_bits(12)),
        (all(), all(), window_bits(15), window_bits(15)),
        (all(), bsd(12), max_bits(12), max_bits(12)),
        (deflate(15), bsd(12), None, None),
        (deflate(15), CcpConfig::default(), None, None),
    ];
    for (first, second, receive, send) in cases {
        let (a, b) = pair(&first, &second);
        assert!(a.is_open() && b.is_open());
        assert_eq!(
            (a.negotiation().receive(), a.negotiation().send()),
            (receive, send)
        );
        assert_eq!(
            (b.negotiation().receive(), b.negotiation().send()),
            (send, receive)
        );
    }
    // The strengths that both have.
    let stateless = MppeMode::Stateless;
    let (a, b) = pair(
        &with_mppe(&MppeStrength::ALL, stateless),
        &with_mppe(&[MppeStrength::Bits40, MppeStrength::Bits56], stateless),
    );
    assert!(a.is_encrypting() && b.is_encrypting());
    let method = Some(CcpMethod::Mppe {
        strength: MppeStrength::Bits56,
        mode: stateless,
    });
    assert_eq!(
        (a.negotiation().receive(), a.negotiation().send()),
        (method, method)
    );
    // Those of a stronger configuration are not given up for a hint.
    let (a, b) = pair(
        &with_mppe(&[MppeStrength::Bits128], stateless),
        &with_mppe(&[MppeStrength::Bits40], stateless),
    );
    assert!(!a.is_encrypting() && !b.is_encrypting());
}

/// Sends a datagram as it is agreed; the protocol and what is sent.
fn send(ccp: &mut Ccp, datagram: &[u8]) -> (bool, Vec<u8>) {
    let mut packet = PacketBuf::from(datagram);
    let compressed = ccp.compress(PppProtocol::IPV4, &mut packet);
    (compressed, packet.as_slice().to_vec())
}

fn receive(
    ccp: &mut Ccp,
    now: Instant,
    sent: &(bool, Vec<u8>),
) -> Result<Option<Vec<u8>>, CcpDiscard> {
    let (compressed, packet) = sent;
    if !compressed {
        ccp.pass(PppProtocol::IPV4, packet)?;
        return Ok(Some(packet.clone()));
    }
    let mut out = PacketBuf::new();
    let is_whole = ccp.decompress(now, packet, &mut out)?;
    let skip = if out.as_slice().first() == Some(&0) {
        2
    } else {
        1
    };
    Ok(is_whole.then(|| out.as_slice()[skip..].to_vec()))
}

// RFC 1962 §3.1 MUST (reset-request): a loss is told.
// RFC 1962 §3.1 MUST (reset-ack): and answered with the identifier of the request.
// RFC 1962 §3.1 MUST (reset): with which both ends begin anew.
#[test]
fn a_lost_packet_and_the_reset() {
    for config in [
        all(),
        CcpConfig {
            deflate: None,
            ..all()
        },
        with_mppe(&MppeStrength::ALL, MppeMode::Stateful),
        with_mppe(&MppeStrength::ALL, MppeMode::StatefulRekeyed),
    ] {
        let (mut a, mut b) = pair(&config, &config);
        for round in 0..20 {
            for number in 0..round {
                let sent = send(&mut a, &text(number));
                assert_eq!(receive(&mut b, NOW, &sent), Ok(Some(text(number))));
            }
            send(&mut a, &text(30));
            let after = send(&mut a, &text(31));
            assert_eq!(receive(&mut b, NOW, &after), Ok(None), "{config:?} {round}");
            let later = send(&mut a, &text(32));
            assert_eq!(receive(&mut b, NOW, &later), Err(CcpDiscard::AwaitsReset));
            let request = sent(&mut b);
            assert_eq!((request.len(), request[0][0]), (1, 14));
            a.handle_input(NOW, &request[0]).unwrap();
            // What goes before the answer is of no use; what goes behind it is.
            let before = send(&mut a, &text(33));
            let answer = sent(&mut a);
            assert_eq!(
                (answer.len(), &answer[0][..2]),
                (1, &[15, request[0][1]][..])
            );
            let behind = send(&mut a, &text(34));
            if config.mppe.is_none() {
                assert_eq!(receive(&mut b, NOW, &before), Err(CcpDiscard::AwaitsReset));
            }
            b.handle_input(NOW, &answer[0]).unwrap();
            if config.mppe.is_none() {
                assert_eq!(receive(&mut b, NOW, &behind), Ok(Some(text(34))));
            } else {
                // The flushed packet is the first that goes out after the answer.
                let result = receive(&mut b, NOW, &behind);
                assert_eq!(result, Ok(Some(text(34))));
            }
            assert_eq!(b.poll_timeout(), None);
        }
        let stats = *b.stats();
        assert_eq!((stats.lost, stats.resets_sent), (20, 20));
        assert_eq!(a.stats().resets_received, 20);
    }
}

#[test]
fn a_reset_request_is_sent_again_and_at_last_given_up() {
    let (mut a, mut b) = pair(&all(), &all());
    send(&mut a, &text(1));
    let after = send(&mut a, &text(2));
    assert_eq!(receive(&mut b, NOW, &after), Ok(None));
    let first = sent(&mut b).remove(0);
    let mut now = NOW;
    for _ in 1..10 {
        let next = b.poll_timeout().unwrap();
        assert_eq!(next, now + Duration::from_secs(1));
        now = next;
        b.handle_timeout(now);
        assert_eq!(sent(&mut b), core::slice::from_ref(&first));
    }
    now = b.poll_timeout().unwrap();
    b.handle_timeout(now);
    assert_eq!(b.state(), State::Closing);
    assert_eq!(sent(&mut b)[0][0], Code::TERMINATE_REQUEST.0);
    assert_eq!(receive(&mut b, now, &after), Err(CcpDiscard::NotOpen));
}

// RFC 1962 §3.1 MUST (solicited): a Reset-Ack that nobody asked for resets nothing.
#[test]
fn forged_resets() {
    let (mut a, mut b) = pair(&all(), &all());
    for number in 0..5 {
        let sent = send(&mut a, &text(number));
        assert!(receive(&mut b, NOW, &sent).is_ok());
    }
    for identifier in 0..=255 {
        let forged = packet(Code::RESET_ACK, identifier, &[]);
        let stale = Err(Discard::StaleAnswer { identifier });
        assert_eq!(b.handle_input(NOW, &forged), stale);
    }
    assert_eq!(b.stats().stale_reset_acks, 256);
    let sent_now = send(&mut a, &text(6));
    assert_eq!(receive(&mut b, NOW, &sent_now), Ok(Some(text(6))));
    // A storm of requests costs a bounded number of answers, and the packets that follow.
    for identifier in 0..=255 {
        a.handle_input(NOW, &packet(Code::RESET_REQUEST, identifier, &[]))
            .unwrap();
    }
    let answers = sent(&mut a);
    assert!(answers.len() <= 16, "{}", answers.len());
    for answer in &answers {
        assert!(b.handle_input(NOW, answer).is_err());
    }
    let sent_now = send(&mut a, &text(7));
    assert_eq!(receive(&mut b, NOW, &sent_now), Ok(None));
    let request = sent(&mut b).remove(0);
    // While an answer is awaited, only that answer is taken.
    for identifier in (0..=255).filter(|identifier| *identifier != request[1]) {
        let forged = packet(Code::RESET_ACK, identifier, &[]);
        assert!(b.handle_input(NOW, &forged).is_err());
    }
    a.handle_input(NOW, &request).unwrap();
    b.handle_input(NOW, &sent(&mut a)[0]).unwrap();
    let sent_now = send(&mut a, &text(8));
    assert_eq!(receive(&mut b, NOW, &sent_now), Ok(Some(text(8))));
}

// RFC 1962 §2.1 MUST (open): nothing is compressed before both have agreed; but what goes as it is
// counts from the acknowledgement on.
#[test]
fn packets_between_the_acknowledgement_and_the_opening() {
    let (mut a, mut b) = (started(all(), None, 1), started(all(), None, 2));
    let (from_a, from_b) = (sent(&mut a), sent(&mut b));
    let secret = noise(9);
    let early = send(&mut a, &secret);
    assert!(!early.0);
    a.handle_input(NOW, &from_b[0]).unwrap();
    let ack = sent(&mut a);
    assert_eq!((ack.len(), ack[0][0]), (1, 2));
    // These two are sent as they are, behind the acknowledgement.
    let between = [send(&mut a, &secret), send(&mut a, &text(1))];
    assert!(!between[0].0 && !between[1].0);
    // The other end: what came before does not count, what comes behind does.
    receive(&mut b, NOW, &early).unwrap();
    b.handle_input(NOW, &ack[0]).unwrap();
    for packet in &between {
        receive(&mut b, NOW, packet).unwrap();
    }
    b.handle_input(NOW, &from_a[0]).unwrap();
    for packet in sent(&mut b) {
        a.handle_input(NOW, &packet).unwrap();
    }
    assert!(a.is_open() && b.is_open());
    let again = send(&mut a, &secret);
    assert!(again.0 && again.1.len() < 100);
    assert_eq!(receive(&mut b, NOW, &again), Ok(Some(secret)));
}

// The tables of RC4 must never be at the same place twice under one key.
#[test]
fn keys_are_used_once() {
    let config = with_mppe(&[MppeStrength::Bits128], MppeMode::Stateless);
    let renegotiate = |a: &mut Ccp| {
        let request = packet(Code::CONFIGURE_REQUEST, 77, &mppe_option(H | S));
        a.handle_input(NOW, &request).unwrap();
        sent(a)
    };
    // An acknowledgement that was lost: nothing was encrypted yet.
    let (mut a, _) = pair(&config, &config);
    assert!(a.has_fresh_keys() && a.encrypts());
    let answers = renegotiate(&mut a);
    let ack = packet(Code::CONFIGURE_ACK, 77, &mppe_option(H | S));
    assert!(answers.contains(&ack), "{answers:?}");
    // After the first packet, the peer that wants to begin again is refused.
    let (mut a, mut b) = pair(&config, &config);
    let sent_now = send(&mut a, &text(1));
    assert!(receive(&mut b, NOW, &sent_now).is_ok());
    for end in [&mut a, &mut b] {
        assert!(!end.has_fresh_keys());
        let answers = renegotiate(end);
        let again = renegotiate(end);
        assert!(!answers.contains(&ack) || !again.contains(&ack));
        assert!(!end.is_encrypting() && !end.encrypts());
        assert!(!send(end, &text(2)).0);
    }
    let again = renegotiate(&mut a);
    let refused = packet(Code::CONFIGURE_REJECT, 77, &mppe_option(H | S));
    assert!(again.contains(&refused), "{again:?}");
}

#[test]
fn nothing_in_clear_where_encryption_is_required() {
    let config = with_mppe(&[MppeStrength::Bits128], MppeMode::Stateless);
    let mut early = started(config.clone(), Some(keys(true)), 1);
    let (mut open, _) = pair(&config, &config);
    for ccp in [&mut early, &mut open] {
        for protocol in [0x21, 0x57, 0x2d, 0x2f, 0xf9] {
            let protocol = PppProtocol(protocol);
            let refused = ccp.pass(protocol, b"E");
            assert_eq!(refused, Err(CcpDiscard::InClear(protocol)));
        }
        assert_eq!(ccp.pass(PppProtocol::IPCP, &[1, 1, 0, 4]), Ok(false));
        assert_eq!(ccp.stats().in_clear, 5);
    }
    let mut out = PacketBuf::new();
    let closed = early.decompress(NOW, &[0x90, 0, 1, 2], &mut out);
    assert_eq!(closed, Err(CcpDiscard::NotOpen));
}

#[test]
fn keys_are_not_printed() {
    let config = with_mppe(&[MppeStrength::Bits128], MppeMode::Stateless);
    let (a, _) = pair(&config, &config);
    let key = keys(true).mppe_send_key(MppeStrength::Bits128);
    let printed = format!("{a:?}");
    for octets in [key.start_key(), key.session_key(), keys(true).master_key()] {
        let list = format!("{:?}", &octets[..4]);
        assert!(!printed.contains(&list[1..list.len() - 1]), "{printed}");
    }
}
