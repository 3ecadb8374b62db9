//! The twelve protocols that are plain text at first, each asked by a module of the program.

use std::sync::Arc;

use kit::dialogue::{Scripted, Step};
use kit::pki::{self, Recipe};
use kit::process::Folder;
use kit::starttls::{PROTOCOLS, not_offered, offered, refused};
use kit::tls_server::Serve;

use crate::support::{Exporter, count, shows, start, write};

/// An exporter with a module for each protocol, and what servers do that go on in TLS.
async fn exporter(folder: &Folder) -> (Exporter, Step) {
    let identity = pki::self_signed_authority(&Recipe::new("leaf", &["localhost"])).unwrap();
    let roots = write(folder, "roots.pem", &identity.certificate_pem);
    let module = |name: &str| {
        format!("  {name}: {{prober: tcp, tcp: {{starttls: {name}}}, tls_config: {{ca_file: {roots}}}}}\n")
    };
    let modules: String = PROTOCOLS.map(module).concat();
    let serve = Serve::chain(&[&identity.certificate_pem], &identity.key_pem);
    let tls = Step::Tls(Arc::new(serve.config().unwrap()));
    (start(folder, &format!("modules:\n{modules}")).await, tls)
}

async fn probe(exporter: &Exporter, protocol: &str, steps: Vec<Step>) -> String {
    let server = Scripted::start(steps).await.unwrap();
    exporter.probe(protocol, &format!("localhost:{}", server.address().port())).await
}

#[tokio::test]
async fn each_of_the_twelve_shows_its_certificate() {
    let folder = Folder::new().unwrap();
    let (exporter, tls) = exporter(&folder).await;
    for protocol in PROTOCOLS {
        let mut steps = offered(protocol);
        assert!(!steps.is_empty());
        steps.push(tls.clone());
        let page = probe(&exporter, protocol, steps).await;
        shows(
            &page,
            &[
                "ssl_probe_success 1",
                "ssl_verify_success 1",
                "ssl_cert_not_after{",
                "ssl_tls_version_info{version=\"TLS 1.3\"} 1",
                "ssl_probe_phase_duration_seconds{phase=\"starttls\"}",
            ],
        );
    }
}

#[tokio::test]
async fn each_of_the_twelve_says_why_it_does_not() {
    let folder = Folder::new().unwrap();
    let (exporter, _) = exporter(&folder).await;
    for protocol in PROTOCOLS {
        for (dialogues, reason) in
            [(not_offered(protocol), "starttls_not_offered"), (refused(protocol), "starttls_refused")]
        {
            assert!(!dialogues.is_empty());
            for steps in dialogues {
                let page = probe(&exporter, protocol, steps).await;
                let failure = format!("ssl_probe_failure{{phase=\"starttls\",reason=\"{reason}\"}} 1");
                shows(&page, &["ssl_probe_success 0", &failure]);
                assert_eq!(count(&page, "ssl_cert_not_after{"), 0, "{protocol}\n{page}");
            }
        }
    }
}
