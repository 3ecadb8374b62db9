//! A program that is built, bound, and serves.

use std::ffi::OsString;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::pages::Pages;
use super::reload::{self, Before, Reloader};
use super::{Context, Program, StartError};
use crate::cli::{self, CommonFlags, Flags, Invocation};
use crate::clock::Clock;
use crate::config::{ConfigError, Document};
use crate::selfmon::SelfMetrics;
use crate::web::{Access, Listener};

/// A program whose ports are bound and which is ready to serve.
pub struct App<P: Program> {
    program: Arc<P>,
    listener: Listener,
    access: Arc<Access>,
    router: axum::Router,
    reloader: Arc<Reloader<P>>,
    before: Before,
}

/// A program that serves in the background, for tests.
pub struct Running<P: Program> {
    program: Arc<P>,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl<P: Program> App<P> {
    /// Reads the configuration, binds the ports, starts the program.
    ///
    /// # Errors
    /// Configuration that is wrong, an address that cannot be listened on, or what the program cannot open.
    pub async fn build(flags: Flags<P::Flags>) -> Result<Self, StartError> {
        let common = &flags.common;
        let before = Before::of(common);
        let document = common.config().map(Document::read).transpose()?;
        let config = P::configure(&flags.own, document.as_ref())?;
        let access = Arc::new(access::<P>(common)?);
        let listener = Listener::bind(&common.listen_addresses).await.map_err(StartError::new)?;
        let listener = listener.for_requests(common.max_requests);
        let clock = Clock::system();
        let about = P::ABOUT;
        let metrics = SelfMetrics::new(about.name, about.version, clock.clone()).map_err(StartError::new)?;
        metrics.watch_web_config(Arc::clone(&access)).map_err(StartError::new)?;
        let context = Context {
            registry: metrics.program_registry().clone(),
            clock,
            last_reload: metrics.last_reload(),
        };
        let program = Arc::new(P::start(config, context).await?);
        let reloader = Arc::new(Reloader::new(
            Arc::clone(&program),
            Arc::clone(&access),
            flags.clone(),
            metrics.clone(),
        ));
        let router = Pages::router(Arc::clone(&program), common, metrics, Arc::clone(&reloader));
        let router = common.below.place(router);
        Ok(Self { program, listener, access, router, reloader, before })
    }

    /// Where it listens; with port 0 asked for, the port that was given.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listener.addresses()
    }

    /// What takes a new configuration while it serves.
    pub fn reloader(&self) -> Arc<Reloader<P>> {
        Arc::clone(&self.reloader)
    }

    /// Serves until `shutdown` is done, then finishes what is under way.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send + 'static) {
        let following = tokio::spawn(reload::follow(Arc::clone(&self.reloader), self.before));
        self.listener.serve(self.router, self.access, shutdown).await;
        following.abort();
        self.program.stop().await;
    }

    /// Builds and serves in the background; `arguments` are a command line without the program's name.
    ///
    /// # Errors
    /// Those of [`App::build`], and bad flags.
    pub async fn launch(arguments: &[&str]) -> Result<Running<P>, StartError> {
        let line = std::iter::once(P::ABOUT.name).chain(arguments.iter().copied()).map(OsString::from);
        let Invocation::Serve(flags) = cli::parse::<P>(line).map_err(StartError::new)? else {
            return Err(StartError::new("a subcommand cannot be launched"));
        };
        let app = Self::build(flags).await?;
        let address = app.addresses().first().copied();
        let address = address.ok_or_else(|| StartError::new("no address to listen on"))?;
        let (stop, stopped) = oneshot::channel();
        let program = Arc::clone(&app.program);
        let served = tokio::spawn(app.serve(async move {
            // a dropped sender stops it too
            let _ignored = stopped.await;
        }));
        Ok(Running { program, address, stop, served })
    }
}

/// Who may come in, by the web config file or by the program's own flags.
pub(super) fn access<P: Program>(common: &CommonFlags) -> Result<Access, ConfigError> {
    let access = Access::load_or_guard(common.web_config(), &common.guard)?;
    Ok(access.open_also(P::PEER_HEALTH.map(|(path, _)| path)))
}

impl<P: Program> Running<P> {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The program itself.
    pub fn program(&self) -> &P {
        &self.program
    }

    /// The URL of a path on it, over plain HTTP.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Stops it and waits until it has stopped.
    pub async fn stop(self) {
        drop(self.stop);
        // a panic in it has been reported by the runtime
        let _ignored = self.served.await;
    }
}
