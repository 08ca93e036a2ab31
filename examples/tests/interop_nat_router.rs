//! `nat_router` between the Linux kernel's hosts: curl, iperf3, ping, traceroute, dig, FTP in all its
//! modes, a NAT-PMP client and several strongSwan clients, through it at once.
//!
//! ```text
//! client 1..3 --veth-- lan --nat-in-- nat_router --nat-out-- wan
//! 10.1.N.2            192.168.7.2    192.168.7.1  203.0.113.1  198.51.100.10, 203.0.113.254
//! ```

#![allow(clippy::indexing_slicing, reason = "tests")]

mod nat_lab;

use anyhow::{Context, Result, ensure};
use core::time::Duration;
use internetwork::lab::{at_once, interop_wanted, wait_until};
use nat_lab::{Lab, SERVER, strongswan};
use std::fs;

/// Octets of the file that is fetched: enough for many windows.
const FILE_LEN: usize = 3_000_000;

#[test]
fn everything_at_once() -> Result<()> {
    if !interop_wanted("interop_nat_router::everything_at_once") {
        return Ok(());
    }
    let lab = Lab::start("natall", "algs = [\"ftp\", \"tftp\"]\npcp = true\n")?;
    let file: Vec<u8> = (0..FILE_LEN)
        .map(|n| u8::try_from(n * 31 % 251).unwrap_or(0))
        .collect();
    fs::write(lab.path("file"), &file)?;
    let directory = lab.directory();
    let _web = lab.wan.spawn(
        "/usr/bin/python3",
        &[
            "-m",
            "http.server",
            "80",
            "--bind",
            SERVER,
            "--directory",
            directory,
        ],
    )?;
    let _ftp = lab.wan.spawn(
        "/usr/bin/python3",
        &[
            "-m",
            "pyftpdlib",
            "-i",
            SERVER,
            "-p",
            "21",
            "-w",
            "-d",
            directory,
            "-u",
            "lab",
            "-P",
            "lab",
        ],
    )?;
    let _dns = lab.wan.spawn(
        "dnsmasq",
        &[
            "--keep-in-foreground",
            "--no-resolv",
            "--no-hosts",
            "--pid-file=",
            "--user=root",
            "--listen-address=198.51.100.10",
            "--bind-interfaces",
            "--address=/www.example/198.51.100.80",
        ],
    )?;
    let _iperf = lab.wan.spawn("iperf3", &["-s", "-B", SERVER])?;
    for (port, what) in [(80, "web"), (21, "FTP"), (53, "DNS"), (5201, "iperf3")] {
        lab.wait_for_port(port)
            .with_context(|| format!("the {what} server"))?;
    }
    let ipsec = strongswan(&lab)?;

    at_once(&[
        ("curl", &|| lab.curl(&file)),
        ("FTP", &|| lab.ftp(&file)),
        ("dig", &|| lab.dig()),
        ("ping", &|| lab.ping()),
        ("traceroute", &|| lab.traceroute()),
        ("iperf3", &|| lab.iperf()),
        ("NAT-PMP", &|| lab.nat_pmp()),
        ("strongSwan", &|| ipsec.ping_through()),
    ])?;

    lab.no_bad_checksums()?;
    drop(ipsec);
    let stopped = lab.stop()?;
    let count = |name: &str| stopped[name].as_u64().unwrap_or(0);
    eprintln!("nat_router: {stopped}");
    ensure!(
        count("outbound") > 1_000 && count("inbound") > 1_000,
        "{stopped}"
    );
    ensure!(count("sessions_created") > 30, "{stopped}");
    ensure!(count("icmp_errors") >= 3, "{stopped}");
    ensure!(count("pcp_succeeded") >= 2, "{stopped}");
    Ok(())
}

#[test]
fn services_inside() -> Result<()> {
    if !interop_wanted("interop_nat_router::services_inside") {
        return Ok(());
    }
    let forward = "[[forward]]\nprotocol = \"tcp\"\nports = \"8080\"\nto = [\"192.168.7.2:80\"]\n\
                   [[forward]]\nprotocol = \"tcp\"\nports = \"21\"\nto = [\"192.168.7.2:21\"]\n";
    let lab = Lab::start("natsvc", &format!("algs = [\"ftp\"]\n{forward}"))?;
    fs::write(lab.path("file"), b"inside")?;
    let directory = lab.directory();
    let _web = lab.lan.spawn(
        "/usr/bin/python3",
        &[
            "-m",
            "http.server",
            "80",
            "--bind",
            "192.168.7.2",
            "--directory",
            directory,
        ],
    )?;
    let _ftp = lab.lan.spawn(
        "/usr/bin/python3",
        &[
            "-m",
            "pyftpdlib",
            "-i",
            "192.168.7.2",
            "-p",
            "21",
            "-d",
            directory,
        ],
    )?;
    let url = "http://203.0.113.1:8080/file";
    wait_until(Duration::from_secs(15), || {
        let got = lab.wan.run("curl", &["-sS", "--max-time", "5", url])?;
        ensure!(got == "inside", "{got}");
        Ok(())
    })?;
    // A neighbor, by the address outside.
    let got = lab.clients[0].run("curl", &["-sS", "--max-time", "10", url])?;
    ensure!(got == "inside", "hairpin: {got}");
    // The server's passive ports are opened as it announces them.
    for option in ["--disable-epsv", "--ftp-pasv"] {
        let arguments = ["-sS", "--max-time", "20", option, "ftp://203.0.113.1/file"];
        wait_until(Duration::from_secs(15), || {
            let got = lab.wan.run("curl", &arguments)?;
            ensure!(got == "inside", "{option}: {got}");
            Ok(())
        })?;
    }
    let stopped = lab.stop()?;
    ensure!(stopped["hairpinned"].as_u64() > Some(4), "{stopped}");
    Ok(())
}

/// A path whose next link is narrower: packets that may not be fragmented are answered, others cut.
#[test]
fn a_narrow_link_outside() -> Result<()> {
    if !interop_wanted("interop_nat_router::a_narrow_link_outside") {
        return Ok(());
    }
    let lab = Lab::with_mtu("natmtu", 1_280, "")?;
    let big = ["-n", "-c", "1", "-W", "2", "-s", "1400", "-M", "do", SERVER];
    let output = lab.clients[0].output("ping", &big)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    ensure!(
        text.contains("mtu=1280") || text.contains("mtu = 1280"),
        "{text}"
    );
    let cut = [
        "-n", "-c", "3", "-i", "0.2", "-W", "2", "-s", "3000", "-M", "dont", SERVER,
    ];
    let text = lab.clients[1].run("ping", &cut)?;
    ensure!(text.contains("3 received"), "{text}");
    lab.stop()?;
    Ok(())
}
