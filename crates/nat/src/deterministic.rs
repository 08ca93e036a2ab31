//! Deterministic address mapping (RFC 7422): which ports of which outside address an inside address
//! has is calculated, so that there is nothing to log.
//!
//! The inside addresses are counted through; so many of them share one outside address, each with
//! as many ports in a row. What is left behind those ports is a pool of blocks of the same size for
//! who needs more, and only those are logged.
//!
//! ```
//! use nat::deterministic::{Deterministic, Owner};
//!
//! // Fourteen hosts, one outside address, and two blocks for who needs more: 4,032 ports each.
//! let map = Deterministic::new(
//!     "198.51.100.0".parse()?..="198.51.100.13".parse()?,
//!     "192.0.2.1".parse()?..="192.0.2.1".parse()?,
//!     1024,
//!     14,
//!     2,
//! )?;
//! let share = map.share("198.51.100.1".parse()?).unwrap();
//! assert_eq!((share.address, share.ports), ("192.0.2.1".parse()?, 5056..=9087));
//! // An abuse report names an address and a port.
//! let owner = map.owner("192.0.2.1".parse()?, 6000);
//! assert_eq!(owner, Owner::Subscriber("198.51.100.1".parse()?));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use crate::hooks::{Partition, PortBlock, Share, ShareEvent};
use crate::port_block::{PortBlocks, PortBlocksConfig};
use alloc::boxed::Box;
use core::net::Ipv4Addr;
use core::ops::RangeInclusive;
use packet_buffer::{Instant, RandomSource};
use thiserror::Error;

/// Why a mapping cannot be calculated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum DeterministicError {
    /// A range of addresses is empty.
    #[error("a range of addresses is empty")]
    Empty,
    /// The outside addresses are too few for the inside ones.
    #[error("{needed} outside addresses are needed and {available} are there")]
    TooFewAddresses {
        /// Outside addresses that the ratio needs.
        needed: u32,
        /// Those that are there.
        available: u32,
    },
    /// So many subscribers leave no port for each.
    #[error("there are not enough ports for so many subscribers of one address")]
    TooFewPorts,
}

/// Whose port it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// This inside address, at any time.
    Subscriber(Ipv4Addr),
    /// Whoever had the block at the time: the log tells.
    Dynamic(PortBlock),
    /// Nobody: a reserved port, or one that was left over.
    Nobody,
}

/// The calculation, in both directions, in constant time and without state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deterministic {
    inside: RangeInclusive<Ipv4Addr>,
    outside: RangeInclusive<Ipv4Addr>,
    reserved: u16,
    ratio: u16,
    dynamic: u16,
    /// Ports of a block.
    size: u16,
}

impl Deterministic {
    /// The variables of RFC 7422 §2: inside addresses (I), outside addresses (E), ports from 0 that
    /// nobody gets (R), subscribers of one outside address (C, the compression ratio), and how many
    /// blocks of each outside address are given out on demand (D).
    ///
    /// # Errors
    ///
    /// [`DeterministicError`].
    // RFC 7422 §2 MUST (size): each subscriber has (65536 - R) / (C + D) ports.
    pub fn new(
        inside: RangeInclusive<Ipv4Addr>,
        outside: RangeInclusive<Ipv4Addr>,
        reserved: u16,
        ratio: u16,
        dynamic: u16,
    ) -> Result<Self, DeterministicError> {
        let (subscribers, available) = (count(&inside), count(&outside));
        if subscribers == 0 || available == 0 {
            return Err(DeterministicError::Empty);
        }
        let blocks = u32::from(ratio) + u32::from(dynamic);
        let size = (65_536 - u32::from(reserved)).checked_div(blocks);
        let size = size.and_then(|size| u16::try_from(size).ok());
        let size = size.filter(|size| *size > 0 && ratio > 0);
        let size = size.ok_or(DeterministicError::TooFewPorts)?;
        let needed = subscribers.div_ceil(u64::from(ratio));
        if needed > available {
            let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
            return Err(DeterministicError::TooFewAddresses {
                needed: narrow(needed),
                available: narrow(available),
            });
        }
        Ok(Self {
            inside,
            outside,
            reserved,
            ratio,
            dynamic,
            size,
        })
    }

    /// Ports of each subscriber.
    pub const fn ports_per_subscriber(&self) -> u16 {
        self.size
    }

    /// The ports that an inside address always has; `None` for an address that is not in the range.
    // RFC 7422 §2 MUST (sequential): blocks follow each other in the order of inside addresses.
    pub fn share(&self, inside: Ipv4Addr) -> Option<Share> {
        let number = offset(&self.inside, inside)?;
        let ratio = u32::from(self.ratio);
        let address = Ipv4Addr::from_bits(self.outside.start().to_bits() + number / ratio);
        Some(Share {
            address,
            ports: self.block(number % ratio)?,
        })
    }

    /// The ports of the `number`th block of an outside address.
    fn block(&self, number: u32) -> Option<RangeInclusive<u16>> {
        let size = u32::from(self.size);
        let first = u32::from(self.reserved) + number * size;
        let last = first + size - 1;
        Some(u16::try_from(first).ok()?..=u16::try_from(last).ok()?)
    }

    /// Whose an outside address and port are.
    // RFC 7422 §2 MUST (reverse): the calculation is turned round without a log.
    pub fn owner(&self, outside: Ipv4Addr, port: u16) -> Owner {
        let Some(index) = offset(&self.outside, outside) else {
            return Owner::Nobody;
        };
        let Some(behind) = port.checked_sub(self.reserved) else {
            return Owner::Nobody;
        };
        let number = u32::from(behind / self.size);
        let ratio = u32::from(self.ratio);
        if number < ratio {
            let bits = self.inside.start().to_bits();
            let subscriber = u64::from(index) * u64::from(ratio) + u64::from(number);
            let subscriber = u32::try_from(subscriber)
                .ok()
                .and_then(|subscriber| bits.checked_add(subscriber))
                .map(Ipv4Addr::from_bits)
                .filter(|subscriber| self.inside.contains(subscriber));
            return subscriber.map_or(Owner::Nobody, Owner::Subscriber);
        }
        if number < ratio + u32::from(self.dynamic)
            && let Some(ports) = self.block(number)
        {
            return Owner::Dynamic(PortBlock {
                address: outside,
                first: *ports.start(),
                last: *ports.end(),
            });
        }
        Owner::Nobody
    }

    /// The ports that are given out on demand, of each outside address.
    fn dynamic_ports(&self) -> Option<RangeInclusive<u16>> {
        let ratio = u32::from(self.ratio);
        let first = self.block(ratio).filter(|_| self.dynamic > 0)?;
        let last = self.block(ratio + u32::from(self.dynamic) - 1)?;
        Some(*first.start()..=*last.end())
    }
}

fn count(range: &RangeInclusive<Ipv4Addr>) -> u64 {
    let (start, end) = (range.start().to_bits(), range.end().to_bits());
    if start > end {
        0
    } else {
        u64::from(end - start) + 1
    }
}

fn offset(range: &RangeInclusive<Ipv4Addr>, address: Ipv4Addr) -> Option<u32> {
    let is_in = range.contains(&address);
    is_in.then(|| address.to_bits() - range.start().to_bits())
}

/// The calculation, as a [`Partition`] of a pool: each subscriber has its own ports, and up to
/// `max_blocks` blocks more from the dynamic ones of its own outside address.
pub struct DeterministicPartition {
    map: Deterministic,
    blocks: Option<PortBlocks>,
}

impl DeterministicPartition {
    /// Divides a pool as `map` says.
    // RFC 7422 §2 SHOULD (dynamic): the rest of the ports is for who has used up its own.
    pub fn new(map: Deterministic, max_blocks: u16, random: Box<dyn RandomSource + Send>) -> Self {
        let blocks = map.dynamic_ports().and_then(|ports| {
            let config = PortBlocksConfig {
                addresses: alloc::vec![map.outside.clone()],
                ports,
                block_size: map.size,
                max_blocks,
            };
            PortBlocks::new(config, random).ok()
        });
        Self { map, blocks }
    }
}

impl Partition for DeterministicPartition {
    fn share(&self, subscriber: Ipv4Addr, index: usize) -> Option<Share> {
        match index.checked_sub(1) {
            None => self.map.share(subscriber),
            Some(index) => self.blocks.as_ref()?.share(subscriber, index),
        }
    }

    fn grow(&mut self, now: Instant, subscriber: Ipv4Addr) -> Option<Share> {
        let own = self.map.share(subscriber)?;
        self.blocks
            .as_mut()?
            .grow_at(now, subscriber, Some(own.address))
    }

    fn taken(&mut self, now: Instant, subscriber: Ipv4Addr, address: Ipv4Addr, port: u16) {
        if let Some(blocks) = &mut self.blocks {
            blocks.taken(now, subscriber, address, port);
        }
    }

    fn released(&mut self, now: Instant, subscriber: Ipv4Addr, address: Ipv4Addr, port: u16) {
        if let Some(blocks) = &mut self.blocks {
            blocks.released(now, subscriber, address, port);
        }
    }

    // RFC 7422 §2 SHOULD (log): only blocks of the dynamic pool are logged.
    fn stands_for_mappings(&self) -> bool {
        true
    }

    fn poll_event(&mut self) -> Option<ShareEvent> {
        self.blocks.as_mut()?.poll_event()
    }
}
