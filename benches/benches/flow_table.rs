//! The flow table beside general hash maps.
//!
//! Equal work: every item finds a flow by its key and updates three fields (deadline or time last
//! seen, packets, octets). A plain map finds a flow by one key only; "two keys to a slab" is what it
//! takes to find it by both, as the flow table does. Each pass looks up random flows; where both
//! keys find a flow, either key at random.
//!
//! With `--ratios` it also prints what an insert costs, and the timer wheel's share. The environment
//! variable `FLOW_BENCH=quick` leaves out four million flows and shortens the rest.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a bench may fail loudly"
)]

use core::hash::{BuildHasher, Hash};
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use flow_table::{
    Config, FlowHash, FlowKey, FlowTable, Ipv4FlowKey, Ipv6FlowKey, NewFlow, NhHash, SipHash13,
};
use internetwork_benches::traffic::Random;
use internetwork_benches::{Group, is_wanted, run};
use packet_buffer::Instant;
use rustix::time::{ClockId, clock_gettime};
use std::collections::HashMap;

const BATCH: usize = 32;
const TIMEOUT: Duration = Duration::from_secs(120);

/// A kind of key that the bench can make.
trait BenchKey: FlowKey + Hash + 'static {
    const NAME: &'static str;
    /// The key of flow `n`: different for each `n` below 2^32.
    fn of_flow(n: usize) -> Self;
    fn reply(&self) -> Self;
}

/// A bijection of 32-bit numbers, to scatter consecutive flows over addresses and ports.
fn scatter(n: usize) -> u32 {
    let n = (n as u32).wrapping_mul(0x9e37_79b1);
    (n ^ (n >> 15)).wrapping_mul(0x85eb_ca6b)
}

impl BenchKey for Ipv4FlowKey {
    const NAME: &'static str = "IPv4";

    fn of_flow(n: usize) -> Self {
        let s = scatter(n);
        let source = Ipv4Addr::from_bits(0x0a00_0000 | (s >> 16));
        let destination = Ipv4Addr::from_bits(0xc633_6400 | (s & 0xff));
        Self::new((source, s as u16), (destination, 443), 6, 0)
    }

    fn reply(&self) -> Self {
        self.reversed()
    }
}

impl BenchKey for Ipv6FlowKey {
    const NAME: &'static str = "IPv6";

    fn of_flow(n: usize) -> Self {
        let s = scatter(n);
        let source = Ipv6Addr::from_bits((0x2001_0db8u128 << 96) | u128::from(s >> 16));
        let destination = Ipv6Addr::from_bits((0x2001_0db8_ffffu128 << 80) | u128::from(s & 0xff));
        Self::new((source, s as u16), (destination, 443), 6, 0)
    }

    fn reply(&self) -> Self {
        self.reversed()
    }
}

/// What a flow keeps beside its keys, in the maps.
#[derive(Clone, Copy, Default)]
struct MapState {
    last_seen: u64,
    packets: u64,
    octets: u64,
}

impl MapState {
    fn hit(&mut self, now: u64) {
        self.last_seen = now;
        self.packets += 1;
        self.octets += 1_400;
    }
}

/// The same in the flow table, where the deadline is the table's.
#[derive(Clone, Copy, Default)]
struct TableState {
    packets: u64,
    octets: u64,
}

/// Something that can be timed: a pass over `keys`, which all are there (or all are not).
type Pass<K> = Box<dyn FnMut(&[K]) -> u64>;

fn map_pass<K: BenchKey, S: BuildHasher + 'static>(
    mut map: hashbrown::HashMap<K, MapState, S>,
) -> Pass<K> {
    let mut now = 0;
    Box::new(move |keys| {
        let mut found = 0;
        now += 1;
        for key in keys {
            if let Some(state) = map.get_mut(key) {
                state.hit(now);
                found += 1;
            }
        }
        found
    })
}

fn std_pass<K: BenchKey, S: BuildHasher + 'static>(mut map: HashMap<K, MapState, S>) -> Pass<K> {
    let mut now = 0;
    Box::new(move |keys| {
        let mut found = 0;
        now += 1;
        for key in keys {
            if let Some(state) = map.get_mut(key) {
                state.hit(now);
                found += 1;
            }
        }
        found
    })
}

fn dash_pass<K: BenchKey>(map: dashmap::DashMap<K, MapState>) -> Pass<K> {
    let mut now = 0;
    Box::new(move |keys| {
        let mut found = 0;
        now += 1;
        for key in keys {
            if let Some(mut state) = map.get_mut(key) {
                state.hit(now);
                found += 1;
            }
        }
        found
    })
}

/// Both keys of a flow in one map, to an index into a slab that has both keys and the state.
fn slab_pass<K: BenchKey>(flows: usize) -> Pass<K> {
    let mut map = hashbrown::HashMap::with_capacity_and_hasher(
        2 * flows,
        foldhash::fast::RandomState::default(),
    );
    let mut slab = Vec::with_capacity(flows);
    for n in 0..flows {
        let key = K::of_flow(n);
        map.insert(key, n as u32);
        map.insert(key.reply(), n as u32);
        slab.push((key, key.reply(), MapState::default()));
    }
    let mut now = 0;
    Box::new(move |keys| {
        let mut found = 0;
        now += 1;
        for key in keys {
            if let Some(&slot) = map.get(key) {
                slab[slot as usize].2.hit(now);
                found += 1;
            }
        }
        found
    })
}

fn new_flow<K: BenchKey>(n: usize, deadline: Instant) -> NewFlow<K, TableState> {
    let original = K::of_flow(n);
    NewFlow {
        original,
        reply: original.reply(),
        deadline,
        class: 0,
        value: TableState::default(),
    }
}

fn table<K: BenchKey, S: FlowHash>(flows: usize) -> FlowTable<K, TableState, S> {
    let mut table = FlowTable::new(Config::new(flows), &mut Random(flows as u64)).unwrap();
    for n in 0..flows {
        let inserted = table.insert(Instant::ZERO, new_flow(n, Instant::ZERO + TIMEOUT));
        assert!(inserted.is_ok());
    }
    table
}

fn single_pass<K: BenchKey, S: FlowHash + 'static>(flows: usize) -> Pass<K> {
    let mut table = table::<K, S>(flows);
    let mut now = Instant::ZERO;
    Box::new(move |keys| {
        let mut found = 0;
        now += Duration::from_micros(1);
        for key in keys {
            if let Some((_, mut flow)) = table.lookup(now, key) {
                flow.set_deadline(now + TIMEOUT);
                let state = flow.value_mut();
                state.packets += 1;
                state.octets += 1_400;
                found += 1;
            }
        }
        found
    })
}

fn batch_pass<K: BenchKey, S: FlowHash + 'static>(flows: usize) -> Pass<K> {
    let mut table = table::<K, S>(flows);
    let mut now = Instant::ZERO;
    Box::new(move |keys| {
        let mut found = 0;
        now += Duration::from_micros(1);
        let mut matches = [None; BATCH];
        for keys in keys.chunks(BATCH) {
            table.lookup_batch(now, keys, &mut matches);
            for hit in matches.iter().take(keys.len()).flatten() {
                if let Some(mut flow) = table.get_mut(hit.id) {
                    flow.set_deadline(now + TIMEOUT);
                    let state = flow.value_mut();
                    state.packets += 1;
                    state.octets += 1_400;
                    found += 1;
                }
            }
        }
        found
    })
}

/// Keys looked up in one run of an item: enough for the caches to forget the item that ran before.
const PASS: usize = 1 << 16;

/// Keys to ask for: of random flows out of `from..from + flows`, original only or either.
fn queries<K: BenchKey>(from: usize, flows: usize, both: bool) -> Vec<K> {
    const QUERIES: usize = 1 << 19;
    let mut random = Random(7);
    (0..QUERIES)
        .map(|_| {
            let key = K::of_flow(from + random.below(flows));
            if both && random.next() % 2 == 1 {
                key.reply()
            } else {
                key
            }
        })
        .collect()
}

/// A pass that takes the next keys each time it runs.
fn turns<'a, K: BenchKey>(keys: &'a [K], mut pass: Pass<K>) -> impl FnMut() -> u64 + 'a {
    let mut start = 0;
    move || {
        start = (start + PASS) % keys.len();
        pass(&keys[start..start + PASS])
    }
}

const FOLDHASH: &str = "hashbrown + foldhash, one key";
const FOLDHASH_SLAB: &str = "hashbrown + foldhash, two keys to a slab";

fn fold_map<K: BenchKey>(flows: usize) -> Pass<K> {
    map_pass(filled(flows, foldhash::fast::RandomState::default()))
}

fn filled<K: BenchKey, S: BuildHasher>(
    flows: usize,
    hasher: S,
) -> hashbrown::HashMap<K, MapState, S> {
    let mut map = hashbrown::HashMap::with_capacity_and_hasher(flows, hasher);
    map.extend((0..flows).map(|n| (K::of_flow(n), MapState::default())));
    map
}

/// One look-up at a time. The goal is at most `goal` times the map that finds by one key.
fn single<K: BenchKey>(flows: usize, goal: f64, all: bool) {
    let name = format!("flow-table/{}, {}, hit", K::NAME, size_name(flows));
    if !is_wanted(&name) {
        return;
    }
    let [one, both] = [false, true].map(|both| queries::<K>(0, flows, both));
    let mut group = Group::new(name, PASS as u32)
        .item("flow-table", turns(&both, single_pass::<K, NhHash>(flows)))
        .item(FOLDHASH, turns(&one, fold_map(flows)))
        .item(FOLDHASH_SLAB, turns(&both, slab_pass(flows)));
    if all {
        let mut standard = HashMap::with_capacity(flows);
        standard.extend((0..flows).map(|n| (K::of_flow(n), MapState::default())));
        let dashed = dashmap::DashMap::with_capacity(flows);
        for n in 0..flows {
            dashed.insert(K::of_flow(n), MapState::default());
        }
        let ahashed = map_pass(filled(flows, ahash::RandomState::new()));
        group = group
            .item(
                "flow-table, SipHash-1-3",
                turns(&both, single_pass::<K, SipHash13>(flows)),
            )
            .item("hashbrown + ahash, one key", turns(&one, ahashed))
            .item(
                "std HashMap (SipHash-1-3), one key",
                turns(&one, std_pass(standard)),
            )
            .item(
                "dashmap (SipHash-1-3), one key",
                turns(&one, dash_pass(dashed)),
            );
    }
    run(vec![group.at_most(goal, FOLDHASH)]);
}

/// Batches of 32.
fn batch<K: BenchKey>(flows: usize) {
    let size = size_name(flows);
    let name = format!("flow-table/{}, {size}, batches of 32", K::NAME);
    if !is_wanted(&name) {
        return;
    }
    let [one, both] = [false, true].map(|both| queries::<K>(0, flows, both));
    run(vec![
        Group::new(name, PASS as u32)
            .item("flow-table", turns(&both, batch_pass::<K, NhHash>(flows)))
            .item(
                "flow-table, SipHash-1-3",
                turns(&both, batch_pass::<K, SipHash13>(flows)),
            )
            .item(FOLDHASH, turns(&one, fold_map(flows)))
            .item(FOLDHASH_SLAB, turns(&both, slab_pass(flows)))
            .at_most(0.45, FOLDHASH),
    ]);
}

/// Looking up what is not there, as for the first packet of each flow.
fn miss<K: BenchKey>(flows: usize) {
    let name = format!("flow-table/{}, {}, miss", K::NAME, size_name(flows));
    if !is_wanted(&name) {
        return;
    }
    let absent = queries::<K>(flows, flows, true);
    run(vec![
        Group::new(name, PASS as u32)
            .item(
                "flow-table",
                turns(&absent, single_pass::<K, NhHash>(flows)),
            )
            .item(
                "flow-table, batches of 32",
                turns(&absent, batch_pass::<K, NhHash>(flows)),
            )
            .item(FOLDHASH, turns(&absent, fold_map(flows)))
            .item(FOLDHASH_SLAB, turns(&absent, slab_pass(flows))),
    ]);
}

/// The CPU time that this thread has used.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn size_name(flows: usize) -> String {
    match flows {
        1_000_000.. => format!("{} M", flows / 1_000_000),
        _ => format!("{} k", flows / 1_000),
    }
}

/// Inserting `flows` flows into empty tables that have room for them, and the slowest insert.
fn inserts(flows: usize, rounds: usize) {
    let mut times = [const { Vec::new() }; 3];
    let mut worst = Duration::ZERO;
    for _ in 0..rounds {
        let keys: Vec<Ipv4FlowKey> = (0..flows).map(Ipv4FlowKey::of_flow).collect();
        let per = |begin: Duration| (cpu_time() - begin).as_nanos() as f64 / flows as f64;

        let mut map = hashbrown::HashMap::with_capacity_and_hasher(
            flows,
            foldhash::fast::RandomState::default(),
        );
        let begin = cpu_time();
        for key in &keys {
            map.insert(*key, MapState::default());
        }
        times[0].push(per(begin));
        drop(map);

        let mut map = hashbrown::HashMap::with_capacity_and_hasher(
            2 * flows,
            foldhash::fast::RandomState::default(),
        );
        let mut slab = Vec::with_capacity(flows);
        let begin = cpu_time();
        for (n, key) in keys.iter().enumerate() {
            map.insert(*key, n as u32);
            map.insert(key.reversed(), n as u32);
            slab.push((*key, key.reversed(), MapState::default()));
        }
        times[1].push(per(begin));
        drop((map, slab));

        let mut table =
            FlowTable::<Ipv4FlowKey, TableState>::new(Config::new(flows), &mut Random(1)).unwrap();
        let begin = cpu_time();
        let mut before = begin;
        let mut slow = Duration::ZERO;
        for n in 0..flows {
            assert!(
                table
                    .insert(Instant::ZERO, new_flow(n, Instant::ZERO + TIMEOUT))
                    .is_ok()
            );
            if n % 64 == 0 {
                let now = cpu_time();
                slow = slow.max(now - before);
                before = now;
            }
        }
        times[2].push(per(begin));
        worst = if worst.is_zero() {
            slow
        } else {
            worst.min(slow)
        };
    }
    println!(
        "\nIPv4 {} flows, insert: ns median; ratio",
        size_name(flows)
    );
    for (name, own) in [
        "hashbrown + foldhash, one key, pre-sized",
        "hashbrown + foldhash, two keys, pre-sized",
        "flow-table",
    ]
    .iter()
    .zip(&times)
    {
        let ratio = median(own.iter().zip(&times[0]).map(|(a, b)| a / b).collect());
        println!("  {name:<42} {:>7.1} {ratio:>14.2}", median(own.clone()));
    }
    println!("  flow-table, slowest 64 inserts in a row: {worst:?} (least of {rounds} rounds)");
}

/// One million flows: half of them are hit once a second on average, the others are new and expire
/// unhit after 60 s, 7,200 a second. Time of hits alone, and with all timer work.
fn expiry(seconds: u64) {
    const HOT: usize = 500_000;
    const NEW_PER_SECOND: usize = 7_200;
    const COLD_TIMEOUT: Duration = Duration::from_secs(60);
    let mut random = Random(3);
    let mut table =
        FlowTable::<Ipv4FlowKey, TableState>::new(Config::new(1_000_000), &mut Random(5)).unwrap();
    for n in 0..HOT {
        let deadline = Instant::ZERO + Duration::from_micros(random.below(120_000_000) as u64 + 1);
        table.insert(Instant::ZERO, new_flow(n, deadline)).unwrap();
    }
    let mut next_cold = HOT;
    let (mut hit_time, mut tick_time) = (Duration::ZERO, Duration::ZERO);
    let (mut worst, mut ticks, mut expired, mut hits) = (Duration::ZERO, 0u64, 0u64, 0u64);
    let mut tick_times = Vec::new();
    let warm_up = 70;
    for second in 0..warm_up + seconds {
        let now = Instant::from_secs(second);
        let measured = second >= warm_up;
        for _ in 0..NEW_PER_SECOND {
            table
                .insert(now, new_flow(next_cold, now + COLD_TIMEOUT))
                .unwrap();
            next_cold += 1;
        }
        // While warming up, every hot flow that would expire is hit in time all the same.
        let keys: Vec<Ipv4FlowKey> = if second == 0 {
            (0..HOT).map(Ipv4FlowKey::of_flow).collect()
        } else {
            (0..HOT)
                .map(|_| Ipv4FlowKey::of_flow(random.below(HOT)))
                .collect()
        };
        let begin = cpu_time();
        for key in &keys {
            if let Some((_, mut flow)) = table.lookup(now, key) {
                flow.set_deadline(now + TIMEOUT);
                let state = flow.value_mut();
                state.packets += 1;
                state.octets += 1_400;
            }
        }
        if measured {
            hit_time += cpu_time() - begin;
            hits += keys.len() as u64;
        }
        while let Some(due) = table.poll_timeout()
            && due < now + Duration::from_secs(1)
        {
            let begin = cpu_time();
            table.handle_timeout(due.max(now));
            while let Some(flow) = table.poll_expired() {
                expired += u64::from(measured && flow.class == 0);
            }
            let time = cpu_time() - begin;
            if measured {
                tick_time += time;
                worst = worst.max(time);
                tick_times.push(time);
                ticks += 1;
            }
        }
    }
    tick_times.sort();
    let hit = hit_time.as_nanos() as f64 / hits as f64;
    let total = (hit_time + tick_time).as_nanos() as f64 / hits as f64;
    println!(
        "\nIPv4 {} flows, expiry: {} flows, {seconds} s, {hits} hits, {expired} expired",
        size_name(1_000_000),
        table.len()
    );
    println!(
        "  hit alone {hit:.1} ns; with all timer work {total:.1} ns; ratio {:.3}",
        total / hit
    );
    println!(
        "  {ticks} ticks: median {:?}, 99 of 100 below {:?}, worst {worst:?}",
        tick_times[tick_times.len() / 2],
        tick_times[tick_times.len() * 99 / 100],
    );
    println!("  {:?}", table.stats());
}

fn main() {
    let quick = std::env::var("FLOW_BENCH").is_ok_and(|mode| mode == "quick");
    single::<Ipv4FlowKey>(10_000, 1.25, true);
    single::<Ipv4FlowKey>(1_000_000, 1.1, true);
    batch::<Ipv4FlowKey>(1_000_000);
    miss::<Ipv4FlowKey>(1_000_000);
    single::<Ipv6FlowKey>(1_000_000, 1.1, true);
    batch::<Ipv6FlowKey>(1_000_000);
    if !quick {
        single::<Ipv4FlowKey>(4_000_000, 1.1, false);
        batch::<Ipv4FlowKey>(4_000_000);
    }
    if std::env::args().any(|argument| argument == "--ratios") {
        if is_wanted("flow-table/insert") {
            inserts(1_000_000, if quick { 3 } else { 7 });
        }
        if is_wanted("flow-table/expiry") {
            expiry(if quick { 20 } else { 130 });
        }
    }
}
