//! The proxy without root: clients, proxy and servers are sockets on the loopback interface, and the
//! firewall is asked about the connections of an office that they stand for.

use super::{Proxied, Proxy};
use crate::gateway::packets;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use anyhow::{Context, Result, bail};
use core::fmt::Write as _;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use packet_buffer::Instant;
use packet_buffer::wire::TcpFlags;
use socket2::{Domain, Socket, Type};
use stateful_firewall::{Firewall, FirewallConfig, Path, Verdict, language};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use testkit::SeededRandom;

const POLICY: &str = r#"
zone inside level 100
zone outside level 0
interface lan zone inside
interface wan zone outside

filter web {
    block { ads.example, *.tracker.example }
    paths { "/admin" }
}

rules from inside to outside {
    surf: queue 1 tcp port { 80, 443 }
    mail: reject tcp port 25
}
"#;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 7, 10));
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 80));
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends requests through the proxy, and returns what came of them, line by line.
///
/// # Errors
///
/// When something does not come as it has to.
pub fn simulate(json: bool) -> Result<String> {
    let policy = language::compile(POLICY)?;
    let (sender, proxied) = channel();
    let proxy = Proxy::new(policy.clone(), "web", sender);
    let random = Box::new(SeededRandom::new(1));
    let firewall = Firewall::new(FirewallConfig::new(1_024), policy, random)?;

    let wanted: Arc<Mutex<BTreeMap<SocketAddr, SocketAddr>>> = Arc::default();
    let listener = TcpListener::bind((LOOPBACK, 0))?;
    let front = listener.local_addr()?;
    let table = Arc::clone(&wanted);
    proxy.serve(listener, move |client| {
        table.lock().ok()?.get(&client).copied()
    })?;
    let mut office = Office {
        firewall,
        wanted,
        front,
        servers: BTreeMap::from([(80, serve(http)?), (443, serve(tls)?)]),
        proxied,
        json,
        out: String::new(),
    };
    office.scenario()?;
    Ok(office.out)
}

struct Office {
    firewall: Firewall,
    wanted: Arc<Mutex<BTreeMap<SocketAddr, SocketAddr>>>,
    front: SocketAddr,
    /// Where the servers of ports really are.
    servers: BTreeMap<u16, SocketAddr>,
    proxied: Receiver<Proxied>,
    json: bool,
    out: String,
}

impl Office {
    fn scenario(&mut self) -> Result<()> {
        let get = |host: &str, path: &str| {
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").into_bytes()
        };
        let mut seen = Vec::new();
        for (what, port, pieces) in [
            ("a page", 80, vec![get("www.example", "/")]),
            ("a blocked host", 80, vec![get("ads.example", "/banner")]),
            (
                "a blocked path",
                80,
                vec![get("www.example", "/%61dmin/users")],
            ),
            (
                "a blocked host, in pieces",
                80,
                get("a.tracker.example", "/")
                    .chunks(7)
                    .map(<[u8]>::to_vec)
                    .collect(),
            ),
            (
                "two hosts in one request",
                80,
                vec![b"GET / HTTP/1.1\r\nHost: www.example\r\nHost: ads.example\r\n\r\n".to_vec()],
            ),
            ("TLS to a server", 443, vec![client_hello("www.example")]),
            (
                "TLS to a blocked server",
                443,
                vec![client_hello("ads.example")],
            ),
            (
                "neither HTTP nor TLS",
                443,
                vec![b"SSH-2.0-client\r\n".to_vec()],
            ),
            ("mail", 25, vec![b"EHLO client\r\n".to_vec()]),
        ] {
            seen.push((what, self.request(what, port, &pieces)?));
        }
        for (what, expected) in [
            ("a page", "HTTP/1.1 200 OK"),
            ("a blocked host", "HTTP/1.1 403 Forbidden"),
            ("a blocked path", "HTTP/1.1 403 Forbidden"),
            ("a blocked host, in pieces", "HTTP/1.1 403 Forbidden"),
            ("two hosts in one request", "HTTP/1.1 403 Forbidden"),
            ("TLS to a server", "ServerHello"),
            ("TLS to a blocked server", "alert 49"),
            ("neither HTTP nor TLS", "HTTP/1.1 403 Forbidden"),
            ("mail", "rejected by the firewall"),
        ] {
            let answer = seen.iter().find(|(other, _)| *other == what);
            if answer.is_none_or(|(_, answer)| answer != expected) {
                bail!("{what}: {answer:?}, and not {expected}");
            }
        }
        Ok(())
    }

    /// Asks the firewall about a connection, and has the proxy carry it if a rule says so.
    fn request(&mut self, what: &str, port: u16, pieces: &[Vec<u8>]) -> Result<String> {
        // The port is known before the connection, as it is to a firewall that sees its SYN.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(LOOPBACK, 0).into())?;
        let own = socket.local_addr()?.as_socket().context("no port")?;
        let (client, server) = (
            SocketAddr::new(CLIENT, own.port()),
            SocketAddr::new(SERVER, port),
        );
        let mut syn = packets::tcp(client, server, TcpFlags::SYN, (1, 0), b"")?;
        let interface = |name| self.firewall.interface(name).context("no interface");
        let path = Path::new(interface("lan")?, interface("wan")?);
        let verdict = self
            .firewall
            .process(Instant::from_secs(1), &path, &mut syn);
        let (answer, proxied) = match verdict {
            Verdict::Queue(1) => {
                let real = *self.servers.get(&port).context("no server")?;
                if let Ok(mut wanted) = self.wanted.lock() {
                    wanted.insert(own, real);
                }
                socket.connect_timeout(&self.front.into(), PATIENCE)?;
                let answer = exchange(&socket.into(), pieces)?;
                let proxied = self.proxied.recv_timeout(PATIENCE)?;
                (answer, Some(proxied))
            }
            Verdict::Reject(_) => ("rejected by the firewall".to_owned(), None),
            other => bail!("{what}: {other:?}"),
        };
        let proxied = proxied.map(|proxied| Proxied {
            client: SocketAddr::new(CLIENT, 0),
            server,
            ..proxied
        });
        if self.json {
            let mut line = proxied.map_or_else(
                || serde_json::json!({ "event": "rejected", "server": server.to_string() }),
                |proxied| proxied.to_json(),
            );
            if let Some(object) = line.as_object_mut() {
                object.remove("client");
                object.insert("request".to_owned(), what.into());
                object.insert("answer".to_owned(), answer.clone().into());
            }
            let _ = writeln!(self.out, "{line}");
        } else {
            let why = proxied.and_then(|proxied| proxied.refused);
            let why = why.map_or(String::new(), |why| format!(" ({why})"));
            let _ = writeln!(self.out, "{what:<26} {server}  ->  {answer}{why}");
        }
        Ok(answer)
    }
}

/// Sends the pieces, and reads the answer; what it is.
fn exchange(mut stream: &TcpStream, pieces: &[Vec<u8>]) -> Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    for piece in pieces {
        // Whoever refuses may close before the last one.
        if stream.write_all(piece).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let mut piece = [0; 1_024];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(piece.get(..length).unwrap_or_default()),
            Err(_) if !answer.is_empty() => break,
            Err(why) => return Err(why).context("no answer"),
        }
    }
    Ok(match answer.as_slice() {
        [22, 3, ..] => "ServerHello".to_owned(),
        [21, 3, _, 0, 2, _, number] => format!("alert {number}"),
        text => {
            let text = String::from_utf8_lossy(text);
            text.lines().next().unwrap_or_default().to_owned()
        }
    })
}

/// A server on a thread of its own; where it is.
fn serve(answer: fn(&TcpStream)) -> Result<SocketAddr> {
    let listener = TcpListener::bind((LOOPBACK, 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let _ = client.set_read_timeout(Some(PATIENCE));
            answer(&client);
        }
    });
    Ok(address)
}

fn http(mut client: &TcpStream) {
    let mut request = Vec::new();
    let mut piece = [0; 1_024];
    while !request.ends_with(b"\r\n\r\n") {
        match client.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend_from_slice(piece.get(..length).unwrap_or_default()),
        }
    }
    let page = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n";
    let _ = client.write_all(page);
}

/// Answers a ClientHello with the first record of a handshake, which is as far as it goes.
fn tls(mut client: &TcpStream) {
    let mut piece = [0; 1_024];
    if client.read(&mut piece).is_ok_and(|length| length > 0) {
        let _ = client.write_all(&[22, 3, 3, 0, 4, 2, 0, 0, 0]);
    }
}

/// A ClientHello (RFC 8446 §4.1.2) that names a server (RFC 6066 §3).
fn client_hello(name: &str) -> Vec<u8> {
    let sized = |octets: &[u8]| {
        let length = u16::try_from(octets.len()).unwrap_or(u16::MAX);
        [&length.to_be_bytes(), octets].concat()
    };
    let list = sized(&[&[0][..], &sized(name.as_bytes())].concat());
    let server_name = [&[0, 0][..], &sized(&list)].concat();
    // Version, random, no session, one cipher suite, no compression.
    let mut body = [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0x13, 1], &[1, 0]].concat();
    body.extend(sized(&server_name));
    let handshake = [&[1, 0][..], &sized(&body)].concat();
    [&[22, 3, 1][..], &sized(&handshake)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_office_gets_what_the_filter_allows_and_nothing_else() {
        let text = simulate(true).unwrap();
        assert_eq!(text.lines().count(), 9);
        let refused = text
            .lines()
            .filter(|line| line.contains("\"refuse\""))
            .count();
        assert_eq!(refused, 6, "{text}");
        for line in text.lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            // Nothing of what was refused has reached a server.
            if value["action"] == "refuse" {
                assert_eq!(value["sent"], 0, "{line}");
            }
        }
        assert!(simulate(false).unwrap().contains("the name is blocked"));
    }
}
