//! A request for a probe, by blackbox_exporter's rules.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use toolkit::app::{ProbeError, ProbeRequest};
use toolkit::scrape::without_offset;

use crate::config::{Config, Module};
use crate::probe::Job;

/// The module when a request names none.
const DEFAULT_MODULE: &str = "http_2xx";

/// How long a probe may take when its client does not say: blackbox_exporter's 120 s.
const DEFAULT_BUDGET: Duration = Duration::from_mins(2);

/// Characters of a target. URLs are shorter; what is longer is no target.
const MAX_TARGET: usize = 8 << 10;

/// What a request asks for.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// The module's name.
    pub module_name: &'a str,
    /// The module.
    pub module: &'a Arc<Module>,
    /// The target, decoded once more than the query was.
    pub target: Cow<'a, str>,
    /// The name to ask for instead of the target's.
    pub hostname: Option<&'a str>,
    /// Whether the file itself names this target for this module: then the module's credentials may go there.
    pub configured: bool,
}

/// Why a request is not answered with a probe.
#[derive(Debug)]
pub struct Refused {
    /// Whether it names a module that is not there.
    pub unknown_module: bool,
    error: ProbeError,
}

impl From<Refused> for ProbeError {
    fn from(refused: Refused) -> Self {
        refused.error
    }
}

impl<'a> Asked<'a> {
    /// Reads a request.
    ///
    /// # Errors
    /// The module is not known, the target is missing, or the host name goes against the module's.
    pub fn of(request: &'a ProbeRequest, config: &'a Config) -> Result<Self, Refused> {
        let bad = |message: String| Refused { unknown_module: false, error: ProbeError::BadRequest(message) };
        let module_name = request.parameter("module").unwrap_or(DEFAULT_MODULE);
        let module = config.modules.get(module_name).ok_or_else(|| {
            let refused =
                bad(format!("Unknown module {module_name:?} (hint: /config shows those that are there)"));
            Refused { unknown_module: true, ..refused }
        })?;
        let target = request.parameter("target");
        let target = target
            .ok_or_else(|| bad("Target parameter is missing (hint: ?target=HOST:PORT or URL)".to_owned()))?;
        if target.len() > MAX_TARGET {
            return Err(bad(format!("the target is longer than {MAX_TARGET} bytes")));
        }
        let hostname = request.parameter("hostname");
        if let Some(hostname) = hostname {
            module.prober.takes_hostname(hostname).map_err(bad)?;
        }
        let target = unescape(target);
        let configured = config.checks.name(module, &target);
        Ok(Self { module_name, module, target, hostname, configured })
    }

    /// What is to be probed until `deadline`.
    pub fn job(&self, deadline: Instant) -> Job<'_> {
        let (module, hostname) = (&**self.module, self.hostname);
        Job { module, target: &self.target, hostname, configured: self.configured, deadline }
    }
}

/// How long a probe may take, by the scrape timeout as the client sent it.
///
/// # Errors
/// It is no number, for which blackbox_exporter answers 500.
pub fn budget(timeout: Option<&str>, offset: Duration) -> Result<Duration, ProbeError> {
    let text = timeout.map(str::trim).unwrap_or_default();
    let asked = if text.is_empty() {
        0.0
    } else {
        text.parse::<f64>().map_err(|_invalid| {
            let message = "Failed to parse timeout from Prometheus header: it is no number of seconds";
            ProbeError::Internal(message.to_owned())
        })?
    };
    let asked = if asked > 0.0 {
        // more than a duration can hold is as much as there is
        Duration::try_from_secs_f64(asked).unwrap_or(Duration::MAX)
    } else {
        DEFAULT_BUDGET
    };
    Ok(without_offset(asked, offset))
}

/// A target that was encoded twice, as some clients do; one that cannot be decoded again stays as it is.
fn unescape(target: &str) -> Cow<'_, str> {
    if !target.contains(['%', '+']) {
        return Cow::Borrowed(target);
    }
    let mut bytes = Vec::with_capacity(target.len());
    let mut rest = target.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else { return Cow::Borrowed(target) };
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(target), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets() {
        for (timeout, offset_ms, expected_ms) in [
            (Some("15"), 500, Some(14_500)),
            (Some("15"), 0, Some(15_000)),
            (Some("10"), 500, Some(9_500)),
            (Some("1e1"), 500, Some(9_500)),
            (None, 500, Some(119_500)),
            (None, 0, Some(120_000)),
            (Some(""), 500, Some(119_500)),
            (Some("0"), 500, Some(119_500)),
            (Some("-1"), 500, Some(119_500)),
            (Some("NaN"), 500, Some(119_500)),
            (Some("0.3"), 500, Some(150)),
            (Some("inf"), 500, Some(299_500)),
            (Some("abc"), 500, None),
        ] {
            let found = budget(timeout, Duration::from_millis(offset_ms)).ok();
            assert_eq!(found, expected_ms.map(Duration::from_millis), "{timeout:?}");
        }
    }

    #[test]
    fn targets_are_decoded_once_more() {
        for (target, expected) in [
            ("http://127.0.0.1%3A80", "http://127.0.0.1:80"),
            ("a+b", "a b"),
            ("http://a/%41%2", "http://a/%41%2"),
            ("http://a/%zz", "http://a/%zz"),
            ("http://a/%ff", "http://a/%ff"),
            ("http://a/x", "http://a/x"),
        ] {
            assert_eq!(unescape(target), expected, "{target}");
        }
    }
}
