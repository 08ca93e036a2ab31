//! What scenarios have their hosts do, and wait for.

use super::stage::Stage;
use super::tcp::Fetch;
use anyhow::Result;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use icmp_nd::ping::PingConfig;
use icmp_nd::probe::IcmpError;
use icmp_nd::traceroute::TracerouteConfig;

/// Pings from a host; how many of `count` were answered.
///
/// # Errors
///
/// When it cannot be begun.
pub fn ping(stage: &mut Stage, from: &str, to: IpAddr, count: u32, octets: usize) -> Result<u64> {
    let patience = Duration::from_secs(2);
    let number = ping_through(stage, from, to, count, octets, patience)?;
    Ok(stage.host_node(from)?.pinged(number)?.received)
}

/// Pings from a host; who has said that packets do not arrive, and why.
///
/// # Errors
///
/// When it cannot be begun.
pub fn ping_in_vain(
    stage: &mut Stage,
    from: &str,
    to: IpAddr,
    count: u32,
) -> Result<Vec<(IpAddr, IcmpError)>> {
    // A router asks three times for a neighbor, a second apart.
    let patience = Duration::from_secs(8);
    let number = ping_through(stage, from, to, count, 56, patience)?;
    Ok(stage.host_node(from)?.ping_errors(number)?.to_vec())
}

/// Pings until that is over; the number of the ping.
fn ping_through(
    stage: &mut Stage,
    from: &str,
    to: IpAddr,
    count: u32,
    octets: usize,
    patience: Duration,
) -> Result<usize> {
    let config = PingConfig {
        count: Some(count),
        interval: Duration::from_millis(200),
        payload_len: octets,
        timeout: patience,
        ..PingConfig::default()
    };
    let now = stage.now();
    let number = stage.host_mut(from)?.ping(now, to, config)?;
    let limit = Duration::from_secs(3) + patience + Duration::from_millis(200) * count;
    stage.run_until("the pings are over", limit, |stage| {
        stage.host_node(from).is_ok_and(|it| it.has_pinged(number))
    })?;
    Ok(number)
}

/// Fetches a page; what came of it.
///
/// # Errors
///
/// When it cannot be begun.
pub fn fetch(stage: &mut Stage, from: &str, to: SocketAddr, patience: Duration) -> Result<Fetch> {
    let now = stage.now();
    let number = stage.host_mut(from)?.fetch(now, to, patience)?;
    let limit = patience + Duration::from_secs(1);
    stage.run_until("the request is over", limit, |stage| {
        let fetch = stage.host_node(from).and_then(|it| it.fetched(number));
        fetch.is_ok_and(Fetch::is_over)
    })?;
    Ok(stage.host_node(from)?.fetched(number)?.clone())
}

/// A hop of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedHop {
    /// Who answered; `None` where nobody did.
    pub address: Option<IpAddr>,
    /// Octets of a packet that fit the way to this hop, where that is less than before.
    pub mtu: Option<u32>,
}

/// Traces a path: the hops, the destination last.
///
/// # Errors
///
/// When it cannot be begun, or does not end.
pub fn trace(
    stage: &mut Stage,
    from: &str,
    to: IpAddr,
    change: impl FnOnce(&mut TracerouteConfig),
) -> Result<Vec<TracedHop>> {
    let now = stage.now();
    let number = stage.host_mut(from)?.trace(now, to, |config| {
        config.max_ttl = 12;
        config.silent_hops = 3;
        config.timeout = Duration::from_secs(1);
        change(config);
    })?;
    stage.run_until("the trace is over", Duration::from_secs(60), |stage| {
        let trace = stage.host_node(from).and_then(|it| it.traced(number));
        trace.is_ok_and(|it| it.outcome().is_some())
    })?;
    let host = stage.host_node(from)?;
    let hops = host.traced(number)?.hops().map(|hop| TracedHop {
        address: hop.responders.first().map(|it| it.address),
        mtu: hop.mtu,
    });
    Ok(hops.collect())
}

/// The hops as text: `192.0.2.1, 198.51.100.1`.
pub fn hops_text(hops: &[TracedHop]) -> String {
    let hops = hops.iter().map(|hop| {
        let address = hop
            .address
            .map_or_else(|| "*".to_owned(), |it| it.to_string());
        match hop.mtu {
            Some(mtu) => format!("{address} (MTU {mtu})"),
            None => address,
        }
    });
    hops.collect::<Vec<_>>().join(", ")
}
