//! Files of this machine.

use std::sync::Arc;

use super::{Denied, Engine, Job, refused};
use crate::files;
use crate::report::{Content, Failed, Place, Report, Store, Stored};

/// The certificates of all files that the target means.
pub(super) async fn probe(engine: &Arc<Engine>, job: Job<'_>) -> Result<Report, Denied> {
    let (shared, module, pattern) = (Arc::clone(engine), job.module.clone(), job.target.to_owned());
    let own = job.module.target.is_some();
    // disks block
    let looked = tokio::task::spawn_blocking(move || {
        let found =
            if own { files::find_own(&pattern, &module.roots) } else { files::find(&pattern, &module.roots) };
        let found = found?;
        let contents = shared.files.contents(&found, &module, &shared.pool);
        Ok(found.into_iter().zip(contents).map(place).collect::<Vec<_>>())
    });
    let places = match looked.await {
        Ok(Ok(places)) => places,
        Ok(Err(refusal)) => return refused(job, refusal),
        Err(_panicked) => Vec::new(),
    };
    let failure = if places.is_empty() {
        Some(Failed::new("read", "not_found", format!("{}: no files found", job.target)))
    } else {
        nothing_in(&places, job.target)
    };
    Ok(Report {
        success: failure.is_none(),
        failure,
        content: Content::Stored(Stored { kind: Store::File, places }),
        ..Report::of_prober(job.module.prober_name)
    })
}

fn place((file, content): (files::FoundFile, Arc<files::FileContent>)) -> Place {
    Place {
        labels: Box::new([Arc::from(file.shown)]),
        certificates: Arc::clone(&content.certificates),
        problem: content.problem,
        credential: None,
    }
}

/// As with ssl_exporter, a probe that finds no certificate is no success. One place that cannot be read costs only itself.
pub(super) fn nothing_in(places: &[Place], target: &str) -> Option<Failed> {
    if places.iter().any(|place| !place.certificates.is_empty()) {
        return None;
    }
    let reason = places.iter().find_map(|place| place.problem).unwrap_or("no_certificate");
    Some(Failed::new("read", reason, format!("{target}: no certificates found ({reason})")))
}
