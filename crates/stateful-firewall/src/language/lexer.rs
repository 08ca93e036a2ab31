//! Words, texts and marks.

use super::error::{LanguageError, Position};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use nom::branch::alt;
use nom::bytes::complete::{escaped_transform, is_not, tag, take_while, take_while1};
use nom::character::complete::{char, one_of};
use nom::combinator::{map, opt, recognize, value};
use nom::sequence::{delimited, pair, preceded};
use nom::{IResult, Parser as _};

/// The longest text that is read, in octets.
pub(super) const MAX_TEXT: usize = 64 << 20;

/// A part of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A keyword, a name, an address, a number.
    Word(&'a str),
    /// A text in quotes.
    Text(String),
    Open,
    Close,
    Comma,
    /// The end of a statement.
    End,
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "`{word}`"),
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Open => f.write_str("`{`"),
            Self::Close => f.write_str("`}`"),
            Self::Comma => f.write_str("`,`"),
            Self::End => f.write_str("the end of the line"),
        }
    }
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(
            character,
            '_' | '-' | '.' | ':' | '/' | '@' | '*' | '!' | '+'
        )
}

/// Blanks and comments, which end no statement.
fn blank(input: &str) -> IResult<&str, &str> {
    recognize(pair(
        take_while(|character| matches!(character, ' ' | '\t' | '\r')),
        opt(pair(char('#'), opt(is_not("\n")))),
    ))
    .parse(input)
}

fn quoted(input: &str) -> IResult<&str, String> {
    let inside = escaped_transform(is_not("\\\"\n"), '\\', recognize(one_of("\\\"")));
    delimited(
        char('"'),
        map(opt(inside), Option::unwrap_or_default),
        char('"'),
    )
    .parse(input)
}

fn token(input: &str) -> IResult<&str, Token<'_>> {
    alt((
        map(take_while1(is_word), Token::Word),
        map(quoted, Token::Text),
        value(Token::Open, tag("{")),
        value(Token::Close, tag("}")),
        value(Token::Comma, tag(",")),
        value(Token::End, alt((tag("\n"), tag(";")))),
    ))
    .parse(input)
}

/// All tokens with their offsets.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token<'_>)>, LanguageError> {
    if text.len() > MAX_TEXT {
        return Err(LanguageError::new(
            Position::default(),
            format!("the text is longer than {MAX_TEXT} octets"),
        ));
    }
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = blank(rest).map_or(rest, |(after, _)| after);
        if rest.is_empty() {
            return Ok(tokens);
        }
        let offset = text.len() - rest.len();
        let Ok((after, token)) = preceded(opt(tag("\u{feff}")), token).parse(rest) else {
            let what = match rest.chars().next() {
                Some('"') => "the text in quotes does not end on its line".to_string(),
                Some(character) => format!(
                    "the character `{}` means nothing here",
                    character.escape_default()
                ),
                None => "the end of the text".to_string(),
            };
            return Err(LanguageError::new(Position::of(text, offset), what));
        };
        tokens.push((offset, token));
        rest = after;
    }
}
