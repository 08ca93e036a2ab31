//! The translator's mappings can be asked for.

use super::mapper::{MapFailure, MapRequest, PortMapper};
use super::wire::Filter;
use crate::engine::{ExplicitError, ExplicitRequest, Nat, RemoteFilter};
use crate::mapping::Endpoint;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use core::time::Duration;
use packet_buffer::Instant;
use packet_buffer::wire::{IpProtocol, Ipv4Prefix};

/// The most peers that a mapping for single peers can have.
const MAX_PEERS: usize = 16;

impl PortMapper for Nat {
    fn external_address(&self, internal: IpAddr) -> Option<IpAddr> {
        let IpAddr::V4(internal) = internal.to_canonical() else {
            return None;
        };
        self.outside_address_of(internal, IpProtocol::UDP)
            .map(IpAddr::V4)
    }

    fn map(&mut self, now: Instant, request: &MapRequest) -> Result<SocketAddr, MapFailure> {
        let inside = endpoint(request.internal).ok_or(MapFailure::NotAuthorized)?;
        let filters: Option<Vec<RemoteFilter>> = request.filters.iter().map(filter).collect();
        let filters = filters.ok_or(MapFailure::Filters)?;
        let outside = self.ask(now, inside, request, Duration::MAX)?;
        // RFC 6887 §13.3 MUST (replace): the filters of a renewed mapping are those of the request.
        self.set_filters(request.protocol, inside, filters);
        Ok(outside)
    }

    fn unmap(
        &mut self,
        now: Instant,
        protocol: IpProtocol,
        internal: SocketAddr,
        _external: SocketAddr,
    ) {
        if let Some(inside) = endpoint(internal) {
            self.close_mapping(now, protocol, inside);
        }
    }

    // RFC 6887 §12.3 MUST (peer): a mapping that only the peer can use; one that is there is kept.
    fn peer(
        &mut self,
        now: Instant,
        request: &MapRequest,
        remote: SocketAddr,
        until: Instant,
    ) -> Result<SocketAddr, MapFailure> {
        let inside = endpoint(request.internal).ok_or(MapFailure::NotAuthorized)?;
        let remote = endpoint(remote).ok_or(MapFailure::NotAuthorized)?;
        let only = RemoteFilter {
            prefix: Ipv4Prefix::host(remote.address),
            port: Some(remote.port),
        };
        let mut filters = self.filters_of(request.protocol, inside).to_vec();
        let asked = self
            .explicit_mappings()
            .find(|(mapping, _)| mapping.protocol == request.protocol && mapping.inside == inside);
        // A mapping that was asked for without filters is open to the peer, and to others.
        let is_open = asked.is_some() && filters.is_empty();
        if !is_open && !filters.contains(&only) {
            if filters.len() >= MAX_PEERS {
                return Err(MapFailure::Filters);
            }
            filters.push(only);
        }
        let ends = asked.map_or(now, |(_, ends)| ends);
        let outside = self.ask(now, inside, request, until.max(ends) - now)?;
        self.set_filters(request.protocol, inside, filters);
        Ok(outside)
    }
}

impl Nat {
    fn ask(
        &mut self,
        now: Instant,
        inside: Endpoint,
        request: &MapRequest,
        lifetime: Duration,
    ) -> Result<SocketAddr, MapFailure> {
        let suggested = match request
            .external_address
            .map(|address| address.to_canonical())
        {
            Some(IpAddr::V4(address)) => address,
            Some(IpAddr::V6(_)) if request.strict => return Err(MapFailure::CannotProvide),
            _ => Ipv4Addr::UNSPECIFIED,
        };
        let explicit = ExplicitRequest {
            protocol: request.protocol,
            inside,
            suggested: Endpoint::new(suggested, request.external_port),
            only_suggested: request.strict,
            lifetime,
        };
        let made = self
            .open_mapping(now, &explicit)
            .map_err(|error| match error {
                ExplicitError::Protocol => MapFailure::Protocol,
                ExplicitError::NoRule => MapFailure::NotAuthorized,
                ExplicitError::NotAvailable => MapFailure::CannotProvide,
                ExplicitError::NoPort => MapFailure::NoResources,
                ExplicitError::Limit => MapFailure::Quota,
            })?;
        let outside = SocketAddrV4::new(made.outside.address, made.outside.port);
        Ok(outside.into())
    }
}

fn endpoint(address: SocketAddr) -> Option<Endpoint> {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => Some(Endpoint::new(ip, address.port())),
        IpAddr::V6(_) => None,
    }
}

fn filter(filter: &Filter) -> Option<RemoteFilter> {
    let IpAddr::V4(address) = filter.address else {
        return None;
    };
    Some(RemoteFilter {
        prefix: Ipv4Prefix::new(address, filter.prefix_len)?,
        port: (filter.port != 0).then_some(filter.port),
    })
}
