//! Answers to challenges, and whether the authenticator knows the secret as well.

use super::{Phase, Proved, Supplicant};
use crate::auth::event::{AuthDiscard, AuthFailure};
use crate::auth::exchange::Pending;
use crate::auth::mschap::{MsChapV2Keys, MsChapV2Response, authenticator_response, nt_response};
use crate::auth::secret::Secret;
use alloc::vec::Vec;

impl Supplicant {
    /// A challenge of CHAP, or of EAP.
    pub(super) fn on_challenge(
        &mut self,
        identifier: u8,
        value: &[u8],
        name: &[u8],
        own_challenge: Option<&[u8; 16]>,
    ) -> Result<(), AuthDiscard> {
        if self.phase == Phase::Failed {
            return Err(AuthDiscard::Unexpected(1));
        }
        self.exchange.may_want_secret(name)?;
        // Whoever sends us our own challenge, or has our own name, wants an answer that he can
        // give to us.
        let reflects = own_challenge.is_some_and(|own| own.as_slice() == value);
        let is_own_name = !name.is_empty() && name == self.config.name;
        if reflects || is_own_name {
            self.fail(AuthFailure::Reflection);
            return Ok(());
        }
        // RFC 1994 §4.1 MUST (respond): each challenge is answered, a repeated one with the same.
        let answered = self.proved.as_ref().map(|proved| proved.identifier);
        if answered == Some(identifier) && self.exchange.answer_again(identifier) {
            return Ok(());
        }
        self.exchange.want_secret(identifier, name, value.to_vec());
        Ok(())
    }

    pub(super) fn answer_mschap(
        &mut self,
        pending: &Pending<Vec<u8>>,
        secret: &Secret,
    ) -> ([u8; MsChapV2Response::LEN], ([u8; 20], MsChapV2Keys)) {
        let mut peer_challenge = [0; 16];
        self.exchange.random.fill(&mut peer_challenge);
        // The length was checked when the challenge came.
        let challenge = pending.what.as_slice().try_into().unwrap_or([0; 16]);
        let name = &self.config.name;
        let nt_response = nt_response(&challenge, &peer_challenge, name, secret);
        let wanted =
            authenticator_response(secret, &nt_response, &peer_challenge, &challenge, name);
        let keys = MsChapV2Keys::new(secret, &nt_response, false);
        let response = MsChapV2Response {
            peer_challenge,
            nt_response,
        };
        (response.to_octets(), (wanted, keys))
    }

    /// The identifier of the response that an EAP Success or Failure is for. It is its own (RFC 3748 §4.2); but pppd
    /// gives them the number after it, as it would a new request.
    pub(super) fn of_response(&self, identifier: u8) -> u8 {
        let before = identifier.wrapping_sub(1);
        match &self.proved {
            Some(proved) if proved.identifier == before => before,
            _ => identifier,
        }
    }

    pub(super) fn take_proved(&mut self, code: u8, found: u8) -> Result<Proved, AuthDiscard> {
        let Some(proved) = self.proved.as_ref().filter(|_| self.phase == Phase::Proved) else {
            return Err(AuthDiscard::Unexpected(code));
        };
        let expected = proved.identifier;
        if found != expected {
            return Err(AuthDiscard::Identifier { found, expected });
        }
        self.proved.take().ok_or(AuthDiscard::Unexpected(code))
    }
}
