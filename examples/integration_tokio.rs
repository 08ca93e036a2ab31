//! A PPP link over a TCP connection, driven by tokio: the pattern for any machine in an async program.
//!
//! ```text
//! cargo run --release --example integration_tokio
//! ```
//!
//! Two ends in two tasks negotiate over loopback, each with an address of its own; one sends a datagram, the other
//! answers it, and the link is closed. `docs/integration.md` walks through the loop.

use anyhow::{Context, Result, bail, ensure};
use core::net::Ipv4Addr;
use core::time::Duration;
use packet_buffer::random::OsRandom;
use packet_buffer::time::StdClock;
use packet_buffer::wire::{IpProtocol, Ipv4Packet, Ipv4Repr, PseudoHeader, UdpDatagram, UdpRepr};
use packet_buffer::{Instant, PacketBuf};
use ppp_lcp_ncp::framing::{Decoder, Encoder};
use ppp_lcp_ncp::link::{Link, LinkConfig, LinkEvent};
use ppp_lcp_ncp::wire::PppProtocol;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const CALLER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const CALLED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const ECHO_PORT: u16 = 7;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let both = runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let called = async {
            let (stream, _) = listener.accept().await?;
            Port::new("called", CALLED, stream)?.run().await
        };
        let caller = async {
            let stream = TcpStream::connect(address).await?;
            Port::new("caller", CALLER, stream)?.run().await
        };
        let limit = Duration::from_secs(60);
        tokio::time::timeout(limit, async { tokio::try_join!(caller, called) })
            .await
            .context("the link did not come to its end within a minute")?
    });
    let (caller, called) = both?;
    ensure!(
        caller == 1 && called == 1,
        "one datagram each way, and not {called} and {caller}"
    );
    println!("a datagram went over the link and came back");
    Ok(())
}

/// One end: the machine, what stands between it and the stream, and the stream.
struct Port {
    name: &'static str,
    own: Ipv4Addr,
    link: Link,
    encoder: Encoder,
    decoder: Decoder,
    stream: TcpStream,
    clock: StdClock,
    /// Datagrams that have arrived.
    received: u32,
}

impl Port {
    fn new(name: &'static str, own: Ipv4Addr, stream: TcpStream) -> Result<Self> {
        let mut config = LinkConfig::default();
        config.ipcp.get_or_insert_default().address = Some(own);
        let link = Link::new(config, Box::new(OsRandom))?;
        Ok(Self {
            name,
            own,
            link,
            encoder: Encoder::new(),
            decoder: Decoder::new(1500),
            stream,
            clock: StdClock::new(),
            received: 0,
        })
    }

    /// The loop: until the link has ended. Gives the number of datagrams that arrived.
    async fn run(mut self) -> Result<u32> {
        let now = self.clock.now();
        self.link.open(now);
        self.link.lower_up(now);
        let (mut packet, mut line) = (PacketBuf::new(), PacketBuf::new());
        let mut octets = [0; 2048];
        loop {
            // First all that the machine has to tell. An event may make it want to send.
            let mut ended = false;
            while let Some(event) = self.link.poll_event() {
                ended |= self.event(event)?;
            }
            // Then all that it has to send, in one write.
            while let Some(transmit) = self.link.poll_transmit(&mut packet) {
                self.encoder
                    .encode(&transmit.framing, packet.as_slice(), &mut line);
            }
            self.stream.write_all(line.as_slice()).await?;
            line.clear();
            if ended {
                return Ok(self.received);
            }

            // Then it waits for octets, or until the machine's next deadline. Dropping either future loses nothing.
            let due = self.link.poll_timeout();
            let wait = due.map(|due| due.saturating_duration_since(self.clock.now()));
            tokio::select! {
                read = self.stream.read(&mut octets) => {
                    let count = read?;
                    let now = self.clock.now();
                    match octets.get(..count) {
                        None | Some([]) => self.link.lower_down(now),
                        Some(octets) => self.input(now, octets)?,
                    }
                }
                () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {
                    let now = self.clock.now();
                    self.link.handle_timeout(now);
                }
            }
        }
    }

    /// Octets of the stream: none, one or many frames, and the beginning of another.
    fn input(&mut self, now: Instant, mut octets: &[u8]) -> Result<()> {
        let mut data = PacketBuf::new();
        while let Some(frame) = self.decoder.next_frame(&mut octets) {
            match self.link.handle_input(now, frame, &mut data) {
                Ok(Some(PppProtocol::IPV4)) => {
                    self.received += 1;
                    let (from, text) = datagram(data.as_slice())?;
                    println!("{}: {text:?} from {from}", self.name);
                    match self.own {
                        CALLED => self.send(now, from, &text)?,
                        _ => self.link.close(now),
                    }
                }
                // The link's own, or IPv6.
                Ok(_) => {}
                // It was ignored, and `stats()` counts why: nothing to do.
                Err(discard) => println!("{}: {discard}", self.name),
            }
            // What was agreed changes how the next frame is to be read.
            self.decoder.set_parameters(&self.link.receive_framing());
        }
        Ok(())
    }

    /// Whether it was the last.
    fn event(&mut self, event: LinkEvent) -> Result<bool> {
        match event {
            LinkEvent::Ipv4Up(values) => {
                println!("{}: IPv4 is up: {:?}", self.name, values.peer_address);
                if self.own == CALLER {
                    let now = self.clock.now();
                    self.send(now, CALLED, "hello")?;
                }
            }
            LinkEvent::Closed(reason) => {
                println!("{}: closed: {reason:?}", self.name);
                return Ok(true);
            }
            _ => {}
        }
        Ok(false)
    }

    fn send(&mut self, now: Instant, destination: Ipv4Addr, text: &str) -> Result<()> {
        let mut packet = PacketBuf::new();
        packet.append_slice(text.as_bytes());
        let addresses = PseudoHeader::V4 {
            source: self.own,
            destination,
        };
        let ports = UdpRepr {
            source_port: ECHO_PORT,
            destination_port: ECHO_PORT,
        };
        ports.emit(&mut packet, &addresses)?;
        Ipv4Repr::new(self.own, destination, IpProtocol::UDP).emit(&mut packet)?;
        self.link
            .send(now, PppProtocol::IPV4, packet.as_slice())
            .context("the link did not take the packet")
    }
}

/// Source and text of a datagram for the echo port.
fn datagram(octets: &[u8]) -> Result<(Ipv4Addr, String)> {
    let ip = Ipv4Packet::parse(octets)?;
    ip.verify_checksum()?;
    let udp = UdpDatagram::parse(ip.payload())?;
    if udp.destination_port() != ECHO_PORT {
        bail!("port {}", udp.destination_port());
    }
    Ok((
        ip.source(),
        String::from_utf8_lossy(udp.payload()).into_owned(),
    ))
}
