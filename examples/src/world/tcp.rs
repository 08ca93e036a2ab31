//! TCP for hosts: the stack of `smoltcp`, above the IP layer of `icmp_nd::host`.
//!
//! Servers answer a request (a line) with their page and close; clients ask for a page and keep it.

use alloc::collections::VecDeque;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use packet_buffer::Instant;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant as StackInstant;
use smoltcp::wire::{HardwareAddress, IpCidr, IpEndpoint};

/// Octets of a socket's buffers.
const BUFFER: usize = 32_768;
/// Connections that one port of a server takes at a time.
const BACKLOG: usize = 8;

/// Packets on their way to and from the stack.
struct Queue {
    to_stack: VecDeque<Vec<u8>>,
    from_stack: VecDeque<Vec<u8>>,
    mtu: usize,
}

struct Rx(Vec<u8>);
struct Tx<'a>(&'a mut VecDeque<Vec<u8>>);

impl RxToken for Rx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut packet = vec![0; length];
        let result = f(&mut packet);
        self.0.push_back(packet);
        result
    }
}

impl Device for Queue {
    type RxToken<'a> = Rx;
    type TxToken<'a> = Tx<'a>;

    fn receive(&mut self, _: StackInstant) -> Option<(Rx, Tx<'_>)> {
        let packet = self.to_stack.pop_front()?;
        Some((Rx(packet), Tx(&mut self.from_stack)))
    }

    fn transmit(&mut self, _: StackInstant) -> Option<Tx<'_>> {
        Some(Tx(&mut self.from_stack))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}

/// What became of a request for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Who was asked.
    pub server: SocketAddr,
    /// When it began.
    pub from: Instant,
    /// When the handshake was complete.
    pub connected: Option<Instant>,
    /// When all had come, or it was clear that nothing will.
    pub ended: Option<Instant>,
    /// What has come.
    pub page: Vec<u8>,
    /// Why nothing came.
    pub failure: Option<String>,
}

impl Fetch {
    /// Whether the page has come.
    pub const fn is_done(&self) -> bool {
        self.ended.is_some() && self.failure.is_none()
    }

    /// Whether it is over.
    pub const fn is_over(&self) -> bool {
        self.ended.is_some()
    }
}

struct Client {
    handle: SocketHandle,
    request: Vec<u8>,
    fetch: Fetch,
    gives_up: Instant,
}

struct Server {
    port: u16,
    page: Vec<u8>,
    connections: Vec<Connection>,
}

struct Connection {
    handle: SocketHandle,
    asked: bool,
    sent: usize,
    /// Who was served, once.
    peer: Option<IpEndpoint>,
}

/// The stack of a host.
pub struct TcpStack {
    interface: Interface,
    sockets: SocketSet<'static>,
    queue: Queue,
    clients: Vec<Client>,
    servers: Vec<Server>,
    served: Vec<SocketAddr>,
    next_port: u16,
}

impl TcpStack {
    /// A stack without addresses; `seed` is for sequence numbers.
    pub fn new(mtu: usize, seed: u64) -> Self {
        let mut queue = Queue {
            to_stack: VecDeque::new(),
            from_stack: VecDeque::new(),
            mtu,
        };
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        Self {
            interface: Interface::new(config, &mut queue, StackInstant::ZERO),
            sockets: SocketSet::new(Vec::new()),
            queue,
            clients: Vec::new(),
            servers: Vec::new(),
            served: Vec::new(),
            next_port: 49_152 + u16::try_from(seed % 8_192).unwrap_or(0),
        }
    }

    /// The addresses of the host, of which the stack takes four.
    pub fn set_addresses(&mut self, addresses: &[IpAddr]) {
        self.interface.update_ip_addrs(|own| {
            own.clear();
            for address in addresses.iter().take(own.capacity()) {
                let length = if address.is_ipv4() { 32 } else { 128 };
                // There is room for as many as are taken.
                let _ = own.push(IpCidr::new((*address).into(), length));
            }
        });
    }

    /// Serves a page on a port.
    pub fn serve(&mut self, port: u16, page: Vec<u8>) {
        let connections = (0..BACKLOG).map(|_| Connection {
            handle: self.sockets.add(socket()),
            asked: false,
            sent: 0,
            peer: None,
        });
        let mut server = Server {
            port,
            page,
            connections: connections.collect(),
        };
        for connection in &mut server.connections {
            // The port is not 0.
            let _ = self
                .sockets
                .get_mut::<Socket<'_>>(connection.handle)
                .listen(port);
        }
        self.servers.push(server);
    }

    /// Asks a server for its page; the number of the request.
    pub fn fetch(
        &mut self,
        now: Instant,
        source: IpAddr,
        server: SocketAddr,
        patience: Duration,
    ) -> usize {
        let mut socket = socket();
        self.next_port = self.next_port.checked_add(1).unwrap_or(49_152);
        let mut fetch = Fetch {
            server,
            from: now,
            connected: None,
            ended: None,
            page: Vec::new(),
            failure: None,
        };
        let local = IpEndpoint::new(source.into(), self.next_port);
        let begun = socket.connect(self.interface.context(), IpEndpoint::from(server), local);
        if let Err(why) = begun {
            fetch.failure = Some(why.to_string());
            fetch.ended = Some(now);
        }
        let handle = self.sockets.add(socket);
        self.clients.push(Client {
            handle,
            request: format!("GET / HTTP/1.0\r\nHost: {server}\r\n\r\n").into_bytes(),
            fetch,
            gives_up: now + patience,
        });
        self.run(now);
        self.clients.len() - 1
    }

    /// What became of a request.
    pub fn fetched(&self, number: usize) -> Option<&Fetch> {
        self.clients.get(number).map(|client| &client.fetch)
    }

    /// All requests.
    pub fn fetches(&self) -> impl Iterator<Item = &Fetch> {
        self.clients.iter().map(|client| &client.fetch)
    }

    /// Who was served.
    pub fn served(&self) -> &[SocketAddr] {
        &self.served
    }

    /// Connections that are half open or open, at servers.
    pub fn open_connections(&self) -> usize {
        let connections = self.servers.iter().flat_map(|it| &it.connections);
        let states = connections.map(|it| self.sockets.get::<Socket<'_>>(it.handle).state());
        states
            .filter(|state| !matches!(state, State::Listen | State::Closed))
            .count()
    }

    /// A packet for TCP.
    pub fn handle_input(&mut self, now: Instant, packet: &[u8]) {
        self.queue.to_stack.push_back(packet.to_vec());
        self.run(now);
    }

    /// Does what is due.
    pub fn run(&mut self, now: Instant) {
        let at = stack_time(now);
        for _ in 0..16 {
            self.interface.poll(at, &mut self.queue, &mut self.sockets);
            let moved = self.serve_all() | self.run_clients(now);
            if !moved && self.queue.to_stack.is_empty() {
                break;
            }
        }
    }

    fn serve_all(&mut self) -> bool {
        let mut moved = false;
        for server in &mut self.servers {
            for connection in &mut server.connections {
                let socket = self.sockets.get_mut::<Socket<'_>>(connection.handle);
                if socket.state() == State::Closed {
                    connection.asked = false;
                    connection.sent = 0;
                    connection.peer = None;
                    // The port is not 0.
                    let _ = socket.listen(server.port);
                    moved = true;
                    continue;
                }
                if socket.can_recv() {
                    let asked = socket.recv(|octets| (octets.len(), octets.ends_with(b"\r\n\r\n")));
                    connection.asked |= asked.unwrap_or(false);
                    moved = true;
                }
                if connection.asked && socket.can_send() {
                    let rest = server.page.get(connection.sent..).unwrap_or_default();
                    if rest.is_empty() {
                        if connection.peer.is_none()
                            && let Some(peer) = socket.remote_endpoint()
                        {
                            connection.peer = Some(peer);
                            self.served
                                .push(SocketAddr::new(peer.addr.into(), peer.port));
                        }
                        socket.close();
                        moved = true;
                    } else if let Ok(sent) = socket.send_slice(rest) {
                        connection.sent += sent;
                        moved |= sent > 0;
                    }
                } else if socket.state() == State::CloseWait {
                    socket.close();
                    moved = true;
                }
            }
        }
        moved
    }

    fn run_clients(&mut self, now: Instant) -> bool {
        let mut moved = false;
        for client in &mut self.clients {
            if client.fetch.ended.is_some() {
                continue;
            }
            let socket = self.sockets.get_mut::<Socket<'_>>(client.handle);
            if client.fetch.connected.is_none() && socket.may_send() {
                client.fetch.connected = Some(now);
            }
            if !client.request.is_empty() && socket.can_send() {
                let sent = socket.send_slice(&client.request).unwrap_or(0);
                client.request.drain(..sent);
                moved |= sent > 0;
            }
            if socket.can_recv() {
                let page = &mut client.fetch.page;
                let _ = socket.recv(|octets| {
                    page.extend_from_slice(octets);
                    (octets.len(), ())
                });
                moved = true;
            }
            let state = socket.state();
            if state == State::CloseWait && !socket.can_recv() {
                client.fetch.ended = Some(now);
                socket.close();
                moved = true;
            } else if state == State::Closed {
                client.fetch.ended = Some(now);
                client.fetch.failure = Some("the connection was refused".to_owned());
                moved = true;
            } else if now >= client.gives_up {
                client.fetch.ended = Some(now);
                client.fetch.failure = Some("no answer".to_owned());
                socket.abort();
                moved = true;
            }
        }
        moved
    }

    /// The next packet to send.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.queue.from_stack.pop_front()
    }

    /// When there is something to do next; after `now`.
    pub fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        let at = self.interface.poll_at(stack_time(now), &self.sockets);
        let stack = at.map(|at| {
            let micros = u64::try_from(at.total_micros()).unwrap_or(0);
            Instant::from_micros(micros).max(now + Duration::from_millis(1))
        });
        let waiting = self.clients.iter().filter(|it| it.fetch.ended.is_none());
        let patience = waiting.map(|it| it.gives_up).min();
        [stack, patience].into_iter().flatten().min()
    }
}

fn socket() -> Socket<'static> {
    let buffer = || SocketBuffer::new(vec![0; BUFFER]);
    let mut socket = Socket::new(buffer(), buffer());
    socket.set_nagle_enabled(false);
    socket
}

fn stack_time(now: Instant) -> StackInstant {
    StackInstant::from_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}
