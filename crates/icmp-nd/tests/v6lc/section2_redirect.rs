//! Section 2.3: redirects.

use crate::packets::{
    AUTONOMOUS, ON_LINK, Packet, echo_request, empty_option, ip, mtu, pio, redirect, redirected,
    slla, tlla, unknown_option,
};
use crate::support::{
    ECHO_REPLY, Lab, NUT_GLOBAL, NUT_LL, Station, TN1, TN1_LL, TN2, TN2_GLOBAL, TR1, TR1_LL, TR2,
    TR2_LL, TR3, TR3_LL, secs,
};
use core::time::Duration;
use packet_buffer::wire::MacAddr;

const FORGED: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x66]);

/// TN2, which an earlier packet made the host reach through TR1, is on link B after all.
const TN2_ON_B: Station = Station {
    mac: TN2.mac,
    port: 0,
};

/// A host that answers TN2 through TR1.
fn ready() -> Lab {
    let mut lab = Lab::host_with_router();
    lab.assert_reply_to(TR1, TN2_GLOBAL, TR1);
    lab.answers(TN2_GLOBAL, TN2_ON_B, false);
    lab
}

/// What the host sent that the redirect is about.
fn sent() -> Vec<u8> {
    let mut reply = echo_request(1, 8);
    reply[0] = ECHO_REPLY;
    Packet::icmp(NUT_GLOBAL, TN2_GLOBAL, reply).octets()
}

fn from_tr1(message: Vec<u8>) -> Packet {
    Packet::nd(TR1_LL, NUT_GLOBAL, message)
}

/// The redirect is taken: the next answer goes to this station, with or without a question first.
fn taken(packet: &Packet, target: &str, station: Station, asks: bool) {
    let mut lab = ready();
    lab.send(TR1, packet);
    lab.run(Duration::from_millis(100));
    lab.assert_reply_to(TR1, TN2_GLOBAL, station);
    assert_eq!(!lab.solicitations(target).is_empty(), asks);
}

/// The redirect is ignored: the next answer still goes through TR1.
fn ignored(packet: &Packet) {
    let mut lab = ready();
    lab.send(TR1, packet);
    lab.run(Duration::from_millis(100));
    lab.assert_reply_to(TR1, TN2_GLOBAL, TR1);
}

mod s_2_3_1_and_2 {
    use super::*;

    fn on_link(options: &[Vec<u8>]) -> Packet {
        from_tr1(redirect(TN2_GLOBAL, TN2_GLOBAL, options))
    }

    /// v6LC.2.3.1a | Redirected On-link: Valid - No TLLA, No Redirect
    #[test]
    fn neither_option() {
        taken(&on_link(&[]), TN2_GLOBAL, TN2_ON_B, true);
    }

    /// v6LC.2.3.1a | Redirected On-link: Valid - No TLLA, Redirect
    #[test]
    fn redirected_header() {
        taken(&on_link(&[redirected(&sent())]), TN2_GLOBAL, TN2_ON_B, true);
    }

    /// v6LC.2.3.1a | Redirected On-link: Valid - TLLA, No Redirect
    #[test]
    fn target_address() {
        taken(&on_link(&[tlla(TN2.mac)]), TN2_GLOBAL, TN2_ON_B, false);
    }

    /// v6LC.2.3.1a | Redirected On-link: Valid - TLLA, Redirect
    #[test]
    fn both_options() {
        let options = [tlla(TN2.mac), redirected(&sent())];
        taken(&on_link(&options), TN2_GLOBAL, TN2_ON_B, false);
    }

    /// v6LC.2.3.2a | Redirected On-link: Suspicious - Option Unrecognized
    #[test]
    fn unknown_options_are_ignored() {
        let options = [unknown_option(), tlla(TN2.mac)];
        taken(&on_link(&options), TN2_GLOBAL, TN2_ON_B, false);
    }

    /// v6LC.2.3.2b | Redirected On-link: Suspicious - Reserved Field is Non-zero
    #[test]
    fn reserved_bits_are_ignored() {
        let mut message = redirect(TN2_GLOBAL, TN2_GLOBAL, &[tlla(TN2.mac)]);
        message[4..8].copy_from_slice(&[0xff; 4]);
        taken(&from_tr1(message), TN2_GLOBAL, TN2_ON_B, false);
    }
}

/// The nine ways to be invalid, of a redirect to this target with these options.
fn invalid(part: char, target: &str, destination: &str, options: &[Vec<u8>]) -> Packet {
    let message = || redirect(target, destination, options);
    match part {
        'a' => Packet::nd("2001:db8:2::a1", NUT_GLOBAL, message()),
        'b' => Packet::nd(TR2_LL, NUT_GLOBAL, message()),
        'c' => from_tr1(message()).hop_limit(254),
        'd' => {
            let mut message = message();
            message[1] = 1;
            from_tr1(message)
        }
        'e' => from_tr1(message()).bad_checksum(),
        'f' => from_tr1(redirect(target, "ff1e::1", options)),
        'g' => from_tr1(redirect("ff02::1:ff00:22", destination, options)),
        'h' => {
            let mut message = message();
            message.truncate(32);
            from_tr1(message)
        }
        'i' => {
            let mut options = options.to_vec();
            options.push(empty_option());
            from_tr1(redirect(target, destination, &options))
        }
        _ => panic!("{part}"),
    }
}

mod s_2_3_3 {
    use super::*;

    fn ignored_on_link(part: char) {
        ignored(&invalid(part, TN2_GLOBAL, TN2_GLOBAL, &[tlla(TN2.mac)]));
    }

    /// v6LC.2.3.3a | Redirected On-link: Invalid - Redirect Source Address is Global
    #[test]
    fn source_global() {
        ignored_on_link('a');
    }

    /// v6LC.2.3.3b | Redirected On-link: Invalid - Redirect Source Address is not the current
    #[test]
    fn source_not_the_first_hop() {
        ignored_on_link('b');
    }

    /// v6LC.2.3.3c | Redirected On-link: Invalid - Hop Limit is not 255
    #[test]
    fn hop_limit() {
        ignored_on_link('c');
    }

    /// v6LC.2.3.3d | Redirected On-link: Invalid - ICMPv6 Code is not 0
    #[test]
    fn code() {
        ignored_on_link('d');
    }

    /// v6LC.2.3.3e | Redirected On-link: Invalid - ICMPv6 Checksum is invalid
    #[test]
    fn checksum() {
        ignored_on_link('e');
    }

    /// v6LC.2.3.3f | Redirected On-link: Invalid - ICMPv6 Destination Address is Multicast
    #[test]
    fn destination_multicast() {
        ignored_on_link('f');
    }

    /// v6LC.2.3.3g | Redirected On-link: Invalid - Target Address is Multicast
    #[test]
    fn target_multicast() {
        ignored_on_link('g');
    }

    /// v6LC.2.3.3h | Redirected On-link: Invalid - ICMPv6 length is less than 40 Octets
    #[test]
    fn length() {
        ignored_on_link('h');
    }

    /// v6LC.2.3.3i | Redirected On-link: Invalid - Option has Length Zero
    #[test]
    fn option_of_length_zero() {
        ignored_on_link('i');
    }
}

mod s_2_3_4_and_5 {
    use super::*;

    fn to_tr2(options: &[Vec<u8>]) -> Packet {
        from_tr1(redirect(TR2_LL, TN2_GLOBAL, options))
    }

    /// v6LC.2.3.4a | Redirected to Alternate Router: Valid - No TLLA, No Redirect
    #[test]
    fn neither_option() {
        taken(&to_tr2(&[]), TR2_LL, TR2, true);
    }

    /// v6LC.2.3.4b | Redirected to Alternate Router: Valid - No TLLA, Redirect
    #[test]
    fn redirected_header() {
        taken(&to_tr2(&[redirected(&sent())]), TR2_LL, TR2, true);
    }

    /// v6LC.2.3.4c | Redirected to Alternate Router: Valid - TLLA, No Redirect
    #[test]
    fn target_address() {
        taken(&to_tr2(&[tlla(TR2.mac)]), TR2_LL, TR2, false);
    }

    /// v6LC.2.3.4d | Redirected to Alternate Router: Valid - TLLA, Redirect
    #[test]
    fn both_options() {
        let options = [tlla(TR2.mac), redirected(&sent())];
        taken(&to_tr2(&options), TR2_LL, TR2, false);
    }

    /// v6LC.2.3.5a | Redirected to Alternate Router: Suspicious - Option Unrecognized
    #[test]
    fn unknown_options_are_ignored() {
        taken(
            &to_tr2(&[unknown_option(), tlla(TR2.mac)]),
            TR2_LL,
            TR2,
            false,
        );
    }

    /// v6LC.2.3.5b | Redirected Alternate Router: Suspicious - Reserved Field is Non-zero
    #[test]
    fn reserved_bits_are_ignored() {
        let mut message = redirect(TR2_LL, TN2_GLOBAL, &[tlla(TR2.mac)]);
        message[4..8].copy_from_slice(&[0xff; 4]);
        taken(&from_tr1(message), TR2_LL, TR2, false);
    }

    /// Invalid redirects to another router (test 2.3.6, which the list leaves out).
    #[test]
    fn invalid_ones_are_ignored() {
        for part in 'a'..='i' {
            ignored(&invalid(part, TR2_LL, TN2_GLOBAL, &[tlla(TR2.mac)]));
        }
    }
}

mod s_2_3_7_and_8 {
    use super::*;

    /// v6LC.2.3.7 | Redirected Twice
    #[test]
    fn twice() {
        let mut lab = ready();
        lab.send(
            TR1,
            &from_tr1(redirect(TR2_LL, TN2_GLOBAL, &[tlla(TR2.mac)])),
        );
        lab.run(Duration::from_millis(100));
        lab.assert_reply_to(TR1, TN2_GLOBAL, TR2);
        // TR1 is the first hop no more, and TR2 is.
        lab.send(
            TR1,
            &from_tr1(redirect(TR3_LL, TN2_GLOBAL, &[tlla(TR3.mac)])),
        );
        lab.run(Duration::from_millis(100));
        lab.assert_reply_to(TR1, TN2_GLOBAL, TR2);
        let message = redirect(TR3_LL, TN2_GLOBAL, &[tlla(TR3.mac)]);
        lab.send(TR2, &Packet::nd(TR2_LL, NUT_GLOBAL, message));
        lab.run(Duration::from_millis(100));
        lab.assert_reply_to(TR1, TN2_GLOBAL, TR3);
    }

    /// The option does not belong into a redirect: it is ignored, and the redirect is taken.
    fn with_option(option: Vec<u8>) -> Lab {
        let mut lab = ready();
        let options = [option, tlla(TR2.mac)];
        lab.send(TR1, &from_tr1(redirect(TR2_LL, TN2_GLOBAL, &options)));
        lab.run(Duration::from_millis(100));
        lab.assert_reply_to(TR1, TN2_GLOBAL, TR2);
        lab
    }

    /// v6LC.2.3.8a | Invalid Option - Path MTU Option
    #[test]
    fn mtu_option() {
        let lab = with_option(mtu(1_280));
        assert_eq!(lab.nd().link_mtu(), 1_500);
    }

    /// v6LC.2.3.8b | Invalid Option - Prefix Information Option
    #[test]
    fn prefix_option() {
        let option = pio("2001:db8:9::", 64, ON_LINK | AUTONOMOUS, 600, 300);
        let mut lab = with_option(option);
        lab.run(secs(3));
        assert_eq!(lab.state("2001:db8:9::ff:fe00:99"), None);
        lab.assert_reply_to(TR1, "2001:db8:9::1", TR1);
    }

    /// v6LC.2.3.8c | Invalid Option - Source Link-layer Address Option
    #[test]
    fn source_address_option() {
        let mut lab = with_option(slla(FORGED));
        lab.assert_reply_to(TR1, TR1_LL, TR1);
        lab.assert_reply_to(TR1, "2001:db8:77::1", TR1);
    }
}

mod s_2_3_15 {
    use super::*;

    /// The host knows TN1; a redirect that is invalid and tells another link-layer address for it
    /// changes nothing.
    fn no_update(part: char) {
        let mut lab = ready();
        lab.assert_reply_to(TN1, TN1_LL, TN1);
        let packet = invalid(part, TN1_LL, TN2_GLOBAL, &[tlla(FORGED)]);
        lab.send(TR1, &packet);
        lab.run(Duration::from_millis(100));
        let entry = lab.nd().neighbors().get(ip(TN1_LL)).unwrap();
        assert_eq!(entry.link_address(), Some(TN1.mac));
        lab.assert_reply_to(TN1, TN1_LL, TN1);
        // Nor does it make an entry.
        let unknown = "fe80::abcd";
        let packet = invalid(part, unknown, TN2_GLOBAL, &[tlla(FORGED)]);
        lab.send(TR1, &packet);
        lab.run(Duration::from_millis(100));
        assert!(lab.nd().neighbors().get(ip(unknown)).is_none());
        lab.assert_reply_to(TR1, TN2_GLOBAL, TR1);
        assert_eq!(lab.ping(TN1, TN1_LL, NUT_LL).len(), 1);
    }

    /// Global.
    ///
    /// v6LC.2.3.15a | Invalid Redirect does not Update Neighbor Cache - Redirect Source Address
    #[test]
    fn source_global() {
        no_update('a');
    }

    /// v6LC.2.3.15b | Invalid Redirect does not Update Neighbor Cache - Redirect Source Address is
    #[test]
    fn source_not_the_first_hop() {
        no_update('b');
    }

    /// v6LC.2.3.15c | Invalid Redirect does not Update Neighbor Cache - Hop Limit is not 255
    #[test]
    fn hop_limit() {
        no_update('c');
    }

    /// v6LC.2.3.15d | Invalid Redirect does not Update Neighbor Cache - ICMPv6 Code is not 0
    #[test]
    fn code() {
        no_update('d');
    }

    /// v6LC.2.3.15e | Invalid Redirect does not Update Neighbor Cache - ICMPv6 Checksum is invalid
    #[test]
    fn checksum() {
        no_update('e');
    }

    /// v6LC.2.3.15f | Invalid Redirect does not Update Neighbor Cache - ICMPv6 Destination Address
    #[test]
    fn destination_multicast() {
        no_update('f');
    }

    /// v6LC.2.3.15g | Invalid Redirect does not Update Neighbor Cache - Target Address is
    #[test]
    fn target_multicast() {
        no_update('g');
    }

    /// v6LC.2.3.15h | Invalid Redirect does not Update Neighbor Cache - ICMPv6 length is less
    #[test]
    fn length() {
        no_update('h');
    }

    /// v6LC.2.3.15i | Invalid Redirect does not Update Neighbor Cache - Option has Length Zero
    #[test]
    fn option_of_length_zero() {
        no_update('i');
    }
}
