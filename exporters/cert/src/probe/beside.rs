//! What a module may ask beside the handshake: versions, the file the certificate comes from, the domain.

use netprobe::{Dial, accepted_versions};
use tokio::time::Instant;

use super::Engine;
use crate::config::Module;
use crate::report::Served;

/// Whom it is about.
pub(super) struct Beside<'a> {
    pub(super) module: &'a Module,
    pub(super) dial: &'a Dial,
    pub(super) name: &'a str,
}

/// Asks what the module wants to know.
pub(super) async fn ask(engine: &Engine, about: Beside<'_>, served: &mut Served, deadline: Instant) {
    let module = about.module;
    if module.scan_versions && !served.chain.is_empty() {
        let found = accepted_versions(about.dial, module.starttls, Some(about.name), deadline).await;
        let found = found.unwrap_or_default().into_iter();
        served.versions = found.map(|(version, accepted)| (version.as_str(), accepted)).collect();
    }
    if let (Some(file), Some(Some(leaf))) = (&module.certificate_file, served.chain.first()) {
        let content = engine.files.read(file, module, &engine.pool).await;
        served.differs = Some(match content {
            Err(reason) => Err(reason),
            Ok(content) if content.certificates.is_empty() => {
                Err(content.problem.unwrap_or("no_certificate"))
            }
            Ok(content) => Ok(content.certificates.iter().all(|facts| facts.fingerprint != leaf.fingerprint)),
        });
    }
    if module.domain {
        served.domain = engine.domains.ask(&about.dial.host, engine.now(), deadline).await;
    }
}
