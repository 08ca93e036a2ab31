//! The counters of nodes, for the report.

use super::host::HostNode;
use super::model::Counter;
use super::router::{AnyPort, RouterNode};

/// Adds what a router has counted; its addresses.
pub(super) fn router(router: &RouterNode, counters: &mut Vec<Counter>) -> Vec<String> {
    let node = router.name();
    let mut add = |group: &str, name: &str, value: u64| {
        counters.push(Counter {
            node: node.to_owned(),
            group: group.to_owned(),
            name: name.to_owned(),
            value,
        });
    };
    for (outcome, count) in &router.outcomes().counts {
        add("packets", outcome, *count);
    }
    add("routes", "changes", router.route_changes());
    let rip = router.rip().stats();
    add("RIP", "messages sent", rip.sent);
    let ripng = router.ripng().stats();
    add("RIPng", "messages sent", ripng.sent);
    if let Some(nat) = router.gateway().nat() {
        let stats = nat.stats();
        let group = "translator";
        add(group, "outbound", stats.outbound);
        add(group, "inbound", stats.inbound);
        add(group, "hairpinned", stats.hairpinned);
        add(group, "sessions now", nat.session_count() as u64);
        add(group, "mappings now", nat.mapping_count() as u64);
    }
    if let Some(firewall) = router.gateway().firewall() {
        let stats = firewall.stats();
        let group = "firewall";
        for (name, value) in [
            ("accepted", stats.accepted),
            ("spoofed", stats.spoofed),
            ("access list", stats.acl),
            ("no session and not its beginning", stats.invalid),
            ("ICMP errors about no session", stats.icmp_errors),
            ("denied by policy", stats.policy),
            ("over a limit", stats.limit),
            ("too many half-open", stats.half_open),
            ("table full", stats.table_full),
            ("bad cookies", stats.syn_proxy),
            ("sessions begun", stats.sessions_begun),
            ("sessions expired", stats.sessions_expired),
            ("sessions evicted", stats.sessions_evicted),
            ("log lines held back", stats.logs_suppressed),
        ] {
            add(group, name, value);
        }
    }
    let mut addresses = Vec::new();
    for port in router.ports() {
        match port {
            AnyPort::Ethernet(port) => addresses.extend(port.address_lines()),
            AnyPort::Ppp(port) => {
                let (good, bad) = port.port().frames();
                let group = format!("PPP on {}", port.name());
                add(&group, "good frames", good);
                add(&group, "bad frames", bad);
                add(&group, "packets ignored", port.discarded());
                addresses.extend(port.address().map(|it| format!("{} {it}", port.name())));
            }
        }
    }
    addresses
}

/// Adds what a host has counted.
pub(super) fn host(node: &str, host: &HostNode, counters: &mut Vec<Counter>) {
    let mut add = |group: &str, name: &str, value: u64| {
        counters.push(Counter {
            node: node.to_owned(),
            group: group.to_owned(),
            name: name.to_owned(),
            value,
        });
    };
    add("UDP", "datagrams sent back", host.echoes());
    add(
        "IP",
        "packets that could not be sent",
        host.not_sent().len() as u64,
    );
    let stats = host.tcp().fetches();
    let (done, over) = stats.fold((0, 0), |(done, over), fetch| {
        (
            done + u64::from(fetch.is_done()),
            over + u64::from(fetch.is_over() && !fetch.is_done()),
        )
    });
    add("TCP", "pages that came", done);
    add("TCP", "pages that did not", over);
    add("TCP", "pages served", host.tcp().served().len() as u64);
}
