//! Authentication in the configuration file: a password, or keys with lifetimes.

use super::file::Seconds;
use anyhow::{Context, Result, bail};
use core::fmt;
use packet_buffer::Instant;
use rip::auth::{
    Algorithm, AuthOptions, Authentication, Key, KeyChain, Lifetime, LongKeys, Secret,
};
use serde::de::{Deserialize, Deserializer, Visitor};
use toml::value::Datetime;

/// `authentication`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AuthenticationFile {
    /// A password, sent along for all to read.
    password: Option<SecretText>,
    /// Keys that are not sent.
    #[serde(default)]
    keys: Vec<KeyFile>,
    /// How far a sequence number may be ahead of the last.
    max_jump: Option<Seconds>,
    /// Whether a neighbor that was gone may start again at 0.
    accept_zero_when_lost: Option<bool>,
    /// Pairs of neighbor and key that are remembered.
    max_neighbors: Option<usize>,
}

/// `[[authentication.keys]]`
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct KeyFile {
    id: u8,
    algorithm: AlgorithmFile,
    key: SecretText,
    send_from: Option<Datetime>,
    send_until: Option<Datetime>,
    accept_from: Option<Datetime>,
    accept_until: Option<Datetime>,
    #[serde(default)]
    long_key: LongKeyFile,
}

/// `algorithm`
#[derive(Debug, Clone, Copy, serde::Deserialize)]
enum AlgorithmFile {
    #[serde(rename = "md5")]
    KeyedMd5,
    #[serde(rename = "hmac-sha-1")]
    HmacSha1,
    #[serde(rename = "hmac-sha-224")]
    HmacSha224,
    #[serde(rename = "hmac-sha-256")]
    HmacSha256,
    #[serde(rename = "hmac-sha-384")]
    HmacSha384,
    #[serde(rename = "hmac-sha-512")]
    HmacSha512,
}

impl From<AlgorithmFile> for Algorithm {
    fn from(algorithm: AlgorithmFile) -> Self {
        match algorithm {
            AlgorithmFile::KeyedMd5 => Self::KeyedMd5,
            AlgorithmFile::HmacSha1 => Self::HmacSha1,
            AlgorithmFile::HmacSha224 => Self::HmacSha224,
            AlgorithmFile::HmacSha256 => Self::HmacSha256,
            AlgorithmFile::HmacSha384 => Self::HmacSha384,
            AlgorithmFile::HmacSha512 => Self::HmacSha512,
        }
    }
}

/// `long-key`
#[derive(Debug, Clone, Copy, Default, serde::Deserialize)]
enum LongKeyFile {
    #[default]
    #[serde(rename = "rfc2104")]
    Rfc2104,
    #[serde(rename = "rfc4822")]
    Rfc4822,
}

/// A secret, which `Debug` does not show.
#[derive(Debug, Clone)]
struct SecretText(Secret);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = SecretText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a secret as text")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SecretText, E> {
                Ok(SecretText(Secret::new(text.as_bytes())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl AuthenticationFile {
    /// What the engine is told. Its times are Unix times.
    ///
    /// # Errors
    ///
    /// What cannot be: a password and keys, times without an offset, secrets that do not fit.
    pub fn read(&self) -> Result<(Authentication, AuthOptions)> {
        let authentication = match (&self.password, self.keys.as_slice()) {
            (Some(_), [_, ..]) => bail!("authentication: either `password` or `keys`, not both"),
            (None, []) => bail!("authentication: it needs a `password` or `keys`"),
            (Some(SecretText(password)), []) => Authentication::Password(password.clone()),
            (None, keys) => {
                let keys = keys.iter().map(KeyFile::read).collect::<Result<Vec<_>>>()?;
                Authentication::Cryptographic(KeyChain::new(keys).context("authentication.keys")?)
            }
        };
        authentication.check().context("authentication")?;
        let mut options = AuthOptions::default();
        if let Some(Seconds(jump)) = self.max_jump {
            options.max_jump = Some(u32::try_from(jump.as_secs()).unwrap_or(u32::MAX));
        }
        if let Some(accept) = self.accept_zero_when_lost {
            options.accept_zero_when_lost = accept;
        }
        if let Some(most) = self.max_neighbors {
            options.max_neighbors = most;
        }
        Ok((authentication, options))
    }
}

impl KeyFile {
    fn read(&self) -> Result<Key> {
        let lifetime = |from: &Option<Datetime>, until: &Option<Datetime>| -> Result<Lifetime> {
            let moment = |time: &Option<Datetime>| time.as_ref().map(unix_time).transpose();
            let (from, until) = (moment(from)?, moment(until)?);
            Ok(match (from, until) {
                (None, None) => Lifetime::ALWAYS,
                (Some(from), None) => Lifetime::since(from),
                (None, Some(until)) => Lifetime::before(until),
                (Some(from), Some(until)) => Lifetime::between(from, until),
            })
        };
        let key = || -> Result<Key> {
            let mut key = Key::new(self.id, self.algorithm.into(), self.key.0.clone())
                .sent(lifetime(&self.send_from, &self.send_until)?)
                .accepted(lifetime(&self.accept_from, &self.accept_until)?);
            key.long_keys = match self.long_key {
                LongKeyFile::Rfc2104 => LongKeys::Rfc2104,
                LongKeyFile::Rfc4822 => LongKeys::Rfc4822,
            };
            Ok(key)
        };
        key().with_context(|| format!("key {}", self.id))
    }
}

/// A date and time of the file as time since 1970.
fn unix_time(time: &Datetime) -> Result<Instant> {
    let what = "a time is written with date and offset, as in 2027-01-31T12:00:00Z";
    let date = time.date.context(what)?;
    let clock = time.time.context(what)?;
    let offset = match time.offset.context(what)? {
        toml::value::Offset::Z => 0,
        toml::value::Offset::Custom { minutes } => i64::from(minutes) * 60,
    };
    let of_day = i64::from(clock.hour) * 3600
        + i64::from(clock.minute) * 60
        + i64::from(clock.second.unwrap_or(0));
    let days = days_since_1970(date.year.into(), date.month.into(), date.day.into());
    let seconds = days * 86_400 + of_day - offset;
    let seconds = u64::try_from(seconds).context("a time cannot be before 1970")?;
    Ok(Instant::from_secs(seconds))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // A year is counted from March on, so that the leap day is its last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    // The months from March have 31, 30, 31, 30, 31 days, twice and a bit.
    let days_before = (153 * month + 2) / 5;
    year * 365 + leap_days + days_before + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Authentication, AuthOptions)> {
        toml::from_str::<AuthenticationFile>(text)?.read()
    }

    #[test]
    fn times_are_unix_times() {
        let cases = [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00Z", 951_782_400),
            ("2026-11-25T22:33:22Z", 1_795_646_002),
            ("2026-11-25T23:33:22+01:00", 1_795_646_002),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ];
        for (text, seconds) in cases {
            let time = unix_time(&text.parse().unwrap()).unwrap();
            assert_eq!(time, Instant::from_secs(seconds), "{text}");
        }
        assert!(unix_time(&"2026-11-25".parse().unwrap()).is_err());
        assert!(unix_time(&"2026-11-25T22:33:22".parse().unwrap()).is_err());
    }

    #[test]
    fn keys_are_read_and_not_shown() {
        let (authentication, options) = read(
            r#"
            max-jump = 3600
            [[keys]]
            id = 1
            algorithm = "md5"
            key = "first secret"
            send-until = 2027-01-01T00:00:00Z
            [[keys]]
            id = 2
            algorithm = "hmac-sha-256"
            key = "other secret"
            send-from = 2027-01-01T00:00:00Z
            accept-from = 2026-12-31T00:00:00Z
            "#,
        )
        .unwrap();
        assert_eq!(options.max_jump, Some(3600));
        assert!(!format!("{authentication:?}").contains("secret\""));
        let Authentication::Cryptographic(chain) = authentication else {
            panic!("there are keys");
        };
        assert_eq!(chain.keys().len(), 2);
        assert_eq!(chain.keys()[1].algorithm, Algorithm::HmacSha256);
        let new_year = Instant::from_secs(1_798_761_600);
        assert!(!chain.keys()[0].send.contains(new_year));
        assert!(chain.keys()[1].send.contains(new_year));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let cases = [
            ("", "needs a `password` or `keys`"),
            ("password = \"\"", "authentication"),
            ("password = \"more than sixteen octets\"", "16"),
            (
                "keys = [{ id = 1, algorithm = \"sha\", key = \"x\" }]",
                "hmac-sha-256",
            ),
            (
                "keys = [{ id = 256, algorithm = \"md5\", key = \"x\" }]",
                "256",
            ),
            (
                "keys = [{ id = 1, algorithm = \"md5\", key = \"x\", send-from = 2026-01-01 }]",
                "key 1: a time is written with date and offset",
            ),
        ];
        for (text, expected) in cases {
            let found = format!("{:#}", read(text).unwrap_err());
            assert!(found.contains(expected), "{text:?} says {found:?}");
        }
    }
}
