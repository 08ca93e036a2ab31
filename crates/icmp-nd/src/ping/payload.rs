//! The data of a request: a token, and a pattern behind it.

use alloc::vec::Vec;
use packet_buffer::PacketBuf;

/// Octets of the token.
pub(super) const TOKEN_LEN: usize = 8;

/// What the data behind the token is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Pattern {
    /// Each octet is its place in the data, as most pings do: 8, 9, 10, ...
    #[default]
    Counting,
    /// These octets, over and over, counted from the start of the data; zeroes when there are none.
    /// Links that lose packets by their content are found with it.
    Repeating(Vec<u8>),
}

impl Pattern {
    /// The octet at place `at` of the data.
    fn octet(&self, at: usize) -> u8 {
        match self {
            Self::Counting => {
                let [.., low] = at.to_be_bytes();
                low
            }
            Self::Repeating(octets) => at
                .checked_rem(octets.len())
                .and_then(|place| octets.get(place))
                .copied()
                .unwrap_or(0),
        }
    }

    /// Writes data of `length` octets.
    pub(super) fn write(&self, token: u64, length: usize, out: &mut PacketBuf) {
        let octets = out.append(length);
        for (at, octet) in octets.iter_mut().enumerate() {
            *octet = self.octet(at);
        }
        for (octet, token) in octets.iter_mut().zip(token.to_be_bytes()) {
            *octet = token;
        }
    }

    /// Where `data` first differs from what was sent; `None` when it does not.
    pub(super) fn first_difference(&self, token: u64, length: usize, data: &[u8]) -> Option<usize> {
        let token = token.to_be_bytes();
        let wanted = |at| token.get(at).copied().unwrap_or_else(|| self.octet(at));
        let difference = data
            .iter()
            .take(length)
            .enumerate()
            .position(|(at, &octet)| octet != wanted(at));
        match difference {
            Some(at) => Some(at),
            None if data.len() != length => Some(data.len().min(length)),
            None => None,
        }
    }
}

/// Whether what is there of the token in `data`, out of `length` octets that were sent, is right.
/// `None` when nothing of it is there.
pub(super) fn token_matches(token: u64, length: usize, data: &[u8]) -> Option<bool> {
    let there = TOKEN_LEN.min(length).min(data.len());
    if there == 0 {
        return None;
    }
    let wanted = token.to_be_bytes();
    Some(data.get(..there) == wanted.get(..there))
}
