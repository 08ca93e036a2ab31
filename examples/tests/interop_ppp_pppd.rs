//! The example `pppd` and the one of Debian (2.4.9) with the PPP of Linux, in a User-Mode-Linux guest: every option
//! and way to authenticate that both have, in both roles, and what goes wrong.

use anyhow::{Result, ensure};
use internetwork::lab::{Matrix, Uml, interop_wanted};
use internetwork::pppd::scenario::{
    CLIENT, GIVING, More, Outcome, SERVER, Scenario, demand, fails, play, up,
};

fn options() -> Vec<Scenario> {
    let plain = format!("noauth noccp {SERVER}");
    vec![
        up(
            "LCP with default options",
            "gives addresses",
            plain.clone(),
            "",
            &[
                ("/ours/mru", "1500"),
                ("/ours/accm", "00000000"),
                ("/ours/pfc", "true"),
                ("/ours/acfc", "true"),
                ("/ours/magic", "true"),
                ("/peers/accm", "00000000"),
                ("/peers/pfc", "true"),
                ("/peers/acfc", "true"),
                ("/peers/magic", "true"),
                ("/peers/fcs32", "false"),
            ],
            &["local  LL address fe80::0000:0000:0000:0001"],
        )
        .and(More::Bulk),
        up(
            "LCP with default options",
            "takes addresses",
            format!("noauth noccp {CLIENT}"),
            GIVING,
            &[],
            &["local  IP address 10.9.0.1", "remote IP address 10.9.0.2"],
        )
        .and(More::Bulk),
        up(
            "LCP without any option",
            "gives addresses",
            format!("{plain} default-asyncmap nomagic nopcomp noaccomp mru 1500"),
            "lcp.accm = 'none'\nlcp.magic = false\nlcp.pfc = false\nlcp.acfc = false",
            &[
                ("/ours/accm", "ffffffff"),
                ("/ours/magic", "false"),
                ("/ours/pfc", "false"),
                ("/ours/acfc", "false"),
                ("/peers/accm", "ffffffff"),
                ("/peers/magic", "false"),
                ("/peers/pfc", "false"),
                ("/peers/acfc", "false"),
            ],
            &[],
        ),
        up(
            "MRU: the peer's is smaller",
            "gives addresses",
            format!("{plain} mru 1280 mtu 1280"),
            "",
            &[("/peers/mru", "1280"), ("/ours/mru", "1500")],
            &["<mru 1280>"],
        ),
        up(
            "MRU: ours is smaller",
            "gives addresses",
            plain.clone(),
            "lcp.mru = 1300",
            &[("/ours/mru", "1300"), ("/peers/mru", "1500")],
            &["<mru 1300>"],
        ),
        up(
            "ACCM: every control character",
            "gives addresses",
            format!("{plain} asyncmap ffffffff"),
            "lcp.accm = 0xffff_ffff",
            &[("/ours/accm", "ffffffff"), ("/peers/accm", "ffffffff")],
            &[],
        ),
        up(
            "ACCM: XON and XOFF",
            "gives addresses",
            format!("{plain} asyncmap a0000"),
            "lcp.accm = 0x000a_0000",
            &[("/ours/accm", "000a0000"), ("/peers/accm", "000a0000")],
            &[],
        ),
        up(
            "magic number: only the peer's",
            "gives addresses",
            plain.clone(),
            "lcp.magic = false",
            &[("/ours/magic", "false"), ("/peers/magic", "true")],
            &[],
        ),
        up(
            "PFC: only the peer takes it",
            "gives addresses",
            format!("{plain} noaccomp"),
            "lcp.acfc = false",
            &[
                ("/peers/pfc", "true"),
                ("/peers/acfc", "false"),
                ("/ours/acfc", "false"),
            ],
            &[],
        ),
        up(
            "ACFC without PFC",
            "gives addresses",
            format!("{plain} nopcomp"),
            "lcp.pfc = false",
            &[
                ("/peers/pfc", "false"),
                ("/peers/acfc", "true"),
                ("/ours/pfc", "false"),
            ],
            &[],
        ),
        up(
            "FCS alternatives, which the peer rejects",
            "gives addresses",
            plain.clone(),
            "lcp.fcs = [16, 32]",
            &[("/ours/fcs32", "false"), ("/peers/fcs32", "false")],
            &["sent [LCP ConfRej"],
        ),
        up(
            "Quality-Protocol, which the peer rejects",
            "gives addresses",
            plain.clone(),
            "lcp.quality = 2",
            &[],
            &["sent [LCP ConfRej", "rcvd [LCP ConfReq id=0x2"],
        ),
        up(
            "the peer waits in silence",
            "gives addresses",
            format!("{plain} silent"),
            "",
            &[],
            &[],
        ),
        up(
            "we wait passively",
            "gives addresses",
            format!("{plain} passive"),
            "negotiation.passive = true",
            &[],
            &[],
        ),
        up(
            "IPCP: DNS and NetBIOS name servers",
            "takes servers",
            format!("noauth noccp usepeerdns {CLIENT}"),
            format!("{GIVING}ipv4.dns = ['192.0.2.53', '192.0.2.54']\nipv4.nbns = ['192.0.2.55']"),
            &[],
            &[
                "primary   DNS address 192.0.2.53",
                "secondary DNS address 192.0.2.54",
            ],
        ),
        up(
            "IPCP: DNS and NetBIOS name servers",
            "gives servers",
            format!("{plain} ms-dns 192.0.2.53 ms-dns 192.0.2.54"),
            "ipv4.request-dns = true",
            &[],
            &["sent [IPCP ConfNak", "<ms-dns1 192.0.2.53>"],
        ),
        up(
            "IPCP alone",
            "gives addresses",
            "noauth noccp noipv6 10.9.0.1:10.9.0.2",
            "",
            &[],
            &[],
        )
        .and(More::OnlyIpv4),
        up(
            "IPV6CP alone",
            "gives addresses",
            "noauth noccp noip ipv6 ::1,::2",
            "",
            &[],
            &[],
        )
        .and(More::OnlyIpv6),
        up(
            "IPV6CP: the peer gives our identifier",
            "gives addresses",
            plain.clone(),
            "ipv6.identifier = 9",
            &[],
            &["sent [IPV6CP ConfNak"],
        ),
        up(
            "IPV6CP stays when the addresses of IPCP do not fit",
            "gives addresses",
            plain.clone(),
            "ipv4.address = '10.9.0.77'",
            &[],
            &[],
        )
        .and(More::OnlyIpv6),
        up(
            "CCP, which we do not speak",
            "gives addresses",
            format!("noauth deflate 15 bsdcomp 15 {SERVER}"),
            "",
            &[],
            &["rcvd [LCP ProtRej"],
        ),
        up(
            "echo keepalive",
            "gives addresses",
            format!("{plain} lcp-echo-interval 1 lcp-echo-failure 2"),
            "link.echo-interval = 1\nlink.echo-failures = 2",
            &[],
            &["sent [LCP EchoReq", "rcvd [LCP EchoRep"],
        )
        .and(More::Echoes),
        up(
            "the peer ends the link",
            "gives addresses",
            plain.clone(),
            "",
            &[],
            &[],
        )
        .and(More::PeerEnds),
    ]
}

fn authentication() -> Vec<Scenario> {
    type Names = (&'static str, &'static str, &'static str, &'static str);
    let methods: [Names; 4] = [
        ("PAP", "pap", "pap", "PAP AuthAck"),
        ("CHAP with MD5", "chap", "chap-md5", "CHAP Success"),
        ("MS-CHAP-V2", "mschap-v2", "ms-chap-v2", "CHAP Success"),
        ("EAP with MD5-Challenge", "eap", "eap", "EAP Success"),
    ];
    let mut scenarios = Vec::new();
    for (feature, theirs, ours, log) in methods {
        let allow = format!("auth.allow = ['{ours}']");
        let require = format!("auth.require = ['{ours}']\n{GIVING}");
        let mut server = up(
            feature,
            "authenticator",
            format!("{} noccp", demand(theirs)),
            &*allow,
            &[],
            &[],
        );
        let mut client = up(
            feature,
            "supplicant",
            format!("noauth noccp {CLIENT}"),
            &*require,
            &[],
            &[],
        );
        for scenario in [&mut server, &mut client] {
            if let Outcome::Up { logs, .. } = &mut scenario.outcome {
                *logs = vec![log];
            }
        }
        scenarios.extend([server, client]);
        scenarios.push(
            fails(
                format!("{feature}, wrong secret"),
                "authenticator",
                format!("{} noccp", demand(theirs)),
                &*allow,
                "we could not prove ourselves",
                11,
            )
            .with_wrong_secret("alice"),
        );
        scenarios.push(
            fails(
                format!("{feature}, wrong secret"),
                "supplicant",
                format!("noauth noccp {CLIENT}"),
                &*require,
                // pppd does not try PAP again, as it might.
                if ours == "pap" {
                    "the peer ended the link"
                } else {
                    "the peer did not prove itself"
                },
                19,
            )
            .with_wrong_secret("bob"),
        );
    }
    let only_pap = "refuse-chap refuse-mschap refuse-mschap-v2 refuse-eap";
    scenarios.extend([
        up(
            "CHAP with MD5 in both directions",
            "both",
            format!("{} noccp remotename alice", demand("chap")),
            "auth.require = ['chap-md5']\nauth.allow = ['chap-md5']",
            &[],
            &["sent [CHAP Success", "rcvd [CHAP Success"],
        ),
        up(
            "MS-CHAP-V2 one way, EAP the other",
            "both",
            "auth require-mschap-v2 refuse-pap refuse-chap refuse-mschap noccp 10.9.0.1:10.9.0.2 ipv6 ::1,::2",
            "auth.require = ['eap']\nauth.allow = ['ms-chap-v2']",
            &[],
            &["sent [CHAP Success", "rcvd [EAP Success"],
        ),
        up(
            "CHAP with MD5 asked again while the link is open",
            "both",
            format!("{} noccp remotename alice chap-interval 1", demand("chap")),
            "auth.require = ['chap-md5']\nauth.allow = ['chap-md5']\nauth.rechallenge = 1",
            &[],
            &["sent [CHAP Success", "rcvd [CHAP Success"],).and(More::Last),
        up(
            "the method that both have is found by Nak",
            "authenticator",
            format!("auth refuse-eap refuse-mschap refuse-mschap-v2 noccp {SERVER}"),
            "auth.allow = ['pap']",
            &[("/peers/auth", "PAP")],
            &["PAP AuthAck"],
        ),
        up(
            "the method that both have is found by Nak",
            "supplicant",
            format!("noauth noccp {only_pap} {CLIENT}"),
            format!("auth.require = ['ms-chap-v2', 'eap', 'chap-md5', 'pap']\n{GIVING}"),
            &[("/ours/auth", "PAP")],
            &["PAP AuthAck"],
        ),
        fails(
            "only PAP is offered where CHAP is demanded",
            "authenticator",
            format!("{} noccp", demand("chap")),
            "auth.allow = ['pap']",
            "the peer ended the link",
            11,
        ),
        fails(
            "only PAP is offered where CHAP is demanded",
            "supplicant",
            format!("noauth noccp {only_pap} {CLIENT}"),
            format!("auth.require = ['chap-md5']\n{GIVING}"),
            "the peer will not authenticate itself",
            16,
        ),
        fails(
            "no proof is offered where one is demanded",
            "authenticator",
            format!("{} noccp", demand("pap")),
            "",
            "the peer ended the link",
            11,
        ),
    ]);
    scenarios
}

/// What goes wrong with a line, and ends of links that nobody asked for.
fn trouble() -> Vec<Scenario> {
    let plain = format!("noauth noccp {SERVER}");
    let echoes = "lcp-echo-interval 1 lcp-echo-failure 2";
    let our_echoes = "link.echo-interval = 1\nlink.echo-failures = 2";
    vec![
        up(
            "the carrier is lost",
            "both",
            format!("{plain} {echoes}"),
            our_echoes,
            &[],
            &[],
        )
        .and(More::Cut),
        up(
            "the line loses everything",
            "both",
            format!("{plain} {echoes}"),
            our_echoes,
            &[],
            &[],
        )
        .and(More::Silence),
        up("the line is noisy", "both", plain.clone(), "", &[], &[])
            .and(More::EventAndNoise("lcp", &[])),
        up(
            "the link is idle",
            "notices",
            format!("{plain} idle 6"),
            "",
            &[],
            &[],
        )
        .and(More::Ends(
            "the peer ended the link",
            "Terminating connection due to lack of activity",
        )),
        up(
            "the link is idle",
            "is told",
            plain.clone(),
            "link.idle-timeout = 6",
            &[],
            &[],
        )
        .and(More::Ends(
            "no packets have passed for long",
            "LCP terminated by peer",
        )),
        up(
            "the time of the session is over",
            "notices",
            format!("{plain} maxconnect 8"),
            "",
            &[],
            &[],
        )
        .and(More::Ends(
            "the peer ended the link",
            "Connect time expired",
        )),
        up(
            "the time of the session is over",
            "is told",
            plain.clone(),
            "link.session-timeout = 8",
            &[],
            &[],
        )
        .and(More::Ends(
            "the time of the session is over",
            "LCP terminated by peer",
        )),
        Scenario {
            outcome: Outcome::Looped,
            ..up(
                "the line is looped back",
                "both",
                plain.clone(),
                "lcp.loopback-hits = 4",
                &[],
                &[],
            )
        },
        fails(
            "neither IPv4 nor IPv6 can be agreed on",
            "gives addresses",
            "noauth noccp noipv6 10.9.0.1:10.9.0.2",
            "ipv4.address = '10.9.0.77'\nipv6.enabled = false",
            "no network protocol is open",
            16,
        ),
    ]
}

#[test]
fn every_option_passes_packets() -> Result<()> {
    if !interop_wanted("pppd and every option") {
        return Ok(());
    }
    let matrix = Matrix::new("pppd 2.4.9, Linux 6.1: options");
    play(&matrix, &options())?;
    matrix.finish()
}

#[test]
fn every_way_to_authenticate_succeeds_and_fails_rightly() -> Result<()> {
    if !interop_wanted("pppd and authentication") {
        return Ok(());
    }
    let matrix = Matrix::new("pppd 2.4.9, Linux 6.1: authentication");
    play(&matrix, &authentication())?;
    matrix.finish()
}

#[test]
fn what_goes_wrong_is_noticed_at_both_ends() -> Result<()> {
    if !interop_wanted("pppd and trouble") {
        return Ok(());
    }
    let matrix = Matrix::new("pppd 2.4.9, Linux 6.1: trouble");
    play(&matrix, &trouble())?;
    matrix.finish()
}

/// A guest whose modules cannot be loaded is found out, and another started.
#[test]
fn a_bad_boot_is_repeated() -> Result<()> {
    if !interop_wanted("a guest that boots badly") {
        return Ok(());
    }
    let guest = Uml::boot_but_fail(1, None, 1)?;
    ensure!(guest.lane(0)?.run("echo $((6 * 7))")? == "42\n");
    let (text, status) = guest.lane(0)?.try_run("echo x; false")?;
    ensure!((text.as_str(), status) == ("x\n", 1), "{text} {status}");
    Ok(())
}
