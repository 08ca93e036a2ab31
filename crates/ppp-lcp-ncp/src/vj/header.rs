//! The header of a TCP segment as a slot keeps it.

/// Octets of the longest IPv4 and TCP header.
const MAX_HEADER: usize = 60 + 60;

/// Flags of TCP, in the octet at 13.
pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;
pub(super) const URG: u8 = 0x20;

/// An IPv4 and a TCP header. Its lengths were checked when it was read.
#[derive(Clone)]
pub(super) struct Header {
    octets: [u8; MAX_HEADER],
    ip_len: usize,
    len: usize,
}

impl Header {
    /// Reads the headers at the start of an IPv4 packet. `None` when it is not one of a whole TCP
    /// segment, with its whole header.
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let &[
            version_and_length,
            _,
            total_high,
            total_low,
            _,
            _,
            fragment_high,
            fragment_low,
            _,
            protocol,
            ..,
        ] = packet
        else {
            return None;
        };
        let ip_len = usize::from(version_and_length & 0x0f) * 4;
        let total = usize::from(u16::from_be_bytes([total_high, total_low]));
        let is_fragment = u16::from_be_bytes([fragment_high, fragment_low]) & 0x3fff != 0;
        if version_and_length >> 4 != 4
            || ip_len < 20
            || total != packet.len()
            || is_fragment
            || protocol != 6
        {
            return None;
        }
        let data_offset = packet.get(ip_len + 12)?;
        let len = ip_len + usize::from(data_offset >> 4) * 4;
        if len < ip_len + 20 {
            return None;
        }
        let mut header = Self {
            octets: [0; MAX_HEADER],
            ip_len,
            len,
        };
        let room = header.octets.get_mut(..len)?;
        room.copy_from_slice(packet.get(..len)?);
        Some(header)
    }

    /// Octets of both headers.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Both headers.
    pub(super) fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }

    /// Octets of data that the packet had.
    pub(super) fn data_len(&self) -> u32 {
        let total = usize::from(self.number16(2));
        u32::try_from(total.saturating_sub(self.len)).unwrap_or(0)
    }

    /// The 16-bit number at an offset.
    pub(super) fn number16(&self, at: usize) -> u16 {
        let octets = self.octets.get(at..).and_then(<[u8]>::first_chunk);
        octets.map_or(0, |octets| u16::from_be_bytes(*octets))
    }

    pub(super) fn set_number16(&mut self, at: usize, value: u16) {
        if let Some(octets) = self.octets.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *octets = value.to_be_bytes();
        }
    }

    fn number32(&self, at: usize) -> u32 {
        let octets = self.octets.get(at..).and_then(<[u8]>::first_chunk);
        octets.map_or(0, |octets| u32::from_be_bytes(*octets))
    }

    fn set_number32(&mut self, at: usize, value: u32) {
        if let Some(octets) = self.octets.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *octets = value.to_be_bytes();
        }
    }

    pub(super) fn identification(&self) -> u16 {
        self.number16(4)
    }

    pub(super) fn set_identification(&mut self, value: u16) {
        self.set_number16(4, value);
    }

    pub(super) fn sequence(&self) -> u32 {
        self.number32(self.ip_len + 4)
    }

    pub(super) fn set_sequence(&mut self, value: u32) {
        self.set_number32(self.ip_len + 4, value);
    }

    pub(super) fn acknowledgment(&self) -> u32 {
        self.number32(self.ip_len + 8)
    }

    pub(super) fn set_acknowledgment(&mut self, value: u32) {
        self.set_number32(self.ip_len + 8, value);
    }

    pub(super) fn flags(&self) -> u8 {
        self.octets.get(self.ip_len + 13).copied().unwrap_or(0)
    }

    pub(super) fn set_flag(&mut self, flag: u8, is_set: bool) {
        if let Some(flags) = self.octets.get_mut(self.ip_len + 13) {
            if is_set {
                *flags |= flag;
            } else {
                *flags &= !flag;
            }
        }
    }

    pub(super) fn window(&self) -> u16 {
        self.number16(self.ip_len + 14)
    }

    pub(super) fn set_window(&mut self, value: u16) {
        self.set_number16(self.ip_len + 14, value);
    }

    pub(super) fn checksum(&self) -> u16 {
        self.number16(self.ip_len + 16)
    }

    pub(super) fn set_checksum(&mut self, value: u16) {
        self.set_number16(self.ip_len + 16, value);
    }

    pub(super) fn urgent(&self) -> u16 {
        self.number16(self.ip_len + 18)
    }

    pub(super) fn set_urgent(&mut self, value: u16) {
        self.set_number16(self.ip_len + 18, value);
    }

    /// Sets the total length for `data` octets of data, and the checksum of the IPv4 header. False
    /// when there is too much data.
    pub(super) fn finish(&mut self, data: usize) -> bool {
        let Ok(total) = u16::try_from(self.len + data) else {
            return false;
        };
        self.set_number16(2, total);
        self.set_number16(10, 0);
        let header = self.octets.get(..self.ip_len).unwrap_or_default();
        let checksum = packet_buffer::checksum::internet_checksum(header);
        self.set_number16(10, checksum);
        true
    }

    /// Whether both are of one connection: addresses and ports are the same.
    pub(super) fn is_same_connection(&self, other: &Self) -> bool {
        let ports = |header: &Self| header.number32(header.ip_len);
        self.octets.get(12..20) == other.octets.get(12..20) && ports(self) == ports(other)
    }

    /// Whether what a compressed header cannot tell is the same: version, lengths, type of service,
    /// fragmentation, time to live, the low half of the flags, and all options.
    pub(super) fn has_same_shape(&self, other: &Self) -> bool {
        let ranges = |header: &Self| {
            let ip = header.ip_len;
            [
                (0, 2),
                (6, 9),
                (20, ip),
                (ip + 12, ip + 13),
                (ip + 20, header.len),
            ]
        };
        let (ours, theirs) = (ranges(self), ranges(other));
        self.len == other.len
            && self.ip_len == other.ip_len
            && ours.iter().zip(theirs).all(|(&(from, to), (start, end))| {
                self.octets.get(from..to) == other.octets.get(start..end)
            })
    }
}
