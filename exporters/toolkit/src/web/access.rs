//! Who may come in, and how: the web config file in use, followed as it changes.
//!
//! ```text
//! a connection or request comes → at most once a second: stat → changed? → read → may it replace? → swap
//! ```
//!
//! Invariants:
//! - A bad new file keeps what is in use; it is logged once, and [`Access::last_reload`] tells it.
//! - A new file must never turn off TLS, passwords, or the check of client certificates: that takes a restart.
//! - A connection keeps the certificate it began with; requests on it follow the newest users and headers.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode};
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use super::basic_auth::{Turn, Verdict};
use super::files::Files;
use super::guard::Guard;
use super::settings::{self, Origin, Reading, Settings};
use crate::config::ConfigError;

/// The access rules of a program's listeners.
pub struct Access {
    origin: Origin,
    /// Paths that need no password.
    open: Vec<&'static str>,
    current: watch::Sender<Arc<Settings>>,
    state: watch::Sender<ReloadState>,
    /// Whoever holds it is looking at the files.
    watched: Mutex<Watched>,
    turn: Turn,
}

/// What became of the last reading of the web config file.
#[derive(Debug, Clone)]
pub struct ReloadState {
    /// Whether the newest file is in use.
    pub successful: bool,
    /// When a file was last taken into use.
    pub last_success: SystemTime,
    /// Readings that were refused since the start.
    pub failures: u64,
    /// Why the last one was refused.
    pub error: Option<ConfigError>,
}

struct Watched {
    files: Arc<Files>,
    looked: Instant,
}

impl Access {
    /// Reads the web config file; without one, everybody may come in over plain HTTP.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        Self::read(path.map_or(Origin::Open, |path| Origin::File(path.to_owned())))
    }

    /// Reads the web config file, or the files that a program's own flags name instead.
    pub fn load_or_guard(path: Option<&Path>, guard: &Guard) -> Result<Self, ConfigError> {
        match guard.given() {
            None => Self::load(path),
            Some(flag) if path.is_some() => {
                Err(ConfigError::flag(flag, "cannot be used beside --web.config.file, which says the same"))
            }
            Some(_) => Self::read(Origin::Guard(Box::new(guard.clone()))),
        }
    }

    /// Lets this path be asked without a password too.
    #[must_use]
    pub fn open_also(mut self, path: Option<&'static str>) -> Self {
        self.open.extend(path);
        self
    }

    fn read(origin: Origin) -> Result<Self, ConfigError> {
        let Reading { files, settings } = settings::read(&origin);
        let state =
            ReloadState { successful: true, last_success: SystemTime::now(), failures: 0, error: None };
        Ok(Self {
            origin,
            open: OPEN_PATHS.to_vec(),
            current: watch::Sender::new(Arc::new(settings?)),
            state: watch::Sender::new(state),
            watched: Mutex::new(Watched { files: Arc::new(files), looked: Instant::now() }),
            turn: Turn::default(),
        })
    }

    /// Whether the listeners speak TLS.
    pub fn tls(&self) -> bool {
        self.current.borrow().tls.is_some()
    }

    /// What became of the last reading of the file.
    pub fn last_reload(&self) -> ReloadState {
        self.state.borrow().clone()
    }

    /// Reads the file now, for SIGHUP and `POST /-/reload`.
    pub async fn reload(&self) -> Result<(), ConfigError> {
        if matches!(self.origin, Origin::Open) {
            return Ok(());
        }
        let mut watched = self.watched.lock().await;
        self.follow(&mut watched, true).await;
        let state = self.state.borrow();
        state.error.clone().map_or(Ok(()), Err)
    }

    /// What is in use now.
    pub(super) async fn settings(&self) -> Arc<Settings> {
        if !matches!(self.origin, Origin::Open)
            && let Ok(mut watched) = self.watched.try_lock()
            && watched.looked.elapsed() >= LOOK_INTERVAL
        {
            self.follow(&mut watched, false).await;
        }
        Arc::clone(&self.current.borrow())
    }

    /// Lets a request pass, or answers it: the rate limit first, for it is the cheaper one.
    pub(super) async fn admit(&self, settings: &Settings, head: &Parts) -> Result<(), Response<Body>> {
        // A container's health check knows the hash of the password at best, and the answer tells no more than
        // the open port does. It must not go hungry when others use up the rate limit either.
        if self.open.contains(&head.uri.path()) {
            return Ok(());
        }
        if let Some(rate) = &settings.rate
            && let Err(wait) = rate.take(Instant::now())
        {
            return Err(too_many("too many requests\n", wait));
        }
        let Some(users) = &settings.users else {
            return Ok(());
        };
        match users.check(head.headers.get(AUTHORIZATION), &self.turn).await {
            Verdict::Admitted => Ok(()),
            Verdict::Refused => Err(unauthorized()),
            Verdict::Busy => Err(too_many("too many logins\n", Duration::from_secs(1))),
        }
    }

    async fn follow(&self, watched: &mut Watched, forced: bool) {
        watched.looked = Instant::now();
        // The client may go away here: nothing has changed then, and the next request looks again.
        let seen = Arc::clone(&watched.files);
        let origin = self.origin.clone();
        let read = tokio::task::spawn_blocking(move || reread(&origin, &seen, forced)).await;
        let Ok(Some(reread)) = read else {
            return;
        };
        watched.files = Arc::new(reread.files);
        if let Some(settings) = reread.changed {
            self.take_over(settings);
        }
    }

    fn take_over(&self, settings: Result<Settings, ConfigError>) {
        let origin = &self.origin;
        let old = Arc::clone(&self.current.borrow());
        let settings = settings.and_then(|new| match new.may_replace(&old) {
            Ok(()) => Ok(new),
            Err(reason) => Err(ConfigError::file(origin.to_string(), reason)),
        });
        match settings {
            Ok(new) => {
                self.current.send_replace(Arc::new(new));
                self.state.send_modify(|state| {
                    state.successful = true;
                    state.last_success = SystemTime::now();
                    state.error = None;
                });
                tracing::info!(%origin, "settings of the listener reloaded");
            }
            Err(error) => {
                tracing::error!(
                    %origin,
                    %error,
                    "settings of the listener not reloaded; the old ones stay in use"
                );
                self.state.send_modify(|state| {
                    state.successful = false;
                    state.failures += 1;
                    state.error = Some(error);
                });
            }
        }
    }
}

struct Reread {
    files: Files,
    /// Absent when the content is the one that was seen before.
    changed: Option<Result<Settings, ConfigError>>,
}

/// Looks at the files and reads them if they may have changed. Blocks on the disk.
fn reread(origin: &Origin, seen: &Files, forced: bool) -> Option<Reread> {
    if !forced && !seen.may_have_changed() {
        return None;
    }
    let Reading { files, settings } = settings::read(origin);
    let changed = forced || !files.same_content(seen);
    Some(Reread { files, changed: changed.then_some(settings) })
}

fn unauthorized() -> Response<Body> {
    let mut response = text(StatusCode::UNAUTHORIZED, "unauthorized\n");
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
    response
}

fn too_many(body: &'static str, wait: Duration) -> Response<Body> {
    let mut response = text(StatusCode::TOO_MANY_REQUESTS, body);
    let seconds = HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
    response.headers_mut().insert(RETRY_AFTER, seconds);
    response
}

/// An answer of plain text.
pub(super) fn text(status: StatusCode, body: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(axum::http::header::CONTENT_TYPE, plain);
    response
}

/// Paths that need no password in any program.
const OPEN_PATHS: [&str; 2] = ["/-/healthy", "/-/ready"];

/// Between two looks at the files: soon enough for a rotated certificate, rare enough to cost nothing.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
