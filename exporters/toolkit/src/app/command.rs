//! The command line's end: what `main` does.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::error::ErrorKind;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

use super::run::{self, App};
use super::{Program, StartError};
use crate::cli::{self, Flags, Invocation};
use crate::config::{ConfigError, Document};
use crate::log;
use crate::web::{self, Transport};

/// Runs a program with the arguments of this process.
pub fn main<P: Program>() -> ExitCode {
    run::<P>(std::env::args_os().collect()).into()
}

/// Gives the exit code: 0; 1 for a configuration or start-up error; 2 for bad flags.
fn run<P: Program>(arguments: Vec<OsString>) -> u8 {
    let invocation = match cli::parse::<P>(arguments) {
        Ok(invocation) => invocation,
        Err(error) => {
            // what clap prints to a closed pipe is lost, which is all right
            let _ignored = error.print();
            let wanted = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if wanted { 0 } else { 2 };
        }
    };
    match invocation {
        Invocation::Own(name, matches) => P::run_subcommand(&name, &matches),
        Invocation::Serve(flags) if flags.common.config_check => match check::<P>(&flags) {
            Ok(()) => say("the configuration is valid", 0),
            Err(error) => complain(&error),
        },
        Invocation::Serve(flags) => match P::print(&flags.own) {
            Some(print) => match configuration::<P>(&flags) {
                Ok(config) => say(&print(&config), 0),
                Err(error) => complain(&error.into()),
            },
            None => match serve::<P>(flags) {
                Ok(()) => 0,
                Err(error) => complain(&error),
            },
        },
        Invocation::Healthcheck(flags) => match healthcheck(&flags) {
            Ok(()) => say("healthy", 0),
            Err(error) => complain(&error),
        },
    }
}

/// Reads everything that a start would read, and opens nothing.
fn check<P: Program>(flags: &Flags<P::Flags>) -> Result<(), StartError> {
    let configured = configuration::<P>(flags).map(drop);
    let access = run::access::<P>(&flags.common).map(drop);
    match (configured, access) {
        (Err(error), Err(more)) => Err(error.merge(more).into()),
        (Err(error), Ok(())) | (Ok(()), Err(error)) => Err(error.into()),
        (Ok(()), Ok(())) => Ok(()),
    }
}

fn configuration<P: Program>(flags: &Flags<P::Flags>) -> Result<P::Config, ConfigError> {
    let document = flags.common.config().map(Document::read).transpose()?;
    P::configure(&flags.own, document.as_ref())
}

fn serve<P: Program>(flags: Flags<P::Flags>) -> Result<(), StartError> {
    log::init(&flags.common.log_level, flags.common.log_format);
    allow_open_files();
    let runtime = runtime(P::ABOUT.threads)?;
    let served = runtime.block_on(async {
        // before the ports are bound: whoever sees the port may already send a signal
        let mut hangup = signal(SignalKind::hangup()).map_err(StartError::new)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(StartError::new)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::new)?;
        let app = App::<P>::build(flags).await?;
        info!(program = P::ABOUT.name, version = P::ABOUT.version, "started");
        let reloader = app.reloader();
        let reloading = async move {
            while hangup.recv().await.is_some() {
                // the outcome is in the log and in the metrics
                let _outcome = reloader.reload().await;
            }
        };
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                () = reloading => {}
            }
            info!("stopping");
        };
        app.serve(stop).await;
        Ok(())
    });
    // what still blocks a thread (a slow disk, a name that does not resolve) is not waited for
    runtime.shutdown_background();
    served
}

/// Raises the soft limit of open files to the hard one, as Go's runtime does. The usual 1,024 is less than a program
/// with 500 targets needs: each has a connection to it, and Prometheus holds one to us.
fn allow_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(failure) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        warn!(%failure, "the limit of open files stays as it is");
    }
}

fn healthcheck<F>(flags: &Flags<F>) -> Result<(), StartError> {
    let perhaps_tls = flags.common.web_config().is_some() || flags.common.guard.given().is_some();
    let transport = if perhaps_tls { Transport::PerhapsTls } else { Transport::Plain };
    let address = flags.common.listen_addresses.first().map_or("", String::as_str);
    runtime(1)?.block_on(web::healthcheck(address, transport)).map_err(StartError::new)
}

fn runtime(threads: usize) -> Result<Runtime, StartError> {
    let runtime = builder(threads)?.enable_all().build();
    runtime.map_err(|error| StartError::new(format!("cannot start the runtime: {error}")))
}

#[cfg(feature = "threads")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature it can fail")]
fn builder(threads: usize) -> Result<Builder, StartError> {
    let mut builder = if threads > 1 { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    builder.worker_threads(threads.max(1));
    Ok(builder)
}

#[cfg(not(feature = "threads"))]
fn builder(threads: usize) -> Result<Builder, StartError> {
    if threads > 1 {
        return Err(StartError::new("built without toolkit's feature `threads`"));
    }
    Ok(Builder::new_current_thread())
}

fn say(line: &str, code: u8) -> u8 {
    // nobody listens when stdout is closed
    let _ignored = writeln!(std::io::stdout(), "{line}");
    code
}

/// One line a problem on standard error; the log may not be set up yet, and people and scripts read this one.
fn complain(failure: &StartError) -> u8 {
    if writeln!(std::io::stderr(), "error: {failure}").is_err() {
        error!(%failure, "cannot start");
    }
    1
}
