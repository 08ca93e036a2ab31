//! Sockets of Linux that probes leave and answers come by.

use super::{Incoming, ProbeNet};
use anyhow::{Context, Result, bail};
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use packet_buffer::Instant;
use packet_buffer::time::StdClock;
use packet_buffer::wire::IpProtocol;
use rustix::net::sockopt::{
    Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};

/// Messages that wait to be looked at; more are lost, as in a full socket.
const QUEUE: usize = 4_096;
/// Protocol number of raw sockets whose user writes the IP header.
const IPPROTO_RAW: i32 = 255;

/// Errors in a row after which a socket is given up.
const FAILURES: usize = 1_000;

/// Sockets that are read by threads of their own, so that the time of arrival is not the time at
/// which somebody has leisure.
#[derive(Debug)]
struct Inbox {
    clock: StdClock,
    sender: SyncSender<Incoming>,
    receiver: Receiver<Incoming>,
}

impl Inbox {
    fn new() -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        Self {
            clock: StdClock::new(),
            sender,
            receiver,
        }
    }

    /// Reads from `socket` until nobody takes what comes.
    fn read(&self, socket: Socket, protocol: IpProtocol, is_packet: bool) {
        let (sender, clock) = (self.sender.clone(), self.clock);
        // Whatever its type, `recvfrom` is the same call.
        let socket: UdpSocket = socket.into();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            let mut failures = 0;
            while failures < FAILURES {
                let (length, from) = match socket.recv_from(&mut buffer) {
                    Ok(received) => received,
                    // Such as an error that an earlier probe has met.
                    Err(_) => {
                        failures += 1;
                        continue;
                    }
                };
                failures = 0;
                let incoming = Incoming {
                    at: clock.now(),
                    source: from.ip(),
                    protocol,
                    is_packet,
                    octets: buffer.get(..length).unwrap_or_default().to_vec(),
                };
                if let Err(TrySendError::Disconnected(_)) = sender.try_send(incoming) {
                    return;
                }
            }
        });
    }

    fn receive(&self, deadline: Instant) -> Result<Option<Incoming>> {
        let patience = deadline - self.clock.now();
        match self.receiver.recv_timeout(patience) {
            Ok(incoming) => Ok(Some(incoming)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("the sockets are closed"),
        }
    }
}

/// What a raw socket sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// Whole packets, which the kernel leaves as they are and does not fragment.
    Packets,
    /// ICMP messages, for which the kernel writes the IP header with this hop limit, and which it may
    /// fragment.
    Messages {
        /// Time to live or hop limit.
        hop_limit: u8,
    },
}

/// Raw sockets: probes out, all ICMP (and TCP, where that is asked for) in.
#[derive(Debug)]
pub struct RawNet {
    inbox: Inbox,
    out_v4: Option<Socket>,
    out_v6: Option<Socket>,
}

impl RawNet {
    /// Opens what is needed for these versions.
    ///
    /// # Errors
    ///
    /// When the system does not allow it: the error says what to do.
    pub fn open(ipv4: bool, ipv6: bool, tcp: bool, writes: Writes) -> Result<Self> {
        let inbox = Inbox::new();
        let mut net = Self {
            inbox,
            out_v4: None,
            out_v6: None,
        };
        let protocols = |icmp: (Protocol, IpProtocol)| {
            let tcp = tcp.then_some((Protocol::TCP, IpProtocol::TCP));
            [Some(icmp), tcp].into_iter().flatten()
        };
        if ipv4 {
            for (protocol, number) in protocols((Protocol::ICMPV4, IpProtocol::ICMP)) {
                // Raw sockets of version 4 give the header as well.
                net.inbox.read(raw(Domain::IPV4, protocol)?, number, true);
            }
            net.out_v4 = Some(out_v4(writes)?);
        }
        if ipv6 {
            for (protocol, number) in protocols((Protocol::ICMPV6, IpProtocol::ICMPV6)) {
                net.inbox.read(raw(Domain::IPV6, protocol)?, number, false);
            }
            net.out_v6 = Some(out_v6(writes)?);
        }
        Ok(net)
    }
}

fn raw(domain: Domain, protocol: Protocol) -> Result<Socket> {
    let socket = Socket::new(domain, Type::RAW, Some(protocol));
    socket.map_err(|error| explained(error, "a raw socket"))
}

fn out_v4(writes: Writes) -> Result<Socket> {
    let socket = match writes {
        Writes::Packets => {
            let socket = raw(Domain::IPV4, Protocol::from(IPPROTO_RAW))?;
            // What the kernel has learned of path MTUs is what we want to find.
            set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::PROBE)?;
            socket
        }
        Writes::Messages { hop_limit } => {
            let socket = raw(Domain::IPV4, Protocol::ICMPV4)?;
            socket.set_ttl_v4(u32::from(hop_limit))?;
            socket
        }
    };
    // A probe to a broadcast address is asked for by name.
    socket.set_broadcast(true)?;
    Ok(socket)
}

fn out_v6(writes: Writes) -> Result<Socket> {
    Ok(match writes {
        Writes::Packets => {
            let socket = raw(Domain::IPV6, Protocol::from(IPPROTO_RAW))?;
            set_ipv6_mtu_discover(&socket, Ipv6PathMtuDiscovery::PROBE)?;
            socket
        }
        Writes::Messages { hop_limit } => {
            let socket = raw(Domain::IPV6, Protocol::ICMPV6)?;
            socket.set_unicast_hops_v6(u32::from(hop_limit))?;
            socket
        }
    })
}

/// What to do when the system says no.
fn explained(error: io::Error, what: &str) -> anyhow::Error {
    if error.kind() != ErrorKind::PermissionDenied {
        return anyhow::Error::new(error).context(format!("cannot open {what}"));
    }
    let program = std::env::current_exe()
        .map_or_else(|_| "PROGRAM".to_owned(), |path| path.display().to_string());
    anyhow::anyhow!(
        "cannot open {what}: that needs root or CAP_NET_RAW.\n\
         Run it with sudo, or allow this program once:\n    \
         sudo setcap cap_net_raw+ep {program}\n\
         To see what it shows without any network: --simulate"
    )
}

impl ProbeNet for RawNet {
    fn now(&self) -> Instant {
        self.inbox.clock.now()
    }

    fn send(&mut self, packet: &[u8], destination: SocketAddr) -> Result<()> {
        let socket = if destination.is_ipv4() {
            &self.out_v4
        } else {
            &self.out_v6
        };
        let socket = socket.as_ref().context("no socket of this IP version")?;
        socket.send_to(packet, &SockAddr::from(destination))?;
        Ok(())
    }

    fn receive(&mut self, deadline: Instant) -> Result<Option<Incoming>> {
        self.inbox.receive(deadline)
    }
}

/// An ICMP datagram socket, which needs no privilege where `net.ipv4.ping_group_range` has the user's
/// group: echo requests out, their replies in. The kernel writes IP header, identifier and checksum, and
/// keeps ICMP errors to itself.
#[derive(Debug)]
pub struct DatagramNet {
    inbox: Inbox,
    socket: Socket,
    identifier: u16,
}

impl DatagramNet {
    /// Opens the socket of one IP version.
    ///
    /// # Errors
    ///
    /// When the system does not allow it: the error says what to do.
    pub fn open(ipv6: bool, hop_limit: u8) -> Result<Self> {
        let (domain, protocol, number, any): (_, _, _, SocketAddr) = if ipv6 {
            let any = (Ipv6Addr::UNSPECIFIED, 0).into();
            (Domain::IPV6, Protocol::ICMPV6, IpProtocol::ICMPV6, any)
        } else {
            let any = (Ipv4Addr::UNSPECIFIED, 0).into();
            (Domain::IPV4, Protocol::ICMPV4, IpProtocol::ICMP, any)
        };
        let socket = Socket::new(domain, Type::DGRAM, Some(protocol))
            .map_err(|error| explained(error, "an ICMP socket"))?;
        if ipv6 {
            socket.set_unicast_hops_v6(u32::from(hop_limit))?;
        } else {
            socket.set_ttl_v4(u32::from(hop_limit))?;
        }
        socket.bind(&SockAddr::from(any))?;
        let local = socket.local_addr()?.as_socket();
        let identifier = local.context("the socket has no address")?.port();
        let inbox = Inbox::new();
        inbox.read(socket.try_clone()?, number, false);
        Ok(Self {
            inbox,
            socket,
            identifier,
        })
    }

    /// The identifier that the kernel puts into the requests.
    pub fn identifier(&self) -> u16 {
        self.identifier
    }
}

impl ProbeNet for DatagramNet {
    fn now(&self) -> Instant {
        self.inbox.clock.now()
    }

    fn send(&mut self, packet: &[u8], destination: SocketAddr) -> Result<()> {
        self.socket.send_to(packet, &SockAddr::from(destination))?;
        Ok(())
    }

    fn receive(&mut self, deadline: Instant) -> Result<Option<Incoming>> {
        self.inbox.receive(deadline)
    }
}
