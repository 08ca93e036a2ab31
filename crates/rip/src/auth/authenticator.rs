//! Authentication of one interface.

use super::digest;
use super::sequence::{Received, Refused};
use super::{AuthError, KeyChain, KeyError, SealError, Secret, SequenceState};
use crate::wire::{
    Authentication as Given, AuthenticationType, CryptographicAuthentication, ENTRY_LEN,
    FAMILY_AUTHENTICATION, HEADER_LEN, MAX_RIP_ENTRIES, MAX_RIP_LEN, RipMessage, RipMessageRepr,
    VERSION_1,
};
use byteorder::{ByteOrder, NetworkEndian};
use core::net::Ipv4Addr;
use packet_buffer::{EmitError, Instant, PacketBuf};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// How messages on an interface are authenticated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Authentication {
    /// Not at all. Messages that are authenticated are ignored (RFC 2453 §5.2).
    #[default]
    None,
    /// By a password of up to 16 octets, which everybody on the link can read (RFC 2453 §4.1).
    Password(Secret),
    /// By a digest over message and secret (RFC 4822).
    Cryptographic(KeyChain),
}

impl Authentication {
    /// Whether it can work.
    ///
    /// # Errors
    ///
    /// The password is empty or too long. Key chains are checked when they are made.
    pub fn check(&self) -> Result<(), KeyError> {
        match self {
            Self::Password(secret) => match secret.expose().len() {
                0 => Err(KeyError::EmptySecret),
                length @ 17.. => Err(KeyError::SecretTooLong { length }),
                _ => Ok(()),
            },
            Self::None | Self::Cryptographic(_) => Ok(()),
        }
    }
}

/// What can be chosen about sequence numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuthOptions {
    /// The Unix time at the epoch of the caller's [`Instant`]s, in seconds: the numbers that are
    /// sent then are Unix times, and a restart does not begin again at 0. Default: 0, for a
    /// caller without a clock, who then has to save the [`SequenceState`].
    pub unix_time_at_epoch: u32,
    /// How many pairs of neighbor and key are remembered. When there are more, those of
    /// neighbors that are gone make room; when all are alive, messages of further ones are
    /// refused. Default: 256.
    pub max_neighbors: usize,
    /// How far a number may be ahead of the last one, so that nobody with a key can lock another
    /// out with a number near the end. In seconds for senders that use the time: allow for how
    /// long one may be away. Default: `None`, any distance.
    pub max_jump: Option<u32>,
    /// Whether 0 is accepted of a neighbor that is gone, as RFC 2082 §3.2.2 has it for routers
    /// that forgot their number. It lets old messages be replayed from then on, so switch it off
    /// where no such router is. Default: true.
    pub accept_zero_when_lost: bool,
    /// Whether the field "authentication data length" counts the four octets in front of the
    /// data as well, for neighbors that want it so. RFC 4822 §2.1 counts the data alone, which is
    /// the default; both are accepted.
    pub length_counts_trailer: bool,
}

impl Default for AuthOptions {
    fn default() -> Self {
        Self {
            unix_time_at_epoch: 0,
            max_neighbors: 256,
            max_jump: None,
            accept_zero_when_lost: true,
            length_counts_trailer: false,
        }
    }
}

/// What somebody should know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthEvent {
    /// The time of all keys is over; this one, the last, stays in use until a new one is set up
    /// (RFC 2082 §4.3).
    LastKeyExpired {
        /// Its id.
        key_id: u8,
    },
}

/// Authentication of one interface: what is set up, and the sequence numbers.
#[derive(Debug, Clone)]
pub struct Authenticator {
    authentication: Authentication,
    options: AuthOptions,
    /// The last number sent.
    sent: u32,
    received: Received,
    /// The key of which it was told that it expired.
    told: Option<u8>,
    event: Option<AuthEvent>,
}

impl Authenticator {
    /// Authentication without any memory of sequence numbers.
    pub fn new(authentication: Authentication, options: AuthOptions) -> Self {
        Self {
            authentication,
            options,
            sent: 0,
            received: Received::default(),
            told: None,
            event: None,
        }
    }

    /// What is set up.
    pub fn authentication(&self) -> &Authentication {
        &self.authentication
    }

    /// Sets other keys up. The sequence numbers stay.
    pub fn set_authentication(&mut self, authentication: Authentication, options: AuthOptions) {
        self.authentication = authentication;
        self.options = options;
        self.told = None;
    }

    /// Whether messages are authenticated.
    pub fn is_enabled(&self) -> bool {
        self.authentication != Authentication::None
    }

    /// Entries that a message to be sealed at `now` may have, so that with its authentication it
    /// is no longer than 504 octets: 25, 24 with a password, 23 with keyed MD5, 22 to 20 with HMAC.
    // RFC 2453 §4.1 MUST (24-entries): the authentication entry takes the place of one.
    pub fn capacity(&self, now: Instant) -> usize {
        match &self.authentication {
            Authentication::None => MAX_RIP_ENTRIES,
            Authentication::Password(_) => MAX_RIP_ENTRIES - 1,
            Authentication::Cryptographic(keys) => {
                let digest = keys
                    .for_sending(now)
                    .map_or(64, |chosen| chosen.key.algorithm.digest_length());
                let around = HEADER_LEN + ENTRY_LEN + CryptographicAuthentication::TRAILER_LEN;
                MAX_RIP_LEN.saturating_sub(around + digest) / ENTRY_LEN
            }
        }
    }

    /// An update, which may be several messages, begins: its messages have a greater sequence
    /// number than all before.
    pub fn begin_update(&mut self, now: Instant) {
        self.sent = self.clock(now).max(self.sent.saturating_add(1));
    }

    /// Puts header and authentication around the entries in `packet`.
    ///
    /// # Errors
    ///
    /// There is no key to send with, the sequence numbers are used up, or the message cannot be.
    /// The packet is unchanged.
    pub fn seal(
        &mut self,
        now: Instant,
        header: &RipMessageRepr,
        packet: &mut PacketBuf,
    ) -> Result<(), SealError> {
        if self.is_enabled() && header.version == VERSION_1 {
            return Err(SealError::Version1);
        }
        match &self.authentication {
            Authentication::None => header.emit(packet)?,
            Authentication::Password(secret) => {
                let mut entry = [0; ENTRY_LEN];
                entry_head(&mut entry, AuthenticationType::PASSWORD);
                entry[4..20].copy_from_slice(password(secret).as_slice());
                emit_behind(header, &entry, packet)?;
            }
            Authentication::Cryptographic(keys) => {
                let chosen = keys.for_sending(now).ok_or(SealError::NoKey)?;
                let (key, expired) = (chosen.key, chosen.expired);
                // RFC 4822 §2 MUST (not-decreasing): a number is never below the last.
                let sequence_number = self.sent.max(self.clock(now));
                if sequence_number == u32::MAX {
                    return Err(SealError::SequenceExhausted);
                }
                let length = header.len() + ENTRY_LEN + packet.len();
                let length = u16::try_from(length).map_err(|_| EmitError::TooLong {
                    what: "authentication: packet length",
                    length,
                    limit: usize::from(u16::MAX),
                })?;
                let counted = if self.options.length_counts_trailer {
                    CryptographicAuthentication::TRAILER_LEN
                } else {
                    0
                };
                let data_length = key.algorithm.digest_length() + counted;
                let mut entry = [0; ENTRY_LEN];
                entry_head(&mut entry, AuthenticationType::CRYPTOGRAPHIC);
                NetworkEndian::write_u16(&mut entry[4..6], length);
                entry[6] = key.id;
                entry[7] = u8::try_from(data_length).unwrap_or(u8::MAX);
                NetworkEndian::write_u32(&mut entry[8..12], sequence_number);
                emit_behind(header, &entry, packet)?;
                packet.append_slice(&[0xff, 0xff, 0, 1]);
                let digest = digest::compute(key, packet.as_slice());
                packet.append_slice(digest.as_slice());
                let id = key.id;
                self.sent = sequence_number;
                self.note_expiry(id, expired);
            }
        }
        Ok(())
    }

    /// Tests a message from `source`. Nothing but the memory of sequence numbers changes, and that
    /// only when the message passes.
    ///
    /// # Errors
    ///
    /// Each test has its own.
    // RFC 2453 §5.2 MUST (tests): authenticated and not set up, not authenticated and set up, and
    // what fails, is discarded.
    pub fn verify(
        &mut self,
        now: Instant,
        source: Ipv4Addr,
        message: &RipMessage<'_>,
    ) -> Result<(), AuthError> {
        let received = message.authentication();
        let (keys, given) = match (&self.authentication, received) {
            (Authentication::None, None) => return Ok(()),
            (Authentication::None, Some(_)) => return Err(AuthError::Unexpected),
            // RFC 2453 §5.2 SHOULD (version-1): ignored when authentication is in use.
            (_, None) if message.version() == VERSION_1 => return Err(AuthError::Version1),
            (_, None) => return Err(AuthError::Missing),
            (Authentication::Password(secret), Some(Given::Password(given))) => {
                let same = password(secret).as_slice().ct_eq(given);
                return bool::from(same).then_some(()).ok_or(AuthError::Password);
            }
            (Authentication::Cryptographic(keys), Some(Given::Cryptographic(given))) => {
                (keys, given)
            }
            (_, Some(received)) => return Err(AuthError::Type(kind(&received))),
        };
        let id = given.key_id();
        let Some(chosen) = keys.for_accepting(now, id) else {
            return Err(match keys.find(id) {
                Some(_) => AuthError::KeyNotValid(id),
                None => AuthError::UnknownKey(id),
            });
        };
        let (key, expired) = (chosen.key, chosen.expired);
        let length = given.data().len();
        if length != key.algorithm.digest_length() {
            return Err(AuthError::DataLength { length });
        }
        // Before the digest, for it costs less. What is learned of it is used after the digest.
        let from = (source, id);
        let number = given.sequence_number();
        self.received
            .check(from, number, &self.options)
            .map_err(|refused| match refused {
                Refused::Replayed { last } => AuthError::Replayed {
                    received: number,
                    last,
                },
                Refused::Jump { last } => AuthError::Jump {
                    received: number,
                    last,
                },
                Refused::Full => AuthError::NeighborsFull,
            })?;
        let digest = digest::compute(key, given.covered());
        if !bool::from(digest.as_slice().ct_eq(given.data())) {
            return Err(AuthError::Digest);
        }
        self.received
            .accept(from, number, self.options.max_neighbors);
        self.note_expiry(id, expired);
        Ok(())
    }

    /// A neighbor is not heard any more: [`AuthOptions::accept_zero_when_lost`] holds for it from
    /// now on, and it makes room for others. Its numbers are kept.
    pub fn neighbor_lost(&mut self, address: Ipv4Addr) {
        self.received.lose(address);
    }

    /// Pairs of neighbor and key that are remembered.
    pub fn neighbor_count(&self) -> usize {
        self.received.len()
    }

    /// What has to outlive a restart.
    pub fn export(&self) -> SequenceState {
        SequenceState {
            sent: self.sent,
            received: self.received.export(),
        }
    }

    /// Takes over what was saved before a restart. Greater numbers that are known already stay.
    pub fn restore(&mut self, saved: &SequenceState) {
        self.sent = self.sent.max(saved.sent.saturating_add(1));
        self.received
            .restore(&saved.received, self.options.max_neighbors);
    }

    /// What somebody should know of.
    pub fn poll_event(&mut self) -> Option<AuthEvent> {
        self.event.take()
    }

    fn note_expiry(&mut self, key_id: u8, expired: bool) {
        if !expired {
            self.told = None;
        } else if self.told != Some(key_id) {
            self.told = Some(key_id);
            self.event = Some(AuthEvent::LastKeyExpired { key_id });
        }
    }

    fn clock(&self, now: Instant) -> u32 {
        let seconds = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
        self.options.unix_time_at_epoch.saturating_add(seconds)
    }
}

/// A password, padded with zeroes.
fn password(secret: &Secret) -> Zeroizing<[u8; 16]> {
    let mut padded = Zeroizing::new([0; 16]);
    for (octet, from) in padded.iter_mut().zip(secret.expose()) {
        *octet = *from;
    }
    padded
}

fn kind(received: &Given<'_>) -> AuthenticationType {
    match received {
        Given::Password(_) => AuthenticationType::PASSWORD,
        Given::Cryptographic(_) => AuthenticationType::CRYPTOGRAPHIC,
        Given::Unknown(kind, _) => *kind,
    }
}

fn entry_head(entry: &mut [u8; ENTRY_LEN], kind: AuthenticationType) {
    NetworkEndian::write_u16(&mut entry[0..2], FAMILY_AUTHENTICATION);
    NetworkEndian::write_u16(&mut entry[2..4], kind.0);
}

/// Writes the entry in front of the others and the header in front of it.
fn emit_behind(
    header: &RipMessageRepr,
    entry: &[u8; ENTRY_LEN],
    packet: &mut PacketBuf,
) -> Result<(), EmitError> {
    packet.prepend_slice(entry);
    header.emit(packet).inspect_err(|_| {
        packet.trim_front(ENTRY_LEN);
    })
}
