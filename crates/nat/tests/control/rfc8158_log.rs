//! RFC 8158: records of events, and their octets.

use crate::support::*;
use core::net::Ipv6Addr;
use nat::hooks::{PortBlock, ShareEvent};
use nat::log::{Element, EventType, Exporter, Record, Value};
use nat::nat64::{Nat64Binding, Nat64Drop, Nat64Event};
use nat::{Action, Instant, LimitKind, Matching, NatEvent, Pool, Profile, Rule};
use packet_buffer::wire::IpProtocol;

/// January 1, 2026.
const EPOCH: u64 = 1_767_225_600_000;

fn events() -> Vec<NatEvent> {
    let mut config = nat_config();
    config.session_events = true;
    let mut lab = Lab::new();
    lab.nat = nat::Nat::new(config, Box::new(testkit::SeededRandom::new(7))).unwrap();
    lab.leave(IpProtocol::UDP, (HOST, 4000), (PEER, 53));
    lab.wait(1_000);
    core::iter::from_fn(|| lab.nat.poll_event()).collect()
}

// RFC 8158 §5.1 MUST (time): when and what.
// RFC 8158 §5.5 MUST (bib): address and port, before and after.
// RFC 8158 §5.4 MUST (session): of both ends.
#[test]
fn records_of_a_mapping_and_its_session() {
    let records: Vec<Record> = events()
        .iter()
        .filter_map(|it| Record::of(it, EPOCH))
        .collect();
    let kinds: Vec<Value> = records
        .iter()
        .filter_map(|it| it.get(Element::NAT_EVENT))
        .collect();
    assert_eq!(kinds.len(), 4);
    for kind in [
        EventType::NAT44_BIB_CREATE,
        EventType::NAT44_SESSION_CREATE,
        EventType::NAT44_SESSION_DELETE,
        EventType::NAT44_BIB_DELETE,
    ] {
        assert!(kinds.contains(&Value::Unsigned8(kind.0)), "{kind:?}");
    }
    let find = |kind: EventType| {
        let is = |it: &&Record| it.get(Element::NAT_EVENT) == Some(Value::Unsigned8(kind.0));
        records.iter().find(is).unwrap()
    };
    let mapping = find(EventType::NAT44_BIB_CREATE);
    assert_eq!(
        mapping.get(Element::OBSERVATION_TIME),
        Some(Value::Milliseconds(EPOCH + 1_000_000))
    );
    assert_eq!(mapping.get(Element::SOURCE_IPV4), Some(Value::Ipv4(HOST)));
    assert_eq!(
        mapping.get(Element::SOURCE_PORT),
        Some(Value::Unsigned16(4000))
    );
    assert_eq!(
        mapping.get(Element::POST_NAT_SOURCE_IPV4),
        Some(Value::Ipv4(EXTERNAL))
    );
    assert!(mapping.get(Element::POST_NAPT_SOURCE_PORT).is_some());
    assert_eq!(mapping.get(Element::DESTINATION_IPV4), None);
    let session = find(EventType::NAT44_SESSION_CREATE);
    assert_eq!(
        session.get(Element::DESTINATION_IPV4),
        Some(Value::Ipv4(PEER))
    );
    assert_eq!(
        session.get(Element::DESTINATION_PORT),
        Some(Value::Unsigned16(53))
    );
    assert_eq!(
        session.get(Element::POST_NAT_DESTINATION_IPV4),
        Some(Value::Ipv4(PEER))
    );
    assert!(
        mapping
            .to_string()
            .starts_with("observationTimeMilliseconds=1767226600000 natEvent=8")
    );
}

// RFC 8158 §5.7 MUST (ports): the pool.
// RFC 8158 §5.8 MUST (quota): the limit.
#[test]
fn records_of_what_ran_out() {
    let mut config = Profile::Rfc.config(10);
    config.pools = vec![Pool {
        ports: 5000..=5000,
        ..Pool::of(EXTERNAL)
    }];
    config.rules = vec![Rule {
        matching: Matching::all(),
        action: Action::Napt(Profile::Rfc.napt(0)),
    }];
    let mut nat = nat::Nat::new(config, Box::new(testkit::SeededRandom::new(7))).unwrap();
    for port in [1, 2] {
        let mut packet = packet(IpProtocol::UDP, (HOST, port), (PEER, 53));
        let _ = nat.process(Instant::from_secs(1), nat::Side::Inside, &mut packet);
    }
    let records: Vec<Record> = core::iter::from_fn(|| nat.poll_event())
        .filter_map(|it| Record::of(&it, EPOCH))
        .collect();
    let exhausted = records.last().unwrap();
    assert_eq!(
        exhausted.get(Element::NAT_EVENT),
        Some(Value::Unsigned8(12))
    );
    assert_eq!(
        exhausted.get(Element::NAT_POOL_ID),
        Some(Value::Unsigned32(0))
    );
    let at = Instant::from_secs(1);
    for (limit, number) in [(LimitKind::Mappings, 3), (LimitKind::Subscribers, 4)] {
        let event = NatEvent::LimitReached {
            at,
            subscriber: HOST,
            limit,
        };
        let quota = Record::of(&event, EPOCH)
            .unwrap()
            .get(Element::NAT_QUOTA_EXCEEDED_EVENT);
        assert_eq!(quota, Some(Value::Unsigned32(number)));
    }
}

// RFC 8158 §5.10 MUST (block): who has which ports, from when to when.
#[test]
fn records_of_a_block() {
    let block = PortBlock {
        address: EXTERNAL,
        first: 1024,
        last: 1535,
    };
    let mut share = ShareEvent {
        at: Instant::from_secs(3),
        subscriber: HOST,
        block,
        is_given: true,
    };
    let record = Record::of(&NatEvent::Share(share), EPOCH).unwrap();
    assert_eq!(record.get(Element::NAT_EVENT), Some(Value::Unsigned8(16)));
    assert_eq!(record.get(Element::SOURCE_IPV4), Some(Value::Ipv4(HOST)));
    assert_eq!(
        record.get(Element::POST_NAT_SOURCE_IPV4),
        Some(Value::Ipv4(EXTERNAL))
    );
    assert_eq!(
        record.get(Element::PORT_RANGE_START),
        Some(Value::Unsigned16(1024))
    );
    assert_eq!(
        record.get(Element::PORT_RANGE_END),
        Some(Value::Unsigned16(1535))
    );
    share.is_given = false;
    let record = Record::of(&NatEvent::Share(share), EPOCH).unwrap();
    assert_eq!(record.get(Element::NAT_EVENT), Some(Value::Unsigned8(17)));
}

#[test]
fn records_of_nat64() {
    let host = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let binding = Nat64Binding {
        protocol: IpProtocol::TCP,
        v6: host,
        v6_port: 40_000,
        v4: EXTERNAL,
        v4_port: 40_002,
    };
    let at = Instant::from_secs(2);
    let record = Record::of_nat64(&Nat64Event::BindingCreated(binding), at, EPOCH);
    assert_eq!(
        record.to_string(),
        "observationTimeMilliseconds=1767225602000 natEvent=10 sourceIPv6Address=2001:db8::1 \
         postNATSourceIPv4Address=203.0.113.1 protocolIdentifier=6 sourceTransportPort=40000 \
         postNAPTSourceTransportPort=40002"
    );
    let reason = Nat64Drop::SubscriberLimit;
    let record = Record::of_nat64(&Nat64Event::Exhausted { host, reason }, at, EPOCH);
    assert_eq!(
        record.get(Element::NAT_QUOTA_EXCEEDED_EVENT),
        Some(Value::Unsigned32(3))
    );
}

/// Reads a message back by the templates that it brings: pairs of element and octets.
fn read(message: &[u8]) -> Vec<Vec<(u16, Vec<u8>)>> {
    let word = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
    assert_eq!((word(0), usize::from(word(2))), (10, message.len()));
    let mut templates = std::collections::BTreeMap::new();
    let mut records = Vec::new();
    let mut at = 16;
    while at < message.len() {
        let (id, end) = (word(at), at + usize::from(word(at + 2)));
        at += 4;
        if id == 2 {
            while at < end {
                let (template, count) = (word(at), usize::from(word(at + 2)));
                let list: Vec<(u16, usize)> = (0..count)
                    .map(|n| (word(at + 4 + 4 * n), usize::from(word(at + 6 + 4 * n))))
                    .collect();
                templates.insert(template, list);
                at += 4 + 4 * count;
            }
        } else {
            let mut record = Vec::new();
            for (element, length) in &templates[&id] {
                record.push((*element, message[at..at + length].to_vec()));
                at += length;
            }
            records.push(record);
        }
        assert_eq!(at, end);
    }
    records
}

// RFC 7011 §3.1 MUST (header): the length is right, the sequence counts records.
// RFC 7011 §3.4.1 MUST (template): a collector reads what was written.
#[test]
fn ipfix_messages() {
    let records: Vec<Record> = events()
        .iter()
        .filter_map(|it| Record::of(it, EPOCH))
        .collect();
    let mut exporter = Exporter::new(0xabcd);
    let message = exporter.message(1_767_226_600, &records);
    let read = read(&message);
    assert_eq!(read.len(), records.len());
    for (read, record) in read.iter().zip(&records) {
        let ids: Vec<u16> = read.iter().map(|(id, _)| *id).collect();
        let expected: Vec<u16> = record
            .fields()
            .iter()
            .map(|(element, _)| element.id)
            .collect();
        assert_eq!(ids, expected);
        assert_eq!(read[2].1, HOST.octets());
    }
    assert_eq!(message[8..16], [0, 0, 0, 0, 0, 0, 0xab, 0xcd]);
    let second = exporter.message(1_767_226_601, &records[..1]);
    assert_eq!(second[8..12], [0, 0, 0, 4]);
    let many = vec![records[1].clone(); 40];
    let message = exporter.message(0, &many);
    assert!(message.len() <= 1280);
    assert_eq!(self::read(&message).len(), Exporter::MAX_RECORDS);
}
