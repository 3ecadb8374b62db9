//! The functions that Alertmanager's templates have beside Go's own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use gotemplate::limits::MAX_BYTES;
use gotemplate::{
    Args, Failure, Function, List, Map, SafeHtml, SafeUrl, Signature, Str, Type, Value, quoted,
};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use toolkit::regexp::{self, Captures, Regex, RegexpError};

use super::time::{DURATION, Duration, TIME, Time, time_of};
use super::{duration, layout, title};

static TEXT: Signature = Signature::new(&[Type::String], Type::String);
static TWO_TEXTS: Signature = Signature::new(&[Type::String, Type::String], Type::Bool);
static THREE_TEXTS: Signature = Signature::new(&[Type::String, Type::String, Type::String], Type::String);
static JOIN: Signature = Signature::new(&[Type::String, Type::STRINGS], Type::String);
static STRINGS: Signature = Signature::new(&[], Type::STRINGS).and_more(Type::String);
static LIST: Signature = Signature::new(&[], Type::LIST).and_more(Type::Interface);
static APPEND: Signature = Signature::new(&[Type::LIST], Type::LIST).and_more(Type::Interface);
static DICT: Signature = Signature::new(&[], Type::DICT).and_more(Type::Interface);
static ANY: Signature = Signature::new(&[Type::Interface], Type::String);
static DATE: Signature = Signature::new(&[Type::String, Type::Named(&TIME)], Type::String);
static ZONE: Signature = Signature::new(&[Type::String, Type::Named(&TIME)], Type::Named(&TIME));
static NOW: Signature = Signature::new(&[], Type::Named(&TIME));
static SINCE: Signature = Signature::new(&[Type::Named(&TIME)], Type::Named(&DURATION));
static TO_DATE: Signature = Signature::new(&[Type::String, Type::String], Type::Named(&TIME));
static HTML: Signature = Signature::new(&[Type::String], SafeHtml::TYPE);
static URL: Signature = Signature::new(&[Type::String], SafeUrl::TYPE);

/// All of them. `now` is the time that templates see.
pub(super) fn all(now: Arc<dyn Fn() -> Timestamp + Send + Sync>) -> Vec<Function> {
    let (patterns, since) = (Arc::new(Patterns::default()), Arc::clone(&now));
    let replacing = Arc::clone(&patterns);
    vec![
        Function::new("toUpper", &TEXT, |args| Ok(title::upper(&args.text(0)).into())),
        Function::new("toLower", &TEXT, |args| Ok(lower(&args.text(0)).into())),
        Function::new("title", &TEXT, |args| Ok(title::title(&args.text(0)).into())),
        Function::new("trimSpace", &TEXT, |args| Ok(args.text(0).trim_matches(is_space).into())),
        Function::new("join", &JOIN, |args| {
            let texts: Vec<Str> = args.elements(1).iter().filter_map(Value::as_str).collect();
            Ok(joined(&args.str(0), &texts).into())
        }),
        Function::new("match", &TWO_TEXTS, move |args| {
            let pattern = patterns.get(&args.text(0)).map_err(|error| unreadable(&args.text(0), &error))?;
            Ok(pattern.is_match(&args.text(1)).into())
        }),
        Function::new("reReplaceAll", &THREE_TEXTS, move |args| replace(&replacing, args)),
        Function::new("safeHtml", &HTML, |args| Ok(SafeHtml(args.str(0)).into())),
        Function::new("safeUrl", &URL, |args| Ok(SafeUrl(args.str(0)).into())),
        Function::new("urlUnescape", &TEXT, |args| unescape(&args.str(0)).map(Value::from)),
        Function::new(
            "stringSlice",
            &STRINGS,
            |args| Ok(List::of(Type::STRINGS, args.all().to_vec()).into()),
        ),
        Function::new("date", &DATE, |args| {
            Ok(layout::format(&time_of(args.value(1)).0, &args.text(0)).into())
        }),
        Function::new("tz", &ZONE, |args| in_zone(&args.text(0), time_of(args.value(1)).0.timestamp())),
        Function::new("now", &NOW, move |_| Ok(Time::utc(now()).into())),
        Function::new("since", &SINCE, move |args| {
            Ok(Time::utc(since()).since(&time_of(args.value(0))).into())
        }),
        Function::new("toDate", &TO_DATE, |args| {
            Ok(layout::parse(&args.text(0), &args.text(1))
                .map_or_else(|_| Time::utc(super::time::ZERO), Time)
                .into())
        }),
        Function::new("mustToDate", &TO_DATE, |args| {
            Ok(Time(layout::parse(&args.text(0), &args.text(1)).map_err(Failure::new)?).into())
        }),
        Function::new("humanizeDuration", &ANY, |args| humanize(args.value(0)).map(Value::from)),
        Function::new("toJson", &ANY, |args| Ok(Str::from(gotemplate::json(args.value(0))?).into())),
        Function::new("base64encode", &TEXT, |args| Ok(URL_SAFE.encode(args.str(0).as_bytes()).into())),
        Function::new("base64decode", &TEXT, |args| decode(&args.text(0)).map(Value::from)),
        // routes have labels here only to be compatible
        Function::new("routeLabels", &TEXT, |_| Ok("".into())),
        Function::new("list", &LIST, |args| Ok(List::new(args.all().to_vec()).into())),
        Function::new("append", &APPEND, |args| {
            let mut elements = args.elements(0);
            elements.extend_from_slice(args.rest(1));
            Ok(List::new(elements).into())
        }),
        Function::new("dict", &DICT, dict),
    ]
}

/// Texts with a separator between them.
pub(super) fn joined(separator: &[u8], texts: &[Str]) -> Str {
    let mut out = Vec::new();
    for (position, text) in texts.iter().enumerate() {
        if position > 0 {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(text);
    }
    out.into()
}

/// Letter by letter as Go does it: one letter stays one, and the sigma at a word's end is no other than the rest.
fn lower(text: &str) -> String {
    text.chars().filter_map(|letter| letter.to_lowercase().next()).collect()
}

/// Go's white space.
fn is_space(letter: char) -> bool {
    letter.is_whitespace() && !matches!(letter, '\u{1c}'..='\u{1f}')
}

/// The patterns that were compiled last: a template uses one for each alert.
#[derive(Debug, Default)]
struct Patterns(Mutex<Vec<(String, Regex)>>);

/// Patterns that are kept compiled.
const MAX_PATTERNS: usize = 32;

impl Patterns {
    fn get(&self, pattern: &str) -> Result<Regex, RegexpError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, regex)) = known.iter().find(|(known, _)| known == pattern) {
            return Ok(regex.clone());
        }
        let regex = regexp::compile(pattern)?;
        if known.len() >= MAX_PATTERNS {
            known.remove(0);
        }
        known.push((pattern.to_owned(), regex.clone()));
        Ok(regex)
    }
}

fn replace(patterns: &Patterns, args: Args<'_>) -> Result<Value, Failure> {
    let (pattern, replacement, text) = (args.text(0), args.text(1), args.text(2));
    let compiled = patterns.get(&pattern).map_err(|error| {
        let shown = if pattern.contains(['`', '\n', '\r', '\u{7f}']) {
            quoted(pattern.as_bytes())
        } else {
            format!("`{pattern}`")
        };
        Failure::new(format!("regexp: Compile({shown}): {}", unreadable(&pattern, &error)))
    })?;
    let mut out = String::new();
    let mut end = 0;
    for found in compiled.captures_iter(&text) {
        let Some(whole) = found.get(0) else { continue };
        out.push_str(text.get(end..whole.start()).unwrap_or_default());
        expand(&replacement, &found, &mut out);
        end = whole.end();
        if out.len() as u64 > MAX_BYTES {
            return Err(Failure::new("the result is too long"));
        }
    }
    out.push_str(text.get(end..).unwrap_or_default());
    Ok(out.into())
}

/// Puts what was found into a replacement, by Go's rules: `$1`, `$name`, `${name}`; `$$` is a dollar, and so is one that
/// begins no name. A group that is not there is empty.
fn expand(replacement: &str, found: &Captures<'_>, out: &mut String) {
    let mut rest = replacement;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let (braced, from) = rest.strip_prefix('{').map_or((false, rest), |inner| (true, inner));
        let end = from.find(|letter: char| letter != '_' && !letter.is_alphanumeric()).unwrap_or(from.len());
        let (name, after) = from.split_at(end);
        let after = if braced { after.strip_prefix('}') } else { Some(after) };
        let Some(after) = after.filter(|_| !name.is_empty()) else {
            out.push('$');
            continue;
        };
        let group = match name.parse::<usize>() {
            // a number with a zero before it is a name
            Ok(number) if name == number.to_string() => found.get(number),
            _ => found.name(name),
        };
        out.push_str(group.map_or("", |group| group.as_str()));
        rest = after;
    }
    out.push_str(rest);
}

/// What Go says of a pattern.
fn unreadable(pattern: &str, error: &RegexpError) -> Failure {
    let RegexpError::Invalid { problem, .. } = error else {
        return Failure::new(format!("error parsing regexp: {error}"));
    };
    let inner = || problem.split('`').nth(1).unwrap_or_default();
    let words = match problem.as_str() {
        "missing closing )" | "unexpected )" => format!("{problem}: `{pattern}`"),
        "missing closing ]" => {
            format!("{problem}: `{}`", pattern.find('[').and_then(|at| pattern.get(at..)).unwrap_or(pattern))
        }
        "a backslash at the end" => "trailing backslash at end of expression: ``".to_owned(),
        other if other.starts_with("nothing to repeat") => {
            format!("missing argument to repetition operator: `{}`", inner())
        }
        other if other.starts_with("nested repetition") => {
            format!("invalid nested repetition operator: `{}`", inner())
        }
        other if other.starts_with("invalid count") => format!("invalid repeat count: `{}`", inner()),
        other if other.starts_with("invalid range") || other.starts_with("invalid class") => {
            format!("invalid character class range: `{}`", inner())
        }
        other if other.starts_with("Unicode property") => {
            format!("invalid character class range: `{}`", between(pattern, "\\p", '}'))
        }
        "invalid name of a group" => format!("invalid named capture: `{}`", between(pattern, "(?P<", '>')),
        other if other.starts_with("invalid escape") => format!("invalid escape sequence: `{}`", inner()),
        other if other.starts_with("unknown group") => {
            format!("invalid or unsupported Perl syntax: `{}`", inner())
        }
        other => other.to_owned(),
    };
    Failure::new(format!("error parsing regexp: {words}"))
}

/// A part of a pattern, from its first sign to its last.
fn between<'a>(pattern: &'a str, first: &str, last: char) -> &'a str {
    let part = pattern.find(first).and_then(|at| pattern.get(at..)).unwrap_or(pattern);
    part.find(last).and_then(|at| part.get(..=at)).unwrap_or(part)
}

/// `%xx` and `+` of a query, read back.
fn unescape(text: &Str) -> Result<Str, Failure> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        match first {
            b'+' => out.push(b' '),
            b'%' => {
                let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
                let (Some(high), Some(low)) = (digit(0), digit(1)) else {
                    let wrong = quoted(rest.get(..3).unwrap_or(rest));
                    return Err(Failure::new(format!("invalid URL escape {wrong}")));
                };
                out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = after.get(2..).unwrap_or_default();
                continue;
            }
            other => out.push(*other),
        }
        rest = after;
    }
    Ok(out.into())
}

fn in_zone(name: &str, moment: Timestamp) -> Result<Value, Failure> {
    let zone = match name {
        "" | "UTC" => TimeZone::UTC,
        "Local" => TimeZone::system(),
        name if name.contains("..") || name.starts_with(['/', '\\']) => {
            return Err(Failure::new("time: invalid location name"));
        }
        name => {
            let zone = TimeZone::get(name).ok().filter(|zone| zone.iana_name() == Some(name));
            zone.ok_or_else(|| Failure::new(format!("unknown time zone {name}")))?
        }
    };
    Ok(Time(Zoned::new(moment, zone)).into())
}

fn humanize(value: &Value) -> Result<String, Failure> {
    if let Some(length) = value.downcast::<Duration>() {
        return Ok(duration::humanize(length.seconds()));
    }
    #[expect(clippy::cast_precision_loss, reason = "what Go does, too")]
    let seconds = match value {
        Value::Float(seconds) => *seconds,
        Value::Int(seconds) => *seconds as f64,
        Value::Sized(gotemplate::Integer::Int64, bits) => bits.cast_signed() as f64,
        Value::Sized(gotemplate::Integer::Uint | gotemplate::Integer::Uint64, bits) => *bits as f64,
        Value::String(text) => number(text)?,
        other => {
            let of = other.go_type().map_or_else(|| "<nil>".to_owned(), |of| of.to_string());
            return Err(Failure::new(format!("can't convert {of} to float")));
        }
    };
    Ok(duration::humanize(seconds))
}

/// A number in a text, as Go reads it.
fn number(text: &Str) -> Result<f64, Failure> {
    let failed = |cause: &str| {
        let quoted = quoted(text);
        Failure::new(format!("strconv.ParseFloat: parsing {quoted}: {cause}"))
    };
    let digits = text.to_text().replace('_', "");
    if let Some(number) = hexadecimal(&digits) {
        return Ok(number);
    }
    let number: f64 = digits.parse().map_err(|_unreadable| failed("invalid syntax"))?;
    if number.is_infinite() && digits.contains(|letter: char| letter.is_ascii_digit()) {
        return Err(failed("value out of range"));
    }
    Ok(number)
}

/// `0x1.8p3`
fn hexadecimal(text: &str) -> Option<f64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let rest = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X"))?;
    let (digits, exponent) = rest.split_once(['p', 'P'])?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mantissa = u32::from_str_radix(&format!("{whole}{fraction}"), 16).ok()?;
    let places = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    let exponent = exponent.parse::<i32>().ok()?.checked_sub(places)?;
    Some(sign * f64::from(mantissa) * 2.0_f64.powi(exponent))
}

fn decode(text: &str) -> Result<Str, Failure> {
    let text: String = text.chars().filter(|letter| !matches!(letter, '\r' | '\n')).collect();
    URL_SAFE.decode(&text).map(Str::from).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _)
            | base64::DecodeError::InvalidLastSymbol { offset: at, .. } => at,
            base64::DecodeError::InvalidLength(length) => length / 4 * 4,
            base64::DecodeError::InvalidPadding => text.len(),
        };
        Failure::new(format!("illegal base64 data at input byte {at}"))
    })
}

fn dict(args: Args<'_>) -> Result<Value, Failure> {
    let (pairs, rest) = args.all().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Failure::new("dict requires an even number of arguments"));
    }
    let mut entries = BTreeMap::new();
    for [key, value] in pairs {
        let Value::String(key) = key else { return Err(Failure::new("dict keys must be strings")) };
        entries.insert(key.clone(), value.clone());
    }
    Ok(Map::new(entries).into())
}
