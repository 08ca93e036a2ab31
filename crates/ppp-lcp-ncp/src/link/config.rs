//! What a link is told.

use crate::auth::{AuthenticatorConfig, SupplicantConfig};
use crate::automaton::{EndpointConfig, EndpointConfigError};
use crate::ccp::CcpConfig;
use crate::ecp::EcpConfig;
use crate::lcp::{LcpConfig, LcpConfigError};
use crate::lqr::QualityConfig;
use crate::ncp::{IpcpConfig, Ipv6cpConfig};
use core::time::Duration;

/// What a [`Link`](super::Link) is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkConfig {
    /// LCP; it says which authentication is wanted and allowed.
    pub lcp: LcpConfig,
    /// How the peer proves itself to us, where LCP has agreed on that.
    pub authenticator: AuthenticatorConfig,
    /// How we prove ourselves to the peer, where LCP has agreed on that.
    pub supplicant: SupplicantConfig,
    /// IPv4; `None` to have none, and to reject the peer's wish. Default: an address from the peer.
    pub ipcp: Option<IpcpConfig>,
    /// IPv6; `None` to have none. Default: random identifiers.
    pub ipv6cp: Option<Ipv6cpConfig>,
    /// Compression, and encryption by MPPE; `None` for neither, and to reject the peer's wish. Default:
    /// none.
    pub ccp: Option<CcpConfig>,
    /// Encryption by DES; `None` for none, and to reject the peer's wish. Default: none.
    pub ecp: Option<EcpConfig>,
    /// Timer and counters of the network control protocols.
    pub ncp: EndpointConfig,
    /// The time between Echo-Requests while the link is up; `None` for no such keepalive. Default: none.
    pub echo_interval: Option<Duration>,
    /// Echo-Requests in a row without an answer until the link is taken for dead; at least 1.
    /// Default: 4.
    pub echo_failures: u32,
    /// Octets of information that the path to the peer takes in any case, where it may take less than the
    /// peer does: a larger MRU of the peer's is tested when the network phase begins
    /// ([`LinkEvent::PathLimited`](super::LinkEvent::PathLimited)). `None` for paths that need no test.
    /// Default: none.
    pub mru_test: Option<u16>,
    /// When the link is taken for poor, where [`LcpConfig::quality`] was agreed on.
    pub quality: QualityConfig,
    /// Whether a poor link closes. Default: false; it is only told.
    pub close_when_poor: bool,
    /// Packets that may wait to be sent ([`send`](super::Link::send)). Default: 64.
    pub max_queued_packets: usize,
    /// Octets of those packets. Default: 131,072.
    pub max_queued_octets: usize,
    /// Whether [`open`](super::Link::open) only gets the link ready to open, which it does when there is
    /// something to send. Default: false.
    pub on_demand: bool,
    /// How long packets do not open the link again after it has failed, with `on_demand`. Default: 30 s.
    pub holdoff: Duration,
    /// The time without network packets after which the link closes. Default: never.
    pub idle_timeout: Option<Duration>,
    /// How long the network phase may last. Default: for ever.
    pub session_timeout: Option<Duration>,
    /// Whether the network phase waits for [`start_network`](super::Link::start_network) after
    /// authentication, so that addresses can be looked up for the peer; or for the link to join a
    /// [`Bundle`](crate::multilink::Bundle), as links with [`LcpConfig::multilink`] have to. Default:
    /// false.
    pub hold_network: bool,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            lcp: LcpConfig::default(),
            authenticator: AuthenticatorConfig::default(),
            supplicant: SupplicantConfig::default(),
            ipcp: Some(IpcpConfig::default()),
            ipv6cp: Some(Ipv6cpConfig::default()),
            ccp: None,
            ecp: None,
            ncp: EndpointConfig::default(),
            echo_interval: None,
            echo_failures: 4,
            mru_test: None,
            quality: QualityConfig::default(),
            close_when_poor: false,
            max_queued_packets: 64,
            max_queued_octets: 131_072,
            on_demand: false,
            holdoff: Duration::from_secs(30),
            idle_timeout: None,
            session_timeout: None,
            hold_network: false,
        }
    }
}

/// A value of [`LinkConfig`] cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {field}: {problem}")]
pub struct LinkConfigError {
    /// The part of the configuration.
    pub part: &'static str,
    /// The field in it.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl LinkConfigError {
    /// An error where there is a problem: the field, and what is wrong with it.
    pub(super) fn check_part(
        part: &'static str,
        problem: Option<(&'static str, &'static str)>,
    ) -> Result<(), Self> {
        match problem {
            Some((field, problem)) => Err(Self {
                part,
                field,
                problem,
            }),
            None => Ok(()),
        }
    }
}

impl From<LcpConfigError> for LinkConfigError {
    fn from(error: LcpConfigError) -> Self {
        Self {
            part: "lcp",
            field: error.field,
            problem: error.problem,
        }
    }
}

impl From<EndpointConfigError> for LinkConfigError {
    fn from(error: EndpointConfigError) -> Self {
        Self {
            part: "ncp",
            field: error.field,
            problem: error.problem,
        }
    }
}

impl LinkConfig {
    /// Leaves out what has no place in a PPPoE session of this payload, as
    /// [`LcpConfig::restrict_to_pppoe`] does, and has a payload over 1492 octets tested.
    // RFC 4638 §5.2 SHOULD (default): the test is on unless it is turned off.
    pub const fn restrict_to_pppoe(&mut self, max_payload: u16) {
        self.lcp.restrict_to_pppoe(max_payload);
        self.mru_test = if max_payload > 1492 { Some(1492) } else { None };
    }

    pub(crate) fn check(&self) -> Result<(), LinkConfigError> {
        let fail = |field, problem| {
            Err(LinkConfigError {
                part: "link",
                field,
                problem,
            })
        };
        let zero = |period: Option<Duration>| period.is_some_and(|period| period.is_zero());
        if self.ipcp.is_none() && self.ipv6cp.is_none() {
            return fail("ipcp", "either IPv4 or IPv6 is needed");
        }
        if self.lcp.multilink.is_some() && !self.hold_network {
            // The networks are those of the bundle that it joins.
            return fail("hold_network", "must be set for multilink");
        }
        let ccp = self.ccp.as_ref().and_then(CcpConfig::problem);
        let ecp = self.ecp.as_ref().and_then(EcpConfig::problem);
        LinkConfigError::check_part("ccp", ccp)?;
        LinkConfigError::check_part("ecp", ecp)?;
        let quality = self.quality.check().err();
        LinkConfigError::check_part("quality", quality.map(|it| (it.field, it.problem)))?;
        if self.echo_failures == 0 {
            return fail("echo_failures", "must be at least 1");
        }
        if self.mru_test.is_some_and(|octets| octets < 128) {
            return fail("mru_test", "must be at least 128");
        }
        if zero(self.echo_interval) {
            return fail("echo_interval", "must not be zero");
        }
        if zero(self.idle_timeout) {
            return fail("idle_timeout", "must not be zero");
        }
        if zero(self.session_timeout) {
            return fail("session_timeout", "must not be zero");
        }
        Ok(())
    }
}
