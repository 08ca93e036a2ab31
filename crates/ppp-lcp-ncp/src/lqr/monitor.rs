//! One end of the monitoring.

use super::report::{LqrPacket, LqrRepr};
use crate::wire::PppProtocol;
use core::time::Duration;
use packet_buffer::{Instant, PacketBuf, ParseError};

/// When a link is taken for poor (RFC 1989 §2.9 leaves it to the implementation).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QualityConfig {
    /// Packets in a hundred that may be lost in either direction between two reports. Default: 20.
    pub max_loss: u8,
    /// Reports that are looked back upon; 1 to 32. Default: 5.
    pub window: u8,
    /// How many of them have to show more loss, or not to have come, until the link is poor; 1 to
    /// `window`. It is good again when fewer do. Default: 3.
    pub poor: u8,
}

impl Default for QualityConfig {
    fn default() -> Self {
        Self {
            max_loss: 20,
            window: 5,
            poor: 3,
        }
    }
}

/// A value of [`QualityConfig`] cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct QualityConfigError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl QualityConfig {
    pub(crate) const fn check(&self) -> Result<(), QualityConfigError> {
        let (field, problem) = if self.max_loss > 100 {
            ("max_loss", "must be at most 100")
        } else if self.window == 0 || self.window > 32 {
            ("window", "must be 1 to 32")
        } else if self.poor == 0 || self.poor > self.window {
            ("poor", "must be 1 to window")
        } else {
            return Ok(());
        };
        Err(QualityConfigError { field, problem })
    }
}

/// What became of the packets of one direction between two reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Direction {
    /// Packets sent.
    pub sent: u32,
    /// Packets among them that did not arrive.
    pub lost: u32,
    /// Octets sent.
    pub octets: u32,
}

impl Direction {
    /// What was sent less what arrived. Both wrap; more arrivals than packets are none lost.
    fn between(sent: u32, arrived: u32, octets: u32) -> Self {
        Self {
            sent,
            lost: sent.saturating_sub(arrived),
            octets,
        }
    }

    /// Whether more than these per cent were lost.
    fn exceeds(&self, per_cent: u8) -> bool {
        u64::from(self.lost) * 100 > u64::from(self.sent) * u64::from(per_cent)
    }
}

/// What two reports say about the time between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measurement {
    /// From us to the peer; `None` when the peer has heard nothing new from us.
    pub outbound: Option<Direction>,
    /// From the peer to us.
    pub inbound: Direction,
}

/// What a monitor tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LqrEvent {
    /// Too much is lost.
    Poor,
    /// It is no longer so.
    Good,
}

/// Why a report was ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LqrDiscard {
    /// It is not whole.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// It has our own magic number: the line is looped back.
    #[error("the report is our own")]
    Own,
}

/// Counters beside those of the reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LqrStats {
    /// Reports sent.
    pub sent: u64,
    /// Reports received.
    pub received: u64,
    /// Reports that were not whole.
    pub malformed: u64,
    /// Our own reports, which came back.
    pub own: u64,
    /// Reports that did not come in time.
    pub missed: u64,
}

/// What the sender and the receiver count.
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    lqrs: u32,
    packets: u32,
    discards: u32,
    errors: u32,
    octets: u32,
}

/// One end of the monitoring of a link. It is told of every packet that goes and comes.
#[derive(Debug, Clone)]
pub struct LqrMonitor {
    config: QualityConfig,
    /// How often the peer wants reports: `None` for never, zero for one for each of its own.
    send_every: Option<Duration>,
    /// How often the peer has promised reports; never, or as it likes, when `None` or zero.
    expect_every: Option<Duration>,
    out: Counters,
    inward: Counters,
    /// The last report, and what had arrived with it.
    last: Option<(LqrRepr, Counters)>,
    measurement: Option<Measurement>,
    /// A bit for each of the last reports: whether it was poor. The last is the lowest.
    history: u32,
    is_poor: bool,
    /// The change has not been told yet.
    untold: bool,
    to_send: bool,
    send_at: Option<Instant>,
    expected_at: Option<Instant>,
    latest: Instant,
    stats: LqrStats,
}

impl LqrMonitor {
    /// A monitor from now on. `send_every` is what the peer's Quality-Protocol option asks for, zero
    /// for a report for each of its own; `expect_every` what ours does. `None` where there was no
    /// option.
    ///
    /// # Errors
    ///
    /// [`QualityConfigError`], which names the field.
    pub fn new(
        now: Instant,
        config: QualityConfig,
        send_every: Option<Duration>,
        expect_every: Option<Duration>,
    ) -> Result<Self, QualityConfigError> {
        config.check()?;
        let expect_every = expect_every.filter(|period| !period.is_zero());
        let timer = send_every.filter(|period| !period.is_zero());
        Ok(Self {
            config,
            send_every,
            expect_every,
            out: Counters::default(),
            inward: Counters::default(),
            last: None,
            measurement: None,
            history: 0,
            is_poor: false,
            untold: false,
            // RFC 1989 §2.7 MAY (begin): the first report goes at once, so that the peer has what to
            // compare the next one with.
            to_send: send_every.is_some(),
            send_at: timer.map(|period| now + period),
            expected_at: expect_every.map(|period| now + period.saturating_mul(2)),
            latest: now,
            stats: LqrStats::default(),
        })
    }

    /// What the last two reports say.
    pub const fn measurement(&self) -> Option<&Measurement> {
        self.measurement.as_ref()
    }

    /// Whether too much is lost.
    pub const fn is_poor(&self) -> bool {
        self.is_poor
    }

    /// Counters.
    pub const fn stats(&self) -> &LqrStats {
        &self.stats
    }

    /// A packet was sent that is not a report, of so many octets: those that the check sequence counts,
    /// the check sequence, and one flag (RFC 1989 §2.3).
    pub fn count_sent(&mut self, octets: usize) {
        self.out.packets = self.out.packets.wrapping_add(1);
        self.out.octets = add(self.out.octets, octets);
    }

    /// A packet has arrived, of so many octets, counted in the same way; it may be a report.
    pub fn count_received(&mut self, octets: usize) {
        self.inward.packets = self.inward.packets.wrapping_add(1);
        self.inward.octets = add(self.inward.octets, octets);
    }

    /// A packet has arrived broken.
    pub const fn count_error(&mut self) {
        self.inward.errors = self.inward.errors.wrapping_add(1);
    }

    /// A packet has arrived and was thrown away for want of room.
    pub const fn count_discard(&mut self) {
        self.inward.discards = self.inward.discards.wrapping_add(1);
    }

    /// A report has arrived, the information field of a PPP packet of protocol LQR. It has been
    /// counted as a packet already. `our_magic` is zero when none was agreed on.
    ///
    /// # Errors
    ///
    /// It was ignored; nothing but the counters has changed.
    pub fn handle_input(
        &mut self,
        now: Instant,
        information: &[u8],
        our_magic: u32,
    ) -> Result<(), LqrDiscard> {
        let report = match LqrPacket::parse(information) {
            Ok(packet) => packet.to_repr(),
            Err(error) => {
                self.stats.malformed += 1;
                return Err(error.into());
            }
        };
        // RFC 1989 §2.6 SHOULD (magic): a report of ours that comes back is not taken for the peer's.
        if our_magic != 0 && report.magic_number == our_magic {
            self.stats.own += 1;
            return Err(LqrDiscard::Own);
        }
        self.latest = self.latest.max(now);
        self.stats.received += 1;
        // RFC 1989 §2.6 MUST (save): what has arrived is noted when the report does, with the report.
        self.inward.lqrs = self.inward.lqrs.wrapping_add(1);
        let (arrived, before) = (self.inward, self.last.replace((report, self.inward)));
        if let Some((before, arrived_before)) = before {
            self.measure(&report, &arrived, &before, &arrived_before);
            // RFC 1989 §2.7 MUST (same): two reports that say the same about ours want another of ours.
            if report.peer_in_lqrs == before.peer_in_lqrs {
                self.to_send |= self.send_every.is_some();
            }
        }
        // RFC 1989 §2.7 MUST (answer): without a period, each report is answered with one.
        if self.send_every.is_some_and(|period| period.is_zero()) {
            self.to_send = true;
        }
        let next = self.expect_every;
        self.expected_at = next.map(|period| self.latest + period.saturating_mul(2));
        Ok(())
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        // RFC 1989 §2.7 MUST (period): a report goes whenever the period is over.
        if self.send_at.is_some_and(|at| at <= self.latest) {
            self.to_send = true;
            self.restart_timer();
        }
        if self.expected_at.is_some_and(|at| at <= self.latest) {
            self.stats.missed += 1;
            self.expected_at = self.expect_every.map(|period| self.latest + period);
            self.judge(true);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` for never.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.send_at, self.expected_at].into_iter().flatten().min()
    }

    /// Writes the next report in place of what `out` holds, and says which protocol's information
    /// it is: [`PppProtocol::LQR`]. `None` when there is none. `frame` is the octets of its frame
    /// beside those of the report, counted as in [`count_sent`](Self::count_sent).
    pub fn poll_transmit(
        &mut self,
        out: &mut PacketBuf,
        our_magic: u32,
        frame: usize,
    ) -> Option<PppProtocol> {
        if !core::mem::take(&mut self.to_send) {
            return None;
        }
        // RFC 1989 §2.6 MUST (this): what was sent counts this report.
        self.out.lqrs = self.out.lqrs.wrapping_add(1);
        self.count_sent(LqrPacket::LEN + frame);
        self.stats.sent += 1;
        let (last, arrived) = self.last.unwrap_or_default();
        let report = LqrRepr {
            magic_number: our_magic,
            last_out_lqrs: last.peer_out_lqrs,
            last_out_packets: last.peer_out_packets,
            last_out_octets: last.peer_out_octets,
            peer_in_lqrs: arrived.lqrs,
            peer_in_packets: arrived.packets,
            peer_in_discards: arrived.discards,
            peer_in_errors: arrived.errors,
            peer_in_octets: arrived.octets,
            peer_out_lqrs: self.out.lqrs,
            peer_out_packets: self.out.packets,
            peer_out_octets: self.out.octets,
        };
        out.reset(PacketBuf::DEFAULT_HEADROOM);
        report.emit(out);
        // RFC 1989 §2.7 MUST (restart): the timer starts anew with each report.
        self.restart_timer();
        Some(PppProtocol::LQR)
    }

    /// Whether the link has become poor, or good again.
    pub fn poll_event(&mut self) -> Option<LqrEvent> {
        core::mem::take(&mut self.untold).then_some(if self.is_poor {
            LqrEvent::Poor
        } else {
            LqrEvent::Good
        })
    }

    fn restart_timer(&mut self) {
        let timer = self.send_every.filter(|period| !period.is_zero());
        self.send_at = timer.map(|period| self.latest + period);
    }

    fn measure(
        &mut self,
        report: &LqrRepr,
        arrived: &Counters,
        before: &LqrRepr,
        arrived_before: &Counters,
    ) {
        let grown = |now: u32, then: u32| now.wrapping_sub(then);
        let outbound = (report.last_out_lqrs != before.last_out_lqrs).then(|| {
            Direction::between(
                grown(report.last_out_packets, before.last_out_packets),
                grown(report.peer_in_packets, before.peer_in_packets),
                grown(report.last_out_octets, before.last_out_octets),
            )
        });
        let inbound = Direction::between(
            grown(report.peer_out_packets, before.peer_out_packets),
            grown(arrived.packets, arrived_before.packets),
            grown(report.peer_out_octets, before.peer_out_octets),
        );
        let most = self.config.max_loss;
        let is_poor = inbound.exceeds(most) || outbound.is_some_and(|it| it.exceeds(most));
        self.measurement = Some(Measurement { outbound, inbound });
        self.judge(is_poor);
    }

    /// Takes one period for poor or not, and with it the link.
    fn judge(&mut self, is_poor: bool) {
        let window = u32::MAX >> (32 - u32::from(self.config.window.clamp(1, 32)));
        self.history = (self.history << 1 | u32::from(is_poor)) & window;
        let is_poor = self.history.count_ones() >= u32::from(self.config.poor);
        if is_poor != self.is_poor {
            self.is_poor = is_poor;
            // Two changes that nobody has asked for are none.
            self.untold = !self.untold;
        }
    }
}

/// Octets, wrapping as the counters on the line do.
fn add(counter: u32, octets: usize) -> u32 {
    let octets = u64::try_from(octets).unwrap_or(u64::MAX) & u64::from(u32::MAX);
    counter.wrapping_add(u32::try_from(octets).unwrap_or(0))
}
