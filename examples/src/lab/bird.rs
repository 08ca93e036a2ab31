//! BIRD in a namespace (Debian's `bird2`).

use super::{KernelRoute, Namespace, Process, check, wait_until};
use anyhow::{Context, Result};
use core::time::Duration;
use std::path::PathBuf;
use std::process::Command;

/// An instance of BIRD with a folder of its own. Ended, and the folder removed, when dropped.
#[derive(Debug)]
pub struct Bird {
    folder: PathBuf,
    process: Process,
}

impl Bird {
    /// Starts BIRD with a configuration.
    ///
    /// # Errors
    ///
    /// When BIRD is not installed, refuses the configuration or does not come up within ten seconds.
    pub fn start(namespace: &Namespace, configuration: &str) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("{}-bird", namespace.name()));
        std::fs::create_dir_all(&folder)?;
        let config = folder.join("bird.conf");
        std::fs::write(&config, configuration)?;
        let path = |name: &str| folder.join(name).display().to_string();
        let (config, control, pid) = (path("bird.conf"), path("bird.ctl"), path("bird.pid"));
        check(Command::new("bird").args(["-p", "-c", &config]))
            .context("BIRD does not take the configuration (or: apt install bird2)")?;
        let arguments = ["-f", "-c", &config, "-s", &control, "-P", &pid];
        let process = namespace.spawn("bird", &arguments)?;
        let bird = Self { folder, process };
        wait_until(Duration::from_secs(10), || bird.show("status").map(drop))?;
        Ok(bird)
    }

    /// BIRD's process id.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// What `birdc show ...` prints.
    ///
    /// # Errors
    ///
    /// When `birdc` fails.
    pub fn show(&self, what: &str) -> Result<String> {
        let control = self.folder.join("bird.ctl").display().to_string();
        check(
            Command::new("birdc")
                .args(["-r", "-s", &control, "show"])
                .args(what.split(' ')),
        )
    }

    /// The routes that BIRD uses and its protocol `protocol` learned. The metric is RIP's.
    ///
    /// # Errors
    ///
    /// When `birdc` fails.
    pub fn rip_routes(&self, protocol: &str) -> Result<Vec<KernelRoute>> {
        let text = self.show(&format!("route primary all protocol {protocol}"))?;
        let mut routes = routes(&text);
        routes.sort_by(|a, b| a.prefix.cmp(&b.prefix));
        Ok(routes)
    }

    /// How many routes BIRD has from its protocol `protocol`.
    ///
    /// # Errors
    ///
    /// When `birdc` fails or prints no number.
    pub fn count_routes(&self, protocol: &str) -> Result<usize> {
        // "1 of 2 routes for 2 networks in table master4", then a total.
        let text = self.show(&format!("route count protocol {protocol}"))?;
        let line = text.lines().find(|line| line.contains(" routes for "));
        let number = line.and_then(|line| line.split(' ').next()?.parse().ok());
        number.with_context(|| format!("no count in {text:?}"))
    }
}

impl Drop for Bird {
    fn drop(&mut self) {
        self.process.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Reads what `show route all` prints: a line for each route that is not indented, and attributes under it.
fn routes(text: &str) -> Vec<KernelRoute> {
    let mut routes: Vec<KernelRoute> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some(first) = words.next() else { continue };
        if !line.starts_with(char::is_whitespace) && first.contains('/') {
            routes.push(KernelRoute {
                prefix: first.to_owned(),
                protocol: "bird".to_owned(),
                metric: 0,
                next_hops: Vec::new(),
            });
            continue;
        }
        let Some(route) = routes.last_mut() else {
            continue;
        };
        match first {
            // "via 10.0.1.1 on eth0 weight 1"
            "via" => {
                let (gateway, interface) = (words.next(), words.nth(1));
                if let (Some(gateway), Some(interface)) = (gateway, interface) {
                    let hop = (gateway.to_owned(), interface.to_owned());
                    route.next_hops.push(hop);
                    route.next_hops.sort();
                }
            }
            "RIP.metric:" => {
                route.metric = words.next().and_then(|w| w.parse().ok()).unwrap_or(0);
            }
            _ => {}
        }
    }
    routes
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_text_of_bird_is_read_whole() {
        let text = "BIRD 2.0.12 ready.\nAccess restricted\nTable master4:\n\
            192.0.2.1/32         unicast [r 22:10:05.123] * (120/3)\n\
            \tvia 10.0.12.1 on eth0 weight 1\n\tvia 10.0.11.1 on eth1 weight 1\n\
            \tType: RIP univ\n\tRIP.metric: 3\n\tRIP.tag: 0000\n\
            198.51.100.0/24      unicast [r 22:10:05.123] * (120/2)\n\tvia 10.0.12.9 on eth0\n\
            \tRIP.metric: 2\n";
        let routes = super::routes(text);
        assert_eq!(routes.len(), 2);
        assert_eq!(routes[0].prefix, "192.0.2.1/32");
        assert_eq!(routes[0].metric, 3);
        assert_eq!(routes[0].next_hops.len(), 2);
        assert_eq!(routes[0].next_hops[0].0, "10.0.11.1");
        assert_eq!(
            routes[1].next_hops,
            [("10.0.12.9".to_owned(), "eth0".to_owned())]
        );
    }
}
