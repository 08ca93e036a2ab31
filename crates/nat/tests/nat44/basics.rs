//! The first steps: a query out, its answer back.

use crate::support::*;
use nat::{DropReason, Profile};

const PROFILES: [Profile; 3] = [Profile::Rfc, Profile::LinuxCompat, Profile::CloudGateway];

#[test]
fn udp_goes_out_and_comes_back() {
    for profile in PROFILES {
        let mut nat = simple(profile);
        let out = pass(
            &mut nat,
            at(0),
            Inside,
            udp(end(A, 40_000), end(SERVER, 53)),
        );
        assert_eq!((*out.from.ip(), out.to), (EXTERNAL, end(SERVER, 53)));
        let back = pass(&mut nat, at(1), Outside, udp(end(SERVER, 53), out.from));
        assert_eq!((back.from, back.to), (end(SERVER, 53), end(A, 40_000)));
        assert_eq!(nat.session_count(), 1);
        assert_eq!((nat.stats().outbound, nat.stats().inbound), (1, 1));
    }
}

#[test]
fn tcp_goes_out_and_comes_back() {
    for profile in PROFILES {
        let mut nat = simple(profile);
        let (client, server) = (end(A, 40_000), end(SERVER, 80));
        let out = pass(&mut nat, at(0), Inside, tcp(client, server, "S", 100, 0));
        let back = pass(
            &mut nat,
            at(0),
            Outside,
            tcp(server, out.from, "SA", 500, 101),
        );
        assert_eq!((back.from, back.to), (server, client));
        pass(&mut nat, at(0), Inside, tcp(client, server, "A", 101, 501));
        // The handshake has made the session last.
        let expires = nat.sessions().next().unwrap().expires;
        let expected = match profile {
            Profile::Rfc => 7_440,
            Profile::LinuxCompat => 432_000,
            Profile::CloudGateway => 350,
        };
        assert_eq!(expires, at(expected));
    }
}

#[test]
fn pings_go_out_and_come_back() {
    for profile in PROFILES {
        let mut nat = simple(profile);
        let out = pass(&mut nat, at(0), Inside, echo(A, SERVER, 77));
        assert_eq!((*out.from.ip(), *out.to.ip()), (EXTERNAL, SERVER));
        let reply = echo_reply(SERVER, EXTERNAL, out.from.port());
        let back = pass(&mut nat, at(0), Outside, reply);
        assert_eq!((*back.to.ip(), back.to.port()), (A, 77));
        let stranger = echo_reply(SERVER, EXTERNAL, out.from.port() ^ 1);
        let reason = drop_of(&mut nat, at(0), Outside, stranger);
        assert_eq!(reason, DropReason::NoMapping);
    }
}

#[test]
fn errors_find_their_way_in() {
    for profile in PROFILES {
        let mut nat = simple(profile);
        let query = udp(end(A, 40_000), end(SERVER, 53));
        let sent = pass_packet(&mut nat, at(0), Inside, query.clone());
        for octets in [8, 13] {
            let error = pass_packet(&mut nat, at(0), Outside, unreachable(OTHER, &sent, octets));
            assert_eq!(*ends(&error).to.ip(), A);
            // What is quoted is what the host has sent, identification and its checksum aside.
            let quoted = nat_quote(&error);
            assert_eq!(quoted[12..], query.as_slice()[12..20 + octets]);
        }
        assert_eq!(nat.stats().icmp_errors, 2);
    }
}

fn nat_quote(error: &nat::PacketBuf) -> Vec<u8> {
    error.as_slice()[28..].to_vec()
}
