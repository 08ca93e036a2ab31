//! One UDP socket an interface and family, bound to the interface: what it reads came in there, whatever the
//! source address says.

use anyhow::{Context, Result};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrStorage,
    recvmsg, sendmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};

/// The port of RIP, both ends.
pub const RIP_PORT: u16 = 520;
/// The port of RIPng, both ends.
pub const RIPNG_PORT: u16 = 521;
/// All RIPv2 routers on a link.
pub const RIP_GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 9);
/// All RIPng routers on a link.
pub const RIPNG_GROUP: Ipv6Addr = Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 9);

/// A datagram as it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram {
    /// Octets of the payload.
    pub length: usize,
    /// Who sent it.
    pub source: IpAddr,
    /// From which port.
    pub source_port: u16,
    /// The address it was sent to: ours, a group's or a broadcast address.
    pub destination: IpAddr,
    /// Its TTL or hop limit on arrival.
    pub hop_limit: u8,
}

/// Where a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipient {
    /// The address of ours that it comes from.
    pub source: IpAddr,
    /// A router's, a group's or a broadcast address.
    pub address: IpAddr,
    /// The port there.
    pub port: u16,
    /// The TTL or hop limit that it leaves with.
    pub hop_limit: u8,
}

/// A socket for RIP or RIPng on one interface.
#[derive(Debug)]
pub struct RipSocket {
    socket: Socket,
    index: u32,
    control: Vec<u8>,
    dropped: u32,
}

impl RipSocket {
    /// Opens a socket for RIPv1 and RIPv2 on the interface `name` and joins 224.0.0.9 there.
    ///
    /// `buffer` octets of received packets may wait: neighbors send whole tables in one burst.
    ///
    /// # Errors
    ///
    /// Without root (CAP_NET_RAW, CAP_NET_BIND_SERVICE), or when another program has the port.
    pub fn open_v4(name: &str, index: u32, buffer: usize) -> Result<Self> {
        let socket = Self::open(Domain::IPV4, name, buffer)?;
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        setsockopt(&socket, sockopt::Ipv4RecvTtl, &true)?;
        socket.set_broadcast(true)?;
        socket.set_multicast_loop_v4(false)?;
        let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, RIP_PORT);
        bind(&socket, any.into(), name)?;
        let interface = socket2::InterfaceIndexOrAddress::Index(index);
        socket
            .join_multicast_v4_n(&RIP_GROUP, &interface)
            .with_context(|| format!("cannot join {RIP_GROUP} on {name}"))?;
        // The way out of a socket that is bound to an interface is that interface, for groups too.
        Ok(Self::new(socket, index))
    }

    /// Opens a socket for RIPng on the interface `name` and joins ff02::9 there; `buffer` as for
    /// [`open_v4`](Self::open_v4).
    ///
    /// # Errors
    ///
    /// As [`open_v4`](Self::open_v4).
    pub fn open_v6(name: &str, index: u32, buffer: usize) -> Result<Self> {
        let socket = Self::open(Domain::IPV6, name, buffer)?;
        socket.set_only_v6(true)?;
        setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        setsockopt(&socket, sockopt::Ipv6RecvHopLimit, &true)?;
        socket.set_multicast_loop_v6(false)?;
        socket.set_multicast_if_v6(index)?;
        let any = SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, RIPNG_PORT, 0, 0);
        bind(&socket, any.into(), name)?;
        socket
            .join_multicast_v6(&RIPNG_GROUP, index)
            .with_context(|| format!("cannot join {RIPNG_GROUP} on {name}"))?;
        Ok(Self::new(socket, index))
    }

    fn open(domain: Domain, name: &str, buffer: usize) -> Result<Socket> {
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        socket
            .bind_device(Some(name.as_bytes()))
            .with_context(|| format!("cannot bind to {name}: it needs root (CAP_NET_RAW)"))?;
        // Root may exceed net.core.rmem_max; without that the kernel gives what it allows.
        if setsockopt(&socket, sockopt::RcvBufForce, &buffer).is_err() {
            socket.set_recv_buffer_size(buffer)?;
        }
        setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        Ok(socket)
    }

    fn new(socket: Socket, index: u32) -> Self {
        Self {
            socket,
            index,
            control: nix::cmsg_space!([u8; 128]),
            dropped: 0,
        }
    }

    /// Reads the next datagram into `buffer`; `None` when none waits.
    ///
    /// # Errors
    ///
    /// When the socket fails; the next call may succeed.
    pub fn receive(&mut self, buffer: &mut [u8]) -> Result<Option<Datagram>> {
        let mut slices = [IoSliceMut::new(buffer)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let control = Some(self.control.as_mut_slice());
        let fd = self.socket.as_raw_fd();
        let message = match recvmsg::<SockaddrStorage>(fd, &mut slices, control, flags) {
            Ok(message) => message,
            Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => return Ok(None),
            Err(why) => return Err(why).context("cannot receive"),
        };
        let mut destination = None;
        let mut hop_limit = 0;
        for part in message.cmsgs()? {
            match part {
                ControlMessageOwned::Ipv4PacketInfo(info) => {
                    let address = Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes());
                    destination = Some(IpAddr::V4(address));
                }
                ControlMessageOwned::Ipv6PacketInfo(info) => {
                    destination = Some(IpAddr::V6(Ipv6Addr::from(info.ipi6_addr.s6_addr)));
                }
                ControlMessageOwned::Ipv4Ttl(hops) | ControlMessageOwned::Ipv6HopLimit(hops) => {
                    hop_limit = u8::try_from(hops).unwrap_or(0);
                }
                ControlMessageOwned::RxqOvfl(dropped) => self.dropped = dropped,
                _ => {}
            }
        }
        let source = message.address.as_ref().and_then(socket_address);
        let (Some(destination), Some(source)) = (destination, source) else {
            anyhow::bail!("a datagram without addresses");
        };
        Ok(Some(Datagram {
            length: message.bytes,
            source: source.ip(),
            source_port: source.port(),
            destination,
            hop_limit,
        }))
    }

    /// Sends a datagram from our port.
    ///
    /// # Errors
    ///
    /// When the kernel does not take it: no route, no address yet, a full queue.
    pub fn send(&self, payload: &[u8], to: &Recipient) -> std::io::Result<()> {
        let slices = [IoSlice::new(payload)];
        let fd = self.socket.as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT;
        let hops = i32::from(to.hop_limit);
        let sent = match (to.source, to.address) {
            (IpAddr::V4(source), IpAddr::V4(address)) => {
                let info = nix::libc::in_pktinfo {
                    ipi_ifindex: self.index.cast_signed(),
                    ipi_spec_dst: nix::libc::in_addr {
                        s_addr: u32::from_ne_bytes(source.octets()),
                    },
                    ipi_addr: nix::libc::in_addr { s_addr: 0 },
                };
                let control = [
                    ControlMessage::Ipv4PacketInfo(&info),
                    ControlMessage::Ipv4Ttl(&hops),
                ];
                let address = SockaddrIn::from(SocketAddrV4::new(address, to.port));
                sendmsg(fd, &slices, &control, flags, Some(&address))
            }
            (IpAddr::V6(source), IpAddr::V6(address)) => {
                let info = nix::libc::in6_pktinfo {
                    ipi6_addr: nix::libc::in6_addr {
                        s6_addr: source.octets(),
                    },
                    ipi6_ifindex: self.index,
                };
                let control = [
                    ControlMessage::Ipv6PacketInfo(&info),
                    ControlMessage::Ipv6HopLimit(&hops),
                ];
                let address = SocketAddrV6::new(address, to.port, 0, self.index);
                sendmsg(
                    fd,
                    &slices,
                    &control,
                    flags,
                    Some(&SockaddrIn6::from(address)),
                )
            }
            _ => return Err(ErrorKind::InvalidInput.into()),
        };
        Ok(sent.map(drop)?)
    }

    /// Datagrams that the kernel dropped because the buffer was full, so far.
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }
}

impl AsFd for RipSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn bind(socket: &Socket, address: SocketAddr, name: &str) -> Result<()> {
    let port = address.port();
    socket
        .bind(&address.into())
        .map_err(|why| {
            let advice = match why.kind() {
                ErrorKind::AddrInUse => "another routing daemon has it; stop it first",
                ErrorKind::PermissionDenied => "it needs root (CAP_NET_BIND_SERVICE)",
                _ => "see the reason below",
            };
            anyhow::Error::new(why).context(advice)
        })
        .with_context(|| format!("cannot take UDP port {port} on {name}"))
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddrV4::new(v4.ip(), v4.port()).into());
    }
    let v6 = address.as_sockaddr_in6()?;
    Some(SocketAddrV6::new(v6.ip(), v6.port(), 0, 0).into())
}
