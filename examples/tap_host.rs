//! A host on a TAP or TUN device, which the Linux kernel takes for a real one.
//!
//! ```text
//! sudo target/release/examples/tap_host                      # Ethernet: a TAP device
//! ping 192.0.2.2;  arping -I inw0 192.0.2.2;  echo hi | nc -u -w1 192.0.2.2 7
//!
//! sudo target/release/examples/tap_host --tun                # IP without Ethernet: a TUN device
//! ping 192.0.2.2;  ping 2001:db8::2
//! ```
//!
//! It answers ARP, echo requests and UDP echo; `--capture` keeps what went over the link.

extern crate alloc;

use alloc::sync::Arc;
use anyhow::{Context, Result};
use clap::Parser;
use core::net::IpAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use internetwork::echo_host::{EchoHost, EchoHostConfig, Link};
use packet_buffer::random::OsRandom;
use packet_buffer::time::StdClock;
use packet_buffer::wire::MacAddr;
use packet_buffer::{Instant, PacketBuf};
use std::fs::File;
use std::io::{BufWriter, ErrorKind};
use std::path::PathBuf;
use testkit::pcapng::{Direction, InterfaceId, LinkType, PcapngWriter};
use tun_rs::{DeviceBuilder, InterruptEvent, Layer, SyncDevice};

/// A host on a TAP or TUN device: answers ARP, ping and UDP echo.
#[derive(Parser)]
struct Options {
    /// Use a TUN device (IP packets) instead of a TAP device (Ethernet frames).
    #[arg(long)]
    tun: bool,
    /// The name of the device.
    #[arg(long, default_value = "inw0")]
    device: String,
    /// An address of the host; may be given several times. IPv6 works with --tun.
    #[arg(long = "address", default_values = ["192.0.2.2", "2001:db8::2"])]
    addresses: Vec<IpAddr>,
    /// An address with prefix length for the kernel's end; may be given several times.
    #[arg(long = "kernel-address", default_values = ["192.0.2.1/24", "2001:db8::1/64"])]
    kernel_addresses: Vec<String>,
    /// The host's MAC address.
    #[arg(long, default_value = "02:00:5e:10:00:02")]
    mac: MacAddr,
    /// Octets of the largest IP packet on the link.
    #[arg(long, default_value_t = 1500)]
    mtu: u16,
    /// Writes all frames to this pcapng file.
    #[arg(long)]
    capture: Option<PathBuf>,
    /// Says why each ignored frame was ignored.
    #[arg(long, short)]
    verbose: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let device = open(&options).with_context(|| {
        format!(
            "cannot make the device {}: it needs root (CAP_NET_ADMIN)",
            options.device
        )
    })?;
    let link = if options.tun {
        Link::Ip
    } else {
        Link::Ethernet(options.mac)
    };
    let config = EchoHostConfig {
        link,
        addresses: options.addresses.clone(),
        mtu: options.mtu,
    };
    let mut host = EchoHost::new(config, &mut OsRandom)?;
    let capture = options
        .capture
        .as_deref()
        .map(|path| Capture::create(path, &options));
    let mut capture = capture.transpose()?;

    // Ctrl-C and SIGTERM wake the loop, which then says what it has done.
    let wake = Arc::new(InterruptEvent::new()?);
    let stopped = Arc::new(AtomicBool::new(false));
    ctrlc::set_handler({
        let (wake, stopped) = (Arc::clone(&wake), Arc::clone(&stopped));
        move || {
            stopped.store(true, Ordering::Relaxed);
            // The loop looks at `stopped` at least once a second all the same.
            let _ = wake.trigger();
        }
    })?;

    let addresses: Vec<String> = options.addresses.iter().map(IpAddr::to_string).collect();
    println!(
        "{} is at {} and answers; Ctrl-C ends it",
        options.device,
        addresses.join(" and ")
    );

    let clock = StdClock::new();
    let mut frame = vec![0; usize::from(options.mtu) + 64];
    let mut reply = PacketBuf::new();
    while !stopped.load(Ordering::Relaxed) {
        let patience = host
            .poll_timeout()
            .map_or(Duration::MAX, |at| at - clock.now());
        let received = device.recv_intr_timeout(
            &mut frame,
            &wake,
            Some(patience.min(Duration::from_secs(1))),
        );
        let now = clock.now();
        match received {
            Ok(len) => {
                let octets = frame.get(..len).unwrap_or_default();
                record(&mut capture, now, octets, Direction::Inbound)?;
                if let Err(why) = host.handle_input(now, octets)
                    && options.verbose
                {
                    println!("{now} ignored {len} octets: {why}");
                }
            }
            Err(why) if matches!(why.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(why) => return Err(why).context("cannot read from the device"),
        }
        host.handle_timeout(now);
        while host.poll_transmit(&mut reply) {
            record(&mut capture, now, reply.as_slice(), Direction::Outbound)?;
            match device.send(reply.as_slice()) {
                // A full queue loses frames, as any link may.
                Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                sent => sent.map(drop).context("cannot write to the device")?,
            }
        }
    }
    println!("{:#?}", host.stats());
    Ok(())
}

/// Makes the device and sets up the kernel's end.
fn open(options: &Options) -> Result<SyncDevice> {
    let layer = if options.tun { Layer::L3 } else { Layer::L2 };
    let device = DeviceBuilder::new()
        .name(&options.device)
        .layer(layer)
        .mtu(options.mtu)
        .build_sync()?;
    device.set_nonblocking(true)?;
    for text in &options.kernel_addresses {
        let (address, length) = text
            .split_once('/')
            .context("an address/length is needed")?;
        let length: u8 = length
            .parse()
            .context("the prefix length is not a number")?;
        match address
            .parse()
            .with_context(|| format!("{address} is not an address"))?
        {
            IpAddr::V4(address) => device.add_address_v4(address, length)?,
            IpAddr::V6(address) if options.tun => device.add_address_v6(address, length)?,
            IpAddr::V6(_) => {}
        }
    }
    Ok(device)
}

/// A capture of the link.
struct Capture {
    writer: PcapngWriter<BufWriter<File>>,
    interface: InterfaceId,
}

impl Capture {
    fn create(path: &std::path::Path, options: &Options) -> Result<Self> {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut writer = PcapngWriter::new(BufWriter::new(file))?;
        let link_type = if options.tun {
            LinkType::RAW
        } else {
            LinkType::ETHERNET
        };
        let interface = writer.add_interface(&options.device, link_type)?;
        Ok(Self { writer, interface })
    }
}

/// Adds a frame to the capture, if there is one.
fn record(
    capture: &mut Option<Capture>,
    now: Instant,
    octets: &[u8],
    direction: Direction,
) -> Result<()> {
    if let Some(Capture { writer, interface }) = capture {
        writer.write(*interface, now, direction, "", octets)?;
        writer.flush()?;
    }
    Ok(())
}
