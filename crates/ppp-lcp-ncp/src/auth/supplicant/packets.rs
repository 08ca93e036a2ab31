//! What arrives from an authenticator.

use super::{Phase, Supplicant};
use crate::auth::authenticator::hexadecimal;
use crate::auth::event::{AuthDiscard, AuthFailure};
use crate::auth::wire::{ChapPacket, EapPacket, EapType, PapPacket, parse_md5};
use crate::lcp::AuthMethod;
use subtle::ConstantTimeEq;

impl Supplicant {
    pub(super) fn on_pap(&mut self, information: &[u8]) -> Result<(), AuthDiscard> {
        let (identifier, message, is_ack) = match PapPacket::parse(information)? {
            PapPacket::Request { .. } => return Err(AuthDiscard::WrongSide(1)),
            PapPacket::Ack {
                identifier,
                message,
            } => (identifier, message, true),
            PapPacket::Nak {
                identifier,
                message,
            } => (identifier, message, false),
        };
        let code = if is_ack { 2 } else { 3 };
        let proved = self.take_proved(code, identifier)?;
        if is_ack {
            self.succeed(proved.name, None);
        } else {
            self.refused(message);
        }
        Ok(())
    }

    pub(super) fn on_chap(
        &mut self,
        information: &[u8],
        own_challenge: Option<&[u8; 16]>,
    ) -> Result<(), AuthDiscard> {
        match ChapPacket::parse(information)? {
            ChapPacket::Challenge {
                identifier,
                value,
                name,
            } => {
                if self.method() == AuthMethod::MsChapV2 && value.len() != 16 {
                    return Err(AuthDiscard::ValueLength(value.len()));
                }
                self.on_challenge(identifier, value, name, own_challenge)
            }
            ChapPacket::Response { .. } => Err(AuthDiscard::WrongSide(2)),
            ChapPacket::Success {
                identifier,
                message,
            } => {
                let proved = self.take_proved(3, identifier)?;
                match proved.mutual {
                    Some((wanted, keys)) if !is_genuine(&wanted, message) => {
                        drop(keys);
                        // RFC 2759 §5 MUST: when the authenticator's proof is wrong, the link ends.
                        self.fail(AuthFailure::AuthenticatorNotGenuine);
                    }
                    Some((_, keys)) => self.succeed(proved.name, Some(keys)),
                    None => self.succeed(proved.name, None),
                }
                Ok(())
            }
            ChapPacket::Failure {
                identifier,
                message,
            } => {
                self.take_proved(4, identifier)?;
                self.refused(message);
                Ok(())
            }
        }
    }

    pub(super) fn on_eap(
        &mut self,
        information: &[u8],
        own_challenge: Option<&[u8; 16]>,
    ) -> Result<(), AuthDiscard> {
        let (identifier, kind, data) = match EapPacket::parse(information)? {
            EapPacket::Request {
                identifier,
                kind,
                data,
            } => (identifier, kind, data),
            EapPacket::Response { .. } => return Err(AuthDiscard::WrongSide(2)),
            EapPacket::Success { identifier } => {
                let proved = self.take_proved(3, self.of_response(identifier))?;
                self.succeed(proved.name, None);
                return Ok(());
            }
            EapPacket::Failure { identifier } => {
                self.take_proved(4, self.of_response(identifier))?;
                self.refused(&[]);
                return Ok(());
            }
        };
        if self.phase == Phase::Failed {
            return Err(AuthDiscard::Unexpected(1));
        }
        if kind == EapType::MD5_CHALLENGE {
            let (value, name) = parse_md5(data)?;
            if value.is_empty() {
                return Err(AuthDiscard::ValueLength(0));
            }
            return self.on_challenge(identifier, value, name, own_challenge);
        }
        // RFC 3748 §4.1 MUST (duplicate): a repeated request gets the same response again.
        if self.exchange.answer_again(identifier) {
            return Ok(());
        }
        let response = match kind {
            EapType::IDENTITY => EapPacket::Response {
                identifier,
                kind,
                data: &self.config.name,
            },
            // RFC 3748 §5.2 MUST: a notification is answered.
            EapType::NOTIFICATION => EapPacket::Response {
                identifier,
                kind,
                data: &[],
            },
            // RFC 3748 §5.3.1 MUST (desired): with the methods that would do.
            _ => EapPacket::Response {
                identifier,
                kind: EapType::NAK,
                data: &[EapType::MD5_CHALLENGE.0],
            },
        };
        self.exchange.answer(identifier, response.to_octets());
        if self.phase != Phase::Accepted {
            self.exchange.wait();
        }
        Ok(())
    }
}

/// Whether the message of a Success starts with the proof that is wanted (RFC 2759 §5).
fn is_genuine(wanted: &[u8; 20], message: &[u8]) -> bool {
    let Some((b"S=", proof)) = message.split_at_checked(2) else {
        return false;
    };
    let Some(proof) = proof.get(..40) else {
        return false;
    };
    let proof = proof.to_ascii_uppercase();
    hexadecimal(wanted).as_bytes().ct_eq(&proof).into()
}
