//! The namespaces around the routers, and the programs in them.

use super::routers::{
    ACCESS_BIRD, ACCESS_DIALIN, ACCESS_FRR, BORDER_BIRD, BORDER_COMPANY, BORDER_FRR, BORDER_NET,
    COMPANY_DMZ, COMPANY_INSIDE, COMPANY_OUTSIDE, HOME_ADDRESS, SECRET, SERVER_MTU,
};
use super::runner::{Plug, PortAt, tap};
use crate::lab::{Lane, Namespace, Process};
use crate::pppd::lab::Pppd;
use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use tun_rs::SyncDevice;

/// The server, in both versions.
pub(super) const SERVER: [&str; 2] = ["203.0.113.80", "2001:db8:80::80"];
/// The company's web server, which is in the DMZ.
pub(super) const WEB: [&str; 2] = ["192.0.2.10", "2001:db8:c:1::10"];
/// A machine of the company's that nobody outside may reach.
pub(super) const OFFICE: [&str; 2] = ["192.0.2.74", "2001:db8:c:2::74"];
/// A network behind FRR, and one behind BIRD.
pub(super) const FRR_STUB: [&str; 2] = ["192.0.2.201/32", "2001:db8:2::201/128"];
pub(super) const BIRD_STUB: [&str; 2] = ["192.0.2.202/32", "2001:db8:2::202/128"];

/// The name of the device with which a namespace is on a link of ours.
pub(super) const DEVICE: &str = "eth0";
/// Of the second one.
pub(super) const DEVICE_2: &str = "eth1";

/// The namespaces. Deleted when dropped.
pub(super) struct Places {
    pub(super) laptop: Namespace,
    pub(super) dialin: Namespace,
    pub(super) frr: Namespace,
    pub(super) bird: Namespace,
    pub(super) server: Namespace,
    pub(super) web: Namespace,
    pub(super) office: Namespace,
}

impl Places {
    pub(super) fn new() -> Result<Self> {
        let make = |name: &str| Namespace::new(&format!("live-{name}"));
        let places = Self {
            laptop: make("laptop")?,
            dialin: make("dialin")?,
            frr: make("frr")?,
            bird: make("bird")?,
            server: make("server")?,
            web: make("web")?,
            office: make("office")?,
        };
        for router in [&places.frr, &places.bird] {
            router.forward()?;
            // A cable that is pulled does not take addresses along.
            router.run("sysctl", &["-qw", "net.ipv6.conf.all.keep_addr_on_down=1"])?;
        }
        places.frr.add_addresses("lo", &FRR_STUB)?;
        places.bird.add_addresses("lo", &BIRD_STUB)?;
        // The guest's network device is on this link, and not this kernel.
        let off = "net.ipv6.conf.default.disable_ipv6=1";
        places.dialin.run("sysctl", &["-qw", off])?;
        Ok(places)
    }

    /// The links of the provider's routers and the company's.
    pub(super) fn core_plugs(&self) -> Result<Vec<(PortAt, Plug)>> {
        let mut plugs = vec![(BORDER_COMPANY, Plug::Cable(COMPANY_OUTSIDE))];
        let mut plug = |at, namespace, device, mtu| -> Result<()> {
            plugs.push((at, Plug::Tap(tap(namespace, device, mtu)?)));
            Ok(())
        };
        plug(ACCESS_DIALIN, &self.dialin, DEVICE, 1_500)?;
        plug(ACCESS_FRR, &self.frr, DEVICE, 1_500)?;
        plug(ACCESS_BIRD, &self.bird, DEVICE, 1_500)?;
        plug(BORDER_FRR, &self.frr, DEVICE_2, 1_500)?;
        plug(BORDER_BIRD, &self.bird, DEVICE_2, 1_500)?;
        plug(BORDER_NET, &self.server, DEVICE, SERVER_MTU)?;
        plug(COMPANY_DMZ, &self.web, DEVICE, 1_500)?;
        plug(COMPANY_INSIDE, &self.office, DEVICE, 1_500)?;
        let ends: [(&Namespace, &str, [&str; 2]); 4] = [
            (&self.frr, DEVICE, ["10.0.1.2/24", "2001:db8:f:1::2/64"]),
            (&self.frr, DEVICE_2, ["10.0.2.2/24", "2001:db8:f:2::2/64"]),
            (&self.bird, DEVICE, ["10.0.4.2/24", "2001:db8:f:4::2/64"]),
            (&self.bird, DEVICE_2, ["10.0.3.2/24", "2001:db8:f:3::2/64"]),
        ];
        for (namespace, device, addresses) in ends {
            namespace.add_addresses(device, &addresses)?;
            namespace.set_link(device, true)?;
        }
        self.dialin.set_link(DEVICE, true)?;
        let hosts = [
            (&self.server, SERVER, 24, ["203.0.113.1", "2001:db8:80::1"]),
            (&self.web, WEB, 26, ["192.0.2.1", "2001:db8:c:1::1"]),
            (&self.office, OFFICE, 26, ["192.0.2.65", "2001:db8:c:2::1"]),
        ];
        for (namespace, [v4, v6], length, [gateway, gateway6]) in hosts {
            namespace.add_addresses(DEVICE, &[&format!("{v4}/{length}"), &format!("{v6}/64")])?;
            namespace.set_link(DEVICE, true)?;
            let default = ["route", "add", "default", "via"];
            namespace.run("ip", &[&default[..], &[gateway]].concat())?;
            namespace.run("ip", &[&["-6"], &default[..], &[gateway6]].concat())?;
        }
        Ok(plugs)
    }

    /// The laptop's link: its IPv6 addresses are the kernel's to find.
    pub(super) fn laptop_tap(&self) -> Result<SyncDevice> {
        let device = tap(&self.laptop, DEVICE, 1_500)?;
        self.laptop.add_addresses(DEVICE, &["192.168.1.10/24"])?;
        self.laptop.set_link(DEVICE, true)?;
        let default = ["route", "add", "default", "via", "192.168.1.1"];
        self.laptop.run("ip", &default)?;
        Ok(device)
    }
}

/// Makes a router of the guest: from its network device to the dial-up line.
pub(super) fn set_up_guest(lane: &Lane) -> Result<()> {
    for line in [
        "ip address add 10.1.0.2/30 dev vec0",
        "ip -6 address add 2001:db8:f:10::2/64 dev vec0 nodad",
        "ip link set vec0 mtu 1500 up",
        "ip route add default via 10.1.0.1",
        "ip -6 route add default via 2001:db8:f:10::1",
        "echo 1 > /proc/sys/net/ipv4/ip_forward",
        "for it in all default; do echo 1 > /proc/sys/net/ipv6/conf/$it/forwarding; done",
    ] {
        lane.run(line).context("the guest as a router")?;
    }
    Ok(())
}

/// Starts `pppd` on the guest's serial line: it asks who is there, and gives an address.
pub(super) fn start_pppd(lane: &Lane) -> Result<Pppd<'_>> {
    Pppd::write_secrets(lane, &[SECRET])?;
    let options = format!(
        "auth require-chap noccp 198.51.100.1:{HOME_ADDRESS} ms-dns 203.0.113.53 ipv6 ::1,::2"
    );
    Pppd::start(lane, &options)
}

/// A folder with a page to serve. Removed when dropped.
pub(super) struct Pages {
    folder: PathBuf,
    pub(super) page: Vec<u8>,
}

impl Pages {
    pub(super) const NAME: &str = "page";

    pub(super) fn new(length: usize) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("internetwork-live-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let page: Vec<u8> = (0..length)
            .map(|n| u8::try_from(n * 31 % 251).unwrap_or(0))
            .collect();
        let pages = Self { folder, page };
        std::fs::write(pages.folder.join(Self::NAME), &pages.page)?;
        Ok(pages)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A web server for them, which prints who asked.
    pub(super) fn serve(&self, namespace: &Namespace) -> Result<Process> {
        let folder = self.folder().display();
        let line = format!("exec python3 -u -m http.server 80 --bind :: --directory {folder} 2>&1");
        namespace.spawn("sh", &["-c", &line])
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
