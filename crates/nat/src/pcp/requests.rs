//! What is done with a request of PCP (RFC 6887 §8.3, §11 to §13).

use super::mapper::{MapRequest, PortMapper};
use super::server::{Key, Nonce, PcpServer, Refused, seconds};
use super::wire::{
    Body, Filter, MapData, PcpOption, Request, Response, ResultCode, is_unspecified,
};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

/// What a request's options say.
#[derive(Debug, Default)]
struct Options {
    third_party: Option<IpAddr>,
    strict: bool,
    filters: Vec<Filter>,
    processed: Vec<PcpOption>,
}

impl PcpServer {
    pub(super) fn pcp(
        &mut self,
        source: IpAddr,
        payload: &[u8],
        mapper: &mut dyn PortMapper,
    ) -> Result<Response, Refused> {
        let request = Request::parse(payload).map_err(|error| {
            Refused(match error.what {
                "PCP opcode" => ResultCode::UNSUPP_OPCODE,
                what if what.starts_with("PCP option") => ResultCode::MALFORMED_OPTION,
                _ => ResultCode::MALFORMED_REQUEST,
            })
        })?;
        // RFC 6887 §8.3 MUST (mismatch): a client behind another translator is told so.
        if request.client != source {
            return Err(Refused(ResultCode::ADDRESS_MISMATCH));
        }
        let options = self.read_options(&request)?;
        let host = match options.third_party {
            Some(_) if !self.config.allows_third_party => {
                return Err(Refused(ResultCode::UNSUPP_OPTION));
            }
            // RFC 6887 §13.1 MUST (self): the option with the client's own address is malformed.
            Some(host) if host == source => return Err(Refused(ResultCode::MALFORMED_REQUEST)),
            Some(host) => host,
            None => source,
        };
        let (lifetime, body) = match request.body {
            Body::Announce => (0, Body::Announce),
            Body::Map(map) => self.map(host, &request, &map, &options, mapper)?,
            Body::Peer {
                map,
                remote_port,
                remote_address,
            } => {
                let remote = SocketAddr::new(remote_address, remote_port);
                self.peer(host, &request, &map, remote, mapper)?
            }
        };
        Ok(Response {
            result: ResultCode::SUCCESS,
            lifetime,
            epoch: self.epoch(),
            body,
            // RFC 6887 §8.3 MUST (processed): options that were processed come back.
            options: options.processed,
        })
    }

    fn read_options(&self, request: &Request) -> Result<Options, Refused> {
        let mut options = Options::default();
        let is_map = matches!(request.body, Body::Map(_));
        let is_announce = matches!(request.body, Body::Announce);
        for option in &request.options {
            match option {
                PcpOption::ThirdParty(host) if !is_announce => {
                    // RFC 6887 §13.1 MUST (once): more than one is malformed.
                    if options.third_party.replace(*host).is_some() {
                        return Err(Refused(ResultCode::MALFORMED_OPTION));
                    }
                }
                // RFC 6887 §13.2 MUST (strict): the suggested external end or none.
                PcpOption::PreferFailure if is_map => options.strict = true,
                PcpOption::Filter(filter) if is_map => {
                    let limit = match filter.address {
                        IpAddr::V4(_) => 32,
                        IpAddr::V6(_) => 128,
                    };
                    // In the option, the prefix of an IPv4 address counts the 96 bits in front.
                    let prefix_len = match filter.address {
                        IpAddr::V4(_) if filter.prefix_len > 0 => filter.prefix_len.checked_sub(96),
                        _ => Some(filter.prefix_len),
                    };
                    let Some(length) = prefix_len.filter(|length| *length <= limit) else {
                        return Err(Refused(ResultCode::MALFORMED_OPTION));
                    };
                    if filter.prefix_len == 0 {
                        // RFC 6887 §13.3 MUST (zero): a prefix of zero removes all filters before.
                        options.filters.clear();
                    } else {
                        let mut filter = *filter;
                        filter.prefix_len = length;
                        options.filters.push(filter);
                    }
                    if options.filters.len() > self.config.max_filters {
                        return Err(Refused(ResultCode::EXCESSIVE_REMOTE_PEERS));
                    }
                }
                PcpOption::Other { code, .. } => {
                    let known = matches!(code.0, 1..=3);
                    // RFC 6887 §7.3 MUST (mandatory): unknown options below 128 refuse the request,
                    // others are ignored.
                    if known {
                        return Err(Refused(ResultCode::MALFORMED_OPTION));
                    }
                    if code.is_mandatory() {
                        return Err(Refused(ResultCode::UNSUPP_OPTION));
                    }
                    continue;
                }
                // RFC 6887 §13 MUST (opcode): an option that is not for the opcode is malformed.
                _ => return Err(Refused(ResultCode::MALFORMED_OPTION)),
            }
            options.processed.push(option.clone());
        }
        Ok(options)
    }

    fn map(
        &mut self,
        host: IpAddr,
        request: &Request,
        map: &MapData,
        options: &Options,
        mapper: &mut dyn PortMapper,
    ) -> Result<(u32, Body), Refused> {
        let key = (map.protocol, SocketAddr::new(host, map.internal_port));
        // RFC 6887 §11.1 MUST (all-protocols): protocol 0 means all, and then the port is 0 too.
        if map.protocol.0 == 0 && map.internal_port != 0 {
            return Err(Refused(ResultCode::MALFORMED_REQUEST));
        }
        let is_all = map.internal_port == 0;
        // RFC 6887 §11.3 MUST (nonce): who does not know a mapping's nonce cannot change it.
        if !is_all
            && let Some(entry) = self.entries.get(&key)
            && entry.nonce.is_some_and(|nonce| !nonce.is(map.nonce))
        {
            self.stats.wrong_nonce = self.stats.wrong_nonce.wrapping_add(1);
            return Err(Refused(ResultCode::NOT_AUTHORIZED));
        }
        // RFC 6887 §15.1 MUST (delete): a lifetime of zero deletes, and says so with zero.
        if request.lifetime == 0 {
            // RFC 6887 §13.2 MUST (delete): PREFER_FAILURE is not for deletion.
            if options.strict {
                return Err(Refused(ResultCode::MALFORMED_OPTION));
            }
            let doomed: Vec<Key> = self
                .entries
                .iter()
                .filter(|((protocol, internal), entry)| {
                    internal.ip() == host
                        && (is_all || internal.port() == map.internal_port)
                        && (map.protocol.0 == 0 || *protocol == map.protocol)
                        && entry.nonce.is_none_or(|nonce| nonce.is(map.nonce))
                })
                .map(|(key, _)| *key)
                .collect();
            for key in doomed {
                self.remove(&key, mapper);
            }
            return Ok((0, Body::Map(*map)));
        }
        // A mapping of all ports of a host is more than a shared address can give.
        if is_all {
            return Err(Refused(ResultCode::UNSUPP_PROTOCOL));
        }
        if !self.config.allows_privileged && map.internal_port < 1_024 {
            return Err(Refused(ResultCode::NOT_AUTHORIZED));
        }
        self.admit(&key)?;
        let wanted = MapRequest {
            protocol: map.protocol,
            internal: key.1,
            external_port: map.external_port,
            external_address: Some(map.external_address).filter(|it| !is_unspecified(*it)),
            strict: options.strict,
            filters: options.filters.clone(),
        };
        // RFC 6887 §11.3 MUST (renew): a mapping that is there is renewed, with the same external end.
        let external = mapper.map(self.now, &wanted)?;
        let lifetime = self.lifetime(request.lifetime);
        self.insert(key, Some(Nonce(map.nonce)), external, lifetime);
        let body = Body::Map(MapData {
            external_port: external.port(),
            external_address: external.ip(),
            ..*map
        });
        Ok((seconds(lifetime), body))
    }

    fn peer(
        &mut self,
        host: IpAddr,
        request: &Request,
        map: &MapData,
        remote: SocketAddr,
        mapper: &mut dyn PortMapper,
    ) -> Result<(u32, Body), Refused> {
        // RFC 6887 §12.1 MUST (fields): neither protocol nor ports are zero.
        if map.protocol.0 == 0 || map.internal_port == 0 || remote.port() == 0 {
            return Err(Refused(ResultCode::MALFORMED_REQUEST));
        }
        // RFC 6887 §12.3 MUST (zero): PEER deletes nothing: the session goes on as it would.
        if request.lifetime == 0 {
            return Err(Refused(ResultCode::MALFORMED_REQUEST));
        }
        let lifetime = self.lifetime(request.lifetime);
        let wanted = MapRequest {
            protocol: map.protocol,
            internal: SocketAddr::new(host, map.internal_port),
            external_port: map.external_port,
            external_address: Some(map.external_address).filter(|it| !is_unspecified(*it)),
            // RFC 6887 §12.3 MUST (strict): with a suggestion, PEER is all or nothing.
            strict: map.external_port != 0,
            filters: Vec::new(),
        };
        let until = self.now.saturating_add(lifetime);
        let external = mapper.peer(self.now, &wanted, remote, until)?;
        let map = MapData {
            external_port: external.port(),
            external_address: external.ip(),
            ..*map
        };
        let body = Body::Peer {
            map,
            remote_port: remote.port(),
            remote_address: remote.ip(),
        };
        Ok((seconds(lifetime), body))
    }
}
