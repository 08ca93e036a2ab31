//! Debian's Chromium without a window, driven as its developer tools drive it.

use super::pause;
use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use packet_buffer::time::StdClock;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

/// How long an answer may take, on a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(90);

/// The keys that the tests press, with the numbers that a browser wants.
const KEYS: [(&str, u32); 8] = [
    ("Tab", 9),
    ("Enter", 13),
    ("Escape", 27),
    ("End", 35),
    ("Home", 36),
    ("ArrowUp", 38),
    ("ArrowRight", 39),
    ("ArrowDown", 40),
];

/// A browser with one page; ended when dropped.
#[derive(Debug)]
pub struct Chromium {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    /// Its profile, and what it says on standard error.
    folder: PathBuf,
    session: Option<String>,
    sent: u64,
    problems: Vec<String>,
    requests: Vec<String>,
}

impl Chromium {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// When Debian's `chromium` is not there or does not answer.
    pub fn start() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("internetwork-chromium-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder)?;
        // Its protocol goes over descriptors 3 and 4; the shell makes them of its own 0 and 1.
        let mut child = Command::new("sh")
            .args([
                "-c",
                "exec chromium \"$@\" 3<&0 4>&1 0</dev/null 1>&2",
                "sh",
            ])
            .args(["--headless=new", "--no-sandbox", "--disable-gpu"])
            .args(["--disable-dev-shm-usage", "--hide-scrollbars"])
            .args(["--no-first-run", "--disable-extensions"])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
            ])
            .arg(format!("--user-data-dir={}", folder.display()))
            .args(["--remote-debugging-pipe", "about:blank"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("stderr"))?)
            .spawn()
            .context("cannot start a shell")?;
        let commands = child.stdin.take().context("no way to write to it")?;
        let answers = child.stdout.take().context("no way to read from it")?;
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(answers).split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).unwrap_or(Value::Null);
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            child,
            commands,
            messages,
            folder,
            session: None,
            sent: 0,
            problems: Vec::new(),
            requests: Vec::new(),
        };
        browser.attach()?;
        Ok(browser)
    }

    /// Turns to the page that it opens with.
    fn attach(&mut self) -> Result<()> {
        let targets = self.call("Target.getTargets", json!({}))?;
        let targets = member(&targets, "targetInfos")
            .as_array()
            .context("targets")?;
        let mut pages = targets
            .iter()
            .filter(|target| member(target, "type") == "page");
        let page = member(pages.next().context("no page")?, "targetId");
        let parameters = json!({"targetId": page, "flatten": true});
        let attached = self.call("Target.attachToTarget", parameters)?;
        let session = member(&attached, "sessionId")
            .as_str()
            .context("no session")?;
        self.session = Some(session.to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), json!({}))?;
        }
        Ok(())
    }

    /// Calls a method of the protocol and gives its result.
    ///
    /// # Errors
    ///
    /// What the browser says, and when it says nothing in a minute and a half.
    pub fn call(&mut self, method: &str, parameters: Value) -> Result<Value> {
        self.sent += 1;
        let id = self.sent;
        let mut command = json!({"id": id, "method": method, "params": parameters});
        if let (Some(session), Some(command)) = (&self.session, command.as_object_mut()) {
            command.insert("sessionId".to_owned(), session.as_str().into());
        }
        let mut octets = serde_json::to_vec(&command)?;
        octets.push(0);
        let written = self.commands.write_all(&octets);
        written.with_context(|| format!("{method}: {}", self.last_words()))?;
        let clock = StdClock::new();
        let end = clock.now() + PATIENCE;
        loop {
            let left = end - clock.now();
            match self.messages.recv_timeout(left) {
                Ok(answer) if *member(&answer, "id") == id => {
                    let error = member(&answer, "error");
                    ensure!(error.is_null(), "{method}: {error}");
                    return Ok(member(&answer, "result").clone());
                }
                Ok(event) => self.note(&event),
                Err(RecvTimeoutError::Timeout) => bail!("{method}: no answer in {PATIENCE:?}"),
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("{method}: it has ended: {}", self.last_words())
                }
            }
        }
    }

    /// Keeps what a test asks for later.
    fn note(&mut self, event: &Value) {
        let parameters = member(event, "params");
        match member(event, "method").as_str() {
            Some("Runtime.exceptionThrown") => {
                let details = member(parameters, "exceptionDetails");
                self.problems.push(details.to_string());
            }
            Some("Runtime.consoleAPICalled") => self.problems.push(parameters.to_string()),
            Some("Log.entryAdded") => {
                self.problems.push(member(parameters, "entry").to_string());
            }
            Some("Page.javascriptDialogOpening") => {
                self.problems.push(format!("a dialog: {parameters}"));
            }
            Some("Network.requestWillBeSent") => {
                let url = member(member(parameters, "request"), "url");
                let url = url.as_str().unwrap_or_default();
                self.requests.push(url.to_owned());
            }
            _ => {}
        }
    }

    /// What it last said on standard error.
    fn last_words(&self) -> String {
        let text = fs::read_to_string(self.folder.join("stderr")).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(5).collect();
        lines.join(" | ")
    }

    /// Opens a file, with what comes after its name in the address, and waits until it is there whole.
    ///
    /// # Errors
    ///
    /// When that does not come to pass.
    pub fn open(&mut self, file: &Path, fragment: &str) -> Result<()> {
        // From elsewhere: another fragment of the same page would not be loaded anew.
        self.call("Page.navigate", json!({"url": "about:blank"}))?;
        self.wait("document.URL === 'about:blank'")?;
        let file = file.canonicalize()?;
        let url = format!("file://{}{fragment}", file.display());
        let answer = self.call("Page.navigate", json!({"url": url}))?;
        ensure!(member(&answer, "errorText").is_null(), "{url}: {answer}");
        self.wait("document.URL !== 'about:blank' && document.readyState === 'complete'")
    }

    /// What an expression of the page's own language is, promises awaited.
    ///
    /// # Errors
    ///
    /// When it throws.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value> {
        let parameters = json!({
            "expression": expression, "awaitPromise": true, "returnByValue": true,
        });
        let answer = self.call("Runtime.evaluate", parameters)?;
        let thrown = member(&answer, "exceptionDetails");
        ensure!(thrown.is_null(), "{expression}: {thrown}");
        Ok(member(member(&answer, "result"), "value").clone())
    }

    /// Waits until an expression is true.
    ///
    /// # Errors
    ///
    /// When it is not after a minute and a half.
    pub fn wait(&mut self, expression: &str) -> Result<()> {
        let clock = StdClock::new();
        let end = clock.now() + PATIENCE;
        loop {
            // While a page is replaced, there is nothing to ask.
            match self.evaluate(expression) {
                Ok(Value::Bool(true)) => return Ok(()),
                Err(why) if clock.now() >= end => return Err(why),
                Ok(value) if clock.now() >= end => bail!("{expression}: still {value}"),
                _ => pause(Duration::from_millis(20)),
            }
        }
    }

    /// The text that an element shows.
    ///
    /// # Errors
    ///
    /// When nothing is selected by `selector`.
    pub fn text(&mut self, selector: &str) -> Result<String> {
        let selector = Value::from(selector);
        let text = self.evaluate(&format!("document.querySelector({selector}).innerText"))?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Moves the mouse to the middle of an element, which is brought into sight.
    ///
    /// # Errors
    ///
    /// When nothing is selected by `selector`.
    pub fn hover(&mut self, selector: &str) -> Result<()> {
        self.point(selector).map(|_| ())
    }

    fn point(&mut self, selector: &str) -> Result<(Value, Value)> {
        let quoted = Value::from(selector);
        let place = self.evaluate(&format!(
            "(() => {{ const element = document.querySelector({quoted}); \
             element.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
             const box = element.getBoundingClientRect(); \
             return {{ x: box.x + box.width / 2, y: box.y + box.height / 2 }}; }})()"
        ))?;
        let (x, y) = (member(&place, "x").clone(), member(&place, "y").clone());
        let moved = json!({"type": "mouseMoved", "x": x, "y": y});
        self.call("Input.dispatchMouseEvent", moved)?;
        Ok((x, y))
    }

    /// Clicks an element with the mouse.
    ///
    /// # Errors
    ///
    /// When nothing is selected by `selector`.
    pub fn click(&mut self, selector: &str) -> Result<()> {
        let (x, y) = self.point(selector)?;
        for kind in ["mousePressed", "mouseReleased"] {
            let parameters = json!({
                "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1,
            });
            self.call("Input.dispatchMouseEvent", parameters)?;
        }
        Ok(())
    }

    /// Presses a key; `Enter`, `ArrowDown`.
    ///
    /// # Errors
    ///
    /// When it is not one that the tests use.
    pub fn press(&mut self, key: &str) -> Result<()> {
        let known = KEYS.iter().find(|(name, _)| *name == key);
        let (_, number) = known.with_context(|| format!("no key {key}"))?;
        for kind in ["keyDown", "keyUp"] {
            let mut parameters = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": number,
            });
            if let ("Enter", "keyDown", Some(fields)) = (key, kind, parameters.as_object_mut()) {
                fields.insert("text".to_owned(), "\r".into());
            }
            self.call("Input.dispatchKeyEvent", parameters)?;
        }
        Ok(())
    }

    /// Types text where the focus is.
    ///
    /// # Errors
    ///
    /// Those of [`Self::call`].
    pub fn write(&mut self, text: &str) -> Result<()> {
        self.call("Input.insertText", json!({"text": text}))
            .map(|_| ())
    }

    /// Sets the window's size in pixels and whether its user likes it dark.
    ///
    /// # Errors
    ///
    /// Those of [`Self::call`].
    pub fn view(&mut self, width: u32, height: u32, dark: bool) -> Result<()> {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.call("Emulation.setDeviceMetricsOverride", size)?;
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}))
            .map(|_| ())
    }

    /// The window as a PNG.
    ///
    /// # Errors
    ///
    /// Those of [`Self::call`].
    pub fn screenshot(&mut self) -> Result<Vec<u8>> {
        // Two pictures later, all that was asked for has been drawn.
        let drawn =
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))";
        self.evaluate(&format!("{drawn}.then(() => true)"))?;
        let answer = self.call("Page.captureScreenshot", json!({"format": "png"}))?;
        let data = member(&answer, "data").as_str().context("no data")?;
        Ok(BASE64_STANDARD.decode(data)?)
    }

    /// Errors, and whatever a page wrote to the console, since this was last asked.
    pub fn take_problems(&mut self) -> Vec<String> {
        core::mem::take(&mut self.problems)
    }

    /// What was loaded since this was last asked.
    pub fn take_requests(&mut self) -> Vec<String> {
        core::mem::take(&mut self.requests)
    }
}

/// A member of an object; null when there is none.
fn member<'a>(object: &'a Value, name: &str) -> &'a Value {
    object.get(name).unwrap_or(&Value::Null)
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It ends its other processes when asked; without an answer, they end with it.
        self.session = None;
        let asked = self.call("Browser.close", json!({}));
        for _ in 0..100 {
            if asked.is_err() || matches!(self.child.try_wait(), Ok(Some(_))) {
                break;
            }
            pause(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
