//! Time.

use super::session::Family;
use super::{EndReason, Event, Firewall, Transmit};
use flow_state::{Ipv4FlowKey, Ipv6FlowKey};
use packet_buffer::{Instant, PacketBuf};

impl Firewall {
    /// Does what is due: sessions, fragments and announcements whose time is over go; suppressed
    /// logs are told of; flow records that are complete become events.
    ///
    /// The work is bounded. What is left over is due again soon.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.advance(now);
        self.sweep::<Ipv4FlowKey>(now);
        self.sweep::<Ipv6FlowKey>(now);
        self.fragments.handle_timeout(now);
        self.expectations.handle_timeout(now);
        self.identities.handle_timeout(now);
        self.ask_again(now);
        self.log.handle_timeout(now);
        self.records.handle_timeout(now, &mut self.log);
    }

    fn sweep<K: Family>(&mut self, now: Instant) {
        let table = K::table_mut(&mut self.tables);
        if table.poll_timeout().is_none_or(|at| at > now) {
            return;
        }
        table.handle_timeout(now);
        while let Some(flow) = K::table_mut(&mut self.tables).poll_expired() {
            self.ended::<K>(now, &flow, EndReason::Expired);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next; `None` when nothing has a
    /// time.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [
            self.tables.v4.poll_timeout(),
            self.tables.v6.poll_timeout(),
            self.fragments.poll_timeout(),
            self.expectations.poll_timeout(),
            self.identities.poll_timeout(),
            self.asking.first().map(|(at, _)| *at),
            self.log.poll_timeout(),
            self.records.poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// A packet that the firewall sends: an answer to what it has rejected, or fragments of a packet
    /// that has passed. It replaces what is in `out`.
    pub fn poll_transmit(&mut self, out: &mut PacketBuf) -> Option<Transmit> {
        self.fragments
            .poll_transmit(out)
            .or_else(|| self.answers.poll_transmit(out))
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.log.poll_event()
    }
}
