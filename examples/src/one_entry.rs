//! A gateway that keeps address translation and firewall in one entry of one table.
//!
//! Beside a whole [`Nat`](nat::Nat) and a whole [`Firewall`](stateful_firewall::Firewall), which each read a packet, look it
//! up and track its connection, a gateway can be made of their parts: a [`FlowTable`] whose keys are the
//! translation, the translator's [`NatFlow`], which has the state of the protocol, and the firewall's [`Admission`]. A
//! packet is then read once, looked up once and tracked once, and a session takes 56 octets beside its keys
//! instead of 104 beside twice as many.
//!
//! To be short, this one shares the ports of a single address between whole TCP and UDP packets over IPv4, each session
//! with a port of its own, and drops everything else. Packets from outside belong to a session or are dropped.

use core::net::Ipv4Addr;
use core::ops::RangeInclusive;
use core::time::Duration;
use flow_state::{Direction, FlowPacket, Key, TcpPolicy, Timers, Transport, Verdict as Track};
use flow_table::{Config, ConfigError, Flow, FlowTable, Hint, Ipv4FlowKey, NewFlow, look_ahead};
use nat::ports::{PortSpace, Wish};
use nat::{Layout, NatFlow, Side};
use packet_buffer::wire::IpProtocol;
use packet_buffer::{Instant, PacketBuf, RandomSource};
use stateful_firewall::{Admission, CompiledPolicy, FirewallConfig, InterfaceId, Path};

/// What a session is to the translator and to the firewall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    nat: NatFlow,
    admission: Admission,
}

const _: () = assert!(size_of::<Entry>() <= 56);

/// Why a packet does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It cannot be read, or is nothing that this gateway passes.
    Unfit,
    /// The firewall says so, whatever its session.
    Firewall(stateful_firewall::DropReason),
    /// It does not fit the state of its connection, or begins none.
    State(flow_state::Invalid),
    /// It comes from outside and belongs to no session, or from the wrong side of one.
    Unsolicited,
    /// No port is left, or no room in the table.
    Exhausted,
}

/// How a gateway is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Sessions, at the most.
    pub sessions: usize,
    /// The address that all inside hosts share.
    pub outside: Ipv4Addr,
    /// Its ports that sessions get.
    pub ports: RangeInclusive<u16>,
    /// How long sessions live.
    pub timers: Timers,
    /// The interface to the inside, and to the outside.
    pub interfaces: [InterfaceId; 2],
}

/// A gateway with one entry for each session.
pub struct OneEntry {
    setup: Setup,
    table: FlowTable<Ipv4FlowKey, Entry>,
    policy: CompiledPolicy,
    checks: FirewallConfig,
    tcp: TcpPolicy,
    /// The ports of TCP and of UDP.
    spaces: [PortSpace; 2],
    random: Box<dyn RandomSource + Send>,
    /// Packets and octets by rule.
    rules: Vec<[u64; 2]>,
}

impl OneEntry {
    /// A gateway without sessions.
    ///
    /// # Errors
    ///
    /// When there is no memory for as many sessions.
    pub fn new(
        setup: Setup,
        policy: CompiledPolicy,
        mut random: Box<dyn RandomSource + Send>,
    ) -> Result<Self, ConfigError> {
        let ports = || PortSpace::new(setup.ports.clone(), Duration::ZERO);
        Ok(Self {
            table: FlowTable::new(Config::new(setup.sessions), &mut random)?,
            checks: FirewallConfig::new(setup.sessions),
            tcp: TcpPolicy::Strict,
            spaces: [ports(), ports()],
            rules: vec![[0; 2]; policy.rules()],
            setup,
            policy,
            random,
        })
    }

    /// Passes a packet on, changed in place, or refuses it.
    ///
    /// # Errors
    ///
    /// Why it does not go on.
    pub fn process(
        &mut self,
        now: Instant,
        side: Side,
        packet: &mut PacketBuf,
    ) -> Result<(), Refused> {
        self.decide(now, side, packet, None)
    }

    /// The same for many packets, 32 of which have their sessions fetched together.
    pub fn process_batch(
        &mut self,
        now: Instant,
        side: Side,
        packets: &mut [PacketBuf],
        results: &mut [Result<(), Refused>],
    ) {
        let count = packets.len().min(results.len());
        let mut batch = (self, packets, results);
        look_ahead(
            count,
            &mut batch,
            |(gateway, packets, _), at| match FlowPacket::peek_key(packets.get(at)?.as_slice())? {
                Key::V4(key) => Some(gateway.table.fetch_index(&key)),
                Key::V6(_) => None,
            },
            |(gateway, ..), ahead| gateway.table.fetch_flow(ahead),
            |(gateway, packets, results), at, hint| {
                if let (Some(packet), Some(result)) = (packets.get_mut(at), results.get_mut(at)) {
                    *result = gateway.decide(now, side, packet, hint);
                }
            },
        );
    }

    /// The way that packets from a side take.
    const fn path(&self, side: Side) -> Path<'static> {
        let [lan, wan] = self.setup.interfaces;
        match side {
            Side::Inside => Path::new(lan, wan),
            Side::Outside => Path::new(wan, lan),
        }
    }

    #[inline]
    fn decide(
        &mut self,
        now: Instant,
        side: Side,
        packet: &mut PacketBuf,
        hint: Option<Hint>,
    ) -> Result<(), Refused> {
        let read = FlowPacket::parse(packet.as_slice());
        let Ok(parsed) = &read else {
            return Err(Refused::Unfit);
        };
        let is_plain = matches!(parsed.transport(), Transport::Tcp(_) | Transport::Udp(_));
        let Key::V4(key) = parsed.key() else {
            return Err(Refused::Unfit);
        };
        let [first, ..] = key.destination().octets();
        if !is_plain || parsed.is_fragment() || first == 0 || first >= 224 {
            return Err(Refused::Unfit);
        }
        self.checks
            .check_packet(parsed)
            .map_err(Refused::Firewall)?;
        let path = self.path(side);
        let Some((direction, mut flow)) = self.table.lookup_hinted(now, &key, hint) else {
            return self.begin(now, side, &key, packet);
        };
        let entry = flow.value_mut();
        if entry.nat.comes_from(direction) != side
            || !entry.admission.fits(&self.policy, direction, &path)
        {
            return Err(Refused::Unsolicited);
        }
        let mut ends = false;
        match entry.nat.handle(&self.tcp, now, direction, parsed) {
            Track::Accept => {
                let deadline = now + entry.nat.timeout(&self.setup.timers);
                flow.set_deadline(deadline);
            }
            Track::Ignore => {}
            Track::Delete => ends = true,
            Track::Invalid(why) => return Err(Refused::State(why)),
            Track::Reopen => {
                let id = flow.id();
                if let Some(ended) = self.table.remove(id) {
                    self.release(now, &ended);
                }
                return self.begin(now, side, &key, packet);
            }
        }
        let (layout, octets) = (Layout::of(parsed), parsed.len());
        if let Some(rule) = flow.value().admission.rule()
            && let Some([packets, sum]) = self.rules.get_mut(rule.0 as usize)
        {
            *packets += 1;
            *sum += octets as u64;
        }
        NatFlow::translate_read(
            layout,
            packet.as_mut_slice(),
            direction,
            flow.original(),
            flow.reply(),
        );
        if ends {
            let id = flow.id();
            if let Some(ended) = self.table.remove(id) {
                self.release(now, &ended);
            }
        }
        Ok(())
    }

    /// A packet that no session is there for.
    #[inline(never)]
    fn begin(
        &mut self,
        now: Instant,
        side: Side,
        key: &Ipv4FlowKey,
        packet: &mut PacketBuf,
    ) -> Result<(), Refused> {
        if side == Side::Outside {
            return Err(Refused::Unsolicited);
        }
        let parsed = FlowPacket::parse(packet.as_slice()).map_err(|_| Refused::Unfit)?;
        let nat = NatFlow::new(&self.tcp, now, &parsed, Side::Inside, Side::Outside)
            .map_err(Refused::State)?;
        let admission = Admission::decide(&self.policy, &self.path(side), &parsed)
            .map_err(Refused::Firewall)?;
        let layout = Layout::of(&parsed);
        let wish = Wish {
            exact: Some(key.source_port()),
            ..Wish::any(self.setup.ports.clone())
        };
        self.handle_timeout(now);
        let (random, outside) = (&mut *self.random, self.setup.outside);
        let space = space_of(&mut self.spaces, key);
        let port = space
            .allocate(now, &wish, random)
            .ok_or(Refused::Exhausted)?;
        let peer = (key.destination(), key.destination_port());
        let new = NewFlow {
            original: *key,
            reply: Ipv4FlowKey::new(peer, (outside, port), key.protocol(), key.zone()),
            deadline: now + nat.timeout(&self.setup.timers),
            class: 0,
            value: Entry { nat, admission },
        };
        let reply = new.reply;
        match self.table.insert(now, new) {
            Ok(inserted) => {
                if let Some(evicted) = inserted.evicted {
                    self.release(now, &evicted);
                }
            }
            Err(_) => {
                space_of(&mut self.spaces, key).release_unused(port);
                return Err(Refused::Exhausted);
            }
        }
        NatFlow::translate_read(
            layout,
            packet.as_mut_slice(),
            Direction::Original,
            key,
            &reply,
        );
        Ok(())
    }

    /// Gives back the port of a session that has left the table.
    fn release(&mut self, now: Instant, ended: &Flow<Ipv4FlowKey, Entry>) {
        let port = ended.reply.destination_port();
        space_of(&mut self.spaces, &ended.reply).release(now, port);
    }

    /// Ends the sessions whose time is over.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|due| due <= now) {
            self.table.handle_timeout(now);
            while let Some(ended) = self.table.poll_expired() {
                self.release(now, &ended);
            }
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.table.poll_timeout()
    }

    /// Sessions.
    pub fn sessions(&self) -> usize {
        self.table.len()
    }

    /// Packets and octets of the sessions that a rule let in, their first packets not counted.
    pub fn rule(&self, rule: usize) -> Option<[u64; 2]> {
        self.rules.get(rule).copied()
    }
}

/// The ports of a key's protocol.
const fn space_of<'a>(spaces: &'a mut [PortSpace; 2], key: &Ipv4FlowKey) -> &'a mut PortSpace {
    let [tcp, udp] = spaces;
    match IpProtocol(key.protocol()) {
        IpProtocol::TCP => tcp,
        _ => udp,
    }
}
