//! Digests that other implementations made.

use super::*;
use alloc::collections::BTreeMap;
use packet_buffer::wire::{EtherType, EthernetFrame, Ipv4Packet, UdpDatagram};
use serde_json::Value;
use testkit::captures::Frame;

/// The source and the UDP payload of a frame with a RIP message over IPv4.
fn rip(frame: &Frame) -> Option<(Ipv4Addr, Vec<u8>)> {
    let ethernet = EthernetFrame::parse(&frame.data).ok()?;
    if ethernet.ethertype() != EtherType::IPV4 {
        return None;
    }
    let ip = Ipv4Packet::parse(ethernet.payload()).ok()?;
    let udp = UdpDatagram::parse(ip.payload()).ok()?;
    let is_rip = udp.destination_port() == rip::wire::RIP_PORT;
    is_rip.then(|| (ip.source(), udp.payload().to_vec()))
}

#[test]
fn passwords_and_keyed_md5_of_a_capture() {
    testkit::skip_without_shared!();
    let captures = testkit::captures::in_folder("rip").unwrap();
    let name = "rip/tcpdump-ripv2_auth-text-md5";
    let capture = captures
        .iter()
        .find(|capture| capture.name == name)
        .unwrap();
    let folder = testkit::captures::shared_folder().unwrap();
    let text = std::fs::read(folder.join(format!("captures/{name}.keys.json"))).unwrap();
    let text: Value = serde_json::from_slice(&text).unwrap();
    let auth = &text["rip_auth"];
    let secret = auth["key_ascii"].as_str().unwrap().as_bytes();
    let id = auth["key_id"].as_u64().unwrap() as u8;
    let md5_frames: Vec<_> = auth["md5_frames"].as_array().unwrap().to_vec();
    let key = Key::new(id, Algorithm::KeyedMd5, Secret::new(secret));
    let mut by_digest = authenticator(chain([key]));
    let mut by_password = authenticator(password(secret));
    let (mut digests, mut passwords) = (0, 0);
    for (number, frame) in (1..).zip(&capture.frames) {
        let (source, octets) = rip(frame).unwrap();
        let message = RipMessage::parse(&octets).unwrap();
        if md5_frames.contains(&Value::from(number)) {
            assert_eq!(by_digest.verify(NOW, source, &message), Ok(()));
            digests += 1;
        } else {
            assert_eq!(by_password.verify(NOW, source, &message), Ok(()));
            passwords += 1;
        }
    }
    assert_eq!((digests, passwords), (2, 2));
}

/// What FRR and BIRD sent to each other: both ends of each pair have the secret `s3cret` and the
/// key id 1.
#[test]
fn digests_of_routers_in_use() {
    testkit::skip_without_shared!();
    let folder = testkit::captures::shared_folder().unwrap();
    let folder = folder.join("labs/rip/pcaps");
    if !folder.is_dir() {
        eprintln!("SKIPPED: there is no {}", folder.display());
        return;
    }
    let pairs = [
        ("bird_bird_hmacsha1", Algorithm::HmacSha1),
        ("bird_bird_sha256", Algorithm::HmacSha256),
        ("bird_bird_sha384", Algorithm::HmacSha384),
        ("bird_bird_sha512", Algorithm::HmacSha512),
        ("frr_bird_md5", Algorithm::KeyedMd5),
        ("frr_frr_md5_rfc", Algorithm::KeyedMd5),
        ("frr_frr_md5_oldripd", Algorithm::KeyedMd5),
    ];
    for (name, algorithm) in pairs {
        let path = folder.join(format!("t03_auth_{name}.pcap"));
        let capture = testkit::captures::read(&std::fs::read(&path).unwrap()).unwrap();
        let mut receiver = authenticator(chain([key(1, algorithm)]));
        let other = chain([Key::new(1, algorithm, Secret::new(b"secret"))]);
        let mut of_source = BTreeMap::<_, usize>::new();
        for (source, octets) in capture.frames.iter().filter_map(rip) {
            let message = RipMessage::parse(&octets).unwrap();
            if message.authentication().is_none() {
                // FRR's requests are not authenticated.
                assert_eq!(message.command(), Command::REQUEST);
                let refused = receiver.verify(NOW, source, &message);
                assert_eq!(refused, Err(AuthError::Missing), "{name}");
                continue;
            }
            assert_eq!(receiver.verify(NOW, source, &message), Ok(()), "{name}");
            let refused = authenticator(other.clone()).verify(NOW, source, &message);
            assert_eq!(refused, Err(AuthError::Digest), "{name}");
            *of_source.entry(source).or_default() += 1;
        }
        assert_eq!(of_source.len(), 2, "{name}: both were heard");
    }
}
