//! Authentication, either side of it (RFC 1334, RFC 1994, RFC 2759, RFC 3748).
//!
//! | method | protocol | who proves what | specification |
//! |---|---|---|---|
//! | PAP | [`PppProtocol::PAP`](crate::wire::PppProtocol::PAP) | the peer sends its password | RFC 1334 §2 |
//! | CHAP with MD5 | [`PppProtocol::CHAP`](crate::wire::PppProtocol::CHAP) | the peer knows the secret | RFC 1994 |
//! | MS-CHAP-V2 | [`PppProtocol::CHAP`](crate::wire::PppProtocol::CHAP) | both know the password | RFC 2759 |
//! | EAP with MD5-Challenge | [`PppProtocol::EAP`](crate::wire::PppProtocol::EAP) | the peer knows the secret | RFC 3748 §5.4 |
//!
//! An [`Authenticator`] wants a proof from the other end, a [`Supplicant`] gives one. Both ask for
//! the secret by an [`AuthEvent::SecretWanted`] and wait until the caller answers, at once or later,
//! with `provide_secret`: secrets can come from a file or from a server far away.
//!
//! Packets are the information field of PPP packets of [`AuthMethod::protocol`].
//!
//! [`AuthMethod::protocol`]: crate::lcp::AuthMethod::protocol

mod authenticator;
mod digest;
mod event;
mod exchange;
mod mschap;
mod secret;
mod supplicant;
mod wire;

pub use authenticator::{Authenticator, AuthenticatorConfig};
pub use digest::chap_md5;
pub use event::{AuthDiscard, AuthEvent, AuthFailure, AuthStats};
pub use mschap::{
    MsChapV2Keys, MsChapV2Response, authenticator_response, challenge_hash, nt_password_hash,
    nt_response,
};
pub use secret::Secret;
pub use supplicant::{Supplicant, SupplicantConfig};
pub use wire::{ChapCode, ChapPacket, EapCode, EapPacket, EapType, PapCode, PapPacket};
