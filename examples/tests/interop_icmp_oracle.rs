//! The Linux kernel as an oracle: the same frames go to a kernel behind TAP devices and to our host or router, and what
//! both make of them is the same, or differs for a reason that stands beside the question.
#![allow(clippy::indexing_slicing, reason = "tests")]

mod icmp_oracle;

use anyhow::{Context, Result};
use icmp_oracle::{host, router};
use internetwork::lab::interop_wanted;

#[test]
fn over_ipv4_our_host_answers_as_the_kernel_does() -> Result<()> {
    if !interop_wanted("the kernel's answers over IPv4 beside ours") {
        return Ok(());
    }
    host::compare(&host::ipv4().context("the questions")?)
}

#[test]
fn over_ipv6_our_host_answers_as_the_kernel_does() -> Result<()> {
    if !interop_wanted("the kernel's answers over IPv6 beside ours") {
        return Ok(());
    }
    host::compare(&host::ipv6().context("the questions")?)
}

#[test]
fn our_router_forwards_and_tells_as_the_kernel_does() -> Result<()> {
    if !interop_wanted("what the kernel forwards beside what we do") {
        return Ok(());
    }
    router::compare()
}
