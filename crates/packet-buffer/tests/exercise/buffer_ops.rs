//! `PacketBuf` held against a plain vector, under any sequence of operations.

use packet_buffer::PacketBuf;

/// Takes the headroom to begin with from the first octet of `octets`, and one operation from every
/// two that follow.
pub(crate) fn buffer_ops(octets: &[u8]) {
    let Some((&headroom, ops)) = octets.split_first() else {
        return;
    };
    let mut packet = PacketBuf::with_capacity(usize::from(headroom), 32);
    let mut model: Vec<u8> = Vec::new();
    for (i, op) in ops.chunks_exact(2).take(250).enumerate() {
        let n = usize::from(op[1]);
        // Never zero, so that octets that should have been cleared show.
        let mark = (i % 255) as u8 + 1;
        let (headroom, tailroom) = (packet.headroom(), packet.tailroom());
        let address = packet.as_slice().as_ptr() as usize;
        match op[0] % 12 {
            0 => {
                let front = packet.prepend(n);
                assert!(front.iter().all(|octet| *octet == 0) && front.len() == n);
                front.fill(mark);
                model.splice(0..0, vec![mark; n]);
                if n <= headroom {
                    assert_eq!(packet.headroom(), headroom - n);
                    assert_eq!(packet.as_slice().as_ptr() as usize, address - n, "no copy");
                }
            }
            1 => {
                let back = packet.append(n);
                assert!(back.iter().all(|octet| *octet == 0) && back.len() == n);
                back.fill(mark);
                model.extend(vec![mark; n]);
                assert_eq!(packet.headroom(), headroom);
                if n <= tailroom && !packet.is_empty() {
                    assert_eq!(packet.as_slice().as_ptr() as usize, address, "no copy");
                }
            }
            2 => {
                packet.prepend_slice(&vec![mark; n]);
                model.splice(0..0, vec![mark; n]);
            }
            3 => {
                packet.append_slice(&vec![mark; n]);
                model.extend(vec![mark; n]);
            }
            4 => {
                let taken = packet.trim_front(n);
                assert_eq!(taken, n.min(model.len()));
                assert_eq!(packet.headroom(), headroom + taken);
                model.drain(..taken);
            }
            5 => {
                let taken = packet.trim_back(n);
                assert_eq!(taken, n.min(model.len()));
                assert_eq!(packet.tailroom(), tailroom + taken);
                model.truncate(model.len() - taken);
            }
            6 => {
                packet.truncate(n);
                model.truncate(n);
            }
            7 => {
                packet.reset(n);
                assert_eq!(packet.headroom(), n);
                model.clear();
            }
            8 => {
                packet.clear();
                assert_eq!(packet.headroom(), headroom);
                model.clear();
            }
            9 => {
                let copy = packet.clone();
                assert_eq!((&copy, copy.headroom()), (&packet, packet.headroom()));
                packet = copy;
            }
            10 => {
                let frozen = packet.freeze();
                assert_eq!(frozen.as_ptr() as usize, address, "no copy");
                let held = (n % 2 == 0).then(|| frozen.clone());
                packet = match PacketBuf::try_from(frozen) {
                    Ok(packet) => packet,
                    Err(frozen) => {
                        assert!(held.is_some(), "nobody else holds it");
                        PacketBuf::from(&frozen[..])
                    }
                };
            }
            _ => {
                for octet in packet.as_mut_slice() {
                    *octet = octet.wrapping_add(mark);
                }
                for octet in &mut model {
                    *octet = octet.wrapping_add(mark);
                }
            }
        }
        assert_eq!(packet.as_slice(), &model[..]);
        assert_eq!(packet.len(), model.len());
        assert_eq!(packet.is_empty(), model.is_empty());
        if model.len() > 4_000 {
            packet.reset(headroom % 256);
            model.clear();
        }
    }
    assert_eq!(&packet.freeze()[..], &model[..]);
}
