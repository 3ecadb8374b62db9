//! Prober `artifact`: whether the newest file of a path, or object of an S3 bucket, is young, large and readable enough;
//! so that backups and exports are watched by what they leave, not by whether they ran.
//!
//! A target is looked at only when the operator's own file names it: requests learn nothing of this machine's files.

mod config;
mod content;
mod facts;
mod files;
mod listing;
mod s3;

use super::{Engine, Facts, Job};
use crate::outcome::{Failed, Outcome};
use crate::reason::Reason;

pub use config::{Artifact, Endpoint, Key, S3};
pub use content::Format;
pub use facts::{ArtifactFacts, Newest};
pub(crate) use files::Disk;

/// What a target of S3 begins with.
pub(crate) const S3_SCHEME: &str = "s3://";

/// What was found.
#[derive(Clone, Debug, PartialEq)]
struct Found {
    count: u64,
    newest: Option<Newest>,
    /// Whether the newest can be read as the module wants it, or why not.
    readable: Result<(), &'static str>,
}

/// Probes by the job's deadline.
pub(crate) async fn probe(engine: &Engine, settings: &Artifact, job: &Job<'_>) -> Outcome {
    let mut outcome = Outcome::new(Facts::None);
    let mut facts = ArtifactFacts::default();
    if let Err(failed) = look(engine, settings, job, &mut outcome, &mut facts).await {
        outcome.fail(failed);
    }
    outcome.facts = Facts::Artifact(facts);
    outcome
}

async fn look(
    engine: &Engine,
    settings: &Artifact,
    job: &Job<'_>,
    outcome: &mut Outcome,
    facts: &mut ArtifactFacts,
) -> Result<(), Failed> {
    if !job.configured {
        let message = "artifacts are looked at only where the file names them (hint: checks: NAME: {module: …, target: …})";
        return Err(Failed::new("target", Reason::TargetDenied, message));
    }
    let now = engine.clock.unix_seconds();
    let found = match job.target.strip_prefix(S3_SCHEME) {
        None => engine.disk.look(job.target, settings.format, now, job).await?,
        Some(place) => s3::look(engine, settings, place, now, job, outcome).await?,
    };
    facts.count = Some(found.count);
    facts.newest = found.newest;
    outcome.transcript.line("debug", format!("found {} artifacts", found.count));
    judge(settings, &found)
}

/// The first thing that is not as it shall be.
fn judge(settings: &Artifact, found: &Found) -> Result<(), Failed> {
    let Some(newest) = found.newest else {
        return if settings.min_count == 0 { Ok(()) } else { Err(failed("there is none")) };
    };
    if let Some(most) = settings.max_age
        && newest.age > most.as_secs_f64()
    {
        return Err(failed(format!("the newest is {:.0} s old, more than {} s", newest.age, most.as_secs())));
    }
    if newest.size < settings.min_size {
        return Err(failed(format!("the newest has {} bytes, less than {}", newest.size, settings.min_size)));
    }
    if found.count < settings.min_count {
        return Err(failed(format!("there are {}, less than {}", found.count, settings.min_count)));
    }
    found.readable.map_err(|problem| failed(format!("the newest cannot be read: {problem}")))
}

fn failed(message: impl Into<String>) -> Failed {
    Failed::new("check", Reason::Artifact, message)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_an_artifact_shall_be_like() {
        let settings = Artifact {
            max_age: Some(Duration::from_hours(26)),
            min_size: 100,
            min_count: 2,
            format: Format::Gzip,
            s3: S3::default(),
        };
        let newest = |hours: f64, size| Some(Newest { modified: 0.0, age: hours * 3600.0, size });
        for (newest, count, readable, expected) in [
            (newest(1.0, 100), 2, Ok(()), None),
            (newest(-1.0, 100), 2, Ok(()), None),
            (None, 0, Ok(()), Some("there is none")),
            (newest(27.0, 100), 2, Ok(()), Some("the newest is 97200 s old, more than 93600 s")),
            (newest(1.0, 99), 2, Ok(()), Some("the newest has 99 bytes, less than 100")),
            (newest(1.0, 100), 1, Ok(()), Some("there are 1, less than 2")),
            (newest(1.0, 100), 2, Err("it is no gzip"), Some("the newest cannot be read: it is no gzip")),
        ] {
            let judged = judge(&settings, &Found { count, newest, readable });
            assert_eq!(judged.err().map(|failed| failed.message).as_deref(), expected);
        }
        let none = Found { count: 0, newest: None, readable: Ok(()) };
        assert_eq!(judge(&Artifact { min_count: 0, ..settings }, &none), Ok(()));
    }
}
