//! Policies as text.

use crate::application::Filter;
use crate::model::{
    Acl, AddressSet, GroupRule, Interface, Policy, ReversePath, SecurityGroup, Zone,
};
use core::fmt::{self, Display, Formatter};

/// Items in braces, also when there is one.
fn braces<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> fmt::Result {
    f.write_str("{")?;
    for (position, item) in items.iter().enumerate() {
        f.write_str(if position > 0 { ", " } else { " " })?;
        Display::fmt(item, f)?;
    }
    f.write_str(" }")
}

impl Display for Zone {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "zone {} level {}", self.name, self.level)?;
        if self.intra {
            Ok(())
        } else {
            f.write_str(" intra drop")
        }
    }
}

impl Display for Interface {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "interface {} zone {}", self.name, self.zone)?;
        if let Some(acl) = &self.acl_in {
            write!(f, " acl-in {acl}")?;
        }
        if let Some(acl) = &self.acl_out {
            write!(f, " acl-out {acl}")?;
        }
        if !self.groups.is_empty() {
            f.write_str(" groups ")?;
            braces(f, &self.groups)?;
        }
        f.write_str(match self.reverse_path {
            ReversePath::Off => "",
            ReversePath::Loose => " reverse-path loose",
            ReversePath::Strict => " reverse-path strict",
        })?;
        f.write_str(if self.bogons { " bogons" } else { "" })
    }
}

impl Display for AddressSet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "addresses {} ", self.name)?;
        braces(f, &self.items)
    }
}

impl Display for Acl {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "acl {} {{", self.name)?;
        for entry in &self.entries {
            let action = if entry.permit { "permit" } else { "deny" };
            let log = if entry.log { " log" } else { "" };
            writeln!(f, "    {} {action} {}{log}", entry.number, entry.condition)?;
        }
        f.write_str("}")
    }
}

fn group_rule(f: &mut Formatter<'_>, way: &str, peer: &str, rule: &GroupRule) -> fmt::Result {
    write!(f, "    {way}")?;
    if !rule.protocols.is_empty() {
        f.write_str(" ")?;
        braces(f, &rule.protocols)?;
    }
    if !rule.ports.is_empty() {
        f.write_str(" port ")?;
        braces(f, &rule.ports)?;
    }
    if !rule.icmp.is_empty() {
        f.write_str(" type ")?;
        braces(f, &rule.icmp)?;
    }
    writeln!(f, " {peer} {}", rule.peer)
}

impl Display for SecurityGroup {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "group {} {{", self.name)?;
        if !self.members.is_any() {
            writeln!(f, "    members {}", self.members)?;
        }
        for rule in &self.inbound {
            group_rule(f, "in", "from", rule)?;
        }
        for rule in &self.outbound {
            group_rule(f, "out", "to", rule)?;
        }
        f.write_str("}")
    }
}

/// A text in quotes.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for character in self.0.chars() {
            if matches!(character, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{character}")?;
        }
        f.write_str("\"")
    }
}

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "filter {} {{", self.name)?;
        for (word, names) in [("block", &self.block), ("allow", &self.allow)] {
            if !names.is_empty() {
                write!(f, "    {word} ")?;
                braces(f, names)?;
                writeln!(f)?;
            }
        }
        if !self.paths.is_empty() {
            f.write_str("    paths {")?;
            for (position, path) in self.paths.iter().enumerate() {
                f.write_str(if position > 0 { ", " } else { " " })?;
                Display::fmt(&Quoted(path), f)?;
            }
            f.write_str(" }\n")?;
        }
        if self.unknown {
            f.write_str("    unknown accept\n")?;
        }
        if self.scan {
            f.write_str("    scan\n")?;
        }
        if self.reject {
            f.write_str("    refuse reject\n")?;
        }
        f.write_str("}")
    }
}

/// In the rule language.
impl Display for Policy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for zone in &self.zones {
            writeln!(f, "{zone}")?;
        }
        for interface in &self.interfaces {
            writeln!(f, "{interface}")?;
        }
        for set in &self.sets {
            writeln!(f, "{set}")?;
        }
        for acl in &self.acls {
            writeln!(f, "{acl}")?;
        }
        for group in &self.groups {
            writeln!(f, "{group}")?;
        }
        for filter in &self.filters {
            writeln!(f, "{filter}")?;
        }
        for rule in &self.rules {
            writeln!(f, "rule {rule}")?;
        }
        if self.same_level {
            f.write_str("same-level accept\n")?;
        }
        if self.log_default {
            f.write_str("log-default\n")?;
        }
        Ok(())
    }
}
