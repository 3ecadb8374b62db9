//! `oauth2`: how a token is fetched to log in with.

use toolkit::config::{Fields, Item, Kind, SecretSource};

use super::TlsSettings;
use super::client::{ProxySettings, secret};
use crate::probe::http::Url;

/// The grant by which a signed statement of ours is exchanged for a token (RFC 7523).
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// How a token is fetched.
#[derive(Clone, Debug)]
pub struct OAuth2 {
    /// Who we are to the one who gives tokens.
    pub client_id: String,
    /// What we show.
    pub grant: Grant,
    /// What the token shall be good for.
    pub scopes: Vec<String>,
    /// Who gives tokens.
    pub token_url: Url,
    /// More of the request's form.
    pub parameters: Vec<(String, String)>,
    /// What TLS shall be like.
    pub tls: TlsSettings,
    /// How a proxy is found.
    pub proxy: Option<ProxySettings>,
}

/// What we show to get a token.
#[derive(Clone, Debug)]
pub enum Grant {
    /// A secret.
    ClientCredentials(Option<SecretSource>),
    /// A statement that is signed by an RSA key of ours.
    JwtBearer(Box<Statement>),
}

/// A statement that is signed by an RSA key of ours (RFC 7523).
#[derive(Clone, Debug)]
pub struct Statement {
    /// The key, in PEM.
    pub key: Option<SecretSource>,
    /// The key's name.
    pub key_id: Option<String>,
    /// How it signs.
    pub algorithm: Algorithm,
    /// Who states it; otherwise the client.
    pub issuer: Option<String>,
    /// For whom it is; otherwise the token's URL.
    pub audience: Option<String>,
    /// What it states besides.
    pub claims: serde_json::Map<String, serde_json::Value>,
}

/// RSA's signatures (PKCS #1) of JSON web tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// With SHA-256.
    #[default]
    Rs256,
    /// With SHA-384.
    Rs384,
    /// With SHA-512.
    Rs512,
}

impl Algorithm {
    /// Their words in the file and in tokens.
    pub const ALL: [(&'static str, Self); 3] =
        [("RS256", Self::Rs256), ("RS384", Self::Rs384), ("RS512", Self::Rs512)];
}

impl OAuth2 {
    /// Reads an `oauth2`.
    pub(super) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let client_id = fields.required_string("client_id");
        fields.require("token_url");
        let token_url = fields.parsed("token_url", |text| match text.split_once("://") {
            Some(_) => Url::parse(text),
            None => Err("expected an http or https URL"),
        });
        let grant = fields.string("grant_type").filter(|text| !text.is_empty());
        let signed = grant.as_deref() == Some(JWT_BEARER);
        if grant.as_deref().is_some_and(|grant| !signed && grant != "client_credentials") {
            fields.problem("grant_type", format!("expected client_credentials or {JWT_BEARER}"));
        }
        let client_secret = secret(fields, "client_secret");
        let statement = Statement::decode(fields);
        let grant = if signed {
            if statement.key.is_none() {
                let message = "this grant needs a key (hint: `client_certificate_key_file`)";
                fields.problem("grant_type", message);
            }
            Grant::JwtBearer(Box::new(statement))
        } else {
            Grant::ClientCredentials(client_secret)
        };
        let settings = Self {
            client_id,
            grant,
            scopes: fields.strings("scopes"),
            token_url: token_url?,
            parameters: fields.string_map("endpoint_params"),
            tls: TlsSettings::of(fields),
            proxy: ProxySettings::decode(fields),
        };
        for (name, _) in &settings.parameters {
            if name == "scope" && !settings.scopes.is_empty() {
                fields.problem("endpoint_params", "`scope` is set by `scopes`");
            }
        }
        Some(settings)
    }
}

impl Statement {
    fn decode(fields: &mut Fields<'_>) -> Self {
        let text = |fields: &mut Fields<'_>, key: &str| fields.string(key).filter(|text| !text.is_empty());
        let given = text(fields, "signature_algorithm").is_some();
        Self {
            key: secret(fields, "client_certificate_key"),
            key_id: text(fields, "client_certificate_key_id"),
            algorithm: given
                .then(|| fields.choice("signature_algorithm", &Algorithm::ALL))
                .flatten()
                .unwrap_or_default(),
            issuer: text(fields, "iss"),
            audience: text(fields, "audience"),
            claims: fields
                .map("claims", |name, item| Some((name.to_owned(), claim(&item)?)))
                .into_iter()
                .collect(),
        }
    }
}

/// A claim of any kind; what is not a list or a map is a text.
fn claim(item: &Item<'_>) -> Option<serde_json::Value> {
    Some(match item.kind() {
        Kind::Null => serde_json::Value::Null,
        Kind::Text => item.string()?.into(),
        Kind::List => item.list(|item| claim(&item)).into(),
        Kind::Map => {
            let entries = item.map(|name, item| Some((name.to_owned(), claim(&item)?)));
            serde_json::Value::Object(entries.into_iter().collect())
        }
    })
}

#[cfg(test)]
mod tests {
    use toolkit::config::{ConfigError, Document};

    use super::*;

    fn settings(text: &str) -> Result<Option<OAuth2>, ConfigError> {
        Document::parse("x.yml", text)?.decode(|mut fields| OAuth2::decode(&mut fields))
    }

    #[test]
    fn what_is_missing_or_too_much_is_told() {
        for (text, expected) in [
            ("{token_url: 'http://a'}", "missing required key `client_id`"),
            ("{client_id: a}", "missing required key `token_url`"),
            ("{client_id: a, token_url: b}", "expected an http or https URL"),
            (
                "{client_id: a, token_url: 'http://b', client_secret: c, client_secret_file: d}",
                "cannot both be set",
            ),
            ("{client_id: a, token_url: 'http://b', grant_type: password}", "expected client_credentials"),
            (
                "{client_id: a, token_url: 'http://b', scopes: [c], endpoint_params: {scope: d}}",
                "set by `scopes`",
            ),
            ("{client_id: a, token_url: 'http://b', signature_algorithm: HS256}", "expected one of"),
            (&format!("{{client_id: a, token_url: 'http://b', grant_type: '{JWT_BEARER}'}}"), "needs a key"),
        ] {
            let problem = settings(text).expect_err(text).to_string();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }

    #[test]
    fn a_statement_has_claims_of_any_kind() {
        let text = format!(
            "{{client_id: a, token_url: 'https://b/c', grant_type: '{JWT_BEARER}', client_certificate_key: k, \
             iss: me, claims: {{x: [1, {{y: z}}]}}}}"
        );
        let settings = settings(&text).unwrap().unwrap();
        let Grant::JwtBearer(statement) = settings.grant else { panic!("not signed") };
        assert_eq!(serde_json::to_string(&statement.claims).unwrap(), r#"{"x":["1",{"y":"z"}]}"#);
        assert_eq!((statement.issuer.as_deref(), statement.algorithm), (Some("me"), Algorithm::Rs256));
    }
}
