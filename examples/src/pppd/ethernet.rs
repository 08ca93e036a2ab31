//! PPP over Ethernet on an interface: frames by a packet socket, and the discovery of a session.

use super::line::{Got, Line};
use super::port::Outbox;
use super::run::{Stop, wait_for};
use anyhow::{Context as _, Result, bail};
use packet_buffer::random::OsRandom;
use packet_buffer::time::StdClock;
use packet_buffer::wire::MacAddr;
use ppp_lcp_ncp::pppoe::{
    AccessConcentrator, Client, ClientConfig, ClientEvent, ConcentratorConfig, ConcentratorEvent,
    DEFAULT_MAX_PAYLOAD, Peer,
};
use ppp_lcp_ncp::{Instant, PacketBuf};
use rustix::event::PollFlags;
use serde_json::{Value, json};
use smoltcp::phy::{Device as _, Medium, RawSocket, RxToken as _, TxToken as _, wait};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixDatagram;

/// Which end of PPPoE we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// We look for a concentrator.
    Client,
    /// We are one, for one session.
    Concentrator,
}

/// `[pppoe]`
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PppoeFile {
    /// The service that is wanted, or that there is; empty for any.
    pub service: String,
    /// The concentrator that is wanted, or our name as one.
    pub ac_name: Option<String>,
    /// Octets of payload beyond 1492 that we can take (RFC 4638).
    pub max_payload: Option<u16>,
    /// Whether we find out if the path takes that much; it is found out unless this is false.
    pub mru_test: Option<bool>,
}

/// Our end of a session, or of the search for one.
#[derive(Debug)]
pub enum Pppoe {
    /// A client.
    Client(Box<Client>),
    /// A concentrator, with the session that there is.
    Concentrator(Box<AccessConcentrator>, Option<u16>),
}

/// What has happened to the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// It is there.
    Opened {
        /// Its number.
        session: u16,
        /// Who is at its other end.
        peer: Peer,
        /// The concentrator's name, or the service that is wanted.
        name: Vec<u8>,
        /// Octets of PPP payload.
        max_payload: u16,
    },
    /// It is over, and why.
    Closed(String),
}

/// Opens the interface: a line whose octets are whole frames. Two threads carry them between a packet socket and
/// the line, since a packet socket has no safe way to be waited for.
///
/// # Errors
///
/// When there is no such interface, and without root.
pub fn open(interface: &str) -> Result<UnixDatagram> {
    let (ours, theirs) = UnixDatagram::pair()?;
    // Errors, such as that of not being root, are found out here.
    RawSocket::new(interface, Medium::Ethernet)
        .with_context(|| format!("cannot open the interface {interface} (it needs root)"))?;
    let (to_line, name) = (theirs.try_clone()?, interface.to_owned());
    std::thread::spawn(move || -> Result<()> {
        let mut socket = RawSocket::new(&name, Medium::Ethernet)?;
        loop {
            wait(socket.as_raw_fd(), None)?;
            while let Some((frame, _)) = socket.receive(smoltcp::time::Instant::ZERO) {
                frame.consume(|frame| {
                    // All of PPPoE and nothing else: its two types, in the clear or behind VLAN tags.
                    match frame.get(12..14) {
                        Some([0x88, 0x63 | 0x64 | 0xa8] | [0x81, 0x00]) => to_line.send(frame),
                        _ => Ok(0),
                    }
                })?;
            }
        }
    });
    let name = interface.to_owned();
    std::thread::spawn(move || -> Result<()> {
        let mut socket = RawSocket::new(&name, Medium::Ethernet)?;
        let mut octets = vec![0; 65_536];
        loop {
            let length = theirs.recv(&mut octets)?;
            let frame = octets.get(..length).unwrap_or_default();
            if let Some(token) = socket.transmit(smoltcp::time::Instant::ZERO) {
                token.consume(length, |room| room.copy_from_slice(frame));
            }
        }
    });
    Ok(ours)
}

/// The address of an interface.
fn address(interface: &str) -> Result<MacAddr> {
    let path = format!("/sys/class/net/{interface}/address");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let mut octets = [0; 6];
    let parts: Vec<&str> = text.trim().split(':').collect();
    anyhow::ensure!(parts.len() == 6, "{interface} has the address {text}");
    for (octet, part) in octets.iter_mut().zip(parts) {
        *octet = u8::from_str_radix(part, 16)?;
    }
    Ok(MacAddr(octets))
}

impl Pppoe {
    /// An end on this interface, which has not begun.
    ///
    /// # Errors
    ///
    /// When there is no such interface, or the configuration cannot work.
    pub fn new(role: Role, interface: &str, file: &PppoeFile) -> Result<Self> {
        let address = address(interface)?;
        let service = file.service.clone().into_bytes();
        let random = Box::new(OsRandom);
        Ok(match role {
            Role::Client => {
                let config = ClientConfig {
                    service_name: service,
                    ac_name: file.ac_name.clone().map(String::into_bytes),
                    max_payload: file.max_payload,
                    timeout: core::time::Duration::from_secs(1),
                    ..ClientConfig::new(address)
                };
                Self::Client(Box::new(Client::new(config, random)?))
            }
            Role::Concentrator => {
                let name = file.ac_name.as_deref().unwrap_or("internetwork");
                let config = ConcentratorConfig {
                    services: vec![service],
                    max_payload: file.max_payload.unwrap_or(DEFAULT_MAX_PAYLOAD),
                    max_sessions: 1,
                    ..ConcentratorConfig::new(address, name.as_bytes())
                };
                Self::Concentrator(Box::new(AccessConcentrator::new(config, random)?), None)
            }
        })
    }

    /// Finds a session; what it is, and octets of its payload.
    ///
    /// # Errors
    ///
    /// When none is found, or the line fails.
    pub fn discover(&mut self, line: &Line, clock: &StdClock, stop: &Stop) -> Result<(Value, u16)> {
        if let Self::Client(client) = self {
            client.open(clock.now());
        }
        let mut out = Outbox::default();
        let mut frame = vec![0; 65_536];
        loop {
            let now = clock.now();
            if stop.is_asked() {
                bail!("told to end before there was a session");
            }
            self.handle_timeout(now);
            match self.poll_event() {
                Some(SessionEvent::Opened {
                    session,
                    peer,
                    name,
                    max_payload,
                }) => {
                    let event = json!({
                        "event": "session", "session": session, "peer": peer.address.to_string(),
                        "name": String::from_utf8_lossy(&name), "max_payload": max_payload,
                    });
                    self.poll_transmit(&mut out);
                    out.flush(line)?;
                    return Ok((event, max_payload));
                }
                Some(SessionEvent::Closed(why)) => bail!("there is no session: {why}"),
                None => {}
            }
            self.poll_transmit(&mut out);
            out.flush(line)?;
            wait_for(line, PollFlags::IN, None, now, self.poll_timeout(), stop)?;
            if let Got::Octets(length) = line.read(&mut frame)? {
                let frame = frame.get(..length).unwrap_or_default();
                if let Err(why) = self.handle_input(clock.now(), frame) {
                    tracing::trace!("ignored: {why}");
                }
            }
        }
    }

    /// A frame has arrived: the PPP packet in it, if there is one.
    ///
    /// # Errors
    ///
    /// Why it was ignored.
    pub fn handle_input<'a>(
        &mut self,
        now: Instant,
        frame: &'a [u8],
    ) -> Result<Option<&'a [u8]>, ppp_lcp_ncp::pppoe::PppoeDiscard> {
        match self {
            Self::Client(client) => client.handle_input(now, frame),
            Self::Concentrator(concentrator, _) => {
                let packet = concentrator.handle_input(now, frame)?;
                Ok(packet.map(|(_, packet)| packet))
            }
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Client(client) => client.handle_timeout(now),
            Self::Concentrator(concentrator, _) => concentrator.handle_timeout(now),
        }
    }

    /// When that is.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Client(client) => client.poll_timeout(),
            Self::Concentrator(concentrator, _) => concentrator.poll_timeout(),
        }
    }

    /// Puts the frames that are to be sent into `out`.
    pub fn poll_transmit(&mut self, out: &mut Outbox) {
        let mut frame = PacketBuf::new();
        while let Some(transmit) = match self {
            Self::Client(client) => client.poll_transmit(&mut frame),
            Self::Concentrator(concentrator, _) => concentrator.poll_transmit(&mut frame),
        } {
            tracing::trace!("{} to {}", transmit.code, transmit.peer);
            out.push(core::mem::take(&mut frame));
        }
    }

    /// What has happened to the session.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        match self {
            Self::Client(client) => Some(match client.poll_event()? {
                ClientEvent::Opened {
                    session,
                    peer,
                    ac_name,
                    max_payload,
                } => SessionEvent::Opened {
                    session,
                    peer,
                    name: ac_name,
                    max_payload,
                },
                ClientEvent::Closed(why) => SessionEvent::Closed(why.to_string()),
                _ => return None,
            }),
            Self::Concentrator(concentrator, own) => Some(match concentrator.poll_event()? {
                ConcentratorEvent::Opened {
                    session,
                    peer,
                    service,
                    max_payload,
                    ..
                } => {
                    *own = Some(session);
                    // Authentication is the link's; there is one session only.
                    concentrator.confirm(session);
                    SessionEvent::Opened {
                        session,
                        peer,
                        name: service,
                        max_payload,
                    }
                }
                ConcentratorEvent::Closed { reason, .. } => {
                    SessionEvent::Closed(reason.to_string())
                }
                _ => return None,
            }),
        }
    }

    /// Makes a frame of a PPP packet.
    ///
    /// # Errors
    ///
    /// When there is no session, or the packet is too long for it.
    pub fn encapsulate(
        &mut self,
        packet: &mut PacketBuf,
    ) -> Result<(), ppp_lcp_ncp::pppoe::PppoeSendError> {
        match self {
            Self::Client(client) => client.encapsulate(packet),
            Self::Concentrator(concentrator, session) => {
                concentrator.encapsulate(session.unwrap_or_default(), packet)
            }
        }
    }

    /// Ends the session.
    pub fn close(&mut self, now: Instant) {
        match self {
            Self::Client(client) => client.close(now),
            Self::Concentrator(concentrator, session) => {
                if let Some(session) = session {
                    concentrator.close(now, *session);
                }
            }
        }
    }
}
