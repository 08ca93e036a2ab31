//! The example `pppd` on Ethernet: with the PPPoE of Linux in a guest, as a client and as a concentrator, and with
//! l2tpns, whose PPP is nobody else's.

use anyhow::{Context as _, Result, ensure};
use core::time::Duration;
use internetwork::lab::{
    L2tpns, Lane, Matrix, Namespace, Nic, Uml, connect, interop_wanted, wait_until,
};
use internetwork::pppd::lab::{Ours, Pppd};
use internetwork::pppd::scenario::SECRETS;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);

/// A configuration of ours with these dotted keys.
fn config(keys: &str) -> String {
    let mut config = format!(
        "{keys}\nauth.name = 'alice'\nnegotiation.restart-timer = 1\nipv6.identifier = 2\n"
    );
    for (name, secret) in SECRETS {
        config.push_str(&format!(
            "[[secret]]\nname = '{name}'\nsecret = '{secret}'\n"
        ));
    }
    config
}

/// A guest whose network device is on a cable to the interface `eth0` of ours.
struct Ethernet {
    guest: Uml,
    namespace: Namespace,
}

impl Ethernet {
    fn new() -> Result<Self> {
        let namespace = Namespace::new("pppoe")?;
        connect((&namespace, "eth0", &[]), (&namespace, "guest", &[]))?;
        for interface in ["eth0", "guest"] {
            namespace.run("ip", &["link", "set", interface, "mtu", "1600"])?;
        }
        let nic = Nic {
            namespace: &namespace,
            interface: "guest",
        };
        let guest = Uml::boot(1, Some(nic))?;
        let lane = guest.lane(0)?;
        lane.run("ip link set vec0 mtu 1600; ip link set vec0 up")?;
        Pppd::write_secrets(lane, &SECRETS)?;
        Ok(Self { guest, namespace })
    }

    fn lane(&self) -> Result<&Lane> {
        self.guest.lane(0)
    }

    /// Pings, the largest packets among them, both ways.
    fn ping(&self, mtu: usize) -> Result<()> {
        let size = (mtu - 28).to_string();
        for more in [&["-s", "56"][..], &["-M", "do", "-s", &size]] {
            let options = ["-n", "-c", "2", "-i", "0.1", "-W", "3"];
            let ours: Vec<&str> = options
                .iter()
                .chain(more)
                .copied()
                .chain(["10.9.0.1"])
                .collect();
            self.namespace.run("ping", &ours)?;
            let theirs: Vec<&str> = options
                .iter()
                .chain(more)
                .copied()
                .chain(["10.9.0.2"])
                .collect();
            self.lane()?.run(&format!("ping {}", theirs.join(" ")))?;
        }
        let line = "-6 -n -c 2 -i 0.1 -W 3";
        let ours: Vec<&str> = line.split(' ').chain(["fe80::1%ppp0"]).collect();
        self.namespace.run("ping", &ours)?;
        // The device of a session before this one may still be there.
        let newest = "ip -o -4 addr show to 10.9.0.1 | tail -n 1 | awk '{print $2}'";
        let device = self.lane()?.run(newest)?;
        let device = device.trim();
        self.lane()?.run(&format!("ping {line} fe80::2%{device}"))?;
        Ok(())
    }

    /// We are the client of the guest's concentrator.
    fn as_client(&self, mtu: usize) -> Result<()> {
        let theirs = Pppd::start_server(
            self.lane()?,
            &format!(
                "auth require-chap refuse-pap refuse-eap refuse-mschap refuse-mschap-v2 noccp mru {mtu} mtu {mtu} \
                 ipv6 ::1,::2"
            ),
        )?;
        let result = (|| {
            let mut ours = Ours::start(
                &self.namespace,
                "pppoe:eth0",
                &config(&format!(
                    "pppoe.service = 'internet'\nauth.allow = ['chap-md5']\nlcp.mru = {mtu}\n{}",
                    jumbo(mtu)
                )),
            )?;
            let wanted = mtu.to_string();
            ours.event(
                "session",
                &[("/max_payload", &wanted), ("/name", "concentrator")],
            )?;
            ours.event("ipv4-up", &[("/peer", "10.9.0.1")])?;
            ours.event("ipv6-up", &[("/peer", "fe80::1"), ("/address", "fe80::2")])?;
            self.ping(mtu)?;
            ours.terminate()?;
            ours.event("closed", &[("/reason", "closed")])?;
            wait_until(PATIENCE, || {
                let sessions = self.lane()?.run("cat /proc/net/pppoe | wc -l")?;
                ensure!(sessions.trim() == "1", "a session is left: {sessions}");
                Ok(())
            })?;
            finish(ours)
        })();
        result.with_context(|| format!("pppd: {}", theirs.log().unwrap_or_default()))
    }

    /// We are the concentrator.
    fn as_concentrator(&self, mtu: usize, peer_ends: bool) -> Result<()> {
        let mut ours = Ours::start(
            &self.namespace,
            "pppoe-server:eth0",
            &config(&format!(
                "pppoe.service = 'internet'\nauth.require = ['ms-chap-v2']\nlcp.mru = {mtu}\n{}\
                 ipv4.address = '10.9.0.2'\nipv4.peer-address = '10.9.0.1'\n",
                jumbo(mtu)
            )),
        )?;
        let theirs = Pppd::start_pppoe(
            self.lane()?,
            &format!("noauth noccp mru {mtu} mtu {mtu} ipv6 ::1,::2"),
        )?;
        let result = (|| {
            let wanted = mtu.to_string();
            ours.event(
                "session",
                &[("/max_payload", &wanted), ("/name", "internet")],
            )?;
            ours.event("authenticated", &[("/name", "bob")])?;
            ours.event("ipv4-up", &[("/peer", "10.9.0.1")])?;
            ours.event("ipv6-up", &[("/peer", "fe80::1"), ("/address", "fe80::2")])?;
            theirs.logs(&["remote IP address 10.9.0.2"])?;
            self.ping(mtu)?;
            if peer_ends {
                theirs.terminate()?;
                ours.event("closed", &[("/reason", "the peer ended the link")])?;
            } else {
                ours.terminate()?;
                ours.event("closed", &[("/reason", "closed")])?;
            }
            theirs.ended()?;
            finish(ours)
        })();
        result.with_context(|| format!("pppd: {}", theirs.log().unwrap_or_default()))
    }
}

fn jumbo(mtu: usize) -> String {
    if mtu > 1492 {
        format!("pppoe.max-payload = {mtu}\n")
    } else {
        String::new()
    }
}

/// It has ended, and nothing was too long or refused.
fn finish(ours: Ours) -> Result<()> {
    let counters = ours.ended()?;
    ensure!(
        counters.get("too_long") == Some(&Value::from(0)),
        "{counters}"
    );
    Ok(())
}

#[test]
fn sessions_with_the_pppoe_of_linux() -> Result<()> {
    if !interop_wanted("PPPoE and Linux") {
        return Ok(());
    }
    let matrix = Matrix::new("PPPoE of Linux 6.1, pppd 2.4.9, pppoe-server 3.15");
    let ethernet = Ethernet::new()?;
    matrix.add(
        "PPPoE, CHAP with MD5",
        "concentrator",
        ethernet.as_client(1492),
    );
    matrix.add(
        "PPPoE, MRU of 1500 (RFC 4638), CHAP with MD5",
        "concentrator",
        ethernet.as_client(1500),
    );
    matrix.add(
        "PPPoE, MS-CHAP-V2",
        "client",
        ethernet.as_concentrator(1492, false),
    );
    matrix.add(
        "PPPoE, MRU of 1500 (RFC 4638), MS-CHAP-V2; the peer ends it",
        "client",
        ethernet.as_concentrator(1500, true),
    );
    matrix.finish()
}

/// We are a client of l2tpns.
struct WithL2tpns {
    // Ended first: the fields are dropped in this order.
    ours: Ours,
    l2tpns: L2tpns,
    namespace: Namespace,
    _other: Namespace,
}

impl WithL2tpns {
    fn start(method: &str, allow: &str, secret: &str) -> Result<Self> {
        let (namespace, other) = (Namespace::new("pppoea")?, Namespace::new("pppoeb")?);
        connect((&namespace, "eth0", &[]), (&other, "eth0", &[]))?;
        let l2tpns = L2tpns::start(&other, "eth0", method, &[("alice", "wonderland")])?;
        let keys = format!(
            "pppoe.service = 'internet'\nauth.allow = ['{allow}']\nipv4.request-dns = true"
        );
        let config = config(&keys).replace("wonderland", secret);
        let ours = Ours::start(&namespace, "pppoe:eth0", &config)?;
        Ok(Self {
            ours,
            l2tpns,
            namespace,
            _other: other,
        })
    }

    fn comes_up(mut self) -> Result<()> {
        let result = (|| {
            self.ours.event("session", &[("/name", "concentrator")])?;
            self.ours.event("authenticated", &[("/whose", "ours")])?;
            let values = [("/peer", L2tpns::ADDRESS), ("/dns/0", "10.77.0.53")];
            self.ours.event("ipv4-up", &values)?;
            // Its MRU is 1462 octets.
            for size in ["56", "1434"] {
                let options = [
                    "-n", "-c", "2", "-i", "0.1", "-W", "3", "-M", "do", "-s", size,
                ];
                let line: Vec<&str> = options.into_iter().chain([L2tpns::ADDRESS]).collect();
                self.namespace.run("ping", &line)?;
            }
            self.ours.terminate()?;
            self.ours.event("closed", &[("/reason", "closed")])
        })();
        result.with_context(|| self.l2tpns.log().unwrap_or_default())?;
        finish(self.ours)
    }

    fn gets_refused(mut self) -> Result<()> {
        self.ours.event("session", &[])?;
        let closed = self.ours.event("closed", &[])?;
        let reason = closed.get("reason").and_then(Value::as_str);
        let reason = reason.unwrap_or_default();
        // It ends the session beside the link.
        ensure!(
            reason.starts_with("we could not prove ourselves") || reason == "the line went down",
            "{closed}: {}",
            self.l2tpns.log()?
        );
        let counters = self.ours.ended()?;
        ensure!(
            counters.get("delivered") == Some(&Value::from(0)),
            "{counters}"
        );
        Ok(())
    }
}

#[test]
fn sessions_with_l2tpns() -> Result<()> {
    if !interop_wanted("PPPoE and l2tpns") {
        return Ok(());
    }
    let matrix = Matrix::new("l2tpns 2.4.1");
    for (feature, method, allow) in [
        ("PPPoE, PAP, IPCP with DNS", "pap", "pap"),
        ("PPPoE, CHAP with MD5, IPCP with DNS", "chap", "chap-md5"),
    ] {
        let result = WithL2tpns::start(method, allow, "wonderland");
        matrix.add(
            feature,
            "concentrator",
            result.and_then(WithL2tpns::comes_up),
        );
        let result = WithL2tpns::start(method, allow, "looking-glass");
        matrix.add(
            &format!("{feature}, wrong secret"),
            "concentrator",
            result.and_then(WithL2tpns::gets_refused),
        );
    }
    matrix.finish()
}
