//! Credentials out of texts that are shown: URLs in errors, in logs, on pages.
//!
//! Rather too much is removed than too little: the texts come from libraries and servers, and a password may hold
//! any character.

use std::borrow::Cow;

/// The text without the credentials of any URL in it: user and password, known secret paths (Slack, Teams, Discord,
/// Telegram), and values named like `token=` or `password=`. The rest of the text stays.
pub fn redact_url(text: &str) -> String {
    let text = userinfo(text);
    let text = encoded_userinfo(&text);
    let text = secret_paths(&text);
    named_values(&text).into_owned()
}

/// `scheme://user:password@host` → `scheme://<secret>@host`.
fn userinfo(text: &str) -> Cow<'_, str> {
    if !text.contains("://") {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let url = after.split_at(url_len(after)).0;
        let length = userinfo_len(url, scheme_of(before));
        if length > 0 {
            shown.push_str(SHOWN);
        }
        rest = after.split_at(length).1;
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// The same in a URL that is a value of another one: `/probe?target=redis%3A%2F%2Fuser%3Apassword%40host`.
fn encoded_userinfo(text: &str) -> Cow<'_, str> {
    // Lower-case ASCII has the same length, so places in one text are places in the other.
    let lower = text.to_ascii_lowercase();
    let mut shown = String::new();
    let mut done = 0;
    for (start, mark) in lower.match_indices("%3a%2f%2f") {
        let from = (start + mark.len()).max(done);
        let value = lower.split_at(from).1;
        let value = value.split_at(value.find(ends_value).unwrap_or(value.len())).0;
        if let Some(at) = value.rfind("%40").into_iter().chain(value.rfind('@')).max() {
            shown.extend([text.get(done..from).unwrap_or_default(), SHOWN]);
            done = from + at;
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    shown.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(shown)
}

/// Bytes up to the end of the word, or to another URL that stands in it behind a separator.
fn url_len(after: &str) -> usize {
    let word = after.find(char::is_whitespace).map_or(after, |end| after.split_at(end).0);
    let starts = word.match_indices("://").map(|(end, _)| end - scheme_of(word.split_at(end).0).len());
    let separated =
        |start: &usize| word.split_at(*start).0.ends_with([',', ';', '|', '=', '"', '\'', '(', '<']);
    starts.filter(|start| *start > 0).find(separated).unwrap_or(word.len())
}

/// Bytes of the user and password that the text behind `://` starts with.
///
/// A plain host and port before the first `/` ends the question for HTTP, where `@` is common in paths. Everything
/// else may be a password with `/`, `?`, `#`, `@` or quotes in it, which ends at the last `@` of the word.
fn userinfo_len(word: &str, scheme: &str) -> usize {
    let quoted = word.find(['"', '\'', '`', '<', '>']).map_or(word, |end| word.split_at(end).0);
    let authority = quoted.find(['/', '?', '#']).map_or(quoted, |end| quoted.split_at(end).0);
    let http = ["http", "https", "ws", "wss"].iter().any(|name| scheme.eq_ignore_ascii_case(name));
    if http && is_host(authority) {
        return 0;
    }
    match word.rfind('@') {
        Some(at) => at,
        // A user and password whose host was cut off.
        None if authority.contains(':') && !is_host(authority) => authority.len(),
        None => 0,
    }
}

/// A name or address, perhaps with a port, or several of them with commas between.
fn is_host(authority: &str) -> bool {
    authority.split(',').all(|host| {
        let (name, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
            Some((name, port)) => (name, port.strip_prefix(':').unwrap_or(port)),
            None => host.split_once(':').unwrap_or((host, "")),
        };
        port.chars().all(|character| character.is_ascii_digit())
            && name.chars().all(|character| character.is_alphanumeric() || "-._~:%*".contains(character))
    })
}

fn scheme_of(before: &str) -> &str {
    let is_scheme = |character: char| character.is_ascii_alphanumeric() || "+-.".contains(character);
    let start = before.char_indices().rev().take_while(|(_, character)| is_scheme(*character)).last();
    start.map_or("", |(index, _)| before.split_at(index).1)
}

/// Replaces what follows a known marker of a secret path, up to the end of the word.
fn secret_paths(text: &str) -> Cow<'_, str> {
    let mut shown = Cow::Borrowed(text);
    for marker in SECRET_PATHS {
        if shown.contains(marker) {
            shown = Cow::Owned(replace_after(&shown, marker));
        }
    }
    shown
}

fn replace_after(text: &str, marker: &str) -> String {
    let mut parts = text.split(marker);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str(marker);
        let end = part.find(ends_word).unwrap_or(part.len());
        if end > 0 {
            shown.push_str(SHOWN);
        }
        shown.push_str(part.split_at(end).1);
    }
    shown
}

/// `name=value` → `name=<secret>` where the name says that the value is one.
fn named_values(text: &str) -> Cow<'_, str> {
    if !text.contains('=') {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split('=');
    let mut before = parts.next().unwrap_or_default();
    let mut shown = before.to_owned();
    for part in parts {
        shown.push('=');
        let hidden = if names_secret(before) { value_len(part) } else { 0 };
        if hidden > 0 {
            shown.push_str(SHOWN);
        }
        let (_, after) = part.split_at(hidden);
        shown.push_str(after);
        // Base64 may end with `=`: after a hidden value without anything behind it, the name still counts.
        if !(hidden == part.len() && names_secret(before)) {
            before = after;
        }
    }
    Cow::Owned(shown)
}

/// Whether a value with this lower-case name is secret wherever it stands.
pub(crate) fn is_secret_name(name: &str) -> bool {
    SECRET_NAMES.iter().any(|word| name.contains(word))
}

fn names_secret(before: &str) -> bool {
    let in_name = |character: char| character.is_alphanumeric() || "-_.".contains(character);
    let start = before.char_indices().rev().take_while(|(_, character)| in_name(*character)).last();
    let Some((start, _)) = start else { return false };
    let (ahead, name) = before.split_at(start);
    let name = name.to_ascii_lowercase();
    let in_query = ahead.ends_with(['?', '&', ';']);
    is_secret_name(&name) || (in_query && SECRET_QUERY_ENDS.iter().any(|word| name.ends_with(word)))
}

/// A value in single quotes (libpq) ends at the closing one, any other at the end of the word.
fn value_len(value: &str) -> usize {
    if let Some(quoted) = value.strip_prefix('\'') {
        let mut escaped = false;
        let is_end = |character: char| {
            let end = character == '\'' && !escaped;
            escaped = character == '\\' && !escaped;
            end
        };
        return quoted.find(is_end).map_or(value.len(), |end| end + 2);
    }
    value.find(ends_value).unwrap_or(value.len())
}

fn ends_value(character: char) -> bool {
    ends_word(character) || "&;#,".contains(character)
}

fn ends_word(character: char) -> bool {
    character.is_whitespace() || "\"'`<>()".contains(character)
}

const SHOWN: &str = "<secret>";

/// Slack (hooks, workflows), Teams, Discord, Telegram.
const SECRET_PATHS: [&str; 6] = [
    "/services/T",
    "hooks.slack.com/workflows/",
    "hooks.slack.com/triggers/",
    "/webhookb2/",
    "/api/webhooks/",
    "api.telegram.org/bot",
];

/// Parts of names whose value is secret anywhere.
const SECRET_NAMES: [&str; 9] =
    ["password", "passwd", "passphrase", "pwd", "secret", "token", "signature", "credential", "apikey"];

/// Ends of names whose value is secret in a URL's query.
const SECRET_QUERY_ENDS: [&str; 4] = ["key", "sig", "auth", "code"];

#[cfg(test)]
mod tests {
    use super::redact_url;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(redact_url(text), expected);
    }

    #[track_caller]
    fn kept(text: &str) {
        check(text, text);
    }

    #[test]
    fn userinfo() {
        check("redis://user:pw@host:6379/0", "redis://<secret>@host:6379/0");
        check("redis://:pw@host", "redis://<secret>@host");
        check("dial \"postgres://u:p@h/db?x=1\": refused", "dial \"postgres://<secret>@h/db?x=1\": refused");
        check("a http://u:p@b/c and ftp://u:p@d", "a http://<secret>@b/c and ftp://<secret>@d");
        check("https://u@host/", "https://<secret>@host/");
        check("HTTPS://u:p@host/", "HTTPS://<secret>@host/");
        check("postgres://u:p@h1:1,h2:2/db", "postgres://<secret>@h1:1,h2:2/db");
        check("redis://u:p@[::1]:6379", "redis://<secret>@[::1]:6379");
    }

    #[test]
    fn passwords_with_any_character() {
        check("redis://u:p@ss@host/0", "redis://<secret>@host/0");
        check("redis://u:p/s?s#@host/0", "redis://<secret>@host/0");
        check("redis://u:12/3@host/0", "redis://<secret>@host/0");
        check("redis://u:p%40:s@host/0", "redis://<secret>@host/0");
        check("redis://u:p\"q'r@host/0", "redis://<secret>@host/0");
        check("https://u:p@ss/w@host/", "https://<secret>@host/");
        check("redis://u://@host/0", "redis://<secret>@host/0");
        check("cut redis://user:passw", "cut redis://<secret>");
    }

    #[test]
    fn several_urls() {
        check("redis://u:p@a,redis://u:p@b", "redis://<secret>@a,redis://<secret>@b");
        check("[\"redis://a:1\",\"redis://u:p@b\"]", "[\"redis://a:1\",\"redis://<secret>@b\"]");
        check("http://a/probe?target=redis://u:p@b", "http://a/probe?target=redis://<secret>@b");
        check("/probe?target=redis%3A%2F%2Fu%3Ap%40b&x=1", "/probe?target=redis%3A%2F%2F<secret>%40b&x=1");
        check("?a=x%3a%2f%2fu%3ap%40%40b é ?b=y%3A%2F%2Fb", "?a=x%3a%2f%2f<secret>%40b é ?b=y%3A%2F%2Fb");
    }

    #[test]
    fn texts_without_credentials() {
        kept("");
        kept("no url, but a mail: a@b.example and a time 12:30");
        kept("https://example.com/@user/1?x=a@b");
        kept("http://localhost:8080/path, https://[::1]:9115/x");
        kept("redis://host:6379/0");
        kept("redis://h1:6379,h2:6379");
        kept("unix:///run/redis.sock");
        kept("://");
        kept("key=value id=5 monkey=1");
    }

    #[test]
    fn secret_paths() {
        check("https://hooks.slack.com/services/T0/B0/xyz", "https://hooks.slack.com/services/T<secret>");
        check("post \"/services/T0/B0/xyz\": 404", "post \"/services/T<secret>\": 404");
        check("https://hooks.slack.com/workflows/a/b", "https://hooks.slack.com/workflows/<secret>");
        check(
            "https://discord.com/api/webhooks/1/x (retry)",
            "https://discord.com/api/webhooks/<secret> (retry)",
        );
        check("https://api.telegram.org/bot12:AB/send", "https://api.telegram.org/bot<secret>");
        check(
            "https://x.webhook.office.com/webhookb2/a@b",
            "https://x.webhook.office.com/webhookb2/<secret>",
        );
    }

    #[test]
    fn named_values() {
        check("https://a/b?token=x&y=1", "https://a/b?token=<secret>&y=1");
        check("https://a/b?y=1&X-Amz-Signature=00ff", "https://a/b?y=1&X-Amz-Signature=<secret>");
        check("https://a/b?key=x#f", "https://a/b?key=<secret>#f");
        check("?api_key=x)", "?api_key=<secret>)");
        check("?client_secret=a==&y=b=", "?client_secret=<secret>==&y=b=");
        check("host=h password=pw user=u", "host=h password=<secret> user=u");
        check(r"password='a \'b c' user=u", "password=<secret> user=u");
        check("PASSWORD=pw", "PASSWORD=<secret>");
        check("password= user=u", "password= user=u");
        check("x=token=abc", "x=token=<secret>");
    }
}
