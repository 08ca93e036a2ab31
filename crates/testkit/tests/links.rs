//! What links do to frames: each fault alone, counted, and the arithmetic of rate and queue.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod common;

use common::{assert_all_accounted_for, micros, numbers, stream_of_frames};
use core::time::Duration;
use packet_buffer::Instant;
use testkit::{
    BurstLoss, ByteStream, Host, LinkConfig, LinkCounters, LinkId, Network, NodeId, seed_from_env,
};

const MS: Duration = Duration::from_millis(1);

struct Pair {
    network: Network,
    a: NodeId,
    b: NodeId,
    link: LinkId,
}

fn pair(config: LinkConfig) -> Pair {
    let mut network = Network::new(seed_from_env(0x5eed));
    let a = network.add_node("a", Host::default());
    let b = network.add_node("b", Host::default());
    let link = network.add_link("wire", a, b, config);
    Pair {
        network,
        a,
        b,
        link,
    }
}

impl Pair {
    fn run(&mut self) {
        self.network
            .run_until_idle(Instant::from_secs(3_600))
            .unwrap();
        assert_all_accounted_for(&self.network, self.a);
        assert_all_accounted_for(&self.network, self.b);
    }

    fn heard(&self) -> &Host {
        self.network.node(self.b)
    }

    fn counters(&self) -> LinkCounters {
        self.network.counters(self.a)
    }
}

fn near(count: u64, of: u64, part: f64) {
    // Four standard deviations of a binomial distribution.
    let (expected, tolerance) = (
        of as f64 * part,
        4.0 * (of as f64 * part * (1.0 - part)).sqrt(),
    );
    assert!(
        (count as f64 - expected).abs() <= tolerance,
        "{count} of {of} is not near {expected}, by {tolerance}"
    );
}

#[test]
fn a_perfect_link_delivers_all_in_order_after_the_delay() {
    let mut pair = pair(LinkConfig {
        delay: 5 * MS,
        ..LinkConfig::default()
    });
    stream_of_frames(&mut pair.network, pair.a, 100, 10, 60);
    pair.run();
    assert_eq!(numbers(pair.heard()), (0..100).collect::<Vec<_>>());
    assert_eq!(
        micros(pair.heard()),
        (0..100).map(|i| 5_000 + i * 10).collect::<Vec<_>>()
    );
    assert_eq!(
        pair.counters(),
        LinkCounters {
            sent: 100,
            sent_octets: 6_000,
            delivered: 100,
            ..LinkCounters::default()
        }
    );
    assert_eq!(pair.network.counters(pair.b), LinkCounters::default());
}

#[test]
fn loss_is_as_frequent_as_asked() {
    let mut pair = pair(LinkConfig {
        loss: 0.2,
        ..LinkConfig::default()
    });
    stream_of_frames(&mut pair.network, pair.a, 10_000, 10, 60);
    pair.run();
    near(pair.counters().lost, 10_000, 0.2);
    assert_eq!(
        pair.heard().heard().len() as u64,
        10_000 - pair.counters().lost
    );
}

#[test]
fn burst_loss_has_the_mean_and_the_length_asked_for() {
    let burst = BurstLoss::with_mean(0.1, 8.0);
    assert!((burst.mean_loss() - 0.1).abs() < 1e-12);
    let mut pair = pair(LinkConfig {
        burst_loss: Some(burst),
        ..LinkConfig::default()
    });
    stream_of_frames(&mut pair.network, pair.a, 50_000, 10, 4);
    pair.run();
    let heard = numbers(pair.heard());
    let lost = 50_000 - heard.len();
    assert!((4_000..6_000).contains(&lost), "{lost}");
    let bursts = heard.windows(2).filter(|w| w[1] > w[0] + 1).count();
    let mean = lost as f64 / bursts as f64;
    assert!((7.0..9.0).contains(&mean), "bursts are {mean} long");
    // The same loss, frame by frame, comes in bursts of 1 / (1 - 0.1).
    pair.network.change_link(pair.link, |config| {
        config.burst_loss = None;
        config.loss = 0.1;
    });
    pair.network.node_mut::<Host>(pair.b).take_heard();
    stream_of_frames(&mut pair.network, pair.a, 50_000, 10, 4);
    pair.run();
    let heard = numbers(pair.heard());
    let bursts = heard.windows(2).filter(|w| w[1] > w[0] + 1).count();
    let mean = (50_000 - heard.len()) as f64 / bursts as f64;
    assert!((1.05..1.2).contains(&mean), "bursts are {mean} long");
}

#[test]
fn a_bad_channel_may_lose_only_some() {
    let burst = BurstLoss {
        good_to_bad: 1.0,
        bad_to_good: 0.0,
        loss_in_good: 0.0,
        loss_in_bad: 0.5,
    };
    let mut pair = pair(LinkConfig {
        burst_loss: Some(burst),
        ..LinkConfig::default()
    });
    stream_of_frames(&mut pair.network, pair.a, 10_000, 10, 4);
    pair.run();
    near(pair.counters().lost, 10_000, 0.5);
}

#[test]
fn duplicates_are_extra_copies() {
    let mut pair = pair(LinkConfig {
        duplicate: 0.25,
        ..LinkConfig::default()
    });
    stream_of_frames(&mut pair.network, pair.a, 4_000, 10, 60);
    pair.run();
    near(pair.counters().duplicated, 4_000, 0.25);
    let mut heard = numbers(pair.heard());
    assert_eq!(heard.len() as u64, 4_000 + pair.counters().duplicated);
    heard.dedup();
    assert_eq!(
        heard,
        (0..4_000).collect::<Vec<_>>(),
        "nothing else happens to them"
    );
}

#[test]
fn reordering_lets_later_frames_pass_and_jitter_does_not() {
    let mut pair = pair(LinkConfig {
        jitter: 20 * MS,
        ..LinkConfig::default()
    });
    stream_of_frames(&mut pair.network, pair.a, 2_000, 1_000, 60);
    pair.run();
    let heard = numbers(pair.heard());
    assert_eq!(
        heard,
        (0..2_000).collect::<Vec<_>>(),
        "jitter keeps the order"
    );
    // Frames so far apart that none waits for another have every delay from 1 to 21 ms.
    pair.network.node_mut::<Host>(pair.b).take_heard();
    let start = pair.network.now().as_micros();
    stream_of_frames(&mut pair.network, pair.a, 500, 30_000, 60);
    pair.run();
    let delays = micros(pair.heard());
    let delays = (start..)
        .step_by(30_000)
        .zip(delays)
        .map(|(sent, at)| at - sent);
    let (least, most) = (delays.clone().min().unwrap(), delays.max().unwrap());
    assert!((1_000..1_500).contains(&least), "{least}");
    assert!((20_500..=21_000).contains(&most), "{most}");

    pair.network.change_link(pair.link, |config| {
        config.jitter = Duration::ZERO;
        config.reorder = 0.1;
        config.reorder_delay = 10 * MS;
    });
    pair.network.node_mut::<Host>(pair.b).take_heard();
    stream_of_frames(&mut pair.network, pair.a, 2_000, 1_000, 60);
    pair.run();
    let reordered = pair.counters().reordered;
    near(reordered, 2_000, 0.1);
    let heard = numbers(pair.heard());
    // Frame n, held back, comes after n + 9 (sent 9 ms later) and before n + 11, unless those are
    // held back themselves: exactly the frames held back have a later number before them, but for
    // the last few, which nothing follows.
    let mut highest = 0;
    let mut passed = 0;
    for &number in &heard {
        passed += u64::from(number < highest);
        highest = highest.max(number);
    }
    assert!(
        passed <= reordered && passed + 3 >= reordered,
        "{passed} of {reordered}"
    );
}

#[test]
fn corruption_flips_as_many_bits_as_asked() {
    let mut pair = pair(LinkConfig {
        corrupt: 0.5,
        corrupt_bits: 3,
        ..LinkConfig::default()
    });
    for _ in 0..3_000 {
        pair.network.node_mut::<Host>(pair.a).send(0, &[0; 60]);
    }
    pair.run();
    let mut flips = [0u64; 5];
    for frame in pair.heard().frames() {
        assert_eq!(frame.len(), 60);
        flips[frame
            .iter()
            .map(|octet| octet.count_ones() as usize)
            .sum::<usize>()] += 1;
    }
    near(pair.counters().corrupted, 3_000, 0.5);
    assert_eq!(flips[0], 3_000 - pair.counters().corrupted);
    for count in &flips[1..=3] {
        near(*count, pair.counters().corrupted, 1.0 / 3.0);
    }
    assert_eq!(flips[4], 0);
}

#[test]
fn the_bits_that_are_flipped_are_all_different() {
    let mut pair = pair(LinkConfig {
        corrupt: 1.0,
        corrupt_bits: 20,
        ..LinkConfig::default()
    });
    for _ in 0..800 {
        pair.network.node_mut::<Host>(pair.a).send(0, &[0]);
    }
    pair.run();
    let mut flips = [0u64; 9];
    for frame in pair.heard().frames() {
        flips[frame[0].count_ones() as usize] += 1;
    }
    assert_eq!(flips[0], 0, "what is corrupted is changed");
    for count in &flips[1..] {
        near(*count, 800, 1.0 / 8.0);
    }
}

#[test]
fn the_rate_spaces_frames_exactly() {
    // 1,250 octets at 10 Mbit/s take 1 ms.
    let mut pair = pair(LinkConfig {
        rate: Some(10_000_000),
        delay: 7 * MS,
        ..LinkConfig::default()
    });
    let a = pair.network.node_mut::<Host>(pair.a);
    for _ in 0..5 {
        a.send(0, &[0; 1_250]);
    }
    pair.run();
    assert_eq!(micros(pair.heard()), [8_000, 9_000, 10_000, 11_000, 12_000]);
}

#[test]
fn a_fast_link_loses_nothing_to_rounding() {
    // 64 octets at 10 Gbit/s take 51.2 ns, of which whole nanoseconds count: 1,000 take 51 us.
    let mut pair = pair(LinkConfig {
        rate: Some(10_000_000_000),
        delay: Duration::ZERO,
        ..LinkConfig::default()
    });
    for _ in 0..1_000 {
        pair.network.node_mut::<Host>(pair.a).send(0, &[0; 64]);
    }
    pair.run();
    assert_eq!(micros(pair.heard()).last(), Some(&51));
    assert_eq!(micros(pair.heard())[0], 1);
}

#[test]
fn a_full_queue_drops_the_tail() {
    // One frame is being sent and three of 1,000 octets fit the queue; 1 ms each.
    let mut pair = pair(LinkConfig {
        rate: Some(8_000_000),
        queue_octets: 3_000,
        delay: Duration::ZERO,
        ..LinkConfig::default()
    });
    let (a, b) = (pair.a, pair.b);
    stream_of_frames(&mut pair.network, a, 10, 0, 1_000);
    // When the first has left, there is room for one more, and for one only.
    pair.network.at(Instant::from_micros(999), move |network| {
        network.node_mut::<Host>(a).send(0, &[0xee; 1_000]);
    });
    pair.network
        .at(Instant::from_micros(1_000), move |network| {
            network.node_mut::<Host>(a).send(0, &[0xdd; 1_000]);
            network.node_mut::<Host>(a).send(0, &[0xcc; 1_000]);
        });
    pair.run();
    assert_eq!(numbers(pair.network.node(b)), [0, 1, 2, 3, 0xdddd_dddd]);
    assert_eq!(micros(pair.heard()), [1_000, 2_000, 3_000, 4_000, 5_000]);
    assert_eq!(pair.counters().queue_full, 8);
}

#[test]
fn frames_beyond_the_mtu_are_dropped() {
    let mut pair = pair(LinkConfig {
        mtu: Some(1_500),
        ..LinkConfig::default()
    });
    for size in [1_500, 1_501, 0, 9_000] {
        pair.network
            .node_mut::<Host>(pair.a)
            .send(0, &vec![0; size]);
    }
    pair.run();
    let lengths: Vec<_> = pair
        .heard()
        .frames()
        .iter()
        .map(|frame| frame.len())
        .collect();
    assert_eq!(lengths, [1_500, 0]);
    assert_eq!(pair.counters().too_long, 2);
}

#[test]
fn a_cut_loses_what_is_in_flight_and_a_repair_mends() {
    let mut pair = pair(LinkConfig {
        delay: 10 * MS,
        ..LinkConfig::default()
    });
    let link = pair.link;
    // One frame each 5 ms. At 22 ms those sent at 15 and 20 are in flight (that of 10 came at 20).
    stream_of_frames(&mut pair.network, pair.a, 12, 5_000, 60);
    pair.network.at(Instant::from_millis(22), move |network| {
        network.set_link_up(link, false)
    });
    pair.network.at(Instant::from_millis(41), move |network| {
        network.set_link_up(link, true)
    });
    pair.run();
    assert_eq!(numbers(pair.heard()), [0, 1, 2, 9, 10, 11]);
    assert_eq!(pair.counters().while_down, 6);
}

#[test]
fn a_repair_before_the_arrival_does_not_bring_a_frame_back() {
    let mut pair = pair(LinkConfig::default());
    pair.network.node_mut::<Host>(pair.a).send(0, b"gone");
    pair.network.run_for(MS / 2);
    assert_eq!(pair.network.in_flight(), 1);
    pair.network.set_end_up(pair.b, false);
    pair.network
        .node_mut::<Host>(pair.a)
        .send(0, b"nobody there");
    pair.network.run_for(MS / 4);
    pair.network.set_end_up(pair.b, true);
    pair.network.node_mut::<Host>(pair.a).send(0, b"back");
    pair.run();
    assert_eq!(pair.heard().frames(), [b"back"]);
    assert_eq!(pair.counters().while_down, 2);
}

#[test]
fn directions_are_configured_apart_and_changed_at_run_time() {
    let mut network = Network::new(1);
    let a = network.add_node("a", Host::default());
    let b = network.add_node("b", Host::default());
    let fast = LinkConfig::default();
    let slow = LinkConfig {
        delay: 50 * MS,
        ..LinkConfig::default()
    };
    network.add_asymmetric_link("wire", (a, 0), fast, (b, 0), slow);
    network.node_mut::<Host>(a).send(0, b"to b");
    network.node_mut::<Host>(b).send(0, b"to a");
    network.run_until_idle(Instant::from_secs(1)).unwrap();
    assert_eq!(micros(network.node(b)), [1_000]);
    assert_eq!(micros(network.node(a)), [50_000]);
    network.change_direction(b, |config| config.loss = 1.0);
    network.node_mut::<Host>(a).send(0, b"to b");
    network.node_mut::<Host>(b).send(0, b"to a");
    network.run_until_idle(Instant::from_secs(1)).unwrap();
    assert_eq!(network.counters(a).delivered, 2);
    assert_eq!(network.counters(b).lost, 1);
}

#[test]
fn a_byte_stream_keeps_octets_in_order_and_not_the_pieces() {
    let mut pair = pair(LinkConfig {
        byte_stream: Some(ByteStream { max_chunk: 16 }),
        jitter: MS,
        ..LinkConfig::default()
    });
    let octets: Vec<u8> = (0..=255).collect();
    for half in octets.chunks(128) {
        pair.network.node_mut::<Host>(pair.a).send(0, half);
    }
    pair.run();
    assert_eq!(pair.heard().octets(), octets);
    let lengths: Vec<_> = pair
        .heard()
        .frames()
        .iter()
        .map(|piece| piece.len())
        .collect();
    assert!(
        lengths.iter().all(|length| (1..=16).contains(length)),
        "{lengths:?}"
    );
    assert!(
        lengths.iter().any(|&length| length != lengths[0]),
        "{lengths:?}"
    );
    assert_eq!(pair.counters().delivered, 256);
}

#[test]
fn pieces_of_a_byte_stream_that_arrive_together_may_be_joined() {
    let mut pair = pair(LinkConfig {
        byte_stream: Some(ByteStream { max_chunk: 64 }),
        ..LinkConfig::default()
    });
    for octet in 0..100u8 {
        pair.network.node_mut::<Host>(pair.a).send(0, &[octet]);
    }
    pair.run();
    assert_eq!(pair.heard().octets(), (0..100).collect::<Vec<u8>>());
    let pieces = pair.heard().frames().len();
    assert!((30..70).contains(&pieces), "{pieces} pieces of 100 octets");
}

#[test]
fn a_byte_stream_loses_and_corrupts_single_octets() {
    let mut pair = pair(LinkConfig {
        byte_stream: Some(ByteStream { max_chunk: 1_000 }),
        loss: 0.1,
        corrupt: 0.2,
        ..LinkConfig::default()
    });
    for _ in 0..100 {
        pair.network.node_mut::<Host>(pair.a).send(0, &[0; 100]);
    }
    pair.run();
    let counters = pair.counters();
    near(counters.lost, 10_000, 0.1);
    near(counters.corrupted, counters.delivered, 0.2);
    let heard = pair.heard().octets();
    assert_eq!(heard.len() as u64, counters.delivered);
    let changed = heard.iter().filter(|&&octet| octet != 0).count() as u64;
    assert_eq!(changed, counters.corrupted);
    assert!(heard.iter().all(|octet| octet.count_ones() <= 1));
}

#[test]
fn a_byte_stream_has_the_speed_of_its_line() {
    // 9,600 bit/s are 1,200 octets a second.
    let mut pair = pair(LinkConfig {
        byte_stream: Some(ByteStream { max_chunk: 4 }),
        rate: Some(9_600),
        delay: Duration::ZERO,
        ..LinkConfig::default()
    });
    pair.network.node_mut::<Host>(pair.a).send(0, &[0; 120]);
    pair.run();
    assert_eq!(micros(pair.heard()).last(), Some(&100_000));
    let mut octets = 0;
    for heard in pair.heard().heard() {
        octets += heard.frame.len() as u64;
        assert_eq!(heard.at.as_micros(), (octets * 1_000_000).div_ceil(1_200));
    }
}

#[test]
#[should_panic(expected = "link \"wire\": reorder is 1.5, not 0 to 1")]
fn a_probability_above_one_is_refused() {
    pair(LinkConfig {
        reorder: 1.5,
        ..LinkConfig::default()
    });
}

#[test]
#[should_panic(expected = "a byte stream does not duplicate or reorder")]
fn a_byte_stream_with_duplicates_is_refused() {
    pair(LinkConfig {
        duplicate: 0.1,
        byte_stream: Some(ByteStream { max_chunk: 1 }),
        ..LinkConfig::default()
    });
}

#[test]
#[should_panic(expected = "rate is 0")]
fn a_change_is_checked_too() {
    let mut pair = pair(LinkConfig::default());
    let link = pair.link;
    pair.network
        .change_link(link, |config| config.rate = Some(0));
}
