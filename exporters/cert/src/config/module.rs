//! One module of the file: how a target is asked, and what is asked of it beside its certificates.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use netprobe::address::Family;
use netprobe::proxy::Proxy;
use netprobe::starttls::Protocol;
use netprobe::trust::Source;
use toolkit::config::{Fields, Secret};
use toolkit::scrape::{TargetName, TargetPattern, TargetRules};
use tracing::warn;

use super::route::Route;

/// How certificates are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prober {
    /// TLS over TCP, perhaps after STARTTLS.
    Tcp,
    /// TLS and one request, perhaps through a proxy.
    Https,
    /// Files of this machine.
    File,
    /// A file that an HTTP server has.
    HttpFile,
    /// The certificates in and beside a kubeconfig.
    Kubeconfig,
    /// TLS secrets of a Kubernetes cluster.
    Kubernetes,
}

/// Names of probers as the file has them; `http` is an old name of `https`.
pub const PROBERS: [(&str, Prober); 7] = [
    ("https", Prober::Https),
    ("http", Prober::Https),
    ("tcp", Prober::Tcp),
    ("file", Prober::File),
    ("http_file", Prober::HttpFile),
    ("kubernetes", Prober::Kubernetes),
    ("kubeconfig", Prober::Kubeconfig),
];

/// Where files are read when a module names no folders: where certificates usually are, so that ssl_exporter's examples
/// work. `~` is the home of the user that runs the program.
const USUAL_ROOTS: [&str; 6] =
    ["/etc/ssl", "/etc/pki", "/etc/letsencrypt", "/etc/kubernetes", "/var/lib/kubelet/pki", "~/.kube"];

/// Where a client certificate is shown when a module names no targets: this machine.
const THIS_MACHINE: [&str; 3] = ["localhost", "127.0.0.0/8", "::1/128"];

/// A module.
#[derive(Clone, Debug)]
pub struct Module {
    /// The name of its prober as the file has it.
    pub prober_name: &'static str,
    /// Its prober.
    pub prober: Prober,
    /// The only target it has, when the file names one.
    pub target: Option<String>,
    /// How long a probe may take.
    pub timeout: Option<Duration>,
    /// What TLS shall be like.
    pub tls: Tls,
    /// The proxy of `https` and `http_file`.
    pub proxy: Option<Proxy>,
    /// What is spoken before TLS.
    pub starttls: Option<Protocol>,
    /// Folders below which files may be read.
    pub roots: Arc<[PathBuf]>,
    /// The kubeconfig of `kubernetes`.
    pub kubeconfig: Option<PathBuf>,
    /// Which addresses of a name are used.
    pub family: Family,
    /// The way to `tcp` and `https` targets; to those of `http_file` only where it comes from.
    pub route: Route,
    /// Whether Certificate Revocation Lists are asked.
    pub crl: Option<Crl>,
    /// Whether each version of TLS is tried.
    pub scan_versions: bool,
    /// Whether the registration of the target's domain is looked up.
    pub domain: bool,
    /// The file that the served certificate should come from.
    pub certificate_file: Option<PathBuf>,
    /// A password for PKCS#12 and Java key stores.
    pub store_password: Option<Secret>,
}

/// What TLS shall be like.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Trusted certificates, instead of the machine's own.
    pub roots: Option<Source>,
    /// Our certificate and its key.
    pub identity: Option<(Source, Source)>,
    /// Where our certificate is shown.
    pub identity_for: TargetRules<()>,
    /// The name that is asked for and must be in the certificate, instead of the target's host.
    pub server_name: Option<String>,
    /// Whether a wrong certificate is no failure.
    pub skip_verify: bool,
}

/// How revocation lists are fetched.
#[derive(Clone, Debug, Default)]
pub struct Crl {
    /// Networks that a list may come from beside the public ones.
    pub networks: Arc<[IpNet]>,
}

impl Module {
    /// A module of ssl_exporter's defaults: nothing but a prober.
    pub fn plain(prober_name: &'static str, prober: Prober) -> Self {
        Self {
            prober_name,
            prober,
            target: None,
            timeout: None,
            tls: Tls::default(),
            proxy: None,
            starttls: None,
            roots: usual_roots(),
            kubeconfig: None,
            family: Family::Any,
            route: Route::default(),
            crl: None,
            scan_versions: false,
            domain: false,
            certificate_file: None,
            store_password: None,
        }
    }

    /// Reads one module.
    pub(super) fn decode(fields: &mut Fields<'_>) -> Self {
        fields.require("prober");
        let names = PROBERS.map(|(name, prober)| (name, (name, prober)));
        let prober = fields.choice("prober", &names);
        let (prober_name, prober) = prober.unwrap_or(("tcp", Prober::Tcp));
        let mut module = Self::plain(prober_name, prober);
        module.target = fields.string("target").filter(|target| !target.is_empty());
        module.timeout = fields.duration("timeout").filter(|timeout| !timeout.is_zero());
        let rules = identity_rules(fields, module.target.is_some());
        if let Some(mut tls) = fields.fields("tls_config") {
            module.tls = decode_tls(&mut tls);
        }
        if module.tls.identity.is_some() && rules.is_none() && module.target.is_none() {
            warn!(
                "a module with a client certificate and without `targets` shows it only to servers on this machine (hint: targets: [\"*.example.com:443\"]; `*` is any host name)"
            );
        }
        module.tls.identity_for = rules.unwrap_or_else(this_machine);
        for section in ["https", "http_file"] {
            let proxy =
                fields.fields(section).and_then(|mut http| http.parsed("proxy_url", proxy_url)).flatten();
            let used = prober == Prober::HttpFile && section == "http_file"
                || prober == Prober::Https && section == "https";
            if used {
                module.proxy = proxy;
            }
        }
        if let Some(mut tcp) = fields.fields("tcp") {
            module.starttls = starttls(&mut tcp);
        }
        if let Some(mut kubernetes) = fields.fields("kubernetes") {
            module.kubeconfig = kubernetes.path("kubeconfig");
        }
        if let Some(mut file) = fields.fields("file") {
            if file.has("roots") {
                let roots: Vec<PathBuf> = file.list("roots", |item| item.path());
                module.roots = roots.into();
            }
            module.store_password = file.item("password").and_then(|item| item.secret());
        }
        let families = [("any", Family::Any), ("ip4", Family::V4), ("ip6", Family::V6)];
        module.family = fields.choice("family", &families).unwrap_or(Family::Any);
        module.route = Route::decode(fields);
        module.decode_more(fields);
        module
    }

    /// What ssl_exporter does not have.
    fn decode_more(&mut self, fields: &mut Fields<'_>) {
        if let Some(mut crl) = fields.fields("crl") {
            let networks: Vec<IpNet> = crl.list("networks", |item| item.parsed(str::parse));
            let check = crl.bool("check").unwrap_or(true);
            self.crl = check.then(|| Crl { networks: networks.into() });
        }
        self.scan_versions = fields.bool("scan_versions").unwrap_or(false);
        self.domain = fields.bool("domain_expiry").unwrap_or(false);
        self.certificate_file = fields.path("certificate_file");
    }

    /// Whether our certificate may be shown to this host.
    pub fn may_show_identity(&self, host: &str, port: u16) -> bool {
        let text = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let target = TargetName { text: &text, host, port: Some(port) };
        self.tls.identity.is_some() && (self.target.is_some() || self.tls.identity_for.find(target).is_some())
    }
}

fn decode_tls(fields: &mut Fields<'_>) -> Tls {
    let certificate = fields.path("cert_file");
    let key = fields.path("key_file");
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
        (None, None) => None,
        (Some(_), None) => {
            fields.problem("cert_file", "`cert_file` needs `key_file` beside it");
            None
        }
        (None, Some(_)) => {
            fields.problem("key_file", "`key_file` needs `cert_file` beside it");
            None
        }
    };
    let renegotiation = fields.choice("renegotiation", &[("never", false), ("once", true), ("freely", true)]);
    if renegotiation == Some(true) {
        warn!("renegotiation is never done: the certificates are in the first handshake");
    }
    Tls {
        roots: fields.path("ca_file").map(Source::File),
        identity,
        identity_for: TargetRules::default(),
        server_name: fields.string("server_name").filter(|name| !name.is_empty()),
        skip_verify: fields.bool("insecure_skip_verify").unwrap_or(false),
    }
}

/// Which targets a client certificate is for; `None` when the module does not say.
fn identity_rules(fields: &mut Fields<'_>, has_target: bool) -> Option<TargetRules<()>> {
    if !fields.has("targets") {
        return None;
    }
    if has_target {
        fields.problem("targets", "`target` and `targets` cannot both be set");
    }
    let patterns = fields.list("targets", |item| item.parsed(TargetPattern::parse));
    Some(TargetRules::new(patterns.into_iter().map(|pattern| (pattern, ())).collect()))
}

fn this_machine() -> TargetRules<()> {
    let patterns = THIS_MACHINE.iter().filter_map(|pattern| TargetPattern::parse(pattern).ok());
    TargetRules::new(patterns.map(|pattern| (pattern, ())).collect())
}

fn starttls(fields: &mut Fields<'_>) -> Option<Protocol> {
    // as with the peer, nothing is none
    let given = fields.item("starttls").and_then(|item| item.string());
    given.filter(|name| !name.is_empty())?;
    fields.choice("starttls", &Protocol::ALL.map(|protocol| (protocol.as_str(), protocol)))
}

fn proxy_url(text: &str) -> Result<Option<Proxy>, &'static str> {
    if text.is_empty() { Ok(None) } else { Proxy::parse(text).map(Some) }
}

fn usual_roots() -> Arc<[PathBuf]> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let expand = |root: &&str| match root.strip_prefix("~/") {
        Some(rest) => home.as_ref().map(|home| home.join(rest)),
        None => Some(PathBuf::from(root)),
    };
    USUAL_ROOTS.iter().filter_map(expand).collect()
}
