//! Names and paths that may not be asked for, however the request is cut.

use crate::common::*;
use proptest::prelude::*;
use stateful_firewall::application::{Filter, Refused, Scanned, Scanner};
use stateful_firewall::model::{Policy, Rule};
use stateful_firewall::{Direction, DropReason, Key, Verdict};
use std::sync::{Arc, Mutex};

const CLIENT: &str = "10.0.0.2:40000";
const SERVER: &str = "198.51.100.2:80";

fn policy(filter: Filter) -> Policy {
    let mut policy = three_legs();
    policy.filters = vec![Filter {
        name: "f".into(),
        ..filter
    }];
    policy.rules = ["tcp", "udp"]
        .map(|protocol| Rule {
            filter: Some("f".into()),
            condition: stateful_firewall::model::Condition {
                protocols: vec![protocol.parse().unwrap()],
                ..Default::default()
            },
            action: stateful_firewall::model::Action::Accept,
            from: vec!["inside".into()],
            ..Rule::default()
        })
        .to_vec();
    policy
}

fn blocking(name: &str) -> Policy {
    policy(Filter {
        block: vec![name.into()],
        paths: vec!["/admin".into()],
        ..Filter::default()
    })
}

/// What becomes of a client's octets, sent in these pieces.
fn send(policy: &Policy, pieces: &[&[u8]]) -> Option<Refused> {
    let mut bench = Bench::strict(policy);
    let (client, server) = (end(CLIENT), end(SERVER));
    bench.connect(client, server);
    let mut seq = 1_001;
    for piece in pieces {
        let segment = tcp(client, server, ACK | PSH, seq, 5_001)
            .data(piece)
            .build();
        match bench.out(&segment) {
            Verdict::Drop(DropReason::Application(refused)) => return Some(refused),
            verdict => assert!(verdict.is_accept(), "{verdict:?}"),
        }
        seq += piece.len() as u32;
        // The server takes what comes.
        let ack = tcp(server, client, ACK, 5_001, seq).build();
        bench.back_passes(&ack);
    }
    None
}

const GOOD: &[u8] = b"GET /index HTTP/1.1\r\nHost: good.example\r\n\r\n";
const BAD: &[u8] = b"GET /index HTTP/1.1\r\nHost: www.bad.example:80\r\n\r\n";

#[test]
fn http_requests_are_held_to_the_filter() {
    let policy = blocking("bad.example");
    assert_eq!(send(&policy, &[GOOD, GOOD]), None);
    assert_eq!(send(&policy, &[BAD]), Some(Refused::Name));
    assert_eq!(
        send(&policy, &[GOOD, BAD]),
        Some(Refused::Name),
        "the second request"
    );
    let both = [GOOD, BAD].concat();
    assert_eq!(
        send(&policy, &[&both]),
        Some(Refused::Name),
        "two in one segment"
    );
    let post = b"POST /x HTTP/1.1\r\nHost: good.example\r\nContent-Length: 5\r\n\r\nabcde";
    assert_eq!(send(&policy, &[post, GOOD, BAD]), Some(Refused::Name));
    let chunked = b"POST /x HTTP/1.1\r\nHost: good.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    assert_eq!(send(&policy, &[chunked, BAD]), Some(Refused::Name));
    let path = b"GET /%61dmin/x HTTP/1.1\r\nHost: good.example\r\n\r\n";
    assert_eq!(send(&policy, &[path]), Some(Refused::Path));
    let absolute = b"GET http://bad.example/ HTTP/1.1\r\nHost: bad.example\r\n\r\n";
    assert_eq!(send(&policy, &[absolute]), Some(Refused::Name));
}

// RFC 9112 §3.2 MUST (one-host): two hosts.
// RFC 9112 §5.1 MUST (blank-before-colon): a blank.
// RFC 9112 §6.1 MUST (both-lengths): chunks and a length.
// RFC 9112 §6.3 MUST (lengths-differ): two lengths, and none that is a number.
#[test]
fn requests_that_servers_read_in_two_ways_are_refused() {
    let policy = blocking("bad.example");
    for request in [
        &b"GET / HTTP/1.1\r\nHost: good.example\r\nHost: bad.example\r\n\r\n"[..],
        b"GET / HTTP/1.1\r\nHost : good.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: good.example\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\nHost: good.example\n\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: good.example\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: good.example\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: good.example\r\nContent-Length: +4\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: good.example\r\nTransfer-Encoding: xchunked\r\n\r\n",
        b"GET http://good.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n",
        b"GET / HTTP/1.1 x\r\nHost: good.example\r\n\r\n",
        b"GET / HTTP/3.9\r\nHost: good.example\r\n\r\n",
        b"GET http://good.example@x/ HTTP/1.1\r\nHost: good.example@x\r\n\r\n",
    ] {
        assert_eq!(send(&policy, &[request]), Some(Refused::Malformed), "{}", request.escape_ascii());
    }
}

#[test]
fn the_server_name_of_tls_is_held_to_the_filter() {
    let policy = blocking("bad.example");
    for size in [1, 7, 10_000] {
        let good = records(&client_hello(Some("good.example")), size);
        // What follows is encrypted, and nobody's.
        assert_eq!(send(&policy, &[&good, &[23, 3, 3, 0, 1, 9], BAD]), None);
        let bad = records(&client_hello(Some("a.BAD.example")), size);
        assert_eq!(send(&policy, &[&bad]), Some(Refused::Name));
    }
    let nameless = records(&client_hello(None), 10_000);
    assert_eq!(send(&policy, &[&nameless]), Some(Refused::Unknown));
    let lenient = self::policy(Filter {
        block: vec!["bad.example".into()],
        unknown: true,
        ..Filter::default()
    });
    assert_eq!(send(&lenient, &[&nameless]), None);
    assert_eq!(send(&policy, &[b"SSH-2.0-x\r\n"]), Some(Refused::Unknown));
    assert_eq!(send(&lenient, &[b"SSH-2.0-x\r\n", BAD]), None);
}

#[test]
fn only_names_on_the_list_pass() {
    let policy = policy(Filter {
        allow: vec!["good.example".into()],
        ..Filter::default()
    });
    assert_eq!(send(&policy, &[GOOD]), None);
    assert_eq!(send(&policy, &[BAD]), Some(Refused::Name));
}

fn question(name: &str) -> Vec<u8> {
    let mut message = vec![1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message
}

#[test]
fn questions_of_dns_are_held_to_the_filter() {
    let mut bench = Bench::strict(&blocking("bad.example"));
    let (client, server) = (end(CLIENT), end("198.51.100.2:53"));
    let refused = Verdict::Drop(DropReason::Application(Refused::Name));
    assert_eq!(
        bench.out(&udp(client, server, &question("x.bad.example"))),
        refused
    );
    assert_eq!(
        bench.sessions(),
        0,
        "a refused first packet leaves no session"
    );
    bench.out_passes(&udp(client, server, &question("good.example")));
    bench.back_passes(&udp(server, client, &question("bad.example")));
    assert_eq!(
        bench.out(&udp(client, server, &question("bad.example"))),
        refused
    );
    // From then on nothing.
    assert_eq!(
        bench.out(&udp(client, server, &question("good.example"))),
        refused
    );
    let mut pointer = question("good.example");
    pointer[12] = 0xc0;
    let client = end("10.0.0.2:40001");
    assert_eq!(
        bench.out(&udp(client, server, &pointer)),
        Verdict::Drop(DropReason::Application(Refused::Malformed))
    );
    let tcp_dns = |name: &str| {
        let message = question(name);
        let mut octets = (message.len() as u16).to_be_bytes().to_vec();
        octets.extend(message);
        octets
    };
    let mut bench = Bench::strict(&blocking("bad.example"));
    bench.connect(client, server);
    let both = [tcp_dns("good.example"), tcp_dns("bad.example")].concat();
    let segment = tcp(client, server, ACK, 1_001, 5_001).data(&both).build();
    assert_eq!(bench.out(&segment), refused);
}

// C3.16: evasion by segmentation.
proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn no_cut_and_no_order_of_segments_gets_past_the_filter(
        cuts in prop::collection::vec(1usize..60, 0..6),
        order in any::<u64>(),
        http in any::<bool>(),
    ) {
        let whole = if http {
            [GOOD, BAD].concat()
        } else {
            records(&client_hello(Some("www.bad.example")), 20)
        };
        let mut pieces = Vec::new();
        let mut at = 0;
        for cut in &cuts {
            let to = (at + cut).min(whole.len());
            pieces.push((at, to));
            at = to;
        }
        pieces.push((at, whole.len()));
        pieces.retain(|(from, to)| from < to);
        let count = pieces.len();
        for n in 0..count {
            let other = (order.rotate_left(n as u32 * 7) as usize) % count;
            pieces.swap(n, other);
        }
        let mut bench = Bench::strict(&blocking("bad.example"));
        let (client, server) = (end(CLIENT), end(SERVER));
        bench.connect(client, server);
        let mut received = vec![false; whole.len()];
        // Repetitions after a refusal as well.
        for (from, to) in pieces.iter().chain(&pieces) {
            let segment = tcp(client, server, ACK, 1_001 + *from as u32, 5_001)
                .data(&whole[*from..*to])
                .build();
            if bench.out(&segment).is_accept() {
                received[*from..*to].fill(true);
            }
        }
        prop_assert!(!received.iter().all(|received| *received));
    }
}

// C3: overlapping segments with different data; evasion by TTL.
#[test]
fn segments_that_disagree_end_the_connection() {
    let policy = policy(Filter {
        block: vec!["bad.example".into()],
        reject: true,
        ..Filter::default()
    });
    let mut bench = Bench::strict(&policy);
    let (client, server) = (end(CLIENT), end(SERVER));
    bench.connect(client, server);
    // A good request that dies on its way, and another in its place.
    let good = tcp(client, server, ACK, 1_001, 5_001).data(GOOD).build();
    bench.out_passes(&good);
    let bad = tcp(client, server, ACK, 1_001, 5_001)
        .data(&BAD[..GOOD.len()])
        .build();
    assert_eq!(
        bench.out(&bad),
        Verdict::Drop(DropReason::Application(Refused::Overlap))
    );
    // Both ends are told.
    let told = bench.transmitted();
    assert_eq!(
        told.iter().map(|(to, _)| *to).collect::<Vec<_>>(),
        [Some(INSIDE), Some(OUTSIDE)]
    );
    assert_eq!(ends(&told[0].1), (server.ip(), client.ip()));
    assert_eq!(ends(&told[1].1), (client.ip(), server.ip()));
    // Nothing of it passes any more, in either direction, nor begins anew.
    assert!(!bench.out(&good).is_accept());
    let answer = tcp(server, client, ACK, 5_001, 1_001).data(b"x").build();
    assert!(!bench.back(&answer).is_accept());
}

#[test]
fn an_honest_repetition_passes() {
    let mut bench = Bench::strict(&blocking("bad.example"));
    let (client, server) = (end(CLIENT), end(SERVER));
    bench.connect(client, server);
    let request = tcp(client, server, ACK, 1_001, 5_001).data(GOOD).build();
    for _ in 0..3 {
        bench.out_passes(&request);
    }
    let half = tcp(client, server, ACK, 1_011, 5_001)
        .data(&GOOD[10..20])
        .build();
    bench.out_passes(&half);
}

#[test]
fn urgent_data_is_refused() {
    let mut bench = Bench::strict(&blocking("bad.example"));
    let (client, server) = (end(CLIENT), end(SERVER));
    bench.connect(client, server);
    let flags = ACK | packet_buffer::wire::TcpFlags::URG;
    let segment = tcp(client, server, flags, 1_001, 5_001).data(GOOD).build();
    assert_eq!(
        bench.out(&segment),
        Verdict::Drop(DropReason::Application(Refused::Urgent))
    );
}

#[test]
fn what_is_kept_of_a_connection_is_bounded() {
    let mut bench = Bench::strict(&blocking("bad.example"));
    let (client, server) = (end(CLIENT), end(SERVER));
    bench.connect(client, server);
    let head = b"GET /".to_vec();
    let first = tcp(client, server, ACK, 1_001, 5_001).data(&head).build();
    bench.out_passes(&first);
    let mut seq = 1_006;
    let mut refused = None;
    for _ in 0..100 {
        let segment = tcp(client, server, ACK, seq, 5_001)
            .data(&[b'a'; 1_000])
            .build();
        seq += 1_000;
        let ack = tcp(server, client, ACK, 5_001, seq).build();
        match bench.out(&segment) {
            Verdict::Drop(DropReason::Application(why)) => {
                refused = Some(why);
                break;
            }
            verdict => assert!(verdict.is_accept(), "{verdict:?}"),
        }
        bench.back_passes(&ack);
    }
    assert_eq!(refused, Some(Refused::TooLong));
}

#[test]
fn tls_is_read_no_longer_than_its_first_message() {
    let mut bench = Bench::strict(&blocking("bad.example"));
    let (client, server) = (end(CLIENT), end(SERVER));
    bench.connect(client, server);
    let hello = records(&client_hello(Some("good.example")), 10_000);
    bench.out_passes(&tcp(client, server, ACK, 1_001, 5_001).data(&hello).build());
    assert_eq!(
        bench.firewall.read_sessions(),
        1,
        "until it is acknowledged"
    );
    let next = 1_001 + hello.len() as u32;
    bench.back_passes(&tcp(server, client, ACK, 5_001, next).build());
    assert_eq!(bench.firewall.read_sessions(), 0);
}

#[derive(Default)]
struct Heard {
    octets: [Vec<u8>; 2],
    ended: usize,
}

struct Listener(Arc<Mutex<Heard>>);

impl Scanner for Listener {
    fn scan(&mut self, scanned: &Scanned<'_>) -> bool {
        let mut heard = self.0.lock().unwrap();
        let stream = &mut heard.octets[scanned.direction.index()];
        stream.extend_from_slice(scanned.data);
        !stream.windows(5).any(|five| five == b"VIRUS")
    }

    fn ended(&mut self, _: &Key) {
        self.0.lock().unwrap().ended += 1;
    }
}

#[test]
fn a_scanner_hears_both_ends_once_and_in_order() {
    let policy = policy(Filter {
        scan: true,
        unknown: true,
        ..Filter::default()
    });
    let mut bench = Bench::strict(&policy);
    let heard = Arc::new(Mutex::new(Heard::default()));
    bench
        .firewall
        .set_scanner(Box::new(Listener(heard.clone())));
    let (client, server) = (end(CLIENT), end(SERVER));
    bench.connect(client, server);
    let up = |seq: u32, data: &[u8]| tcp(client, server, ACK, seq, 5_001).data(data).build();
    bench.out_passes(&up(1_004, b"lo, "));
    bench.out_passes(&up(1_001, b"hello, "));
    bench.out_passes(&up(1_001, b"hello, "));
    bench.out_passes(&up(1_008, b"world"));
    let down = |seq: u32, data: &[u8]| tcp(server, client, ACK, seq, 1_013).data(data).build();
    bench.back_passes(&down(5_001, b"a VI"));
    assert_eq!(
        bench.back(&down(5_005, b"RUS")),
        Verdict::Drop(DropReason::Application(Refused::Content))
    );
    {
        let heard = heard.lock().unwrap();
        assert_eq!(heard.octets[Direction::Original.index()], b"hello, world");
        assert_eq!(heard.octets[Direction::Reply.index()], b"a VIRUS");
    }
    bench.wait(4_000);
    assert_eq!(heard.lock().unwrap().ended, 1);
}

// A proxy that terminates connections reads through the same filter.
proptest! {
    #[test]
    fn a_proxy_lets_on_whole_requests_however_they_are_cut(
        cuts in prop::collection::vec(1usize..40, 1..60),
        is_good in any::<bool>(),
    ) {
        let compiled = stateful_firewall::CompiledPolicy::new(&blocking("bad.example")).unwrap();
        let mut filter = compiled.proxy_filter("f", 80, 16_384).unwrap();
        let last = if is_good { GOOD } else { BAD };
        let post = b"POST /x HTTP/1.1\r\nHost: good.example\r\nContent-Length: 5\r\n\r\nabcde";
        let all = [GOOD, post, last].concat();
        let (mut onward, mut rest, mut cuts) = (Vec::new(), &all[..], cuts.iter().cycle());
        let mut refused = None;
        while !rest.is_empty() && refused.is_none() {
            let (piece, behind) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            rest = behind;
            match filter.read(piece) {
                Ok(octets) => onward.extend_from_slice(&octets),
                Err(why) => refused = Some(why),
            }
        }
        // Nothing of a refused request, and all of what was in front of it, unless one piece had both.
        let before = GOOD.len() + post.len();
        if is_good {
            prop_assert_eq!(refused, None);
            prop_assert_eq!(onward, all);
        } else {
            prop_assert_eq!(refused, Some(Refused::Name));
            prop_assert!(onward.len() <= before && all.starts_with(&onward));
            prop_assert_eq!(filter.read(GOOD), Err(Refused::Name));
        }
    }
}

#[test]
fn a_proxy_keeps_little_of_what_is_not_whole() {
    let compiled = stateful_firewall::CompiledPolicy::new(&blocking("bad.example")).unwrap();
    assert!(compiled.proxy_filter("g", 80, 100).is_none());
    let mut filter = compiled.proxy_filter("f", 80, 100).unwrap();
    assert_eq!(filter.read(b"GET / HTTP/1.1\r\n"), Ok(Vec::new()));
    assert_eq!(filter.read(&[b'x'; 100]), Err(Refused::TooLong));
    // TLS is read up to its ClientHello, and then goes on as it comes.
    let mut filter = compiled.proxy_filter("f", 443, 16_384).unwrap();
    let hello = records(&client_hello(Some("good.example")), 10_000);
    assert_eq!(filter.read(&hello[..30]), Ok(Vec::new()));
    let rest = [&hello[30..], b"more"].concat();
    assert_eq!(filter.read(&rest), Ok([&hello[..], b"more"].concat()));
    assert!(filter.is_over());
    assert_eq!(filter.read(b"whatever"), Ok(b"whatever".to_vec()));
    let mut filter = compiled.proxy_filter("f", 443, 16_384).unwrap();
    assert_eq!(
        filter.read(&records(&client_hello(Some("bad.example")), 10_000)),
        Err(Refused::Name)
    );
}
