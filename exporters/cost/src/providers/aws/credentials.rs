//! Where keys for AWS come from: the configuration, or else the places where AWS' own programs look, in their order.
//!
//! | place | named by |
//! |---|---|
//! | the configuration | `access_key_id`, `secret_access_key`, `session_token`, or `profile` |
//! | the environment | `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` |
//! | a token of a pod (IRSA) | `AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN` |
//! | the shared file | `shared_credentials_file`, `AWS_SHARED_CREDENTIALS_FILE`, `~/.aws/credentials`; `AWS_PROFILE` |
//! | a container's agent (ECS, EKS) | `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `…_FULL_URI`, `AWS_CONTAINER_AUTHORIZATION_TOKEN` (`_FILE`) |
//! | the machine (`IMDSv2`) | `AWS_EC2_METADATA_SERVICE_ENDPOINT`, unless `AWS_EC2_METADATA_DISABLED` |
//!
//! With `role_arn` they are used to take on that role. They are read anew for each refresh, so that keys that were lent
//! never run out.

use std::path::PathBuf;

use toolkit::aws_sign::Credentials;
use toolkit::config::{Fields, Secret, SecretSource};

use super::nearby::{agent, in_time, machine};
use super::sts::{self, Role};
use crate::http::{BaseUrl, FetchError, Http, Reason};

/// Where to look for keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    given: Option<Given>,
    profile: Option<String>,
    file: Option<PathBuf>,
    role: Option<Role>,
    region: String,
    sts: Option<BaseUrl>,
}

/// A key, by where its parts are.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Given {
    id: SecretSource,
    key: SecretSource,
    token: Option<SecretSource>,
}

/// The place where keys are.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Given(Given),
    Pod { token: PathBuf, role: String },
    File { path: PathBuf, profile: String },
    Agent { url: String, token: Option<SecretSource> },
    Machine { base: String },
}

/// A variable of the environment; an empty one is none.
pub(crate) type Environment = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The process's own environment.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where a region's services are.
pub(crate) fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

impl Keys {
    /// Reads the keys that say where keys are.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let id = fields.secret("access_key_id");
        let key = fields.secret("secret_access_key");
        let token = fields.secret("session_token");
        let profile = fields.string("profile");
        let file = fields.path("shared_credentials_file");
        let role = fields.parsed("role_arn", arn);
        let external_id = fields.string("external_id");
        let region = fields.parsed("region", region);
        let sts = fields.parsed("sts_url", BaseUrl::parse);
        let given = match (id, key, token) {
            (Some(id), Some(key), token) => Some(Given { id, key, token }),
            (None, None, None) => None,
            _ => {
                fields
                    .problem_at(fields.position(), "`access_key_id` and `secret_access_key` belong together");
                return None;
            }
        };
        if given.is_some() && profile.is_some() {
            fields.problem("profile", "`profile` and `access_key_id` are two keys: give one");
        }
        let role = role.map(|arn| Role { arn, external_id });
        Some(Self {
            given,
            profile,
            file,
            role,
            region: region.unwrap_or_else(|| "us-east-1".to_owned()),
            sts,
        })
    }

    /// The region that requests are signed for.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Whether the configuration says where STS is.
    pub(crate) fn names_sts(&self) -> bool {
        self.sts.is_some()
    }

    /// Where STS is.
    pub(crate) fn sts(&self, environment: &Environment) -> Result<BaseUrl, FetchError> {
        if let Some(sts) = &self.sts {
            return Ok(sts.clone());
        }
        let usual = || format!("https://sts.{}.{}", self.region, domain(&self.region));
        let url = environment("AWS_ENDPOINT_URL_STS").unwrap_or_else(usual);
        BaseUrl::parse(&url).map_err(|problem| FetchError::new(Reason::Secret, format!("STS: {problem}")))
    }

    /// Reads keys from where they are now.
    pub(crate) async fn read(
        &self,
        http: &Http,
        environment: &Environment,
    ) -> Result<Credentials, FetchError> {
        let Some(place) = self.place(environment) else {
            return Err(FetchError::new(Reason::Secret, "no keys for AWS are given or found"));
        };
        let credentials = match place {
            Place::Given(given) => given.read().await?,
            Place::File { path, profile } => read_profile(path, &profile).await?,
            Place::Pod { token, role } => {
                let token = SecretSource::File(token).read().await?;
                sts::assume_with_token(http, &self.sts(environment)?, &role, &token).await?
            }
            Place::Agent { url, token } => in_time(agent(http, &url, token)).await?,
            Place::Machine { base } => in_time(machine(http, &base)).await?,
        };
        match &self.role {
            None => Ok(credentials),
            Some(role) => sts::assume(http, &self.sts(environment)?, &self.region, credentials, role).await,
        }
    }

    /// The first place that there is.
    fn place(&self, environment: &Environment) -> Option<Place> {
        if let Some(given) = &self.given {
            return Some(Place::Given(given.clone()));
        }
        let inline = |name: &str| Some(SecretSource::Inline(Secret::from(environment(name)?)));
        let of_environment = || {
            let (id, key) = (inline("AWS_ACCESS_KEY_ID")?, inline("AWS_SECRET_ACCESS_KEY")?);
            Some(Place::Given(Given { id, key, token: inline("AWS_SESSION_TOKEN") }))
        };
        let of_pod = || {
            let token = PathBuf::from(environment("AWS_WEB_IDENTITY_TOKEN_FILE")?);
            Some(Place::Pod { token, role: environment("AWS_ROLE_ARN")? })
        };
        if self.profile.is_some() || self.file.is_some() {
            return self.of_file(environment);
        }
        of_environment()
            .or_else(of_pod)
            .or_else(|| self.of_file(environment))
            .or_else(|| of_agent(environment))
            .or_else(|| of_machine(environment))
    }

    fn of_file(&self, environment: &Environment) -> Option<Place> {
        let named =
            self.file.clone().or_else(|| environment("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from));
        let usual = || environment("HOME").map(|home| PathBuf::from(home).join(".aws/credentials"));
        // a file that is named has to be there; the usual one need not
        let is_wanted = named.is_some() || self.profile.is_some();
        let path = named.or_else(usual).filter(|path| is_wanted || path.is_file())?;
        let profile = self.profile.clone().or_else(|| environment("AWS_PROFILE"));
        Some(Place::File { path, profile: profile.unwrap_or_else(|| "default".to_owned()) })
    }
}

impl Given {
    async fn read(&self) -> Result<Credentials, FetchError> {
        let (id, key) = (self.id.read().await?, self.key.read().await?);
        let token = match &self.token {
            Some(token) => Some(Secret::from(token.read().await?.expose().trim())),
            None => None,
        };
        Ok(Credentials {
            access_key_id: id.expose().trim().to_owned(),
            secret_access_key: Secret::from(key.expose().trim()),
            session_token: token,
        })
    }
}

fn of_agent(environment: &Environment) -> Option<Place> {
    let relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    let url = relative.map(|path| format!("http://169.254.170.2{path}"));
    let url = url.or_else(|| environment("AWS_CONTAINER_CREDENTIALS_FULL_URI"))?;
    let file = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    let file = file.map(|path| SecretSource::File(path.into()));
    let inline = || {
        let token = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN")?;
        Some(SecretSource::Inline(Secret::from(token)))
    };
    Some(Place::Agent { url, token: file.or_else(inline) })
}

fn of_machine(environment: &Environment) -> Option<Place> {
    if environment("AWS_EC2_METADATA_DISABLED").is_some_and(|word| word.eq_ignore_ascii_case("true")) {
        return None;
    }
    let named = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    let base = named.map(|base| base.trim_end_matches('/').to_owned());
    Some(Place::Machine { base: base.unwrap_or_else(|| "http://169.254.169.254".to_owned()) })
}

/// A profile of the file that AWS' programs share.
async fn read_profile(path: PathBuf, profile: &str) -> Result<Credentials, FetchError> {
    let shown = path.display().to_string();
    let text = SecretSource::File(path).read().await?;
    let wrong =
        |what: &str| FetchError::new(Reason::Secret, format!("{shown}: {what} (profile `{profile}`)"));
    let mut is_there = false;
    let (mut id, mut key, mut token) = (None, None, None);
    let mut inside = false;
    for line in text.expose().lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
            inside = name.0.trim() == profile;
            is_there |= inside;
            continue;
        }
        let pair = line.split_once('=').filter(|_| inside && !line.starts_with(['#', ';']));
        let Some((name, value)) = pair else { continue };
        match name.trim().to_ascii_lowercase().as_str() {
            "aws_access_key_id" => id = Some(value.trim().to_owned()),
            "aws_secret_access_key" => key = Some(Secret::from(value.trim())),
            "aws_session_token" => token = Some(Secret::from(value.trim())),
            _ => {}
        }
    }
    match (id, key) {
        (Some(access_key_id), Some(secret_access_key)) => {
            Ok(Credentials { access_key_id, secret_access_key, session_token: token })
        }
        _ if is_there => Err(wrong("no aws_access_key_id and aws_secret_access_key")),
        _ => Err(wrong("there is no such profile")),
    }
}

fn arn(text: &str) -> Result<String, &'static str> {
    let is_role = text.starts_with("arn:") && text.contains(":role/");
    if is_role {
        Ok(text.to_owned())
    } else {
        Err("expected a role such as arn:aws:iam::123456789012:role/name")
    }
}

fn region(text: &str) -> Result<String, &'static str> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !text.is_empty() && text.bytes().all(good) {
        Ok(text.to_owned())
    } else {
        Err("expected a region such as us-east-1")
    }
}
