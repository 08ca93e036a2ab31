//! What an interface listens to in one group, and what is still to be told about it.

use super::v1::V1State;
use crate::wire::{MulticastAddressRecordRepr, MulticastRecordType};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::Ipv6Addr;
use packet_buffer::Instant;

/// Which sources of a group are listened to (RFC 3810 §4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Only these; with none of them, nothing: the group is left.
    Include(BTreeSet<Ipv6Addr>),
    /// All but these.
    Exclude(BTreeSet<Ipv6Addr>),
}

impl Filter {
    /// Everything that is sent to the group.
    pub const ALL: Self = Self::Exclude(BTreeSet::new());
    /// Nothing.
    pub const NONE: Self = Self::Include(BTreeSet::new());

    /// Whether packets of this source are listened to.
    pub fn accepts(&self, source: Ipv6Addr) -> bool {
        match self {
            Self::Include(sources) => sources.contains(&source),
            Self::Exclude(sources) => !sources.contains(&source),
        }
    }

    /// The sources that are named.
    pub const fn sources(&self) -> &BTreeSet<Ipv6Addr> {
        match self {
            Self::Include(sources) | Self::Exclude(sources) => sources,
        }
    }

    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::Include(sources) if sources.is_empty())
    }
}

/// What a query asked about a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// The sources; empty for the whole group.
    pub(super) sources: BTreeSet<Ipv6Addr>,
}

/// The state of one group. One that nobody listens to any more is kept until that has been told.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) filter: Filter,
    /// Reports that are still to tell the filter mode with all sources.
    pub(super) mode_reports: u8,
    /// Reports that are still to tell of each source that it was added or taken away.
    pub(super) source_reports: BTreeMap<Ipv6Addr, u8>,
    /// A change is to be told now.
    pub(super) change_due: bool,
    /// An answer waits for its delay.
    pub(super) pending: Option<(Instant, Asked)>,
    /// An answer is to be given now.
    pub(super) answer_due: Option<Asked>,
    pub(super) v1_state: V1State,
    pub(super) v1_last_reporter: bool,
    pub(super) v1_report_due: bool,
    pub(super) v1_done_due: bool,
}

impl Group {
    pub(super) const fn new() -> Self {
        Self {
            filter: Filter::NONE,
            mode_reports: 0,
            source_reports: BTreeMap::new(),
            change_due: false,
            pending: None,
            answer_due: None,
            v1_state: V1State::NonListener,
            v1_last_reporter: false,
            v1_report_due: false,
            v1_done_due: false,
        }
    }

    /// Whether nothing is left to listen to or to tell.
    pub(super) fn is_over(&self) -> bool {
        self.filter.is_none() && !self.has_changes() && !self.v1_report_due && !self.v1_done_due
    }

    /// Whether a change is still to be told.
    pub(super) fn has_changes(&self) -> bool {
        self.mode_reports > 0 || !self.source_reports.is_empty()
    }

    /// Whether it will have to be told again after the next time.
    pub(super) fn repeats(&self) -> bool {
        self.mode_reports > 1 || self.source_reports.values().any(|&left| left > 1)
    }

    /// Whether something is to be sent now.
    pub(super) const fn is_due(&self) -> bool {
        self.change_due || self.answer_due.is_some() || self.v1_report_due || self.v1_done_due
    }

    /// Forgets what is pending, as a change of version demands.
    pub(super) fn cancel(&mut self) {
        self.mode_reports = 0;
        self.source_reports.clear();
        self.change_due = false;
        self.pending = None;
        self.answer_due = None;
        self.v1_report_due = false;
    }

    /// Takes over a filter, and notes what is to be told `robustness` times.
    // RFC 3810 §6.1 MUST (change): a change of mode is told with TO_IN or TO_EX, one of sources with ALLOW and BLOCK.
    pub(super) fn change(&mut self, filter: Filter, robustness: u8, max_sources: usize) {
        let same_mode = matches!(
            (&self.filter, &filter),
            (Filter::Include(_), Filter::Include(_)) | (Filter::Exclude(_), Filter::Exclude(_))
        );
        if !same_mode || self.mode_reports > 0 {
            // The record tells the whole state, which takes in what was still to be told.
            self.mode_reports = robustness;
            self.source_reports.clear();
        } else {
            let (old, new) = (self.filter.sources(), filter.sources());
            for &source in old.symmetric_difference(new) {
                self.source_reports.insert(source, robustness);
            }
            // So many changes are told better by the whole state.
            if self.source_reports.len() > max_sources {
                self.mode_reports = robustness;
                self.source_reports.clear();
            }
        }
        self.filter = filter;
        self.change_due = true;
    }

    /// The records of a change, told once more.
    // RFC 3810 §6.1 MUST (mode-first): while a change of mode is told, the record has that mode and all sources.
    pub(super) fn change_records(&mut self, group: Ipv6Addr) -> Vec<Record> {
        self.change_due = false;
        if let Some(left) = self.mode_reports.checked_sub(1) {
            self.mode_reports = left;
            return Vec::from([match &self.filter {
                Filter::Include(sources) => record(
                    MulticastRecordType::CHANGE_TO_INCLUDE_MODE,
                    group,
                    sources.iter().copied(),
                ),
                Filter::Exclude(sources) => record(
                    MulticastRecordType::CHANGE_TO_EXCLUDE_MODE,
                    group,
                    sources.iter().copied(),
                ),
            }]);
        }
        let changed = || self.source_reports.keys().copied();
        let allowed = record(
            MulticastRecordType::ALLOW_NEW_SOURCES,
            group,
            changed().filter(|&source| self.filter.accepts(source)),
        );
        let blocked = record(
            MulticastRecordType::BLOCK_OLD_SOURCES,
            group,
            changed().filter(|&source| !self.filter.accepts(source)),
        );
        self.source_reports.retain(|_, left| {
            *left = left.saturating_sub(1);
            *left > 0
        });
        let records = [allowed, blocked].into_iter();
        records.filter(|it| !it.sources.is_empty()).collect()
    }

    /// The record that answers a query; `None` when there is nothing to tell.
    // RFC 3810 §6.3 MUST (answer): the current state, or what of the sources asked about is listened to.
    pub(super) fn answer(&mut self, group: Ipv6Addr) -> Option<Record> {
        let asked = self.answer_due.take()?;
        if self.filter.is_none() {
            return None;
        }
        if asked.sources.is_empty() {
            let record_type = match self.filter {
                Filter::Include(_) => MulticastRecordType::MODE_IS_INCLUDE,
                Filter::Exclude(_) => MulticastRecordType::MODE_IS_EXCLUDE,
            };
            let sources = self.filter.sources().iter().copied();
            return Some(record(record_type, group, sources));
        }
        let wanted = asked.sources.iter().copied();
        let wanted = wanted.filter(|&source| self.filter.accepts(source));
        let answer = record(MulticastRecordType::MODE_IS_INCLUDE, group, wanted);
        (!answer.sources.is_empty()).then_some(answer)
    }
}

pub(super) type Record = MulticastAddressRecordRepr<'static>;

fn record(
    record_type: MulticastRecordType,
    group: Ipv6Addr,
    sources: impl Iterator<Item = Ipv6Addr>,
) -> Record {
    MulticastAddressRecordRepr {
        record_type,
        group,
        sources: sources.collect::<Vec<_>>().into(),
        auxiliary: (&[][..]).into(),
    }
}
