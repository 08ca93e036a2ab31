//! The response of CHAP with MD5, which EAP's MD5-Challenge shares.

use super::Secret;
use md5::{Digest, Md5};

/// The answer to a challenge: MD5 over identifier, secret and challenge (RFC 1994 §4.1, RFC 3748
/// §5.4).
// RFC 1994 §4.1 MUST (hash): over the identifier, then the secret, then the challenge.
pub fn chap_md5(identifier: u8, secret: &Secret, challenge: &[u8]) -> [u8; 16] {
    let mut digest = Md5::new();
    digest.update([identifier]);
    digest.update(secret.expose());
    digest.update(challenge);
    digest.finalize().into()
}
