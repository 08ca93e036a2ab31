//! The router's state as a table for people.

use super::snapshot::{Protocol, Route, Snapshot};
use alloc::collections::BTreeMap;
use core::fmt::Write as _;

/// Renders a snapshot; at most `rows` routes of each protocol.
pub fn render(snapshot: &Snapshot, rows: usize) -> String {
    let mut text = format!("rip_router, up {}", duration(snapshot.uptime));
    if let Some(fib) = &snapshot.fib {
        let _ = write!(
            text,
            "; kernel routes: {} written, {} waiting, {} refused",
            fib.written, fib.waiting, fib.refused
        );
    }
    text.push('\n');
    for protocol in &snapshot.protocols {
        text.push('\n');
        render_protocol(&mut text, protocol, rows);
    }
    text
}

fn render_protocol(text: &mut String, protocol: &Protocol, rows: usize) {
    let mut table = Table::new(&[
        "interface",
        "state",
        "cost",
        "addresses",
        "dropped",
        "send errors",
    ]);
    for interface in &protocol.interfaces {
        table.row(&[
            &interface.name,
            if interface.up { "up" } else { "down" },
            &interface.cost.to_string(),
            &interface.addresses.join(" "),
            &interface.receive_drops.to_string(),
            &interface.send_errors.to_string(),
        ]);
    }
    let _ = writeln!(text, "{}", protocol.name);
    table.write(text);
    let mut table = Table::new(&["neighbor", "interface", "routes", "heard", "counters"]);
    for neighbor in &protocol.neighbors {
        table.row(&[
            &neighbor.address.to_string(),
            &neighbor.interface,
            &neighbor.routes.to_string(),
            &format!("{} ago", duration(neighbor.heard)),
            &counters(&neighbor.counters),
        ]);
    }
    table.write(text);
    let mut table = Table::new(&["prefix", "metric", "via", "source", "tag"]);
    for route in protocol.routes.iter().take(rows) {
        table.row(&[
            &route.prefix,
            &route.metric.to_string(),
            &next_hops(route),
            &route.source,
            &route.tag.to_string(),
        ]);
    }
    table.write(text);
    let shown = protocol.routes.len().min(rows);
    if shown < protocol.route_count {
        let more = protocol.route_count - shown;
        let _ = writeln!(text, "  and {more} more routes");
    }
    if !protocol.counters.is_empty() {
        let _ = writeln!(text, "  counters: {}", counters(&protocol.counters));
    }
}

fn next_hops(route: &Route) -> String {
    let hops = route.next_hops.iter().map(|hop| match hop.gateway {
        Some(gateway) => format!("{gateway} ({})", hop.interface),
        None => hop.interface.clone(),
    });
    hops.collect::<Vec<_>>().join(", ")
}

fn counters(counters: &BTreeMap<String, u64>) -> String {
    let pairs = counters
        .iter()
        .map(|(name, count)| format!("{name} {count}"));
    pairs.collect::<Vec<_>>().join(", ")
}

/// Seconds as people say them: `75` is `1m15s`.
fn duration(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds:02}s"),
        _ => format!("{hours}h{minutes:02}m"),
    }
}

/// Columns as wide as their widest cell.
struct Table<'a> {
    head: &'a [&'a str],
    rows: Vec<Vec<String>>,
}

impl<'a> Table<'a> {
    const fn new(head: &'a [&'a str]) -> Self {
        Self {
            head,
            rows: Vec::new(),
        }
    }

    fn row(&mut self, cells: &[&str]) {
        self.rows
            .push(cells.iter().copied().map(str::to_owned).collect());
    }

    /// Nothing for a table without rows.
    fn write(&self, text: &mut String) {
        if self.rows.is_empty() {
            return;
        }
        let head: Vec<String> = self.head.iter().copied().map(str::to_owned).collect();
        let width = |column: usize| {
            let rows = core::iter::once(&head).chain(&self.rows);
            let cells = rows.filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        for row in core::iter::once(&head).chain(&self.rows) {
            let mut line = String::from(" ");
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, " {cell:width$} ");
            }
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::snapshot::{Interface, NextHop};
    use super::*;

    #[test]
    fn a_table_shows_all_parts() {
        let route = Route {
            prefix: "192.0.2.0/24".to_owned(),
            source: "rip".to_owned(),
            metric: 3,
            tag: 7,
            next_hops: vec![NextHop {
                gateway: Some([10, 0, 0, 1].into()),
                interface: "eth0".to_owned(),
            }],
            reachable: true,
        };
        let interface = Interface {
            name: "eth0".to_owned(),
            up: true,
            cost: 1,
            addresses: vec!["10.0.0.2/24".to_owned()],
            receive_drops: 0,
            send_errors: 0,
            counters: BTreeMap::new(),
        };
        let snapshot = Snapshot {
            uptime: 3725,
            protocols: vec![Protocol {
                name: "RIP".to_owned(),
                interfaces: vec![interface],
                neighbors: Vec::new(),
                route_count: 3,
                routes: vec![route.clone(), route],
                counters: BTreeMap::from([("bad_metric".to_owned(), 2)]),
            }],
            fib: None,
        };
        let text = render(&snapshot, 1);
        let expected = "\
rip_router, up 1h02m

RIP
  interface  state  cost  addresses    dropped  send errors
  eth0       up     1     10.0.0.2/24  0        0
  prefix        metric  via              source  tag
  192.0.2.0/24  3       10.0.0.1 (eth0)  rip     7
  and 2 more routes
  counters: bad_metric 2
";
        assert_eq!(text, expected);
    }
}
