//! TLS servers whose certificates are of several ages, files with certificates, and cert-exporter, which watches both.

use std::time::Duration;

use anyhow::Result;
use kit::pki::{Recipe, Signer};
use kit::process::Folder;
use kit::tls::{Identity, LOOPBACK};
use kit::tls_server::{Serve, TlsServer};

use crate::program::{Program, ours};

/// How often cert-exporter looks.
const INTERVAL: &str = "1s";

/// Who has signed everything here.
pub struct Authority {
    root: Signer,
    middle: Signer,
    folder: Folder,
}

impl Authority {
    /// A root, and below it an authority that signs.
    pub(crate) fn new() -> Result<Self> {
        let root = Signer::root(Recipe::new("Stage Root", &[]))?;
        let middle = root.below(Recipe::new("Stage Issuing", &[]))?;
        let folder = Folder::new()?;
        folder.write("roots.pem", &root.pem)?;
        Ok(Self { root, middle, folder })
    }

    /// A server's certificate of this age, and good for so long.
    pub(crate) fn leaf(&self, name: &str, began: Duration, ends_in: Duration) -> Result<Identity> {
        self.middle.leaf(&Recipe::new(name, &LOOPBACK).aged(began, ends_in))
    }

    /// What a server shows that has this certificate.
    pub(crate) fn chain(&self, leaf: &Identity) -> Serve {
        Serve::chain(&[&leaf.certificate_pem, &self.middle.pem], &leaf.key_pem)
    }

    /// The file with the root, which those trust who trust all this.
    pub(crate) fn roots(&self) -> String {
        self.folder.path().join("roots.pem").display().to_string()
    }

    /// The root itself.
    pub fn root_pem(&self) -> &str {
        &self.root.pem
    }
}

/// A server whose certificate is watched.
pub struct Secured {
    /// Its name.
    pub name: &'static str,
    began: Duration,
    ends_in: Duration,
    server: TlsServer,
}

impl Secured {
    /// What it is called on dashboards and in alerts: `localhost:PORT`.
    pub fn target(&self) -> String {
        self.server.target()
    }
}

/// Name, age and rest of the lifetime, in days: all of them renewed in time.
const SERVERS: [(&str, u64, u64); 5] =
    [("shop", 20, 70), ("api", 50, 40), ("intranet", 100, 298), ("short-lived", 2, 4), ("old-shop", 10, 80)];

/// The one whose certificate comes from a file that is watched, too.
const FROM_FILE: &str = "shop";

/// All TLS servers, and the exporter.
pub struct Certificates {
    /// Who has signed them.
    pub authority: Authority,
    /// The servers.
    pub servers: Vec<Secured>,
}

impl Certificates {
    /// Starts the servers.
    pub(crate) async fn start() -> Result<Self> {
        let authority = Authority::new()?;
        let mut servers = Vec::new();
        for (name, began, left) in SERVERS {
            let (began, ends_in) = (days(began), days(left));
            let leaf = authority.leaf(name, began, ends_in)?;
            if name == FROM_FILE {
                authority.folder.write(&format!("{name}.pem"), &leaf.certificate_pem)?;
            }
            let server = authority.chain(&leaf).start().await?;
            servers.push(Secured { name, began, ends_in, server });
        }
        Ok(Self { authority, servers })
    }

    /// What the server of this name is called on dashboards and in alerts.
    pub fn target(&self, name: &str) -> Option<String> {
        self.servers.iter().find(|secured| secured.name == name).map(Secured::target)
    }

    /// The server that is probed by HTTP, too: `localhost:PORT`.
    pub(crate) fn site(&self) -> String {
        self.target(FROM_FILE).unwrap_or_default()
    }

    /// Has a server show a certificate of another age; what it is told is what is left of it, and a certificate that
    /// ended so long ago has nothing left.
    pub fn serve(&self, name: &str, ends_in: Left) -> Result<()> {
        let Some(secured) = self.servers.iter().find(|secured| secured.name == name) else { return Ok(()) };
        let lifetime = secured.began + secured.ends_in;
        let leaf = match ends_in {
            Left::AsEver => self.authority.leaf(name, secured.began, secured.ends_in)?,
            Left::Days(left) => self.authority.leaf(name, lifetime.saturating_sub(days(left)), days(left))?,
            Left::Nothing => self.authority.middle.leaf(&Recipe::new(name, &LOOPBACK).years(2020, 2021))?,
        };
        secured.server.change(&self.authority.chain(&leaf))
    }

    /// The exporter, which checks servers and files on its own cadence.
    pub(crate) async fn exporter(&self, port: u16) -> Result<Program> {
        let folder = Folder::new()?;
        let certificates = self.authority.folder.path().display();
        let roots = self.authority.roots();
        let targets = self.servers.iter().map(|server| {
            let module = if server.name == FROM_FILE { "installed" } else { "tls" };
            let target = server.target();
            format!(
                "  - {{target: '{target}', module: {module}, interval: {INTERVAL}, labels: {{team: web}}}}\n"
            )
        });
        let config = format!(
            "modules:
  files: {{prober: file, file: {{roots: ['{certificates}']}}}}
  tls: {{prober: tcp, tls_config: {{ca_file: '{roots}'}}}}
  installed: {{prober: tcp, scan_versions: true, certificate_file: '{certificates}/{FROM_FILE}.pem', tls_config: {{ca_file: '{roots}'}}}}
targets:
  - {{target: '{certificates}/*.pem', module: files, interval: {INTERVAL}}}
{}",
            targets.collect::<Vec<_>>().concat()
        );
        let config = folder.write("cert-exporter.yml", config)?;
        let launch = ours("cert-exporter", &folder)?.arg(format!("--config.file={}", config.display()));
        Program::ours(launch, folder, port).await
    }
}

/// What shall be left of a certificate.
#[derive(Clone, Copy, Debug)]
pub enum Left {
    /// As much as at the start.
    AsEver,
    /// So many days.
    Days(u64),
    /// Nothing: it is over.
    Nothing,
}

pub(crate) fn days(count: u64) -> Duration {
    Duration::from_hours(24 * count)
}
