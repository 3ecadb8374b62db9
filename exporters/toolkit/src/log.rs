//! Logs: one line an event on standard error, as logfmt or JSON, with the fields of the spans around it.
//!
//! ```text
//! time=2026-08-01T12:00:00.250Z level=info msg="listening" address=127.0.0.1:9121 request_id=7f3a
//! ```
//!
//! Invariants:
//! - One event is one line, written at once: no value may bring a line break or a control character out.
//! - Credentials of URLs and values named like a secret must never come out, whatever a library logs.
//! - Libraries below us are heard from `warn` on, unless `debug` or their own target is asked for.

mod line;

use std::fmt;
use std::io::Write;
use std::str::FromStr;

use jiff::Timestamp;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use line::{Line, Values};

/// Logs to standard error for the rest of the process.
///
/// Says `false` when somebody (another program in the same test process) did so before; then theirs stays.
pub fn init(levels: &Levels, format: Format) -> bool {
    tracing::subscriber::set_global_default(subscriber(levels, format, std::io::stderr)).is_ok()
}

/// A subscriber that writes to `writer`, for `tracing::subscriber::with_default` and for [`init`].
pub fn subscriber<W>(levels: &Levels, format: Format, writer: W) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    with_clock(levels, format, writer, Timestamp::now)
}

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `key=value key="two words"`
    #[default]
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// What is logged: a level, and other levels for some targets: `info,hyper=debug`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels {
    general: LevelFilter,
    targets: Vec<(String, LevelFilter)>,
}

/// A log level or format that is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The level is none of ours.
    #[error(
        "unknown log level {0:?} (hint: one of debug, info, warn, error, perhaps with targets: info,hyper=debug)"
    )]
    Level(String),
    /// The format is none of ours.
    #[error("unknown log format {0:?} (hint: one of logfmt, json)")]
    Format(String),
}

impl Levels {
    /// Everything that our own code says.
    pub fn debug() -> Self {
        Self { general: LevelFilter::DEBUG, targets: Vec::new() }
    }
}

impl Default for Levels {
    fn default() -> Self {
        Self { general: LevelFilter::INFO, targets: Vec::new() }
    }
}

impl FromStr for Levels {
    type Err = LogError;

    fn from_str(text: &str) -> Result<Self, LogError> {
        let mut levels = Self::default();
        for part in text.split(',').map(str::trim) {
            let unknown = || LogError::Level(part.to_owned());
            match part.split_once('=') {
                None => levels.general = level(part).ok_or_else(unknown)?,
                Some(("", _)) => return Err(unknown()),
                Some((target, name)) => {
                    levels.targets.push((target.to_owned(), level(name).ok_or_else(unknown)?));
                }
            }
        }
        Ok(levels)
    }
}

impl fmt::Display for Levels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.general)?;
        self.targets.iter().try_for_each(|(target, level)| write!(formatter, ",{target}={level}"))
    }
}

impl FromStr for Format {
    type Err = LogError;

    fn from_str(text: &str) -> Result<Self, LogError> {
        match text {
            // the second is what programs call it whose logger is logrus
            "logfmt" | "txt" => Ok(Self::Logfmt),
            "json" => Ok(Self::Json),
            _ => Err(LogError::Format(text.to_owned())),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Logfmt => "logfmt",
            Self::Json => "json",
        })
    }
}

fn level(name: &str) -> Option<LevelFilter> {
    let levels = [
        ("debug", LevelFilter::DEBUG),
        ("info", LevelFilter::INFO),
        ("warn", LevelFilter::WARN),
        ("error", LevelFilter::ERROR),
        // logrus has these too
        ("trace", LevelFilter::DEBUG),
        ("warning", LevelFilter::WARN),
        ("fatal", LevelFilter::ERROR),
        ("panic", LevelFilter::ERROR),
    ];
    levels.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, level)| *level)
}

impl Levels {
    fn filter(&self) -> Targets {
        let libraries = if self.general >= LevelFilter::DEBUG { None } else { Some(&LIBRARIES) };
        let quiet = self.general.min(LevelFilter::WARN);
        Targets::new()
            .with_default(self.general)
            .with_targets(libraries.into_iter().flatten().map(|library| (*library, quiet)))
            .with_targets(self.targets.iter().cloned())
    }
}

fn with_clock<W>(
    levels: &Levels,
    format: Format,
    writer: W,
    now: fn() -> Timestamp,
) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::registry().with(levels.filter()).with(Lines { format, writer, now })
}

/// Writes each event as one line.
struct Lines<W> {
    format: Format,
    writer: W,
    now: fn() -> Timestamp,
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut values = Values::default();
            attributes.record(&mut values);
            span.extensions_mut().insert(values);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(values) = span.extensions_mut().get_mut::<Values>()
        {
            record.record(values);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut values = Values::default();
        event.record(&mut values);
        // Inner spans first: of fields with the same name, the nearest is the one that counts.
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(outer) = span.extensions().get::<Values>() {
                values.add_missing(outer);
            }
        }
        let level = event.metadata().level();
        let mut line = Line::new(self.format);
        line.text("time", &format!("{:.3}", (self.now)()));
        line.text("level", level_name(*level));
        line.values(&values);
        if *level >= Level::DEBUG {
            line.text("target", event.metadata().target());
        }
        // There is nobody to tell that the log cannot be written.
        let _lost = self.writer.make_writer().write_all(line.end().as_bytes());
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        _ => "debug",
    }
}

/// What we stand on; matched as prefixes of targets, so `tokio` is also `tokio_rustls`, and `postgres::` is not
/// `postgres_exporter`.
const LIBRARIES: [&str; 15] = [
    "axum",
    "h2",
    "hyper",
    "jiff",
    "lettre",
    "mio",
    "postgres::",
    "redis::",
    "reqwest",
    "rusqlite",
    "rustls",
    "tokio",
    "tower",
    "tracing",
    "want",
];

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::subscriber::with_default;
    use tracing::{debug, error, info, info_span, warn};

    use super::{Format, Levels, Timestamp, with_clock};

    /// What `log` writes at noon, with the given levels.
    fn written(levels: &str, format: Format, log: impl FnOnce()) -> String {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&lines);
        let open = move || Writer(Arc::clone(&writer));
        let noon = || Timestamp::from_millisecond(1_785_585_600_250).expect("a time in range");
        with_default(with_clock(&levels.parse().expect("known levels"), format, open, noon), log);
        String::from_utf8(lines.lock().expect("no writer panicked").clone()).expect("lines are text")
    }

    struct Writer(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Writer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no writer panicked").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[track_caller]
    fn check(log: impl Fn(), logfmt: &str, json: &str) {
        let logfmt = format!("time=2026-08-01T12:00:00.250Z {logfmt}\n");
        assert_eq!(written("info", Format::Logfmt, &log), logfmt);
        let json = format!("{{\"time\":\"2026-08-01T12:00:00.250Z\",{json}}}\n");
        assert_eq!(written("info", Format::Json, &log), json);
        serde_json::from_str::<serde_json::Value>(&json).expect("the line is JSON");
    }

    #[test]
    fn fields() {
        check(
            || info!(address = "127.0.0.1:9121", count = 3, ratio = 0.5, tls = true, "listening on all"),
            r#"level=info msg="listening on all" address=127.0.0.1:9121 count=3 ratio=0.5 tls=true"#,
            r#""level":"info","msg":"listening on all","address":"127.0.0.1:9121","count":3,"ratio":0.5,"tls":true"#,
        );
        check(|| warn!("plain"), "level=warn msg=plain", r#""level":"warn","msg":"plain""#);
        check(
            || error!(empty = "", debug = ?Some(1), nan = f64::NAN, r#type = "t"),
            r#"level=error empty="" debug=Some(1) nan=NaN type=t"#,
            r#""level":"error","empty":"","debug":"Some(1)","nan":"NaN","type":"t""#,
        );
        check(
            || info!(time = "noon", level = 5, msg = "other", "message"),
            "level=info msg=message time_=noon level_=5 msg_=other",
            r#""level":"info","msg":"message","time_":"noon","level_":5,"msg_":"other""#,
        );
    }

    #[test]
    fn nothing_breaks_the_line() {
        check(
            || info!(value = "a\nb\r\tc\u{1b}[31m\u{0}\u{2028}\u{202e}\"\\=é😀"),
            r#"level=info value="a\nb\r\tc\u001b[31m\u0000\u2028\u202e\"\\=é😀""#,
            r#""level":"info","value":"a\nb\r\tc\u001b[31m\u0000\u2028\u202e\"\\=é😀""#,
        );
        check(
            || info!("two\nlines level=error"),
            r#"level=info msg="two\nlines level=error""#,
            r#""level":"info","msg":"two\nlines level=error""#,
        );
        check(
            || info!({ "odd name=x\n" } = 1),
            "level=info odd_name_x_=1",
            r#""level":"info","odd name=x\n":1"#,
        );
    }

    #[test]
    fn spans() {
        check(
            || {
                let request =
                    info_span!("request", request_id = "7f3a", target = "a", late = tracing::field::Empty);
                request.in_scope(|| {
                    request.record("late", 5);
                    info_span!("inner", target = "b", count = 1).in_scope(|| info!(count = 2, "done"));
                });
            },
            "level=info msg=done count=2 target_=b request_id=7f3a late=5",
            r#""level":"info","msg":"done","count":2,"target_":"b","request_id":"7f3a","late":5"#,
        );
    }

    #[test]
    fn errors_with_their_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot scrape")]
        struct Outer(#[source] std::io::Error);
        let error = Outer(std::io::Error::other("refused"));
        check(
            || warn!(error = &error as &dyn std::error::Error, "x"),
            r#"level=warn msg=x error="cannot scrape: refused""#,
            r#""level":"warn","msg":"x","error":"cannot scrape: refused""#,
        );
    }

    #[test]
    fn secrets_stay_inside() {
        check(
            || info!(password = "hunter2", url = "redis://u:hunter2@h", tokens = 5, "at http://u:hunter2@h"),
            r#"level=info msg="at http://<secret>@h" password=<secret> url=redis://<secret>@h tokens=5"#,
            r#""level":"info","msg":"at http://<secret>@h","password":"<secret>","url":"redis://<secret>@h","tokens":5"#,
        );
        let long = written("info", Format::Logfmt, || info!(body = "x".repeat(1_000_000)));
        assert!(long.len() < 10_000 && long.ends_with("x…\n"));
    }

    #[test]
    fn levels() {
        let check = |levels: &str, expected: &str| {
            let lines = written(levels, Format::Logfmt, || {
                debug!(target: "ours", "od");
                info!(target: "ours", "oi");
                error!(target: "ours", "oe");
                debug!(target: "hyper::proto", "hd");
                info!(target: "hyper::proto", "hi");
                warn!(target: "hyper::proto", "hw");
                info!(target: "postgres_exporter", "pi");
            });
            let messages: Vec<&str> = lines.lines().filter_map(|line| line.split("msg=").nth(1)).collect();
            assert_eq!(messages.join(","), expected, "{levels}");
        };
        check("info", "oi,oe,hw,pi");
        check("WARN", "oe,hw");
        check("error", "oe");
        check("debug", "od target=ours,oi,oe,hd target=hyper::proto,hi,hw,pi");
        check("info,hyper=debug", "oi,oe,hd target=hyper::proto,hi,hw,pi");
        check("debug,hyper=warn", "od target=ours,oi,oe,hw,pi");
        check("error, postgres_exporter=info", "oe,pi");
    }

    #[test]
    fn unknown_words() {
        let level = |text: &str| text.parse::<Levels>().expect_err("unknown").to_string();
        let hint = "(hint: one of debug, info, warn, error, perhaps with targets: info,hyper=debug)";
        assert_eq!(level("loud"), format!("unknown log level \"loud\" {hint}"));
        assert_eq!(level("info,hyper=loud"), format!("unknown log level \"hyper=loud\" {hint}"));
        assert_eq!(level("=info"), format!("unknown log level \"=info\" {hint}"));
        assert_eq!(level(""), format!("unknown log level \"\" {hint}"));
        let format = "xml".parse::<Format>().expect_err("unknown").to_string();
        assert_eq!(format, "unknown log format \"xml\" (hint: one of logfmt, json)");
        assert_eq!("warn,hyper=debug".parse::<Levels>().expect("known").to_string(), "warn,hyper=debug");
    }
}
