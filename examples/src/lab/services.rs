//! Servers that the tests of several routers talk to. Each waits to be reached; it ends when it is dropped.

use super::{Namespace, Process};
use anyhow::Result;

/// Debian's Python, which has the modules.
const PYTHON: &str = "/usr/bin/python3";

impl Namespace {
    /// A web server at port 80 of an address, with the files of a folder.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn serve_web(&self, address: &str, folder: &str) -> Result<Process> {
        let arguments = ["-m", "http.server", "80", "--bind", address];
        self.spawn(PYTHON, &[&arguments[..], &["--directory", folder]].concat())
    }

    /// An FTP server at port 21 of an address, with the files of a folder; `more` are further arguments of
    /// `pyftpdlib`. Without any, everybody may read.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn serve_ftp(&self, address: &str, folder: &str, more: &[&str]) -> Result<Process> {
        let arguments = ["-m", "pyftpdlib", "-i", address, "-p", "21", "-d", folder];
        self.spawn(PYTHON, &[&arguments, more].concat())
    }

    /// A name server at port 53 of addresses, separated by commas, which knows `www.example` as 198.51.100.80.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn serve_names(&self, addresses: &str) -> Result<Process> {
        let listen = format!("--listen-address={addresses}");
        let arguments = [
            "--keep-in-foreground",
            "--no-resolv",
            "--no-hosts",
            "--pid-file=",
            "--user=root",
            &listen,
            "--bind-interfaces",
            "--address=/www.example/198.51.100.80",
        ];
        self.spawn("dnsmasq", &arguments)
    }
}
