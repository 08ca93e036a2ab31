//! What the two ends are told.

use super::DEFAULT_MAX_PAYLOAD;
use alloc::vec::Vec;
use core::time::Duration;
use packet_buffer::wire::{MacAddr, VlanTags};

/// What a [`Client`](super::Client) is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// Our address.
    pub address: MacAddr,
    /// VLAN tags of our frames, outermost first. Default: none.
    pub vlan_tags: VlanTags,
    /// The service that is wanted, at most 1,024 octets; empty for any. Default: any.
    pub service_name: Vec<u8>,
    /// The name of the concentrator that is wanted; `None` for any. Default: any.
    pub ac_name: Option<Vec<u8>>,
    /// Octets of PPP payload that we and the network on our side can take, when they are more than
    /// 1492 (RFC 4638): at least 1493. `None` not to ask. Default: not to ask.
    pub max_payload: Option<u16>,
    /// How long the first answer is waited for; each further wait is twice as long. Default: 3 s.
    pub timeout: Duration,
    /// The longest wait. Default: 60 s.
    pub max_timeout: Duration,
    /// PADIs until the client gives up; at least 1. Default: 10.
    pub max_initiations: u32,
    /// PADRs to one concentrator until it is looked for anew; at least 1. Default: 4.
    pub max_requests: u32,
}

impl ClientConfig {
    /// Any service of any concentrator, for the interface of this address.
    pub const fn new(address: MacAddr) -> Self {
        Self {
            address,
            vlan_tags: VlanTags::NONE,
            service_name: Vec::new(),
            ac_name: None,
            max_payload: None,
            timeout: Duration::from_secs(3),
            max_timeout: Duration::from_secs(60),
            max_initiations: 10,
            max_requests: 4,
        }
    }

    pub(super) fn check(&self) -> Result<(), PppoeConfigError> {
        let fail = |field, problem| Err(PppoeConfigError { field, problem });
        if !self.address.is_unicast() {
            return fail("address", "must be one station's");
        }
        // RFC 2516 §5.1 MUST NOT (padi-length): a PADI has at most 1484 octets.
        // RFC 2516 §A MUST (relay-room): so that a relay can add its tag.
        if self.service_name.len() > 1024 {
            return fail("service_name", "must be at most 1024 octets");
        }
        if self
            .max_payload
            .is_some_and(|most| most <= DEFAULT_MAX_PAYLOAD)
        {
            return fail("max_payload", "must be more than 1492");
        }
        if self.timeout.is_zero() {
            return fail("timeout", "must not be zero");
        }
        if self.max_timeout < self.timeout {
            return fail("max_timeout", "must be at least the timeout");
        }
        if self.max_initiations == 0 {
            return fail("max_initiations", "must be at least 1");
        }
        if self.max_requests == 0 {
            return fail("max_requests", "must be at least 1");
        }
        Ok(())
    }
}

/// What an [`AccessConcentrator`](super::AccessConcentrator) is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConcentratorConfig {
    /// Our address.
    pub address: MacAddr,
    /// Our name, 1 to 128 octets.
    pub ac_name: Vec<u8>,
    /// The services that there are, at most 512 octets together. A client that wants any service is
    /// served whatever stands here. Default: none by name.
    pub services: Vec<Vec<u8>>,
    /// Whether who asks for another service is served as well, and none but that which was asked for
    /// is ever named. Default: false.
    // RFC 2516 §9 SHOULD (any-name): so that nobody who asks learns which services there are.
    // RFC 2516 §9 SHOULD (no-name): or there are none by name.
    pub any_service: bool,
    /// Octets of PPP payload that we and the network on our side can take; 1492 when nothing larger
    /// goes (RFC 4638). Default: 1492.
    pub max_payload: u16,
    /// Sessions at a time; 1 to 32,768. When there are as many, requests are answered with an
    /// AC-System-Error. Default: 4,096.
    pub max_sessions: usize,
    /// Sessions that one client may have, by its address and VLANs; at least 1. Default: 4.
    pub max_sessions_per_peer: usize,
    /// How long a session may last that nobody has
    /// [confirmed](super::AccessConcentrator::confirm); it is ended then. `None`: sessions need no
    /// confirmation. Default: 30 s.
    pub half_open_timeout: Option<Duration>,
    /// Sessions that wait for their confirmation; at least 1. When there are as many, requests are
    /// answered with an AC-System-Error. Default: 512.
    pub max_half_open: usize,
    /// How long a cookie is good at least; it may be good for twice as long. Default: 60 s.
    pub cookie_lifetime: Duration,
    /// Answers that wait to be sent; at least 1. When there are as many, what would need another is
    /// ignored. Default: 64.
    pub max_replies: usize,
    /// Whether packets of sessions that there are not are answered with a PADT, so that clients of a
    /// concentrator that was started anew find out. Default: true.
    pub terminate_unknown: bool,
}

impl ConcentratorConfig {
    /// A concentrator of this name, for the interface of this address.
    pub fn new(address: MacAddr, ac_name: &[u8]) -> Self {
        Self {
            address,
            ac_name: ac_name.to_vec(),
            services: Vec::new(),
            any_service: false,
            max_payload: DEFAULT_MAX_PAYLOAD,
            max_sessions: 4096,
            max_sessions_per_peer: 4,
            half_open_timeout: Some(Duration::from_secs(30)),
            max_half_open: 512,
            cookie_lifetime: Duration::from_secs(60),
            max_replies: 64,
            terminate_unknown: true,
        }
    }

    pub(super) fn check(&self) -> Result<(), PppoeConfigError> {
        let fail = |field, problem| Err(PppoeConfigError { field, problem });
        if !self.address.is_unicast() {
            return fail("address", "must be one station's");
        }
        if self.ac_name.is_empty() || self.ac_name.len() > 128 {
            return fail("ac_name", "must be 1 to 128 octets");
        }
        if self
            .services
            .iter()
            .map(|name| 4 + name.len())
            .sum::<usize>()
            > 512
        {
            return fail(
                "services",
                "must be at most 512 octets, with 4 more for each",
            );
        }
        if self.max_payload < DEFAULT_MAX_PAYLOAD {
            return fail("max_payload", "must be at least 1492");
        }
        if self.max_sessions == 0 || self.max_sessions > 32_768 {
            return fail("max_sessions", "must be 1 to 32768");
        }
        if self.max_sessions_per_peer == 0 {
            return fail("max_sessions_per_peer", "must be at least 1");
        }
        if self
            .half_open_timeout
            .is_some_and(|timeout| timeout.is_zero())
        {
            return fail("half_open_timeout", "must not be zero");
        }
        if self.max_half_open == 0 {
            return fail("max_half_open", "must be at least 1");
        }
        if self.cookie_lifetime.is_zero() {
            return fail("cookie_lifetime", "must not be zero");
        }
        if self.max_replies == 0 {
            return fail("max_replies", "must be at least 1");
        }
        Ok(())
    }
}

/// A value of a configuration cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct PppoeConfigError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}
