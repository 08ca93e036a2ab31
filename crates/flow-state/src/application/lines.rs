//! Where the lines of a TCP stream start.

/// Where a segment stands in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamPosition {
    /// It starts a line.
    LineStart,
    /// It starts within a line, or in front of octets that are not there yet.
    Within,
    /// It starts in front of what has been seen: a repetition, in part at least.
    Old,
}

/// Follows one direction of a TCP stream, and knows where its lines start.
///
/// A line counts only when it starts where the line before it ended; the first one starts with the
/// stream. So neither octets in the middle of a line nor a segment that was cut to start with a
/// command are mistaken for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LineStream {
    /// The next sequence number.
    next: u32,
    /// Whether the line before it has ended.
    at_start: bool,
}

impl LineStream {
    /// A stream whose SYN had `initial_sequence_number`.
    pub const fn new(initial_sequence_number: u32) -> Self {
        Self {
            next: initial_sequence_number.wrapping_add(1),
            at_start: true,
        }
    }

    /// A stream that is followed from the middle, where `next` comes next; whether the line before it
    /// has ended is known from who followed it before.
    pub const fn resumed(next: u32, at_start: bool) -> Self {
        Self { next, at_start }
    }

    /// The next sequence number, and whether the line before it has ended: what
    /// [`resumed`](Self::resumed) needs.
    pub const fn state(&self) -> (u32, bool) {
        (self.next, self.at_start)
    }

    /// Where a segment with data at `sequence_number` stands.
    pub const fn position(&self, sequence_number: u32) -> StreamPosition {
        match sequence_number.wrapping_sub(self.next).cast_signed() {
            0 if self.at_start => StreamPosition::LineStart,
            ..0 => StreamPosition::Old,
            _ => StreamPosition::Within,
        }
    }

    /// Goes on behind the segment's data. A gap, whose octets were not seen, leaves the position within a
    /// line until the gap has been filled.
    pub fn advance(&mut self, sequence_number: u32, data: &[u8]) {
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let end = sequence_number.wrapping_add(length);
        let is_new = end.wrapping_sub(self.next).cast_signed() > 0;
        let has_gap = sequence_number.wrapping_sub(self.next).cast_signed() > 0;
        if is_new && !has_gap {
            self.next = end;
            self.at_start = data.ends_with(b"\n");
        }
    }
}
