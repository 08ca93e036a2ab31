//! A session whose application layer is read.

use super::dns;
use super::filter::{CompiledFilter, Refused};
use super::reader::{DNS_PORT, Reader};
use super::stream::Stream;
use flow_state::packet::TcpSegment;
use flow_state::{Direction, Key};
use packet_buffer::wire::TcpFlags;

/// What a [`Scanner`] is shown.
#[derive(Debug, Clone, Copy)]
pub struct Scanned<'a> {
    /// The session's addresses, protocol and ports, in its original direction.
    pub key: Key,
    /// Who sends it.
    pub direction: Direction,
    /// What is sent: the next octets of the stream, or a datagram. Over TCP an end of one call's
    /// octets means nothing.
    pub data: &'a [u8],
}

/// Looks at what sessions carry: a virus scanner, an intrusion detection system. It is the caller's,
/// and asked about sessions whose filter says `scan`.
pub trait Scanner: Send {
    /// Whether the octets may pass. Called once for each octet, in order; what it needs of earlier ones it
    /// keeps itself.
    fn scan(&mut self, scanned: &Scanned<'_>) -> bool;

    /// The session is over: what was kept for it can go.
    fn ended(&mut self, key: &Key) {
        let _ = key;
    }
}

/// The application layer of one session.
#[derive(Debug, Clone)]
pub(crate) struct Inspection {
    reader: Reader,
    /// What the client and what the server sends; `None` before the SYN.
    streams: [Option<Stream>; 2],
    capacity: usize,
    /// Octets of the client's unread that the scanner has seen.
    scanned: usize,
}

impl Inspection {
    pub(crate) const fn new(capacity: usize) -> Self {
        Self {
            reader: Reader::new(),
            streams: [None, None],
            capacity,
            scanned: 0,
        }
    }

    /// A direction starts with this sequence number, in a handshake that was not seen.
    pub(crate) fn starts(&mut self, direction: Direction, first: u32, capacity: usize) {
        let [client, server] = &mut self.streams;
        let stream = match direction {
            Direction::Original => client,
            Direction::Reply => server,
        };
        *stream = Some(Stream::new(first, capacity));
    }

    /// Whether nothing of the session is read any more.
    pub(crate) fn is_over(&self, filter: &CompiledFilter) -> bool {
        let [client, _] = &self.streams;
        !filter.scan && self.reader.is_opaque() && client.as_ref().is_some_and(Stream::is_over)
    }

    /// Looks at a segment.
    ///
    /// # Errors
    ///
    /// What the filter, or the scanner, refuses.
    pub(crate) fn segment(
        &mut self,
        key: Key,
        direction: Direction,
        segment: &TcpSegment<'_>,
        filter: &CompiledFilter,
        scanner: Option<&mut (dyn Scanner + 'static)>,
    ) -> Result<(), Refused> {
        let capacity = self.capacity;
        let [client, server] = &mut self.streams;
        let (own, peer) = match direction {
            Direction::Original => (client, server),
            Direction::Reply => (server, client),
        };
        let mut first = segment.sequence_number;
        if segment.flags.contains(TcpFlags::SYN) {
            first = first.wrapping_add(1);
            *own = Some(Stream::new(first, capacity));
        }
        if segment.flags.contains(TcpFlags::ACK)
            && let Some(peer) = peer
        {
            peer.acknowledge(segment.acknowledgment_number);
        }
        if segment.payload.is_empty() || direction == Direction::Reply && !filter.scan {
            return Ok(());
        }
        // RFC 6093: what urgent data is to a stream is a matter of dispute among ends.
        if segment.flags.contains(TcpFlags::URG) {
            return Err(Refused::Urgent);
        }
        let stream = own.as_mut().ok_or(Refused::NoStart)?;
        stream.insert(first, segment.payload)?;
        if filter.scan {
            let skip = match direction {
                Direction::Original => self.scanned,
                Direction::Reply => 0,
            };
            let data = stream.unread().get(skip..).unwrap_or_default();
            let scanned = Scanned {
                key,
                direction,
                data,
            };
            if !data.is_empty() && !scanner.is_none_or(|scanner| scanner.scan(&scanned)) {
                return Err(Refused::Content);
            }
        }
        match direction {
            Direction::Original => self.read(key, filter),
            Direction::Reply => {
                let octets = stream.unread().len();
                stream.consume(octets);
                Ok(())
            }
        }
    }

    /// Reads what the client has sent.
    fn read(&mut self, key: Key, filter: &CompiledFilter) -> Result<(), Refused> {
        let [Some(stream), _] = &mut self.streams else {
            return Ok(());
        };
        let port = key.destination_port();
        let taken = self.reader.read(port, stream.unread(), filter)?;
        stream.consume(taken);
        if self.reader.is_opaque() && !filter.scan {
            stream.stop();
        }
        self.scanned = stream.unread().len();
        Ok(())
    }
}

/// Looks at a datagram of a session.
pub(crate) fn datagram(
    key: Key,
    direction: Direction,
    payload: &[u8],
    filter: &CompiledFilter,
    scanner: Option<&mut (dyn Scanner + 'static)>,
) -> Result<(), Refused> {
    let scanned = Scanned {
        key,
        direction,
        data: payload,
    };
    if filter.scan && !scanner.is_none_or(|scanner| scanner.scan(&scanned)) {
        return Err(Refused::Content);
    }
    if direction == Direction::Reply {
        return Ok(());
    }
    if key.destination_port() == DNS_PORT {
        dns::query(payload, filter)
    } else {
        filter.nameless()
    }
}
