//! `nat_router` between the Linux kernel's hosts: curl, iperf3, ping, traceroute, dig, FTP in all its
//! modes, a NAT-PMP client and several strongSwan clients, through it at once; IPv6 hosts; other rules while it runs.
//!
//! ```text
//! client 1..3 --veth-- lan --nat-in-- nat_router --nat-out-- wan
//! 10.1.N.2            192.168.7.2    192.168.7.1  203.0.113.1  198.51.100.10, 203.0.113.254
//! fd00:7:0:N::2       fd00:7::2      fd00:7::1    2001:db8:1::1  2001:db8:99::10
//! ```

#![allow(clippy::indexing_slicing, reason = "tests")]

mod nat_lab;

use anyhow::{Context, Result, ensure};
use core::net::SocketAddr;
use core::time::Duration;
use internetwork::lab::{Namespace, at_once, interop_wanted, wait_until};
use nat_lab::{Lab, SERVER, strongswan};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

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
    let _web = lab.wan.serve_web(SERVER, directory)?;
    let writes = ["-w", "-u", "lab", "-P", "lab"];
    let _ftp = lab.wan.serve_ftp(SERVER, directory, &writes)?;
    let _dns = lab.wan.serve_names(SERVER)?;
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
    let _web = lab.lan.serve_web("192.168.7.2", directory)?;
    let _ftp = lab.lan.serve_ftp("192.168.7.2", directory, &[])?;
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

/// A server that says by which address it sees its client, to both versions of IP.
const WHO: &str = "import http.server, socket, sys
class Who(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.client_address[0].encode()
        if self.path == '/file':
            body = open(sys.argv[1], 'rb').read()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
class Both(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()
Both(('::', 80), Who).serve_forever()
";

/// The server of the outside, as hosts inside that have IPv6 alone see it.
const MAPPED_SERVER: &str = "64:ff9b::c633:640a";
/// The server's own IPv6 address.
const SERVER6: &str = "2001:db8:99::10";

const NAT64: &str = "\n[nat64]\npool = [\"203.0.113.64\"]\n";
const NPTV6: &str = "[nptv6]\ninside = \"fd00:7::/48\"\noutside = \"2001:db8:77::/48\"\n";

/// Who the server says that a host inside is.
fn who(lab: &Lab, server: &str) -> Result<String> {
    let url = format!("http://[{server}]/who");
    let arguments = ["-6", "-g", "-sS", "--max-time", "10", &url];
    lab.clients[0].run("curl", &arguments)
}

fn ping6(lab: &Lab, arguments: &[&str]) -> Result<()> {
    wait_until(Duration::from_secs(40), || {
        let mut all = vec!["-6", "-n", "-c", "3", "-i", "0.2", "-W", "3"];
        all.extend(arguments);
        let text = lab.clients[0].run("ping", &all)?;
        ensure!(text.contains(" 3 received"), "{text}");
        Ok(())
    })
    .map(drop)
}

#[test]
fn ipv6_inside() -> Result<()> {
    if !interop_wanted("interop_nat_router::ipv6_inside") {
        return Ok(());
    }
    let lab = Lab::start("natsix", &format!("{NAT64}{NPTV6}"))?;
    let file: Vec<u8> = (0..FILE_LEN)
        .map(|n| u8::try_from(n * 31 % 251).unwrap_or(0))
        .collect();
    fs::write(lab.path("file"), &file)?;
    let path = lab.path("file");
    let path = path.to_str().context("path")?;
    let _server = lab.wan.spawn("/usr/bin/python3", &["-c", WHO, path])?;
    lab.wait_for_port(80)?;

    // IPv4 hosts, from a host that has only IPv6 addresses in use.
    wait_until(Duration::from_secs(40), || {
        let seen = who(&lab, MAPPED_SERVER)?;
        ensure!(seen.ends_with("203.0.113.64"), "{seen}");
        Ok(())
    })?;
    let target = lab.path("by-nat64");
    let target = target.to_str().context("path")?;
    let url = format!("http://[{MAPPED_SERVER}]/file");
    let arguments = ["-6", "-g", "-sS", "--max-time", "60", "-o", target, &url];
    lab.clients[1].run("curl", &arguments)?;
    ensure!(fs::read(target)? == file, "the file differs");
    ping6(&lab, &[MAPPED_SERVER])?;
    ping6(&lab, &["-s", "3000", MAPPED_SERVER])?;
    // Nobody is there: the error comes back in the other version's form.
    let arguments = ["-6", "-n", "-c", "1", "-W", "5", "64:ff9b::c633:6463"];
    let output = lab.clients[0].output("ping", &arguments)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(text.contains("unreachable"), "{text}");
    // The way there: the two routers inside, and what stands for the server.
    let arguments = ["-6", "-n", "-q", "1", "-w", "3", "-m", "6", MAPPED_SERVER];
    let text = lab.clients[0].run("traceroute", &arguments)?;
    ensure!(
        text.contains("fd00:7::1") && text.contains(MAPPED_SERVER),
        "{text}"
    );

    // IPv6 hosts, under another prefix, and by the prefix from outside.
    let seen = who(&lab, SERVER6)?;
    ensure!(seen.starts_with("2001:db8:77:"), "{seen}");
    ping6(&lab, &[SERVER6])?;
    let arguments = ["-6", "-n", "-c", "3", "-i", "0.2", "-W", "5", &seen];
    let text = lab.wan.run("ping", &arguments)?;
    ensure!(text.contains(" 3 received"), "{text}");

    // Without the prefix, as they are; NAT64's sessions go on with the same rules.
    let told = lab.reload(NAT64)?;
    ensure!(told.contains("\"reloaded\""), "{told}");
    let seen = who(&lab, SERVER6)?;
    ensure!(seen.starts_with("fd00:7:"), "{seen}");
    ensure!(who(&lab, MAPPED_SERVER)?.ends_with("203.0.113.64"));

    lab.no_bad_checksums()?;
    let stopped = lab.stop()?;
    eprintln!("nat_router: {stopped}");
    ensure!(stopped["nat64_to_v4"].as_u64() > Some(100), "{stopped}");
    ensure!(stopped["nat64_to_v6"].as_u64() > Some(100), "{stopped}");
    Ok(())
}

/// Sends back what comes, on the address and port that it is told.
const ECHO: &str = "import socketserver, sys
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(100):
            self.request.sendall(data)
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer((sys.argv[1], int(sys.argv[2])), Echo).serve_forever()
";

/// A connection out of a namespace.
fn connect_from(from: &Namespace, to: &str) -> Result<TcpStream> {
    let to: SocketAddr = to.parse()?;
    let mut stream = None;
    wait_until(Duration::from_secs(30), || {
        let made = from.enter(|| Ok(TcpStream::connect_timeout(&to, Duration::from_secs(5))?))?;
        stream = Some(made);
        Ok(())
    })?;
    stream.context("no connection")
}

/// Whether an echo comes back in time.
fn echoes(stream: &mut TcpStream, patience: Duration) -> bool {
    let mut answer = [0; 5];
    stream.set_read_timeout(Some(patience)).is_ok()
        && stream.write_all(b"hello").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && &answer == b"hello"
}

#[test]
fn other_rules_while_it_runs() -> Result<()> {
    if !interop_wanted("interop_nat_router::other_rules_while_it_runs") {
        return Ok(());
    }
    let forward = |port: u16| {
        format!("[[forward]]\nprotocol = \"tcp\"\nports = \"{port}\"\nto = [\"192.168.7.2:80\"]\n")
    };
    let both = format!("\n{}{}", forward(8080), forward(8081));
    let lab = Lab::start("natrel", &both)?;
    let _outer = lab
        .wan
        .spawn("/usr/bin/python3", &["-c", ECHO, SERVER, "80"])?;
    let _inner = lab
        .lan
        .spawn("/usr/bin/python3", &["-c", ECHO, "192.168.7.2", "80"])?;
    lab.wait_for_port(80)?;
    let long = Duration::from_secs(30);
    let mut out = connect_from(&lab.clients[0], "198.51.100.10:80")?;
    let mut stays = connect_from(&lab.wan, "203.0.113.1:8080")?;
    let mut goes = connect_from(&lab.wan, "203.0.113.1:8081")?;
    for stream in [&mut out, &mut stays, &mut goes] {
        ensure!(echoes(stream, long), "no echo at first");
    }

    // A file that cannot be used changes nothing.
    let told = lab.reload("profile = \"none\"\n")?;
    ensure!(told.contains("reload_failed"), "{told}");
    for stream in [&mut out, &mut stays, &mut goes] {
        ensure!(echoes(stream, long), "no echo after a file with mistakes");
    }

    // One forward goes, another comes.
    let told = lab.reload(&format!("\n{}{}", forward(8080), forward(8082)))?;
    ensure!(told.contains("\"reloaded\""), "{told}");
    let told: serde_json::Value = serde_json::from_str(&told)?;
    ensure!(told["kept"].as_u64() >= Some(2), "{told}");
    ensure!(told["ended"].as_u64() >= Some(1), "{told}");
    ensure!(echoes(&mut out, long), "the connection out has ended");
    ensure!(echoes(&mut stays, long), "the forward that stays has ended");
    ensure!(
        !echoes(&mut goes, Duration::from_secs(3)),
        "the forward that is gone goes on"
    );
    let mut new = connect_from(&lab.wan, "203.0.113.1:8082")?;
    ensure!(echoes(&mut new, long), "no echo by the new forward");
    let old: SocketAddr = "203.0.113.1:8081".parse()?;
    let refused = lab
        .wan
        .enter(|| Ok(TcpStream::connect_timeout(&old, Duration::from_secs(3)).is_err()))?;
    ensure!(refused, "the forward that is gone is open");
    lab.stop()?;
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
