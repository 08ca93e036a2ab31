//! The update header of demand circuits (RFC 2091 §3.1).

/// The four octets behind the header of an update request, response or acknowledgement.
///
/// ```text
///  0         1       2                 4
/// +---------+-------+-----------------+
/// | version | flush | sequence number |
/// +---------+-------+-----------------+
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UpdateHeader {
    /// The version of the update header: 1.
    pub version: u8,
    /// In a response, whether it starts a whole table: the receiver forgets what it does not
    /// hear again. Any value but 0 is taken for set.
    pub flush: bool,
    /// The number of a response, which its acknowledgement repeats. 0 in a request.
    pub sequence_number: u16,
}

impl UpdateHeader {
    /// Octets of the header.
    pub const LEN: usize = 4;
    /// The version that there is.
    pub const VERSION: u8 = 1;

    /// The header of a request.
    pub const REQUEST: Self = Self::new(false, 0);

    /// A header of version 1.
    pub const fn new(flush: bool, sequence_number: u16) -> Self {
        Self {
            version: Self::VERSION,
            flush,
            sequence_number,
        }
    }

    pub(super) fn read(octets: &[u8; Self::LEN]) -> Self {
        let &[version, flush, high, low] = octets;
        Self {
            version,
            flush: flush != 0,
            sequence_number: u16::from_be_bytes([high, low]),
        }
    }

    pub(super) fn octets(self) -> [u8; Self::LEN] {
        let [high, low] = self.sequence_number.to_be_bytes();
        [self.version, u8::from(self.flush), high, low]
    }
}
