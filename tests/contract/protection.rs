//! TLS, passwords, limits.

use std::time::Duration;

use kit::http::{Client, http_get};
use kit::process::{Folder, free_port};
use kit::tls::Authority;
use tests::{PROGRAMS, Started, Suite};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// bcrypt of `watchfire`, cost 4: fast, for tests only.
const HASH: &str = "$2b$04$UOEvizZ4msbnoLpvMdDmE.BCl0SH10bP9qM9idQdQ85xqOiFjZA9y";

async fn start_with_tls_and_password(program: &Suite, authority: &Authority) -> Started {
    let folder = Folder::new().unwrap();
    let identity = authority.server(&["localhost", "127.0.0.1"]).unwrap();
    folder.write("web.crt", &identity.certificate_pem).unwrap();
    folder.write("web.key", &identity.key_pem).unwrap();
    let web = format!(
        "tls_server_config:\n  cert_file: web.crt\n  key_file: web.key\nbasic_auth_users:\n  ada: {HASH}\n"
    );
    let web = folder.write("web.yml", web).unwrap();
    let port = free_port().unwrap();
    let mut arguments = program.arguments(&folder, port).unwrap();
    arguments.push(format!("--web.config.file={}", web.display()));
    program.start_with(folder, port, &arguments).await.unwrap()
}

#[tokio::test]
async fn tls_and_passwords() {
    let authority = Authority::new().unwrap();
    for program in &PROGRAMS {
        let started = start_with_tls_and_password(program, &authority).await;
        let url = format!("https://localhost:{}", started.port);
        let client = || Client::new().tls(&authority.pem(), None).unwrap();
        let get = async |client: Client, path: &str| client.get(&format!("{url}{path}")).await.unwrap();
        for path in ["/", "/metrics", "/no/such/path"] {
            let refused = get(client(), path).await;
            assert_eq!(refused.status, 401, "{} {path}", program.name);
            assert!(refused.header("www-authenticate").starts_with("Basic"));
            assert!(!refused.text().contains("watchfire_build_info"));
        }
        assert_eq!(get(client().basic_auth("ada", "wrong"), "/metrics").await.status, 401);
        assert_eq!(get(client().basic_auth("bob", "watchfire"), "/metrics").await.status, 401);
        assert_eq!(get(client().basic_auth("ada", "watchfire"), "/metrics").await.status, 200);
        assert_eq!(
            get(client(), "/-/healthy").await.status,
            200,
            "container health checks know only the hash"
        );
        let plain = http_get(&format!("http://localhost:{}/metrics", started.port), &[]).await.unwrap();
        assert_eq!(plain.status, 400, "plain HTTP on a TLS port is told so");

        let mut arguments = program.arguments(&started.folder, started.port).unwrap();
        arguments.push("--web.config.file=web.yml".to_owned());
        arguments.push("healthcheck".to_owned());
        let healthy = program.run(&started.folder, &arguments).await.unwrap();
        assert_eq!(healthy.status.code(), Some(0), "{healthy:?}");
        let log = started.server.log();
        assert!(!log.contains("watchfire\"") && !log.contains("$2b$"), "{log}");
    }
}

#[tokio::test]
async fn a_head_without_end_is_cut() {
    for program in &PROGRAMS {
        let started = program.start(&[]).await.unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", started.port)).await.unwrap();
        let head = format!("GET /metrics HTTP/1.1\r\nhost: x\r\nx-long: {}", "a".repeat(1 << 20));
        // it may be cut before all of it was sent
        let _ignored = stream.write_all(head.as_bytes()).await;
        let mut answer = Vec::new();
        let _ignored = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer))
            .await
            .expect("the server ends the connection");
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{} {answer}", program.name);
        assert_eq!(http_get(&format!("{}/-/healthy", started.url), &[]).await.unwrap().status, 200);
    }
}
