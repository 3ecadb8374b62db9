//! OpenSSL's own server, in versions, ciphers and keys that a modern library does not speak.

use std::path::Path;
use std::time::Duration;

use kit::process::{Folder, Launch, Program, Server, accepts, on_free_port, run};
use netprobe::failure::Reason;
use netprobe::tls::{Proof, Version};
use netprobe::{Dial, Observation, accepted_versions, observe};

use crate::support::{options, soon};

const OPENSSL: Program = Program { names: &["openssl"], install: "apt-get install openssl" };

struct OpenSsl {
    dial: Dial,
    _server: Server,
    _folder: Folder,
}

impl OpenSsl {
    /// A server with a certificate that was made by `req` with these arguments.
    async fn start(key: &[&str], arguments: &[&str]) -> Self {
        let folder = Folder::new().unwrap();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let (key_file, certificate) = (path("key.pem"), path("certificate.pem"));
        let generate = [key, &["-out", &key_file]].concat();
        run(&OPENSSL, &generate).await.unwrap();
        let request = ["req", "-x509", "-key", &key_file, "-subj", "/CN=old.example", "-days", "30"];
        let request = [&request[..], &["-out", &certificate]].concat();
        run(&OPENSSL, &request).await.unwrap();
        let (server, port) = on_free_port(async |port| {
            let server = Launch::new(&OPENSSL, &folder)?
                .args(["s_server", "-quiet", "-key", "key.pem", "-cert", "certificate.pem"])
                .args(["-accept", &format!("127.0.0.1:{port}")])
                .args(arguments)
                .start(Duration::from_secs(10), async || accepts(port).await)
                .await?;
            Ok((server, port))
        })
        .await
        .unwrap();
        assert!(Path::new(&certificate).is_file());
        Self { dial: Dial::new("127.0.0.1", port), _server: server, _folder: folder }
    }

    async fn observe(&self) -> Observation {
        observe(&self.dial, None, &options(), soon()).await
    }
}

const RSA_2048: [&str; 3] = ["genpkey", "-algorithm", "RSA"];
const RSA_1024: [&str; 5] = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"];
const P521: [&str; 5] = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"];
const ED448: [&str; 3] = ["genpkey", "-algorithm", "ED448"];
const ANYTHING: &str = "ALL:@SECLEVEL=0";

#[tokio::test]
async fn old_versions_are_recognised_and_their_certificate_is_read() {
    for (flag, version) in [("-tls1", Version::Tls10), ("-tls1_1", Version::Tls11)] {
        let server = OpenSsl::start(&RSA_1024, &[flag, "-cipher", ANYTHING]).await;
        let observation = server.observe().await;
        assert_eq!(observation.failure.unwrap().reason, Reason::TlsVersion, "{flag}");
        let seen = observation.seen;
        assert_eq!((seen.version, seen.chain.len(), seen.proof), (Some(version), 1, Proof::None));
        assert!(seen.cipher.unwrap().name().starts_with("TLS_ECDHE_RSA_WITH_AES_"), "{:?}", seen.cipher);
        assert!(seen.group.is_some());
        let accepted = accepted_versions(&server.dial, None, Some("old.example"), soon()).await.unwrap();
        let accepted: Vec<_> =
            accepted.into_iter().filter(|(_, yes)| *yes).map(|(version, _)| version).collect();
        assert_eq!(accepted, [version]);
    }
}

#[tokio::test]
async fn ciphers_that_nobody_should_have_are_recognised() {
    for (cipher, name) in [
        ("AES128-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"),
        ("ECDHE-RSA-AES256-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
        ("DHE-RSA-CAMELLIA256-SHA", "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    ] {
        let server =
            OpenSsl::start(&RSA_2048, &["-tls1_2", "-cipher", &format!("{cipher}:@SECLEVEL=0")]).await;
        let observation = server.observe().await;
        assert_eq!(observation.failure.unwrap().reason, Reason::TlsParameters, "{cipher}");
        let seen = observation.seen;
        assert_eq!((seen.version, seen.chain.len()), (Some(Version::Tls12), 1));
        assert_eq!(seen.cipher.unwrap().name(), name);
    }
}

#[tokio::test]
async fn keys_that_cannot_be_checked_are_reported_as_such() {
    for (key, arguments, proof) in [
        (&RSA_1024[..], &["-cipher", ANYTHING][..], Proof::Unchecked),
        (&RSA_1024, &["-tls1_2", "-cipher", ANYTHING], Proof::Unchecked),
        (&ED448, &[], Proof::Unchecked),
        (&P521, &[], Proof::Given),
        (&RSA_2048, &["-tls1_2"], Proof::Given),
    ] {
        let observation = OpenSsl::start(key, arguments).await.observe().await;
        assert!(observation.failure.is_none(), "{key:?} {arguments:?}: {:?}", observation.failure);
        assert_eq!(
            (observation.seen.chain.len(), observation.seen.proof),
            (1, proof),
            "{key:?} {arguments:?}"
        );
    }
    // its curve is none of those that we exchange keys in, which TLS 1.2 takes as "no such certificate"
    let observation = OpenSsl::start(&P521, &["-tls1_2"]).await.observe().await;
    assert_eq!(observation.failure.unwrap().reason, Reason::TlsParameters);
    assert_eq!(observation.seen.chain.len(), 1);
}

#[tokio::test]
async fn versions_are_asked_for_one_by_one() {
    use Version::{Tls10, Tls11, Tls12, Tls13};
    for (arguments, expected) in [
        (&["-cipher", ANYTHING][..], &[Tls10, Tls11, Tls12, Tls13][..]),
        (&["-tls1_2"], &[Tls12]),
        (&["-tls1_3"], &[Tls13]),
        // the server wants another group first
        (&["-tls1_3", "-groups", "P-384"], &[Tls13]),
        (&["-no_tls1_2", "-cipher", ANYTHING], &[Tls10, Tls11, Tls13]),
    ] {
        let server = OpenSsl::start(&RSA_2048, arguments).await;
        let accepted = accepted_versions(&server.dial, None, None, soon()).await.unwrap();
        let accepted: Vec<_> =
            accepted.into_iter().filter(|(_, yes)| *yes).map(|(version, _)| version).collect();
        assert_eq!(accepted, expected, "{arguments:?}");
    }
    let nobody = Dial::new("127.0.0.1", kit::process::free_port().unwrap());
    let failure = accepted_versions(&nobody, None, None, soon()).await.unwrap_err();
    assert_eq!(failure.reason, Reason::Refused);
}

#[tokio::test]
async fn an_old_server_that_wants_a_client_certificate() {
    let server = OpenSsl::start(&RSA_2048, &["-tls1_1", "-cipher", ANYTHING, "-Verify", "1"]).await;
    let seen = server.observe().await.seen;
    assert_eq!((seen.version, seen.chain.len()), (Some(Version::Tls11), 1));
    assert!(seen.requested_client_certificate);
}
