//! Those who lend keys: STS, the agent of a container, the machine's own data.

use serde_json::json;

use super::{KEY, Key, LENT, TAKEN, check_signature};
use crate::http::form_pairs;
use crate::web::{Answer, Reply, Request};

/// The role that can be taken on.
pub const ROLE: &str = "arn:aws:iam::123456789012:role/billing";

/// What a pod shows to STS.
pub const POD_TOKEN: &str = "canary.token-of.a_pod";

/// What a container shows to its agent.
pub const AGENT_TOKEN: &str = "canary token of a container";

/// What the machine gives to those who ask in the newer way.
const MACHINE_TOKEN: &str = "canary-machine-token==";

/// Where the machine tells about its role.
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

/// A double of all who lend keys.
#[derive(Clone, Debug, Default)]
pub struct Lender {
    external_id: Option<String>,
}

impl Lender {
    /// One whose role wants an external id.
    #[must_use]
    pub fn with_external_id(external_id: &str) -> Self {
        Self { external_id: Some(external_id.to_owned()) }
    }

    /// What it answers.
    pub fn answer(&self, request: &Request) -> Answer {
        let reply = match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/") => self.sts(request),
            ("GET", "/agent") if request.header("authorization") == AGENT_TOKEN => json_of(LENT),
            ("PUT", "/latest/api/token") => machine_token(request),
            ("GET", path) if path.starts_with(ROLES) => machine(request),
            ("GET", "/agent") => Reply::text(403, "who are you?"),
            _ => Reply::text(404, "not found"),
        };
        reply.into()
    }

    fn sts(&self, request: &Request) -> Reply {
        let form = form_pairs(&request.text());
        let get = |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let is_form = request.header("content-type") == "application/x-www-form-urlencoded";
        if !is_form || get("Version") != Some("2011-06-15") {
            return refusal(400, "MissingAction");
        }
        let action = get("Action").unwrap_or_default();
        let is_signed = || check_signature(request, "sts", &[KEY, LENT, TAKEN]).is_ok();
        let is_named =
            get("RoleArn") == Some(ROLE) && get("RoleSessionName").is_some_and(|name| !name.is_empty());
        match action {
            "GetCallerIdentity" if is_signed() => result(action, "<Account>123456789012</Account>"),
            "AssumeRoleWithWebIdentity" if is_named && get("WebIdentityToken") == Some(POD_TOKEN) => {
                result(action, &xml_of(LENT))
            }
            "AssumeRole" if is_named && is_signed() && get("ExternalId") == self.external_id.as_deref() => {
                result(action, &xml_of(TAKEN))
            }
            "AssumeRole" | "AssumeRoleWithWebIdentity" | "GetCallerIdentity" => refusal(403, "AccessDenied"),
            _ => refusal(400, "InvalidAction"),
        }
    }
}

fn machine_token(request: &Request) -> Reply {
    let seconds = request.header("x-aws-ec2-metadata-token-ttl-seconds").parse::<u32>();
    match seconds {
        Ok(1..=21_600) => Reply::text(200, MACHINE_TOKEN),
        _ => Reply::text(400, "no time"),
    }
}

fn machine(request: &Request) -> Reply {
    if request.header("x-aws-ec2-metadata-token") != MACHINE_TOKEN {
        return Reply::text(401, "the older way is closed");
    }
    match request.path.strip_prefix(ROLES) {
        Some("") => Reply::text(200, "watchfire"),
        Some("watchfire") => json_of(LENT),
        _ => Reply::text(404, "no such role"),
    }
}

fn json_of((id, secret, token): Key) -> Reply {
    let lent = json!({
        "Code": "Success",
        "AccessKeyId": id,
        "SecretAccessKey": secret,
        "Token": token,
        "Expiration": "2099-01-01T00:00:00Z",
    });
    Reply::json(200, &lent)
}

fn xml_of((id, secret, token): Key) -> String {
    format!(
        "<Credentials>\n<AccessKeyId>{id}</AccessKeyId>\n<SecretAccessKey>{secret}</SecretAccessKey>\n<SessionToken>{}</SessionToken>\n<Expiration>2099-01-01T00:00:00Z</Expiration>\n</Credentials>",
        token.unwrap_or_default()
    )
}

fn result(action: &str, content: &str) -> Reply {
    let text = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>{content}</{action}Result></{action}Response>"
    );
    Reply::new(200, "text/xml", text)
}

fn refusal(status: u16, code: &str) -> Reply {
    let text =
        format!("<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>");
    Reply::new(status, "text/xml", text)
}
