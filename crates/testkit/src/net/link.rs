//! What a link does to the frames that cross it.

use core::time::Duration;

/// How one direction of a link, or one station of a LAN, treats what is sent.
///
/// The default is a perfect link of 1 ms. What happens to a frame, in this order:
///
/// 1. The link is down, or the frame longer than the MTU: it is dropped.
/// 2. It waits for the frames before it, where there is a [`rate`](Self::rate), and is dropped when
///    it finds the queue full.
/// 3. It may be [lost](Self::loss), on its own or [in a burst](Self::burst_loss). On a LAN each
///    receiver draws for itself.
/// 4. It may be [duplicated](Self::duplicate), and each copy may be
///    [corrupted](Self::corrupt).
/// 5. Each copy arrives after the [`delay`](Self::delay) and some [`jitter`](Self::jitter). Copies
///    keep their order (a later one waits for the earlier one), but for those that are picked for
///    [reordering](Self::reorder).
///
/// Probabilities are from 0 (never) to 1 (always) and drawn for each frame.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkConfig {
    /// The time from the last bit sent to the last bit received. Default: 1 ms.
    pub delay: Duration,
    /// The longest extra delay; it is drawn evenly from zero to this. Default: none.
    pub jitter: Duration,
    /// The probability that a frame is lost, whatever became of the others.
    pub loss: f64,
    /// Losses that come in bursts, beside [`loss`](Self::loss).
    pub burst_loss: Option<BurstLoss>,
    /// The probability that a frame arrives twice.
    pub duplicate: f64,
    /// The probability that a frame is held back by [`reorder_delay`](Self::reorder_delay), so
    /// that later ones may pass it.
    pub reorder: f64,
    /// How long a reordered frame is held back. Default: 10 ms.
    pub reorder_delay: Duration,
    /// The probability that bits of a frame are flipped.
    pub corrupt: f64,
    /// The most bits that are flipped in a corrupted frame; from one to this many are. Default: 1.
    pub corrupt_bits: usize,
    /// Bits a second. `None`, the default, sends every frame in no time.
    pub rate: Option<u64>,
    /// Octets that may wait for the frame being sent, where there is a rate; a frame that would
    /// make it more is dropped. Default: 150,000.
    pub queue_octets: usize,
    /// The longest frame in octets, link header included; longer ones are dropped. `None`, the
    /// default, lets all pass.
    pub mtu: Option<usize>,
    /// Makes it a serial line, on which frames are just octets. Links with two ends only.
    pub byte_stream: Option<ByteStream>,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(1),
            jitter: Duration::ZERO,
            loss: 0.0,
            burst_loss: None,
            duplicate: 0.0,
            reorder: 0.0,
            reorder_delay: Duration::from_millis(10),
            corrupt: 0.0,
            corrupt_bits: 1,
            rate: None,
            queue_octets: 150_000,
            mtu: None,
            byte_stream: None,
        }
    }
}

/// Losses in bursts: the Gilbert-Elliott model.
///
/// The channel is good or bad. Before each frame it may change: from good to bad with probability
/// `p` ([`good_to_bad`](Self::good_to_bad)), from bad to good with probability `r`
/// ([`bad_to_good`](Self::bad_to_good)); the frame is then lost with the probability of the state.
/// It is bad for p / (p + r) of the frames, and for 1 / r frames in a row. It starts good.
///
/// On a LAN the state belongs to the sending station, and each receiver draws for itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BurstLoss {
    /// The probability that a good channel turns bad before a frame.
    pub good_to_bad: f64,
    /// The probability that a bad channel turns good before a frame.
    pub bad_to_good: f64,
    /// The probability that a frame is lost while the channel is good.
    pub loss_in_good: f64,
    /// The probability that a frame is lost while the channel is bad.
    pub loss_in_bad: f64,
}

impl BurstLoss {
    /// The simple Gilbert channel, which loses everything while it is bad and nothing while it is
    /// good: `loss` of all frames, in bursts of `burst` frames on average.
    ///
    /// # Panics
    ///
    /// When `loss` is not from 0 to 1 or `burst` below 1, or when so much loss cannot come in
    /// bursts so short: between two of them is one frame at least.
    pub fn with_mean(loss: f64, burst: f64) -> Self {
        assert!((0.0..=1.0).contains(&loss), "loss is {loss}, not 0 to 1");
        assert!(burst >= 1.0, "burst is {burst}, below 1");
        let bad_to_good = 1.0 / burst;
        let good_to_bad = loss * bad_to_good / (1.0 - loss);
        assert!(
            good_to_bad <= 1.0,
            "a loss of {loss} cannot come in bursts of {burst}"
        );
        Self {
            good_to_bad,
            bad_to_good,
            loss_in_good: 0.0,
            loss_in_bad: 1.0,
        }
    }

    /// The part of all frames that is lost in the long run.
    pub fn mean_loss(&self) -> f64 {
        let moves = self.good_to_bad + self.bad_to_good;
        // A channel that never changes stays as it starts: good.
        let bad = if moves > 0.0 {
            self.good_to_bad / moves
        } else {
            0.0
        };
        bad * self.loss_in_bad + (1.0 - bad) * self.loss_in_good
    }
}

/// A serial line: octets arrive in order, and where one call's octets end cannot be told.
///
/// What is sent in one piece arrives in several, and pieces that arrive at the same moment may be
/// joined. Losses (also in bursts) and corruption strike single octets. Duplication, reordering and
/// the MTU do not apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteStream {
    /// Octets that arrive in one piece, at the most.
    pub max_chunk: usize,
}

impl LinkConfig {
    /// # Panics
    ///
    /// When a field has a value that makes no sense; the message names it.
    pub(crate) fn check(&self, link: &str) {
        let probability = |field: &str, value: f64| {
            assert!(
                (0.0..=1.0).contains(&value),
                "link {link:?}: {field} is {value}, not 0 to 1"
            );
        };
        probability("loss", self.loss);
        probability("duplicate", self.duplicate);
        probability("reorder", self.reorder);
        probability("corrupt", self.corrupt);
        if let Some(burst) = self.burst_loss {
            probability("burst_loss.good_to_bad", burst.good_to_bad);
            probability("burst_loss.bad_to_good", burst.bad_to_good);
            probability("burst_loss.loss_in_good", burst.loss_in_good);
            probability("burst_loss.loss_in_bad", burst.loss_in_bad);
        }
        assert!(
            self.corrupt_bits > 0,
            "link {link:?}: corrupt_bits is 0; set corrupt to 0 instead"
        );
        assert!(
            self.rate != Some(0),
            "link {link:?}: rate is 0; take the link down instead"
        );
        if let Some(stream) = self.byte_stream {
            assert!(
                stream.max_chunk > 0,
                "link {link:?}: byte_stream.max_chunk is 0"
            );
            assert!(
                self.duplicate == 0.0 && self.reorder == 0.0 && self.mtu.is_none(),
                "link {link:?}: a byte stream does not duplicate or reorder, and has no MTU"
            );
        }
    }
}

/// What became of the frames that one station sent into a link or LAN. On a byte stream all of them
/// count octets.
///
/// On a link with two ends every frame is accounted for:
///
/// ```text
/// sent + duplicated = delivered + lost + too_long + queue_full + while_down + (still in flight)
/// ```
///
/// On a LAN `delivered`, `lost`, `duplicated`, `reordered` and `corrupted` count copies, one for
/// each receiver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Frames that the station handed over.
    pub sent: u64,
    /// Octets in them.
    pub sent_octets: u64,
    /// Frames that were handed to a receiver, corrupted ones among them.
    pub delivered: u64,
    /// Frames lost to [`LinkConfig::loss`] and [`LinkConfig::burst_loss`].
    pub lost: u64,
    /// Extra copies.
    pub duplicated: u64,
    /// Copies that were held back so that later ones may pass.
    pub reordered: u64,
    /// Copies with flipped bits.
    pub corrupted: u64,
    /// Frames dropped because they were longer than the MTU.
    pub too_long: u64,
    /// Frames dropped because the queue was full.
    pub queue_full: u64,
    /// Frames sent while the link or a station was down, or in flight when it went down.
    pub while_down: u64,
}
