//! Multilink bundles (RFC 1990): several links as one.
//!
//! A [`Fragmenter`] splits PPP packets and spreads them over the links of a bundle; a
//! [`Reassembler`] puts them in order again and notices what was lost. Which links make a bundle is
//! for the caller to say: those whose peer has the same name and the same endpoint discriminator
//! (RFC 1990 §5.1.3).
//!
//! ```text
//!  0                                    4
//! +---+---+-------------+---------------+----------
//! | B | E | 0 0 0 0 0 0 | sequence (24) | fragment        the long header
//! +---+---+-------------+---------------+----------
//!  0                     2
//! +---+---+-----+-------+----------
//! | B | E | 0 0 | (12)  | fragment                        the short header
//! +---+---+-----+-------+----------
//! ```

mod fragment;
mod header;
mod reassemble;

pub use fragment::{Fragmenter, MemberLink};
pub use header::FragmentHeader;
pub use reassemble::{
    Reassembler, ReassemblerConfig, ReassemblerConfigError, ReassemblerStats, ReassemblyDiscard,
};
