//! Finding citations in comments.
//!
//! A citation is `RFC 1661 §4.6 MUST: text` or `RFC 1661 §4.6 MUST (id): text` in a line comment; the
//! text may go on in the comment lines that follow. It stands in a test when its file is a test
//! file, or inside a module under `#[cfg(test)]`, in the file or of its own.

use super::requirements::{Key, LEVELS};
use std::path::{Path, PathBuf};

/// One citation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Citation {
    pub(super) key: Key,
    pub(super) text: String,
    pub(super) in_test: bool,
    /// File and line, for people.
    pub(super) place: String,
}

/// What was found in some files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) citations: Vec<Citation>,
    /// What looks like a citation and is none.
    pub(super) malformed: Vec<String>,
}

impl Scan {
    pub(super) fn add(&mut self, other: Self) {
        self.citations.extend(other.citations);
        self.malformed.extend(other.malformed);
    }
}

/// Reads sources, each a path and its text. `is_test` says which paths are tests by their name.
pub(super) fn scan(sources: &[(PathBuf, String)], is_test: fn(&Path) -> bool) -> Scan {
    let test_modules: Vec<PathBuf> = sources
        .iter()
        .flat_map(|(path, text)| test_modules(path, text))
        .collect();
    let mut scan = Scan::default();
    for (path, text) in sources {
        let whole_file =
            is_test(path) || test_modules.iter().any(|module| is_of_module(path, module));
        scan_file(path, text, whole_file, &mut scan);
    }
    scan
}

fn scan_file(path: &Path, text: &str, whole_file: bool, scan: &mut Scan) {
    let mut region = TestRegion::default();
    // Whether the comment line before belongs to the last citation.
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        let in_region = region.advance(line);
        let Some(comment) = comment_of(line) else {
            open = false;
            continue;
        };
        let place = || format!("{}:{}", path.display(), number + 1);
        match citation_in(comment) {
            Found::Citation(key, text) => {
                scan.citations.push(Citation {
                    key,
                    text: text.to_owned(),
                    in_test: whole_file || in_region,
                    place: place(),
                });
                // A comment behind code ends with its line.
                open = line.trim_start().starts_with("//");
            }
            Found::Malformed => {
                scan.malformed.push(format!(
                    "{}: no citation: a colon (or an id in parentheses and a colon) must follow \
                     the level",
                    place()
                ));
                open = false;
            }
            Found::Nothing => match scan.citations.last_mut() {
                Some(citation) if open && !comment.trim().is_empty() => {
                    citation.text.push(' ');
                    citation.text.push_str(comment.trim());
                }
                _ => open = false,
            },
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Found<'a> {
    Citation(Key, &'a str),
    Malformed,
    Nothing,
}

/// The first citation of a comment.
fn citation_in(comment: &str) -> Found<'_> {
    let mut rest = comment;
    while let Some((_, after)) = rest.split_once("RFC ") {
        match citation_at(after) {
            Found::Nothing => rest = after,
            found => return found,
        }
    }
    Found::Nothing
}

/// Reads what follows `RFC `.
fn citation_at(text: &str) -> Found<'_> {
    let Some((rfc, text)) = text.split_once(" §") else {
        return Found::Nothing;
    };
    let Ok(rfc) = rfc.parse() else {
        return Found::Nothing;
    };
    let Some((section, text)) = text.split_once(' ') else {
        return Found::Nothing;
    };
    // `LEVELS` has the longer of two with the same beginning first.
    let Some((level, text)) = LEVELS
        .iter()
        .find_map(|level| Some((*level, text.strip_prefix(level)?)))
    else {
        return Found::Nothing;
    };
    let (id, text) = match text
        .strip_prefix(" (")
        .and_then(|text| text.split_once(')'))
    {
        Some((id, text)) => (id, text),
        None => ("", text),
    };
    let Some(text) = text.strip_prefix(':') else {
        return Found::Malformed;
    };
    Found::Citation(
        Key {
            rfc,
            section: section.to_owned(),
            level: level.to_owned(),
            id: id.to_owned(),
        },
        text.trim(),
    )
}

/// What stands in the line comment of a line, if it has one.
fn comment_of(line: &str) -> Option<&str> {
    let (_, comment) = line.split_once("//")?;
    Some(comment.trim_start_matches(['/', '!']))
}

/// Follows modules under `#[cfg(test)]`. Formatted code closes a module at the column where it was
/// opened, so no grammar is needed.
#[derive(Default)]
struct TestRegion {
    /// A `#[cfg(test)]` was seen, and only attributes and comments since.
    pending: bool,
    /// The line that closes the module.
    end: Option<String>,
}

impl TestRegion {
    /// Takes the next line and says whether it is in a test module.
    fn advance(&mut self, line: &str) -> bool {
        if let Some(end) = &self.end {
            if line == end {
                self.end = None;
            }
            return true;
        }
        let trimmed = line.trim_start();
        if is_test_attribute(trimmed) {
            self.pending = true;
        } else if self.pending && module_name(trimmed).is_some() && trimmed.ends_with('{') {
            let indent = line.len() - trimmed.len();
            self.end = Some(format!("{}}}", " ".repeat(indent)));
            self.pending = false;
            return true;
        } else if !continues_attributes(trimmed) {
            self.pending = false;
        }
        false
    }
}

/// The paths (without `.rs`) of the test modules that a file declares to stand elsewhere.
fn test_modules(path: &Path, text: &str) -> Vec<PathBuf> {
    let mut modules = Vec::new();
    let mut pending = false;
    for line in text.lines().map(str::trim) {
        if is_test_attribute(line) {
            pending = true;
        } else if let Some(name) = module_name(line).filter(|_| pending && line.ends_with(';')) {
            let own_folder = path.file_name().is_some_and(|file| {
                ["lib.rs", "main.rs", "mod.rs"]
                    .iter()
                    .any(|own| file == *own)
            });
            let folder = if own_folder {
                path.with_file_name("")
            } else {
                path.with_extension("")
            };
            modules.push(folder.join(name));
            pending = false;
        } else if !continues_attributes(line) {
            pending = false;
        }
    }
    modules
}

fn is_of_module(path: &Path, module: &Path) -> bool {
    path.with_extension("") == *module || path.starts_with(module)
}

fn is_test_attribute(line: &str) -> bool {
    line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test,")
}

/// The name in a line that opens or declares a module.
fn module_name(line: &str) -> Option<&str> {
    let line = line
        .strip_prefix("pub(crate) ")
        .or_else(|| line.strip_prefix("pub(super) "))
        .or_else(|| line.strip_prefix("pub "))
        .unwrap_or(line);
    let name = line.strip_prefix("mod ")?;
    Some(name.trim_end_matches([' ', ';', '{']))
}

/// Whether a line can stand between `#[cfg(test)]` and its module: an attribute, its inner lines and
/// its end, a comment.
fn continues_attributes(line: &str) -> bool {
    line.is_empty()
        || line.starts_with("#[")
        || line.starts_with("//")
        || line.starts_with(")]")
        || line.starts_with("clippy::")
        || line.starts_with("reason = ")
}
