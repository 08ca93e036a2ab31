//! What survives a restart: the sequence numbers of authentication.
//!
//! The numbers that are sent are Unix times, so that they grow over a restart by themselves; what is kept here holds
//! when the clock was set back meanwhile, and keeps replays of a neighbor's old messages out.

use alloc::collections::BTreeMap;
use anyhow::{Context, Result};
use core::net::Ipv4Addr;
use rip::auth::{NeighborSequence, SequenceState};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

/// The numbers of each interface, by its name.
pub type Sequences = BTreeMap<String, SequenceState>;

#[derive(Serialize, Deserialize)]
struct StateFile {
    #[serde(default)]
    interface: BTreeMap<String, InterfaceState>,
}

#[derive(Serialize, Deserialize)]
struct InterfaceState {
    sent: u32,
    #[serde(default)]
    received: Vec<NeighborState>,
}

#[derive(Serialize, Deserialize)]
struct NeighborState {
    neighbor: Ipv4Addr,
    key: u8,
    sequence: u32,
}

/// Reads what was kept. There is none at the first start.
///
/// # Errors
///
/// When the file cannot be read, or not be understood.
pub fn load(path: &Path) -> Result<Sequences> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(Sequences::new()),
        Err(why) => {
            return Err(why).with_context(|| format!("cannot read the state {}", path.display()));
        }
    };
    let file: StateFile = toml::from_str(&text).with_context(|| {
        format!(
            "the state {} cannot be understood; remove it to start without: until then old messages of \
             neighbors would be taken for new ones",
            path.display()
        )
    })?;
    let sequences = file.interface.into_iter().map(|(name, state)| {
        let received = state.received.iter().map(|of| NeighborSequence {
            address: of.neighbor,
            key_id: of.key,
            sequence_number: of.sequence,
        });
        let state = SequenceState {
            sent: state.sent,
            received: received.collect(),
        };
        (name, state)
    });
    Ok(sequences.collect())
}

/// Keeps the numbers: the file is the old or the new one, whenever the power fails.
///
/// # Errors
///
/// When it cannot be written.
pub fn save(path: &Path, sequences: &Sequences) -> Result<()> {
    let interface = sequences.iter().map(|(name, state)| {
        let received = state.received.iter().map(|of| NeighborState {
            neighbor: of.address,
            key: of.key_id,
            sequence: of.sequence_number,
        });
        let state = InterfaceState {
            sent: state.sent,
            received: received.collect(),
        };
        (name.clone(), state)
    });
    let file = StateFile {
        interface: interface.collect(),
    };
    let text = toml::to_string(&file)?;
    let write = || -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let new = path.with_extension("new");
        let mut out = File::create(&new)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        fs::rename(&new, path)?;
        File::open(folder)?.sync_all()
    };
    write().with_context(|| {
        format!(
            "cannot keep the sequence numbers in {} (`state-file`)",
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let folder = std::env::temp_dir().join(format!("rip-state-{}", std::process::id()));
        let path = folder.join("sequence");
        assert!(load(&path).unwrap().is_empty());
        let state = SequenceState {
            sent: 1_795_646_002,
            received: vec![NeighborSequence {
                address: Ipv4Addr::new(10, 0, 1, 2),
                key_id: 7,
                sequence_number: u32::MAX,
            }],
        };
        let sequences = Sequences::from([("eth0".to_owned(), state)]);
        save(&path, &sequences).unwrap();
        save(&path, &sequences).unwrap();
        assert_eq!(load(&path).unwrap(), sequences);
        fs::write(&path, "half a fi").unwrap();
        let why = format!("{:#}", load(&path).unwrap_err());
        assert!(why.contains("remove it"), "{why}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
