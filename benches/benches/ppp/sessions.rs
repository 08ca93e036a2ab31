//! Whole sessions: how long it takes to bring one up, and what one takes of memory.
//!
//! Both ends run in one thread, an access concentrator and a client, over PPP packets as PPPoE
//! carries them. A session is up when IPv4 is open at both ends, with CHAP where that is wanted.

use crate::arch::held;
use core::hint::black_box;
use internetwork_benches::Group;
use packet_buffer::random::RandomSource;
use packet_buffer::{Instant, PacketBuf};
use ppp_lcp_ncp::auth::{AuthenticatorConfig, Secret, SupplicantConfig};
use ppp_lcp_ncp::lcp::{AuthMethod, LcpConfig};
use ppp_lcp_ncp::link::{Link, LinkConfig, LinkEvent};
use ppp_lcp_ncp::ncp::IpcpConfig;
use ppp_lcp_ncp::wire::PppProtocol;

const NOW: Instant = Instant::from_secs(1);

/// Numbers that differ.
struct Numbers(u64);

impl RandomSource for Numbers {
    fn fill(&mut self, octets: &mut [u8]) {
        for octet in octets {
            self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            *octet = self.0.to_be_bytes()[0];
        }
    }
}

fn config(lcp: LcpConfig, number: u8) -> LinkConfig {
    LinkConfig {
        lcp: LcpConfig {
            mru: 1492,
            accm: None,
            protocol_field_compression: false,
            address_and_control_field_compression: false,
            ..lcp
        },
        authenticator: AuthenticatorConfig {
            name: b"concentrator".to_vec(),
            ..AuthenticatorConfig::default()
        },
        supplicant: SupplicantConfig {
            name: b"client".to_vec(),
            ..SupplicantConfig::default()
        },
        ipcp: Some(IpcpConfig {
            address: Some([192, 0, 2, number].into()),
            ..IpcpConfig::default()
        }),
        ipv6cp: None,
        ..LinkConfig::default()
    }
}

/// The concentrator's end and the client's, about to begin.
fn begun(method: Option<AuthMethod>, seed: u64) -> [Link; 2] {
    let concentrator = LcpConfig {
        require_auth: method.into_iter().collect(),
        ..LcpConfig::default()
    };
    let client = LcpConfig {
        allow_auth: method.into_iter().collect(),
        ..LcpConfig::default()
    };
    [(concentrator, 1), (client, 2)].map(|(lcp, number)| {
        let random = Numbers(seed * 2 + u64::from(number));
        let mut link = Link::new(config(lcp, number), Box::new(random)).unwrap();
        link.open(NOW);
        link.lower_up(NOW);
        link
    })
}

/// What one end has to say goes to the other.
fn pass(from: &mut Link, to: &mut Link, secret: &Secret, [packet, data]: &mut [PacketBuf; 2]) {
    while from.poll_transmit(packet).is_some() {
        let _ = to.handle_input(NOW, packet.as_slice(), data);
    }
    while let Some(event) = to.poll_event() {
        if let LinkEvent::SecretWanted { role, .. } = event {
            to.provide_secret(NOW, role, Some(secret));
        }
    }
}

fn bring_up(ends: &mut [Link; 2], secret: &Secret, buffers: &mut [PacketBuf; 2]) {
    let [concentrator, client] = ends;
    for _ in 0..20 {
        pass(concentrator, client, secret, buffers);
        pass(client, concentrator, secret, buffers);
        if concentrator.is_open(PppProtocol::IPV4) && client.is_open(PppProtocol::IPV4) {
            return;
        }
    }
    panic!("no session: {concentrator:?} {client:?}");
}

const METHODS: [(&str, Option<AuthMethod>); 3] = [
    ("no authentication", None),
    ("CHAP with MD5", Some(AuthMethod::ChapMd5)),
    ("MS-CHAP-V2", Some(AuthMethod::MsChapV2)),
];

pub(crate) fn groups() -> Vec<Group<'static>> {
    let group = |(name, method)| {
        let secret = Secret::from("only we know");
        let mut buffers = [PacketBuf::new(), PacketBuf::new()];
        let mut seed = 0;
        Group::new(format!("bring up a session, both ends, {name}"), 1).item(
            "ppp-lcp-ncp",
            move || {
                seed += 1;
                let mut ends = begun(black_box(method), seed);
                bring_up(&mut ends, &secret, &mut buffers);
                ends
            },
        )
    };
    METHODS.into_iter().map(group).collect()
}

/// Prints the octets that the concentrator's end holds: those that are freed with it.
pub(crate) fn print_octets() {
    println!("Octets of the concentrator's end of a session, with all that it has allocated\n");
    println!("| | begun | the first Configure-Request answered | up |");
    println!("|---|---:|---:|---:|");
    let secret = Secret::from("only we know");
    let mut buffers = [PacketBuf::new(), PacketBuf::new()];
    for (name, method) in METHODS {
        let [idle, _] = begun(method, 1);
        let idle = freed_with(idle);
        let [mut concentrator, mut client] = begun(method, 1);
        pass(&mut client, &mut concentrator, &secret, &mut buffers);
        pass(&mut concentrator, &mut client, &secret, &mut buffers);
        let half_open = freed_with(concentrator);
        let mut ends = begun(method, 1);
        bring_up(&mut ends, &secret, &mut buffers);
        let [up, _] = ends;
        let up = freed_with(up);
        println!("| {name} | {idle} | {half_open} | {up} |");
    }
    println!();
}

fn freed_with(link: Link) -> isize {
    let link = Box::new(link);
    let before = held();
    drop(link);
    before - held()
}
