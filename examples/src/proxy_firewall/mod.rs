//! Connections that the firewall does not pass on but terminates: a rule gives them to the caller, whose
//! sockets take them, read them through one of the policy's filters, and open connections of their
//! own to the servers.

mod loopback;
mod relay;

pub use loopback::simulate;
pub use relay::Proxied;

use alloc::sync::Arc;
use anyhow::Result;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicUsize, Ordering};
use stateful_firewall::CompiledPolicy;
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::Sender;

/// The most connections at a time; more are closed at once.
const MOST: usize = 512;
/// Octets of a request that is not whole which are kept.
const HELD: usize = 65_536;

/// A proxy; its clones are the same one.
#[derive(Clone)]
pub struct Proxy(Arc<Shared>);

struct Shared {
    policy: Mutex<CompiledPolicy>,
    filter: String,
    told: Mutex<Sender<Proxied>>,
    connections: AtomicUsize,
}

impl Proxy {
    /// A proxy that holds what clients send to this filter of the policy, and tells of each connection
    /// that is over.
    pub fn new(policy: CompiledPolicy, filter: &str, told: Sender<Proxied>) -> Self {
        Self(Arc::new(Shared {
            policy: Mutex::new(policy),
            filter: filter.to_owned(),
            told: Mutex::new(told),
            connections: AtomicUsize::new(0),
        }))
    }

    /// Takes another policy for the connections to come.
    pub fn reload(&self, policy: CompiledPolicy) {
        if let Ok(mut own) = self.0.policy.lock() {
            *own = policy;
        }
    }

    /// Takes connections on a thread of its own, and each of them on one more. `server_of` says which
    /// server a client wants; those of nobody are closed.
    ///
    /// # Errors
    ///
    /// When the thread cannot be started.
    pub fn serve(
        self,
        listener: TcpListener,
        server_of: impl Fn(SocketAddr) -> Option<SocketAddr> + Send + 'static,
    ) -> Result<()> {
        std::thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || {
                for client in listener.incoming().flatten() {
                    let wanted = client.peer_addr().ok().and_then(|peer| {
                        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                        Some((peer, server_of(peer)?))
                    });
                    if let Some((peer, server)) = wanted {
                        self.start(client, peer, server);
                    }
                }
            })?;
        Ok(())
    }

    fn start(&self, client: TcpStream, peer: SocketAddr, server: SocketAddr) {
        let proxy = self.clone();
        let filter = self
            .0
            .policy
            .lock()
            .ok()
            .and_then(|policy| policy.proxy_filter(&self.0.filter, server.port(), HELD));
        // Without its filter nothing goes on.
        let Some(filter) = filter else { return };
        if self.0.connections.fetch_add(1, Ordering::Relaxed) >= MOST {
            self.0.connections.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let relay = move || {
            let proxied = relay::relay(&client, peer, server, filter);
            // It is told of while the client still waits, so nobody who has seen the end misses it.
            if let Ok(told) = proxy.0.told.lock() {
                let _ = told.send(proxied);
            }
            drop(client);
            proxy.0.connections.fetch_sub(1, Ordering::Relaxed);
        };
        let started = std::thread::Builder::new()
            .name("relay".to_owned())
            .spawn(relay);
        if started.is_err() {
            self.0.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
