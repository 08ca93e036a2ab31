//! The example `pppd` and the one of Debian (2.4.9) with Debian's own kernel in QEMU: what most machines run, on a
//! 16550 where the User-Mode-Linux guest of `interop_ppp_pppd.rs` has a socket.

use anyhow::Result;
use internetwork::lab::{Matrix, Qemu, long_interop_wanted, packages};
use internetwork::pppd::scenario::{
    CLIENT, GIVING, More, SERVER, Scenario, demand, fails, play_on, up,
};

fn scenarios() -> Vec<Scenario> {
    let allow = "auth.allow = ['ms-chap-v2']\n";
    let require = format!("auth.require = ['ms-chap-v2']\n{GIVING}");
    vec![
        up(
            "LCP with default options",
            "gives addresses",
            format!("noauth noccp {SERVER}"),
            "",
            &[("/peers/accm", "00000000"), ("/peers/pfc", "true")],
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
            "ACCM: every control character",
            "gives addresses",
            format!("noauth noccp {SERVER} asyncmap ffffffff"),
            "lcp.accm = 0xffff_ffff",
            &[("/ours/accm", "ffffffff"), ("/peers/accm", "ffffffff")],
            &[],
        ),
        up(
            "CHAP with MD5",
            "authenticator",
            format!("{} noccp", demand("chap")),
            "auth.allow = ['chap-md5']",
            &[],
            &["CHAP Success"],
        ),
        up(
            "CHAP with MD5",
            "supplicant",
            format!("noauth noccp {CLIENT}"),
            format!("auth.require = ['chap-md5']\n{GIVING}"),
            &[],
            &["CHAP Success"],
        ),
        fails(
            "CHAP with MD5, wrong secret",
            "authenticator",
            format!("{} noccp", demand("chap")),
            "auth.allow = ['chap-md5']",
            "we could not prove ourselves",
            11,
        )
        .with_wrong_secret("alice"),
        up(
            "VJ header compression",
            "gives addresses",
            format!("noauth noccp {SERVER}"),
            "ipv4.vj = true",
            &[],
            &[],
        )
        .and(More::Event(
            "ipv4-up",
            &[("/vj_send", "15"), ("/vj_receive", "15")],
        )),
        up(
            "Deflate",
            "both",
            format!("noauth deflate 15 nobsdcomp {SERVER}"),
            "ccp.deflate = 15",
            &[],
            &["Deflate (15) compression enabled"],
        )
        .and(More::Event("compression-up", &[])),
        up(
            "MPPE, 128 bits",
            "authenticator",
            format!("{} require-mppe-128", demand("mschap-v2")),
            format!("{allow}ccp.mppe.bits = [128]"),
            &[],
            &["MPPE 128-bit stateless compression enabled"],
        )
        .and(More::Event("compression-up", &[])),
        up(
            "MPPE, 128 bits",
            "supplicant",
            format!("noauth require-mppe-128 {CLIENT}"),
            format!("{require}ccp.mppe.bits = [128]"),
            &[],
            &["MPPE 128-bit stateless compression enabled"],
        )
        .and(More::Event("compression-up", &[])),
        up(
            "the peer ends the link",
            "gives addresses",
            format!("noauth noccp {SERVER}"),
            "",
            &[],
            &[],
        )
        .and(More::PeerEnds),
    ]
}

#[test]
fn links_with_a_kernel_in_qemu() -> Result<()> {
    if !long_interop_wanted("pppd and QEMU") {
        return Ok(());
    }
    let Some(kernel) = packages::or_skip("pppd and QEMU", Qemu::kernel()) else {
        return Ok(());
    };
    let matrix = Matrix::new("pppd 2.4.9, Debian's kernel in QEMU");
    let guest = Qemu::boot(&kernel)?;
    play_on(guest.lanes(), &matrix, &scenarios())?;
    matrix.finish()
}
