//! Addresses, ports and the other values that conditions are made of, as one writes them.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;
use packet_buffer::wire::{Ipv4Prefix, Ipv6Prefix};
use thiserror::Error;

/// Why a value could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ValueError {
    /// Neither an address, nor a prefix, nor a range, nor the name of a set.
    #[error(
        "`{0}` is not an address, a prefix (192.0.2.0/24), a range (192.0.2.1-192.0.2.9), a set (@name) or a group (group:name)"
    )]
    Address(String),
    /// A range whose end lies before its start, or whose ends are of two families.
    #[error("the range `{0}` is empty or mixes address families")]
    Range(String),
    /// Not a port or a range of ports.
    #[error("`{0}` is not a port (443) or a range of ports (1024-65535)")]
    Port(String),
    /// A name with characters other than letters, digits, `_`, `-` and `.`, or an empty one.
    #[error("`{0}` is not a name: letters, digits, `_`, `-` and `.`")]
    Name(String),
}

/// Whether `text` can be the name of a zone, a set, a rule.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-' | b'.'))
}

/// One entry of a list of addresses.
///
/// As text: `192.0.2.1`, `192.0.2.0/24`, `192.0.2.1-192.0.2.9`, the same for IPv6, `@name` for an
/// address set and `group:name` for the members of a security group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AddressItem {
    /// All IPv4 addresses that start with the same bits.
    V4(Ipv4Prefix),
    /// All IPv6 addresses that start with the same bits.
    V6(Ipv6Prefix),
    /// From one IPv4 address up to and including another.
    V4Range(Ipv4Addr, Ipv4Addr),
    /// From one IPv6 address up to and including another.
    V6Range(Ipv6Addr, Ipv6Addr),
    /// All addresses of a set of the policy.
    Set(String),
    /// All members of a security group.
    Group(String),
}

impl AddressItem {
    /// The item that holds one address.
    pub const fn host(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(Ipv4Prefix::host(address)),
            IpAddr::V6(address) => Self::V6(Ipv6Prefix::host(address)),
        }
    }
}

impl FromStr for AddressItem {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bad = || ValueError::Address(text.to_string());
        let name = |name: &str| {
            is_name(name)
                .then(|| name.to_string())
                .ok_or_else(|| ValueError::Name(name.to_string()))
        };
        if let Some(set) = text.strip_prefix('@') {
            return Ok(Self::Set(name(set)?));
        }
        if let Some(group) = text.strip_prefix("group:") {
            return Ok(Self::Group(name(group)?));
        }
        if let Some((first, last)) = text.split_once('-') {
            let first: IpAddr = first.trim().parse().map_err(|_| bad())?;
            let last: IpAddr = last.trim().parse().map_err(|_| bad())?;
            return match (first, last) {
                (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => {
                    Ok(Self::V4Range(first, last))
                }
                (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => {
                    Ok(Self::V6Range(first, last))
                }
                _ => Err(ValueError::Range(text.to_string())),
            };
        }
        if text.contains('/') {
            if let Ok(prefix) = text.parse() {
                return Ok(Self::V4(prefix));
            }
            return text.parse().map(Self::V6).map_err(|_| bad());
        }
        text.parse().map(Self::host).map_err(|_| bad())
    }
}

impl fmt::Display for AddressItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(prefix) if prefix.length() == Ipv4Prefix::MAX_LENGTH => {
                fmt::Display::fmt(&prefix.network(), f)
            }
            Self::V6(prefix) if prefix.length() == Ipv6Prefix::MAX_LENGTH => {
                fmt::Display::fmt(&prefix.network(), f)
            }
            Self::V4(prefix) => fmt::Display::fmt(prefix, f),
            Self::V6(prefix) => fmt::Display::fmt(prefix, f),
            Self::V4Range(first, last) => write!(f, "{first}-{last}"),
            Self::V6Range(first, last) => write!(f, "{first}-{last}"),
            Self::Set(name) => write!(f, "@{name}"),
            Self::Group(name) => write!(f, "group:{name}"),
        }
    }
}

/// Which addresses a condition holds for. The default is all addresses of both families.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Addresses {
    /// The addresses; none stands for all.
    pub items: Vec<AddressItem>,
    /// Whether the condition holds for all other addresses instead.
    pub negated: bool,
}

impl Addresses {
    /// All addresses of both families.
    pub const ANY: Self = Self {
        items: Vec::new(),
        negated: false,
    };

    /// These addresses.
    pub const fn of(items: Vec<AddressItem>) -> Self {
        Self {
            items,
            negated: false,
        }
    }

    /// Whether the condition says nothing.
    pub fn is_any(&self) -> bool {
        self.items.is_empty()
    }
}

impl From<AddressItem> for Addresses {
    fn from(item: AddressItem) -> Self {
        Self::of(alloc::vec![item])
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_any() {
            return f.write_str("any");
        }
        if self.negated {
            f.write_str("not ")?;
        }
        list(f, &self.items)
    }
}

/// One item as it is, several in braces.
pub(crate) fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T]) -> fmt::Result {
    if let [only] = items {
        return fmt::Display::fmt(only, f);
    }
    f.write_str("{ ")?;
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            f.write_str(", ")?;
        }
        fmt::Display::fmt(item, f)?;
    }
    f.write_str(" }")
}

/// Ports from `first` up to and including `last`. As text: `443`, `1024-65535`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    /// The lowest port.
    pub first: u16,
    /// The highest port.
    pub last: u16,
}

impl PortRange {
    /// One port.
    pub const fn single(port: u16) -> Self {
        Self {
            first: port,
            last: port,
        }
    }

    /// Whether the port lies in the range.
    #[inline]
    pub const fn contains(&self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}

impl FromStr for PortRange {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bad = || ValueError::Port(text.to_string());
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let first = first.trim().parse().map_err(|_| bad())?;
        let last = last.trim().parse().map_err(|_| bad())?;
        if first > last {
            return Err(bad());
        }
        Ok(Self { first, last })
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            return fmt::Display::fmt(&self.first, f);
        }
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[cfg(feature = "serde")]
mod form {
    use super::{AddressItem, Addresses, PortRange};
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;
    use core::fmt;
    use core::marker::PhantomData;
    use core::str::FromStr;
    use serde::ser::SerializeMap as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    /// In a file a list of texts, one text, or `{ not = .. }` with either.
    impl Serialize for Addresses {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if !self.negated {
                return self.items.serialize(serializer);
            }
            let mut map = serializer.serialize_map(Some(1))?;
            map.serialize_entry("not", &self.items)?;
            map.end()
        }
    }

    impl<'de> Deserialize<'de> for Addresses {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(Form)
        }
    }

    // By hand, so that errors stand where the address is that cannot be read.
    struct Form;

    impl<'de> de::Visitor<'de> for Form {
        type Value = Addresses;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of addresses, or { not = [..] }")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Addresses, E> {
            let item: AddressItem = text.parse().map_err(E::custom)?;
            Ok(item.into())
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Addresses, A::Error> {
            let mut items = Vec::new();
            while let Some(item) = list.next_element()? {
                items.push(item);
            }
            Ok(Addresses::of(items))
        }

        fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Addresses, A::Error> {
            let mut addresses = Addresses::ANY;
            while let Some(key) = map.next_key::<String>()? {
                if key != "not" {
                    return Err(de::Error::unknown_field(&key, &["not"]));
                }
                let inner: Addresses = map.next_value()?;
                if inner.negated {
                    return Err(de::Error::custom("`not` stands in `not`"));
                }
                addresses = Addresses {
                    items: inner.items,
                    negated: true,
                };
            }
            Ok(addresses)
        }
    }

    struct Text<T>(PhantomData<T>);

    impl<T: FromStr<Err: fmt::Display>> de::Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text or a number")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
            self.visit_str(&number.to_string())
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
            self.visit_str(&number.to_string())
        }
    }

    pub(super) fn read<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: fmt::Display>,
        D: Deserializer<'de>,
    {
        deserializer.deserialize_any(Text(PhantomData))
    }

    macro_rules! as_text {
        ($($name:ty),*) => {$(
            impl Serialize for $name {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    let text: String = self.to_string();
                    serializer.serialize_str(&text)
                }
            }

            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    read(deserializer)
                }
            }
        )*};
    }

    as_text!(
        AddressItem,
        PortRange,
        crate::model::Protocol,
        crate::model::IcmpMatch,
        crate::model::TcpFlagMatch,
        crate::model::Rate
    );
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_and_print_alike() {
        for text in [
            "192.0.2.1",
            "192.0.2.0/24",
            "192.0.2.1-192.0.2.9",
            "2001:db8::/32",
            "2001:db8::1",
            "2001:db8::1-2001:db8::ffff",
            "@web.servers",
            "group:admins",
        ] {
            let item: AddressItem = text.parse().unwrap();
            assert_eq!(item.to_string(), text);
        }
        for text in [
            "",
            "192.0.2.1/33",
            "192.0.2.1/24",
            "192.0.2.9-192.0.2.1",
            "192.0.2.1-2001:db8::",
            "@",
            "@a b",
            "group:",
            "name",
        ] {
            assert!(text.parse::<AddressItem>().is_err(), "{text}");
        }
    }

    #[test]
    fn ports_read_and_print_alike() {
        for text in ["0", "443", "1024-65535"] {
            assert_eq!(text.parse::<PortRange>().unwrap().to_string(), text);
        }
        for text in ["", "65536", "9-1", "-", "1-", "http"] {
            assert!(text.parse::<PortRange>().is_err(), "{text}");
        }
    }
}
