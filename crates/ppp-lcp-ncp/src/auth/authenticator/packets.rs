//! What arrives from a peer that proves itself.

use super::{Authenticator, Phase, Proof};
use crate::auth::event::{AuthDiscard, AuthFailure};
use crate::auth::mschap::MsChapV2Response;
use crate::auth::secret::Secret;
use crate::auth::wire::{ChapPacket, EapPacket, EapType, PapPacket, check_name, parse_md5};
use crate::lcp::AuthMethod;

impl Authenticator {
    pub(super) fn on_pap(&mut self, information: &[u8]) -> Result<(), AuthDiscard> {
        let (identifier, name, password) = match PapPacket::parse(information)? {
            PapPacket::Request {
                identifier,
                peer_id,
                password,
            } => (identifier, peer_id, password),
            PapPacket::Ack { .. } => return Err(AuthDiscard::WrongSide(2)),
            PapPacket::Nak { .. } => return Err(AuthDiscard::WrongSide(3)),
        };
        match self.phase {
            // RFC 1334 §2.2.1 MUST (repeat): the peer repeats its request when the answer is lost, and
            // gets the same answer again.
            Phase::Authenticated => {
                let message = &[];
                let again = PapPacket::Ack {
                    identifier,
                    message,
                };
                self.exchange.answer(identifier, again.to_octets());
                Ok(())
            }
            Phase::Asked => {
                let proof = Proof::Password(Secret::new(password));
                self.want_secret(identifier, name, proof)
            }
            _ => Err(AuthDiscard::Unexpected(1)),
        }
    }

    pub(super) fn on_chap(&mut self, information: &[u8]) -> Result<(), AuthDiscard> {
        let (identifier, value, name) = match ChapPacket::parse(information)? {
            ChapPacket::Response {
                identifier,
                value,
                name,
            } => (identifier, value, name),
            ChapPacket::Challenge { .. } => return Err(AuthDiscard::WrongSide(1)),
            ChapPacket::Success { .. } => return Err(AuthDiscard::WrongSide(3)),
            ChapPacket::Failure { .. } => return Err(AuthDiscard::WrongSide(4)),
        };
        // RFC 1994 §4.2 MUST (repeat): a repeated Response gets the answer that it got before.
        if self.exchange.answer_again(identifier) {
            return Ok(());
        }
        if !matches!(self.phase, Phase::Asked) {
            return Err(AuthDiscard::Unexpected(2));
        }
        self.check_identifier(identifier)?;
        let proof = if self.method() == AuthMethod::MsChapV2 {
            Proof::MsChapV2(MsChapV2Response::parse(value)?)
        } else {
            let digest = value.try_into();
            Proof::Md5(digest.map_err(|_| AuthDiscard::ValueLength(value.len()))?)
        };
        self.want_secret(identifier, name, proof)
    }

    pub(super) fn on_eap(&mut self, information: &[u8]) -> Result<(), AuthDiscard> {
        let (identifier, kind, data) = match EapPacket::parse(information)? {
            EapPacket::Response {
                identifier,
                kind,
                data,
            } => (identifier, kind, data),
            EapPacket::Request { .. } => return Err(AuthDiscard::WrongSide(1)),
            EapPacket::Success { .. } => return Err(AuthDiscard::WrongSide(3)),
            EapPacket::Failure { .. } => return Err(AuthDiscard::WrongSide(4)),
        };
        if !matches!(self.phase, Phase::AskedName | Phase::Asked) {
            return Err(AuthDiscard::Unexpected(2));
        }
        // RFC 3748 §4.1 MUST (identifier): a response has the identifier of the request that waits.
        self.check_identifier(identifier)?;
        match (self.phase, kind) {
            (Phase::AskedName, EapType::IDENTITY) => {
                check_name(data)?;
                self.claimed = data.to_vec();
                self.send_challenge();
                Ok(())
            }
            (Phase::Asked, EapType::MD5_CHALLENGE) => {
                let (value, _) = parse_md5(data)?;
                let digest = value.try_into();
                let digest = digest.map_err(|_| AuthDiscard::ValueLength(value.len()))?;
                let name = self.claimed.clone();
                self.want_secret(identifier, &name, Proof::Md5(digest))
            }
            (Phase::Asked, EapType::NAK) => {
                // MD5-Challenge is all that there is.
                self.exchange
                    .send(EapPacket::Failure { identifier }.to_octets());
                self.fail(AuthFailure::NoCommonMethod);
                Ok(())
            }
            _ => Err(AuthDiscard::Unexpected(2)),
        }
    }

    fn check_identifier(&self, found: u8) -> Result<(), AuthDiscard> {
        let expected = self.exchange.identifier;
        if found == expected {
            Ok(())
        } else {
            Err(AuthDiscard::Identifier { found, expected })
        }
    }

    fn want_secret(
        &mut self,
        identifier: u8,
        name: &[u8],
        proof: Proof,
    ) -> Result<(), AuthDiscard> {
        self.exchange.may_want_secret(name)?;
        self.exchange.want_secret(identifier, name, proof);
        Ok(())
    }
}
