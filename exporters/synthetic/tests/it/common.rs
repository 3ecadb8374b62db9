//! What all probers share: the address, TLS. Rows of blackbox_exporter's `utils_test.go`, and what only ours shows.

use std::net::{Ipv6Addr, TcpListener};

use kit::pki::{Recipe, Signer};
use kit::web::{Reply, Web};

use crate::start;

/// Modules for each preference.
const MODULES: &str = "modules:
  ip4_fallback: {prober: tcp, tcp: {preferred_ip_protocol: ip4}}
  ip4_only: {prober: tcp, tcp: {preferred_ip_protocol: ip4, ip_protocol_fallback: false}}
  ip6_only: {prober: tcp, tcp: {ip_protocol_fallback: false}}
";

#[tokio::test]
async fn test_choose_protocol() {
    let six = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let exporter = start(MODULES).await;
    let found = exporter.ask("ip4_fallback", &six.to_string()).await;
    assert_eq!(found.value("probe_ip_protocol"), 6.0, "with fallback it should answer");
    let none = exporter.ask("ip4_only", &six.to_string()).await;
    none.succeeds(false);
    assert_eq!((none.value("probe_ip_protocol"), none.value("probe_ip_addr_hash")), (0.0, 0.0));
    assert_eq!(none.reason(), "resolve/dns_no_address");
    assert!(none.find("probe_phase_duration_seconds{phase=\"connect\"}").is_none());
}

#[tokio::test]
async fn what_the_kernel_sends_as_ipv4_is_ipv4() {
    let web = Web::start(|_| Reply::text(200, "").into()).await.unwrap();
    let exporter = start(MODULES).await;
    let mapped = format!("[::ffff:127.0.0.1]:{}", web.address().port());
    let page = exporter.ask("ip4_only", &mapped).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_ip_protocol"), 4.0);
    // FNV-1a of the four bytes
    assert_eq!(page.value("probe_ip_addr_hash"), 3_668_918_509.0);
    assert_eq!(exporter.ask("ip6_only", &mapped).await.reason(), "resolve/dns_no_address");
}

#[tokio::test]
async fn a_name_that_is_not_there_is_told() {
    let exporter = start(MODULES).await;
    // names below `invalid` never exist (RFC 6761); without any resolver nobody can say so
    let page = exporter.ask("ip4_fallback", "nobody.invalid:80").await;
    page.succeeds(false);
    let reason = page.reason();
    assert!(
        ["resolve/dns_nxdomain", "resolve/dns_servfail", "resolve/dns_timeout"].contains(&&*reason),
        "{reason}"
    );
    assert_eq!(page.value("probe_ip_protocol"), 0.0);
    let empty = exporter.ask("ip4_fallback", ":0").await;
    assert!(empty.reason().ends_with("/target_invalid"), "{}", empty.text);
}

#[tokio::test]
async fn test_get_serial_number() {
    let root = Signer::root(Recipe::new("root", &[])).unwrap();
    let exporter =
        start("modules: {tls: {prober: tcp, tcp: {tls: true, tls_config: {insecure_skip_verify: true}}}}")
            .await;
    for (serial, expected) in
        [(0x0bff_bc11_f190_7d02, "0bffbc11f1907d02"), (0xbbff_bc11_f190_7d02, "bbffbc11f1907d02")]
    {
        let recipe = Recipe { serial, ..Recipe::new("leaf", &["localhost"]) };
        let identity = root.leaf(&recipe).unwrap();
        let web = Web::start_tls(&identity, |_| Reply::text(200, "").into()).await.unwrap();
        let page = exporter.ask("tls", &web.address().to_string()).await;
        page.succeeds(true);
        let label = format!("serialnumber=\"{expected}\"");
        let info = page.series("probe_ssl_last_chain_info");
        assert!(info.len() == 1 && info[0].0.contains(&label), "{}", page.text);
    }
}

#[tokio::test]
async fn certificates_are_shown_whatever_they_are_worth() {
    let (root, other) = (Recipe::new("root", &[]), Recipe::new("other", &[]));
    let (root, other) = (Signer::root(root).unwrap(), Signer::root(other).unwrap());
    let leaf = |recipe: Recipe| root.leaf(&recipe).unwrap();
    for (identity, trusted_by, reason, chain_known) in [
        (leaf(Recipe::new("good", &["127.0.0.1"])), &root, "", true),
        (leaf(Recipe::new("old", &["127.0.0.1"]).years(2020, 2021)), &root, "tls/tls_expired", false),
        (leaf(Recipe::new("early", &["127.0.0.1"]).years(2090, 2100)), &root, "tls/tls_not_yet_valid", false),
        (leaf(Recipe::new("name", &["a.example"])), &root, "tls/tls_hostname", true),
        (leaf(Recipe::new("unknown", &["127.0.0.1"])), &other, "tls/tls_unknown_ca", false),
    ] {
        let web = Web::start_tls(&identity, |_| Reply::text(200, "").into()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, &trusted_by.pem).unwrap();
        let config = format!(
            "modules: {{tls: {{prober: tcp, tcp: {{tls: true, tls_config: {{ca_file: '{}'}}}}}}}}",
            ca.display()
        );
        let exporter = start(&config).await;
        let page = exporter.ask("tls", &web.address().to_string()).await;
        page.succeeds(reason.is_empty());
        assert_eq!(page.reason(), reason, "{}", page.text);
        assert!(page.value("probe_ssl_earliest_cert_expiry") > 1.6e9);
        assert_eq!(page.value("probe_ssl_trusted"), f64::from(u8::from(reason.is_empty())));
        assert_eq!(
            page.find("probe_ssl_last_chain_expiry_timestamp_seconds").is_some(),
            chain_known,
            "{reason}"
        );
        assert_eq!(page.series("probe_ssl_last_chain_info").len(), 1);
        assert_eq!(page.value("probe_tls_version_info{version=\"TLS 1.3\"}"), 1.0);
        assert!(page.find("probe_phase_duration_seconds{phase=\"tls\"}").is_some());
    }
}
