//! Writers of the text format 0.0.4 and of OpenMetrics 1.0.
//!
//! Sources: prometheus.io "Exposition formats", and the OpenMetrics 1.0 specification.

use super::desc::Kind;
use super::negotiate::Format;
use super::number::{write_canonical_bound, write_value};
use super::page::{Finished, PageFamily};
use super::samples::{Part, Sample};

/// Appends one family of the page.
pub(super) fn write_family(page: &Finished, family: &PageFamily, format: Format, out: &mut Vec<u8>) {
    match format {
        Format::Text => write_text_family(page, family, out),
        Format::OpenMetrics(_) => write_open_metrics_family(page, family, out),
    }
}

/// Appends what stands after the last family.
pub(super) fn write_end(format: Format, out: &mut Vec<u8>) {
    if let Format::OpenMetrics(_) = format {
        out.extend_from_slice(b"# EOF\n");
    }
}

fn write_text_family(page: &Finished, family: &PageFamily, out: &mut Vec<u8>) {
    let name = page.name_of(family);
    let kind = match family.kind() {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
        Kind::Unknown => "untyped",
    };
    write_help(name, page.help_of(family), false, out);
    write_type(name, kind, out);
    for (sample, labels) in page.samples_of(family) {
        write_sample(name, sample, labels, write_value, out);
    }
}

fn write_open_metrics_family(page: &Finished, family: &PageFamily, out: &mut Vec<u8>) {
    let name = page.name_of(family);
    let help = page.help_of(family);
    let standard_quantiles = || {
        let outside = |sample: &Sample| sample.part == Part::Quantile && !(0.0..=1.0).contains(&sample.bound);
        !page.samples_of(family).any(|(sample, _)| outside(sample))
    };
    let (announced, kind) = match family.kind() {
        Kind::Counter => match name.strip_suffix("_total") {
            // without `_total`, and when the shortened name is taken, the family goes out as `unknown`:
            // a name must never change between formats
            Some(short) if !page.has_family(short) => (short, "counter"),
            _ => (name, "unknown"),
        },
        Kind::Gauge => (name, "gauge"),
        Kind::Histogram => (name, "histogram"),
        Kind::Summary if standard_quantiles() => (name, "summary"),
        Kind::Summary => return write_split_summary(page, family, out),
        Kind::Unknown => (name, "unknown"),
    };
    write_type(announced, kind, out);
    write_help(announced, help, true, out);
    for (sample, labels) in page.samples_of(family) {
        write_sample(name, sample, labels, write_canonical_bound, out);
    }
}

/// A summary whose quantiles are percentiles (redis_exporter's `quantile="99.9"`) is no summary to OpenMetrics. Its
/// three kinds of lines go out as families of their own, under the same names.
fn write_split_summary(page: &Finished, family: &PageFamily, out: &mut Vec<u8>) {
    let name = page.name_of(family);
    for (part, suffix) in [(Part::Quantile, ""), (Part::Count, "_count"), (Part::Sum, "_sum")] {
        let announced = format!("{name}{suffix}");
        write_type(&announced, "unknown", out);
        write_help(&announced, page.help_of(family), true, out);
        for (sample, labels) in page.samples_of(family).filter(|(sample, _)| sample.part == part) {
            write_sample(name, sample, labels, write_value, out);
        }
    }
}

fn write_type(name: &str, kind: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"# TYPE ");
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    out.extend_from_slice(kind.as_bytes());
    out.push(b'\n');
}

/// Help escapes backslash and line feed; OpenMetrics also the quote.
fn write_help(name: &str, help: &str, quotes: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"# HELP ");
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    let mut rest = help.as_bytes();
    while let Some(at) = memchr::memchr3(b'\\', b'\n', b'"', rest) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        out.extend_from_slice(match special.first() {
            Some(b'\\') => b"\\\\",
            Some(b'\n') => b"\\n",
            _ if quotes => b"\\\"",
            _ => b"\"",
        });
        rest = special.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out.push(b'\n');
}

fn write_sample(
    name: &str,
    sample: &Sample,
    labels: &str,
    write_bound: fn(&mut Vec<u8>, f64),
    out: &mut Vec<u8>,
) {
    let (suffix, bound_label): (&[u8], &[u8]) = match sample.part {
        Part::Value => (b"", b""),
        Part::Bucket => (b"_bucket", b"le=\""),
        Part::Quantile => (b"", b"quantile=\""),
        Part::Sum => (b"_sum", b""),
        Part::Count => (b"_count", b""),
    };
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(suffix);
    if !labels.is_empty() || !bound_label.is_empty() {
        out.push(b'{');
        out.extend_from_slice(labels.as_bytes());
        if !bound_label.is_empty() {
            if !labels.is_empty() {
                out.push(b',');
            }
            out.extend_from_slice(bound_label);
            write_bound(out, sample.bound);
            out.push(b'"');
        }
        out.push(b'}');
    }
    out.push(b' ');
    write_value(out, sample.value);
    out.push(b'\n');
}
