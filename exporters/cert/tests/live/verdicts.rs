//! Every kind of certificate is reported with all its metrics, and the verdict has the right reason.

use kit::pki::{self, Key, Recipe, Signer};
use kit::process::{Folder, run};
use kit::tls_server::{Serve, TlsServer};

use crate::openssl::OPENSSL;
use crate::support::{count, shows, start, value, write};

/// A server, whom the exporter trusts, and what it must say.
struct Case {
    name: &'static str,
    serve: Serve,
    roots: String,
    /// The host by which the server is reached.
    host: &'static str,
    /// Why it is not trusted.
    reason: Option<&'static str>,
    /// Certificates that the server shows.
    served: usize,
}

const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// A root, an intermediate, and a leaf below it.
struct Chain {
    root: Signer,
    middle: Signer,
}

impl Chain {
    fn new() -> Self {
        let root = Signer::root(Recipe::new("Test root", &[])).unwrap();
        let middle = root.below(Recipe::new("Test intermediate", &[])).unwrap();
        Self { root, middle }
    }

    fn case(&self, name: &'static str, leaf: &Recipe, reason: Option<&'static str>) -> Case {
        let leaf = self.middle.leaf(leaf).unwrap();
        Case {
            name,
            serve: Serve::chain(&[&leaf.certificate_pem, &self.middle.pem], &leaf.key_pem),
            roots: self.root.pem.clone(),
            host: "localhost",
            reason,
            served: 2,
        }
    }
}

fn leaf() -> Recipe {
    Recipe::new("leaf", &NAMES)
}

/// Leaves that are good or bad themselves, below a good intermediate.
fn leaves(chain: &Chain) -> Vec<Case> {
    let many: Vec<String> =
        (0..1000).map(|n| format!("host-{n}.example")).chain(["localhost".to_owned()]).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    vec![
        chain.case("valid", &leaf(), None),
        chain.case("expired_leaf", &leaf().years(2020, 2021), Some("expired")),
        chain.case("not_yet_valid", &leaf().years(2090, 2100), Some("not_yet_valid")),
        chain.case("wrong_host", &Recipe::new("leaf", &["other.example"]), Some("hostname_mismatch")),
        Case {
            host: "127.0.0.1",
            ..chain.case(
                "ip_san_missing",
                &Recipe::new("127.0.0.1", &["localhost"]),
                Some("hostname_mismatch"),
            )
        },
        Case { host: "127.0.0.1", ..chain.case("ip_san", &leaf(), None) },
        chain.case("ed25519", &Recipe { key: Key::Ed25519, ..leaf() }, None),
        chain.case("p521", &Recipe { key: Key::P521, ..leaf() }, None),
        chain.case("many_names", &Recipe::new("leaf", &many), None),
        chain.case("no_end", &leaf().years(2020, 9999), None),
    ]
}

/// Chains that lack something, or have too much.
fn chains(chain: &Chain) -> Vec<Case> {
    let good = chain.case("", &leaf(), None);
    let identity = chain.middle.leaf(&leaf()).unwrap();
    let (own, key) = (identity.certificate_pem.as_str(), identity.key_pem.as_str());
    let other = Chain::new();
    let direct = chain.root.leaf(&leaf()).unwrap();
    let lonely = pki::self_signed(&leaf()).unwrap();
    let both = pki::self_signed_authority(&leaf()).unwrap();
    // nobody has seen its intermediate yet, but it says where that is
    let url = Some("http://authority.invalid/intermediate.der".to_owned());
    let far = chain.middle.leaf(&Recipe { issuer_url: url, ..leaf() }).unwrap();
    let old_root = chain.root.again(None, 2020, 2021).unwrap();
    let with = |name, certificates: &[&str], reason, served| Case {
        name,
        serve: Serve::chain(certificates, key),
        roots: good.roots.clone(),
        host: "localhost",
        reason,
        served,
    };
    vec![
        with("unordered", &[own, &other.middle.pem, &chain.root.pem, &chain.middle.pem], None, 4),
        with("extra", &[own, &chain.middle.pem, &other.root.pem, &chain.root.pem], None, 4),
        Case {
            roots: other.root.pem.clone(),
            ..with("unknown_ca", &[own, &chain.middle.pem], Some("unknown_authority"), 2)
        },
        Case {
            serve: Serve::chain(&[&far.certificate_pem], &far.key_pem),
            ..with("missing_intermediate", &[], Some("incomplete_chain"), 1)
        },
        Case {
            roots: old_root.pem,
            ..with("expired_root", &[own, &chain.middle.pem], Some("expired_intermediate"), 2)
        },
        Case {
            serve: Serve::chain(&[&lonely.certificate_pem], &lonely.key_pem),
            ..with("self_signed", &[], Some("self_signed"), 1)
        },
        Case {
            serve: Serve::chain(&[&both.certificate_pem], &both.key_pem),
            roots: both.certificate_pem.clone(),
            ..with("trusted_itself", &[], None, 1)
        },
        Case {
            serve: Serve::chain(&[&direct.certificate_pem], &direct.key_pem),
            ..with("direct", &[], None, 1)
        },
    ]
}

/// Intermediates that have run out, alone and with a way around them.
fn crossed(chain: &Chain) -> Vec<Case> {
    let identity = chain.middle.leaf(&leaf()).unwrap();
    let (own, key) = (identity.certificate_pem.as_str(), identity.key_pem.as_str());
    let old = chain.middle.again(Some(&chain.root), 2020, 2021).unwrap();
    let second = Signer::root(Recipe::new("Second root", &[])).unwrap();
    let around = chain.middle.again(Some(&second), 2020, 2100).unwrap();
    let with = |name, certificates: &[&str], roots: &[&str], reason| Case {
        name,
        serve: Serve::chain(certificates, key),
        roots: roots.concat(),
        host: "localhost",
        reason,
        served: certificates.len(),
    };
    let roots = [chain.root.pem.as_str(), &second.pem];
    vec![
        with("expired_intermediate", &[own, &old.pem], &roots, Some("expired_intermediate")),
        with("expired_cross_sign", &[own, &old.pem, &around.pem], &roots, None),
    ]
}

fn all(chain: &Chain) -> Vec<Case> {
    leaves(chain).into_iter().chain(chains(chain)).chain(crossed(chain)).collect()
}

#[tokio::test]
async fn the_certificates_are_all_there_and_the_reason_is_right() {
    let cases = all(&Chain::new());
    let folder = Folder::new().unwrap();
    let mut modules = Vec::new();
    let mut servers: Vec<TlsServer> = Vec::new();
    for case in &cases {
        let roots = write(&folder, &format!("{}.pem", case.name), &case.roots);
        for (end, more) in [("", ""), ("_insecure", ", insecure_skip_verify: true")] {
            let tls = format!("{{ca_file: {roots}{more}}}");
            modules.push(format!("  {}{end}: {{prober: tcp, tls_config: {tls}}}\n", case.name));
        }
        servers.push(case.serve.start().await.unwrap());
    }
    let exporter = start(&folder, &format!("modules:\n{}", modules.concat())).await;
    for (case, server) in cases.iter().zip(&servers) {
        let target = format!("{}:{}", case.host, server.address().port());
        let page = exporter.probe(case.name, &target).await;
        assert_eq!(count(&page, "ssl_served_cert_info{"), case.served, "{}\n{page}", case.name);
        shows(
            &page,
            &[
                "ssl_cert_not_after{",
                "ssl_cert_not_before{",
                "ssl_tls_version_info{version=\"TLS 1.3\"} 1",
                "ssl_leaf_remaining_ratio ",
                "ssl_renewal_overdue ",
                "ssl_served_cert_info{position=\"0\",role=\"leaf\"",
                "ssl_prober{prober=\"tcp\"} 1",
                "ssl_probe_phase_duration_seconds{phase=\"tls\"} ",
            ],
        );
        let good = case.reason.is_none();
        assert_eq!(value(&page, "ssl_probe_success"), Some(f64::from(good)), "{}\n{page}", case.name);
        assert_eq!(value(&page, "ssl_verify_success"), Some(f64::from(good)), "{}", case.name);
        // a name is one thing, trust another
        let trusted = good || case.reason == Some("hostname_mismatch");
        assert_eq!(count(&page, "ssl_verified_cert_not_after{chain_no=\"0\"") > 0, trusted, "{}", case.name);
        match case.reason {
            Some(reason) => shows(&page, &[&format!("ssl_verify_error{{reason=\"{reason}\"}} 1")]),
            None => assert_eq!(count(&page, "ssl_verify_error"), 0, "{}\n{page}", case.name),
        }
        let page = exporter.probe(&format!("{}_insecure", case.name), &target).await;
        assert_eq!(value(&page, "ssl_probe_success"), Some(1.0), "{}\n{page}", case.name);
        assert_eq!(value(&page, "ssl_verify_success"), Some(f64::from(good)), "{}", case.name);
    }
}

#[tokio::test]
async fn a_missing_intermediate_is_told_from_an_unknown_authority_once_it_was_seen() {
    let chain = Chain::new();
    let whole = chain.case("whole", &leaf(), None);
    let identity = chain.middle.leaf(&leaf()).unwrap();
    let alone = Serve::chain(&[&identity.certificate_pem], &identity.key_pem).start().await.unwrap();
    let whole_server = whole.serve.start().await.unwrap();
    let folder = Folder::new().unwrap();
    let roots = write(&folder, "roots.pem", &whole.roots);
    let exporter =
        start(&folder, &format!("modules:\n  tcp: {{prober: tcp, tls_config: {{ca_file: {roots}}}}}\n"))
            .await;
    let page = exporter.probe("tcp", &whole_server.target()).await;
    assert_eq!(value(&page, "ssl_probe_success"), Some(1.0));
    let page = exporter.probe("tcp", &alone.target()).await;
    shows(
        &page,
        &["ssl_verify_error{reason=\"incomplete_chain\"} 1", "ssl_cert_not_after{", "ssl_probe_success 0"],
    );
}

#[tokio::test]
async fn a_broken_or_repeated_certificate_costs_itself() {
    let chain = Chain::new();
    let identity = chain.middle.leaf(&leaf()).unwrap();
    let own = identity.certificate_pem.as_str();
    let broken = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
    let serve = Serve::chain(&[own, broken, &chain.middle.pem, own], &identity.key_pem);
    let server = serve.start().await.unwrap();
    let folder = Folder::new().unwrap();
    let roots = write(&folder, "roots.pem", &chain.root.pem);
    let config = format!("modules:\n  tcp: {{prober: tcp, tls_config: {{ca_file: {roots}}}}}\n");
    let page = start(&folder, &config).await.probe("tcp", &server.target()).await;
    shows(&page, &["ssl_probe_success 1", "ssl_served_cert_unreadable{position=\"1\"} 1"]);
    assert_eq!(
        (count(&page, "ssl_cert_not_after{"), count(&page, "ssl_served_cert_info{")),
        (2, 3),
        "{page}"
    );
}

#[tokio::test]
async fn details_of_special_certificates() {
    let chain = Chain::new();
    let folder = Folder::new().unwrap();
    let roots = write(&folder, "roots.pem", &chain.root.pem);
    let exporter =
        start(&folder, &format!("modules:\n  tcp: {{prober: tcp, tls_config: {{ca_file: {roots}}}}}\n"))
            .await;
    for (recipe, lines) in [
        (
            leaf().years(2020, 9999),
            &[
                "ssl_served_cert_not_after{position=\"0\",role=\"leaf\"} 253402300799",
                "ssl_renewal_overdue 0",
                "ssl_lifetime_policy_ready{policy=\"sc081_47d\"} 0",
            ][..],
        ),
        (
            Recipe { key: Key::Ed25519, ..leaf() },
            &[
                "ssl_served_cert_info{position=\"0\",role=\"leaf\",serial_no=\"4711\",issuer_cn=\"Test intermediate\",cn=\"leaf\",key_type=\"Ed25519\",key_bits=\"256\"",
            ],
        ),
        (
            Recipe { key: Key::P521, ..leaf() },
            &[
                "ssl_served_cert_info{position=\"0\",role=\"leaf\",serial_no=\"4711\",issuer_cn=\"Test intermediate\",cn=\"leaf\",key_type=\"P-521\",key_bits=\"521\"",
            ],
        ),
        (
            Recipe { must_staple: true, ..leaf() },
            &["ssl_ocsp_must_staple_missing 1", "ssl_ocsp_response_stapled 0"],
        ),
        (
            leaf(),
            &[
                "ssl_cert_not_after{serial_no=\"4711\",issuer_cn=\"Test intermediate\",cn=\"leaf\",dnsnames=\",localhost,\",ips=\",127.0.0.1,\",emails=\"\",ou=\"\"} 4102444800",
                "ssl_verified_cert_not_after{chain_no=\"0\",serial_no=\"4711\",issuer_cn=\"Test root\"",
                "ssl_verified_not_after 4102444800",
                "ssl_served_cert_info{position=\"1\",role=\"intermediate\"",
                "ssl_tls_connection_info{cipher=\"TLS_AES_256_GCM_SHA384\",group=\"X25519MLKEM768\",alpn=\"\"} 1",
            ],
        ),
    ] {
        let identity = chain.middle.leaf(&recipe).unwrap();
        let server = Serve::chain(&[&identity.certificate_pem, &chain.middle.pem], &identity.key_pem)
            .start()
            .await
            .unwrap();
        shows(&exporter.probe("tcp", &server.target()).await, lines);
    }
}

#[tokio::test]
async fn ocsp_responses_without_dates_show_none() {
    let chain = Chain::new();
    let identity = chain.middle.leaf(&leaf()).unwrap();
    let staple = chain.middle.ocsp_without_dates(4711).unwrap();
    let serve =
        Serve { staple, ..Serve::chain(&[&identity.certificate_pem, &chain.middle.pem], &identity.key_pem) };
    let server = serve.start().await.unwrap();
    let folder = Folder::new().unwrap();
    let roots = write(&folder, "roots.pem", &chain.root.pem);
    let exporter =
        start(&folder, &format!("modules:\n  tcp: {{prober: tcp, tls_config: {{ca_file: {roots}}}}}\n"))
            .await;
    let page = exporter.probe("tcp", &server.target()).await;
    shows(&page, &["ssl_probe_success 1", "ssl_ocsp_response_stapled 1", "ssl_cert_not_after{"]);
    for absent in [
        "ssl_ocsp_response_produced_at ",
        "ssl_ocsp_response_this_update ",
        "ssl_ocsp_response_next_update ",
        "ssl_ocsp_response_revoked_at ",
    ] {
        assert_eq!(count(&page, absent), 0, "{page}");
    }
}

#[tokio::test]
async fn a_client_certificate_that_is_wanted_is_the_reason_and_the_chain_is_there() {
    let chain = Chain::new();
    let identity = chain.middle.leaf(&leaf()).unwrap();
    let folder = Folder::new().unwrap();
    let roots = write(&folder, "roots.pem", &chain.root.pem);
    let exporter = start(
        &folder,
        &format!("modules:\n  tcp: {{prober: tcp, tls_config: {{ca_file: {roots}}}}}\n  https: {{prober: https, tls_config: {{ca_file: {roots}}}}}\n"),
    )
    .await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let serve = Serve {
            client_authority_pem: Some(chain.root.pem.clone()),
            version: Some(version),
            ..Serve::chain(&[&identity.certificate_pem, &chain.middle.pem], &identity.key_pem)
        };
        let server = serve.start().await.unwrap();
        for module in ["tcp", "https"] {
            let page = exporter.probe(module, &server.target()).await;
            shows(
                &page,
                &[
                    "ssl_probe_success 0",
                    "ssl_verify_error{reason=\"client_cert_required\"} 1",
                    "ssl_client_certificate_requested 1",
                    "ssl_verified_cert_not_after{",
                ],
            );
            assert_eq!(count(&page, "ssl_cert_not_after{"), 2, "{page}");
        }
    }
}

/// openssl's numbers for what we have words for; the same number may be more than one word of ours.
const SAME: [(u32, &[&str]); 9] = [
    (2, &["incomplete_chain", "unknown_authority"]),
    (9, &["not_yet_valid"]),
    (10, &["expired", "expired_intermediate"]),
    (18, &["self_signed"]),
    (19, &["unknown_authority"]),
    (20, &["incomplete_chain", "unknown_authority"]),
    (21, &["incomplete_chain", "unknown_authority"]),
    (62, &["hostname_mismatch"]),
    (64, &["hostname_mismatch"]),
];

#[tokio::test]
async fn openssl_is_of_the_same_opinion() {
    let folder = Folder::new().unwrap();
    for case in all(&Chain::new()) {
        let (leaf, others) = case.serve.chain_pem.split_once(END).unwrap();
        let files = [("leaf", &*format!("{leaf}{END}")), ("others", others), ("roots", &case.roots)]
            .map(|(name, text)| write(&folder, name, text));
        let [leaf, others, roots] = &files;
        let host = if case.host == "localhost" { "-verify_hostname" } else { "-verify_ip" };
        let mut line = vec!["verify", "-no-CAfile", "-no-CApath", "-purpose", "sslserver", "-trusted", roots];
        if std::fs::metadata(others).unwrap().len() > 1 {
            line.extend(["-untrusted", others]);
        }
        line.extend([host, case.host, leaf]);
        let said = run(&OPENSSL, &line).await.map_err(|error| error.to_string());
        match (case.reason, said) {
            (None, said) => assert!(said.is_ok(), "{}: {said:?}", case.name),
            (Some(reason), Err(said)) => {
                let number = said.split("error ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
                let number: u32 = number.parse().unwrap();
                let words = SAME.iter().find(|(same, _)| *same == number).map(|(_, words)| *words);
                assert!(words.is_some_and(|words| words.contains(&reason)), "{}: {said}", case.name);
            }
            (Some(_), Ok(said)) => panic!("{}: openssl says {said}", case.name),
        }
    }
}

/// The last line of a certificate.
const END: &str = "-----END CERTIFICATE-----\n";
