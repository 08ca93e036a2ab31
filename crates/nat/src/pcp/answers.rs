//! Requests of NAT-PMP (RFC 6886 §3).

use super::mapper::{MapRequest, PortMapper};
use super::nat_pmp::{NatPmpBody, NatPmpRequest, NatPmpResponse, NatPmpResult};
use super::server::{Key, PcpServer, Refused, seconds};
use super::wire::ResultCode;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

impl PcpServer {
    pub(super) fn nat_pmp(
        &mut self,
        host: Ipv4Addr,
        payload: &[u8],
        mapper: &mut dyn PortMapper,
    ) -> NatPmpResponse {
        let opcode = payload.get(1).copied().unwrap_or(0);
        let respond = |this: &mut Self, result: NatPmpResult, body| {
            let counter = if result == NatPmpResult::SUCCESS {
                &mut this.stats.succeeded
            } else {
                &mut this.stats.refused
            };
            *counter = counter.wrapping_add(1);
            NatPmpResponse {
                opcode,
                result,
                epoch: this.epoch(),
                body,
            }
        };
        // RFC 6886 §3.5 MUST (opcode): an unknown opcode is answered with result 5.
        let Ok(request) = NatPmpRequest::parse(payload) else {
            return respond(self, NatPmpResult::UNSUPPORTED_OPCODE, NatPmpBody::None);
        };
        match request {
            // RFC 6886 §3.2 MUST: the external address.
            NatPmpRequest::ExternalAddress => match mapper.external_address(host.into()) {
                Some(IpAddr::V4(address)) => {
                    let body = NatPmpBody::ExternalAddress(address);
                    respond(self, NatPmpResult::SUCCESS, body)
                }
                _ => {
                    let body = NatPmpBody::ExternalAddress(Ipv4Addr::UNSPECIFIED);
                    respond(self, NatPmpResult::NETWORK_FAILURE, body)
                }
            },
            NatPmpRequest::Map {
                protocol,
                internal_port,
                external_port,
                lifetime,
            } => {
                let wanted = (protocol, SocketAddr::new(host.into(), internal_port));
                let granted = self.nat_pmp_map(wanted, external_port, lifetime, mapper);
                let (result, external_port, lifetime) = match granted {
                    Ok((port, lifetime)) => (NatPmpResult::SUCCESS, port, lifetime),
                    Err(Refused(code)) => (nat_pmp_result(code), 0, 0),
                };
                let body = NatPmpBody::Map {
                    internal_port,
                    external_port,
                    lifetime,
                };
                respond(self, result, body)
            }
        }
    }

    fn nat_pmp_map(
        &mut self,
        key: Key,
        external_port: u16,
        lifetime: u32,
        mapper: &mut dyn PortMapper,
    ) -> Result<(u16, u32), Refused> {
        let (protocol, internal) = key;
        if lifetime == 0 {
            // RFC 6886 §3.4 MUST: a lifetime of zero deletes; with port 0, all of the protocol's.
            let doomed: Vec<Key> = self
                .entries
                .iter()
                .filter(|((it, at), entry)| {
                    *it == protocol
                        && at.ip() == internal.ip()
                        && (internal.port() == 0 || at.port() == internal.port())
                        && entry.nonce.is_none()
                })
                .map(|(key, _)| *key)
                .collect();
            for key in doomed {
                self.remove(&key, mapper);
            }
            return Ok((0, 0));
        }
        if internal.port() == 0 || (!self.config.allows_privileged && internal.port() < 1_024) {
            return Err(Refused(ResultCode::NOT_AUTHORIZED));
        }
        // A mapping that PCP has made is changed by who knows its nonce.
        if self.entries.get(&key).is_some_and(|it| it.nonce.is_some()) {
            self.stats.wrong_nonce = self.stats.wrong_nonce.wrapping_add(1);
            return Err(Refused(ResultCode::NOT_AUTHORIZED));
        }
        self.admit(&key)?;
        let wanted = MapRequest {
            protocol,
            internal,
            external_port,
            external_address: None,
            strict: false,
            filters: Vec::new(),
        };
        // RFC 6886 §3.3 MUST (again): the same mapping is answered with the same port.
        let external = mapper.map(self.now, &wanted)?;
        let lifetime = self.lifetime(lifetime);
        self.insert(key, None, external, lifetime);
        Ok((external.port(), seconds(lifetime)))
    }
}

const fn nat_pmp_result(code: ResultCode) -> NatPmpResult {
    match code {
        ResultCode::NO_RESOURCES | ResultCode::USER_EX_QUOTA => NatPmpResult::OUT_OF_RESOURCES,
        ResultCode::NETWORK_FAILURE => NatPmpResult::NETWORK_FAILURE,
        _ => NatPmpResult::NOT_AUTHORIZED,
    }
}
