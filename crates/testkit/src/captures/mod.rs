//! The reference captures: real packets that nobody here wrote, with a dissector's reading of them.
//!
//! They are no part of this repository (many of their licences do not allow it). The environment
//! variable [`SHARED_VARIABLE`] names the folder that has them in its subfolder `captures/`; where
//! it is not set, tests skip. Each `NAME.pcap` lies in a folder named after its subject, beside
//! `NAME.json` with what tshark read in it, and a `MANIFEST.tsv` says where each comes from.
//!
//! ```
//! use testkit::{LinkType, captures};
//!
//! testkit::skip_without_shared!(); // in a test: prints that it skips, and returns
//! for capture in captures::in_folder("icmp").expect("the folder is there") {
//!     if capture.link_type != LinkType::ETHERNET {
//!         continue;
//!     }
//!     for (frame, expected) in capture.sound_frames() {
//!         assert_eq!(frame.original_len, expected.number("frame.len").unwrap() as usize);
//!     }
//! }
//! ```

mod dissection;
mod reader;

pub use dissection::Dissection;
pub use reader::{CaptureFile, Frame, ReadError, read};

use crate::pcapng::LinkType;
use alloc::collections::BTreeMap;
use core::cell::OnceCell;
use std::env;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The environment variable that names the folder in which `captures/` (and other reference
/// material) lies.
pub const SHARED_VARIABLE: &str = "INTERNETWORK_SHARED";

/// Returns from the test, saying that it was skipped, where the reference material is not there.
#[macro_export]
macro_rules! skip_without_shared {
    () => {
        if $crate::captures::shared_folder().is_none() {
            return;
        }
    };
}

/// A capture file and what belongs to it.
#[derive(Debug)]
pub struct Capture {
    /// Folder and name without the extension: `icmp/arkime-dot1ad`.
    pub name: String,
    /// What the first frame begins with. Only a pcapng file can have frames of several kinds; see
    /// [`Frame::link_type`].
    pub link_type: LinkType,
    /// The whole frames, in order. (Two or three of the files end in the middle of another.)
    pub frames: Vec<Frame>,
    /// Whether it was made to break parsers, or found by a fuzzer.
    pub crafted: bool,
    /// The manifest's remark, mostly empty.
    pub note: String,
    path: PathBuf,
    expected: OnceCell<Vec<Dissection>>,
}

/// The folder of all reference material; `None`, and a line on the error output, where
/// [`SHARED_VARIABLE`] is not set.
pub fn shared_folder() -> Option<PathBuf> {
    let folder = env::var_os(SHARED_VARIABLE).filter(|folder| !folder.is_empty());
    if folder.is_none() {
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        // Not `eprintln!`, whose output the test harness keeps to itself when a test passes. Where
        // there is no error output, there is nobody to tell.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {test}: {SHARED_VARIABLE} is not set"
        );
    }
    folder.map(PathBuf::from)
}

/// All captures, by name; `None` (and a line that says so) where there are none to be had.
///
/// # Panics
///
/// When [`SHARED_VARIABLE`] is set, but its captures are missing or cannot be read: a test must not
/// pass because its data has gone.
pub fn all() -> Option<Vec<Capture>> {
    let captures = shared_folder()?.join("captures");
    let mut folders: Vec<_> = list(&captures)
        .into_iter()
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let manifest = Manifest::read(&captures);
    let all: Vec<_> = folders
        .iter()
        .flat_map(|folder| load_folder(folder, &manifest))
        .collect();
    assert!(
        !all.is_empty(),
        "{SHARED_VARIABLE} is set, but there is no capture in {}",
        captures.display()
    );
    Some(all)
}

/// The captures of one folder, by name; otherwise like [`all`].
///
/// # Panics
///
/// As [`all`]; also when there is no such folder.
pub fn in_folder(folder: &str) -> Option<Vec<Capture>> {
    let captures = shared_folder()?.join("captures");
    let path = captures.join(folder);
    let found = load_folder(&path, &Manifest::read(&captures));
    assert!(
        !found.is_empty(),
        "{SHARED_VARIABLE} is set, but there is no capture in {}",
        path.display()
    );
    Some(found)
}

impl Capture {
    /// What the dissector read in each frame, in the order of [`frames`](Self::frames). The file is
    /// read when this is first called.
    ///
    /// # Panics
    ///
    /// When the file is missing, or does not have as many entries as there are frames.
    pub fn expected(&self) -> &[Dissection] {
        self.expected.get_or_init(|| {
            let expected = self
                .dissections("json")
                .unwrap_or_else(|| panic!("{}: there is no expected dissection", self.name));
            assert_eq!(
                expected.len(),
                self.frames.len(),
                "{}: dissections and frames",
                self.name
            );
            expected
        })
    }

    /// The frames of which the dissector made sense, each with its reading: fields may be compared.
    /// (The others are malformed, or were cut short by the capture; those must only not panic.)
    pub fn sound_frames(&self) -> impl Iterator<Item = (&Frame, &Dissection)> {
        self.frames
            .iter()
            .zip(self.expected())
            .filter(|(_, dissection)| dissection.is_sound())
    }

    /// The frames in which the dissector, with reassembly on, completed or gave up an IP datagram:
    /// [`number`](Dissection::number)`("frame.number")` says which. `None` without fragments.
    pub fn reassembled(&self) -> Option<Vec<Dissection>> {
        self.dissections("reassembled.json")
    }

    /// What the dissector read with the keys that belong to the capture. `None` without keys.
    pub fn decrypted(&self) -> Option<Vec<Dissection>> {
        self.dissections("decrypted.json")
    }

    /// The text of another file that lies beside the capture: `keys.json`, `notes.json`,
    /// `tcpdump.txt`. `None` where there is none.
    pub fn companion(&self, extension: &str) -> Option<String> {
        let path = self.path.with_file_name(format!(
            "{}.{extension}",
            self.name.rsplit('/').next().unwrap_or(&self.name)
        ));
        path.exists().then(|| {
            let octets = fs::read(&path)
                .unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
            String::from_utf8_lossy(&octets).into_owned()
        })
    }

    fn dissections(&self, extension: &str) -> Option<Vec<Dissection>> {
        let text = self.companion(extension)?;
        Some(
            serde_json::from_str::<Vec<_>>(&text)
                .unwrap_or_else(|error| panic!("{}.{extension}: {error}", self.name))
                .into_iter()
                .map(Dissection::new)
                .collect(),
        )
    }
}

/// What the manifest says of each file: whether it is crafted, and the remark.
struct Manifest(BTreeMap<String, (bool, String)>);

impl Manifest {
    fn read(captures: &Path) -> Self {
        let path = captures.join("MANIFEST.tsv");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!(
                "{SHARED_VARIABLE} is set, but {} cannot be read: {error}",
                path.display()
            )
        });
        let mut lines = text.lines();
        let header: Vec<_> = lines.next().unwrap_or_default().split('\t').collect();
        let column = |name: &str| {
            header
                .iter()
                .position(|&title| title == name)
                .unwrap_or_else(|| panic!("{} has no column {name:?}", path.display()))
        };
        let (file, crafted, note) = (
            column("file"),
            column("crafted_or_crash_test"),
            column("note"),
        );
        Self(
            lines
                .map(|line| {
                    let fields: Vec<_> = line.split('\t').collect();
                    let field = |at: usize| fields.get(at).copied().unwrap_or_default();
                    let about = (field(crafted) == "yes", field(note).to_owned());
                    (field(file).to_owned(), about)
                })
                .collect(),
        )
    }
}

fn load_folder(folder: &Path, manifest: &Manifest) -> Vec<Capture> {
    let mut files: Vec<_> = list(folder)
        .into_iter()
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "pcap" || extension == "pcapng")
        })
        .collect();
    files.sort_by_cached_key(|path| path.with_extension(""));
    files.iter().map(|path| load(path, manifest)).collect()
}

fn load(path: &Path, manifest: &Manifest) -> Capture {
    let part = |part: Option<&std::ffi::OsStr>| {
        part.map(|part| part.to_string_lossy().into_owned())
            .unwrap_or_default()
    };
    let folder = part(path.parent().and_then(Path::file_name));
    let (crafted, note) = manifest
        .0
        .get(&format!("{folder}/{}", part(path.file_name())))
        .cloned()
        .unwrap_or_default();
    let octets =
        fs::read(path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
    let file = read(&octets).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Capture {
        name: format!("{folder}/{}", part(path.file_stem())),
        link_type: file.link_type,
        frames: file.frames,
        crafted,
        note,
        path: path.to_owned(),
        expected: OnceCell::new(),
    }
}

fn list(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .unwrap_or_else(|error| {
            panic!(
                "{SHARED_VARIABLE} is set, but {} cannot be read: {error}",
                folder.display()
            )
        })
}
