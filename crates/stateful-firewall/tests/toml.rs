//! Policies as TOML.

use stateful_firewall::CompiledPolicy;
use stateful_firewall::language;
use stateful_firewall::model::Policy;

const TOML: &str = r#"
log-default = true

[[zone]]
name = "inside"
level = 100

[[zone]]
name = "outside"
level = 0
intra = false

[[interface]]
name = "lan0"
zone = "inside"

[[interface]]
name = "wan0"
zone = "outside"
reverse-path = "loose"
bogons = true
acl-in = "edge"
groups = ["web"]

[[addresses]]
name = "servers"
items = ["192.0.2.10", "192.0.2.16/28", "2001:db8::1-2001:db8::9"]

[[acl]]
name = "edge"
entry = [
    { number = 100, permit = false, match = { source = ["198.51.100.0/24"] }, log = true },
    { number = 200, permit = true },
]

[[group]]
name = "web"
in = [{ protocols = ["tcp"], ports = [443] }]
out = [{ peer = { not = ["10.0.0.0/8"] } }]

[[filter]]
name = "clean"
block = ["ads.example"]

[[rule]]
name = "web"
from = ["outside"]
to = ["inside"]
action = "accept"
match = { protocols = ["tcp"], destination = ["@servers"], destination-ports = [80, "440-443"] }
limits = { rate = "10/second burst 20", sessions-per-source = 5 }
log = true

[[rule]]
action = { queue = 3 }
filter = "clean"
match = { protocols = [17], icmp = [], tcp-flags = "syn/syn,ack", fragments = "later" }
"#;

const TEXT: &str = r#"
zone inside level 100
zone outside level 0 intra drop
interface lan0 zone inside
interface wan0 zone outside reverse-path loose bogons acl-in edge groups { web }
addresses servers { 192.0.2.10, 192.0.2.16/28, 2001:db8::1-2001:db8::9 }
acl edge {
    100 deny from 198.51.100.0/24 log
    200 permit
}
group web {
    in tcp port 443
    out to not 10.0.0.0/8
}
filter clean { block ads.example }
rules from outside to inside {
    web: accept tcp to @servers port { 80, 440-443 } limit 10/second burst 20 sessions-per-source 5 log
}
rule queue 3 udp flags syn/syn,ack fragments later filter clean
log-default
"#;

#[test]
fn toml_and_the_rule_language_say_the_same() {
    let policy: Policy = toml::from_str(TOML).unwrap();
    assert_eq!(policy, language::parse(TEXT).unwrap());
    let again: Policy = toml::from_str(&toml::to_string(&policy).unwrap()).unwrap();
    assert_eq!(again, policy);
}

#[test]
fn errors_name_line_and_column() {
    for (text, place, what) in [
        (
            "[[zone]]\nname = \"a\"\nlevel = 1\nlvel = 2\n",
            "line 4, column 1",
            "lvel",
        ),
        (
            "[[rule]]\nmatch = { source = [\"10.0.0.0/33\"] }\n",
            "line 2, column 21",
            "10.0.0.0/33",
        ),
        (
            "[[rule]]\naction = \"acept\"\n",
            "line 2, column 10",
            "acept",
        ),
        ("[[rule]\n", "line 1", ""),
    ] {
        let error = toml::from_str::<Policy>(text).unwrap_err().to_string();
        assert!(error.contains(place) && error.contains(what), "{error}");
    }
}

#[test]
fn a_policy_from_toml_compiles() {
    let mut policy: Policy = toml::from_str(TOML).unwrap();
    // UDP has no TCP flags, and the compiler says which rule asks for them.
    let error = CompiledPolicy::new(&policy).unwrap_err().to_string();
    assert_eq!(error, "rule 2: no packet can match: only TCP has TCP flags");
    policy.rules.pop();
    assert_eq!(CompiledPolicy::new(&policy).unwrap().rules(), 1);
}
