//! Which format and compression an answer has: by the q-values of `Accept` and `Accept-Encoding` (RFC 9110, 12.4
//! and 12.5), never by looking for a substring.

/// A format of the metrics page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4; what `*/*`, curl and old agents get.
    Text,
    /// OpenMetrics 1.0, with the escaping scheme to repeat in the answer.
    OpenMetrics(Escaping),
}

/// The escaping scheme a Prometheus 3 server asks for. Our names are plain ASCII, which every scheme here leaves as
/// they are, so claiming it is true. `dots` would double underscores: it is not claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escaping {
    /// None was asked for, or one that we do not claim.
    Unsaid,
    /// `escaping=allow-utf-8`
    AllowUtf8,
    /// `escaping=underscores`
    Underscores,
    /// `escaping=values`
    Values,
}

/// How an answer's bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    Identity,
    /// gzip.
    Gzip,
}

impl Format {
    /// The `Content-Type` of a page in this format.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics(Escaping::Unsaid) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
            Self::OpenMetrics(Escaping::AllowUtf8) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
            }
            Self::OpenMetrics(Escaping::Underscores) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
            }
            Self::OpenMetrics(Escaping::Values) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=values"
            }
        }
    }
}

impl Compression {
    /// The `Content-Encoding` of a page compressed so; none for plain bytes.
    pub fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
        }
    }
}

/// The format with the highest q that we speak; the first of equals; text 0.0.4 when nothing fits or is asked for.
pub fn negotiate_format(accept: &str) -> Format {
    best(accept, offered_format).unwrap_or(Format::Text)
}

/// gzip when the client prefers it to plain bytes or is indifferent.
pub fn negotiate_compression(accept_encoding: &str) -> Compression {
    let quality_of = |name: &str| {
        let named = ranges(accept_encoding).find(|range| range.name.eq_ignore_ascii_case(name));
        named.or_else(|| ranges(accept_encoding).find(|range| range.name == "*")).map(|range| range.quality)
    };
    let gzip = quality_of("gzip").unwrap_or(0);
    let named_identity = ranges(accept_encoding).find(|range| range.name.eq_ignore_ascii_case("identity"));
    let identity = named_identity.map_or(0, |range| range.quality);
    if gzip > 0 && gzip >= identity { Compression::Gzip } else { Compression::Identity }
}

fn offered_format(range: &Range<'_>) -> Option<Format> {
    match range.name.to_ascii_lowercase().as_str() {
        "application/openmetrics-text" => {
            if !matches!(range.parameter("version"), None | Some("1.0.0")) {
                return None;
            }
            Some(Format::OpenMetrics(match range.parameter("escaping") {
                Some("allow-utf-8") => Escaping::AllowUtf8,
                Some("underscores") => Escaping::Underscores,
                Some("values") => Escaping::Values,
                _ => Escaping::Unsaid,
            }))
        }
        "text/plain" => matches!(range.parameter("version"), None | Some("0.0.4")).then_some(Format::Text),
        "text/*" | "*/*" => Some(Format::Text),
        _ => None,
    }
}

fn best<T>(header: &str, offered: impl Fn(&Range<'_>) -> Option<T>) -> Option<T> {
    let mut best: Option<(u16, T)> = None;
    for range in ranges(header).filter(|range| range.quality > 0) {
        if best.as_ref().is_none_or(|(quality, _)| range.quality > *quality)
            && let Some(found) = offered(&range)
        {
            best = Some((range.quality, found));
        }
    }
    best.map(|(_, found)| found)
}

/// One element of an `Accept` or `Accept-Encoding` header.
struct Range<'a> {
    name: &'a str,
    parameters: &'a str,
    /// The q-value in thousandths; 1000 when absent, 0 (refused) when it cannot be read.
    quality: u16,
}

impl<'a> Range<'a> {
    fn parse(element: &'a str) -> Self {
        let (name, parameters) = element.split_once(';').unwrap_or((element, ""));
        let mut range = Self { name: name.trim(), parameters, quality: 1000 };
        if let Some(quality) = range.parameter("q") {
            range.quality = parse_quality(quality);
        }
        range
    }

    fn parameter(&self, wanted: &str) -> Option<&'a str> {
        self.parameters.split(';').find_map(|parameter| {
            let (key, value) = parameter.split_once('=')?;
            key.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"'))
        })
    }
}

fn ranges(header: &str) -> impl Iterator<Item = Range<'_>> {
    header.split(',').filter(|element| !element.trim().is_empty()).map(Range::parse)
}

fn parse_quality(text: &str) -> u16 {
    match text.parse::<f64>() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
        Ok(quality) if (0.0..=1.0).contains(&quality) => (quality * 1000.0).round() as u16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Format = Format::OpenMetrics(Escaping::Unsaid);
    const OPEN_UTF8: Format = Format::OpenMetrics(Escaping::AllowUtf8);

    /// What Prometheus servers send, read off the wire.
    const PROMETHEUS_2_42: &str = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    const PROMETHEUS_2_53: &str = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    const PROMETHEUS_2_53_NATIVE: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.5,application/openmetrics-text;version=1.0.0;q=0.4,application/openmetrics-text;version=0.0.1;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
    const PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    const PROMETHEUS_3_NATIVE: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
    const CURL: &str = "*/*";

    #[test]
    fn formats() {
        for (accept, expected) in [
            (PROMETHEUS_2_42, OPEN),
            (PROMETHEUS_2_53, OPEN),
            (PROMETHEUS_2_53_NATIVE, OPEN),
            (PROMETHEUS_3, OPEN_UTF8),
            (PROMETHEUS_3_NATIVE, OPEN_UTF8),
            (CURL, Format::Text),
            ("", Format::Text),
            ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", Format::Text),
            (
                "text/plain;version=0.0.4;q=0.5, application/openmetrics-text;version=1.0.0;q=0.4",
                Format::Text,
            ),
            ("text/plain;q=0.5, application/openmetrics-text", OPEN),
            ("application/openmetrics-text;version=1.0.0;q=0", Format::Text),
            ("application/openmetrics-text;version=2.0.0", Format::Text),
            ("application/openmetrics-text;version=0.0.1", Format::Text),
            ("APPLICATION/OpenMetrics-Text; Version=\"1.0.0\"; Q=1", OPEN),
            ("application/openmetrics-text;version=1.0.0;escaping=dots", OPEN),
            ("application/openmetrics-text;q=nonsense,text/plain;q=0.1", Format::Text),
            (",,;;,=;q", Format::Text),
        ] {
            assert_eq!(negotiate_format(accept), expected, "{accept}");
        }
    }

    #[test]
    fn compressions() {
        for (accept, expected) in [
            ("gzip", Compression::Gzip),
            ("identity", Compression::Identity),
            ("gzip, deflate, br", Compression::Gzip),
            ("gzip;q=0", Compression::Identity),
            ("*", Compression::Gzip),
            ("gzip;q=0, *", Compression::Identity),
            ("identity;q=1, gzip;q=0.5", Compression::Identity),
            ("identity;q=0.5, gzip;q=0.5", Compression::Gzip),
            ("zstd", Compression::Identity),
            ("", Compression::Identity),
        ] {
            assert_eq!(negotiate_compression(accept), expected, "{accept}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_answered(header in ".{0,200}") {
            negotiate_format(&header);
            negotiate_compression(&header);
        }
    }
}
