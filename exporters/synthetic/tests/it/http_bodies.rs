//! Prober `http`: bodies. Cases of blackbox_exporter's `http_test.go` under their names, and what must stay bounded.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use kit::web::{Answer, Web};

use crate::http::{answer, module};
use crate::{Page, start};

/// `hello world` ten times, by the reference's encoder of brotli.
const BROTLI: [u8; 24] = [
    0x1b, 0x6d, 0x00, 0xf8, 0x8d, 0x94, 0x6e, 0xde, 0x44, 0x55, 0x86, 0x96, 0x6c, 0x20, 0x6f, 0x35, 0x0b,
    0x60, 0x15, 0x40, 0x06, 0xc4, 0xdd, 0x01,
];

fn text() -> Vec<u8> {
    b"hello world".repeat(10)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn deflate(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

async fn page(section: &str, status: u16, encoding: &str, body: Vec<u8>) -> Page {
    let encoding = encoding.to_owned();
    let web = Web::start(move |_| {
        let headers = [("content-encoding", encoding.as_str())];
        answer(status, if encoding.is_empty() { &[] } else { &headers }, body.clone())
    });
    let web = web.await.unwrap();
    start(&module(section)).await.ask("m", &web.url("")).await
}

/// Fails unless the page has these lengths, as they were sent and after decompression.
#[track_caller]
fn lengths(page: &Page, sent: usize, decompressed: usize) {
    assert_eq!(page.value("probe_http_content_length"), sent as f64, "{}", page.text);
    assert_eq!(page.value("probe_http_uncompressed_body_length"), decompressed as f64, "{}", page.text);
}

#[tokio::test]
async fn test_content_length() {
    for (status, encoding, body) in [
        (200, "identity", text()),
        (200, "", text()),
        (200, "xxx", vec![b'x'; 110]),
        (404, "", b"not found".to_vec()),
        (200, "br", BROTLI.to_vec()),
        (200, "deflate", deflate(&text())),
        (200, "gzip", gzip(&text())),
    ] {
        let length = body.len();
        let page = page("", status, encoding, body).await;
        page.succeeds(status == 200);
        lengths(&page, length, length);
        assert_eq!(page.value("probe_http_received_body_length"), length as f64);
    }
}

#[tokio::test]
async fn test_handling_of_compression_setting() {
    for (section, encoding, body, decompressed) in [
        ("compression: gzip", "gzip", gzip(&text()), Some(110)),
        ("compression: br", "br", BROTLI.to_vec(), Some(110)),
        ("compression: deflate", "deflate", deflate(&text()), Some(110)),
        ("compression: identity", "identity", text(), Some(110)),
        ("compression: deflate", "gzip", gzip(&text()), None),
        ("compression: gzip, headers: {Accept-Encoding: gzip}", "gzip", gzip(&text()), Some(110)),
        ("compression: gzip, headers: {Accept-Encoding: 'br, gzip'}", "gzip", gzip(&text()), Some(110)),
        ("compression: gzip, headers: {Accept-Encoding: '*'}", "gzip", gzip(&text()), Some(110)),
        ("", "gzip", gzip(&text()), Some(gzip(&text()).len())),
    ] {
        let sent = body.len();
        let page = page(section, 200, encoding, body).await;
        page.succeeds(decompressed.is_some());
        lengths(&page, sent, decompressed.unwrap_or(0));
        assert_eq!(
            page.reason(),
            if decompressed.is_some() { "" } else { "transfer/decompress" },
            "{section}"
        );
    }
}

#[tokio::test]
async fn test_max_response_length() {
    for (section, body, length, good) in [
        ("", vec![b'A'; 127], 127, true),
        ("", vec![b'A'; 129], 128, false),
        ("compression: gzip,", gzip(&[b'A'; 127]), 127, true),
        ("compression: gzip,", gzip(&[b'A'; 129]), 128, false),
    ] {
        let sent = body.len();
        let page = page(&format!("{section} body_size_limit: 128B"), 200, "", body).await;
        page.succeeds(good);
        lengths(&page, sent, length);
        assert_eq!(page.reason(), if good { "" } else { "transfer/body_too_large" });
    }
}

#[tokio::test]
async fn a_regular_expression_and_cel_in_one_module() {
    let section = |word: &str| {
        format!(
            "fail_if_body_not_matches_regexp: ['{word}'], fail_if_body_matches_regexp: [nope], \
             fail_if_body_json_not_matches_cel: \"body.state == 'up'\""
        )
    };
    for (body, word, by_regexp, by_cel) in [
        (r#"{"state": "up"}"#, "state", 0.0, 0.0),
        (r#"{"state": "down"}"#, "state", 0.0, 1.0),
        (r#"{"state": "up"}"#, "other", 1.0, 0.0),
    ] {
        let page = page(&section(word), 200, "", body.as_bytes().to_vec()).await;
        page.succeeds(by_regexp + by_cel == 0.0);
        assert_eq!(page.value("probe_failed_due_to_regex"), by_regexp, "{body} {word}");
        assert_eq!(page.value("probe_failed_due_to_cel"), by_cel, "{body} {word}");
    }
}

/// The most memory that this process ever held, in kB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

#[tokio::test]
async fn a_body_of_100_mb_is_counted_whole_and_searched_and_never_held() {
    const LENGTH: usize = 100 << 20;
    let mut body = vec![b'x'; LENGTH];
    body[LENGTH - 9..].copy_from_slice(b"\nthe end.");
    let body = kit::web::Reply::new(200, "text/plain", body);
    let web = Web::start(move |_| body.clone().into()).await.unwrap();
    let exporter = start(
        &(module("fail_if_body_not_matches_regexp: ['x\\nthe end\\.$']")
            + "  limited: {prober: http, http: {body_size_limit: 1MB}}\n"
            + "  json: {prober: http, http: {fail_if_body_json_matches_cel: 'body.x'}}\n"),
    )
    .await;
    let before = peak();
    let page = exporter.ask("m", &web.url("")).await;
    page.succeeds(true);
    lengths(&page, LENGTH, LENGTH);
    let limited = exporter.ask("limited", &web.url("")).await;
    assert_eq!(limited.reason(), "transfer/body_too_large");
    lengths(&limited, LENGTH, 1 << 20);
    assert!(peak() - before < 16 << 10, "{} kB more", peak() - before);
    // what is read as JSON is held, up to 4 MB
    let json = exporter.ask("json", &web.url("")).await;
    assert_eq!(json.reason(), "check/body_too_large");
    lengths(&json, LENGTH, LENGTH);
    assert!(peak() - before < 24 << 10, "{} kB more", peak() - before);
}

#[tokio::test]
async fn a_gzip_bomb_is_bounded() {
    // ten megabytes of it become ten gigabytes
    let file = gzip(&vec![0; 10 << 20]);
    let body = file.repeat((10 << 20) / file.len());
    let before = peak();
    let page = page("compression: gzip", 200, "gzip", body).await;
    assert_eq!(page.reason(), "transfer/decompress");
    assert!(page.value("probe_http_uncompressed_body_length") < 64e6);
    assert!(peak() - before < 48 << 10, "{} kB more", peak() - before);
}

#[tokio::test]
async fn bodies_without_a_length_and_bodies_that_break_off() {
    let web = Web::start(|request| match request.path.as_str() {
        "/half" => Answer::Half(kit::web::Reply::text(200, "0123456789")),
        "/204" => answer(204, &[], ""),
        _ => answer(200, &[("content-length", "5")], "12345"),
    });
    let web = web.await.unwrap();
    let exporter = start(&(module("") + "  head: {prober: http, http: {method: HEAD}}\n")).await;
    let half = exporter.ask("m", &web.url("/half")).await;
    assert_eq!(half.reason(), "transfer/closed");
    lengths(&half, 10, 5);
    let none = exporter.ask("m", &web.url("/204")).await;
    none.succeeds(true);
    lengths(&none, 0, 0);
    let head = exporter.ask("head", &web.url("/")).await;
    head.succeeds(true);
    lengths(&head, 5, 0);

    let chunked = crate::served::each(async |mut stream| {
        use tokio::io::AsyncWriteExt;
        let text = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n\
                     HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nx: y\r\n\r\n";
        stream.write_all(text).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let chunked = chunked.await;
    let page = exporter.ask("m", &chunked.target()).await;
    page.succeeds(true);
    assert_eq!(page.value("probe_http_content_length"), -1.0);
    assert_eq!(page.value("probe_http_uncompressed_body_length"), 5.0);
}
