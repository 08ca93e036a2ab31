//! One connection of the proxy's.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use serde_json::{Value, json};
use stateful_firewall::application::{ProxyFilter, Refused};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

/// How long a server is waited for.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an end may be silent.
const IDLE: Duration = Duration::from_secs(300);
/// How long a refused client has for reading why.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proxied {
    /// The client.
    pub client: SocketAddr,
    /// The server that it wanted.
    pub server: SocketAddr,
    /// Why it was not let on, if the filter refused it.
    pub refused: Option<Refused>,
    /// Whether there was a connection to the server.
    pub is_connected: bool,
    /// Octets that went to the server.
    pub sent: u64,
    /// Octets that came from it.
    pub received: u64,
}

impl Proxied {
    /// As an object.
    pub fn to_json(&self) -> Value {
        let action = match (self.refused, self.is_connected) {
            (Some(_), _) => "refuse",
            (None, true) => "pass",
            (None, false) => "unreachable",
        };
        json!({
            "event": "proxied",
            "client": self.client.to_string(),
            "server": self.server.to_string(),
            "action": action,
            "reason": self.refused.map(|refused| refused.to_string()),
            "sent": self.sent,
            "received": self.received,
        })
    }
}

/// Carries octets between a client and its server, those of the client through the filter, until
/// both have ended or the filter refuses.
pub(super) fn relay(
    client: &TcpStream,
    peer: SocketAddr,
    server: SocketAddr,
    mut filter: ProxyFilter,
) -> Proxied {
    let mut proxied = Proxied {
        client: peer,
        server,
        refused: None,
        is_connected: false,
        sent: 0,
        received: 0,
    };
    let Ok(upstream) = TcpStream::connect_timeout(&server, CONNECT) else {
        return proxied;
    };
    proxied.is_connected = true;
    for stream in [client, &upstream] {
        let _ = stream.set_read_timeout(Some(IDLE));
        let _ = stream.set_write_timeout(Some(IDLE));
        let _ = stream.set_nodelay(true);
    }
    let mut first = None;
    let is_refused = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let back = scope.spawn(|| {
            let received = copy(&upstream, client);
            // A client that sends nothing more is not waited for when the server is done.
            if !is_refused.load(Ordering::Acquire) {
                let _ = client.shutdown(Shutdown::Both);
            }
            received
        });
        let mut piece = [0; 16_384];
        while let Some(length) = read(client, &mut piece) {
            let octets = piece.get(..length).unwrap_or_default();
            first = first.or(octets.first().copied());
            match filter.read(octets) {
                Ok(onward) => {
                    if (&upstream).write_all(&onward).is_err() {
                        break;
                    }
                    proxied.sent += u64::try_from(onward.len()).unwrap_or(0);
                }
                Err(refused) => {
                    proxied.refused = Some(refused);
                    is_refused.store(true, Ordering::Release);
                    let _ = upstream.shutdown(Shutdown::Both);
                    break;
                }
            }
        }
        let _ = upstream.shutdown(Shutdown::Write);
        proxied.received = back.join().unwrap_or(0);
    });
    if proxied.refused.is_some() {
        farewell(client, first);
    }
    let _ = client.shutdown(Shutdown::Write);
    proxied
}

/// The next octets; `None` at the end.
fn read(mut from: &TcpStream, piece: &mut [u8]) -> Option<usize> {
    loop {
        match from.read(piece) {
            Ok(0) => return None,
            Ok(length) => return Some(length),
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

/// Carries everything to the end; how many octets that were.
fn copy(from: &TcpStream, mut to: &TcpStream) -> u64 {
    let mut piece = [0; 16_384];
    let mut count = 0;
    while let Some(length) = read(from, &mut piece) {
        if to
            .write_all(piece.get(..length).unwrap_or_default())
            .is_err()
        {
            let _ = from.shutdown(Shutdown::Both);
            break;
        }
        count += u64::try_from(length).unwrap_or(0);
    }
    count
}

/// Tells a client, in the protocol that it speaks, that it may not.
fn farewell(mut client: &TcpStream, first: Option<u8>) {
    // RFC 8446 §6.2: the fatal alert access_denied.
    const ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 49];
    const FORBIDDEN: &[u8] = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\n\
        Content-Length: 22\r\nConnection: close\r\n\r\nThe firewall refuses.\n";
    let text = if first == Some(22) { ALERT } else { FORBIDDEN };
    let _ = client.write_all(text);
    let _ = client.shutdown(Shutdown::Write);
    // With octets unread, to close would reset the connection, and the client might not read why.
    let _ = client.set_read_timeout(Some(FAREWELL));
    let mut piece = [0; 4_096];
    for _ in 0..16 {
        if read(client, &mut piece).is_none() {
            break;
        }
    }
}
