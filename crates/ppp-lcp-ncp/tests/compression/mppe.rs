//! MPPE by itself.

use packet_buffer::PacketBuf;
use ppp_lcp_ncp::auth::{MsChapV2Keys, Secret, nt_response};
use ppp_lcp_ncp::ccp::mppe::{
    MppeDecryptor, MppeEncryptor, MppeError, MppeKey, MppeMode, MppeStrength,
};

/// The example of RFC 3079 §3.5: the password "clientPass", the user "User".
fn keys(is_server: bool) -> MsChapV2Keys {
    let authenticator = hex::decode("5b5d7c7d7b3f2f3e3c2c602132262628").unwrap();
    let peer = hex::decode("21402324255e262a28295f2b3a337c7e").unwrap();
    let (authenticator, peer) = (authenticator.try_into().unwrap(), peer.try_into().unwrap());
    let password = Secret::from("clientPass");
    let response = nt_response(&authenticator, &peer, b"User", &password);
    MsChapV2Keys::new(&password, &response, is_server)
}

// RFC 3079 §3.1 MUST (salt): weak keys begin with known octets.
// RFC 3079 §3.4 MUST (directions): the server's send key is the client's receive key.
#[test]
fn the_keys_of_rfc_3079_section_3_5() {
    let (server, client) = (keys(true), keys(false));
    assert_eq!(
        hex::encode(server.master_key()),
        "fdece3717a8c838cb388e527ae3cdd31"
    );
    let all = [
        (
            MppeStrength::Bits40,
            "8b7cdc149b993a1b",
            "d1269ec49fa62e3e",
            "929137917e5803d668d75898",
        ),
        (
            MppeStrength::Bits56,
            "8b7cdc149b993a1b",
            "d15c00c49fa62e3e",
            "3f106833fa448da842bc57b8",
        ),
        (
            MppeStrength::Bits128,
            "8b7cdc149b993a1ba118cb153f56dccb",
            "405cb2247a7956e6e211007ae27b22d4",
            "81848317df68846272fb5abe",
        ),
    ];
    for (strength, start, session, text) in all {
        let key = server.mppe_send_key(strength);
        assert_eq!(hex::encode(key.start_key()), start);
        assert_eq!(hex::encode(key.session_key()), session);
        let same = client.mppe_receive_key(strength);
        assert_eq!(same.session_key(), key.session_key());
        let other = client.mppe_send_key(strength);
        assert_eq!(
            other.session_key(),
            server.mppe_receive_key(strength).session_key()
        );
        assert_ne!(other.session_key(), key.session_key());
        // The first packet of a stateful sender is under the first key.
        let mut packet = PacketBuf::from(&b"test message"[..]);
        MppeEncryptor::new(key, MppeMode::Stateful).encrypt(&mut packet);
        assert_eq!(hex::encode(packet.as_slice()), format!("1000{text}"));
    }
}

#[test]
fn keys_are_not_printed() {
    let key = keys(true).mppe_send_key(MppeStrength::Bits128);
    let (sender, receiver) = ends(MppeStrength::Bits128, MppeMode::Stateless);
    let printed = format!("{key:?} {sender:?} {receiver:?}");
    let secret = [&key.session_key()[..2], &key.start_key()[..2]];
    for octets in secret {
        assert!(!printed.contains(&format!("{octets:?}")[1..8]), "{printed}");
        assert!(!printed.contains(&hex::encode(octets)), "{printed}");
    }
    assert!(printed.contains("Bits128"));
}

fn ends(strength: MppeStrength, mode: MppeMode) -> (MppeEncryptor, MppeDecryptor) {
    let sender = MppeEncryptor::new(keys(true).mppe_send_key(strength), mode);
    let receiver = MppeDecryptor::new(keys(false).mppe_receive_key(strength), mode);
    (sender, receiver)
}

fn datagram(number: usize) -> Vec<u8> {
    let text = format!("datagram {number}");
    let length = u8::try_from(4 + text.len()).unwrap();
    [&[0, 0x21, 0x45, 0, 0, length][..], text.as_bytes()].concat()
}

fn encrypt(sender: &mut MppeEncryptor, number: usize) -> Vec<u8> {
    let mut packet = PacketBuf::from(&datagram(number)[..]);
    sender.encrypt(&mut packet);
    packet.as_slice().to_vec()
}

fn decrypt(receiver: &mut MppeDecryptor, packet: &[u8]) -> Result<Vec<u8>, MppeError> {
    let mut out = PacketBuf::new();
    receiver.decrypt(packet, &mut out)?;
    Ok(out.as_slice().to_vec())
}

/// Frames of pppd 2.4.9 on Linux 6.1, after MS-CHAP-V2 with the secret "secret".
// RFC 3078 §7.3 MUST (change): the keys are those of somebody else.
#[test]
fn what_linux_sends() {
    let sessions = [
        (
            MppeStrength::Bits128,
            "34e73f5c163fafcedf2f3fcf02e81dfc6601df3d1a20c6d5",
            [
                "9000ad573ea9b2afc77f1d671188af59157eee92950e97547488955d590f7f34f1fdece6b1e981c0c0\
              85a9c0802fa6337527db53",
                "9001728a83d7f3a44b8e229413b8c4401037dba0794d0ecccc701ffdf244b0438d70e0e2467230ee30\
              7956c07f504eb4c6481f1197e03c5b491f546198c4f0cd6afe7a0f4b424a96c775773cdbeb64fe202b5f\
              bd54c3c686",
            ],
            [
                "9000a3af7822617f32904f8eac4f3e593a9f9359846a1d75e349f7fee17330d43155f3e764cb426091\
              58f945f022f4a41175a510",
                "9001e6fafa3dd480529da533b99ad15b32a198463a7c6c2454404ee50bc4ff190da4c280f1b336e74b\
              fa4b61e67ac761fa4082cbeeb960724c3f79313b04c96b638e380c6b28392c71049f4d5c5d5011f931de\
              260a38ab67",
            ],
        ),
        (
            MppeStrength::Bits40,
            "c23184fb9633ed7eca265fd58a9d022f81b8e068690c3a6f",
            [
                "900062a25153c17791370aafa4ac1e9d8cdee0ad9bb42a30affab397abe5a13e33022e94c707b2f57d\
              3fffd4d74955f4f26eb18d",
                "900192619ad2a49238246b53bdbdf0f1dd0b4765ccf2b9497c8abfdaa014c8379129309dff238c11aa\
              017ced88b8c1bd74cad693c8b8b98e0ba49933d2971ca6d9c26cc009de1da4d7505f8aae830c4a38eaf3\
              67817bcb90",
            ],
            [
                "9000335659eb0df1e58b5048a5a184421de87f6322e941f6e5fbe1b357be4c2ace1366cd184868e2f7\
              ea65b19b37a11154f0fd3c",
                "9001cd7f594255a911177b919b6ccdeae7a004d4452159edb25e1dadfc9cf83ee25f1816aa719faf18\
              56c820317e45923aeb241ef2923da6ab11a14206ae4d4b5c119d7741b502c089120a0fb7e08b6910775d\
              5a483ef938",
            ],
        ),
    ];
    for (strength, response, from_server, from_client) in sessions {
        let response = hex::decode(response).unwrap().try_into().unwrap();
        let keys = |is_server| MsChapV2Keys::new(&Secret::from("secret"), &response, is_server);
        for (is_server, packets) in [(false, from_server), (true, from_client)] {
            let key = keys(is_server).mppe_receive_key(strength);
            let mut receiver = MppeDecryptor::new(key, MppeMode::Stateless);
            let key = keys(!is_server).mppe_send_key(strength);
            let mut sender = MppeEncryptor::new(key, MppeMode::Stateless);
            for (packet, protocol) in packets.iter().zip([0x57, 0x21]) {
                let packet = hex::decode(packet).unwrap();
                let plain = decrypt(&mut receiver, &packet).unwrap();
                assert_eq!(plain[..2], [0, protocol]);
                let (at, header) = if protocol == 0x57 { (6, 40) } else { (4, 0) };
                let length = u16::from_be_bytes([plain[at], plain[at + 1]]);
                assert_eq!(usize::from(length) + header, plain.len() - 2);
                let mut again = PacketBuf::from(&plain[..]);
                sender.encrypt(&mut again);
                assert_eq!(again.as_slice(), packet);
            }
        }
    }
}

// RFC 3078 §3 MUST (flushed): without state, each packet has the bit.
// RFC 3078 §7.1 MUST (stateless): and a key of its own.
// RFC 3078 §8.1 MUST (catch-up): packets that are lost cost nothing but themselves.
#[test]
fn stateless_packets_that_are_lost_and_late() {
    let (mut sender, mut receiver) = ends(MppeStrength::Bits128, MppeMode::Stateless);
    let packets: Vec<Vec<u8>> = (0..3000)
        .map(|number| encrypt(&mut sender, number))
        .collect();
    assert!(packets.iter().all(|packet| packet[0] & 0xf0 == 0x90));
    for number in [0, 1, 5, 6, 100, 2100, 2999] {
        assert_eq!(
            decrypt(&mut receiver, &packets[number]),
            Ok(datagram(number))
        );
    }
    let late = MppeError::Late {
        found: 2998,
        expected: 3000,
    };
    assert_eq!(decrypt(&mut receiver, &packets[2998]), Err(late));
    assert!(!receiver.awaits_reset());
    assert_eq!(
        decrypt(&mut receiver, &encrypt(&mut sender, 7)),
        Ok(datagram(7))
    );
}

// A forged packet that is far ahead would move the keys on, and make all others late.
// RFC 3078 §3 MUST (encrypted): nor are packets taken that are not encrypted.
// RFC 3078 §3 MUST (range): or that carry what is never encrypted.
#[test]
fn forged_packets_do_not_move_the_keys() {
    let (mut sender, mut receiver) = ends(MppeStrength::Bits128, MppeMode::Stateless);
    let mut taken = 0;
    for number in 0..200usize {
        let genuine = encrypt(&mut sender, number);
        let mut forged = genuine.clone();
        let ahead = 1 + number * 10;
        let count = u16::try_from(number + ahead).unwrap();
        forged[..2].copy_from_slice(&(0x9000 | count).to_be_bytes());
        taken += usize::from(decrypt(&mut receiver, &forged).is_ok());
        for bits in [0x80, 0x10, 0xb0, 0x00] {
            let mut clear = genuine.clone();
            clear[0] = bits | (clear[0] & 0xf);
            assert!(matches!(
                decrypt(&mut receiver, &clear),
                Err(MppeError::Bits(_))
            ));
        }
        for length in 0..3 {
            let short = decrypt(&mut receiver, &genuine[..length]);
            assert_eq!(short, Err(MppeError::Short(length)));
        }
        assert_eq!(
            decrypt(&mut receiver, &genuine),
            Ok(datagram(number)),
            "{number}"
        );
    }
    assert_eq!(taken, 0);
    // With another key, next to nothing looks like a packet.
    let (_, mut other) = ends(MppeStrength::Bits40, MppeMode::Stateless);
    let read =
        (0..100).filter(|&number| decrypt(&mut other, &encrypt(&mut sender, number)).is_ok());
    assert!(read.count() < 10);
}

// RFC 3078 §3 MUST (count): it begins at 0, and does so again.
// RFC 3078 §3 SHOULD NOT (padding): the header is all that a packet grows by.
#[test]
fn counts_go_round() {
    for mode in [MppeMode::Stateless, MppeMode::Stateful] {
        let (mut sender, mut receiver) = ends(MppeStrength::Bits128, mode);
        for number in 0..4100 {
            let packet = encrypt(&mut sender, number);
            let count = u16::from_be_bytes([packet[0], packet[1]]) & 0x0fff;
            assert_eq!(usize::from(count), number % 4096);
            let clear = datagram(number);
            assert_eq!(packet.len(), clear.len() + 2);
            assert_eq!(decrypt(&mut receiver, &packet), Ok(clear));
        }
    }
}

// RFC 3078 §7.2 MUST (flag): keys change with the packets whose count ends in 0xff.
// RFC 3078 §8.2 MUST (reset-request): a loss stops the receiver.
// RFC 3078 §8.2 SHOULD (silent): until a flushed packet comes.
// RFC 3078 §8.2 MUST (flushed): which starts the tables again.
// RFC 3078 §8.2 MUST (resume): and the count.
// RFC 3078 §8.2 MUST (missed-flags): with the keys that changed meanwhile.
// RFC 3078 §8.2 MUST (reinitialize): the sender flushes when it is asked to.
#[test]
fn stateful_packets_that_are_lost() {
    for mode in [MppeMode::Stateful, MppeMode::StatefulRekeyed] {
        for lost in [1, 255, 257, 1500] {
            for start in [0, 254, 255] {
                let (mut sender, mut receiver) = ends(MppeStrength::Bits56, mode);
                for number in 0..start {
                    let packet = encrypt(&mut sender, number);
                    let is_flag = number % 256 == 255;
                    assert_eq!(packet[0] & 0xf0, if is_flag { 0x90 } else { 0x10 });
                    assert_eq!(decrypt(&mut receiver, &packet), Ok(datagram(number)));
                }
                for number in 0..lost {
                    encrypt(&mut sender, number);
                }
                // A flag is flushed: it can end the wait by itself.
                let next = start + lost;
                if next % 256 == 255 {
                    let packet = encrypt(&mut sender, 1);
                    if mode == MppeMode::Stateful {
                        assert_eq!(decrypt(&mut receiver, &packet), Ok(datagram(1)));
                        continue;
                    }
                }
                let (found, expected) = (next as u16, start as u16);
                if next % 256 != 255 {
                    let packet = encrypt(&mut sender, 1);
                    let error = MppeError::Lost { found, expected };
                    assert_eq!(decrypt(&mut receiver, &packet), Err(error));
                    assert!(receiver.awaits_reset());
                    let packet = encrypt(&mut sender, 2);
                    if packet[0] & 0x80 == 0 {
                        let waits = decrypt(&mut receiver, &packet);
                        assert_eq!(waits, Err(MppeError::AwaitsReset));
                    }
                }
                sender.reset();
                let packet = encrypt(&mut sender, 3);
                assert_eq!(packet[0] & 0xf0, 0x90);
                assert_eq!(
                    decrypt(&mut receiver, &packet),
                    Ok(datagram(3)),
                    "{mode:?} {start} {lost}"
                );
                for number in 0..260 {
                    let packet = encrypt(&mut sender, number);
                    assert_eq!(decrypt(&mut receiver, &packet), Ok(datagram(number)));
                }
            }
        }
    }
}

#[test]
fn a_changed_octet_in_a_stateful_packet_is_found_where_it_makes_no_packet() {
    let (mut sender, mut receiver) = ends(MppeStrength::Bits128, MppeMode::Stateful);
    assert!(decrypt(&mut receiver, &encrypt(&mut sender, 1)).is_ok());
    let mut packet = encrypt(&mut sender, 2);
    packet[2] ^= 0x40;
    assert!(matches!(
        decrypt(&mut receiver, &packet),
        Err(MppeError::Lost { .. })
    ));
    sender.reset();
    assert_eq!(
        decrypt(&mut receiver, &encrypt(&mut sender, 3)),
        Ok(datagram(3))
    );
}

// Linux changes the key with each reset, the RFC does not: a receiver understands both, and resets that
// were lost too.
#[test]
fn both_ways_to_reset() {
    for sends in [MppeMode::Stateful, MppeMode::StatefulRekeyed] {
        for receives in [MppeMode::Stateful, MppeMode::StatefulRekeyed] {
            let (mut sender, _) = ends(MppeStrength::Bits128, sends);
            let (_, mut receiver) = ends(MppeStrength::Bits128, receives);
            for round in 0..60 {
                let packet = encrypt(&mut sender, round);
                assert_eq!(decrypt(&mut receiver, &packet), Ok(datagram(round)));
                encrypt(&mut sender, 1);
                assert!(decrypt(&mut receiver, &encrypt(&mut sender, 2)).is_err());
                for _ in 0..round % 8 {
                    sender.reset();
                    encrypt(&mut sender, 3);
                }
                sender.reset();
                let packet = encrypt(&mut sender, 4);
                assert_eq!(decrypt(&mut receiver, &packet), Ok(datagram(4)), "{round}");
            }
        }
    }
}

// RFC 3078 §7.3 MUST (change): no two packets of a session are under the same octets.
#[test]
fn keys_do_not_repeat() {
    for strength in MppeStrength::ALL {
        let mut key: MppeKey = keys(true).mppe_send_key(strength);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..5000 {
            assert!(seen.insert(key.session_key().to_vec()));
            key.change();
        }
    }
}
