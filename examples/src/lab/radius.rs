//! A RADIUS server (RFC 2865) that knows a few names: access concentrators want one.

use anyhow::{Context, Result};
use core::net::Ipv4Addr;
use md5::{Digest as _, Md5};
use std::net::UdpSocket;

/// Ports of authentication and accounting.
const PORTS: [u16; 2] = [1812, 1813];

const ACCESS_REQUEST: u8 = 1;
const ACCESS_ACCEPT: u8 = 2;
const ACCESS_REJECT: u8 = 3;
const ACCOUNTING_RESPONSE: u8 = 5;

/// Attributes of a request.
#[derive(Debug, Default)]
struct Attributes<'a> {
    name: &'a [u8],
    /// Hidden under the secret.
    password: Option<&'a [u8]>,
    /// Identifier and response.
    chap: Option<&'a [u8]>,
    challenge: Option<&'a [u8]>,
}

/// A server in a namespace. It goes when the test does.
#[derive(Debug)]
pub struct Radius;

impl Radius {
    /// Starts it on the loopback address of the namespace: `secret` is shared with its clients, `names` are known
    /// with their passwords.
    ///
    /// # Errors
    ///
    /// When its ports are taken.
    pub fn start(
        namespace: &super::Namespace,
        secret: &'static [u8],
        names: &'static [(&'static str, &'static str)],
    ) -> Result<Self> {
        for port in PORTS {
            let socket = namespace
                .enter(|| Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?))
                .with_context(|| format!("port {port} of the RADIUS server"))?;
            std::thread::spawn(move || {
                let mut packet = [0; 4096];
                while let Ok((length, from)) = socket.recv_from(&mut packet) {
                    let request = packet.get(..length).unwrap_or_default();
                    if let Some(reply) = answer(request, secret, names) {
                        // The client asks again where it gets lost.
                        let _ = socket.send_to(&reply, from);
                    }
                }
            });
        }
        Ok(Self)
    }
}

/// The answer to a request; `None` where it cannot be read.
fn answer(request: &[u8], secret: &[u8], names: &[(&str, &str)]) -> Option<Vec<u8>> {
    let (header, rest) = request.split_first_chunk::<4>()?;
    let (authenticator, attributes) = rest.split_first_chunk::<16>()?;
    let [code, identifier, ..] = *header;
    let code = if code == ACCESS_REQUEST {
        let attributes = read(attributes)?;
        if is_right(&attributes, authenticator, secret, names) {
            ACCESS_ACCEPT
        } else {
            ACCESS_REJECT
        }
    } else {
        ACCOUNTING_RESPONSE
    };
    // Service-Type is Framed, Framed-Protocol PPP.
    let body: &[u8] = if code == ACCESS_ACCEPT {
        &[6, 6, 0, 0, 0, 2, 7, 6, 0, 0, 0, 1]
    } else {
        &[]
    };
    let length = u16::try_from(20 + body.len()).ok()?.to_be_bytes();
    let [high, low] = length;
    let header = [code, identifier, high, low];
    let proof = digest(&[&header, authenticator, body, secret]);
    Some([&header[..], &proof, body].concat())
}

fn read(mut octets: &[u8]) -> Option<Attributes<'_>> {
    let mut attributes = Attributes::default();
    while let [kind, length, ..] = *octets {
        let (attribute, rest) = octets.split_at_checked(length.into())?;
        let value = attribute.get(2..)?;
        match kind {
            1 => attributes.name = value,
            2 => attributes.password = Some(value),
            3 => attributes.chap = Some(value),
            60 => attributes.challenge = Some(value),
            _ => {}
        }
        octets = rest;
    }
    Some(attributes)
}

fn is_right(
    attributes: &Attributes<'_>,
    authenticator: &[u8; 16],
    secret: &[u8],
    names: &[(&str, &str)],
) -> bool {
    let found = names
        .iter()
        .find(|(name, _)| name.as_bytes() == attributes.name);
    let Some((_, password)) = found else {
        return false;
    };
    match (attributes.password, attributes.chap) {
        (Some(hidden), _) => {
            let mut clear = Vec::new();
            let mut before = authenticator.to_vec();
            for block in hidden.chunks(16) {
                let pad = digest(&[secret, &before]);
                clear.extend(block.iter().zip(pad).map(|(octet, pad)| octet ^ pad));
                before = block.to_vec();
            }
            while clear.last() == Some(&0) {
                clear.pop();
            }
            clear == password.as_bytes()
        }
        (None, Some([identifier, response @ ..])) => {
            let challenge = attributes.challenge.unwrap_or(authenticator);
            digest(&[&[*identifier], password.as_bytes(), challenge]) == *response
        }
        _ => false,
    }
}

fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 2865 §7.1: user "nemo" with the password "arctangent", secret "xyzzy5461".
    #[test]
    fn the_example_of_the_rfc() {
        let request = hex::decode(
            "010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee\
             0406c0a80110050600000003",
        );
        let names = [("nemo", "arctangent")];
        let reply = answer(&request.unwrap(), b"xyzzy5461", &names).unwrap();
        assert_eq!(reply.first(), Some(&ACCESS_ACCEPT));
        let names = [("nemo", "tangent")];
        let request = hex::decode(
            "010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee\
             0406c0a80110050600000003",
        );
        let reply = answer(&request.unwrap(), b"xyzzy5461", &names).unwrap();
        assert_eq!(reply.first(), Some(&ACCESS_REJECT));
    }
}
