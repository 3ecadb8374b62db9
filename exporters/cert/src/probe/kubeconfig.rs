//! The certificates of a kubeconfig: of its clusters and its users.

use std::path::PathBuf;
use std::sync::Arc;

use super::file::nothing_in;
use super::{Denied, Engine, Job, refused};
use crate::config::Module;
use crate::files::{self, FileContent, Refusal};
use crate::kubeconfig::{Kubeconfig, Pem};
use crate::report::{Content, Failed, Place, Report, Store, Stored};

/// The certificates in and beside the kubeconfig that the target names.
pub(super) async fn probe(engine: &Arc<Engine>, job: Job<'_>) -> Result<Report, Denied> {
    let (shared, module, target) = (Arc::clone(engine), job.module.clone(), job.target.to_owned());
    // disks block
    let looked = tokio::task::spawn_blocking(move || look(&shared, &module, &target));
    let found = match looked.await {
        Ok(Ok(found)) => found,
        Ok(Err(refusal)) => return refused(job, refusal),
        Err(_panicked) => Found::NoFile,
    };
    let failed =
        |reason, message| Ok(Report::failed(job.module.prober_name, Failed::new("read", reason, message)));
    match found {
        Found::NoFile => failed("not_found", format!("kubeconfig not found: {}", job.target)),
        Found::Wrong(problem) => failed("malformed", problem),
        Found::Places(places) => {
            let failure = nothing_in(&places, job.target);
            Ok(Report {
                success: failure.is_none(),
                failure,
                content: Content::Stored(Stored { kind: Store::Kubeconfig, places }),
                ..Report::of_prober(job.module.prober_name)
            })
        }
    }
}

enum Found {
    NoFile,
    Wrong(String),
    Places(Vec<Place>),
}

fn look(engine: &Engine, module: &Module, target: &str) -> Result<Found, Refusal> {
    let roots = &module.roots;
    let found =
        if module.target.is_some() { files::find_own(target, roots)? } else { files::find(target, roots)? };
    let Some(file) = found.first() else { return Ok(Found::NoFile) };
    let config = match Kubeconfig::read(&file.real) {
        Ok(config) => config,
        Err(problem) => return Ok(Found::Wrong(problem)),
    };
    let path: Arc<str> = Arc::from(target);
    // what a kubeconfig names is read by the rules of what a request names: it may be anybody's file
    let allowed: Vec<PathBuf> = roots.iter().cloned().chain(file.real.parent().map(PathBuf::from)).collect();
    let place = |name: &str, kind: &'static str, pem: Option<&Pem>| {
        let content = pem.map(|pem| content(pem, engine, module, &allowed)).unwrap_or_default();
        Place {
            labels: Box::new([Arc::clone(&path), Arc::from(name), Arc::from(kind)]),
            certificates: Arc::clone(&content.certificates),
            problem: content.problem,
            credential: None,
        }
    };
    let clusters = config
        .clusters
        .iter()
        .filter_map(|(name, cluster)| Some((name, "cluster", cluster.authority.as_ref()?)));
    let clusters = clusters.map(|(name, kind, pem)| place(name, kind, Some(pem)));
    let users = config.users.iter().map(|(name, user)| Place {
        credential: Some(user.credential()),
        ..place(name, "user", user.certificate.as_ref())
    });
    Ok(Found::Places(clusters.chain(users).collect()))
}

fn content(pem: &Pem, engine: &Engine, module: &Module, allowed: &[PathBuf]) -> Arc<FileContent> {
    match pem {
        Pem::Data(Some(data)) => Arc::new(FileContent::of(data.expose().as_bytes(), None, &engine.pool)),
        Pem::Data(None) => Arc::new(FileContent::of_problem("bad_base64")),
        Pem::File(path) => match files::find(&path.display().to_string(), allowed) {
            Ok(found) if !found.is_empty() => {
                let mut contents = engine.files.contents(&found, module, &engine.pool);
                contents.pop().unwrap_or_default()
            }
            Ok(_) => Arc::new(FileContent::of_problem("not_found")),
            Err(_) => Arc::new(FileContent::of_problem("outside_roots")),
        },
    }
}
