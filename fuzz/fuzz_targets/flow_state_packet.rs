//! Packets as a tracker sees them: any octets, and what follows from those that are packets.
#![no_main]

use flow_state::{Direction, FlowPacket, FlowState, Key, TcpPolicy, Timers, Transport};
use libfuzzer_sys::fuzz_target;
use packet_buffer::Instant;

/// Octets in front of each packet: its length, and the seconds until it.
const HEADER: usize = 3;

fuzz_target!(|octets: &[u8]| {
    let Some((&choice, mut octets)) = octets.split_first() else {
        return;
    };
    let policy = match choice % 3 {
        0 => TcpPolicy::Strict,
        1 => TcpPolicy::linux(),
        _ => TcpPolicy::Loose,
    };
    let mut now = Instant::ZERO;
    let mut flow: Option<(Key, FlowState)> = None;
    while let Some((&[high, low, seconds], rest)) = octets.split_first_chunk::<HEADER>() {
        let length = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        let (packet, rest) = rest.split_at(length);
        octets = rest;
        now += core::time::Duration::from_secs(seconds.into());
        let Ok(packet) = FlowPacket::parse(packet) else {
            continue;
        };
        let key = packet.key();
        assert_eq!(key.reversed().reversed(), key);
        assert!(packet.len() <= length);
        let _ = packet.verify();
        if let Transport::IcmpError(error) = packet.transport() {
            // The flow of the quoted packet runs the other way.
            if let (Some(quoted), Some(expected)) = (error.quoted_key(), error.expected()) {
                assert_eq!(quoted.reversed(), expected);
            }
            continue;
        }
        match &mut flow {
            Some((original, state)) if *original == key || original.reversed() == key => {
                let direction = if *original == key {
                    Direction::Original
                } else {
                    Direction::Reply
                };
                let _ = state.handle(&policy, now, direction, &packet);
                for timers in [Timers::rfc(), Timers::linux(), Timers::cloud_gateway()] {
                    assert!(state.timeout(&timers) > core::time::Duration::ZERO);
                }
            }
            _ => {
                flow = FlowState::new(&policy, now, &packet)
                    .ok()
                    .map(|it| (key, it))
            }
        }
        // A state that goes to a standby and back is the same.
        if let Some((_, state)) = &flow {
            let mut snapshot = Vec::new();
            state.write_snapshot(now, &mut snapshot);
            let mut cursor = packet_buffer::Cursor::new(&snapshot);
            let back = FlowState::read_snapshot(now, &mut cursor).expect("it was just written");
            assert!(cursor.is_empty());
            let mut again = Vec::new();
            back.write_snapshot(now, &mut again);
            assert_eq!(snapshot, again);
        }
    }
});
