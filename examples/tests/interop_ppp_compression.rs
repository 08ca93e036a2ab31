//! The example `pppd` and the one of Debian (2.4.9) with the PPP of Linux: compression and encryption, in both roles,
//! on lines that are noisy, and where one end does not have what the other demands.

use anyhow::Result;
use internetwork::lab::{Matrix, interop_wanted};
use internetwork::pppd::scenario::{
    CLIENT, GIVING, More, SERVER, Scenario, demand, fails, play, up,
};

/// A method agreed on for both directions.
macro_rules! both {
    ($method:literal) => {
        &[("/receive", $method), ("/send", $method)]
    };
}

fn compression() -> Vec<Scenario> {
    let plain = format!("noauth {SERVER}");
    let event = "compression-up";
    vec![
        up(
            "Deflate, window of 15 bits",
            "both",
            format!("{plain} deflate 15 nobsdcomp"),
            "ccp.deflate = 15",
            &[],
            &["Deflate (15) compression enabled"],
        )
        .and(More::Event(event, both!("Deflate 15"))),
        up(
            "Deflate, windows of 9 and 12 bits",
            "both",
            format!("{plain} deflate 12,9 nobsdcomp"),
            "ccp.deflate = 12",
            &[],
            &["Deflate"],
        )
        .and(More::Event(event, &[])),
        up(
            "Deflate on a noisy line: resets",
            "both",
            format!("{plain} deflate 15 nobsdcomp"),
            "ccp.deflate = 15",
            &[],
            &["CCP ResetReq", "CCP ResetAck"],
        )
        .and(More::EventAndNoise(event, both!("Deflate 15"))),
        up(
            "BSD Compress, codes of 15 bits",
            "both",
            format!("{plain} nodeflate bsdcomp 15"),
            "ccp.bsd-compress = 15",
            &[],
            &["BSD-Compress (15) compression enabled"],
        )
        .and(More::Event(event, both!("BSD Compress 15"))),
        up(
            "BSD Compress on a noisy line: resets",
            "both",
            format!("{plain} nodeflate bsdcomp 12"),
            "ccp.bsd-compress = 12",
            &[],
            &["BSD-Compress (12) compression enabled"],
        )
        .and(More::EventAndNoise(event, both!("BSD Compress 12"))),
        up(
            "BSD Compress is all that the peer has of Deflate and BSD Compress",
            "both",
            format!("{plain} nodeflate bsdcomp 12"),
            "ccp.deflate = 15\nccp.bsd-compress = 15",
            &[],
            &["BSD-Compress"],
        )
        .and(More::Event(event, &[])),
    ]
}

/// TCP headers (RFC 1144).
fn headers() -> Vec<Scenario> {
    let plain = format!("noauth noccp {SERVER}");
    vec![
        up(
            "VJ header compression",
            "both",
            plain.clone(),
            "ipv4.vj = true",
            &[],
            &["<compress VJ 0f 01>"],
        )
        .and(More::Event(
            "ipv4-up",
            &[("/vj_receive", "15"), ("/vj_send", "15")],
        )),
        up(
            "VJ header compression with 4 slots, and every slot named",
            "both",
            format!("{plain} vj-max-slots 4 novjccomp"),
            "ipv4.vj = true\nipv4.vj-slots = 8\nipv4.vj-slot-compression = false",
            &[],
            &[
                "rcvd [IPCP ConfReq id=0x1 <compress VJ 07 00>",
                "<compress VJ 03 00>",
            ],
        )
        .and(More::Event(
            "ipv4-up",
            // The peer has 4 for its own as well, and says so.
            &[("/vj_receive", "3"), ("/vj_send", "3")],
        )),
        up(
            "VJ header compression and Deflate",
            "both",
            format!("noauth deflate 15 nobsdcomp {SERVER}"),
            "ipv4.vj = true\nccp.deflate = 15",
            &[],
            &["<compress VJ 0f 01>", "Deflate (15) compression enabled"],
        )
        .and(More::Event("compression-up", both!("Deflate 15"))),
        up(
            "VJ header compression, which the peer refuses",
            "both",
            format!("{plain} novj"),
            "ipv4.vj = true",
            &[],
            &["sent [IPCP ConfRej"],
        )
        .and(More::Bulk),
    ]
}

fn encryption() -> Vec<Scenario> {
    let event = "compression-up";
    let server = format!("{} nobsdcomp nodeflate", demand("mschap-v2"));
    let client = format!("noauth nobsdcomp nodeflate {CLIENT}");
    let we_prove = "auth.allow = ['ms-chap-v2']\n";
    let they_prove = format!("auth.require = ['ms-chap-v2']\n{GIVING}");
    let mut scenarios = Vec::new();
    for (role, theirs, ours) in [
        ("authenticator", &server, we_prove),
        ("supplicant", &client, &*they_prove),
    ] {
        scenarios.extend([
            up(
                "MPPE with 128 bits, stateless",
                role,
                format!("{theirs} require-mppe-128"),
                format!("{ours}ccp.mppe.bits = [128]"),
                &[],
                &["MPPE 128-bit stateless compression enabled"],
            )
            .and(More::Event(event, both!("MPPE 128 stateless"))),
            up(
                "MPPE with 40 bits, stateless",
                role,
                format!("{theirs} require-mppe-40 nomppe-128"),
                format!("{ours}ccp.mppe.bits = [40, 56, 128]"),
                &[],
                &["MPPE 40-bit stateless compression enabled"],
            )
            .and(More::Event(event, both!("MPPE 40 stateless"))),
            up(
                "MPPE on a noisy line",
                role,
                format!("{theirs} require-mppe-128"),
                format!("{ours}ccp.mppe.bits = [128]"),
                &[],
                &["MPPE 128-bit stateless compression enabled"],
            )
            .and(More::EventAndNoise(event, both!("MPPE 128 stateless"))),
            // pppd takes our wish, and asks for stateless itself.
            up(
                "MPPE with 128 bits, stateful to us, on a noisy line: resets",
                role,
                format!("{theirs} require-mppe-128 mppe-stateful"),
                format!("{ours}ccp.mppe.keys = 'stateful-rekeyed'"),
                &[],
                &["<mppe -H -M +S -L -D -C>", "CCP ResetReq"],
            )
            .and(More::EventAndNoise(
                event,
                &[
                    ("/receive", "MPPE 128 stateful"),
                    ("/send", "MPPE 128 stateless"),
                ],
            )),
            fails(
                "MPPE, which only we demand",
                role,
                format!("{theirs} nomppe"),
                format!("{ours}ccp.mppe.bits = [128]"),
                "the link has to be encrypted and is not",
                16,
            ),
            fails(
                "MPPE, which only the peer demands",
                role,
                format!("{theirs} require-mppe-128"),
                ours,
                "the peer ended the link",
                10,
            ),
        ]);
    }
    scenarios
}

#[test]
fn compressed_packets_pass() -> Result<()> {
    if !interop_wanted("pppd and compression") {
        return Ok(());
    }
    let matrix = Matrix::new("pppd 2.4.9, Linux 6.1: compression");
    let scenarios = compression().into_iter();
    let scenarios = scenarios.chain(encryption()).chain(headers());
    play(&matrix, &scenarios.collect::<Vec<Scenario>>())?;
    matrix.finish()
}
