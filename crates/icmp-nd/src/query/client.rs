//! Asking: one question, sent again until it is answered or given up.

use super::timestamp::TimestampEstimate;
use crate::probe::{Framing, Icmp, IpHeader, Received, is_group, pseudo_header};
use crate::wire::{
    ExtendedEchoReply, ExtendedEchoRequest, IcmpTimestamp, Icmpv4Query, InterfaceAddress,
    InterfaceIdentification, TimestampFields,
};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use packet_buffer::wire::{Icmpv4Message, Icmpv4Type, Icmpv6Type, IpProtocol};
use packet_buffer::{Instant, PacketBuf, ParseError, RandomSource};
use thiserror::Error;

/// Which interface an extended echo asks about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum InterfaceQuestion {
    /// By name, 1 to 255 octets.
    Name(String),
    /// By index (RFC 2863).
    Index(u32),
    /// By address; of a neighbor, where the question is not about the node's own.
    Address(IpAddr),
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Question {
    /// The time (RFC 792). IPv4 only, as are the next two.
    Timestamp,
    /// The subnet mask (RFC 950; deprecated, RFC 6918).
    AddressMask,
    /// The network number (RFC 792; deprecated, RFC 6918).
    Information,
    /// The state of an interface (RFC 8335).
    ExtendedEcho {
        /// Whether it is one of the node that is asked, and not of a neighbor.
        local: bool,
        /// Which.
        interface: InterfaceQuestion,
    },
}

/// How a [`Querier`] is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuerierConfig {
    /// The source of the requests.
    pub source: IpAddr,
    /// Who is asked. A broadcast or multicast address is answered by whoever comes first.
    pub destination: IpAddr,
    /// What is asked.
    pub question: Question,
    /// How often, 1 to 16. Default: 3.
    pub attempts: u32,
    /// The time from the first request to the second, doubled with each, and varied by up to a
    /// tenth; at least a microsecond. Default: 1 s.
    pub timeout: Duration,
    /// Our time of day at [`Instant::ZERO`], in milliseconds since midnight UT. Default: 0.
    pub time_of_day_at_zero: u64,
    /// Time to live or hop limit, not 0. Default: 64.
    pub hop_limit: u8,
    /// What is written. Default: whole IP packets.
    pub framing: Framing,
}

impl QuerierConfig {
    /// A question from `source` to `destination`, the rest by default.
    pub const fn new(source: IpAddr, destination: IpAddr, question: Question) -> Self {
        Self {
            source,
            destination,
            question,
            attempts: 3,
            timeout: Duration::from_secs(1),
            time_of_day_at_zero: 0,
            hop_limit: 64,
            framing: Framing::IpPacket,
        }
    }
}

/// Why a querier cannot be made. Each names the field of [`QuerierConfig`] to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum QuerierConfigError {
    /// `source` and `destination` are not of one IP version, or not of that of the question.
    #[error("source, destination: not of one IP version, or not of the question's")]
    Version,
    /// `attempts` is out of its range.
    #[error("attempts: {0}; it must be from 1 to 16")]
    Attempts(u32),
    /// `timeout` is under a microsecond.
    #[error("timeout: it must be at least a microsecond")]
    Timeout,
    /// `hop_limit` is 0.
    #[error("hop_limit: it must not be 0")]
    HopLimit,
    /// The name of the interface is empty, too long or has a zero octet.
    #[error("question: an interface name has 1 to 255 octets, none of them zero")]
    InterfaceName,
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// The peer's time.
    Timestamp(TimestampEstimate),
    /// The subnet mask.
    AddressMask {
        /// The mask.
        mask: Ipv4Addr,
        /// Whether it can be one: ones in front, zeroes behind, neither all nor none (RFC 1122 §3.2.2.9).
        plausible: bool,
    },
    /// The network number: the address that the reply came to.
    Information {
        /// The address.
        network: Option<IpAddr>,
    },
    /// The state of an interface.
    ExtendedEcho(ExtendedEchoReply),
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueryEvent {
    /// The question was answered.
    Answered {
        /// By whom.
        from: IpAddr,
        /// What.
        answer: Answer,
        /// The time from the request to the reply.
        rtt: Duration,
        /// Which request was answered, from 1.
        attempt: u32,
    },
    /// Nobody answered any of the requests.
    Failed,
}

/// Why a received message was ignored. The state is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum QueryDiscard {
    /// The message cannot be read, or its checksum is wrong.
    #[error("malformed: {0}")]
    Malformed(ParseError),
    /// It is no reply to such a question.
    #[error("not a reply to such a question")]
    NotAReply,
    /// It comes from somebody else than was asked.
    #[error("the source was not asked")]
    OtherSource,
    /// It answers another program's request, or none that was sent.
    #[error("no such request was sent")]
    UnknownRequest,
    /// The time of the request is not what was sent: forged, or damaged at the peer.
    #[error("the reply does not repeat the request's time")]
    WrongOriginate,
    /// The question has been answered, or given up.
    #[error("the question is settled")]
    Settled,
}

/// What a querier has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct QuerierStats {
    /// Requests written.
    pub sent: u64,
    /// Ignored: cannot be read, or wrong checksum.
    pub malformed: u64,
    /// Ignored: no reply to such a question.
    pub not_a_reply: u64,
    /// Ignored: from somebody else.
    pub other_source: u64,
    /// Ignored: to no request of ours.
    pub unknown_request: u64,
    /// Ignored: another originate time than was sent.
    pub wrong_originate: u64,
    /// Ignored: after the answer, or after giving up.
    pub settled: u64,
}

/// Asks one question.
pub struct Querier {
    config: QuerierConfig,
    random: Box<dyn RandomSource + Send>,
    identifier: u16,
    first_sequence: u8,
    /// When each request was made.
    made_at: Vec<Instant>,
    /// Requests that were polled.
    polled: usize,
    deadline: Option<Instant>,
    event: Option<QueryEvent>,
    settled: bool,
    latest: Instant,
    stats: QuerierStats,
}

impl Querier {
    /// A querier whose first request is due at once.
    ///
    /// # Errors
    ///
    /// [`QuerierConfigError`], which names the field.
    pub fn new(
        now: Instant,
        config: QuerierConfig,
        mut random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, QuerierConfigError> {
        let v4_only = !matches!(config.question, Question::ExtendedEcho { .. });
        if config.source.is_ipv4() != config.destination.is_ipv4()
            || v4_only && config.destination.is_ipv6()
        {
            return Err(QuerierConfigError::Version);
        }
        if !(1..=16).contains(&config.attempts) {
            return Err(QuerierConfigError::Attempts(config.attempts));
        }
        if config.timeout < Duration::from_micros(1) {
            return Err(QuerierConfigError::Timeout);
        }
        if config.hop_limit == 0 {
            return Err(QuerierConfigError::HopLimit);
        }
        if let Question::ExtendedEcho {
            interface: InterfaceQuestion::Name(name),
            ..
        } = &config.question
            && (name.is_empty() || name.len() > 255 || name.contains('\0'))
        {
            return Err(QuerierConfigError::InterfaceName);
        }
        let [identifier_high, identifier_low, first_sequence, _] = random.next_u32().to_be_bytes();
        Ok(Self {
            config,
            random,
            identifier: u16::from_be_bytes([identifier_high, identifier_low]),
            first_sequence,
            made_at: Vec::new(),
            polled: 0,
            deadline: Some(now),
            event: None,
            settled: false,
            latest: now,
            stats: QuerierStats::default(),
        })
    }

    /// Whether it is answered or given up.
    pub fn is_settled(&self) -> bool {
        self.settled
    }

    /// What was sent and ignored.
    pub const fn stats(&self) -> &QuerierStats {
        &self.stats
    }

    /// Takes a whole IP packet.
    ///
    /// # Errors
    ///
    /// [`QueryDiscard`], with the state unchanged.
    pub fn handle_input(&mut self, now: Instant, packet: &[u8]) -> Result<(), QueryDiscard> {
        match Received::from_ip(packet) {
            Ok(received) => self.handle_message(now, &received),
            Err(error) => self.counted(Err(QueryDiscard::Malformed(error))),
        }
    }

    /// Takes a message without its IP header.
    ///
    /// # Errors
    ///
    /// [`QueryDiscard`], with the state unchanged.
    pub fn handle_message(
        &mut self,
        now: Instant,
        received: &Received<'_>,
    ) -> Result<(), QueryDiscard> {
        let now = self.latest.max(now);
        let result = self.take(now, received);
        self.counted(result)
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        let now = self.latest;
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        let attempt = u32::try_from(self.made_at.len()).unwrap_or(u32::MAX);
        if attempt >= self.config.attempts {
            self.settled = true;
            self.deadline = None;
            self.event = Some(QueryEvent::Failed);
            return;
        }
        self.made_at.push(now);
        let patience = self.config.timeout.saturating_mul(1 << attempt.min(16));
        // Who asks at once with others does not ask again at once with them.
        let percent = 90 + self.random.below(21);
        let patience = (patience / 100).saturating_mul(percent);
        self.deadline = Some(now + patience.max(Duration::from_micros(1)));
    }

    /// Writes the next request into `out`, behind its headroom, and says where it goes.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<IpAddr> {
        if self.settled || self.polled >= self.made_at.len() {
            return None;
        }
        // Only the latest is of use when several wait.
        self.polled = self.made_at.len();
        let attempt = self.polled.checked_sub(1)?;
        out.reset(PacketBuf::DEFAULT_HEADROOM);
        if self.write(attempt, out).is_none() {
            out.reset(PacketBuf::DEFAULT_HEADROOM);
            return None;
        }
        self.stats.sent += 1;
        Some(self.config.destination)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next; `None` when it is settled.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline.map(|deadline| deadline.max(self.latest))
    }

    /// The one event.
    pub fn poll_event(&mut self) -> Option<QueryEvent> {
        self.event.take()
    }

    /// Our time of day.
    fn time_of_day(&self, now: Instant) -> IcmpTimestamp {
        let zero = self.config.time_of_day_at_zero;
        IcmpTimestamp::from_millis(zero.saturating_add(now.as_millis()))
    }

    fn sequence(&self, attempt: usize) -> u8 {
        let [.., low] = attempt.to_be_bytes();
        self.first_sequence.wrapping_add(low)
    }

    fn write(&self, attempt: usize, out: &mut PacketBuf) -> Option<()> {
        let identifier = self.identifier;
        let sequence = self.sequence(attempt);
        let sequence_number = u16::from(sequence);
        let (source, destination) = (self.config.source, self.config.destination);
        let addresses = pseudo_header(source, destination)?;
        let mut protocol = IpProtocol::ICMP;
        match &self.config.question {
            Question::Timestamp => {
                let request = Icmpv4Query::TimestampRequest(TimestampFields {
                    identifier,
                    sequence_number,
                    originate: self.time_of_day(*self.made_at.get(attempt)?),
                    receive: IcmpTimestamp(0),
                    transmit: IcmpTimestamp(0),
                });
                request.emit(out).ok()?;
            }
            Question::AddressMask => {
                let request = Icmpv4Query::AddressMaskRequest {
                    identifier,
                    sequence_number,
                    mask: Ipv4Addr::UNSPECIFIED,
                };
                request.emit(out).ok()?;
            }
            Question::Information => {
                let request = Icmpv4Query::InformationRequest {
                    identifier,
                    sequence_number,
                };
                request.emit(out).ok()?;
            }
            Question::ExtendedEcho { local, interface } => {
                let interface = match interface {
                    InterfaceQuestion::Name(name) => InterfaceIdentification::Name(name),
                    InterfaceQuestion::Index(index) => InterfaceIdentification::Index(*index),
                    InterfaceQuestion::Address(address) => {
                        InterfaceIdentification::Address(InterfaceAddress::Ip(*address))
                    }
                };
                let request = ExtendedEchoRequest {
                    identifier,
                    sequence_number: sequence,
                    local: *local,
                    interface,
                };
                if destination.is_ipv4() {
                    request.emit_v4(out).ok()?;
                } else {
                    protocol = IpProtocol::ICMPV6;
                    request.emit_v6(out, &addresses).ok()?;
                }
            }
        }
        if self.config.framing == Framing::IpPacket {
            let header = IpHeader {
                source,
                destination,
                protocol,
                hop_limit: self.config.hop_limit,
                dscp: 0,
                dont_fragment: true,
                identification: 0,
                flow_label: 0,
            };
            header.emit(out).ok()?;
        }
        Some(())
    }

    fn take(&mut self, now: Instant, received: &Received<'_>) -> Result<(), QueryDiscard> {
        let icmp = received.icmp().map_err(QueryDiscard::Malformed)?;
        let (identifier, sequence, answer) = match (icmp, &self.config.question) {
            (Some(Icmp::V4(message)), Question::ExtendedEcho { .. })
                if message.message_type() == Icmpv4Type::EXTENDED_ECHO_REPLY =>
            {
                let reply =
                    ExtendedEchoReply::parse_v4(&message).map_err(QueryDiscard::Malformed)?;
                let sequence = u16::from(reply.sequence_number);
                (reply.identifier, sequence, Answer::ExtendedEcho(reply))
            }
            (Some(Icmp::V6(message)), Question::ExtendedEcho { .. })
                if message.message_type() == Icmpv6Type::EXTENDED_ECHO_REPLY =>
            {
                let reply =
                    ExtendedEchoReply::parse_v6(&message).map_err(QueryDiscard::Malformed)?;
                let sequence = u16::from(reply.sequence_number);
                (reply.identifier, sequence, Answer::ExtendedEcho(reply))
            }
            (Some(Icmp::V4(message)), question) => {
                self.answer_v4(now, received, &message, question)?
            }
            _ => return Err(QueryDiscard::NotAReply),
        };
        let asked = self.config.destination;
        // RFC 1122 §3.2.2.9: a mask may be asked of all on the link.
        if received.source != asked && !is_group(asked) {
            return Err(QueryDiscard::OtherSource);
        }
        let attempt = (0..self.made_at.len())
            .find(|&attempt| u16::from(self.sequence(attempt)) == sequence)
            .filter(|_| identifier == self.identifier)
            .ok_or(QueryDiscard::UnknownRequest)?;
        let made_at = *self
            .made_at
            .get(attempt)
            .ok_or(QueryDiscard::UnknownRequest)?;
        // RFC 792 §Timestamp MUST: the reply repeats the originate time.
        if let Answer::Timestamp(estimate) = &answer
            && estimate.fields.originate != self.time_of_day(made_at)
        {
            return Err(QueryDiscard::WrongOriginate);
        }
        if self.settled {
            return Err(QueryDiscard::Settled);
        }
        self.latest = now;
        self.settled = true;
        self.deadline = None;
        self.event = Some(QueryEvent::Answered {
            from: received.source,
            answer,
            rtt: now - made_at,
            attempt: u32::try_from(attempt + 1).unwrap_or(u32::MAX),
        });
        Ok(())
    }

    fn answer_v4(
        &self,
        now: Instant,
        received: &Received<'_>,
        message: &Icmpv4Message<'_>,
        question: &Question,
    ) -> Result<(u16, u16, Answer), QueryDiscard> {
        let wanted = match question {
            Question::Timestamp => Icmpv4Type::TIMESTAMP_REPLY,
            Question::AddressMask => Icmpv4Type::ADDRESS_MASK_REPLY,
            Question::Information => Icmpv4Type::INFORMATION_REPLY,
            Question::ExtendedEcho { .. } => return Err(QueryDiscard::NotAReply),
        };
        if message.message_type() != wanted {
            return Err(QueryDiscard::NotAReply);
        }
        match Icmpv4Query::parse(message).map_err(QueryDiscard::Malformed)? {
            Icmpv4Query::TimestampReply(fields) => {
                let estimate = TimestampEstimate::new(fields, self.time_of_day(now));
                let answer = Answer::Timestamp(estimate);
                Ok((fields.identifier, fields.sequence_number, answer))
            }
            Icmpv4Query::AddressMaskReply {
                identifier,
                sequence_number,
                mask,
            } => {
                let bits = mask.to_bits();
                // RFC 1122 §3.2.2.9 SHOULD: a reasonableness check on the mask.
                let plausible = bits != 0
                    && bits != u32::MAX
                    && bits.leading_ones() + bits.trailing_zeros() == 32;
                let answer = Answer::AddressMask { mask, plausible };
                Ok((identifier, sequence_number, answer))
            }
            Icmpv4Query::InformationReply {
                identifier,
                sequence_number,
            } => {
                let network = received.destination;
                Ok((identifier, sequence_number, Answer::Information { network }))
            }
            _ => Err(QueryDiscard::NotAReply),
        }
    }

    fn counted(&mut self, result: Result<(), QueryDiscard>) -> Result<(), QueryDiscard> {
        if let Err(discard) = result {
            let stats = &mut self.stats;
            let counter = match discard {
                QueryDiscard::Malformed(_) => &mut stats.malformed,
                QueryDiscard::NotAReply => &mut stats.not_a_reply,
                QueryDiscard::OtherSource => &mut stats.other_source,
                QueryDiscard::UnknownRequest => &mut stats.unknown_request,
                QueryDiscard::WrongOriginate => &mut stats.wrong_originate,
                QueryDiscard::Settled => &mut stats.settled,
            };
            *counter += 1;
        }
        result
    }
}

impl fmt::Debug for Querier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Querier")
            .field("config", &self.config)
            .field("settled", &self.settled)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}
