//! `tls_config` as all of Prometheus' programs have it.

use netprobe::tls::Versions;
use netprobe::trust::Source;
use toolkit::config::Fields;

/// Words for versions, and whether we speak them. What is older is recognised, and not spoken.
const VERSIONS: [(&str, Spoken); 4] =
    [("TLS13", Spoken::Tls13), ("TLS12", Spoken::Tls12), ("TLS11", Spoken::Older), ("TLS10", Spoken::Older)];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Spoken {
    Older,
    Tls12,
    Tls13,
}

/// What TLS shall be like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Trusted certificates instead of the machine's own.
    pub ca: Option<Source>,
    /// Our certificate, and its key.
    pub identity: Option<(Source, Source)>,
    /// The name that is asked for and must be in the certificate.
    pub server_name: Option<String>,
    /// Whether a wrong certificate is no failure.
    pub skip_verify: bool,
    /// The versions that are offered.
    pub versions: Versions,
}

impl TlsSettings {
    /// Reads `tls_config` below `fields`, or what goes without it.
    pub(crate) fn of(fields: &mut Fields<'_>) -> Self {
        fields.fields("tls_config").map(|mut fields| Self::decode(&mut fields)).unwrap_or_default()
    }

    /// Reads the keys of a `tls_config`.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Self {
        let (certificate, key) = (pem(fields, "cert"), pem(fields, "key"));
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => {
                fields.problem("cert_file", "a client certificate needs its key: `key_file` or `key`");
                None
            }
            (None, Some(_)) => {
                fields.problem("key_file", "a client key needs its certificate: `cert_file` or `cert`");
                None
            }
        };
        Self {
            ca: pem(fields, "ca"),
            identity,
            server_name: fields.string("server_name").filter(|name| !name.is_empty()),
            skip_verify: fields.bool("insecure_skip_verify").unwrap_or(false),
            versions: versions(fields),
        }
    }
}

/// `KEY`, `KEY_file`, or neither; at most one. There is no secret manager for `KEY_ref`.
fn pem(fields: &mut Fields<'_>, key: &str) -> Option<Source> {
    let (file, reference) = (format!("{key}_file"), format!("{key}_ref"));
    let given = |fields: &mut Fields<'_>, key: &str| fields.string(key).is_some_and(|text| !text.is_empty());
    if given(fields, &reference) {
        let message =
            format!("there is no secret manager that `{reference}` could refer to (hint: `{file}`)");
        fields.problem(&reference, message);
    }
    let inline = if given(fields, key) { fields.item(key).and_then(|item| item.secret()) } else { None };
    let path = if given(fields, &file) { fields.path(&file) } else { None };
    match (inline, path) {
        (Some(_), Some(_)) => {
            fields.problem(&file, format!("`{key}` and `{file}` cannot both be set"));
            None
        }
        (Some(inline), None) => Some(Source::Inline(inline)),
        (None, path) => path.map(Source::File),
    }
}

fn versions(fields: &mut Fields<'_>) -> Versions {
    let word = |fields: &mut Fields<'_>, key: &str| {
        let given = fields.string(key).is_some_and(|text| !text.is_empty());
        if given { fields.choice(key, &VERSIONS) } else { None }
    };
    let least = word(fields, "min_version");
    let most = word(fields, "max_version");
    if most == Some(Spoken::Older) {
        fields.problem("max_version", "TLS 1.1 and older are recognised, and never spoken (hint: TLS12)");
        return Versions::All;
    }
    if let (Some(least), Some(most)) = (least, most)
        && least > most
    {
        fields.problem("min_version", "`min_version` is above `max_version`");
    }
    match (least, most) {
        (Some(Spoken::Tls13), _) => Versions::Only13,
        (_, Some(Spoken::Tls12)) => Versions::Only12,
        _ => Versions::All,
    }
}
