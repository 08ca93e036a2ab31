//! A line that is dialled when there is something to send, and encrypted.

use super::{ALICE_ADDRESS, BOB_ADDRESS, End, Stage, ping_packet};
use anyhow::{Result, ensure};
use core::time::Duration;
use ppp_lcp_ncp::Instant;
use ppp_lcp_ncp::link::CloseReason;
use ppp_lcp_ncp::wire::PppProtocol;
use std::io::Write;

/// How long it takes until the other end has picked up.
const DIALLING: Duration = Duration::from_millis(700);

const KEY: &str = "0123456789abcdef23456789abcdef01456789abcdef0123";

/// Plays it.
pub(super) fn play(out: &mut dyn Write, seed: u64, json: bool) -> Result<()> {
    let ecp = format!("ecp.triple-dese-key = '{KEY}'\nipv6.enabled = false\n");
    let alice = format!("{ecp}ipv4.address = '{ALICE_ADDRESS}'");
    let bob = format!(
        "{ecp}ipv4.address = '{BOB_ADDRESS}'\nlink.on-demand = true\nlink.idle-timeout = 10"
    );
    let mut stage = Stage::new(&alice, &bob, out, seed, json)?;
    stage.say(
        "Another line: Bob has to dial it, and does so when there is something to send. Both know a \
         key, by which all packets are encrypted with 3DES.",
    )?;
    for end in [&mut stage.alice, &mut stage.bob] {
        end.port.link_mut().open(Instant::ZERO);
    }
    stage.rest(Duration::from_secs(60))?;
    ensure!(!stage.bob.wants_line, "there was nothing to send");
    stage.say("A minute later Bob pings Alice. The ping waits until the link is there.")?;
    stage.dial(1)?;
    let link = stage.bob.port.link();
    let sent = link.ecp().map(|ecp| ecp.stats().encrypted);
    ensure!(sent > Some(0), "nothing was encrypted");
    stage.say(
        "Nothing more is sent for ten seconds, and Bob hangs up. The next ping dials again.",
    )?;
    stage.hang_up()?;
    stage.dial(2)?;
    stage.hang_up()?;
    stage.say("That is all.")
}

impl Stage<'_> {
    /// Time passes.
    fn rest(&mut self, time: Duration) -> Result<()> {
        let end = self.now + time;
        while self.now < end {
            self.turn()?;
            let next = [self.alice.next(), self.bob.next()].into_iter().flatten();
            self.now = next.min().unwrap_or(end).clamp(self.now, end);
        }
        Ok(())
    }

    /// Bob has a ping to send, gets a line for it, and an answer.
    fn dial(&mut self, sequence_number: u16) -> Result<()> {
        let packet = ping_packet(sequence_number)?;
        self.bob.port.wait(self.now, &packet)?;
        self.turn()?;
        ensure!(self.bob.wants_line, "Bob does not want a line");
        self.rest(DIALLING)?;
        self.line_is_up(true);
        self.until("the answer", |stage| {
            stage.bob.pongs == u32::from(sequence_number)
        })
    }

    /// Bob does so, and the line is gone.
    fn hang_up(&mut self) -> Result<()> {
        self.until("both ends have noticed", |stage| {
            let is_over = |end: &End| end.closed.is_some();
            is_over(&stage.alice) && is_over(&stage.bob)
        })?;
        let ends = [self.alice.closed.take(), self.bob.closed.take()];
        let expected = [CloseReason::PeerTerminated, CloseReason::IdleTimeout];
        ensure!(ends == expected.map(Some), "{ends:?}");
        ensure!(!self.bob.port.link().is_open(PppProtocol::IPV4));
        self.bob.wants_line = false;
        self.line_is_up(false);
        self.rest(Duration::from_secs(60))?;
        ensure!(!self.bob.wants_line, "there was nothing to send");
        Ok(())
    }

    fn line_is_up(&mut self, is_up: bool) {
        for end in [&mut self.alice, &mut self.bob] {
            if is_up {
                end.port.link_mut().lower_up(self.now);
            } else {
                end.port.link_mut().lower_down(self.now);
                end.arriving.clear();
            }
        }
    }
}
