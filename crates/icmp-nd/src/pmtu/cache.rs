//! Path MTUs per destination (RFC 1191, RFC 8201): bounded, ageing, and never raised by a message.

use super::config::{Config, ConfigError, Event, Increase, PathMtu, Stats};
use super::report::{Confirmation, Discard, Path, Report};
use super::{IPV4_MIN_MTU, IPV6_MIN_MTU, plateau_above, plateau_below};
use crate::hash::{HashMap, new_map};
use alloc::collections::{BTreeSet, VecDeque};
use core::fmt;
use packet_buffer::{Instant, RandomSource};

#[derive(Debug, Clone, Copy)]
struct Entry {
    mtu: u32,
    dont_fragment: bool,
    verified: bool,
    expires: Instant,
    /// What the link allowed when the path was reported: an increase goes no further.
    link_mtu: u32,
}

/// The paths that are narrower than their first link.
///
/// It holds only what a report or a probe has reduced; every other path is as wide as the link that
/// it starts on. When it is full, a verified report makes room by evicting the path that expires
/// first, unverified ones before verified ones; an unverified report evicts only unverified paths.
pub struct PathMtuCache {
    config: Config,
    latest: Instant,
    entries: HashMap<Path, Entry>,
    /// Paths by expiry: unverified and verified.
    expiry: [BTreeSet<(Instant, Path)>; 2],
    events: VecDeque<Event>,
    stats: Stats,
}

impl PathMtuCache {
    /// An empty cache. The random source seeds the hash of its table.
    ///
    /// # Errors
    ///
    /// When the configuration makes no sense.
    pub fn new(config: Config, random: &mut dyn RandomSource) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self::unchecked(config, random))
    }

    /// An empty cache with the default configuration.
    pub fn with_defaults(random: &mut dyn RandomSource) -> Self {
        Self::unchecked(Config::default(), random)
    }

    fn unchecked(config: Config, random: &mut dyn RandomSource) -> Self {
        Self {
            config,
            latest: Instant::ZERO,
            entries: new_map(random),
            expiry: [BTreeSet::new(), BTreeSet::new()],
            events: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// How long packets on the path may be, when its first link takes `link_mtu` octets.
    #[inline]
    pub fn lookup(&self, path: &Path, link_mtu: u32) -> PathMtu {
        match self.entries.get(&self.key(path)) {
            Some(entry) => PathMtu {
                mtu: entry.mtu.min(link_mtu),
                dont_fragment: entry.dont_fragment,
            },
            None => PathMtu {
                mtu: link_mtu,
                dont_fragment: true,
            },
        }
    }

    /// Paths that are held at present.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether every path is as wide as its link.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The paths, in no particular order, with their MTU and when an increase will be tried.
    pub fn iter(&self) -> impl Iterator<Item = (Path, PathMtu, Instant)> + '_ {
        self.entries.iter().map(|(path, entry)| {
            let mtu = PathMtu {
                mtu: entry.mtu,
                dont_fragment: entry.dont_fragment,
            };
            (*path, mtu, entry.expires)
        })
    }

    /// Counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Counts an error that [`Report::from_icmpv4`] or [`Report::from_icmpv6`] refused.
    pub fn count_discard(&mut self, discard: &Discard) {
        self.stats.count(discard);
    }

    /// A report has arrived about a path whose first link takes `link_mtu` octets. Gives the new
    /// path MTU; packets longer than that which are in flight are lost.
    ///
    /// # Errors
    ///
    /// [`Discard::Refused`], [`Discard::Fits`], [`Discard::BelowMinimum`],
    /// [`Discard::NoReduction`] and [`Discard::Full`].
    pub fn handle_report(
        &mut self,
        now: Instant,
        report: &Report,
        link_mtu: u32,
        confirmation: Confirmation,
    ) -> Result<PathMtu, Discard> {
        self.latest = self.latest.max(now);
        let result = self.apply(report, link_mtu, confirmation);
        if let Err(discard) = &result {
            self.stats.count(discard);
        }
        result
    }

    fn apply(
        &mut self,
        report: &Report,
        link_mtu: u32,
        confirmation: Confirmation,
    ) -> Result<PathMtu, Discard> {
        let verified = match confirmation {
            // RFC 8899 §3 MUST (validate): a report is validated before it has any effect.
            Confirmation::Refused => return Err(Discard::Refused),
            Confirmation::Unverified => false,
            Confirmation::Verified => true,
        };
        let path = self.key(&report.path);
        let present = self.lookup(&path, link_mtu);
        let is_v4 = path.destination.is_ipv4();
        // RFC 1191 §7 MUST (plateau): a router that tells no MTU leaves it to the sender to guess.
        let is_old = is_v4 && report.mtu == 0;
        let mtu = if is_old {
            guess(report, present.mtu)
        } else {
            report.mtu
        };
        // RFC 5927 §7.2 SHOULD (length): the packet that did not fit is longer than what fits.
        if !is_old && report.packet_length.is_some_and(|length| length <= mtu) {
            return Err(Discard::Fits);
        }
        // RFC 8201 §4 MUST (minimum): a report of less than 1280 octets is discarded.
        // RFC 8021 §4 SHOULD (atomic): so no report ever makes atomic fragments.
        let minimum = if is_v4 { IPV4_MIN_MTU } else { IPV6_MIN_MTU };
        if mtu < minimum {
            return Err(Discard::BelowMinimum);
        }
        // RFC 1191 §3 MUST (floor): the estimate never goes below 68 octets; by default it stays
        // far above, and routers fragment.
        let floored = is_v4 && mtu < self.config.ipv4_floor;
        let dont_fragment = present.dont_fragment && !floored;
        let mtu = if floored {
            self.config.ipv4_floor.min(present.mtu)
        } else {
            mtu
        };
        // RFC 8201 §4 MUST (never-raise): a report never increases the estimate.
        // RFC 1191 §3 MUST (never-raise): a report never increases the estimate.
        if mtu > present.mtu || (mtu == present.mtu && dont_fragment == present.dont_fragment) {
            return Err(Discard::NoReduction);
        }
        self.make_room(&path, verified)?;
        self.stats.reduced += 1;
        self.stats.unverified += u64::from(!verified);
        self.stats.plateaus += u64::from(is_old);
        self.stats.floored += u64::from(floored);
        let entry = Entry {
            mtu,
            dont_fragment,
            verified,
            expires: self.latest + self.config.timeout,
            link_mtu,
        };
        self.put(path, entry);
        self.push(Event::Reduced { path, mtu });
        Ok(PathMtu { mtu, dont_fragment })
    }

    /// A packetization layer has found out by probing how wide the path is (RFC 8899 §3): narrower
    /// than thought, because packets vanish without a report, or wider.
    ///
    /// # Errors
    ///
    /// [`Discard::BelowMinimum`] and [`Discard::Full`].
    pub fn handle_probed(
        &mut self,
        now: Instant,
        path: &Path,
        mtu: u32,
        link_mtu: u32,
    ) -> Result<(), Discard> {
        self.latest = self.latest.max(now);
        let path = self.key(path);
        let minimum = if path.destination.is_ipv4() {
            IPV4_MIN_MTU
        } else {
            IPV6_MIN_MTU
        };
        if mtu < minimum {
            self.stats.below_minimum += 1;
            return Err(Discard::BelowMinimum);
        }
        let present = self.lookup(&path, link_mtu).mtu;
        if mtu >= link_mtu {
            if self.remove(&path).is_some() {
                self.stats.increased += 1;
                self.push(Event::Increased { path, mtu: None });
            }
            return Ok(());
        }
        if let Err(discard) = self.make_room(&path, true) {
            self.stats.count(&discard);
            return Err(discard);
        }
        let entry = Entry {
            mtu,
            dont_fragment: true,
            verified: true,
            expires: self.latest + self.config.timeout,
            link_mtu,
        };
        self.put(path, entry);
        match mtu.cmp(&present) {
            core::cmp::Ordering::Less => {
                self.stats.reduced += 1;
                self.push(Event::Reduced { path, mtu });
            }
            core::cmp::Ordering::Greater => {
                self.stats.increased += 1;
                let mtu = Some(mtu);
                self.push(Event::Increased { path, mtu });
            }
            core::cmp::Ordering::Equal => {}
        }
        Ok(())
    }

    /// Forgets a path: its route has changed.
    pub fn forget(&mut self, path: &Path) {
        let path = self.key(path);
        self.remove(&path);
    }

    /// The time is `now`: paths whose time is over become wider.
    // RFC 8201 §4 SHOULD (age): old estimates are purged, so that an increase is detected.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        while let Some(path) = self.due() {
            let Some(entry) = self.remove(&path) else {
                continue;
            };
            self.stats.increased += 1;
            let raised = match self.config.increase {
                Increase::Plateau if entry.dont_fragment => plateau_above(entry.mtu),
                _ => u32::MAX,
            };
            if raised >= entry.link_mtu {
                self.push(Event::Increased { path, mtu: None });
                continue;
            }
            // RFC 1191 §3 SHOULD (two-minutes): the next try is two minutes away.
            let expires = self.latest + self.config.raise_interval;
            let entry = Entry {
                mtu: raised,
                expires,
                ..entry
            };
            self.put(path, entry);
            let mtu = Some(raised);
            self.push(Event::Increased { path, mtu });
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let first = |set: &BTreeSet<(Instant, Path)>| set.first().map(|(at, _)| *at);
        let [unverified, verified] = &self.expiry;
        [first(unverified), first(verified)]
            .into_iter()
            .flatten()
            .min()
    }

    /// What transports want to hear next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The path as the table knows it.
    fn key(&self, path: &Path) -> Path {
        if self.config.per_flow && path.destination.is_ipv6() {
            return *path;
        }
        path.with_flow_label(0)
    }

    fn due(&self) -> Option<Path> {
        let firsts = self.expiry.iter().filter_map(BTreeSet::first);
        let (at, path) = firsts.min()?;
        (*at <= self.latest).then_some(*path)
    }

    /// Makes sure that the path has, or can have, an entry.
    fn make_room(&mut self, path: &Path, verified: bool) -> Result<(), Discard> {
        let [unverified, confirmed] = &self.expiry;
        let victim = match self.entries.get(path) {
            // Confirming a path makes it count among the verified, where it has room.
            Some(_) => return Ok(()),
            None if verified => {
                if self.entries.len() < self.config.capacity {
                    return Ok(());
                }
                unverified.first().or(confirmed.first())
            }
            None => {
                let room = self.entries.len() < self.config.capacity;
                if room && unverified.len() < self.config.unverified_capacity {
                    return Ok(());
                }
                unverified.first()
            }
        };
        let Some((_, victim)) = victim.copied() else {
            return Err(Discard::Full);
        };
        self.remove(&victim);
        self.stats.evicted += 1;
        Ok(())
    }

    /// Sets a path's entry. A path that was confirmed once stays confirmed.
    fn put(&mut self, path: Path, entry: Entry) {
        let before = self.remove(&path);
        let verified = entry.verified || before.is_some_and(|before| before.verified);
        let entry = Entry { verified, ..entry };
        let [unverified, confirmed] = &mut self.expiry;
        let set = if verified { confirmed } else { unverified };
        set.insert((entry.expires, path));
        self.entries.insert(path, entry);
    }

    fn remove(&mut self, path: &Path) -> Option<Entry> {
        let entry = self.entries.remove(path)?;
        let [unverified, confirmed] = &mut self.expiry;
        let set = if entry.verified {
            confirmed
        } else {
            unverified
        };
        set.remove(&(entry.expires, *path));
        Some(entry)
    }

    fn push(&mut self, event: Event) {
        if self.events.len() >= self.config.max_events {
            self.stats.events_dropped += 1;
            return;
        }
        self.events.push_back(event);
    }
}

impl fmt::Debug for PathMtuCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PathMtuCache")
            .field("paths", &self.entries.len())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

/// The path MTU where a router tells none (RFC 1191 §5).
// RFC 1191 §5 MUST (4.2bsd): a total length that is not below the estimate may have the header
// counted twice.
fn guess(report: &Report, present: u32) -> u32 {
    let length = report.packet_length.unwrap_or(present);
    let length = if length >= present {
        length.saturating_sub(report.header_length).min(present)
    } else {
        length
    };
    plateau_below(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::IpAddr;

    #[test]
    fn a_guess_is_a_plateau_below_the_packet() {
        let path = Path::to(IpAddr::from([192, 0, 2, 1]));
        let of = |length, present| guess(&Report::new(path, 0).with_packet_length(length), present);
        assert_eq!(of(1500, 9000), 1492);
        // 1500 octets sent, 1520 told.
        assert_eq!(of(1520, 1500), 1492);
        assert_eq!(of(1500, 1500), 1280);
        assert_eq!(of(0, 1500), 68);
    }
}
