//! FTP (RFC 959, RFC 2428, RFC 2577).

use flow_state::application::ftp::{Announcement, Command, Control, MAX_LINE, Reject};
use flow_state::{Direction, Key};
use packet_buffer::wire::IpProtocol;
use std::net::IpAddr;
use std::time::Duration;

use Direction::{Original, Reply};

fn client() -> IpAddr {
    [10, 0, 0, 2].into()
}

fn server() -> IpAddr {
    [198, 51, 100, 21].into()
}

/// A control connection after its handshake; data starts at 1001 and 5001.
fn control() -> Control {
    let mut control = Control::new();
    control.handle_syn(Original, 1_000);
    control.handle_syn(Reply, 5_000);
    control
}

fn say(line: &[u8]) -> Result<Option<Announcement>, Reject> {
    control().handle_data(Original, 1_001, line, client())
}

fn answer(line: &[u8]) -> Result<Option<Announcement>, Reject> {
    control().handle_data(Reply, 5_001, line, server())
}

#[test]
fn active_mode() {
    let line = b"PORT 10,0,0,2,195,149\r\n";
    let found = say(line).unwrap().unwrap();
    assert_eq!(found.command, Command::Port);
    assert_eq!((found.address, found.port), (Some(client()), 50_069));
    assert_eq!(&line[found.range.clone()], b"10,0,0,2,195,149");
    assert_eq!(
        found.rewritten([203, 0, 113, 1].into(), 1_025).unwrap(),
        "203,0,113,1,4,1"
    );
    assert_eq!(found.rewritten("2001:db8::1".parse().unwrap(), 1_025), None);
    let segment = Key::new((client(), 40_000), (server(), 21), IpProtocol::TCP).unwrap();
    let expected = found.expected(&segment, Duration::from_secs(60));
    let data = Key::new((server(), 20), (client(), 50_069), IpProtocol::TCP).unwrap();
    assert!(expected.matches(&data));
    assert_eq!(expected.direction, Reply);
    let other = Key::new(
        ([192, 0, 2, 9].into(), 20),
        (client(), 50_069),
        IpProtocol::TCP,
    )
    .unwrap();
    assert!(!expected.matches(&other));

    // In lower case, with blanks, and after other lines.
    assert!(say(b"port  10,0,0,2,4,1 \r\n").unwrap().is_some());
    let mut control = control();
    let user = b"USER anonymous\r\n";
    assert_eq!(
        control.handle_data(Original, 1_001, user, client()),
        Ok(None)
    );
    let next = 1_001 + u32::try_from(user.len()).unwrap();
    assert!(
        control
            .handle_data(Original, next, line, client())
            .unwrap()
            .is_some()
    );
}

#[test]
fn passive_and_extended_modes() {
    let line = b"227 Entering Passive Mode (198,51,100,21,195,149).\r\n";
    let found = answer(line).unwrap().unwrap();
    assert_eq!((found.command, found.port), (Command::Passive, 50_069));
    assert_eq!(&line[found.range.clone()], b"198,51,100,21,195,149");
    let segment = Key::new((server(), 21), (client(), 40_000), IpProtocol::TCP).unwrap();
    let expected = found.expected(&segment, Duration::from_secs(60));
    let data = Key::new((client(), 40_001), (server(), 50_069), IpProtocol::TCP).unwrap();
    assert!(expected.matches(&data));
    assert_eq!(expected.direction, Original);
    // RFC 1123 §4.1.2.6: brackets may be missing.
    assert!(answer(b"227 =198,51,100,21,195,149\r\n").unwrap().is_some());

    let line = b"229 Entering Extended Passive Mode (|||50069|)\r\n";
    let found = answer(line).unwrap().unwrap();
    assert_eq!(
        (found.command, found.address, found.port),
        (Command::ExtendedPassive, None, 50_069)
    );
    assert_eq!(&line[found.range.clone()], b"|||50069|");
    assert_eq!(found.rewritten(server(), 2_000).unwrap(), "|||2000|");
    assert!(found.expected(&segment, Duration::ZERO).matches(&data));

    let line = b"EPRT |1|10.0.0.2|50069|\r\n";
    let found = say(line).unwrap().unwrap();
    assert_eq!(
        (found.command, found.address),
        (Command::Eprt, Some(client()))
    );
    assert_eq!(&line[found.range.clone()], b"|1|10.0.0.2|50069|");
    assert_eq!(
        found.rewritten([203, 0, 113, 1].into(), 2_000).unwrap(),
        "|1|203.0.113.1|2000|"
    );
    let v6: IpAddr = "2001:db8::2".parse().unwrap();
    let found = control().handle_data(Original, 1_001, b"EPRT !2!2001:db8::2!50069!\r\n", v6);
    assert_eq!(found.unwrap().unwrap().address, Some(v6));
}

#[test]
fn third_parties_and_privileged_ports_are_refused() {
    // RFC 2577 §3: the bounce attack.
    assert_eq!(say(b"PORT 192,0,2,9,195,149\r\n"), Err(Reject::ThirdParty));
    assert_eq!(
        say(b"EPRT |1|192.0.2.9|50069|\r\n"),
        Err(Reject::ThirdParty)
    );
    assert_eq!(say(b"PORT 10,0,0,2,0,25\r\n"), Err(Reject::Privileged));
    assert_eq!(answer(b"229 ok (|||80|)\r\n"), Err(Reject::Privileged));
}

#[test]
fn only_whole_lines_from_the_stream_s_start_count() {
    assert_eq!(say(b"PORT 10,0,0,2,195,14"), Err(Reject::Incomplete));
    let line = b"PORT 10,0,0,2,195,149\r\n";
    // A segment that starts within a line, as a page's form makes a browser send it.
    let mut split = control();
    assert_eq!(
        split.handle_data(Original, 1_001, b"POST / ", client()),
        Ok(None)
    );
    assert_eq!(
        split.handle_data(Original, 1_008, line, client()),
        Err(Reject::NotAtLineStart)
    );
    // One in front of octets that are missing.
    let mut gap = control();
    assert_eq!(
        gap.handle_data(Original, 1_101, line, client()),
        Err(Reject::NotAtLineStart)
    );
    // A connection whose start was not seen.
    let mut unknown = Control::new();
    assert_eq!(
        unknown.handle_data(Original, 1_001, line, client()),
        Err(Reject::NotAtLineStart)
    );
    // A repetition announces the same once more.
    let mut again = control();
    for _ in 0..2 {
        assert!(
            again
                .handle_data(Original, 1_001, line, client())
                .unwrap()
                .is_some()
        );
    }
    // Each side's announcements only from that side.
    assert_eq!(
        control().handle_data(Reply, 5_001, line, server()),
        Ok(None)
    );
    assert_eq!(say(b"227 ok (10,0,0,2,195,149)\r\n"), Ok(None));
    // Behind a line that is too long, nothing is looked for.
    let mut long = b"PORT ".to_vec();
    long.resize(MAX_LINE + 10, b' ');
    long.extend(b"10,0,0,2,195,149\r\n");
    assert_eq!(say(&long), Err(Reject::Incomplete));
}

#[test]
fn bad_syntax_is_refused() {
    for line in [
        &b"PORT 10,0,0,2,195\r\n"[..],
        b"PORT 10,0,0,2,195,256\r\n",
        b"PORT 10,0,0,2,195,149,1\r\n",
        b"PORT 10,0,0,2,+1,149\r\n",
        b"PORT \r\n",
        b"EPRT |1|10.0.0.2|50069\r\n",
        b"EPRT |3|10.0.0.2|50069|\r\n",
        b"EPRT |1||50069|\r\n",
        b"EPRT |1|10.0.0.2|70000|\r\n",
        b"EPRT 1110.0.0.21500691\r\n",
    ] {
        assert_eq!(say(line), Err(Reject::Syntax), "{}", line.escape_ascii());
    }
    for line in [
        &b"227 no numbers\r\n"[..],
        b"229 none\r\n",
        b"229 (|1|1.2.3.4|5000|)\r\n",
    ] {
        assert_eq!(answer(line), Err(Reject::Syntax), "{}", line.escape_ascii());
    }
    for line in [&b"PORTAL\r\n"[..], b"NOOP\r\n", b"\r\n", b""] {
        assert_eq!(say(line), Ok(None));
    }
    assert_eq!(answer(b"220 hello\r\n"), Ok(None));
}
