//! Blocks of ports: a subscriber gets its ports by the block, and only blocks are logged, which is
//! one record for hundreds of mappings (RFC 6888 §4, RFC 8158 §4.4).

use crate::hooks::{Partition, PortBlock, Share, ShareEvent};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use core::ops::RangeInclusive;
use packet_buffer::{Instant, RandomSource};
use thiserror::Error;

/// Events that wait to be taken.
const MAX_EVENTS: usize = 4_096;

/// How a pool is divided into blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortBlocksConfig {
    /// The outside addresses: those of the pool; up to 65,536.
    pub addresses: Vec<RangeInclusive<Ipv4Addr>>,
    /// The ports of each address that are divided.
    pub ports: RangeInclusive<u16>,
    /// Ports of a block. What is left behind the last whole block is not used.
    pub block_size: u16,
    /// The most blocks of one subscriber.
    pub max_blocks: u16,
}

/// Why a pool cannot be divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[error("{field}: {problem}")]
pub struct PortBlocksError {
    /// The field of [`PortBlocksConfig`] to blame.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// A block that a subscriber has.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// Index of the outside address.
    address: usize,
    block: u16,
    /// Mappings in it, of all protocols.
    mappings: u32,
}

/// An outside address.
#[derive(Debug)]
struct Address {
    address: Ipv4Addr,
    free: Vec<u16>,
    /// Who has each block.
    owners: Vec<Option<Ipv4Addr>>,
}

/// Blocks of ports, given to subscribers as they need them: a [`Partition`] of a pool.
///
/// All blocks of a subscriber are of one address. Which block comes next is random. A block goes
/// back with its last mapping.
///
/// ```
/// use nat::hooks::Partition;
/// use nat::port_block::{PortBlocks, PortBlocksConfig};
/// # use nat::Instant;
/// # struct Random(u64);
/// # impl packet_buffer::RandomSource for Random {
/// #     fn fill(&mut self, dest: &mut [u8]) {
/// #         for octet in dest {
/// #             self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
/// #             *octet = (self.0 >> 56) as u8;
/// #         }
/// #     }
/// # }
/// # let random = Box::new(Random(1));
/// let config = PortBlocksConfig {
///     addresses: vec!["203.0.113.1".parse()?..="203.0.113.4".parse()?],
///     ports: 1024..=65535,
///     block_size: 512,
///     max_blocks: 4,
/// };
/// let mut blocks = PortBlocks::new(config, random)?;
/// let share = blocks.grow(Instant::from_secs(1), "100.64.0.7".parse()?).unwrap();
/// assert_eq!(share.ports.len(), 512);
/// assert_eq!(blocks.owner(share.address, *share.ports.start()), Some("100.64.0.7".parse()?));
/// // nat.set_partition(0, Box::new(blocks));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct PortBlocks {
    config: PortBlocksConfig,
    addresses: Vec<Address>,
    subscribers: BTreeMap<Ipv4Addr, Vec<Held>>,
    events: VecDeque<ShareEvent>,
    events_dropped: u64,
    random: Box<dyn RandomSource + Send>,
}

impl PortBlocks {
    /// Divides a pool.
    ///
    /// # Errors
    ///
    /// [`PortBlocksError`], which names the field.
    pub fn new(
        config: PortBlocksConfig,
        random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, PortBlocksError> {
        let wrong = |field, problem| Err(PortBlocksError { field, problem });
        if config.block_size == 0 || config.ports.len() < usize::from(config.block_size) {
            return wrong("block_size", "there is not one block");
        }
        let blocks = config.ports.len() / usize::from(config.block_size);
        // At most 65,536 ports.
        let blocks = u16::try_from(blocks).unwrap_or(u16::MAX);
        let mut addresses = Vec::new();
        for range in &config.addresses {
            for bits in range.start().to_bits()..=range.end().to_bits() {
                if addresses.len() >= 65_536 {
                    return wrong("addresses", "there are more than 65536");
                }
                addresses.push(Address {
                    address: Ipv4Addr::from_bits(bits),
                    free: (0..blocks).collect(),
                    owners: alloc::vec![None; usize::from(blocks)],
                });
            }
        }
        addresses.sort_by_key(|it| it.address);
        addresses.dedup_by_key(|it| it.address);
        if addresses.is_empty() {
            return wrong("addresses", "there are none");
        }
        Ok(Self {
            config,
            addresses,
            subscribers: BTreeMap::new(),
            events: VecDeque::new(),
            events_dropped: 0,
            random,
        })
    }

    /// Who has the block of an outside address and port now.
    pub fn owner(&self, address: Ipv4Addr, port: u16) -> Option<Ipv4Addr> {
        let address = self.addresses.get(self.index_of(address)?)?;
        *address.owners.get(usize::from(self.block_of(port)?))?
    }

    /// Blocks that nobody has.
    pub fn free_blocks(&self) -> usize {
        self.addresses.iter().map(|it| it.free.len()).sum()
    }

    /// Events that were dropped because nobody took them.
    pub const fn events_dropped(&self) -> u64 {
        self.events_dropped
    }

    fn index_of(&self, address: Ipv4Addr) -> Option<usize> {
        self.addresses
            .binary_search_by_key(&address, |it| it.address)
            .ok()
    }

    fn block_of(&self, port: u16) -> Option<u16> {
        if !self.config.ports.contains(&port) {
            return None;
        }
        Some((port - self.config.ports.start()) / self.config.block_size)
    }

    fn ports_of(&self, block: u16) -> RangeInclusive<u16> {
        let first = self.config.ports.start() + block * self.config.block_size;
        first..=first + (self.config.block_size - 1)
    }

    fn share_of(&self, held: &Held) -> Option<Share> {
        Some(Share {
            address: self.addresses.get(held.address)?.address,
            ports: self.ports_of(held.block),
        })
    }

    fn tell(&mut self, at: Instant, subscriber: Ipv4Addr, share: &Share, is_given: bool) {
        if self.events.len() >= MAX_EVENTS {
            self.events_dropped = self.events_dropped.wrapping_add(1);
            return;
        }
        let block = PortBlock {
            address: share.address,
            first: *share.ports.start(),
            last: *share.ports.end(),
        };
        self.events.push_back(ShareEvent {
            at,
            subscriber,
            block,
            is_given,
        });
    }

    /// Gives a subscriber a block, of this outside address where one is named.
    pub(crate) fn grow_at(
        &mut self,
        now: Instant,
        subscriber: Ipv4Addr,
        at: Option<Ipv4Addr>,
    ) -> Option<Share> {
        let held = self.subscribers.get(&subscriber);
        let count = held.map_or(0, Vec::len);
        // RFC 6888 §3 REQ-4 MUST: the ports of a subscriber are limited.
        if count >= usize::from(self.config.max_blocks) {
            return None;
        }
        // A block that is not in use yet is enough.
        let last = held.and_then(|held| held.last()).copied();
        if last.is_some_and(|last| last.mappings == 0) {
            return None;
        }
        let index = match (at, last) {
            (Some(address), _) => self.index_of(address)?,
            // RFC 6888 §3 REQ-2 MUST: all mappings of a subscriber have one outside address.
            (None, Some(last)) => last.address,
            (None, None) => self.emptiest()?,
        };
        let address = self.addresses.get_mut(index)?;
        let choices = u32::try_from(address.free.len()).ok()?;
        if choices == 0 {
            return None;
        }
        let drawn = usize::try_from(self.random.below(choices)).ok()?;
        let block = address.free.swap_remove(drawn);
        *address.owners.get_mut(usize::from(block))? = Some(subscriber);
        let held = Held {
            address: index,
            block,
            mappings: 0,
        };
        self.subscribers.entry(subscriber).or_default().push(held);
        let share = self.share_of(&held)?;
        self.tell(now, subscriber, &share, true);
        Some(share)
    }

    /// Of two addresses that chance picks, the one with more free blocks; any other that has some,
    /// when neither does.
    fn emptiest(&mut self) -> Option<usize> {
        let count = u32::try_from(self.addresses.len()).ok()?;
        let mut draw = || usize::try_from(self.random.below(count)).unwrap_or(0);
        let (a, b) = (draw(), draw());
        let free = |index: usize| self.addresses.get(index).map_or(0, |it| it.free.len());
        let best = if free(a) >= free(b) { a } else { b };
        if free(best) > 0 {
            return Some(best);
        }
        self.addresses.iter().position(|it| !it.free.is_empty())
    }

    fn held_mut(
        &mut self,
        subscriber: Ipv4Addr,
        address: Ipv4Addr,
        port: u16,
    ) -> Option<(usize, &mut Vec<Held>)> {
        let (index, block) = (self.index_of(address)?, self.block_of(port)?);
        let held = self.subscribers.get_mut(&subscriber)?;
        let place = held
            .iter()
            .position(|held| held.address == index && held.block == block)?;
        Some((place, held))
    }
}

impl Partition for PortBlocks {
    fn share(&self, subscriber: Ipv4Addr, index: usize) -> Option<Share> {
        self.share_of(self.subscribers.get(&subscriber)?.get(index)?)
    }

    fn grow(&mut self, now: Instant, subscriber: Ipv4Addr) -> Option<Share> {
        self.grow_at(now, subscriber, None)
    }

    fn taken(&mut self, _now: Instant, subscriber: Ipv4Addr, address: Ipv4Addr, port: u16) {
        if let Some((place, held)) = self.held_mut(subscriber, address, port)
            && let Some(held) = held.get_mut(place)
        {
            held.mappings += 1;
        }
    }

    fn released(&mut self, now: Instant, subscriber: Ipv4Addr, address: Ipv4Addr, port: u16) {
        let Some((place, list)) = self.held_mut(subscriber, address, port) else {
            return;
        };
        let Some(held) = list.get_mut(place) else {
            return;
        };
        held.mappings = held.mappings.saturating_sub(1);
        if held.mappings > 0 {
            return;
        }
        let held = list.remove(place);
        if list.is_empty() {
            self.subscribers.remove(&subscriber);
        }
        if let Some(share) = self.share_of(&held) {
            self.tell(now, subscriber, &share, false);
        }
        if let Some(address) = self.addresses.get_mut(held.address) {
            address.free.push(held.block);
            if let Some(owner) = address.owners.get_mut(usize::from(held.block)) {
                *owner = None;
            }
        }
    }

    // RFC 6888 §4 REQ-14 SHOULD (blocks): a record for each block, and none for each mapping.
    fn stands_for_mappings(&self) -> bool {
        true
    }

    fn poll_event(&mut self) -> Option<ShareEvent> {
        self.events.pop_front()
    }
}
