//! An endpoint that is not ours and that the shop depends on: the API of a payment provider, over TLS.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use anyhow::Result;
use kit::web::{Reply, Web};

use crate::certificates::{Authority, days};

/// What it takes to answer on a bad day: more than half of the time that its check has, and not all of it.
const SLOW: Duration = Duration::from_millis(2500);

/// How the endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mood {
    /// Answers 200 at once.
    Good = 0,
    /// Answers 500.
    Broken = 1,
    /// Answers 200 after some seconds.
    Slow = 2,
}

/// The running endpoint.
pub struct Payments {
    web: Web,
    mood: Arc<AtomicU8>,
}

impl Payments {
    /// Starts it with a certificate of this authority.
    pub(crate) async fn start(authority: &Authority) -> Result<Self> {
        let mood = Arc::new(AtomicU8::new(Mood::Good as u8));
        let shared = Arc::clone(&mood);
        let mut identity = authority.leaf("payments", days(30), days(60))?;
        identity.certificate_pem = authority.chain(&identity).chain_pem;
        let web = Web::start_tls(&identity, move |_| {
            let body = serde_json::json!({"status": "operational"});
            let good = Reply::json(200, &body);
            match shared.load(Ordering::Relaxed) {
                mood if mood == Mood::Broken as u8 => Reply::text(500, "internal error").into(),
                mood if mood == Mood::Slow as u8 => good.after(SLOW).into(),
                _ => good.into(),
            }
        });
        Ok(Self { web: web.await?, mood })
    }

    /// What is probed.
    pub fn url(&self) -> String {
        format!("https://localhost:{}/v1/status", self.web.address().port())
    }

    /// Changes how it is.
    pub fn set(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::Relaxed);
    }

    /// Whether it is good.
    pub fn is_good(&self) -> bool {
        self.mood.load(Ordering::Relaxed) == Mood::Good as u8
    }
}
