//! Statements.

use super::error::{LanguageError, Position};
use super::lexer::{Token, tokens};
use crate::application::Filter;
use crate::model::{
    Acl, AclEntry, AddressItem, AddressSet, Addresses, Condition, GroupRule, Interface, Policy,
    ReversePath, SecurityGroup, Zone, is_name,
};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;
use core::str::FromStr;

/// Where things are declared, by the name under which the compiler knows them.
pub(super) type Places = BTreeMap<String, Position>;

pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(usize, Token<'a>)>,
    at: usize,
    pub(super) places: Places,
}

const STATEMENTS: [&str; 10] = [
    "zone",
    "interface",
    "addresses",
    "acl",
    "group",
    "filter",
    "rules",
    "rule",
    "same-level",
    "log-default",
];

pub(super) fn parse(text: &str) -> Result<(Policy, Places), LanguageError> {
    let mut parser = Parser {
        text,
        tokens: tokens(text)?,
        at: 0,
        places: Places::new(),
    };
    let mut policy = Policy::default();
    while parser.skip_ends() {
        parser.statement(&mut policy)?;
    }
    Ok((policy, parser.places))
}

impl<'a> Parser<'a> {
    // --- tokens ---

    pub(super) fn peek(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    /// The next token if it is a word.
    pub(super) fn word(&self) -> Option<&'a str> {
        match self.peek() {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn offset(&self) -> usize {
        self.tokens
            .get(self.at)
            .map_or(self.text.len(), |(offset, _)| *offset)
    }

    pub(super) fn position(&self) -> Position {
        Position::of(self.text, self.offset())
    }

    pub(super) fn error<T>(&self, message: impl Display) -> Result<T, LanguageError> {
        Err(LanguageError::new(self.position(), message))
    }

    /// What stands here, for messages.
    fn here(&self) -> String {
        self.peek()
            .map_or_else(|| "the end of the text".to_string(), ToString::to_string)
    }

    pub(super) fn unexpected<T>(&self, expected: &str) -> Result<T, LanguageError> {
        self.error(format!("expected {expected}, found {}", self.here()))
    }

    /// An error that lists what may stand here, and guesses what was meant.
    pub(super) fn none_of<T>(&self, what: &str, known: &[&str]) -> Result<T, LanguageError> {
        let found = self.here();
        let guess = self
            .word()
            .and_then(|word| known.iter().find(|known| is_near(word, known)));
        match guess {
            Some(guess) => self.error(format!("{found} is no {what}; did you mean `{guess}`?")),
            None => self.error(format!(
                "expected {what} ({}), found {found}",
                known.join(", ")
            )),
        }
    }

    pub(super) const fn advance(&mut self) {
        self.at += 1;
    }

    /// Takes this word if it is next.
    pub(super) fn take(&mut self, keyword: &str) -> bool {
        let found = self.word() == Some(keyword);
        if found {
            self.advance();
        }
        found
    }

    fn take_token(&mut self, token: &Token<'_>) -> bool {
        let found = self.peek() == Some(token);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, token: &Token<'_>) -> Result<(), LanguageError> {
        if self.take_token(token) {
            Ok(())
        } else {
            self.unexpected(&token.to_string())
        }
    }

    /// Skips ends of lines; whether anything follows.
    fn skip_ends(&mut self) -> bool {
        while self.take_token(&Token::End) {}
        self.peek().is_some()
    }

    /// The end of a statement; what closes a block ends the one before it as well.
    pub(super) fn end(&mut self) -> Result<(), LanguageError> {
        match self.peek() {
            None | Some(Token::Close) => Ok(()),
            Some(Token::End) => {
                self.advance();
                Ok(())
            }
            _ => self.unexpected("the end of the line"),
        }
    }

    // --- values ---

    pub(super) fn any_word(&mut self, what: &str) -> Result<&'a str, LanguageError> {
        match self.word() {
            Some(word) => {
                self.advance();
                Ok(word)
            }
            None => self.unexpected(what),
        }
    }

    pub(super) fn name(&mut self, what: &str) -> Result<String, LanguageError> {
        match self.word() {
            Some(word) if is_name(word) => {
                self.advance();
                Ok(word.to_string())
            }
            _ => self.unexpected(what),
        }
    }

    /// A word that reads as `T`.
    pub(super) fn value<T: FromStr>(&mut self, what: &str) -> Result<T, LanguageError>
    where
        T::Err: Display,
    {
        let Some(word) = self.word() else {
            return self.unexpected(what);
        };
        match word.parse() {
            Ok(value) => {
                self.advance();
                Ok(value)
            }
            Err(error) => self.error(format!("expected {what}: {error}")),
        }
    }

    /// One of these, or several in braces.
    pub(super) fn list<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Result<T, LanguageError>,
    ) -> Result<Vec<T>, LanguageError> {
        if !self.take_token(&Token::Open) {
            return Ok(alloc::vec![one(self)?]);
        }
        let mut items = Vec::new();
        loop {
            while self.take_token(&Token::End) {}
            if self.take_token(&Token::Close) {
                return Ok(items);
            }
            items.push(one(self)?);
            while self.take_token(&Token::End) {}
            if !self.take_token(&Token::Comma) && self.peek() != Some(&Token::Close) {
                return self.unexpected("`,` or `}`");
            }
        }
    }

    pub(super) fn names(&mut self, what: &str) -> Result<Vec<String>, LanguageError> {
        self.list(|parser| parser.name(what))
    }

    fn address(&mut self) -> Result<AddressItem, LanguageError> {
        self.value("an address")
    }

    pub(super) fn addresses(&mut self) -> Result<Addresses, LanguageError> {
        if self.take("any") {
            return Ok(Addresses::ANY);
        }
        let negated = self.take("not");
        let position = self.position();
        let items = self.list(Self::address)?;
        if items.is_empty() {
            return Err(LanguageError::new(
                position,
                "the list of addresses is empty",
            ));
        }
        Ok(Addresses { items, negated })
    }

    /// Takes one of these words and says which.
    pub(super) fn choice(&mut self, what: &str, words: &[&str]) -> Result<usize, LanguageError> {
        let place = self
            .word()
            .and_then(|word| words.iter().position(|known| *known == word));
        match place {
            Some(place) => {
                self.advance();
                Ok(place)
            }
            None => self.none_of(what, words),
        }
    }

    fn block(
        &mut self,
        mut statement: impl FnMut(&mut Self) -> Result<(), LanguageError>,
    ) -> Result<(), LanguageError> {
        self.expect(&Token::Open)?;
        loop {
            if !self.skip_ends() {
                return self.unexpected("`}`");
            }
            if self.take_token(&Token::Close) {
                return self.end();
            }
            statement(self)?;
        }
    }

    fn declare(&mut self, name: &str, position: Position) {
        self.places.entry(name.to_string()).or_insert(position);
    }

    // --- statements ---

    fn statement(&mut self, policy: &mut Policy) -> Result<(), LanguageError> {
        let position = self.position();
        match self.choice("statement", &STATEMENTS)? {
            0 => {
                let zone = self.zone()?;
                self.declare(&zone.name, position);
                policy.zones.push(zone);
            }
            1 => {
                let interface = self.interface()?;
                self.declare(&interface.name, position);
                policy.interfaces.push(interface);
            }
            2 => {
                let name = self.name("the name of a set")?;
                self.declare(&name, position);
                let items = self.list(Self::address)?;
                self.end()?;
                policy.sets.push(AddressSet { name, items });
            }
            3 => policy.acls.push(self.acl(position)?),
            4 => {
                let group = self.group()?;
                self.declare(&group.name, position);
                policy.groups.push(group);
            }
            5 => {
                let filter = self.filter()?;
                self.declare(&filter.name, position);
                policy.filters.push(filter);
            }
            6 => self.rules(policy)?,
            7 => {
                let rule = self.rule(policy.rules.len())?;
                policy.rules.push(rule);
            }
            8 => {
                policy.same_level = self.choice("action", &["accept", "drop"])? == 0;
                self.end()?;
            }
            _ => {
                policy.log_default = true;
                self.end()?;
            }
        }
        Ok(())
    }

    fn zone(&mut self) -> Result<Zone, LanguageError> {
        let mut zone = Zone::new(&self.name("the name of a zone")?, 0);
        if !self.take("level") {
            return self.unexpected("`level`");
        }
        zone.level = self.value("a level from 0 to 100")?;
        if self.take("intra") {
            zone.intra = self.choice("action", &["accept", "drop"])? == 0;
        }
        self.end()?;
        Ok(zone)
    }

    fn interface(&mut self) -> Result<Interface, LanguageError> {
        let name = self.name("the name of an interface")?;
        let mut interface = Interface::new(&name, "");
        while !matches!(self.peek(), None | Some(Token::End)) {
            let words = [
                "zone",
                "acl-in",
                "acl-out",
                "groups",
                "reverse-path",
                "bogons",
            ];
            match self.choice("property of an interface", &words)? {
                0 => interface.zone = self.name("the name of a zone")?,
                1 => interface.acl_in = Some(self.name("the name of an access list")?),
                2 => interface.acl_out = Some(self.name("the name of an access list")?),
                3 => interface.groups = self.names("the name of a group")?,
                4 => {
                    interface.reverse_path =
                        match self.choice("check", &["off", "loose", "strict"])? {
                            0 => ReversePath::Off,
                            1 => ReversePath::Loose,
                            _ => ReversePath::Strict,
                        };
                }
                _ => interface.bogons = true,
            }
        }
        if interface.zone.is_empty() {
            return self.unexpected("`zone`");
        }
        self.end()?;
        Ok(interface)
    }

    fn acl(&mut self, position: Position) -> Result<Acl, LanguageError> {
        let name = self.name("the name of an access list")?;
        self.declare(&name, position);
        let mut entries = Vec::new();
        self.block(|parser| {
            let position = parser.position();
            let number = parser.value("the number of an entry")?;
            parser.declare(&format!("{name} {number}"), position);
            let permit = parser.choice("action", &["permit", "deny"])? == 0;
            let mut condition = Condition::default();
            let mut log = false;
            loop {
                if parser.take("log") {
                    log = true;
                } else if !parser.clause(&mut condition)? {
                    break;
                }
            }
            parser.end()?;
            entries.push(AclEntry {
                number,
                permit,
                condition,
                log,
            });
            Ok(())
        })?;
        Ok(Acl { name, entries })
    }

    fn group(&mut self) -> Result<SecurityGroup, LanguageError> {
        let name = self.name("the name of a group")?;
        let mut group = SecurityGroup {
            name,
            ..SecurityGroup::default()
        };
        self.block(|parser| {
            match parser.choice("part of a group", &["members", "in", "out"])? {
                0 => {
                    group.members = parser.addresses()?;
                    return parser.end();
                }
                1 => {
                    let rule = parser.group_rule("from")?;
                    group.inbound.push(rule);
                }
                _ => {
                    let rule = parser.group_rule("to")?;
                    group.outbound.push(rule);
                }
            }
            Ok(())
        })?;
        Ok(group)
    }

    fn group_rule(&mut self, peer: &str) -> Result<GroupRule, LanguageError> {
        let mut rule = GroupRule::default();
        loop {
            if self.take(peer) {
                rule.peer = self.addresses()?;
            } else if self.take("port") {
                rule.ports = self.list(|parser| parser.value("a port"))?;
            } else if self.take("type") {
                rule.icmp = self.list(|parser| parser.value("an ICMP type"))?;
            } else if self.take("any") {
                // Says nothing.
            } else if matches!(self.peek(), Some(Token::Word(_) | Token::Open)) {
                if !rule.protocols.is_empty() {
                    let known = [peer, "port", "type"];
                    return self.none_of("part of a group's rule", &known);
                }
                rule.protocols = self.list(|parser| parser.value("a protocol"))?;
            } else {
                break;
            }
        }
        self.end()?;
        Ok(rule)
    }

    fn rules(&mut self, policy: &mut Policy) -> Result<(), LanguageError> {
        let (mut from, mut to) = (Vec::new(), Vec::new());
        if self.take("from") {
            from = self.names("the name of a zone")?;
        }
        if self.take("to") {
            to = self.names("the name of a zone")?;
        }
        self.block(|parser| {
            let mut rule = parser.rule(policy.rules.len())?;
            if rule.from.is_empty() {
                rule.from.clone_from(&from);
            }
            if rule.to.is_empty() {
                rule.to.clone_from(&to);
            }
            policy.rules.push(rule);
            Ok(())
        })
    }

    fn filter(&mut self) -> Result<Filter, LanguageError> {
        let name = self.name("the name of a filter")?;
        let mut filter = Filter {
            name,
            ..Filter::default()
        };
        self.block(|parser| {
            let words = ["block", "allow", "paths", "unknown", "scan", "refuse"];
            match parser.choice("part of a filter", &words)? {
                0 => filter.block.extend(parser.list(Self::domain)?),
                1 => filter.allow.extend(parser.list(Self::domain)?),
                2 => filter.paths.extend(parser.list(Self::path)?),
                3 => filter.unknown = parser.choice("action", &["accept", "drop"])? == 0,
                4 => filter.scan = true,
                _ => filter.reject = parser.choice("action", &["reject", "drop"])? == 0,
            }
            parser.end()
        })?;
        Ok(filter)
    }

    fn domain(&mut self) -> Result<String, LanguageError> {
        self.any_word("a domain name").map(ToString::to_string)
    }

    fn path(&mut self) -> Result<String, LanguageError> {
        let path = match self.peek() {
            Some(Token::Text(text)) => text.clone(),
            Some(Token::Word(word)) => (*word).to_string(),
            _ => return self.unexpected("a path"),
        };
        self.advance();
        Ok(path)
    }
}

/// Whether one word is likely a slip of the other: one letter wrong, missing, too many, or two
/// swapped.
fn is_near(word: &str, known: &str) -> bool {
    let (word, known) = (word.as_bytes(), known.as_bytes());
    if word.len().abs_diff(known.len()) > 1 || word.len() < 2 {
        return false;
    }
    let same = word.iter().zip(known).take_while(|(a, b)| a == b).count();
    let (word, known) = (
        word.get(same..).unwrap_or_default(),
        known.get(same..).unwrap_or_default(),
    );
    let same_end = |a: &[u8], b: &[u8], skip_a: usize, skip_b: usize| {
        a.get(skip_a..).is_some_and(|a| b.get(skip_b..) == Some(a))
    };
    let swapped = matches!((word, known), ([a, b, ..], [c, d, ..]) if a == d && b == c);
    same_end(word, known, 1, 1)
        || same_end(word, known, 1, 0)
        || same_end(word, known, 0, 1)
        || swapped && same_end(word, known, 2, 2)
}
