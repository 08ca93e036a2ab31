//! A control socket: a program connects, writes a line, and reads the answer to the end.
//!
//! A thread of its own talks to the clients, so that none of them can hold up the router.

use alloc::sync::Arc;
use anyhow::{Context, Result, bail};
use core::time::Duration;
use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// How long a client may take over its line or our answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);
/// Octets of the longest line of a client.
const LONGEST: u64 = 256;

/// Wakes the router out of its wait.
#[derive(Debug, Clone)]
pub struct Wake(Arc<OwnedFd>);

impl Wake {
    /// Makes one.
    ///
    /// # Errors
    ///
    /// When the system gives no event descriptor.
    pub fn new() -> Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        let flags = EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC;
        Ok(Self(Arc::new(eventfd(0, flags)?)))
    }

    /// Wakes.
    pub fn wake(&self) {
        // It can only fail because it was woken very often before.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }

    /// Forgets that it was woken.
    pub fn clear(&self) {
        let _ = rustix::io::read(&*self.0, &mut [0_u8; 8]);
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A client's question. It is answered by sending the line to `answer`.
#[derive(Debug)]
pub struct Question {
    /// The line that the client has written, without its end.
    pub line: String,
    /// Where the answer goes.
    pub answer: SyncSender<String>,
}

/// The socket that clients connect to; the file is removed when it is dropped.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    questions: Receiver<Question>,
}

impl Control {
    /// Opens the socket at `path`, which root alone may use.
    ///
    /// # Errors
    ///
    /// When another router answers there, or the file cannot be made.
    pub fn open(path: &Path, wake: Wake) -> Result<Self> {
        if UnixStream::connect(path).is_ok() {
            bail!(
                "another router answers at {}: stop it, or set the control socket to another path",
                path.display()
            );
        }
        // What a router left behind that was killed.
        let _ = fs::remove_file(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let listener = UnixListener::bind(path)
            .with_context(|| format!("cannot make the control socket {}", path.display()))?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        let (sender, questions) = sync_channel(1);
        std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || {
                for client in listener.incoming().flatten() {
                    // A client that fails is none.
                    let _ = serve(client, &sender, &wake);
                }
            })?;
        Ok(Self {
            path: path.to_owned(),
            questions,
        })
    }

    /// A question that waits for an answer.
    pub fn question(&self) -> Option<Question> {
        self.questions.try_recv().ok()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn serve(client: UnixStream, sender: &SyncSender<Question>, wake: &Wake) -> Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new((&client).take(LONGEST)).read_line(&mut line)?;
    let line = line.trim().to_owned();
    let (answer, answers) = sync_channel(1);
    sender.send(Question { line, answer })?;
    wake.wake();
    let text = answers.recv_timeout(PATIENCE)?;
    (&client).write_all(text.as_bytes())?;
    Ok(())
}

/// Writes a line to the router at `path`, and reads its answer.
///
/// # Errors
///
/// When no router answers there.
pub fn ask(path: &Path, line: &str) -> Result<String> {
    let mut stream = UnixStream::connect(path).with_context(|| {
        format!(
            "no router answers at {}: is it running, and is this user root? \
             (--control names another socket)",
            path.display()
        )
    })?;
    stream.set_read_timeout(Some(2 * PATIENCE))?;
    writeln!(stream, "{line}")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}
