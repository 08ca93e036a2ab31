//! RFC 1661 §4.4 to §6: identifiers, timers, counters and packets of one end of a control protocol.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use core::time::Duration;
use packet_buffer::tlv::Tlv;
use packet_buffer::{Instant, PacketBuf, ParseErrorKind, RandomSource};
use ppp_lcp_ncp::automaton::{
    Discard, Endpoint, EndpointConfig, Judgement, LayerEvent, Negotiation, Offer, Received, State,
};
use ppp_lcp_ncp::wire::{Code, ConfigOption, ConfigOptions, ControlPacket, PppProtocol};
use testkit::SeededRandom;

const SECOND: Duration = Duration::from_secs(1);

/// A protocol with two options that we ask for, 1 and 2. Of the peer's, 1 is good up to 100, and 2
/// is never good; others are not known.
#[derive(Debug, Default)]
struct Numbers {
    wanted: Vec<(u8, u16)>,
    peers: Option<u16>,
    agreed: bool,
}

impl Negotiation for Numbers {
    const PROTOCOL: PppProtocol = PppProtocol(0x8fff);

    fn is_own_code(code: Code) -> bool {
        code == Code::RESET_REQUEST
    }
    fn restart(&mut self, _: &mut dyn RandomSource) {
        self.wanted = vec![(1, 7), (2, 8)];
        self.peers = None;
        self.agreed = false;
    }
    fn request(&self, offer: &mut Offer) {
        for (kind, value) in &self.wanted {
            offer.push(ConfigOption::number16(*kind, *value));
        }
    }
    fn judge(&self, option: &Tlv<'_>) -> Judgement {
        let value = option.data.try_into().map(u16::from_be_bytes);
        match (option.kind, value) {
            (1, Ok(0..=100)) => Judgement::Ack,
            (1, _) => Judgement::Nak(ConfigOption::number16(1, 100)),
            (2, _) => Judgement::Nak(ConfigOption::number16(2, 1)),
            _ => Judgement::Reject,
        }
    }
    fn accept(&mut self, request: &ConfigOptions<'_>) {
        let option = request.find(1);
        self.peers = option.map(|option| u16::from_be_bytes(option.data.try_into().unwrap()));
    }
    fn naked(&mut self, option: &Tlv<'_>, _: &mut dyn RandomSource) {
        for (kind, value) in &mut self.wanted {
            if *kind == option.kind {
                *value = u16::from_be_bytes(option.data.try_into().unwrap());
            }
        }
    }
    fn rejected(&mut self, option: &Tlv<'_>) {
        self.wanted.retain(|(kind, _)| *kind != option.kind);
    }
    fn acknowledged(&mut self) {
        self.agreed = true;
    }
}

struct End {
    now: Instant,
    endpoint: Endpoint<Numbers>,
    random: SeededRandom,
}

impl End {
    fn new(config: EndpointConfig) -> Self {
        Self {
            now: Instant::from_secs(100),
            endpoint: Endpoint::new(config, Numbers::default()).unwrap(),
            random: SeededRandom::new(1),
        }
    }

    /// In the state Req-Sent; the request is returned.
    fn started(config: EndpointConfig) -> (Self, Vec<u8>) {
        let mut end = Self::new(config);
        end.endpoint.open(end.now, &mut end.random);
        end.endpoint.lower_up(end.now, &mut end.random);
        assert_eq!(end.endpoint.state(), State::ReqSent);
        let request = end.sent();
        (end, request)
    }

    /// In the state Opened.
    fn opened() -> Self {
        let (mut end, request) = Self::started(EndpointConfig::default());
        end.take(&answer(&request, Code::CONFIGURE_ACK)).unwrap();
        end.take(&packet(Code::CONFIGURE_REQUEST, 9, &[1, 4, 0, 50]))
            .unwrap();
        assert_eq!(end.sent(), packet(Code::CONFIGURE_ACK, 9, &[1, 4, 0, 50]));
        assert!(end.endpoint.is_open());
        end.events();
        end
    }

    fn take(&mut self, octets: &[u8]) -> Result<(), Discard> {
        let result = self
            .endpoint
            .handle_input(self.now, octets, &mut self.random);
        result.map(|received| assert_eq!(received, Received::Done))
    }

    /// The one packet that waits to be sent.
    fn sent(&mut self) -> Vec<u8> {
        let mut all = self.all_sent();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn all_sent(&mut self) -> Vec<Vec<u8>> {
        let mut packet = PacketBuf::new();
        let mut all = Vec::new();
        while self.endpoint.poll_transmit(&mut packet).is_some() {
            all.push(packet.as_slice().to_vec());
        }
        all
    }

    fn events(&mut self) -> Vec<LayerEvent> {
        core::iter::from_fn(|| self.endpoint.poll_event()).collect()
    }

    /// Lets the timer expire; what was waited is returned.
    fn expire(&mut self) -> Duration {
        let at = self.endpoint.poll_timeout().unwrap();
        let waited = at - self.now;
        self.now = at;
        self.endpoint.handle_timeout(at, &mut self.random);
        waited
    }
}

fn packet(code: Code, identifier: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + data.len()).unwrap().to_be_bytes();
    [&[code.0, identifier], &length[..], data].concat()
}

/// The same packet with another code.
fn answer(request: &[u8], code: Code) -> Vec<u8> {
    [&[code.0], &request[1..]].concat()
}

mod section_4_1 {
    use super::*;

    // RFC 1661 §4.1 MAY (passive): the lower layer is not told to finish.
    #[test]
    fn a_passive_end_waits_for_the_peer() {
        for passive in [false, true] {
            let config = EndpointConfig {
                passive,
                max_configure: 2,
                ..EndpointConfig::default()
            };
            let (mut end, request) = End::started(config);
            end.expire();
            end.expire();
            assert_eq!(end.endpoint.state(), State::Stopped);
            let finished = end.events().contains(&LayerEvent::Finished);
            assert_eq!(finished, !passive);
            assert_eq!(end.all_sent().len(), 1);
            // The peer begins, in either case.
            end.take(&packet(Code::CONFIGURE_REQUEST, 1, &[])).unwrap();
            let sent = end.all_sent();
            assert_eq!(sent.len(), 2);
            assert_ne!(sent[0][1], request[1], "a new request has a new identifier");
            assert_eq!(sent[1], packet(Code::CONFIGURE_ACK, 1, &[]));
            assert_eq!(end.endpoint.state(), State::AckSent);
        }
    }

    #[test]
    fn opening_an_open_layer_restarts_it_if_so_configured() {
        let config = EndpointConfig {
            restart_on_open: true,
            ..EndpointConfig::default()
        };
        let (mut end, request) = End::started(config);
        end.take(&packet(Code::CONFIGURE_REQUEST, 1, &[])).unwrap();
        end.take(&answer(&request, Code::CONFIGURE_ACK)).unwrap();
        end.all_sent();
        end.events();
        end.endpoint.open(end.now, &mut end.random);
        assert_eq!(end.events(), [LayerEvent::Down]);
        assert_eq!(end.sent()[0], Code::CONFIGURE_REQUEST.0);
        let mut end = End::opened();
        end.endpoint.open(end.now, &mut end.random);
        assert!(end.endpoint.is_open() && end.events().is_empty());
    }
}

mod section_4_4 {
    use super::*;

    // RFC 1661 §4.4 MUST (zrc): the layer finishes one period after the peer's Terminate-Request.
    #[test]
    fn a_terminated_layer_finishes_after_one_period() {
        let mut end = End::opened();
        end.take(&packet(Code::TERMINATE_REQUEST, 77, b"bye"))
            .unwrap();
        // RFC 1661 §5.5 MUST (copy): the identifier is that of the request.
        assert_eq!(end.sent(), packet(Code::TERMINATE_ACK, 77, &[]));
        assert_eq!(end.events(), [LayerEvent::Down]);
        assert_eq!(end.endpoint.state(), State::Stopping);
        // A repeated request is answered again and does not start the timer again.
        let deadline = end.endpoint.poll_timeout();
        end.now += SECOND;
        end.take(&packet(Code::TERMINATE_REQUEST, 78, &[])).unwrap();
        assert_eq!(end.sent(), packet(Code::TERMINATE_ACK, 78, &[]));
        assert_eq!(end.endpoint.poll_timeout(), deadline);
        assert_eq!(end.expire(), 2 * SECOND);
        assert_eq!(end.events(), [LayerEvent::Finished]);
        assert_eq!(end.endpoint.poll_timeout(), None);
        assert!(end.all_sent().is_empty());
    }

    #[test]
    fn the_timer_of_a_closed_layer_does_not_run() {
        let (mut end, request) = End::started(EndpointConfig::default());
        end.take(&answer(&request, Code::CONFIGURE_ACK)).unwrap();
        assert!(
            end.endpoint.poll_timeout().is_some(),
            "Ack-Rcvd awaits a request"
        );
        end.endpoint.lower_down(end.now, &mut end.random);
        assert_eq!(end.endpoint.poll_timeout(), None);
        assert_eq!(End::opened().endpoint.poll_timeout(), None);
    }
}

mod section_4_6 {
    use super::*;

    // RFC 1661 §4.6 MUST (configurable): the defaults are 3 s, 10, 2 and 5.
    #[test]
    fn defaults() {
        let config = EndpointConfig::default();
        assert_eq!(config.restart_timer, 3 * SECOND);
        let counters = (
            config.max_configure,
            config.max_terminate,
            config.max_failure,
        );
        assert_eq!(counters, (10, 2, 5));
    }

    // RFC 1661 §4.6 MUST (configurable): other values hold.
    #[test]
    fn requests_are_counted() {
        for (period, max_configure) in [(3, 10), (1, 4), (7, 1)] {
            let config = EndpointConfig {
                restart_timer: period * SECOND,
                max_configure,
                ..EndpointConfig::default()
            };
            let (mut end, request) = End::started(config);
            for _ in 1..max_configure {
                assert_eq!(end.expire(), period * SECOND);
                // RFC 1661 §5.1 MUST (identifier): a request that is sent again keeps it here.
                assert_eq!(end.sent(), request);
            }
            assert_eq!(end.expire(), period * SECOND);
            assert!(end.all_sent().is_empty());
            assert_eq!(end.endpoint.state(), State::Stopped);
            assert_eq!(end.events(), [LayerEvent::Started, LayerEvent::Finished]);
            let retransmitted = end.endpoint.stats().retransmitted;
            assert_eq!(retransmitted, u64::from(max_configure) - 1);
        }
    }

    #[test]
    fn terminations_are_counted() {
        let mut end = End::opened();
        end.endpoint.close(end.now, &mut end.random);
        let first = end.sent();
        assert_eq!(first[0], Code::TERMINATE_REQUEST.0);
        end.expire();
        assert_eq!(end.sent(), first);
        end.expire();
        assert!(end.all_sent().is_empty());
        assert_eq!(end.events(), [LayerEvent::Down, LayerEvent::Finished]);
        assert_eq!(end.endpoint.state(), State::Closed);
    }

    #[test]
    fn an_answer_gives_a_fresh_allowance() {
        let config = EndpointConfig {
            max_configure: 2,
            ..EndpointConfig::default()
        };
        let (mut end, mut request) = End::started(config);
        for value in 10..15 {
            end.expire();
            assert_eq!(end.sent(), request);
            let nak = packet(Code::CONFIGURE_NAK, request[1], &[1, 4, 0, value]);
            end.take(&nak).unwrap();
            request = end.sent();
        }
        assert_eq!(end.endpoint.state(), State::ReqSent);
    }

    // RFC 1661 §4.6 MUST (max-failure): after five Naks the options are rejected.
    #[test]
    fn naks_become_rejects() {
        let (mut end, _) = End::started(EndpointConfig::default());
        let bad = packet(Code::CONFIGURE_REQUEST, 1, &[1, 4, 1, 0, 2, 4, 0, 9]);
        for _ in 0..5 {
            end.take(&bad).unwrap();
            let nak = packet(Code::CONFIGURE_NAK, 1, &[1, 4, 0, 100, 2, 4, 0, 1]);
            assert_eq!(end.sent(), nak);
        }
        end.take(&bad).unwrap();
        assert_eq!(end.sent(), answer(&bad, Code::CONFIGURE_REJECT));
        // A good request is acknowledged, and the count starts anew.
        end.take(&packet(Code::CONFIGURE_REQUEST, 2, &[])).unwrap();
        assert_eq!(end.sent()[0], Code::CONFIGURE_ACK.0);
        end.take(&bad).unwrap();
        assert_eq!(end.sent()[0], Code::CONFIGURE_NAK.0);
    }

    #[test]
    fn two_that_never_agree_do_not_talk_for_ever() {
        let (mut end, _) = End::started(EndpointConfig::default());
        let mut refused = 0;
        while end.endpoint.state() == State::ReqSent {
            let unknown = packet(Code::CONFIGURE_REQUEST, 1, &[200, 2]);
            end.take(&unknown).unwrap();
            assert_eq!(end.all_sent().len(), 1);
            refused += 1;
        }
        assert_eq!(refused, EndpointConfig::default().max_refusals);
        let events = [
            LayerEvent::Started,
            LayerEvent::NotConverged,
            LayerEvent::Finished,
        ];
        assert_eq!(end.events(), events);
        assert_eq!(end.endpoint.stats().not_converged, 1);
        assert_eq!(end.endpoint.poll_timeout(), None);
    }

    #[test]
    fn values_that_cannot_work_are_refused() {
        let default = EndpointConfig::default();
        let bad = [
            EndpointConfig {
                restart_timer: Duration::ZERO,
                ..default
            },
            EndpointConfig {
                max_configure: 0,
                ..default
            },
            EndpointConfig {
                max_terminate: 0,
                ..default
            },
            EndpointConfig {
                max_refusals: 0,
                ..default
            },
        ];
        let fields = [
            "restart_timer",
            "max_configure",
            "max_terminate",
            "max_refusals",
        ];
        for (config, field) in bad.into_iter().zip(fields) {
            let error = Endpoint::new(config, Numbers::default()).unwrap_err();
            assert_eq!(error.field, field);
        }
    }
}

mod section_5 {
    use super::*;

    // RFC 1661 §5 MUST (length): padding is ignored, and what is too short is discarded.
    #[test]
    fn padding_and_lengths() {
        let (mut end, _) = End::started(EndpointConfig::default());
        let request = packet(Code::CONFIGURE_REQUEST, 1, &[1, 4, 0, 50]);
        end.take(&[&request[..], &[0xaa; 9]].concat()).unwrap();
        assert_eq!(end.sent(), answer(&request, Code::CONFIGURE_ACK));
        for cut in 0..request.len() {
            let Err(Discard::Parse(error)) = end.take(&request[..cut]) else {
                panic!("a cut packet was taken");
            };
            assert!(matches!(error.kind, ParseErrorKind::Truncated { .. }));
        }
        for length in 0..4 {
            assert!(matches!(
                end.take(&[1, 1, 0, length, 0, 0]),
                Err(Discard::Parse(_))
            ));
        }
        assert_eq!(end.endpoint.stats().malformed, 8 + 4);
        assert!(end.all_sent().is_empty());
        assert_eq!(end.endpoint.state(), State::AckSent);
    }

    #[test]
    fn options_that_overrun_are_discarded() {
        let (mut end, _) = End::started(EndpointConfig::default());
        for options in [
            &[1][..],
            &[1, 0],
            &[1, 1],
            &[1, 5, 0, 1],
            &[1, 4, 0, 1, 2, 255],
        ] {
            let request = packet(Code::CONFIGURE_REQUEST, 1, options);
            assert!(matches!(end.take(&request), Err(Discard::Parse(_))));
        }
        assert!(end.all_sent().is_empty());
        assert_eq!(end.endpoint.state(), State::ReqSent);
    }

    #[test]
    fn nothing_is_taken_while_the_lower_layer_is_down() {
        let mut end = End::new(EndpointConfig::default());
        end.endpoint.open(end.now, &mut end.random);
        let request = packet(Code::CONFIGURE_REQUEST, 1, &[]);
        assert_eq!(end.take(&request), Err(Discard::LowerLayerDown));
        assert_eq!(end.endpoint.stats().lower_layer_down, 1);
    }
}

mod section_5_1 {
    use super::*;

    // RFC 1661 §5.1 MUST (identifier): it changes with the options and after each valid answer.
    #[test]
    fn identifiers() {
        let (mut end, first) = End::started(EndpointConfig::default());
        end.take(&packet(Code::CONFIGURE_NAK, first[1], &[1, 4, 0, 3]))
            .unwrap();
        let second = end.sent();
        assert_eq!(second[4..], [1, 4, 0, 3, 2, 4, 0, 8]);
        assert_ne!(second[1], first[1]);
        // A Nak that changes nothing is a valid answer all the same.
        end.take(&packet(Code::CONFIGURE_NAK, second[1], &[]))
            .unwrap();
        let third = end.sent();
        assert_eq!(third[4..], second[4..]);
        assert_ne!(third[1], second[1]);
        end.take(&answer(&third, Code::CONFIGURE_ACK)).unwrap();
        end.expire();
        // The acknowledged request is no longer waited for: the next is another.
        let fourth = end.sent();
        assert_ne!(fourth[1], third[1]);
    }
}

mod section_5_2 {
    use super::*;

    // RFC 1661 §5.2 MUST (copy): the Ack is the request with another code.
    #[test]
    fn an_ack_copies_the_request() {
        for options in [&[][..], &[1, 4, 0, 0], &[1, 4, 0, 100]] {
            let (mut end, _) = End::started(EndpointConfig::default());
            let request = packet(Code::CONFIGURE_REQUEST, 42, options);
            end.take(&request).unwrap();
            assert_eq!(end.sent(), answer(&request, Code::CONFIGURE_ACK));
            let peers = end.endpoint.negotiation().peers;
            assert_eq!(peers, options.get(3).map(|value| u16::from(*value)));
        }
    }

    // RFC 1661 §5.2 MUST (match): other identifiers and other options are discarded.
    #[test]
    fn an_ack_has_to_match() {
        let (mut end, request) = End::started(EndpointConfig::default());
        let mut other = answer(&request, Code::CONFIGURE_ACK);
        other[1] ^= 0x40;
        let identifier = other[1];
        assert_eq!(end.take(&other), Err(Discard::StaleAnswer { identifier }));
        let mut other = answer(&request, Code::CONFIGURE_ACK);
        other[7] ^= 1;
        assert_eq!(end.take(&other), Err(Discard::AckDiffers));
        let other = packet(Code::CONFIGURE_ACK, request[1], &[]);
        assert_eq!(end.take(&other), Err(Discard::AckDiffers));
        assert_eq!(end.endpoint.state(), State::ReqSent);
        assert!(!end.endpoint.negotiation().agreed);
        let stats = end.endpoint.stats();
        assert_eq!((stats.stale_answers, stats.mismatched_answers), (1, 2));
        end.take(&answer(&request, Code::CONFIGURE_ACK)).unwrap();
        assert!(end.endpoint.negotiation().agreed);
    }

    #[test]
    fn a_duplicated_ack_does_not_take_an_open_layer_down() {
        let (mut end, request) = End::started(EndpointConfig::default());
        end.take(&packet(Code::CONFIGURE_REQUEST, 9, &[])).unwrap();
        let ack = answer(&request, Code::CONFIGURE_ACK);
        end.take(&ack).unwrap();
        assert!(end.endpoint.is_open());
        let identifier = ack[1];
        assert_eq!(end.take(&ack), Err(Discard::StaleAnswer { identifier }));
        assert!(end.endpoint.is_open());
    }
}

mod section_5_3 {
    use super::*;

    // RFC 1661 §5.3 MUST (match): the identifier is that of the last request.
    #[test]
    fn a_nak_has_to_match() {
        let (mut end, request) = End::started(EndpointConfig::default());
        let identifier = request[1].wrapping_add(1);
        let nak = packet(Code::CONFIGURE_NAK, identifier, &[1, 4, 0, 3]);
        assert_eq!(end.take(&nak), Err(Discard::StaleAnswer { identifier }));
        assert!(end.all_sent().is_empty());
        assert_eq!(end.endpoint.negotiation().wanted, [(1, 7), (2, 8)]);
    }
}

mod section_5_4 {
    use super::*;

    // RFC 1661 §5.4 MUST (reject-first): just what is not recognized, in order, before any Nak.
    #[test]
    fn what_is_unknown_is_rejected_first() {
        let (mut end, _) = End::started(EndpointConfig::default());
        let options = [200, 3, 9, 1, 4, 1, 0, 201, 2];
        end.take(&packet(Code::CONFIGURE_REQUEST, 6, &options))
            .unwrap();
        assert_eq!(
            end.sent(),
            packet(Code::CONFIGURE_REJECT, 6, &[200, 3, 9, 201, 2])
        );
    }

    // RFC 1661 §5.4 MUST (subset): a part of the request, in its order.
    #[test]
    fn a_reject_has_to_be_part_of_the_request() {
        let (mut end, request) = End::started(EndpointConfig::default());
        assert_eq!(request[4..], [1, 4, 0, 7, 2, 4, 0, 8]);
        let wrong: [(&[u8], u8); 4] = [
            (&[3, 4, 0, 7], 3),
            (&[1, 4, 0, 9], 1),
            (&[2, 4, 0, 8, 1, 4, 0, 7], 1),
            (&[1, 4, 0, 7, 1, 4, 0, 7], 1),
        ];
        for (options, kind) in wrong {
            let reject = packet(Code::CONFIGURE_REJECT, request[1], options);
            assert_eq!(end.take(&reject), Err(Discard::RejectDiffers { kind }));
        }
        assert_eq!(end.endpoint.negotiation().wanted.len(), 2);
        assert_eq!(end.endpoint.stats().mismatched_answers, 4);
        end.take(&packet(Code::CONFIGURE_REJECT, request[1], &[2, 4, 0, 8]))
            .unwrap();
        assert_eq!(end.sent()[4..], [1, 4, 0, 7]);
    }
}

mod section_5_6 {
    use super::*;

    // RFC 1661 §5.6 MUST (identifier): each Code-Reject has another.
    #[test]
    fn unknown_codes_are_rejected() {
        let mut end = End::opened();
        let unknown = packet(Code(99), 7, b"what");
        let mut seen = Vec::new();
        for _ in 0..5 {
            end.take(&[&unknown[..], b"padding"].concat()).unwrap();
            let reject = end.sent();
            assert_eq!(reject[0], Code::CODE_REJECT.0);
            assert_eq!(reject[4..], unknown);
            assert!(!seen.contains(&reject[1]));
            seen.push(reject[1]);
        }
        assert!(end.endpoint.is_open());
    }

    // RFC 1661 §5.6 MUST (truncated): the packet fits the peer's MRU.
    #[test]
    fn long_packets_are_cut() {
        let mut end = End::opened();
        end.endpoint.set_peer_limit(128);
        let unknown = packet(Code(99), 7, &[5; 1000]);
        end.take(&unknown).unwrap();
        let reject = end.sent();
        assert_eq!(reject.len(), 128);
        assert_eq!(reject[4..], unknown[..124]);
    }

    #[test]
    fn a_rejected_code_of_the_automaton_ends_the_layer() {
        let mut end = End::opened();
        let rejected = packet(Code::CODE_REJECT, 1, &packet(Code(15), 1, &[]));
        end.take(&rejected).unwrap();
        assert!(end.endpoint.is_open());
        assert_eq!(
            end.take(&packet(Code::CODE_REJECT, 1, &[])),
            Err(Discard::EmptyCodeReject)
        );
        let rejected = packet(Code::CODE_REJECT, 2, &packet(Code::CONFIGURE_ACK, 1, &[]));
        end.take(&rejected).unwrap();
        assert_eq!(end.endpoint.state(), State::Stopping);
        assert_eq!(end.sent()[0], Code::TERMINATE_REQUEST.0);
        assert_eq!(end.events(), [LayerEvent::Down]);
    }

    #[test]
    fn own_codes_are_handed_out() {
        let mut end = End::opened();
        let own = packet(Code::RESET_REQUEST, 3, b"data");
        let received = end.endpoint.handle_input(end.now, &own, &mut end.random);
        let own = ControlPacket::parse(&own).unwrap();
        assert_eq!(received, Ok(Received::Own(own)));
        assert!(end.all_sent().is_empty());
    }
}

mod section_5_7 {
    use super::*;

    // RFC 1661 §5.7 MUST (stop): nothing more of the protocol is sent.
    #[test]
    fn a_rejected_protocol_stops() {
        let (mut end, _) = End::started(EndpointConfig::default());
        end.endpoint.protocol_rejected(end.now, &mut end.random);
        assert_eq!(end.endpoint.state(), State::Stopped);
        assert_eq!(end.endpoint.poll_timeout(), None);
        assert!(end.all_sent().is_empty());
        assert_eq!(end.events(), [LayerEvent::Started, LayerEvent::Finished]);
    }
}

mod section_6 {
    use super::*;

    // RFC 1661 §6 MUST NOT (once): what is listed again is rejected.
    #[test]
    fn repeated_options_are_rejected() {
        let (mut end, request) = End::started(EndpointConfig::default());
        let kinds: Vec<u8> = ConfigOptions::parse(&request[4..])
            .unwrap()
            .iter()
            .map(|option| option.kind)
            .collect();
        assert_eq!(kinds, [1, 2]);
        let twice = packet(Code::CONFIGURE_REQUEST, 3, &[1, 4, 0, 5, 1, 4, 0, 6]);
        end.take(&twice).unwrap();
        assert_eq!(end.sent(), packet(Code::CONFIGURE_REJECT, 3, &[1, 4, 0, 6]));
        assert_eq!(end.endpoint.negotiation().peers, None);
    }
}

mod bounds {
    use super::*;

    #[test]
    fn a_flood_does_not_fill_the_memory() {
        let mut end = End::opened();
        for _ in 0..1000 {
            end.take(&packet(Code(99), 7, &[5; 1000])).unwrap();
        }
        assert_eq!(end.all_sent().len(), 16);
        assert_eq!(end.endpoint.stats().outbox_full, 1000 - 16);
        for _ in 0..100 {
            end.endpoint.lower_down(end.now, &mut end.random);
            end.endpoint.lower_up(end.now, &mut end.random);
            end.take(&packet(Code::CONFIGURE_REQUEST, 9, &[])).unwrap();
            let sent = end.all_sent();
            end.take(&answer(&sent[0], Code::CONFIGURE_ACK)).unwrap();
        }
        assert_eq!(end.events().len(), 16);
        assert!(end.endpoint.stats().events_lost > 0);
    }

    #[test]
    fn nothing_panics() {
        let request = packet(Code::CONFIGURE_REQUEST, 1, &[1, 4, 0, 50, 2, 4, 0, 1]);
        for code in 0..=16 {
            testkit::sweep(&answer(&request, Code(code)), |octets| {
                for mut end in [End::started(EndpointConfig::default()).0, End::opened()] {
                    let _ = end.endpoint.handle_input(end.now, octets, &mut end.random);
                }
            });
        }
    }
}
