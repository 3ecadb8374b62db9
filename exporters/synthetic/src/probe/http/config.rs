//! The section `http` of a module.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Version};
use toolkit::config::{Fields, Secret};

use super::coding::Coding;
use super::conditions::Conditions;
use crate::config::{ClientSettings, is_secret_header};
use crate::probe::Preference;

/// Who we say we are, unless the module says otherwise.
const AGENT: &str = concat!("synthetic-exporter/", env!("CARGO_PKG_VERSION"));

/// Versions of HTTP by the names that responses have, and one that people write.
const VERSIONS: [(&str, Version); 5] = [
    ("HTTP/1.0", Version::HTTP_10),
    ("HTTP/1.1", Version::HTTP_11),
    ("HTTP/2.0", Version::HTTP_2),
    ("HTTP/2", Version::HTTP_2),
    ("HTTP/3.0", Version::HTTP_3),
];

/// Headers that are made from the body, and not by hand.
const COMPUTED: [HeaderName; 2] = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING];

/// How a page is asked for, and what its answer has to be like.
#[derive(Clone, Debug)]
pub struct Http {
    /// The client.
    pub client: ClientSettings,
    /// Which IP protocol.
    pub preference: Preference,
    /// Whether a proxy alone resolves the target's name.
    pub skip_resolve_with_proxy: bool,
    /// The method.
    pub method: Method,
    /// The headers of the first request, without `Host`; what is secret is marked so.
    pub headers: HeaderMap,
    /// The header `Host`, instead of the target's.
    pub host: Option<String>,
    /// What is sent.
    pub body: RequestBody,
    /// Codes of a good answer; 2xx where there are none.
    pub statuses: Vec<RangeInclusive<u16>>,
    /// Whether HTTP/3 is wanted, which is not spoken.
    pub http3: bool,
    /// Versions of a good answer; any where there are none.
    pub versions: Vec<Version>,
    /// Whether TLS is a fault.
    pub fail_if_ssl: bool,
    /// Whether the lack of it is.
    pub fail_if_not_ssl: bool,
    /// How the answer's body is compressed.
    pub coding: Coding,
    /// How long the answer's body may be.
    pub body_size_limit: Option<u64>,
    /// What a good answer is like.
    pub hard: Conditions,
    /// What an answer without a warning is like.
    pub soft: Option<Conditions>,
}

/// What a request brings with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestBody {
    /// Nothing.
    None,
    /// This.
    Inline(Bytes),
    /// What is in a file when the request is made.
    File(PathBuf),
}

/// How servers are reached: what several requests have in common.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    pub(crate) client: ClientSettings,
    pub(crate) preference: Preference,
    pub(crate) skip_resolve_with_proxy: bool,
}

impl Base {
    /// Reads its keys.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Self {
        Self {
            client: ClientSettings::decode(fields),
            preference: Preference::decode(fields),
            skip_resolve_with_proxy: fields.bool("skip_resolve_phase_with_proxy").unwrap_or(false),
        }
    }
}

impl Http {
    /// Reads the section.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let base = Base::decode(fields);
        Self::decode_on(base, fields)
    }

    /// Reads all other keys.
    pub(crate) fn decode_on(base: Base, fields: &mut Fields<'_>) -> Option<Self> {
        let Base { mut client, preference, skip_resolve_with_proxy } = base;
        if let Some(keep) = fields.bool("no_follow_redirects") {
            client.follow_redirects = !keep;
        }
        let versions = fields.list("valid_http_versions", |item| item.choice(&VERSIONS));
        let http3 = http3(fields, &versions, client.http2);
        let coding = coding(fields);
        let (headers, host) = headers(fields, coding);
        let method = fields.string("method").filter(|text| !text.is_empty()).map(|text| {
            Method::from_bytes(text.as_bytes())
                .map_err(|_invalid| fields.problem("method", "expected a method such as GET"))
        });
        Some(Self {
            client,
            preference,
            skip_resolve_with_proxy,
            method: method.map_or(Some(Method::GET), Result::ok)?,
            headers,
            host,
            body: body(fields),
            statuses: fields.list("valid_status_codes", |item| item.parsed(statuses)),
            http3,
            versions,
            fail_if_ssl: fields.bool("fail_if_ssl").unwrap_or(false),
            fail_if_not_ssl: fields.bool("fail_if_not_ssl").unwrap_or(false),
            coding,
            body_size_limit: fields.parsed("body_size_limit", size).flatten(),
            hard: Conditions::decode(fields, "fail_if_"),
            soft: Conditions::decode_soft(fields),
        })
    }

    /// Whether a request may name another host for the header `Host`.
    ///
    /// # Errors
    /// The module names another one.
    pub(crate) fn takes_hostname(&self, hostname: &str) -> Result<(), String> {
        match &self.host {
            Some(host) if host != hostname => {
                Err("the module sets another Host than the parameter `hostname`".to_owned())
            }
            _ if HeaderValue::from_str(hostname).is_err() => Err("`hostname` is no host's name".to_owned()),
            _ => Ok(()),
        }
    }

    /// Whether a status is a good one.
    pub(crate) fn is_valid(&self, status: u16) -> bool {
        if self.statuses.is_empty() {
            return (200..300).contains(&status);
        }
        self.statuses.iter().any(|range| range.contains(&status))
    }

    /// Whether a body has to be read as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        self.hard.wants_json() || self.soft.as_ref().is_some_and(Conditions::wants_json)
    }

    /// Whether requests hold something that only some targets may get.
    pub(crate) fn has_credentials(&self) -> bool {
        self.client.has_credentials() || self.headers.values().any(HeaderValue::is_sensitive)
    }
}

/// Whether a module asks for HTTP/3. It is not spoken: its probes fail with a clear word, while the file of a whole team,
/// blackbox_exporter's own among them, is not refused for one module.
fn http3(fields: &mut Fields<'_>, versions: &[Version], http2: bool) -> bool {
    let wanted = fields.bool("enable_http3").unwrap_or(false);
    if !wanted {
        if versions.contains(&Version::HTTP_3) {
            fields.problem("valid_http_versions", "HTTP/3.0 needs `enable_http3: true`");
        }
        return false;
    }
    if versions.iter().any(|version| *version != Version::HTTP_3) {
        fields.problem("valid_http_versions", "with `enable_http3` only HTTP/3.0 is a valid version");
    }
    if http2 {
        fields.problem("enable_http3", "`enable_http3` needs `enable_http2: false`");
    }
    tracing::warn!(
        "HTTP/3 is not spoken: probes of a module with enable_http3 fail (hint: probe HTTP/2 on the same port)"
    );
    true
}

fn coding(fields: &mut Fields<'_>) -> Coding {
    let text = fields.string("compression").unwrap_or_default().to_ascii_lowercase();
    if text.is_empty() {
        return Coding::Identity;
    }
    let found = Coding::ALL.iter().find(|(name, _)| *name == text);
    if found.is_none() {
        fields.problem("compression", "expected one of identity, gzip, deflate, br");
    }
    found.map(|(_, coding)| *coding).unwrap_or_default()
}

/// The headers, and `Host`, which is none of them here.
fn headers(fields: &mut Fields<'_>, coding: Coding) -> (HeaderMap, Option<String>) {
    let (mut headers, mut host) = (HeaderMap::new(), None);
    let compression =
        fields.has("compression") && fields.string("compression").is_some_and(|text| !text.is_empty());
    fields.map("headers", |name, item| {
        let Ok(known) = HeaderName::from_bytes(name.as_bytes()) else {
            item.problem(format!("{name:?} is no header's name"));
            return None;
        };
        if known == header::HOST {
            host = item.string().filter(|host| !host.is_empty());
            return Some(());
        }
        if COMPUTED.contains(&known) {
            tracing::warn!(
                header = name,
                "the header is made from the body, and what the file says is not sent"
            );
            item.string()?;
            return Some(());
        }
        let secret = is_secret_header(known.as_str());
        let mut value = if secret {
            let text: Secret = item.secret()?;
            HeaderValue::from_str(text.expose())
                .map_err(|_invalid| item.problem("this cannot stand in a header"))
                .ok()?
        } else {
            item.parsed(HeaderValue::from_str)?
        };
        value.set_sensitive(secret);
        if known == header::ACCEPT_ENCODING
            && compression
            && !accepts(value.to_str().unwrap_or_default(), coding)
        {
            item.problem("`compression` is not among the encodings that this header asks for");
        }
        headers.insert(known, value);
        Some(())
    });
    if !headers.contains_key(header::USER_AGENT) {
        headers.insert(header::USER_AGENT, HeaderValue::from_static(AGENT));
    }
    (headers, host)
}

/// Whether an `Accept-Encoding` asks for a compression: as blackbox_exporter, the encoding with the highest quality that
/// names it or `*` says so.
fn accepts(header: &str, coding: Coding) -> bool {
    let name = Coding::ALL.iter().find(|(_, known)| *known == coding).map_or("", |(name, _)| *name);
    let mut asked: Vec<(&str, f64)> = header
        .split(',')
        .map(|part| match part.rsplit_once(';') {
            None => (part.trim(), 1.0),
            Some((encoding, quality)) => {
                let quality = quality.trim();
                let quality = quality.strip_prefix("q=").unwrap_or(quality);
                (encoding.trim(), quality.parse().unwrap_or(0.0))
            }
        })
        .collect();
    asked.sort_by(|one, other| other.1.total_cmp(&one.1));
    let found = asked.iter().find(|(encoding, _)| *encoding == name || *encoding == "*");
    header.is_empty() || found.is_some_and(|(_, quality)| *quality > 0.0)
}

fn body(fields: &mut Fields<'_>) -> RequestBody {
    let text = fields.string("body").filter(|text| !text.is_empty());
    let given = fields.string("body_file").is_some_and(|text| !text.is_empty());
    let file = if given { fields.path("body_file") } else { None };
    if text.is_some() && file.is_some() {
        fields.problem("body_file", "`body` and `body_file` cannot both be set");
    }
    match (text, file) {
        (Some(text), _) => RequestBody::Inline(text.into()),
        (None, Some(file)) => RequestBody::File(file),
        (None, None) => RequestBody::None,
    }
}

/// `200`, `200-299`, `2xx`
fn statuses(text: &str) -> Result<RangeInclusive<u16>, &'static str> {
    const EXPECTED: &str = "expected a status such as 200, 200-299 or 2xx";
    let code =
        |text: &str| text.parse::<u16>().ok().filter(|code| (100..1000).contains(code)).ok_or(EXPECTED);
    if let Some(class) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
        let class = class.parse::<u16>().ok().filter(|class| (1..=9).contains(class)).ok_or(EXPECTED)?;
        return Ok(class * 100..=class * 100 + 99);
    }
    let (from, to) = match text.split_once('-') {
        Some((from, to)) => (code(from.trim())?, code(to.trim())?),
        None => (code(text)?, code(text)?),
    };
    if from > to { Err("the range ends before it begins") } else { Ok(from..=to) }
}

/// A number of bytes: `1MB` and `1MiB` are both 2^20, as with blackbox_exporter; 0 and less are no limit.
fn size(text: &str) -> Result<Option<u64>, &'static str> {
    const EXPECTED: &str = "expected a size such as 512KB, 1MB or 10MiB";
    const UNITS: [(&str, u32); 14] = [
        ("", 0),
        ("B", 0),
        ("KB", 10),
        ("KiB", 10),
        ("MB", 20),
        ("MiB", 20),
        ("GB", 30),
        ("GiB", 30),
        ("TB", 40),
        ("TiB", 40),
        ("PB", 50),
        ("PiB", 50),
        ("EB", 60),
        ("EiB", 60),
    ];
    let (negative, mut rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let mut total: u64 = 0;
    if rest.is_empty() {
        return Err(EXPECTED);
    }
    while !rest.is_empty() {
        let end = rest.find(|next: char| !next.is_ascii_digit() && next != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let end = after.find(|next: char| next.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let (_, bits) = UNITS.iter().find(|(name, _)| *name == unit).ok_or(EXPECTED)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let whole: u64 = whole.parse().map_err(|_invalid| EXPECTED)?;
        let thousandths: u64 = format!("{fraction:0<3.3}").parse().map_err(|_invalid| EXPECTED)?;
        let bytes =
            whole.checked_mul(1 << bits).and_then(|bytes| bytes.checked_add((thousandths << bits) / 1000));
        total = bytes.and_then(|bytes| bytes.checked_add(total)).ok_or("the size is too large")?;
        rest = after;
    }
    Ok((!negative && total > 0).then_some(total))
}

#[cfg(test)]
mod tests {
    use toolkit::config::{ConfigError, Document};

    use super::*;

    fn http(text: &str) -> Result<Option<Http>, ConfigError> {
        Document::parse("x.yml", text)?.decode(|mut fields| Http::decode(&mut fields))
    }

    /// blackbox_exporter's `TestIsEncodingAcceptable`.
    #[test]
    fn is_encoding_acceptable() {
        for (coding, header, expected) in [
            (Coding::Gzip, "gzip", true),
            (Coding::Gzip, "gzip;q=1.0", true),
            (Coding::Gzip, "gzip, compress", true),
            (Coding::Gzip, "compress, gzip", true),
            (Coding::Brotli, "gzip, compress", false),
            (Coding::Brotli, "gzip, compress, *", true),
            (Coding::Brotli, "gzip, compress, *;q=0.1", true),
            (Coding::Brotli, "gzip, compress, br;q=0.0", false),
            (Coding::Brotli, "gzip, compress, *;q=0.0", false),
            (Coding::Brotli, "gzip;q=1.0, compress;q=0.5, br;q=0.1, *;q=0.0", true),
            (Coding::Brotli, "*;q=0.0, compress;q=0.5, br;q=0.1, gzip;q=1.0", true),
            (Coding::Brotli, " gzip;q=1.0, compress; q=0.5, br;q=0.1, *; q=0.0 ", true),
            (Coding::Gzip, "", true),
        ] {
            assert_eq!(accepts(header, coding), expected, "{coding:?} {header}");
        }
    }

    #[test]
    fn sizes_are_those_of_powers_of_two() {
        for (text, expected) in [
            ("128B", Ok(Some(128))),
            ("1MB", Ok(Some(1 << 20))),
            ("1MiB", Ok(Some(1 << 20))),
            ("1.5KB", Ok(Some(1536))),
            ("1MB512KB", Ok(Some((1 << 20) + (512 << 10)))),
            ("128", Ok(Some(128))),
            ("0", Ok(None)),
            ("-1B", Ok(None)),
            ("1mb", Err("expected a size such as 512KB, 1MB or 10MiB")),
            ("", Err("expected a size such as 512KB, 1MB or 10MiB")),
            ("99999EB", Err("the size is too large")),
        ] {
            assert_eq!(size(text), expected, "{text}");
        }
    }

    #[test]
    fn codes_ranges_and_classes() {
        let settings = http("{valid_status_codes: [200, '301-308', 4xx]}").unwrap().unwrap();
        for (status, expected) in
            [(200, true), (201, false), (301, true), (308, true), (404, true), (500, false)]
        {
            assert_eq!(settings.is_valid(status), expected, "{status}");
        }
        let usual = http("{valid_status_codes: []}").unwrap().unwrap();
        assert!(usual.is_valid(299) && !usual.is_valid(300));
    }

    #[test]
    fn what_is_refused_when_the_file_is_loaded() {
        for (text, expected) in [
            ("{enable_http3: true}", "needs `enable_http2: false`"),
            (
                "{enable_http3: true, enable_http2: false, valid_http_versions: [HTTP/1.1]}",
                "only HTTP/3.0 is a valid version",
            ),
            ("{valid_http_versions: [HTTP/3.0]}", "needs `enable_http3: true`"),
            ("{valid_http_versions: [HTTP/4.0]}", "expected one of"),
            ("{valid_status_codes: [2000]}", "expected a status"),
            ("{valid_status_codes: ['299-200']}", "ends before it begins"),
            ("{body: a, body_file: b}", "cannot both be set"),
            ("{fail_if_body_matches_regexp: [':[']}", "is not a valid regular expression"),
            ("{fail_if_body_not_matches_regexp: [':[']}", "is not a valid regular expression"),
            (
                "{fail_if_header_not_matches: [{header: A, regexp: ':['}]}",
                "is not a valid regular expression",
            ),
            ("{fail_if_header_not_matches: [{header: A}]}", "missing required key `regexp`"),
            ("{fail_if_header_matches: [{regexp: a}]}", "missing required key `header`"),
            ("{fail_if_body_json_matches_cel: 'foo.bar'}", "unknown name `foo`"),
            ("{fail_if_body_json_matches_cel: ''}", "the expression ends too early"),
            ("{compression: gzip, headers: {Accept-Encoding: deflate}}", "not among the encodings"),
            ("{compression: gzip, headers: {accEpt-enCoding: deflate}}", "not among the encodings"),
            ("{compression: gzip, headers: {Accept-Encoding: '*;q=0.0'}}", "not among the encodings"),
            ("{compression: lzma}", "expected one of identity"),
            ("{headers: {Authorization: \"s3cret\\nx\"}}", "cannot stand in a header"),
            ("{method: 'G T'}", "expected a method"),
            ("{warn: {certificate_remaining_ratio: 2}}", "from 0 to 1"),
            ("{warn: {if_body_json_matches_cel: 'foo'}}", "unknown name `foo`"),
            ("{security_headers: [hsts]}", "expected one of"),
            ("{fail_if_bdoy: 1}", "unknown key"),
        ] {
            let problem = http(text).expect_err(text).to_string();
            assert!(problem.contains(expected) && !problem.contains("s3cret"), "{text}: {problem}");
        }
    }

    #[test]
    fn headers_of_the_first_request() {
        let settings = http("{headers: {Host: a.example, user-agent: me, X-Token: t, Content-Length: 7}}")
            .unwrap()
            .unwrap();
        assert_eq!((settings.host.as_deref(), settings.headers.len()), (Some("a.example"), 2));
        assert!(settings.has_credentials() && settings.headers.get("x-token").unwrap().is_sensitive());
        let plain = http("{no_follow_redirects: true}").unwrap().unwrap();
        assert!(!plain.has_credentials() && !plain.client.follow_redirects);
        assert!(
            plain.headers.get("user-agent").unwrap().to_str().unwrap().starts_with("synthetic-exporter/")
        );
    }
}
