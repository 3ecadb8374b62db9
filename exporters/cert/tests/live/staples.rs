//! Stapled OCSP responses by openssl's responder (`TestProbeTCPOCSP`, `TestProbeHTTPSOCSP`).

use kit::process::Folder;
use kit::tls_server::Serve;

use crate::openssl::{below, identity, openssl, path};
use crate::support::{count, shows, start, value, write};

/// The lines of openssl's index of certificates: serial numbers 1 is good, 2 is revoked since the last second of 2023,
/// and 3 is not there.
const INDEX: &str =
    "V\t21000101000000Z\t\t01\tunknown\t/CN=leaf\nR\t21000101000000Z\t231231235959Z\t02\tunknown\t/CN=leaf\n";

#[tokio::test]
async fn what_the_responder_says_is_on_the_page() {
    let folder = Folder::new().unwrap();
    let (authority, authority_key) = identity(&folder, "authority", 2048).await;
    let (stranger, stranger_key) = identity(&folder, "stranger", 2048).await;
    let index = write(&folder, "index", INDEX);
    let exporter = start(
        &folder,
        &format!("modules:\n  tcp: {{prober: tcp, tls_config: {{ca_file: {authority}}}}}\n  https: {{prober: https, tls_config: {{ca_file: {authority}}}}}\n"),
    )
    .await;
    let ours = (authority.as_str(), authority_key.as_str());
    for (serial, (signer, signer_key), status, verified, trusted) in [
        (1, ours, 0, 1, true),
        (2, ours, 1, 1, false),
        (3, ours, 2, 1, true),
        // anybody can say that a certificate is revoked
        (2, (stranger.as_str(), stranger_key.as_str()), 1, 0, true),
    ] {
        let (leaf, key) = below(&folder, ours, serial, "").await;
        let response = path(&folder, "response");
        openssl(&format!("ocsp -index {index} -CA {authority} -rsigner {signer} -rkey {signer_key} -issuer {authority} -cert {leaf} -ndays 7 -respout {response}")).await;
        let [leaf, key] = [leaf, key].map(|file| std::fs::read_to_string(file).unwrap());
        let staple = std::fs::read(response).unwrap();
        let server = Serve { staple, ..Serve::chain(&[&leaf], &key) }.start().await.unwrap();
        for module in ["tcp", "https"] {
            let page = exporter.probe(module, &server.target()).await;
            shows(
                &page,
                &[
                    "ssl_ocsp_response_stapled 1",
                    &format!("ssl_ocsp_response_status {status}"),
                    &format!("ssl_ocsp_response_verified {verified}"),
                    &format!("ssl_verify_success {}", u8::from(trusted)),
                    // by Go's rules nobody asks about revocation
                    "ssl_probe_success 1",
                ],
            );
            let time = |name: &str| value(&page, &format!("ssl_ocsp_response_{name} "));
            let (made, from, to) =
                (time("produced_at").unwrap(), time("this_update").unwrap(), time("next_update").unwrap());
            assert!((made - from).abs() <= 1.0 && (to - from - 7.0 * 86_400.0).abs() <= 1.0, "{page}");
            let revoked = (status == 1).then_some(1_704_067_199.0);
            assert_eq!(time("revoked_at"), revoked, "{page}");
            let reason = count(&page, "ssl_verify_error{reason=\"revoked\"}");
            assert_eq!(reason == 0, trusted, "{page}");
        }
    }
}
