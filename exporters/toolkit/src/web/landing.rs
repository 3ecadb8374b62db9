//! The `/` page: what this program is and where its pages are.
//!
//! Plain HTML and a style in the page itself: no script, no picture, nothing from elsewhere, and a policy that lets
//! the browser load nothing else either. Every text is escaped. Links are relative, so that the page also works
//! behind a proxy that serves it below a prefix.

use std::fmt::{self, Write};

use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Response, StatusCode};

use super::access::text;

/// What the page shows.
#[derive(Debug, Clone, Default)]
pub struct Landing {
    /// The program's name, `redis-exporter`; the title of the browser's tab.
    pub name: String,
    /// The program's title, `Redis exporter`.
    pub title: String,
    /// What it does, in one line.
    pub summary: String,
    /// Its version.
    pub version: String,
    /// Its pages.
    pub links: Vec<Link>,
    /// A form that probes a target, where the program does that.
    pub probe: Option<ProbeForm>,
    /// The program's own tables, such as its targets and their state.
    pub sections: Vec<Section>,
}

/// One page of the program.
#[derive(Debug, Clone, Default)]
pub struct Link {
    /// Where, `/metrics`.
    pub path: String,
    /// What to call it.
    pub text: String,
    /// What is there; may be empty.
    pub about: String,
}

/// A form that opens a probe's result.
#[derive(Debug, Clone, Default)]
pub struct ProbeForm {
    /// Where it goes, `/probe`.
    pub path: String,
    /// Its fields, in order.
    pub parameters: Vec<ProbeParameter>,
}

/// One field of a [`ProbeForm`].
#[derive(Debug, Clone, Default)]
pub struct ProbeParameter {
    /// The name in the query, `target`.
    pub name: String,
    /// An example, shown while the field is empty.
    pub example: String,
    /// Whether the form needs it.
    pub required: bool,
}

/// A table of the program's own.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// What it is about.
    pub title: String,
    /// The heads of its columns; may be empty.
    pub columns: Vec<String>,
    /// Its rows.
    pub rows: Vec<Vec<String>>,
    /// Where the last cell of each row leads, on this program; may be empty.
    pub links: Vec<String>,
}

impl Landing {
    /// A page with the links that every program has.
    pub fn new(name: &str, title: &str, summary: &str, version: &str, telemetry_path: &str) -> Self {
        let link = |path: &str, text: &str, about: &str| Link {
            path: path.to_owned(),
            text: text.to_owned(),
            about: about.to_owned(),
        };
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            summary: summary.to_owned(),
            version: version.to_owned(),
            links: vec![
                link(telemetry_path, "Metrics", "for Prometheus to scrape"),
                link("/-/healthy", "Health", "the process runs"),
                link("/-/ready", "Readiness", "it can do its work"),
            ],
            ..Self::default()
        }
    }
}

/// The page as an answer, with the headers that keep it harmless.
pub fn page(landing: &Landing) -> Response<Body> {
    let mut response = Response::new(Body::from(render(landing)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// The page's HTML.
pub fn render(landing: &Landing) -> String {
    landing.to_string()
}

/// The answer for every path that nobody serves.
pub async fn not_found() -> Response<Body> {
    text(StatusCode::NOT_FOUND, "not found (hint: / lists the pages)\n")
}

impl fmt::Display for Landing {
    fn fmt(&self, page: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, version) = (Escaped(&self.name), Escaped(&self.version));
        let (title, summary) = (Escaped(&self.title), Escaped(&self.summary));
        writeln!(page, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
        writeln!(page, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
        writeln!(page, "<title>{name}</title>\n<style>{STYLE}</style>\n</head>\n<body>")?;
        writeln!(page, "<header>\n<h1>{title}</h1>\n<p>{summary}</p>")?;
        writeln!(page, "<small>{name} {version}</small>\n</header>\n<main>\n<ul>")?;
        for Link { path, text, about } in &self.links {
            let (path, text, about) = (Relative(path), Escaped(text), Escaped(about));
            writeln!(page, "<li><a href=\"{path}\">{text}</a> <span class=\"about\">{about}</span></li>")?;
        }
        writeln!(page, "</ul>")?;
        if let Some(probe) = &self.probe {
            probe.fmt(page)?;
        }
        for section in &self.sections {
            section.fmt(page)?;
        }
        writeln!(page, "</main>\n</body>\n</html>")
    }
}

impl fmt::Display for ProbeForm {
    fn fmt(&self, page: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = Relative(&self.path);
        writeln!(page, "<h2>Probe a target</h2>\n<form action=\"{path}\" method=\"get\">")?;
        for parameter in &self.parameters {
            let (name, example) = (Escaped(&parameter.name), Escaped(&parameter.example));
            let required = if parameter.required { " required" } else { "" };
            write!(page, "<label>{name}<input name=\"{name}\" placeholder=\"{example}\"{required}")?;
            writeln!(page, " autocapitalize=\"off\" autocomplete=\"off\" spellcheck=\"false\"></label>")?;
        }
        writeln!(page, "<button>Probe</button>\n</form>")
    }
}

impl fmt::Display for Section {
    fn fmt(&self, page: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(page, "<h2>{}</h2>\n<div class=\"wide\">\n<table>", Escaped(&self.title))?;
        let heads = (!self.columns.is_empty()).then_some((&self.columns, "th", None));
        let links = self.links.iter().map(Some).chain(std::iter::repeat(None));
        let rows = self.rows.iter().zip(links).map(|(cells, link)| (cells, "td", link));
        for (cells, tag, link) in heads.into_iter().chain(rows) {
            page.write_str("<tr>")?;
            for (at, cell) in cells.iter().enumerate() {
                let cell = Escaped(cell);
                match link.filter(|_| at + 1 == cells.len()) {
                    Some(path) => write!(page, "<{tag}><a href=\"{}\">{cell}</a></{tag}>", Relative(path))?,
                    None => write!(page, "<{tag}>{cell}</{tag}>")?,
                }
            }
            page.write_str("</tr>\n")?;
        }
        writeln!(page, "</table>\n</div>")
    }
}

/// A path as a link from `/`; it cannot lead to another host or scheme.
struct Relative<'a>(&'a str);

impl fmt::Display for Relative<'_> {
    fn fmt(&self, page: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(page, "./{}", Escaped(self.0.trim_start_matches('/')))
    }
}

/// A text inside a page's element or attribute.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, page: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => page.write_str("&amp;")?,
                '<' => page.write_str("&lt;")?,
                '>' => page.write_str("&gt;")?,
                '"' => page.write_str("&quot;")?,
                '\'' => page.write_str("&#39;")?,
                other => page.write_char(other)?,
            }
        }
        Ok(())
    }
}

const STYLE: &str = include_str!("landing.css");

/// Lets in this page's own style by its hash, lets its form go to ourselves, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'sha256-YgCPKS7f8Xt+jX/hl90Js7kH3ljGKal0qysy2U7Mf+4='; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};
    use axum::http::header::CONTENT_SECURITY_POLICY;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::{Escaped, Landing, Relative, STYLE, page, render};

    #[test]
    fn style_is_the_one_that_the_policy_lets_in() {
        let hash = format!("'sha256-{}'", STANDARD.encode(digest(&SHA256, STYLE.as_bytes())));
        let response = page(&Landing::default());
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains(&hash), "write {hash} into POLICY");
        assert!(render(&Landing::default()).contains(&format!("<style>{STYLE}</style>")));
    }

    #[test]
    fn texts_are_escaped() {
        let check = |text: &str, expected: &str| assert_eq!(Escaped(text).to_string(), expected);
        check("plain – text", "plain – text");
        check(
            "<script>alert('1' & \"2\")</script>",
            "&lt;script&gt;alert(&#39;1&#39; &amp; &quot;2&quot;)&lt;/script&gt;",
        );
    }

    #[test]
    fn links_stay_here() {
        let check = |path: &str, expected: &str| assert_eq!(Relative(path).to_string(), expected);
        check("/metrics", "./metrics");
        check("/", "./");
        check("//evil.example/x", "./evil.example/x");
        check("javascript:alert(1)", "./javascript:alert(1)");
    }
}
