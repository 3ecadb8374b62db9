//! Files, remote files and kubeconfigs (`file_test.go`, `http_file_test.go`, `kubeconfig_test.go`).

use kit::pki::{self, Recipe};
use kit::process::Folder;
use kit::tls::{Authority, LOOPBACK};
use kit::web::{Reply, Web};

use crate::support::{base64, count, shows, start, value, write};

fn certificate(name: &str) -> String {
    pki::self_signed(&Recipe::new(name, &[name])).unwrap().certificate_pem
}

#[tokio::test]
async fn files_by_pattern_below_the_roots() {
    let folder = Folder::new().unwrap();
    let base = folder.path().display().to_string();
    for path in ["certs/a/deep", "certs/b", "other"] {
        std::fs::create_dir_all(folder.path().join(path)).unwrap();
    }
    for name in
        ["certs/one.pem", "certs/a/two.pem", "certs/a/deep/three.crt", "certs/b/four.pem", "other/five.pem"]
    {
        write(&folder, name, certificate(name.rsplit('/').next().unwrap()));
    }
    write(&folder, "certs/b/broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    write(&folder, "certs/b/key.pem", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n");
    write(&folder, "certs/two-in-one.pem", certificate("x") + &certificate("y"));
    let exporter = start(&folder, &format!("modules:\n  file: {{prober: file, file: {{roots: [{base}/certs]}}}}\n  own: {{prober: file, target: '{base}/other/*.pem'}}\n")).await;
    for (pattern, files, success) in [
        ("one.pem", 1, 1),
        ("*.pem", 3, 1),
        ("**/*.pem", 5, 1),
        ("**/*.{pem,crt}", 6, 1),
        ("a/**/*", 2, 1),
        ("none.pem", 0, 0),
        ("b/key.pem", 0, 0),
        ("b/broken.pem", 0, 0),
    ] {
        let page = exporter.probe("file", &format!("{base}/certs/{pattern}")).await;
        assert_eq!(count(&page, "ssl_file_cert_not_after{"), files, "{pattern}\n{page}");
        assert_eq!(count(&page, "ssl_file_cert_not_before{"), files, "{pattern}");
        assert_eq!(value(&page, "ssl_probe_success"), Some(f64::from(success)), "{pattern}\n{page}");
    }
    let page = exporter.probe("file", &format!("{base}/certs/b/*")).await;
    shows(
        &page,
        &[
            "ssl_prober{prober=\"file\"} 1",
            "ssl_probe_success 1",
            &format!(
                "ssl_file_cert_not_after{{file=\"{base}/certs/b/four.pem\",serial_no=\"4711\",issuer_cn=\"four.pem\",cn=\"four.pem\",dnsnames=\",four.pem,\",ips=\"\",emails=\"\",ou=\"\"}} 4102444800"
            ),
            &format!("ssl_stored_error{{place=\"{base}/certs/b/broken.pem\",reason=\"bad_certificate\"}} 1"),
            &format!("ssl_stored_error{{place=\"{base}/certs/b/key.pem\",reason=\"no_certificate\"}} 1"),
            &format!("ssl_stored_renewal_overdue{{place=\"{base}/certs/b/four.pem\"}} 0"),
            &format!(
                "ssl_stored_cert_not_after{{place=\"{base}/certs/b/four.pem\",position=\"0\"}} 4102444800"
            ),
        ],
    );
    for outside in ["other/five.pem", "other/none.pem", "certs/../other/five.pem", "*/*.pem"] {
        let answer = exporter.get(&format!("/probe?module=file&target={base}/{outside}")).await;
        assert_eq!(answer.status, 403, "{outside}: {}", answer.text());
    }
    let page = exporter.get("/probe?module=own").await.ok().unwrap().text();
    shows(
        &page,
        &["ssl_probe_success 1", &format!("ssl_file_cert_not_after{{file=\"{base}/other/five.pem\"")],
    );
}

#[tokio::test]
async fn a_file_is_read_again_when_it_changes() {
    let folder = Folder::new().unwrap();
    let base = folder.path().display().to_string();
    write(&folder, "a.pem", certificate("before"));
    let exporter =
        start(&folder, &format!("modules: {{file: {{prober: file, file: {{roots: [{base}]}}}}}}\n")).await;
    let target = format!("{base}/a.pem");
    assert!(exporter.probe("file", &target).await.contains("cn=\"before\""));
    // as renewers do: a new file takes the old one's name
    write(&folder, "new", certificate("after"));
    std::fs::rename(folder.path().join("new"), folder.path().join("a.pem")).unwrap();
    let page = exporter.probe("file", &target).await;
    assert!(page.contains("cn=\"after\"") && !page.contains("cn=\"before\""), "{page}");
    std::fs::remove_file(folder.path().join("a.pem")).unwrap();
    shows(
        &exporter.probe("file", &target).await,
        &["ssl_probe_success 0", "ssl_probe_failure{phase=\"read\",reason=\"not_found\"} 1"],
    );
}

#[tokio::test]
async fn remote_files() {
    let folder = Folder::new().unwrap();
    let pem = certificate("remote");
    let text = pem.clone();
    let answer = move |request: &kit::web::Request| match request.path.as_str() {
        "/file" => Reply::text(200, text.clone()).into(),
        "/moved" => Reply::text(302, "").header("location", "/file").into(),
        "/loop" => Reply::text(302, "").header("location", "/loop").into(),
        "/not" => Reply::text(200, "foobar").into(),
        _ => Reply::text(404, "").into(),
    };
    let authority = Authority::new().unwrap();
    let roots = write(&folder, "roots.pem", authority.pem());
    let plain = Web::start(answer.clone()).await.unwrap();
    let secure = Web::start_tls(&authority.server(&LOOPBACK).unwrap(), answer).await.unwrap();
    let exporter = start(&folder, &format!("modules:\n  http_file: {{prober: http_file, tls_config: {{ca_file: {roots}}}}}\n  strange: {{prober: http_file}}\n")).await;
    for web in [&plain, &secure] {
        for (path, success) in [("/file", 1), ("/moved", 1), ("/loop", 0), ("/not", 0), ("/none", 0)] {
            let page = exporter.probe("http_file", &web.url(path)).await;
            assert_eq!(value(&page, "ssl_probe_success"), Some(f64::from(success)), "{path}\n{page}");
            assert_eq!(
                count(&page, "ssl_cert_not_after{serial_no=\"4711\",issuer_cn=\"remote\""),
                usize::from(success == 1)
            );
        }
    }
    shows(
        &exporter.probe("strange", &secure.url("/file")).await,
        &["ssl_probe_success 0", "ssl_probe_failure{phase=\"verify\""],
    );
    let page = exporter.probe("http_file", "http://169.254.169.254/latest").await;
    shows(&page, &["ssl_probe_failure{phase=\"resolve\",reason=\"denied\"} 1"]);
}

#[tokio::test]
async fn kubeconfigs_with_data_and_with_files_beside_them() {
    let folder = Folder::new().unwrap();
    let base = folder.path().display().to_string();
    let data = base64(certificate("inside").as_bytes());
    write(&folder, "ca.pem", certificate("beside"));
    let config = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n  - {{name: kubernetes, cluster: {{server: 'https://x', certificate-authority: ca.pem}}}}\n  - {{name: gone, cluster: {{certificate-authority: none.pem}}}}\nusers:\n  - {{name: kubernetes-admin, user: {{client-certificate-data: {data}, client-key-data: c2VjcmV0}}}}\n  - {{name: cloud, user: {{exec: {{command: aws, args: [c4n4ry]}}}}}}\n  - {{name: old, user: {{auth-provider: {{name: gcp, config: {{access-token: c4n4ry}}}}}}}}\n  - {{name: robot, user: {{token: c4n4ry}}}}\n"
    );
    let path = write(&folder, "admin.conf", config);
    let exporter = start(
        &folder,
        &format!("modules: {{kubeconfig: {{prober: kubeconfig, file: {{roots: [{base}]}}}}}}\n"),
    )
    .await;
    let page = exporter.probe("kubeconfig", &path).await;
    shows(
        &page,
        &[
            "ssl_probe_success 1",
            "ssl_prober{prober=\"kubeconfig\"} 1",
            &format!(
                "ssl_kubeconfig_cert_not_after{{kubeconfig=\"{path}\",name=\"kubernetes\",type=\"cluster\",serial_no=\"4711\",issuer_cn=\"beside\""
            ),
            &format!(
                "ssl_kubeconfig_cert_not_before{{kubeconfig=\"{path}\",name=\"kubernetes-admin\",type=\"user\",serial_no=\"4711\",issuer_cn=\"inside\""
            ),
            &format!("ssl_stored_error{{place=\"{path}/gone/cluster\",reason=\"not_found\"}} 1"),
        ],
    );
    for (user, credential) in
        [("kubernetes-admin", "certificate"), ("cloud", "exec"), ("old", "auth_provider"), ("robot", "token")]
    {
        let line = format!(
            "ssl_kubeconfig_user_info{{kubeconfig=\"{path}\",name=\"{user}\",credential=\"{credential}\"}} 1"
        );
        shows(&page, &[&line]);
    }
    assert!(!page.contains("c4n4ry"), "{page}");
    shows(&exporter.probe("kubeconfig", &format!("{base}/none.conf")).await, &["ssl_probe_success 0"]);
    assert_eq!(exporter.get("/probe?module=kubeconfig&target=/etc/passwd").await.status, 403);
}
