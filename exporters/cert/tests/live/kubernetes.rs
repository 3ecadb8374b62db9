//! Secrets of Kubernetes (`kubernetes_test.go`), from a double of its API that checks who asks and gives pages.

use kit::kubernetes::{Kubernetes, Secret};
use kit::pki::{self, Recipe};
use kit::process::Folder;
use kit::tls::{Authority, Identity, LOOPBACK};

use crate::support::{Exporter, base64, count, shows, start, write};

fn certificate(name: &str) -> Vec<u8> {
    pki::self_signed(&Recipe::new(name, &[name])).unwrap().certificate_pem.into_bytes()
}

fn secret(namespace: &str, name: &str, kind: &str) -> Secret {
    let data = [("tls.crt", certificate(name)), ("ca.crt", certificate("ca")), ("tls.key", b"k3y".to_vec())];
    Secret {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        kind: kind.to_owned(),
        data: data.map(|(key, bytes)| (key.to_owned(), bytes)).to_vec(),
    }
}

async fn exporter(folder: &Folder, secrets: Vec<Secret>) -> (Exporter, Kubernetes) {
    let authority = Authority::new().unwrap();
    let api = Kubernetes::start(&authority.server(&LOOPBACK).unwrap(), "t0ken", secrets).await.unwrap();
    write(folder, "ca.pem", authority.pem());
    write(folder, "token", "t0ken\n");
    let config = |user: &str| {
        format!(
            "apiVersion: v1\nclusters: [{{name: c, cluster: {{server: '{}', certificate-authority: ca.pem}}}}]\nusers: [{{name: u, user: {user}}}]\ncontexts: [{{name: x, context: {{cluster: c, user: u}}}}]\ncurrent-context: x\n",
            api.url()
        )
    };
    let good = write(folder, "good.conf", config("{tokenFile: token}"));
    let wrong = write(folder, "wrong.conf", config("{token: other}"));
    let ran = folder.path().join("ran").display().to_string();
    let exec = format!("{{exec: {{command: touch, args: ['{ran}'], apiVersion: x}}}}");
    let program = write(folder, "program.conf", config(&exec));
    let provider = write(folder, "provider.conf", config("{auth-provider: {name: oidc, config: {a: b}}}"));
    let stranger = write(
        folder,
        "stranger.conf",
        config("{token: t0ken}").replace(", certificate-authority: ca.pem", ""),
    );
    let module = |name: &str, file: &str| {
        format!("  {name}: {{prober: kubernetes, kubernetes: {{kubeconfig: {file}}}}}\n")
    };
    let modules = [
        ("kubernetes", &good),
        ("wrong", &wrong),
        ("program", &program),
        ("provider", &provider),
        ("stranger", &stranger),
    ];
    let modules: String = modules.iter().map(|(name, file)| module(name, file)).collect();
    (start(folder, &format!("modules:\n{modules}")).await, api)
}

#[tokio::test]
async fn secrets_by_name_and_by_pattern() {
    let folder = Folder::new().unwrap();
    let tls = "kubernetes.io/tls";
    let secrets = vec![
        secret("bar", "foo", tls),
        secret("baz", "fooz", tls),
        secret("bar", "opaque", "Opaque"),
        secret("other", "foo", tls),
    ];
    let (exporter, api) = exporter(&folder, secrets).await;
    for (target, found) in [
        ("bar/foo", 1),
        ("ba*/*", 2),
        ("*/foo", 2),
        ("*/*", 3),
        ("bar/*", 1),
        ("b{ar,az}/f*", 2),
        ("none/foo", 0),
    ] {
        let page = exporter.probe("kubernetes", target).await;
        assert_eq!(count(&page, "ssl_kubernetes_cert_not_after{"), found * 2, "{target}\n{page}");
        shows(
            &page,
            &[&format!("ssl_probe_success {}", u8::from(found > 0)), "ssl_prober{prober=\"kubernetes\"} 1"],
        );
        assert!(!page.contains("k3y") && !page.contains("t0ken"));
    }
    let page = exporter.probe("kubernetes", "bar/foo").await;
    shows(
        &page,
        &[
            "ssl_kubernetes_cert_not_after{namespace=\"bar\",secret=\"foo\",key=\"tls.crt\",serial_no=\"4711\",issuer_cn=\"foo\"",
            "ssl_kubernetes_cert_not_before{namespace=\"bar\",secret=\"foo\",key=\"ca.crt\",serial_no=\"4711\",issuer_cn=\"ca\"",
        ],
    );
    for target in ["bar", "bar/", "/foo", "a/b/c"] {
        shows(
            &exporter.probe("kubernetes", target).await,
            &["ssl_probe_success 0", "ssl_probe_failure{phase=\"target\",reason=\"bad_target\"} 1"],
        );
    }
    // what needs no right to all namespaces does not ask for all
    api.allow_only(&["bar"]);
    shows(&exporter.probe("kubernetes", "bar/*").await, &["ssl_probe_success 1"]);
    shows(
        &exporter.probe("kubernetes", "*/*").await,
        &["ssl_probe_failure{phase=\"list\",reason=\"forbidden\"} 1"],
    );
}

#[tokio::test]
async fn long_lists_come_in_pages_and_start_again_when_they_are_too_old() {
    let folder = Folder::new().unwrap();
    let one = secret("ns", "x", "kubernetes.io/tls");
    let secrets = (0..250).map(|number| Secret { name: format!("s{number}"), ..one.clone() }).collect();
    let (exporter, api) = exporter(&folder, secrets).await;
    let page = exporter.probe("kubernetes", "*/*").await;
    assert_eq!(count(&page, "ssl_kubernetes_cert_not_after{"), 500);
    assert_eq!(api.requests().len(), 3);
    api.expire(1);
    assert_eq!(count(&exporter.probe("kubernetes", "*/*").await, "ssl_kubernetes_cert_not_after{"), 500);
    api.expire(5);
    shows(
        &exporter.probe("kubernetes", "*/*").await,
        &["ssl_probe_failure{phase=\"list\",reason=\"http_status\"} 1"],
    );
}

#[tokio::test]
async fn who_may_not_is_told_why() {
    let folder = Folder::new().unwrap();
    let (exporter, api) = exporter(&folder, vec![secret("a", "b", "kubernetes.io/tls")]).await;
    shows(
        &exporter.probe("wrong", "a/b").await,
        &["ssl_probe_failure{phase=\"list\",reason=\"unauthorized\"} 1"],
    );
    for (module, reason) in [("program", "exec"), ("provider", "auth_provider")] {
        let line = format!("ssl_probe_failure{{phase=\"local\",reason=\"{reason}\"}} 1");
        shows(&exporter.probe(module, "a/b").await, &["ssl_probe_success 0", &line]);
    }
    assert!(!folder.path().join("ran").exists(), "no program is ever started");
    let asked = api.requests().len();
    // an API that is not trusted gets no token
    shows(
        &exporter.probe("stranger", "a/b").await,
        &["ssl_probe_failure{phase=\"verify\",reason=\"untrusted\"} 1"],
    );
    assert_eq!(api.requests().len(), asked);
}

#[tokio::test]
async fn a_client_certificate_says_who_asks() {
    let folder = Folder::new().unwrap();
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = authority.server(&LOOPBACK).unwrap();
    let secrets = vec![secret("bar", "foo", "kubernetes.io/tls")];
    let api = Kubernetes::start_mutual(&server, &authority.pem(), secrets).await.unwrap();
    let (ours, theirs) = (authority.client("us").unwrap(), other.client("other").unwrap());
    write(&folder, "ca.pem", authority.pem());
    write(&folder, "us.pem", &ours.certificate_pem);
    write(&folder, "us.key", &ours.key_pem);
    let data = |identity: &Identity| {
        let [certificate, key] =
            [&identity.certificate_pem, &identity.key_pem].map(|pem| base64(pem.as_bytes()));
        format!("{{client-certificate-data: {certificate}, client-key-data: {key}}}")
    };
    let files = "{client-certificate: us.pem, client-key: us.key}".to_owned();
    let users =
        [("files", files), ("data", data(&ours)), ("stranger", data(&theirs)), ("nobody", "{}".to_owned())];
    let mut modules = vec!["modules:\n".to_owned()];
    for (name, user) in &users {
        let text = format!(
            "clusters: [{{name: c, cluster: {{server: '{}', certificate-authority: ca.pem}}}}]\nusers: [{{name: u, user: {user}}}]\ncontexts: [{{name: x, context: {{cluster: c, user: u}}}}]\ncurrent-context: x\n",
            api.url()
        );
        let path = write(&folder, &format!("{name}.conf"), text);
        modules.push(format!("  {name}: {{prober: kubernetes, kubernetes: {{kubeconfig: {path}}}}}\n"));
    }
    let exporter = start(&folder, &modules.concat()).await;
    for module in ["files", "data"] {
        let page = exporter.probe(module, "bar/foo").await;
        shows(&page, &["ssl_probe_success 1"]);
        assert_eq!(count(&page, "ssl_kubernetes_cert_not_after{"), 2, "{page}");
    }
    for module in ["stranger", "nobody"] {
        shows(&exporter.probe(module, "bar/foo").await, &["ssl_probe_success 0", "ssl_probe_failure{"]);
    }
    assert_eq!(api.requests().len(), 2);
}
