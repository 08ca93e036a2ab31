//! The filters of a policy for a caller that terminates connections itself.

use super::filter::{CompiledFilter, Refused};
use super::reader::Reader;
use crate::compile::CompiledPolicy;
use alloc::vec::Vec;

/// A filter over what one client sends to a proxy.
///
/// [`Verdict::Queue`](crate::Verdict::Queue) hands a connection to the caller, who may terminate it
/// and open its own to the server. The octets that its socket has put in order go through this,
/// and what comes out goes on: a request leaves only when it is whole, so that nothing of a
/// refused one reaches the server.
///
/// ```
/// use stateful_firewall::application::Refused;
/// use stateful_firewall::language;
///
/// let policy = language::compile("zone outside level 0
///     filter clean { block { ads.example } }").unwrap();
/// let mut filter = policy.proxy_filter("clean", 80, 16_384).unwrap();
/// assert_eq!(filter.read(b"GET / HTTP/1.1\r\nHost: good.").unwrap(), b"");
/// let whole = b"GET / HTTP/1.1\r\nHost: good.example\r\n\r\n";
/// assert_eq!(filter.read(b"example\r\n\r\n").unwrap(), whole);
/// let other = filter.read(b"GET / HTTP/1.1\r\nHost: ads.example\r\n\r\n");
/// assert_eq!(other, Err(Refused::Name));
/// ```
#[derive(Debug, Clone)]
pub struct ProxyFilter {
    filter: CompiledFilter,
    reader: Reader,
    port: u16,
    held: Vec<u8>,
    capacity: usize,
    refused: Option<Refused>,
}

impl CompiledPolicy {
    /// The filter of this name, for one connection to this port of a server; at most `capacity`
    /// octets of a request that is not whole are kept. `None` when there is no such filter.
    pub fn proxy_filter(&self, name: &str, port: u16, capacity: usize) -> Option<ProxyFilter> {
        let filter = self.filters.iter().find(|filter| filter.name == name)?;
        Some(ProxyFilter {
            filter: CompiledFilter {
                // A proxy has its own way to a scanner.
                scan: false,
                ..filter.clone()
            },
            reader: Reader::new(),
            port,
            held: Vec::new(),
            capacity,
            refused: None,
        })
    }
}

impl ProxyFilter {
    /// Takes what the client has sent next; returns what may go on to the server now.
    ///
    /// # Errors
    ///
    /// What the filter refuses, now and ever after: the connection is to be closed.
    pub fn read(&mut self, octets: &[u8]) -> Result<Vec<u8>, Refused> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        if self.reader.is_opaque() && self.held.is_empty() {
            return Ok(octets.to_vec());
        }
        self.held.extend_from_slice(octets);
        let read = self.reader.read(self.port, &self.held, &self.filter);
        let taken = match read {
            // What follows is not read, and goes on.
            Ok(_) if self.reader.is_opaque() => self.held.len(),
            Ok(taken) if self.held.len() - taken > self.capacity => {
                return Err(self.refuse(Refused::TooLong));
            }
            Ok(taken) => taken,
            Err(refused) => return Err(self.refuse(refused)),
        };
        let rest = self.held.split_off(taken);
        Ok(core::mem::replace(&mut self.held, rest))
    }

    /// Whether nothing more of the connection is read: it is TLS whose ClientHello has gone on, or
    /// something that the filter does not know and lets pass.
    pub fn is_over(&self) -> bool {
        self.reader.is_opaque()
    }

    fn refuse(&mut self, refused: Refused) -> Refused {
        self.refused = Some(refused);
        self.held = Vec::new();
        refused
    }
}
