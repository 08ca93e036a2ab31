//! The writer of the kernel's routes: a thread of its own, so that the reader of the sockets never waits for it.
//!
//! Between the two is a queue that holds the newest state of each destination: if the kernel is slower than the
//! table changes, states are skipped and none is lost, and the queue is never longer than the table.

use super::netlink::{Gateway, Netlink, RouteOwner};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use anyhow::{Context as _, Result};
use core::net::IpAddr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// A destination: an address and the bits of it that count.
pub type Destination = (IpAddr, u8);

/// Octets of orders that the kernel is given at once.
const BATCH: usize = 16 * 1024;
/// "No such process", the kernel's word for a route that is not there.
const ESRCH: i32 = 3;
/// "No such device": the interface is gone, and its routes with it.
const ENODEV: i32 = 19;

#[derive(Debug, Default)]
struct Queue {
    order: VecDeque<Destination>,
    newest: HashMap<Destination, Vec<Gateway>>,
    ended: bool,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    written: AtomicU64,
    refused: AtomicU64,
    busy: AtomicBool,
}

/// How the writer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FibStats {
    /// Destinations whose newest state the kernel does not have yet.
    pub waiting: usize,
    /// Routes that the kernel was given or told to forget.
    pub written: u64,
    /// Routes that the kernel refused.
    pub refused: u64,
}

/// The kernel's forwarding table, as far as it is ours.
#[derive(Debug)]
pub struct Fib {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Fib {
    /// Removes what an earlier run left behind, and starts the writer.
    ///
    /// # Errors
    ///
    /// Without root (CAP_NET_ADMIN).
    pub fn start(owner: RouteOwner) -> Result<Self> {
        let mut kernel = Netlink::connect()?;
        let stale = flush(&mut kernel, owner)?;
        if stale > 0 {
            tracing::info!(stale, "removed routes of an earlier run");
        }
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new().name("fib".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || write(&mut kernel, owner, &shared)
        })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// From now on `destination` is reached by `gateways`; by none, it is not reached.
    pub fn set(&self, destination: Destination, gateways: Vec<Gateway>) {
        let mut queue = lock(&self.shared.queue);
        if queue.newest.insert(destination, gateways).is_none() {
            queue.order.push_back(destination);
        }
        drop(queue);
        self.shared.wake.notify_one();
    }

    /// Numbers for the table view.
    pub fn stats(&self) -> FibStats {
        let waiting = lock(&self.shared.queue).order.len();
        let busy = self.shared.busy.load(Ordering::Relaxed);
        FibStats {
            waiting: waiting + usize::from(busy),
            written: self.shared.written.load(Ordering::Relaxed),
            refused: self.shared.refused.load(Ordering::Relaxed),
        }
    }

    /// Ends the writer and removes all routes that are ours; how many.
    ///
    /// # Errors
    ///
    /// When the kernel does not take the orders.
    pub fn stop(mut self, owner: RouteOwner) -> Result<usize> {
        self.end()?;
        flush(&mut Netlink::connect()?, owner)
    }

    fn end(&mut self) -> Result<()> {
        lock(&self.shared.queue).ended = true;
        self.shared.wake.notify_one();
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => anyhow::bail!("the writer of routes has failed"),
            None => Ok(()),
        }
    }
}

impl Drop for Fib {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// The routes are replaced whole each time, so a panic of the other side leaves nothing half done.
fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

fn flush(kernel: &mut Netlink, owner: RouteOwner) -> Result<usize> {
    let mut count = 0;
    for v4 in [true, false] {
        for destination in kernel.routes_of(owner, v4)? {
            kernel.order(owner, destination, &[]);
            count += 1;
            if kernel.batched() >= BATCH {
                refusals(kernel.commit()?)?;
            }
        }
        refusals(kernel.commit()?)?;
    }
    Ok(count)
}

/// The first refusal to forget a route, other than that it is gone.
fn refusals(refused: Vec<(u32, i32)>) -> Result<()> {
    match refused.iter().find(|(_, code)| *code != ESRCH) {
        Some((_, code)) => Err(std::io::Error::from_raw_os_error(*code))
            .context("cannot remove routes: it needs root (CAP_NET_ADMIN)"),
        None => Ok(()),
    }
}

fn write(kernel: &mut Netlink, owner: RouteOwner, shared: &Shared) -> Result<()> {
    let mut batch: Vec<(u32, Destination, bool)> = Vec::new();
    loop {
        let mut queue = lock(&shared.queue);
        while queue.order.is_empty() && !queue.ended {
            queue = shared
                .wake
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if queue.ended {
            // What waits is not written: all is removed next.
            return Ok(());
        }
        batch.clear();
        while kernel.batched() < BATCH
            && let Some(destination) = queue.order.pop_front()
        {
            let gateways = queue.newest.remove(&destination).unwrap_or_default();
            let number = kernel.order(owner, destination, &gateways);
            batch.push((number, destination, gateways.is_empty()));
        }
        shared.busy.store(true, Ordering::Relaxed);
        drop(queue);
        let refused = kernel.commit()?;
        let mut count = 0;
        for (number, code) in refused {
            let order = batch.iter().find(|(order, _, _)| *order == number);
            let Some((_, (address, length), removal)) = order else {
                continue;
            };
            // The kernel forgets the routes of an interface by itself when it goes down.
            if *removal && (code == ESRCH || code == ENODEV) {
                continue;
            }
            count += 1;
            let why = std::io::Error::from_raw_os_error(code);
            tracing::warn!("the kernel refuses the route to {address}/{length}: {why}");
        }
        let written = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        shared.written.fetch_add(written - count, Ordering::Relaxed);
        shared.refused.fetch_add(count, Ordering::Relaxed);
        shared.busy.store(false, Ordering::Relaxed);
    }
}
