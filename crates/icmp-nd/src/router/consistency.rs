//! Whether another router's advertisements contradict ours (RFC 4861 §6.2.7).

use super::advertise_config::{AdvertiserConfig, Lifetime};
use crate::wire::{NdOption, RouterAdvertisement};
use packet_buffer::Instant;
use packet_buffer::wire::Ipv6Prefix;

/// What another router on the link advertises differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Inconsistency {
    /// Cur Hop Limit; both say one.
    CurHopLimit,
    /// The M flag.
    Managed,
    /// The O flag.
    OtherConfiguration,
    /// Reachable Time; both say one.
    ReachableTime,
    /// Retrans Timer; both say one.
    RetransTimer,
    /// The MTU option; both have one.
    LinkMtu,
    /// The valid lifetime of a prefix that both advertise.
    ValidLifetime(Ipv6Prefix),
    /// The preferred lifetime of a prefix that both advertise.
    PreferredLifetime(Ipv6Prefix),
}

/// How far lifetimes that decrement may be apart: advertisements wait and travel.
const SLACK_SECONDS: u32 = 5;

/// What `advertisement`, received at `now`, says differently than `config`, each thing once.
// RFC 4861 §6.2.7 MUST: hop limit, M and O flags, reachable time, retransmission timer, link MTU, and
// the lifetimes of prefixes are compared.
pub fn inconsistencies<'a>(
    config: &'a AdvertiserConfig,
    advertisement: &RouterAdvertisement<'a>,
    now: Instant,
) -> impl Iterator<Item = Inconsistency> + 'a {
    // RFC 4861 §6.2.7 MUST (unspecified): zero says nothing, and contradicts nothing.
    let differs = |ours: u32, theirs: u32| ours != 0 && theirs != 0 && ours != theirs;
    let of = |differs: bool, what: Inconsistency| differs.then_some(what);
    let fixed = [
        of(
            differs(
                u32::from(config.cur_hop_limit),
                u32::from(advertisement.cur_hop_limit()),
            ),
            Inconsistency::CurHopLimit,
        ),
        of(
            config.managed != advertisement.is_managed(),
            Inconsistency::Managed,
        ),
        of(
            config.other_configuration != advertisement.has_other_configuration(),
            Inconsistency::OtherConfiguration,
        ),
        of(
            differs(config.reachable_time, advertisement.reachable_time()),
            Inconsistency::ReachableTime,
        ),
        of(
            differs(config.retrans_timer, advertisement.retrans_timer()),
            Inconsistency::RetransTimer,
        ),
    ];
    let options = advertisement.options().iter().flat_map(move |option| {
        let found = match option {
            NdOption::Mtu(theirs) => {
                let differs = config.link_mtu.is_some_and(|ours| ours != theirs);
                [differs.then_some(Inconsistency::LinkMtu), None]
            }
            NdOption::PrefixInformation(theirs) => {
                let prefix = theirs.prefix();
                let ours = config.prefixes.iter().find(|it| it.prefix == prefix);
                ours.map_or([None, None], |ours| {
                    let valid = lifetime_differs(ours.valid_lifetime, theirs.valid_lifetime, now);
                    let preferred =
                        lifetime_differs(ours.preferred_lifetime, theirs.preferred_lifetime, now);
                    [
                        valid.then_some(Inconsistency::ValidLifetime(prefix)),
                        preferred.then_some(Inconsistency::PreferredLifetime(prefix)),
                    ]
                })
            }
            _ => [None, None],
        };
        found.into_iter().flatten()
    });
    fixed.into_iter().flatten().chain(options)
}

fn lifetime_differs(ours: Lifetime, theirs: u32, now: Instant) -> bool {
    let slack = match ours {
        // RFC 4861 §6.2.7 MUST (decrementing): what is compared is when they end.
        Lifetime::Until(_) => SLACK_SECONDS,
        Lifetime::Fixed(_) | Lifetime::Infinite => 0,
    };
    ours.seconds(now).abs_diff(theirs) > slack
}
