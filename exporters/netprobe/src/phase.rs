//! The steps of a connection, and how long each of them took.

use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::failure::{Failure, Reason};

/// A step of a connection. The order is that in which they happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The name becomes addresses.
    Resolve,
    /// TCP connects, to the address that won.
    Connect,
    /// A proxy makes a tunnel for us.
    Proxy,
    /// The protocol on the connection is told to go on in TLS.
    StartTls,
    /// TLS, up to its last message of the handshake and no further.
    Tls,
    /// Something to log in with is fetched from elsewhere.
    Token,
    /// A request is written.
    Send,
    /// The answer's first byte comes.
    FirstByte,
    /// The rest of the answer comes.
    Transfer,
    /// The answer is compared with what it shall be.
    Check,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Self; 10] = [
        Self::Resolve,
        Self::Connect,
        Self::Proxy,
        Self::StartTls,
        Self::Tls,
        Self::Token,
        Self::Send,
        Self::FirstByte,
        Self::Transfer,
        Self::Check,
    ];

    /// Its name in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Proxy => "proxy",
            Self::StartTls => "starttls",
            Self::Tls => "tls",
            Self::Token => "token",
            Self::Send => "send",
            Self::FirstByte => "first_byte",
            Self::Transfer => "transfer",
            Self::Check => "check",
        }
    }
}

/// Nanoseconds in 48 bits, which are three days: times go with every failure, and those are to stay small.
type Nanos = [u16; 3];

/// A phase that was not reached.
const UNREACHED: Nanos = [u16::MAX; 3];

/// The longest time.
const MAX_NANOS: u64 = (1 << 48) - 2;

fn stored(nanos: u64) -> Nanos {
    let nanos = nanos.min(MAX_NANOS);
    // each part is below 2^16
    [nanos >> 32, nanos >> 16, nanos].map(|part| u16::try_from(part & 0xffff).unwrap_or(u16::MAX))
}

fn nanos(stored: Nanos) -> u64 {
    stored.iter().fold(0, |nanos, part| nanos << 16 | u64::from(*part))
}

/// How long each phase took that was reached, the one that failed included.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Timings([Nanos; Phase::ALL.len()]);

impl Timings {
    /// No phase was reached.
    pub const NONE: Self = Self([UNREACHED; Phase::ALL.len()]);

    /// Adds time to a phase, which counts as reached from now on.
    pub fn add(&mut self, phase: Phase, took: Duration) {
        if let Some(entry) = self.0.get_mut(phase as usize) {
            let before = if *entry == UNREACHED { 0 } else { nanos(*entry) };
            let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
            *entry = stored(before.saturating_add(took));
        }
    }

    /// Adds all times of a later part of the same connection.
    pub fn join(&mut self, later: &Self) {
        for (phase, took) in later.iter() {
            self.add(phase, took);
        }
    }

    /// What a phase took, if it was reached.
    pub fn get(&self, phase: Phase) -> Option<Duration> {
        let entry = self.0.get(phase as usize).filter(|entry| **entry != UNREACHED);
        entry.map(|entry| Duration::from_nanos(nanos(*entry)))
    }

    /// The phases that were reached, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Phase, Duration)> {
        Phase::ALL.into_iter().filter_map(|phase| self.get(phase).map(|took| (phase, took)))
    }

    /// All phases together.
    pub fn total(&self) -> Duration {
        self.iter().map(|(_, took)| took).sum()
    }

    /// Does a phase's work until `deadline` and writes down how long it took, whether it succeeds or not.
    pub async fn measure<T>(
        &mut self,
        phase: Phase,
        deadline: Instant,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let start = Instant::now();
        let done = timeout_at(deadline, work).await;
        self.add(phase, start.elapsed());
        done.unwrap_or_else(|_| Err(Failure::new(phase, Reason::Timeout)))
    }
}

impl Default for Timings {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Debug for Timings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_stand_in_their_order() {
        for (index, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phase as usize, index, "{}", phase.as_str());
        }
    }

    #[test]
    fn times_add_up_and_unreached_phases_have_none() {
        let mut timings = Timings::default();
        assert_eq!(timings.iter().count(), 0);
        timings.add(Phase::Tls, Duration::from_millis(2));
        timings.add(Phase::Resolve, Duration::ZERO);
        let mut later = Timings::NONE;
        later.add(Phase::Tls, Duration::from_millis(3));
        timings.join(&later);
        assert_eq!(
            timings.iter().collect::<Vec<_>>(),
            [(Phase::Resolve, Duration::ZERO), (Phase::Tls, Duration::from_millis(5))]
        );
        assert_eq!(timings.get(Phase::Connect), None);
        assert_eq!(timings.total(), Duration::from_millis(5));
        timings.add(Phase::Tls, Duration::MAX);
        assert!(timings.get(Phase::Tls).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_phase_ends_at_the_deadline_and_is_measured_all_the_same() {
        let mut timings = Timings::NONE;
        let deadline = Instant::now() + Duration::from_secs(3);
        let failure =
            timings.measure::<()>(Phase::Connect, deadline, std::future::pending()).await.unwrap_err();
        assert_eq!((failure.phase, failure.reason), (Phase::Connect, Reason::Timeout));
        assert_eq!(timings.get(Phase::Connect), Some(Duration::from_secs(3)));
    }
}
