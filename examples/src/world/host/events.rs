//! What the IP layer tells, in the journal.

use super::HostNode;
use icmp_nd::host::Event;
use icmp_nd::neighbor::NeighborEvent;
use icmp_nd::{arp, nd, pmtu};
use packet_buffer::Instant;

impl HostNode {
    pub(super) fn follow_events(&mut self, now: Instant) {
        while let Some(event) = self.host.poll_event() {
            let (machine, state) = match event {
                Event::Nd(nd::Event::Address(event)) => {
                    use icmp_nd::address::AddressEvent as E;
                    match event {
                        E::Assigned { address } => {
                            (format!("address {address}"), "assigned".to_owned())
                        }
                        E::Duplicate { address, .. } => {
                            (format!("address {address}"), "duplicate".to_owned())
                        }
                        E::Conflict { address } => {
                            (format!("address {address}"), "conflict".to_owned())
                        }
                        E::Deprecated { address } => {
                            (format!("address {address}"), "deprecated".to_owned())
                        }
                        E::Removed { address, .. } => {
                            (format!("address {address}"), "removed".to_owned())
                        }
                        _ => continue,
                    }
                }
                Event::Nd(nd::Event::DefaultRouterAdded { router, .. }) => {
                    (format!("router {router}"), "default router".to_owned())
                }
                Event::Nd(nd::Event::DefaultRouterRemoved { router }) => {
                    (format!("router {router}"), "gone".to_owned())
                }
                Event::Nd(nd::Event::Neighbor(event)) => match neighbor_state(&event) {
                    Some(it) => it,
                    None => continue,
                },
                Event::Arp(arp::Event::Neighbor(event)) => match neighbor_state(&event) {
                    Some(it) => it,
                    None => continue,
                },
                Event::Arp(arp::Event::Assigned { address }) => {
                    (format!("address {address}"), "assigned".to_owned())
                }
                Event::Arp(arp::Event::GivenUp { address, .. }) => {
                    (format!("address {address}"), "given up".to_owned())
                }
                Event::PathMtu(event) => {
                    let text = path_mtu_text(&event);
                    self.path_mtus.push((now, text.clone()));
                    ("path MTU".to_owned(), text)
                }
                _ => continue,
            };
            self.journal.state(now, &self.name, &machine, state);
        }
    }
}

fn neighbor_state<A: core::fmt::Display>(event: &NeighborEvent<A>) -> Option<(String, String)> {
    let (address, state) = match event {
        NeighborEvent::Resolved {
            address,
            link_address,
        } => (address, link_address.to_string()),
        NeighborEvent::LinkAddressChanged { address, new, .. } => (address, new.to_string()),
        NeighborEvent::Unreachable { address } => (address, "unreachable".to_owned()),
        _ => return None,
    };
    Some((format!("neighbor {address}"), state))
}

fn path_mtu_text(event: &pmtu::Event) -> String {
    format!("{event:?}")
}
