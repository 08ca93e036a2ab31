//! What an endpoint does with the packets that it gets.

use super::endpoint::{Cause, Endpoint, Request};
use super::event::{Discard, Received};
use super::negotiation::{Judgement, Negotiation, Offer};
use super::step::{Event, State};
use crate::wire::{Code, ConfigOptions, ControlPacket};
use alloc::vec::Vec;
use packet_buffer::{Instant, PacketBuf, ParseError, RandomSource};

impl<N: Negotiation> Endpoint<N> {
    pub(super) fn dispatch<'a>(
        &mut self,
        now: Instant,
        information: &'a [u8],
        random: &mut dyn RandomSource,
    ) -> Result<Received<'a>, Discard> {
        let packet = ControlPacket::parse(information)?;
        if !self.state.is_lower_layer_up() {
            return Err(Discard::LowerLayerDown);
        }
        match packet.code() {
            Code::CONFIGURE_REQUEST => self.on_configure_request(now, &packet, random)?,
            Code::CONFIGURE_ACK => self.on_configure_ack(now, &packet, random)?,
            Code::CONFIGURE_NAK | Code::CONFIGURE_REJECT => {
                self.on_configure_nak(now, &packet, random)?;
            }
            Code::TERMINATE_REQUEST => {
                let now = self.advance(now);
                self.run_with(now, Event::TerminateRequest, &cause(&packet), random);
            }
            Code::TERMINATE_ACK => {
                let now = self.advance(now);
                self.run(now, Event::TerminateAck, random);
            }
            Code::CODE_REJECT => self.on_code_reject(now, &packet, random)?,
            code if N::is_own_code(code) => {
                self.advance(now);
                return Ok(Received::Own(packet));
            }
            _ => {
                let now = self.advance(now);
                let quoted = packet.as_slice();
                // RFC 1661 §5.6 MUST (truncated): the quote is cut to the peer's MRU.
                let room = self.peer_limit.saturating_sub(ControlPacket::HEADER_LEN);
                let cause = Cause {
                    data: quoted.get(..room).unwrap_or(quoted),
                    ..cause(&packet)
                };
                self.run_with(now, Event::UnknownCode, &cause, random);
            }
        }
        Ok(Received::Done)
    }

    fn on_configure_request(
        &mut self,
        now: Instant,
        packet: &ControlPacket<'_>,
        random: &mut dyn RandomSource,
    ) -> Result<(), Discard> {
        let request = parse_options(packet)?;
        let now = self.advance(now);
        // What is learned from an earlier negotiation does not bind a new one.
        if self.state == State::Stopped {
            self.restart(random);
        }
        let (code, options) = self.judge(&request);
        let cause = Cause {
            answer: Some(code),
            data: &options,
            ..cause(packet)
        };
        let event = if code == Code::CONFIGURE_ACK {
            Event::ConfigureRequestGood
        } else {
            Event::ConfigureRequestBad
        };
        if self.answers_requests() {
            if code == Code::CONFIGURE_ACK {
                self.naks = 0;
                self.negotiation.accept(&request);
            } else {
                self.naks += u32::from(code == Code::CONFIGURE_NAK);
                self.refusals += 1;
                self.negotiation.refuse(&request, code, random);
            }
        }
        self.run_with(now, event, &cause, random);
        self.give_up_if_endless(now, random);
        Ok(())
    }

    /// Whether a Configure-Request is answered in this state with what was judged.
    const fn answers_requests(&self) -> bool {
        matches!(
            self.state,
            State::Stopped | State::ReqSent | State::AckRcvd | State::AckSent | State::Opened
        )
    }

    /// The answer to a request: its code and its options.
    // RFC 1661 §5.4 MUST (reject-first): options that are not recognizable are rejected before
    // values are talked about.
    // RFC 1661 §5.2 MUST (copy): an acknowledgement has the very options of the request.
    fn judge(&self, request: &ConfigOptions<'_>) -> (Code, Vec<u8>) {
        let gives_up_naks = self.naks >= self.config.max_failure;
        let mut rejected = Vec::new();
        let mut naked = PacketBuf::new();
        let mut seen = [false; 256];
        for option in request {
            let judgement = match seen.get_mut(usize::from(option.kind)) {
                // RFC 1661 §6 MUST NOT (once): an option is not listed more than once.
                Some(true) => Judgement::Reject,
                Some(first) => {
                    *first = true;
                    self.negotiation.judge(&option)
                }
                None => Judgement::Reject,
            };
            match judgement {
                Judgement::Ack => {}
                // RFC 1661 §4.6 MUST (max-failure): further Naks become Rejects.
                Judgement::Nak(_) if gives_up_naks => rejected.extend_from_slice(option.octets),
                Judgement::Nak(wanted) | Judgement::Insist(wanted) => {
                    wanted.append_to(&mut naked);
                }
                Judgement::Reject => rejected.extend_from_slice(option.octets),
            }
        }
        if !rejected.is_empty() {
            return (Code::CONFIGURE_REJECT, rejected);
        }
        if !gives_up_naks {
            let mut missing = Offer::default();
            self.negotiation.missing(request, &mut missing);
            for option in missing.options() {
                option.append_to(&mut naked);
            }
        }
        if naked.is_empty() {
            (Code::CONFIGURE_ACK, request.as_slice().to_vec())
        } else {
            (Code::CONFIGURE_NAK, naked.as_slice().to_vec())
        }
    }

    fn on_configure_ack(
        &mut self,
        now: Instant,
        packet: &ControlPacket<'_>,
        random: &mut dyn RandomSource,
    ) -> Result<(), Discard> {
        // RFC 1661 §5.2 MUST (match): identifier and options are those of the last request.
        if let Some(request) = self.outstanding(packet)?
            && request.options != packet.data()
        {
            return Err(Discard::AckDiffers);
        }
        let now = self.advance(now);
        if self.request.take().is_some() {
            self.negotiation.acknowledged();
        }
        self.run_with(now, Event::ConfigureAck, &cause(packet), random);
        Ok(())
    }

    fn on_configure_nak(
        &mut self,
        now: Instant,
        packet: &ControlPacket<'_>,
        random: &mut dyn RandomSource,
    ) -> Result<(), Discard> {
        // RFC 1661 §5.3 MUST (match): the identifier is that of the last request.
        let request = self.outstanding(packet)?;
        let options = parse_options(packet)?;
        let is_reject = packet.code() == Code::CONFIGURE_REJECT;
        if let (Some(request), true) = (request, is_reject) {
            // RFC 1661 §5.4 MUST (subset): what is rejected was requested, in the same order.
            let asked = ConfigOptions::parse(&request.options)?;
            let mut asked = asked.iter();
            for option in &options {
                if !asked.any(|one| one.octets == option.octets) {
                    let kind = option.kind;
                    return Err(Discard::RejectDiffers { kind });
                }
            }
        }
        let now = self.advance(now);
        if self.request.take().is_some() {
            self.refusals += 1;
            for option in &options {
                if is_reject {
                    self.negotiation.rejected(&option);
                } else {
                    self.negotiation.naked(&option, random);
                }
            }
        }
        self.run_with(now, Event::ConfigureNakOrReject, &cause(packet), random);
        self.give_up_if_endless(now, random);
        Ok(())
    }

    /// The options of the request that `packet` answers; `None` in the states in which no answer is
    /// awaited and any is answered with a Terminate-Ack.
    fn outstanding(&self, packet: &ControlPacket<'_>) -> Result<Option<&Request>, Discard> {
        let identifier = packet.identifier();
        match (&self.request, self.state) {
            (_, State::Closed | State::Stopped) => Ok(None),
            (Some(request), _) if identifier == request.identifier => Ok(Some(request)),
            _ => Err(Discard::StaleAnswer { identifier }),
        }
    }

    fn on_code_reject(
        &mut self,
        now: Instant,
        packet: &ControlPacket<'_>,
        random: &mut dyn RandomSource,
    ) -> Result<(), Discard> {
        let Some(&rejected) = packet.data().first() else {
            return Err(Discard::EmptyCodeReject);
        };
        let now = self.advance(now);
        // Without the codes of the automaton there is no protocol; the others can be done without.
        let event = if (Code::CONFIGURE_REQUEST.0..=Code::CODE_REJECT.0).contains(&rejected) {
            Event::RejectFatal
        } else {
            Event::RejectTolerable
        };
        self.run(now, event, random);
        Ok(())
    }
}

/// What an answer copies from a packet.
fn cause<'a>(packet: &ControlPacket<'_>) -> Cause<'a> {
    Cause {
        identifier: packet.identifier(),
        ..Cause::default()
    }
}

fn parse_options<'a>(packet: &ControlPacket<'a>) -> Result<ConfigOptions<'a>, ParseError> {
    let options = ConfigOptions::parse(packet.data());
    options.map_err(|error| error.offset_by(ControlPacket::HEADER_LEN))
}
