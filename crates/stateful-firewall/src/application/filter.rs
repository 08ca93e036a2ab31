//! Filters: which names may be asked for.

use super::domains::{DomainList, MAX_NAME};
use crate::compile::Problem;
use alloc::string::String;
use alloc::vec::Vec;

/// A filter of a policy, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilterId(pub(crate) u16);

/// Which names sessions may ask for: in the requests of HTTP, the server name of TLS, the questions of
/// DNS. Which of the three a session speaks is seen from its first octets (over UDP: DNS).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(default, rename_all = "kebab-case", deny_unknown_fields)
)]
pub struct Filter {
    /// What rules call it.
    pub name: String,
    /// Names that are refused, as [`DomainList`] reads them.
    pub block: Vec<String>,
    /// The only names that pass; none stands for all.
    pub allow: Vec<String>,
    /// Paths of HTTP requests that are refused, with all that begin like them.
    pub paths: Vec<String>,
    /// Whether sessions pass that speak something else, or ask for no name.
    pub unknown: bool,
    /// Whether the caller's [scanner](crate::application::Scanner) sees what both ends send.
    pub scan: bool,
    /// Whether both ends are told by a RST when a connection is refused.
    pub reject: bool,
}

/// Why the application layer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The filter blocks the name, or does not allow it.
    #[error("the name is blocked")]
    Name,
    /// The filter blocks the path.
    #[error("the path is blocked")]
    Path,
    /// It is none of the protocols that the filter knows, or asks for no name.
    #[error("the protocol or the name is unknown")]
    Unknown,
    /// It begins as one of them and goes on wrong, or in a way that ends take differently.
    #[error("the request is malformed or ambiguous")]
    Malformed,
    /// Two segments disagree about the same octets of the stream.
    #[error("segments disagree about the same octets")]
    Overlap,
    /// A request is longer than what is kept, or too much of the stream is missing.
    #[error("the request is too long, or too much of the stream is missing")]
    TooLong,
    /// Urgent data, which ends put into the stream or leave out.
    #[error("the segment has urgent data")]
    Urgent,
    /// The start of the connection was not seen.
    #[error("the start of the connection was not seen")]
    NoStart,
    /// The scanner says so.
    #[error("the content scanner refuses")]
    Content,
    /// A helper saw an announcement that is not to be believed.
    #[error("the announcement of a connection is not to be believed")]
    Announcement,
}

/// A filter made ready.
#[derive(Debug, Clone)]
pub(crate) struct CompiledFilter {
    pub(crate) name: String,
    pub(crate) block: DomainList,
    pub(crate) allow: DomainList,
    pub(crate) paths: Vec<String>,
    pub(crate) unknown: bool,
    pub(crate) scan: bool,
    pub(crate) reject: bool,
}

impl Filter {
    pub(crate) fn compile(&self) -> Result<CompiledFilter, Problem> {
        for name in self.block.iter().chain(&self.allow) {
            if name.is_empty() || name.len() > MAX_NAME || !name.is_ascii() {
                return Err(Problem::Unknown {
                    what: "domain",
                    name: name.clone(),
                });
            }
        }
        Ok(CompiledFilter {
            name: self.name.clone(),
            block: self.block.iter().map(|name| &**name).collect(),
            allow: self.allow.iter().map(|name| &**name).collect(),
            paths: self.paths.clone(),
            unknown: self.unknown,
            scan: self.scan,
            reject: self.reject,
        })
    }
}

impl CompiledFilter {
    /// Whether this name may be asked for.
    pub(crate) fn name(&self, name: &str) -> Result<(), Refused> {
        if self.block.contains(name) || !self.allow.is_empty() && !self.allow.contains(name) {
            return Err(Refused::Name);
        }
        Ok(())
    }

    /// What is said of a session that asks for no name.
    pub(crate) const fn nameless(&self) -> Result<(), Refused> {
        if self.unknown {
            Ok(())
        } else {
            Err(Refused::Unknown)
        }
    }

    /// Whether this path may be asked for. It is compared as it stands, and once more with what is
    /// percent-encoded decoded and `.` and `//` taken out.
    pub(crate) fn path(&self, path: &[u8]) -> Result<(), Refused> {
        if self.paths.is_empty() {
            return Ok(());
        }
        let normal = normal_path(path);
        let blocked = self.paths.iter().any(|blocked| {
            path.starts_with(blocked.as_bytes()) || normal.starts_with(blocked.as_bytes())
        });
        if blocked { Err(Refused::Path) } else { Ok(()) }
    }
}

/// The path as servers read it (RFC 3986 §6.2.2): percent-encoding decoded, dot segments and empty
/// segments gone.
fn normal_path(path: &[u8]) -> Vec<u8> {
    let end = path.iter().position(|octet| matches!(octet, b'?' | b'#'));
    let mut rest = path.get(..end.unwrap_or(path.len())).unwrap_or(path);
    let mut decoded = Vec::with_capacity(rest.len());
    while let Some((first, after)) = rest.split_first() {
        let digit = |octet: u8| char::from(octet).to_digit(16);
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                    rest = after;
                }
                _ => decoded.push(b'%'),
            },
            (octet, _) => decoded.push(*octet),
        }
    }
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in decoded.split(|octet| matches!(octet, b'/' | b'\\')) {
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let mut normal = Vec::with_capacity(decoded.len());
    for segment in segments {
        normal.push(b'/');
        normal.extend_from_slice(segment);
    }
    if normal.is_empty() || decoded.ends_with(b"/") {
        normal.push(b'/');
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_compared_as_servers_read_them() {
        for (path, normal) in [
            ("/a/b?c=/x", "/a/b"),
            ("/%61dmin/", "/admin/"),
            ("//a/./b/../admin", "/a/admin"),
            ("/..%2f..%5cadmin", "/admin"),
            ("", "/"),
            ("/%zz", "/%zz"),
        ] {
            assert_eq!(normal_path(path.as_bytes()), normal.as_bytes(), "{path}");
        }
    }
}
