//! What a client's octets ask for, once they are in order.

use super::filter::{CompiledFilter, Refused};
use super::http::{Http, looks_like_http};
use super::{dns, tls};

/// The port of DNS.
pub(super) const DNS_PORT: u16 = 53;

/// What a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    /// Not seen yet.
    Unknown,
    Http(Http),
    Tls,
    /// Over TCP: messages behind their lengths.
    Dns,
    /// Nothing more is read.
    Opaque,
}

/// Reads what a client sends over one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reader {
    speaks: Speaks,
}

impl Reader {
    /// In front of the first octet.
    pub(crate) const fn new() -> Self {
        Self {
            speaks: Speaks::Unknown,
        }
    }

    /// Whether nothing more is read.
    pub(crate) fn is_opaque(&self) -> bool {
        self.speaks == Speaks::Opaque
    }

    /// Reads on, of a connection to this port; returns how many of the octets were taken. Those that
    /// were not are to be given again, with more behind them.
    ///
    /// # Errors
    ///
    /// What the filter refuses.
    pub(crate) fn read(
        &mut self,
        port: u16,
        octets: &[u8],
        filter: &CompiledFilter,
    ) -> Result<usize, Refused> {
        let mut read = 0;
        loop {
            let unread = octets.get(read..).unwrap_or_default();
            if unread.is_empty() {
                break;
            }
            let taken = match &mut self.speaks {
                Speaks::Unknown => {
                    let Some(speaks) = recognise(port, unread) else {
                        break;
                    };
                    if speaks == Speaks::Opaque {
                        filter.nameless()?;
                    }
                    self.speaks = speaks;
                    continue;
                }
                Speaks::Http(http) => {
                    let taken = http.read(unread, filter)?;
                    if *http == Http::Tunnel {
                        self.speaks = Speaks::Opaque;
                    }
                    taken
                }
                Speaks::Tls => match tls::client_hello(unread, filter)? {
                    Some(taken) => {
                        self.speaks = Speaks::Opaque;
                        taken
                    }
                    None => 0,
                },
                Speaks::Dns => match unread {
                    [high, low, rest @ ..] => {
                        let length = usize::from(u16::from_be_bytes([*high, *low]));
                        match rest.get(..length) {
                            Some(message) => {
                                dns::query(message, filter)?;
                                length + 2
                            }
                            None => 0,
                        }
                    }
                    _ => 0,
                },
                Speaks::Opaque => unread.len(),
            };
            read += taken;
            if taken == 0 || self.is_opaque() && !filter.scan {
                break;
            }
        }
        Ok(read)
    }
}

/// What a client speaks that begins with these octets; `None` when there are too few to say.
fn recognise(port: u16, octets: &[u8]) -> Option<Speaks> {
    if port == DNS_PORT {
        return Some(Speaks::Dns);
    }
    match tls::looks_like_tls(octets) {
        Some(true) => return Some(Speaks::Tls),
        Some(false) => {}
        None => return None,
    }
    Some(if looks_like_http(octets)? {
        Speaks::Http(Http::Head)
    } else {
        Speaks::Opaque
    })
}
