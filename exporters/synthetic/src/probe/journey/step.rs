//! A step of a journey as the file has it: everything that a request of prober `http` can be and ask for, with variables.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use hyper::header::{self, HeaderName, HeaderValue};
use serde_json::Value as Json;
use toolkit::config::{Fields, Item, redact_url};

use super::extract::Extract;
use super::template::{Part, Template, has_variables, is_name};
use crate::config::is_secret_header;
use crate::probe::http::{Base, Http, RequestBody, Url};

/// Characters of a step's name.
const MAX_NAME: usize = 100;

/// A step.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(super) name: Arc<str>,
    /// How long it may take, at most.
    pub(super) timeout: Option<Duration>,
    /// From what time on it has failed, though it came to its end.
    pub(super) slowest: Option<Duration>,
    /// Where it goes; to the target itself without it.
    pub(super) url: Option<Template>,
    /// The URL for people, without variables' values.
    pub(super) shown: String,
    /// The request without what has variables, and what its answer has to be like.
    pub(super) http: Http,
    pub(super) headers: Vec<(HeaderName, Template)>,
    pub(super) body: Body,
    pub(super) extract: Vec<(Arc<str>, Extract)>,
}

/// What a step sends.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// What prober `http` would: nothing, or a file.
    Plain,
    /// A text, in which variables stand as they are.
    Text(Template),
    Form(Vec<(String, Template)>),
    Json(Tree),
}

/// JSON whose texts have variables.
#[derive(Clone, Debug)]
pub(super) enum Tree {
    Text(Template),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
    /// A number, `true`, `false`, `null`.
    Other(Json),
}

/// The variables that a step may use: those of the file, and what the steps before it take from their answers.
#[derive(Debug, Default)]
pub(super) struct Names {
    own: HashSet<Arc<str>>,
    taken: HashSet<Arc<str>>,
}

impl Names {
    /// A variable of the file; `None` when it is there already.
    pub(super) fn declare(&mut self, name: &str) -> Option<Arc<str>> {
        let name: Arc<str> = name.into();
        self.own.insert(Arc::clone(&name)).then_some(name)
    }

    fn template(&self, text: &str) -> Result<Template, String> {
        let template = Template::parse(text)?;
        let unknown =
            template.variables().find(|name| !self.own.contains(*name) && !self.taken.contains(*name));
        match unknown {
            Some(name) => {
                Err(format!("no step before this one gives `{name}`, and it is no variable of the journey"))
            }
            None => Ok(template),
        }
    }

    fn url(&self, text: &str) -> Result<Template, String> {
        let template = self.template(text)?;
        let word = |scheme: &str| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if text.split_once("://").is_some_and(|(scheme, _)| word(scheme)) {
            // what its variables stand for is no matter yet
            let sample = text.replace("{{", "").replace("}}", "").replace(' ', "");
            Url::parse(&sample).map(drop)?;
        }
        Ok(template)
    }

    fn json(&self, text: &str) -> Result<Tree, String> {
        let json = serde_json::from_str(text).map_err(|error| {
            format!("this is not JSON (line {}, column {})", error.line(), error.column())
        })?;
        self.tree(json)
    }

    fn tree(&self, json: Json) -> Result<Tree, String> {
        Ok(match json {
            Json::String(text) => Tree::Text(self.template(&text)?),
            Json::Array(items) => {
                Tree::List(items.into_iter().map(|item| self.tree(item)).collect::<Result<_, _>>()?)
            }
            Json::Object(entries) => {
                let entries = entries.into_iter().map(|(key, json)| Ok((key, self.tree(json)?)));
                Tree::Map(entries.collect::<Result<_, String>>()?)
            }
            other => Tree::Other(other),
        })
    }
}

impl Step {
    /// Reads a step; what it takes from its answer is known to the steps behind it.
    pub(super) fn decode(item: &Item<'_>, base: &Base, names: &mut Names) -> Option<Self> {
        let mut fields = item.fields()?;
        let name = fields.required_string("name");
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if name.len() > MAX_NAME || !name.bytes().all(fits) {
            fields.problem("name", "the name of a step has letters, digits, `_`, `.` and `-`");
        }
        let timeout = fields.duration("timeout");
        if timeout.is_some_and(|timeout| timeout.is_zero()) {
            fields.problem("timeout", "a time limit is longer than nothing");
        }
        let slowest = fields.duration("fail_if_slower_than");
        let shown = fields.string("url").map(|text| redact_url(&text)).unwrap_or_default();
        let url = fields.parsed("url", |text| names.url(text));
        let mut base = base.clone();
        base.client.follow_redirects =
            fields.bool("follow_redirects").unwrap_or(base.client.follow_redirects);
        let has_method = fields.has("method");
        let body = body(&mut fields, names);
        let http = Http::decode_on(base, &mut fields);
        let extract = extract(&mut fields, names);
        let mut http = http?;
        let headers = headers(&mut http, &fields, names);
        let body = match (body, http.body.clone()) {
            (Some(body), _) => body,
            (None, RequestBody::Inline(bytes)) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let template =
                    names.template(&text).map_err(|problem| fields.problem("body", problem)).ok()?;
                let json = http.headers.get(header::CONTENT_TYPE).is_some_and(is_json);
                if json && template.variables().next().is_some() {
                    let message =
                        "variables stand in a body as they are, which JSON does not take (hint: `json`)";
                    fields.problem("body", message);
                }
                http.body = RequestBody::None;
                Body::Text(template)
            }
            (None, _) => Body::Plain,
        };
        body.prepare(&mut http, has_method);
        Some(Self { name: name.into(), timeout, slowest, url, shown, http, headers, body, extract })
    }

    /// The variables that it needs.
    pub(super) fn needs(&self) -> impl Iterator<Item = &Arc<str>> {
        let headers = self.headers.iter().map(|(_, template)| template);
        self.url.iter().chain(headers).chain(self.body.templates()).flat_map(Template::variables)
    }

    /// Whether the file itself gives it something that must not go to everybody.
    pub(super) fn has_credentials(&self) -> bool {
        self.http.has_credentials() || self.body.has_secret()
    }
}

impl Body {
    /// Sets what goes without saying: the method, and the type of the content.
    fn prepare(&self, http: &mut Http, has_method: bool) {
        let kind = match self {
            Self::Plain if http.body == RequestBody::None => return,
            Self::Plain | Self::Text(_) => None,
            Self::Form(_) => Some(HeaderValue::from_static("application/x-www-form-urlencoded")),
            Self::Json(_) => Some(HeaderValue::from_static("application/json")),
        };
        if !has_method {
            http.method = Method::POST;
        }
        if let Some(kind) = kind {
            http.headers.entry(header::CONTENT_TYPE).or_insert(kind);
        }
    }

    /// All texts with variables in it.
    pub(super) fn templates(&self) -> Box<dyn Iterator<Item = &Template> + '_> {
        match self {
            Self::Plain => Box::new(std::iter::empty()),
            Self::Text(template) => Box::new(std::iter::once(template)),
            Self::Form(form) => Box::new(form.iter().map(|(_, template)| template)),
            Self::Json(tree) => tree.templates(),
        }
    }

    /// Whether it holds, without any variable, what sounds like a secret.
    pub(super) fn has_secret(&self) -> bool {
        match self {
            Self::Plain => false,
            Self::Text(template) => {
                let mut texts = template.parts().iter().filter_map(Part::text);
                texts.any(|text| is_secret_header(&text.to_ascii_lowercase()))
            }
            Self::Form(form) => form.iter().any(|(name, template)| names_secret(name, template)),
            Self::Json(tree) => tree.has_secret(""),
        }
    }
}

impl Tree {
    fn templates(&self) -> Box<dyn Iterator<Item = &Template> + '_> {
        match self {
            Self::Text(template) => Box::new(std::iter::once(template)),
            Self::List(items) => Box::new(items.iter().flat_map(Self::templates)),
            Self::Map(entries) => Box::new(entries.iter().flat_map(|(_, tree)| tree.templates())),
            Self::Other(_) => Box::new(std::iter::empty()),
        }
    }

    fn has_secret(&self, key: &str) -> bool {
        match self {
            Self::Text(template) => names_secret(key, template),
            Self::List(items) => items.iter().any(|tree| tree.has_secret(key)),
            Self::Map(entries) => entries.iter().any(|(key, tree)| tree.has_secret(key)),
            Self::Other(_) => false,
        }
    }
}

/// Whether a field sounds like a secret, and has text of its own.
fn names_secret(name: &str, template: &Template) -> bool {
    is_secret_header(&name.to_ascii_lowercase()) && template.has_text()
}

fn is_json(kind: &HeaderValue) -> bool {
    kind.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains("json"))
}

/// `form` or `json`; the other two ways are prober `http`'s.
fn body(fields: &mut Fields<'_>, names: &Names) -> Option<Body> {
    let given = ["form", "json", "body", "body_file"].into_iter().filter(|key| fields.has(key));
    if let [one, other, ..] = given.collect::<Vec<_>>()[..] {
        fields.problem(other, format!("`{one}` and `{other}` cannot both be set"));
    }
    let json = fields.parsed("json", |text| names.json(text)).map(Body::Json);
    let has_form = fields.has("form");
    let form =
        fields.map("form", |name, item| Some((name.to_owned(), item.parsed(|text| names.template(text))?)));
    json.or_else(|| has_form.then_some(Body::Form(form)))
}

/// Takes the headers that have variables out of the request.
fn headers(http: &mut Http, fields: &Fields<'_>, names: &Names) -> Vec<(HeaderName, Template)> {
    if http.host.as_deref().is_some_and(has_variables) {
        fields.problem("headers", "`Host` has no variables");
    }
    let mut found = Vec::new();
    for (name, value) in &http.headers {
        let Some(text) = value.to_str().ok().filter(|text| has_variables(text)) else { continue };
        match names.template(text) {
            Ok(template) => found.push((name.clone(), template)),
            Err(problem) => fields.problem("headers", format!("`{name}`: {problem}")),
        }
    }
    for (name, _) in &found {
        http.headers.remove(name);
    }
    found
}

fn extract(fields: &mut Fields<'_>, names: &mut Names) -> Vec<(Arc<str>, Extract)> {
    let found = fields.map("extract", |name, item| {
        if !is_name(name) {
            item.problem(format!("{name:?} is no variable's name: letters, digits and `_`"));
        }
        if names.own.contains(name) {
            item.problem(format!("`{name}` is declared twice"));
        }
        Some((Arc::from(name), Extract::decode(&item)?))
    });
    names.taken.extend(found.iter().map(|(name, _): &(Arc<str>, Extract)| Arc::clone(name)));
    found
}
