//! Rules and their conditions.

use super::error::LanguageError;
use super::lexer::Token;
use super::parser::Parser;
use crate::model::{Action, Condition, FragmentMatch, Helper, Rate, Rule, TcpFlagMatch, is_name};
use alloc::format;
use alloc::string::{String, ToString};

const ACTIONS: [&str; 5] = ["accept", "drop", "reject", "continue", "queue"];

const CLAUSES: [&str; 22] = [
    "from",
    "to",
    "port",
    "flags",
    "type",
    "fragments",
    "dscp",
    "in",
    "out",
    "user",
    "from-zone",
    "to-zone",
    "log",
    "mark",
    "limit",
    "limit-per-source",
    "sessions",
    "sessions-per-source",
    "helper",
    "filter",
    "syn-proxy",
    "any",
];

impl Parser<'_> {
    /// A rule, the `number`-th of the policy counted from 0.
    pub(super) fn rule(&mut self, number: usize) -> Result<Rule, LanguageError> {
        let position = self.position();
        let mut rule = Rule::default();
        if let Some(name) = self.word().and_then(|word| word.strip_suffix(':')) {
            if !is_name(name) {
                return self.error(format!(
                    "`{name}` is not a name: letters, digits, `_`, `-` and `.`"
                ));
            }
            rule.name = name.to_string();
            self.advance();
        }
        rule.action = match self.choice("action", &ACTIONS)? {
            0 => Action::Accept,
            1 => Action::Drop,
            2 => Action::Reject,
            3 => Action::Continue,
            _ => Action::Queue(self.value("the number of a queue")?),
        };
        let known = if rule.name.is_empty() {
            format!("rule {}", number + 1)
        } else {
            rule.name.clone()
        };
        self.places.entry(known).or_insert(position);
        while self.companion(&mut rule)? || self.clause(&mut rule.condition)? {}
        self.end()?;
        Ok(rule)
    }

    /// What goes with a rule, beside its condition.
    fn companion(&mut self, rule: &mut Rule) -> Result<bool, LanguageError> {
        let Some(word) = self.word() else {
            return Ok(false);
        };
        let companions = [
            "from-zone",
            "to-zone",
            "log",
            "mark",
            "limit",
            "limit-per-source",
            "sessions",
            "sessions-per-source",
            "helper",
            "filter",
            "syn-proxy",
        ];
        if !companions.contains(&word) {
            return Ok(false);
        }
        self.advance();
        match word {
            "from-zone" => rule.from = self.names("the name of a zone")?,
            "to-zone" => rule.to = self.names("the name of a zone")?,
            "log" => rule.log = true,
            "mark" => rule.mark = Some(self.value("a number")?),
            "limit" => rule.limits.rate = Some(self.rate()?),
            "limit-per-source" => rule.limits.rate_per_source = Some(self.rate()?),
            "sessions" => rule.limits.sessions = Some(self.value("a number of sessions")?),
            "sessions-per-source" => {
                rule.limits.sessions_per_source = Some(self.value("a number of sessions")?);
            }
            "helper" => {
                rule.helper = Some(match self.choice("helper", &["ftp", "tftp", "sip"])? {
                    0 => Helper::Ftp,
                    1 => Helper::Tftp,
                    _ => Helper::Sip,
                });
            }
            "filter" => rule.filter = Some(self.name("the name of a filter")?),
            _ => rule.syn_proxy = true,
        }
        Ok(true)
    }

    fn rate(&mut self) -> Result<Rate, LanguageError> {
        let mut rate: Rate = self.value("a rate such as 10/second")?;
        if self.take("burst") {
            let position = self.position();
            rate.burst = self.value("a number")?;
            if rate.burst == 0 {
                return Err(LanguageError::new(position, "a burst is at least 1"));
            }
        }
        Ok(rate)
    }

    /// A part of a condition; whether there was one.
    pub(super) fn clause(&mut self, condition: &mut Condition) -> Result<bool, LanguageError> {
        let Some(word) = self.word() else {
            // Protocols in braces.
            if self.peek() == Some(&Token::Open) && condition.protocols.is_empty() {
                condition.protocols = self.list(|parser| parser.value("a protocol"))?;
                return Ok(true);
            }
            return Ok(false);
        };
        match word {
            "from" => {
                self.advance();
                condition.source = self.addresses()?;
                if self.take("port") {
                    condition.source_ports = self.list(|parser| parser.value("a port"))?;
                }
            }
            "to" => {
                self.advance();
                condition.destination = self.addresses()?;
                if self.take("port") {
                    condition.destination_ports = self.list(|parser| parser.value("a port"))?;
                }
            }
            "port" => {
                self.advance();
                condition.destination_ports = self.list(|parser| parser.value("a port"))?;
            }
            "flags" => {
                self.advance();
                condition.tcp_flags = Some(self.flags()?);
            }
            "type" => {
                self.advance();
                condition.icmp = self.list(|parser| parser.value("an ICMP type"))?;
            }
            "fragments" => {
                self.advance();
                condition.fragments = match self.choice("fragments", &["none", "all", "later"])? {
                    0 => FragmentMatch::Whole,
                    1 => FragmentMatch::Fragments,
                    _ => FragmentMatch::Later,
                };
            }
            "dscp" => {
                self.advance();
                condition.dscp = self.list(|parser| parser.value("a code point from 0 to 63"))?;
            }
            "in" => {
                self.advance();
                condition.in_interfaces = self.names("the name of an interface")?;
            }
            "out" => {
                self.advance();
                condition.out_interfaces = self.names("the name of an interface")?;
            }
            "user" => {
                self.advance();
                condition.users = self.names("the name of a user")?;
            }
            "any" => self.advance(),
            _ if condition.protocols.is_empty() && is_protocol(word) => {
                condition.protocols = self.list(|parser| parser.value("a protocol"))?;
            }
            _ => return self.none_of("part of a rule", &CLAUSES),
        }
        Ok(true)
    }

    /// Flags have commas of their own.
    fn flags(&mut self) -> Result<TcpFlagMatch, LanguageError> {
        let position = self.position();
        let mut text = String::from(self.any_word("TCP flags such as syn/syn,ack")?);
        while self.peek() == Some(&Token::Comma) {
            self.advance();
            text.push(',');
            text.push_str(self.any_word("a TCP flag")?);
        }
        text.parse()
            .map_err(|error| LanguageError::new(position, format!("TCP flags: {error}")))
    }
}

fn is_protocol(word: &str) -> bool {
    word.parse::<crate::model::Protocol>().is_ok()
}
