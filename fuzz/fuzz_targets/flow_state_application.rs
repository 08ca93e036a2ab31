//! Application protocols that announce flows: any octets, and any segments of a control connection.
#![no_main]

use flow_state::Direction;
use flow_state::application::{dns, ftp, pptp, sip, tftp};
use libfuzzer_sys::fuzz_target;

const SENDER: core::net::IpAddr = core::net::IpAddr::V4(core::net::Ipv4Addr::new(10, 0, 0, 10));

fuzz_target!(|octets: &[u8]| {
    let _ = dns::Message::parse(octets);
    let _ = sip::Message::parse(octets);
    let _ = tftp::Request::parse(octets);
    let _ = pptp::Message::parse(octets, 0);

    let mut control = ftp::Control::new();
    control.handle_syn(Direction::Original, 0);
    control.handle_syn(Direction::Reply, 0);
    let mut next = [1_u32; 2];
    let mut rest = octets;
    while let Some((&[head, length], tail)) = rest.split_first_chunk::<2>() {
        let (data, tail) = tail.split_at(usize::from(length).min(tail.len()));
        rest = tail;
        let direction = if head & 1 == 0 {
            Direction::Original
        } else {
            Direction::Reply
        };
        let at = &mut next[direction.index()];
        // Most segments are in order, some again or ahead.
        let number = at.wrapping_add(match head >> 1 & 7 {
            6 => 5,
            7 => 0u32.wrapping_sub(5),
            _ => 0,
        });
        if let Ok(Some(announcement)) = control.handle_data(direction, number, data, SENDER) {
            let range = announcement.range;
            assert!(
                range.start <= range.end && range.end <= data.len(),
                "{range:?}"
            );
        }
        *at = at.wrapping_add(u32::from(length));
    }
});
