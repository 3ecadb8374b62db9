//! From a step and what its variables stand for to the request, and to where it may go.
//!
//! Whom the journey trusts: the target, and every server that the file itself names in a step's URL. Where a server chose
//! the host, by what was taken from its answer, neither a secret nor anything else of an answer goes, unless the module's
//! `targets` have that host. Who the journey itself says that it is (logins, secret headers, client certificates) is told
//! to the target's origin alone.

use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::Value as Json;

use super::step::{Body, Step, Tree};
use super::template::{Part, Template};
use super::values::{Origin, Values, in_url};
use crate::config::{ClientSettings, is_secret_header};
use crate::outcome::Failed;
use crate::probe::http::{Form, Http, RequestBody, Url, is_at_home};
use crate::reason::Reason;

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) url: Url,
    pub(super) http: Http,
    /// Whether it goes to the target, or to a server that the file itself names.
    pub(super) trusted: bool,
    /// Whether it goes to the target's origin.
    pub(super) is_home: bool,
    /// Whether it holds a secret or something of an answer.
    pub(super) guarded: bool,
    /// Whether its body does.
    pub(super) secret_body: bool,
}

/// Where a step goes.
struct Place {
    url: Url,
    /// Whether the file names the server.
    named: bool,
    /// Whether its path or query holds a secret or something of an answer.
    guarded: bool,
}

impl Request {
    /// The request of a step. Relative URLs are relative to the target.
    pub(super) fn of(step: &Step, values: &Values, target: &Url) -> Result<Self, Failed> {
        let place = match &step.url {
            None => Place { url: target.clone(), named: false, guarded: false },
            Some(template) => place(template, values, target)?,
        };
        let is_home = is_at_home(target, &place.url);
        let mut http = step.http.clone();
        if !is_home {
            leave_out_who_we_are(&mut http.client);
        }
        let mut guarded = place.guarded;
        for (name, template) in &step.headers {
            guarded |= values.is_guarded(template);
            http.headers.insert(name.clone(), header(name, template, values)?);
        }
        let secret_body =
            step.body.has_secret() || step.body.templates().any(|template| values.is_guarded(template));
        if let Some(body) = body(&step.body, values)? {
            http.body = RequestBody::Inline(body);
        }
        Ok(Self {
            url: place.url,
            http,
            trusted: is_home || place.named,
            is_home,
            guarded: guarded || secret_body,
            secret_body,
        })
    }
}

/// What the target alone may know.
fn leave_out_who_we_are(client: &mut ClientSettings) {
    client.authorization = None;
    for header in &mut client.headers {
        header.values.retain(|value| !value.is_sensitive());
        header.files.clear();
    }
    client.tls.identity = None;
    // it is the target's name
    client.tls.server_name = None;
}

fn place(template: &Template, values: &Values, target: &Url) -> Result<Place, Failed> {
    let (mut text, mut chosen_from, mut secret_from, mut guarded) = (String::new(), None, None, false);
    for (at, part) in template.parts().iter().enumerate() {
        match part {
            Part::Text(own) => text.push_str(own),
            Part::Variable(name) => {
                let value = values.get(name)?;
                match value.origin {
                    Origin::Answer => drop(chosen_from.get_or_insert(text.len())),
                    // a URL that is secret as a whole shows its host, and no more
                    Origin::Secret if at > 0 => drop(secret_from.get_or_insert(text.len())),
                    Origin::Secret | Origin::File => {}
                }
                // what a URL begins with is a URL, or a part of one, itself
                let own = value.text.expose();
                if at == 0 {
                    text.push_str(own);
                } else {
                    text.push_str(&in_url(own));
                    guarded |= value.origin != Origin::File;
                }
            }
        }
    }
    let server_end = server_end(&text);
    let named = server_end.is_some_and(|end| chosen_from.is_none_or(|from| from >= end));
    if server_end.is_some_and(|end| secret_from.is_some_and(|from| from < end)) {
        let message = "a secret cannot be a part of a host's name, which is shown";
        return Err(Failed::new("target", Reason::TargetInvalid, message));
    }
    let unusable = |problem: &str| {
        let message = format!("the step's URL cannot be asked for: {problem}");
        Failed::new("target", Reason::TargetInvalid, message)
    };
    let (url, _) = target.join(&text).map_err(unusable)?;
    Ok(Place { url, named, guarded })
}

/// Where the server's name and port end in a URL; nothing of a relative one.
fn server_end(url: &str) -> Option<usize> {
    let (scheme, rest) = url.split_once("://")?;
    let known = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let length = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    known.then_some(url.len() - rest.len() + length)
}

fn header(name: &HeaderName, template: &Template, values: &Values) -> Result<HeaderValue, Failed> {
    let mut value = HeaderValue::from_str(&values.render(template)?).map_err(|_invalid| {
        let reason = if values.is_of_answer(template) { Reason::StepExtract } else { Reason::Internal };
        Failed::new("send", reason, format!("what a variable stands for cannot stand in the header {name}"))
    })?;
    value.set_sensitive(values.is_guarded(template) || is_secret_header(name.as_str()));
    Ok(value)
}

fn body(body: &Body, values: &Values) -> Result<Option<Bytes>, Failed> {
    Ok(Some(match body {
        Body::Plain => return Ok(None),
        Body::Text(template) => values.render(template)?.into(),
        Body::Form(entries) => {
            let mut form = Form::default();
            for (name, template) in entries {
                form.add(name, &values.render(template)?);
            }
            form.into_body()
        }
        Body::Json(tree) => json(tree, values)?.to_string().into(),
    }))
}

fn json(tree: &Tree, values: &Values) -> Result<Json, Failed> {
    Ok(match tree {
        Tree::Text(template) => {
            // a text that is one variable has the variable's own type
            let typed = template.only().and_then(|name| values.get(name).ok()?.json.clone());
            match typed {
                Some(typed) => typed,
                None => values.render(template)?.into(),
            }
        }
        Tree::List(items) => {
            items.iter().map(|tree| json(tree, values)).collect::<Result<Vec<_>, _>>()?.into()
        }
        Tree::Map(entries) => {
            let entries = entries.iter().map(|(key, tree)| Ok((key.clone(), json(tree, values)?)));
            Json::Object(entries.collect::<Result<_, Failed>>()?)
        }
        Tree::Other(json) => json.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::journey::values::Value;

    fn values() -> Values {
        let mut values = Values::default();
        for (name, text, origin) in [
            ("host", "api.example", Origin::File),
            ("base", "https://api.example/v1", Origin::File),
            ("key", "s3cret", Origin::Secret),
            ("found", "evil.example", Origin::Answer),
            ("next", "https://evil.example/x?y=1", Origin::Answer),
            ("page", "/a?b=c#d", Origin::Answer),
            ("elsewhere", "//evil.example/", Origin::Answer),
            ("user", "@evil.example/", Origin::Answer),
        ] {
            values.set(&name.into(), Value { text: text.into(), json: None, origin });
        }
        values
    }

    #[test]
    fn where_a_step_goes_and_who_says_so() {
        let target = Url::parse("https://shop.example/app/start?x").unwrap();
        for (text, expected) in [
            ("/login", Some(("shop.example", "/login", false, true, false))),
            ("login?a={{page}}", Some(("shop.example", "/app/login?a=%2Fa%3Fb%3Dc%23d", false, true, true))),
            ("{{page}}", Some(("shop.example", "/a?b=c", false, true, false))),
            ("{{next}}", Some(("evil.example", "/x?y=1", false, false, false))),
            ("{{elsewhere}}", Some(("evil.example", "/", false, false, false))),
            ("https://{{found}}/", Some(("evil.example", "/", false, false, true))),
            ("https://api.{{found}}/", Some(("api.evil.example", "/", false, false, true))),
            ("https://{{host}}/{{key}}", Some(("api.example", "/s3cret", true, false, true))),
            ("{{base}}/x", Some(("api.example", "/v1/x", true, false, false))),
            ("{{base}}/{{found}}", Some(("api.example", "/v1/evil.example", true, false, true))),
            ("https://api.example?{{found}}", Some(("api.example", "/?evil.example", true, false, true))),
            ("https://api.example{{found}}", Some(("api.exampleevil.example", "/", false, false, true))),
            ("https://api.example{{user}}", None),
            ("https://api.example{{page}}", None),
            ("http://shop.example/", Some(("shop.example", "/", true, false, false))),
            ("https://shop.example:444/", Some(("shop.example", "/", true, false, false))),
            ("javascript:alert(1)", None),
            ("https://{{key}}.example/", None),
        ] {
            let found = place(&Template::parse(text).unwrap(), &values(), &target);
            let found = found.map(|place| {
                let home = is_at_home(&target, &place.url);
                (place.url.host.clone(), place.url.path.to_string(), place.named, home, place.guarded)
            });
            let expected = expected.map(|(host, path, named, home, guarded)| {
                (host.to_owned(), path.to_owned(), named, home, guarded)
            });
            if let Err(failed) = &found {
                assert_eq!((failed.reason, failed.message.contains("evil")), (Reason::TargetInvalid, false));
            }
            assert_eq!(found.ok(), expected, "{text}");
        }
    }
}
