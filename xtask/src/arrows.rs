//! Which crate of the workspace may depend on which.
//!
//! - `packet-buffer` stands on none of ours, `flow-table` on `packet-buffer`, `flow-state` on both.
//! - A protocol crate (any other published crate) stands on these three and on no other protocol
//!   crate, not even in its tests: protocols meet in the examples.
//! - `testkit` stands on `packet-buffer`, and a published crate may use it in its tests only.
//! - Nothing below stands on the packages on top (examples, benches, this tool).

use crate::workspace::{Workspace, is_published};
use anyhow::{Result, bail};
use cargo_metadata::DependencyKind;
use std::fmt;

const PACKET_BUFFER: &str = "packet-buffer";
const FLOW_TABLE: &str = "flow-table";
const FLOW_STATE: &str = "flow-state";
const TESTKIT: &str = "testkit";

/// A package of the workspace, as far as the arrows need it.
#[derive(Debug)]
struct Member {
    name: String,
    place: Place,
    published: bool,
    /// Every dependency that the manifest declares, ours or not, optional and platform's too.
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Under `crates/`.
    Crates,
    /// Anywhere else.
    Top,
}

#[derive(Debug)]
struct Dependency {
    name: String,
    /// Whether it is a dev-dependency.
    dev: bool,
}

/// What a member is to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    PacketBuffer,
    FlowTable,
    FlowState,
    Protocol,
    Testkit,
    Top,
}

#[derive(Debug, PartialEq, Eq)]
enum Violation {
    /// The first may not depend on the second, or not in this way.
    Arrow {
        from: String,
        to: String,
        dev: bool,
        rule: &'static str,
    },
    /// A package that could be published, but does not stand under `crates/`.
    PublishedOutside { name: String },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arrow {
                from,
                to,
                dev,
                rule,
            } => {
                let section = if *dev { "dev-dependency" } else { "dependency" };
                write!(f, "{from} -> {to} ({section}): {rule}")
            }
            Self::PublishedOutside { name } => {
                write!(f, "{name}: outside crates/ and not `publish = false`")
            }
        }
    }
}

/// Checks the arrows of the workspace.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let members: Vec<Member> = workspace
        .packages
        .iter()
        .map(|package| Member {
            name: package.name.to_string(),
            place: if workspace.is_crate(package) {
                Place::Crates
            } else {
                Place::Top
            },
            published: is_published(package),
            dependencies: package
                .dependencies
                .iter()
                .map(|dependency| Dependency {
                    name: dependency.name.clone(),
                    dev: dependency.kind == DependencyKind::Development,
                })
                .collect(),
        })
        .collect();

    let (arrows, violations) = check(&members);
    for violation in &violations {
        println!("  {violation}");
    }
    if !violations.is_empty() {
        bail!("arrows that may not be: {}", violations.len());
    }
    println!(
        "{} packages, {arrows} arrows between them, all as they should be",
        members.len()
    );
    Ok(())
}

/// The number of arrows between members, and those that may not be.
fn check(members: &[Member]) -> (usize, Vec<Violation>) {
    let mut arrows = 0;
    let mut violations = Vec::new();
    for member in members {
        if member.published && member.place == Place::Top {
            violations.push(Violation::PublishedOutside {
                name: member.name.clone(),
            });
        }
        for dependency in &member.dependencies {
            // By name: the same crate taken from a registry is the same arrow.
            let Some(target) = members.iter().find(|other| other.name == dependency.name) else {
                continue;
            };
            arrows += 1;
            if let Some(rule) = broken_rule(role(member), role(target), dependency.dev) {
                violations.push(Violation::Arrow {
                    from: member.name.clone(),
                    to: target.name.clone(),
                    dev: dependency.dev,
                    rule,
                });
            }
        }
    }
    (arrows, violations)
}

fn role(member: &Member) -> Role {
    match (member.place, member.name.as_str()) {
        (Place::Top, _) => Role::Top,
        (Place::Crates, PACKET_BUFFER) => Role::PacketBuffer,
        (Place::Crates, FLOW_TABLE) => Role::FlowTable,
        (Place::Crates, FLOW_STATE) => Role::FlowState,
        (Place::Crates, TESTKIT) => Role::Testkit,
        (Place::Crates, _) => Role::Protocol,
    }
}

/// The rule that an arrow breaks, if it breaks one.
fn broken_rule(from: Role, to: Role, dev: bool) -> Option<&'static str> {
    match (from, to) {
        (Role::Top, _) => None,
        (_, Role::Top) => Some("nothing stands on the packages on top"),
        (Role::Testkit, Role::PacketBuffer) => None,
        (Role::Testkit, _) => Some("testkit stands on packet-buffer alone"),
        (_, Role::Testkit) if dev => None,
        (_, Role::Testkit) => Some("testkit is for tests: a dev-dependency only"),
        (Role::PacketBuffer, _) => Some("packet-buffer stands on none of ours"),
        (Role::FlowTable, Role::PacketBuffer) => None,
        (Role::FlowTable, _) => Some("flow-table stands on packet-buffer alone"),
        (Role::FlowState, Role::PacketBuffer | Role::FlowTable) => None,
        (Role::FlowState, _) => Some("flow-state stands on packet-buffer and flow-table alone"),
        (Role::Protocol, Role::PacketBuffer | Role::FlowTable | Role::FlowState) => None,
        (Role::Protocol, Role::Protocol) => {
            Some("protocol crates do not know each other; they meet in the examples")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, normal: &[&str], dev: &[&str]) -> Member {
        let dependency = |dev| {
            move |name: &&str| Dependency {
                name: (*name).to_owned(),
                dev,
            }
        };
        let top = ["examples", "benches"].contains(&name);
        Member {
            name: name.to_owned(),
            place: if top { Place::Top } else { Place::Crates },
            published: !top && name != TESTKIT,
            dependencies: normal
                .iter()
                .map(dependency(false))
                .chain(dev.iter().map(dependency(true)))
                .collect(),
        }
    }

    /// The workspace as it should be, with one member replaced.
    fn with(changed: Member) -> Vec<String> {
        let mut members = vec![
            member("packet-buffer", &["bytes"], &["testkit", "hex"]),
            member("flow-table", &["packet-buffer"], &["testkit"]),
            member("testkit", &["packet-buffer"], &[]),
            member("rip", &["packet-buffer", "nom"], &["testkit"]),
            member("flow-state", &["packet-buffer", "flow-table"], &["testkit"]),
            member(
                "nat",
                &["packet-buffer", "flow-table", "flow-state"],
                &["testkit"],
            ),
            member("examples", &["rip", "nat", "packet-buffer", "testkit"], &[]),
            member("benches", &[], &["rip", "nat", "flow-table"]),
        ];
        for member in &mut members {
            if member.name == changed.name {
                *member = changed;
                break;
            }
        }
        let (_, violations) = check(&members);
        violations.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_workspace_as_it_should_be() {
        assert_eq!(with(member("none", &[], &[])), [""; 0]);
    }

    #[test]
    fn arrows_between_members_are_counted() {
        let members = [
            member("packet-buffer", &["bytes"], &[]),
            member("rip", &["packet-buffer", "nom"], &[]),
        ];
        assert_eq!(check(&members), (1, Vec::new()));
    }

    #[test]
    fn a_protocol_crate_on_another_is_refused_even_in_tests() {
        let rule = "protocol crates do not know each other; they meet in the examples";
        assert_eq!(
            with(member("rip", &["packet-buffer", "nat"], &[])),
            [format!("rip -> nat (dependency): {rule}")]
        );
        assert_eq!(
            with(member("rip", &["packet-buffer"], &["nat"])),
            [format!("rip -> nat (dev-dependency): {rule}")]
        );
    }

    #[test]
    fn testkit_outside_tests_is_refused() {
        for name in ["packet-buffer", "flow-table", "rip"] {
            assert_eq!(
                with(member(name, &["testkit"], &[])),
                [format!(
                    "{name} -> testkit (dependency): testkit is for tests: a dev-dependency only"
                )]
            );
        }
    }

    #[test]
    fn shared_crates_stand_low() {
        assert_eq!(
            with(member("packet-buffer", &["flow-table"], &[])),
            ["packet-buffer -> flow-table (dependency): packet-buffer stands on none of ours"]
        );
        assert_eq!(
            with(member("packet-buffer", &[], &["rip"])),
            ["packet-buffer -> rip (dev-dependency): packet-buffer stands on none of ours"]
        );
        assert_eq!(
            with(member("flow-table", &["nat"], &[])),
            ["flow-table -> nat (dependency): flow-table stands on packet-buffer alone"]
        );
        assert_eq!(
            with(member("flow-state", &["nat"], &[])),
            [
                "flow-state -> nat (dependency): flow-state stands on packet-buffer and flow-table alone"
            ]
        );
        assert_eq!(
            with(member("testkit", &["flow-table"], &[])),
            ["testkit -> flow-table (dependency): testkit stands on packet-buffer alone"]
        );
    }

    #[test]
    fn nothing_stands_on_the_top() {
        assert_eq!(
            with(member("rip", &[], &["examples"])),
            ["rip -> examples (dev-dependency): nothing stands on the packages on top"]
        );
    }

    #[test]
    fn a_published_package_outside_crates_is_refused() {
        let mut examples = member("examples", &[], &[]);
        examples.published = true;
        assert_eq!(
            with(examples),
            ["examples: outside crates/ and not `publish = false`"]
        );
    }
}
