//! Whether a proof is right, and what the peer is told.

use super::{Authenticator, Phase, Proof, hexadecimal};
use crate::auth::digest::chap_md5;
use crate::auth::event::AuthFailure;
use crate::auth::exchange::Pending;
use crate::auth::mschap::{MsChapV2Keys, authenticator_response, nt_response};
use crate::auth::secret::Secret;
use crate::auth::wire::{ChapPacket, EapPacket, PapPacket};
use crate::lcp::AuthMethod;
use alloc::format;
use subtle::ConstantTimeEq;

impl Authenticator {
    pub(super) fn verify(&self, pending: &Pending<Proof>, secret: &Secret) -> bool {
        match &pending.what {
            Proof::Password(password) => secret.matches(password),
            Proof::Md5(found) => {
                let expected = chap_md5(pending.identifier, secret, &self.challenge);
                expected.ct_eq(found).into()
            }
            Proof::MsChapV2(response) => {
                let expected = nt_response(
                    &self.challenge,
                    &response.peer_challenge,
                    &pending.name,
                    secret,
                );
                expected.ct_eq(&response.nt_response).into()
            }
        }
    }

    pub(super) fn accept(&mut self, pending: Pending<Proof>, secret: &Secret) {
        let identifier = pending.identifier;
        let mut keys = None;
        let answer = match &pending.what {
            Proof::Password(_) => PapPacket::Ack {
                identifier,
                message: &[],
            }
            .to_octets(),
            Proof::Md5(_) if self.method() == AuthMethod::Eap => {
                EapPacket::Success { identifier }.to_octets()
            }
            Proof::Md5(_) => ChapPacket::Success {
                identifier,
                message: &[],
            }
            .to_octets(),
            Proof::MsChapV2(response) => {
                keys = Some(MsChapV2Keys::new(secret, &response.nt_response, true));
                let proof = authenticator_response(
                    secret,
                    &response.nt_response,
                    &response.peer_challenge,
                    &self.challenge,
                    &pending.name,
                );
                // RFC 2759 §5 MUST: "S=" and forty upper-case hexadecimal digits.
                let message = format!("S={} M=Welcome", hexadecimal(&proof));
                let message = message.as_bytes();
                ChapPacket::Success {
                    identifier,
                    message,
                }
                .to_octets()
            }
        };
        self.exchange.answer(identifier, answer);
        self.phase = Phase::Authenticated;
        self.exchange.succeed(pending.name, keys);
        let challenges = matches!(self.method(), AuthMethod::ChapMd5 | AuthMethod::MsChapV2);
        let again = self.config.rechallenge.filter(|_| challenges);
        let latest = self.exchange.latest;
        self.exchange.deadline = again.map(|interval| latest + interval);
    }

    pub(super) fn refuse(&mut self, pending: &Pending<Proof>) {
        let identifier = pending.identifier;
        self.exchange.stats.failed += 1;
        self.failures += 1;
        let message = b"Authentication failed";
        let answer = match &pending.what {
            Proof::Password(_) => PapPacket::Nak {
                identifier,
                message,
            }
            .to_octets(),
            Proof::Md5(_) if self.method() == AuthMethod::Eap => {
                EapPacket::Failure { identifier }.to_octets()
            }
            Proof::Md5(_) => ChapPacket::Failure {
                identifier,
                message,
            }
            .to_octets(),
            Proof::MsChapV2(_) => {
                // RFC 2759 §6 MUST: 691 is a wrong password, and R=0 says not to try again.
                let message = format!(
                    "E=691 R=0 C={} V=3 M=Authentication failed",
                    hexadecimal(&self.challenge)
                );
                let message = message.as_bytes();
                ChapPacket::Failure {
                    identifier,
                    message,
                }
                .to_octets()
            }
        };
        self.exchange.answer(identifier, answer);
        if self.method() == AuthMethod::Pap && self.failures < self.config.max_failures {
            // The peer may try again, in the time that is left to it.
            self.exchange.wait();
        } else {
            // RFC 1994 §4.2 SHOULD (terminate): after a Failure the link is taken down.
            self.fail(AuthFailure::WrongProof);
        }
    }
}
