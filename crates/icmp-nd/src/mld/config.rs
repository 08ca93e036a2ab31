//! How a listener is set up, and what it counts.

use core::time::Duration;

/// How a listener works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerConfig {
    /// Robustness Variable until a querier tells another: how often a change is told. 1 to 7.
    /// Default: 2 (RFC 3810 §9.1).
    pub robustness: u8,
    /// Unsolicited Report Interval: the longest time between repetitions of a change. Default: 1 s
    /// (RFC 3810 §9.11).
    pub unsolicited_report_interval: Duration,
    /// The same in version 1. Default: 10 s (RFC 2710 §7.10).
    pub v1_unsolicited_report_interval: Duration,
    /// Query Interval until a querier tells another. Default: 125 s (RFC 3810 §9.2).
    pub query_interval: Duration,
    /// The least time between two answers, however short a delay queries ask for: what bounds the work
    /// that a flood of them makes. Default: 100 ms.
    pub min_response_interval: Duration,
    /// Octets of the largest packet, 1280 at least. Default: 1280.
    pub mtu: usize,
    /// Groups at once. When reached, further ones are refused. Default: 128.
    pub max_groups: usize,
    /// Sources of one group, so many that a record of them fits a packet: 75 for an MTU of 1280. When
    /// exceeded, a filter is refused. Default: 64.
    pub max_sources: usize,
}

impl Default for ListenerConfig {
    fn default() -> Self {
        Self {
            robustness: 2,
            unsolicited_report_interval: Duration::from_secs(1),
            v1_unsolicited_report_interval: Duration::from_secs(10),
            query_interval: Duration::from_secs(125),
            min_response_interval: Duration::from_millis(100),
            mtu: 1280,
            max_groups: 128,
            max_sources: 64,
        }
    }
}

impl ListenerConfig {
    /// IPv6 header, hop-by-hop header and the header of a report.
    const HEADERS: usize = 40 + 8 + 8;

    /// Octets of records in one report.
    pub(super) const fn room(&self) -> usize {
        self.mtu.saturating_sub(Self::HEADERS)
    }

    pub(super) fn check(&self) -> Result<(), ListenerConfigError> {
        if self.robustness == 0 || self.robustness > 7 {
            return Err(ListenerConfigError::Robustness);
        }
        if self.mtu < 1280 {
            return Err(ListenerConfigError::Mtu);
        }
        // Two records, of what is allowed and what is blocked, go into one packet.
        if self.max_sources.saturating_mul(16).saturating_add(40) > self.room() {
            return Err(ListenerConfigError::Sources);
        }
        let shortest = self
            .unsolicited_report_interval
            .min(self.v1_unsolicited_report_interval)
            .min(self.query_interval);
        if shortest < Duration::from_millis(1) {
            return Err(ListenerConfigError::Interval);
        }
        Ok(())
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListenerConfigError {
    /// The Robustness Variable is not from 1 to 7.
    #[error("the robustness variable is from 1 to 7")]
    Robustness,
    /// The MTU is below IPv6's least.
    #[error("the MTU is below 1280")]
    Mtu,
    /// A record of so many sources does not fit a packet.
    #[error("so many sources do not fit a packet")]
    Sources,
    /// An interval is under a millisecond.
    #[error("an interval is under a millisecond")]
    Interval,
}

/// Why a group is not listened to as asked for. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// It is no multicast address.
    #[error("not a multicast address")]
    NotMulticast,
    /// A source is no unicast address.
    #[error("a source is not a unicast address")]
    Source,
    /// There are as many groups as there may be.
    #[error("no room for a further group")]
    GroupLimit,
    /// There are more sources than there may be.
    #[error("too many sources")]
    SourceLimit,
}

/// Why a message was ignored. Nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ListenerDiscard {
    /// A message for routers: a Done, or a report while version 2 is spoken.
    #[error("the message is for routers")]
    ForRouters,
    /// A report about a group that no answer is pending for.
    #[error("nothing is pending for the group of the report")]
    NotPending,
}

/// What a listener has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ListenerStats {
    /// Queries of version 2.
    pub queries_v2: u64,
    /// Queries of version 1.
    pub queries_v1: u64,
    /// Messages ignored because they are for routers.
    pub for_routers: u64,
    /// Reports of others ignored because nothing was pending.
    pub not_pending: u64,
    /// Answers saved because another listener of version 1 answered.
    pub suppressed: u64,
    /// Answers put off to keep the least time between two.
    pub delayed: u64,
    /// Queries whose sources were too many to note: the answer is about the whole group.
    pub query_source_limit: u64,
    /// Groups refused because [`max_groups`](ListenerConfig::max_groups) was reached.
    pub group_limit: u64,
    /// Filters refused because of [`max_sources`](ListenerConfig::max_sources).
    pub source_limit: u64,
    /// Reports of version 2 sent.
    pub reports_v2: u64,
    /// Reports of version 1 sent.
    pub reports_v1: u64,
    /// Done messages sent.
    pub dones: u64,
}
