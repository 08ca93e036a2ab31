//! A message of RIP-1 or RIP-2.

use super::{
    Authentication, AuthenticationType, Command, CryptographicAuthentication, ENTRY_LEN,
    EntryError, FAMILY_AUTHENTICATION, FAMILY_UNSPECIFIED, HEADER_LEN, INFINITY, InterfaceAddress,
    MessageError, RipEntry, RipRoute, UpdateHeader, VERSION_1, be16, field,
};
use packet_buffer::{EmitError, PacketBuf, ParseError};

/// A received message of RIP-1 or RIP-2.
///
/// ```text
///  0         1         2              4
/// +---------+---------+--------------+--------------------------------+---------------
/// | command | version | must be zero | entries of 20 octets, up to 25 | trailer (RFC 4822)
/// +---------+---------+--------------+--------------------------------+---------------
///                                     the first may be authentication; behind the header of
///                                     commands 9 to 11 there is an update header (RFC 2091)
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RipMessage<'a> {
    header: &'a [u8; HEADER_LEN],
    update: Option<UpdateHeader>,
    authentication: Option<Authentication<'a>>,
    entries: &'a [[u8; ENTRY_LEN]],
}

impl<'a> RipMessage<'a> {
    /// Reads the payload of a UDP datagram, all of it.
    ///
    /// Which version it is and whether one may act on it is not asked here: see
    /// [`check`](Self::check).
    ///
    /// # Errors
    ///
    /// Truncated, when the header is not there; bad length, when the entries are not a multiple
    /// of 20 octets, or when a length in the authentication entry cannot be; bad value, when the
    /// trailer of cryptographic authentication does not start as it must.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, ParseError> {
        let Some((header, rest)) = octets.split_first_chunk::<HEADER_LEN>() else {
            return Err(ParseError::truncated(
                "RIP header",
                0,
                HEADER_LEN,
                octets.len(),
            ));
        };
        let (update, body) = if Command(header[0]).has_update_header() {
            let Some((update, body)) = rest.split_first_chunk::<{ UpdateHeader::LEN }>() else {
                return Err(ParseError::truncated(
                    "RIP update header",
                    HEADER_LEN,
                    UpdateHeader::LEN,
                    rest.len(),
                ));
            };
            (Some(UpdateHeader::read(update)), body)
        } else {
            (None, rest)
        };
        let mut message = Self {
            header,
            update,
            authentication: None,
            entries: &[],
        };
        let at = octets.len() - body.len();
        let mut entries = body;
        if header[1] != VERSION_1
            && let Some((entry, behind)) = body.split_first_chunk::<ENTRY_LEN>()
            && be16::<0, ENTRY_LEN>(entry) == FAMILY_AUTHENTICATION
        {
            let data = field::<4, 16, ENTRY_LEN>(entry);
            entries = behind;
            message.authentication = Some(match AuthenticationType(be16::<2, ENTRY_LEN>(entry)) {
                AuthenticationType::PASSWORD => Authentication::Password(data),
                AuthenticationType::CRYPTOGRAPHIC => {
                    let parsed = CryptographicAuthentication::parse(octets, entry, at)?;
                    let end = usize::from(parsed.packet_length());
                    entries = octets.get(at + ENTRY_LEN..end).unwrap_or_default();
                    Authentication::Cryptographic(parsed)
                }
                other => Authentication::Unknown(other, data),
            });
        }
        let (entries, trailing) = entries.as_chunks();
        if !trailing.is_empty() {
            return Err(ParseError::bad_length("RIP message", 0, octets.len()));
        }
        message.entries = entries;
        Ok(message)
    }

    /// What the message asks for or tells.
    #[inline]
    pub fn command(&self) -> Command {
        Command(self.header[0])
    }

    /// 1 or 2; greater ones are read as 2 (RFC 2453 §5).
    #[inline]
    pub fn version(&self) -> u8 {
        self.header[1]
    }

    /// The two octets behind the version, which are zero.
    #[inline]
    pub fn must_be_zero(&self) -> u16 {
        be16::<2, HEADER_LEN>(self.header)
    }

    /// The update header of commands 9 to 11.
    #[inline]
    pub fn update_header(&self) -> Option<UpdateHeader> {
        self.update
    }

    /// What the first entry is, when it is authentication. RIP-1 has none.
    #[inline]
    pub fn authentication(&self) -> Option<Authentication<'a>> {
        self.authentication
    }

    /// How many entries there are, without the one for authentication.
    #[inline]
    pub fn entry_count(&self) -> usize {
        self.entries.len()
    }

    /// The entries, in order, without the one for authentication.
    #[inline]
    pub fn entries(&self) -> impl ExactSizeIterator<Item = RipEntry<'a>> + use<'a> {
        self.entries.iter().map(RipEntry::new)
    }

    /// The entries of a response that came in on an interface with `addresses`: each is a
    /// route, or says why it is not.
    #[inline]
    pub fn routes<'b>(&self, addresses: &'b [InterfaceAddress]) -> RipRoutes<'a, 'b> {
        RipRoutes {
            version: self.version(),
            entries: self.entries.iter(),
            addresses,
        }
    }

    /// Whether a router may act on the message; `limit` is the number of entries that it may
    /// carry, the one for authentication among them
    /// ([`MAX_RIP_ENTRIES`](super::MAX_RIP_ENTRIES) by the RFCs).
    ///
    /// # Errors
    ///
    /// Each check has its own. Authentication is not checked here.
    #[inline]
    pub fn check(&self, limit: usize) -> Result<(), MessageError> {
        let (command, version) = (self.command(), self.version());
        // RFC 1058 §3.4 MUST (version-0): such messages are ignored.
        if version == 0 {
            return Err(MessageError::Version(version));
        }
        // RFC 2453 §3.6 MUST (commands): requests and responses; the obsolete ones are ignored.
        // RFC 2091 §3.1 adds 9 to 11.
        if !matches!(command, Command::REQUEST | Command::RESPONSE) && self.update.is_none() {
            return Err(MessageError::Command(command));
        }
        // RFC 2453 §5 MUST (version-1): a version 1 message with such a field is discarded; one of
        // a later version is not.
        if version == VERSION_1
            && (self.must_be_zero() != 0 || !self.entries().all(|entry| entry.is_clean_v1()))
        {
            return Err(MessageError::MustBeZero);
        }
        // RFC 2453 §3.6 MUST (25-entries): a message has from 1 to 25.
        let count = self.entries.len() + usize::from(self.authentication.is_some());
        if count > limit {
            return Err(MessageError::TooManyEntries { count, limit });
        }
        if let Some(update) = self.update
            && update.version == 0
        {
            return Err(MessageError::UpdateVersion(update.version));
        }
        Ok(())
    }

    /// What a request asks for.
    // RFC 2453 §3.9.1 MUST (whole-table): exactly one entry, of family 0 and metric 16.
    #[inline]
    pub fn request_kind(&self) -> RequestKind {
        match self.entries {
            [] => RequestKind::Nothing,
            [entry] => {
                let entry = RipEntry::new(entry);
                let infinite = entry.metric() == u32::from(INFINITY);
                if entry.address_family() == FAMILY_UNSPECIFIED && infinite {
                    RequestKind::WholeTable
                } else {
                    RequestKind::Entries
                }
            }
            _ => RequestKind::Entries,
        }
    }
}

/// What a request asks for (RFC 2453 §3.9.1, RFC 2080 §2.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// There are no entries: no answer.
    Nothing,
    /// All routes, as in a periodic update.
    WholeTable,
    /// The metrics of the entries, filled in and sent back.
    Entries,
}

/// The entries of a response, each judged by itself.
#[derive(Debug, Clone)]
pub struct RipRoutes<'a, 'b> {
    version: u8,
    entries: core::slice::Iter<'a, [u8; ENTRY_LEN]>,
    addresses: &'b [InterfaceAddress],
}

impl Iterator for RipRoutes<'_, '_> {
    type Item = Result<RipRoute, EntryError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let entry = RipEntry::new(self.entries.next()?);
        Some(entry.route(self.version, self.addresses))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl ExactSizeIterator for RipRoutes<'_, '_> {}
impl core::iter::FusedIterator for RipRoutes<'_, '_> {}

/// The header of a message of RIP-1 or RIP-2, as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RipMessageRepr {
    /// What the message asks for or tells.
    pub command: Command,
    /// 1 or 2.
    pub version: u8,
    /// The update header of commands 9 to 11; `None` for all others.
    pub update: Option<UpdateHeader>,
}

impl RipMessageRepr {
    /// A message without an update header.
    pub const fn new(command: Command, version: u8) -> Self {
        Self {
            command,
            version,
            update: None,
        }
    }

    /// A message of a demand circuit.
    pub const fn with_update(command: Command, version: u8, update: UpdateHeader) -> Self {
        Self {
            command,
            version,
            update: Some(update),
        }
    }

    /// Octets that [`emit`](Self::emit) writes.
    pub const fn len(&self) -> usize {
        match self.update {
            Some(_) => HEADER_LEN + UpdateHeader::LEN,
            None => HEADER_LEN,
        }
    }

    /// Always false: there is always a header.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Writes the header in front of the entries in `packet`.
    ///
    /// # Errors
    ///
    /// Bad value, when an update header is missing or too many for the command.
    #[inline]
    pub fn emit(&self, packet: &mut PacketBuf) -> Result<(), EmitError> {
        if self.command.has_update_header() != self.update.is_some() {
            return Err(EmitError::BadValue {
                what: "RIP command",
                value: u32::from(self.command.0),
            });
        }
        if let Some(update) = self.update {
            packet.prepend_slice(&update.octets());
        }
        packet.prepend_slice(&[self.command.0, self.version, 0, 0]);
        Ok(())
    }
}
