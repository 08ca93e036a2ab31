//! Rules that can never decide.

use crate::compile::{CompiledPolicy, Matcher, Number, Ranges, RuleId};
use crate::model::{Action, FragmentMatch};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: RuleId,
    /// What is wrong.
    pub kind: FindingKind,
}

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindingKind {
    /// An earlier rule holds whenever this one does, and does something else: this one never
    /// decides, which is hardly meant.
    Shadowed {
        /// The earlier rule.
        by: RuleId,
    },
    /// An earlier rule holds whenever this one does, and does the same: this one can go.
    Redundant {
        /// The earlier rule.
        by: RuleId,
    },
    /// Earlier rules together hold whenever this one does.
    Unreachable {
        /// Those of them that take something away from it.
        by: Vec<RuleId>,
    },
}

/// What [`CompiledPolicy::check`] has found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Rules that never decide.
    pub findings: Vec<Finding>,
    /// Rules of which it was too much work to tell whether others together cover them. Whether a
    /// single earlier rule does is always told.
    pub undecided: Vec<RuleId>,
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |rule: &RuleId| u64::from(rule.0) + 1;
        match self {
            Self::Shadowed { by } => {
                write!(
                    f,
                    "never decides: rule {} does something else first",
                    number(by)
                )
            }
            Self::Redundant { by } => {
                write!(f, "never decides: rule {} does the same first", number(by))
            }
            Self::Unreachable { by } => {
                f.write_str("never decides: these rules together come first:")?;
                by.iter()
                    .try_for_each(|rule| write!(f, " {}", number(rule)))
            }
        }
    }
}

/// The dimensions in which rules are compared piece by piece.
const DIMENSIONS: usize = 7;

/// A box of packet space: from and to in each dimension, both included. Addresses of both families
/// lie in one dimension, IPv4 first.
type Piece = [(Line, Line); DIMENSIONS];

/// A place on a dimension: family, then number.
type Line = (u8, u128);

/// The most boxes that a rule may fall apart into before the checker gives up.
const MOST_PIECES: usize = 2_048;

/// The most comparisons of boxes for one rule.
const MOST_STEPS: usize = 200_000;

impl CompiledPolicy {
    /// Finds rules that never decide: each is compared with all before it, alone and together.
    ///
    /// Rules with action [`Continue`](Action::Continue) hide nothing. Whether rules together cover
    /// another is found out by taking their packets away from it; that is bounded, and where the
    /// bound is reached the rule is listed as undecided. What levels, access lists and groups let
    /// through is not looked at.
    ///
    /// Takes time that grows with the square of the number of rules.
    pub fn check(&self) -> Report {
        let matchers = self.classifier.matchers();
        let mut report = Report::default();
        for (at, matcher) in matchers.iter().enumerate() {
            let rule = id(at);
            let Some(own) = self.rules.get(at) else {
                continue;
            };
            let earlier = || {
                matchers
                    .iter()
                    .zip(&self.rules)
                    .take(at)
                    .enumerate()
                    .filter(|(_, (_, rule))| rule.action != Action::Continue)
            };
            let single = earlier().find(|(_, (other, _))| covers(other, matcher));
            if let Some((by, (_, other))) = single {
                let by = id(by);
                let same = other.action == own.action
                    && other.mark == own.mark
                    && other.helper == own.helper
                    && other.filter == own.filter
                    && other.syn_proxy == own.syn_proxy;
                let kind = if same {
                    FindingKind::Redundant { by }
                } else {
                    FindingKind::Shadowed { by }
                };
                report.findings.push(Finding { rule, kind });
                continue;
            }
            match covered_together(matcher, earlier().map(|(by, (other, _))| (id(by), other))) {
                Coverage::All(by) => report.findings.push(Finding {
                    rule,
                    kind: FindingKind::Unreachable { by },
                }),
                Coverage::Part => {}
                Coverage::Unknown => report.undecided.push(rule),
            }
        }
        report
    }
}

fn id(at: usize) -> RuleId {
    RuleId(u32::try_from(at).unwrap_or(u32::MAX))
}

/// Whether what `other` asks beside zones, addresses, protocols and ports holds whenever it does for
/// `own`.
fn covers_rest(other: &Matcher, own: &Matcher) -> bool {
    let interfaces = |other: &Option<alloc::boxed::Box<[crate::InterfaceId]>>,
                      own: &Option<alloc::boxed::Box<[crate::InterfaceId]>>| {
        match (other, own) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(other), Some(own)) => own.iter().all(|id| other.contains(id)),
        }
    };
    let flags = match (&other.tcp_flags, &own.tcp_flags) {
        (None, _) => true,
        (Some(_), None) => false,
        // Every bit that the other looks at is one that this one looks at, with the same value.
        (Some(other), Some(own)) => {
            own.mask.contains(other.mask) && own.value.0 & other.mask.0 == other.value.0
        }
    };
    let icmp = other.icmp.is_empty()
        || !own.icmp.is_empty()
            && own.icmp.iter().all(|icmp| {
                other.icmp.iter().any(|wider| {
                    wider.message_type == icmp.message_type
                        && (wider.code.is_none() || wider.code == icmp.code)
                })
            });
    let fragments = other.fragments == FragmentMatch::Any
        || other.fragments == own.fragments
        || other.fragments == FragmentMatch::Fragments && own.fragments == FragmentMatch::Later;
    interfaces(&other.in_interfaces, &own.in_interfaces)
        && interfaces(&other.out_interfaces, &own.out_interfaces)
        && flags
        && icmp
        && fragments
        && own.dscp & !other.dscp == 0
        && (other.users == 0 || own.users != 0 && own.users & !other.users == 0)
}

/// Whether `other` holds whenever `own` does.
fn covers(other: &Matcher, own: &Matcher) -> bool {
    let ports = |other: &Option<Ranges<u16>>, own: &Option<Ranges<u16>>| match (other, own) {
        (None, _) => true,
        // All ports are not all packets: some have none.
        (Some(_), None) => false,
        (Some(other), Some(own)) => other.covers(own),
    };
    other.protocols.covers(&own.protocols)
        && own.from & !other.from == 0
        && own.to & !other.to == 0
        && other.source.covers(&own.source)
        && other.destination.covers(&own.destination)
        && ports(&other.source_ports, &own.source_ports)
        && ports(&other.destination_ports, &own.destination_ports)
        && covers_rest(other, own)
}

enum Coverage {
    All(Vec<RuleId>),
    Part,
    Unknown,
}

/// The ranges of a set of bits.
fn bits(mask: u64) -> Vec<(Line, Line)> {
    let numbers = (0u8..64).filter(|bit| mask >> bit & 1 != 0);
    lines(&Ranges::new(numbers.map(|bit| (bit, bit)).collect()), 0)
}

fn lines<T: Number + Into<u128>>(ranges: &Ranges<T>, family: u8) -> Vec<(Line, Line)> {
    ranges
        .as_slice()
        .iter()
        .map(|(first, last)| ((family, (*first).into()), (family, (*last).into())))
        .collect()
}

/// Ports, with one more place for packets that have none.
fn ports(ranges: Option<&Ranges<u16>>) -> Vec<(Line, Line)> {
    match ranges {
        Some(ranges) => lines(ranges, 0),
        None => vec![((0, 0), (0, 0xffff)), ((1, 0), (1, 0))],
    }
}

/// The boxes that a rule is made of; `None` when they are too many, or the rule is about interfaces of
/// groups.
fn pieces(matcher: &Matcher) -> Option<Vec<Piece>> {
    if !matcher.source.interfaces.is_empty() || !matcher.destination.interfaces.is_empty() {
        return None;
    }
    let address = |space: &crate::compile::AddressSpace| {
        let mut all = lines(&space.v4, 4);
        all.extend(lines(&space.v6, 6));
        all
    };
    let protocols: Vec<(u8, u8)> = matcher.protocols.iter().map(|n| (n, n)).collect();
    let dimensions = [
        bits(matcher.from),
        bits(matcher.to),
        lines(&Ranges::new(protocols), 0),
        address(&matcher.source),
        address(&matcher.destination),
        ports(matcher.source_ports.as_ref()),
        ports(matcher.destination_ports.as_ref()),
    ];
    let mut pieces: Vec<Vec<(Line, Line)>> = vec![Vec::new()];
    for dimension in &dimensions {
        if pieces.len().saturating_mul(dimension.len()) > MOST_PIECES {
            return None;
        }
        let mut longer = Vec::with_capacity(pieces.len() * dimension.len());
        for piece in &pieces {
            for range in dimension {
                let mut piece = piece.clone();
                piece.push(*range);
                longer.push(piece);
            }
        }
        pieces = longer;
    }
    // Source and destination are of one family.
    let whole = pieces
        .into_iter()
        .filter_map(|piece| Piece::try_from(piece).ok())
        .filter(|piece| piece[3].0.0 == piece[4].0.0)
        .collect();
    Some(whole)
}

/// The place behind another one, in its family.
const fn after(line: Line) -> Line {
    (line.0, line.1.wrapping_add(1))
}

const fn before(line: Line) -> Line {
    (line.0, line.1.wrapping_sub(1))
}

/// What is left of `piece` without `hole`, as boxes; `None` when they do not meet.
fn without(piece: &Piece, hole: &Piece) -> Option<Vec<Piece>> {
    let meets = piece
        .iter()
        .zip(hole)
        .all(|((a, b), (c, d))| a <= d && c <= b);
    if !meets {
        return None;
    }
    let mut left = Vec::new();
    let mut core = *piece;
    for ((own, (first, last)), at) in core.iter_mut().zip(hole).zip(0usize..) {
        let mut cut = |low: Line, high: Line| {
            let mut rest = *piece;
            // Dimensions before this one are cut already.
            for (target, done) in rest.iter_mut().zip(&left_of(piece, hole)).take(at) {
                *target = *done;
            }
            if let Some(range) = rest.get_mut(at) {
                *range = (low, high);
            }
            left.push(rest);
        };
        if own.0 < *first {
            cut(own.0, before(*first));
            own.0 = *first;
        }
        if own.1 > *last {
            cut(after(*last), own.1);
            own.1 = *last;
        }
    }
    Some(left)
}

/// Where both meet.
fn left_of(piece: &Piece, hole: &Piece) -> Piece {
    let mut meeting = *piece;
    for (own, (first, last)) in meeting.iter_mut().zip(hole) {
        own.0 = own.0.max(*first);
        own.1 = own.1.min(*last);
    }
    meeting
}

/// Whether `others` together hold whenever `own` does.
fn covered_together<'a>(
    own: &Matcher,
    others: impl Iterator<Item = (RuleId, &'a Matcher)>,
) -> Coverage {
    let Some(mut left) = pieces(own) else {
        return Coverage::Unknown;
    };
    let mut by = Vec::new();
    let mut steps = 0usize;
    let mut skipped = false;
    for (id, other) in others {
        if !covers_rest(other, own) {
            continue;
        }
        let Some(holes) = pieces(other) else {
            skipped = true;
            continue;
        };
        let mut took = false;
        for hole in &holes {
            let mut next = Vec::with_capacity(left.len());
            for piece in &left {
                steps += 1;
                match without(piece, hole) {
                    None => next.push(*piece),
                    Some(rest) => {
                        took = true;
                        next.extend(rest);
                    }
                }
            }
            left = next;
            if left.len() > MOST_PIECES || steps > MOST_STEPS {
                return Coverage::Unknown;
            }
        }
        if took {
            by.push(id);
        }
        if left.is_empty() {
            return Coverage::All(by);
        }
    }
    if skipped {
        Coverage::Unknown
    } else {
        Coverage::Part
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language;
    use alloc::string::{String, ToString};

    fn findings(rules: &str) -> Vec<String> {
        let text = String::from("zone a level 9\nzone b level 5\ninterface e zone a\n") + rules;
        let report = language::compile(&text).unwrap().check();
        assert!(report.undecided.is_empty());
        report
            .findings
            .iter()
            .map(|finding| alloc::format!("{}: {}", finding.rule.0 + 1, finding.kind))
            .collect()
    }

    #[test]
    fn a_rule_behind_a_wider_one_never_decides() {
        assert_eq!(
            findings(
                "rule accept tcp\nrule drop tcp port 22\nrule accept tcp port 80 from 10.0.0.0/8"
            ),
            [
                "2: never decides: rule 1 does something else first",
                "3: never decides: rule 1 does the same first"
            ]
        );
        assert!(findings("rule drop tcp port 22\nrule accept tcp").is_empty());
        assert!(findings("rule continue tcp log\nrule accept tcp").is_empty());
    }

    #[test]
    fn rules_that_only_together_cover_another_are_found() {
        let halves = "rule drop from 10.0.0.0/9\nrule drop from 10.128.0.0/9\n";
        assert_eq!(
            findings(&(halves.to_string() + "rule accept tcp from 10.0.0.0/8")),
            ["3: never decides: these rules together come first: 1 2"]
        );
        assert!(findings(&(halves.to_string() + "rule accept tcp from 10.0.0.0/7")).is_empty());
        assert_eq!(
            findings("rule accept tcp port 0-1000\nrule drop tcp port 1001-65535\nrule drop tcp"),
            Vec::<String>::new(),
            "later fragments have no ports"
        );
        assert_eq!(
            findings(
                "rule drop from-zone a\nrule accept from-zone { self, b }\nrule drop port 1-2 from-zone { a, b }"
            ),
            ["3: never decides: these rules together come first: 1 2"]
        );
    }

    #[test]
    fn what_else_rules_ask_counts() {
        assert!(findings("rule accept tcp flags syn/syn\nrule drop tcp").is_empty());
        assert_eq!(
            findings("rule accept tcp flags syn/syn\nrule drop tcp flags syn/syn,ack").len(),
            1
        );
        assert!(findings("rule accept user alice\nrule drop").is_empty());
        assert_eq!(
            findings("rule accept user { alice, bob }\nrule drop user bob").len(),
            1
        );
        assert!(findings("rule accept in e\nrule drop").is_empty());
        assert!(findings("rule accept icmp type 8/0\nrule drop icmp type 8").is_empty());
        assert_eq!(
            findings("rule accept icmp type 8\nrule drop icmp type 8/0").len(),
            1
        );
        assert!(findings("rule accept fragments later\nrule drop fragments all").is_empty());
        assert!(findings("rule accept from 10.0.0.1\nrule drop from 2001:db8::1").is_empty());
        assert_eq!(
            findings("rule accept from not 10.0.0.1\nrule drop from 2001:db8::1").len(),
            1
        );
    }

    #[test]
    fn what_the_checker_says_is_true_of_packets() {
        // Against all packets of a small space: rules over four addresses and four ports.
        use crate::{Facts, Part, ZoneId};
        use core::net::Ipv4Addr;
        use packet_buffer::wire::IpProtocol;
        let mut seed = 1u32;
        let mut draw = |bound: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % bound
        };
        let mut found = 0;
        for _ in 0..200 {
            let mut text = String::from("zone a level 9\n");
            let rules = 6;
            for _ in 0..rules {
                let (a, b) = (draw(4), draw(4));
                let (c, d) = (draw(4), draw(4));
                let protocol = ["", "tcp", "udp"][draw(3) as usize];
                text += &alloc::format!(
                    "rule {} {protocol} from 10.0.0.{}-10.0.0.{} {}\n",
                    ["accept", "drop"][draw(2) as usize],
                    a.min(b),
                    a.max(b),
                    if draw(3) == 0 {
                        String::new()
                    } else {
                        alloc::format!("port {}-{}", c.min(d), c.max(d))
                    }
                );
            }
            let policy = language::compile(&text).unwrap();
            let report = policy.check();
            let mut decides = alloc::vec![false; rules];
            for address in 0..4u32 {
                for port in 0..4u16 {
                    for protocol in [IpProtocol::TCP, IpProtocol::UDP, IpProtocol(47)] {
                        for part in [Part::Whole, Part::Later] {
                            let source = Ipv4Addr::from_bits(0x0a00_0000 + address);
                            let mut facts =
                                Facts::new(source.into(), Ipv4Addr::LOCALHOST.into(), protocol);
                            facts.part = part;
                            facts.ports = (part == Part::Whole && protocol != IpProtocol(47))
                                .then_some((1, port));
                            facts.to = ZoneId(1);
                            if let Some(rule) = policy.decide(&facts).rule() {
                                decides[rule.0 as usize] = true;
                            }
                        }
                    }
                }
            }
            for finding in &report.findings {
                found += 1;
                assert!(!decides[finding.rule.0 as usize], "{text}\n{finding:?}");
            }
        }
        assert!(found > 100, "{found}");
    }
}
