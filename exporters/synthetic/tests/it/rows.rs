//! The cases of blackbox_exporter's own tests, one by one: which test of ours runs each, and which none can run.
//!
//! A row counts cases, as upstream's tables have them. What is counted here is that the tests are there; that they pass is
//! told by running them.

use std::collections::BTreeSet;
use std::path::PathBuf;

/// Who answers for the cases of a test.
enum Kept {
    /// Tests of ours, as `file::test`; all cases are in them.
    By(&'static [&'static str]),
    /// The same, from the outside in another way than upstream's: why.
    Otherwise(&'static [&'static str], &'static str),
    /// Run, and another result is right here on purpose: why.
    Differs(&'static [&'static str], &'static str),
    /// Cannot be run from the outside, or is about what is not built: why.
    No(&'static str),
}

use Kept::{By, Differs, No, Otherwise};

/// Upstream's file and test, how many cases it has, and ours.
const ROWS: &[(&str, &str, usize, Kept)] = &[
    ("http", "TestHTTPStatusCodes", 10, By(&["http::test_http_status_codes"])),
    (
        "http",
        "TestValidHTTPVersion",
        6,
        Otherwise(
            &["http::test_valid_http_version", "config::what_is_strict_in_the_peer_is_strict_here"],
            "the two cases with HTTP/3.0 are errors of the file, as with upstream's own --config.check",
        ),
    ),
    ("http", "TestContentLength", 7, By(&["http_bodies::test_content_length"])),
    (
        "http",
        "TestHandlingOfCompressionSetting",
        9,
        By(&["http_bodies::test_handling_of_compression_setting"]),
    ),
    ("http", "TestMaxResponseLength", 4, By(&["http_bodies::test_max_response_length"])),
    ("http", "TestRedirectFollowed", 1, By(&["http::test_redirect_followed"])),
    ("http", "TestRedirectNotFollowed", 1, By(&["http::test_redirect_not_followed"])),
    ("http", "TestRedirectionLimit", 1, By(&["http::test_redirection_limit"])),
    ("http", "TestPost", 1, By(&["http::test_post"])),
    ("http", "TestBody", 2, By(&["http::test_body"])),
    ("http", "TestHTTPHeaders", 1, By(&["http::test_http_headers"])),
    ("http", "TestCookieJar", 1, By(&["http::test_cookie_jar"])),
    ("http", "TestBasicAuth", 1, By(&["http::test_basic_auth"])),
    ("http", "TestBearerToken", 1, By(&["http::test_bearer_token"])),
    ("http", "TestFailIfNotSSL", 1, By(&["http::test_fail_if_not_ssl"])),
    (
        "http",
        "TestFailIfNotSSLLogMsg",
        3,
        Otherwise(&["http::test_fail_if_not_ssl_log_msg"], "the reason is compared, not the log's words"),
    ),
    ("http", "TestFailIfBodyMatchesCEL", 12, By(&["http::test_fail_if_body_matches_cel"])),
    ("http", "TestFailIfBodyNotMatchesCEL", 12, By(&["http::test_fail_if_body_not_matches_cel"])),
    ("http", "TestFailIfBodyMatchesRegexp", 4, By(&["http::test_fail_if_body_matches_regexp"])),
    ("http", "TestFailIfBodyNotMatchesRegexp", 4, By(&["http::test_fail_if_body_not_matches_regexp"])),
    ("http", "TestFailIfHeaderMatchesRegexp", 9, By(&["http::test_fail_if_header_matches_regexp"])),
    ("http", "TestFailIfHeaderNotMatchesRegexp", 8, By(&["http::test_fail_if_header_not_matches_regexp"])),
    ("http", "TestFailIfSelfSignedCA", 1, By(&["http_tls::test_fail_if_self_signed_ca"])),
    ("http", "TestSucceedIfSelfSignedCA", 1, By(&["http_tls::test_succeed_if_self_signed_ca"])),
    (
        "http",
        "TestTLSConfigIsIgnoredForPlainHTTP",
        1,
        By(&["http::test_tls_config_is_ignored_for_plain_http"]),
    ),
    (
        "http",
        "TestHTTPUsesTargetAsTLSServerName",
        1,
        By(&["http_tls::test_http_uses_target_as_tls_server_name"]),
    ),
    (
        "http",
        "TestRedirectToTLSHostWorks",
        1,
        Otherwise(
            &["http_tls::test_redirect_to_tls_host_works"],
            "a second host here instead of prometheus.io",
        ),
    ),
    ("http", "TestHTTPPhases", 1, By(&["http_tls::test_http_phases"])),
    (
        "http",
        "TestSkipResolvePhase",
        6,
        By(&["http_way::test_skip_resolve_phase", "http_way::a_proxy_of_the_environment"]),
    ),
    ("http", "TestHTTPParsingScheme", 6, By(&["http_way::test_http_parsing_scheme"])),
    ("http", "TestValidHTTPVersionsQUIC", 6, No(HTTP3)),
    ("http", "TestHTTP3ProbeQUIC", 1, No(HTTP3)),
    ("http", "TestHTTP3ProbeQUICMixedCaseHTTPScheme", 1, No(HTTP3)),
    ("tcp", "TestTCPConnection", 1, By(&["tcp::test_tcp_connection"])),
    ("tcp", "TestTCPConnectionFails", 1, By(&["tcp::test_tcp_connection_fails"])),
    ("tcp", "TestTCPConnectionWithTLS", 3, By(&["tcp::test_tcp_connection_with_tls"])),
    (
        "tcp",
        "TestTCPConnectionWithTLSAndVerifiedCertificateChain",
        1,
        By(&["tcp::test_tcp_connection_with_tls_and_verified_certificate_chain"]),
    ),
    (
        "tcp",
        "TestTCPConnectionQueryResponseStartTLS",
        1,
        By(&["tcp::test_tcp_connection_query_response_start_tls"]),
    ),
    (
        "tcp",
        "TestTCPConnectionQueryResponseIRC",
        2,
        By(&[
            "tcp::test_tcp_connection_query_response_irc",
            "tcp::test_tcp_connection_query_response_irc_refused",
        ]),
    ),
    (
        "tcp",
        "TestTCPConnectionQueryResponseMatching",
        1,
        By(&["tcp::test_tcp_connection_query_response_matching"]),
    ),
    (
        "tcp",
        "TestTCPConnectionQueryResponseByteMode",
        1,
        By(&["tcp::test_tcp_connection_query_response_byte_mode"]),
    ),
    (
        "tcp",
        "TestTCPConnectionQueryResponseByteModeFail",
        1,
        By(&["tcp::test_tcp_connection_query_response_byte_mode_fail"]),
    ),
    (
        "tcp",
        "TestTCPConnectionProtocol",
        3,
        Otherwise(
            &["tcp::test_tcp_connection_protocol"],
            "by address where localhost is not ::1 on every machine",
        ),
    ),
    ("tcp", "TestPrometheusTimeoutTCP", 1, By(&["tcp::test_prometheus_timeout_tcp"])),
    ("tcp", "TestProbeExpectInfo", 1, By(&["tcp::test_probe_expect_info"])),
    ("dns", "TestRecursiveDNSResponse", 12, By(&["dns::test_recursive_dns_response"])),
    ("dns", "TestAuthoritativeDNSResponse", 22, By(&["dns::test_authoritative_dns_response"])),
    (
        "dns",
        "TestServfailDNSResponse",
        8,
        Otherwise(
            &["dns::test_servfail_dns_response"],
            "a type or code that does not exist is an error of the file",
        ),
    ),
    (
        "dns",
        "TestDNSProtocol",
        8,
        Otherwise(&["dns::test_dns_protocol"], "by address where localhost is not ::1 on every machine"),
    ),
    ("dns", "TestDNSMetrics", 1, By(&["dns::test_dns_metrics"])),
    ("grpc", "TestGRPCConnection", 1, By(&["grpc::test_grpc_connection"])),
    ("grpc", "TestGRPCConnectionWithMetadata", 1, By(&["grpc::test_grpc_connection_with_metadata"])),
    (
        "grpc",
        "TestMultipleGRPCservices",
        3,
        By(&[
            "grpc::test_multiple_grpc_services_1",
            "grpc::test_multiple_grpc_services_2",
            "grpc::test_multiple_grpc_services_3",
        ]),
    ),
    ("grpc", "TestGRPCTLSConnection", 1, By(&["grpc::test_grpc_tls_connection"])),
    ("grpc", "TestNoTLSConnection", 1, By(&["grpc::test_no_tls_connection"])),
    ("grpc", "TestGRPCServiceNotFound", 1, By(&["grpc::test_grpc_service_not_found"])),
    ("grpc", "TestGRPCHealthCheckUnimplemented", 1, By(&["grpc::test_grpc_health_check_unimplemented"])),
    ("grpc", "TestGRPCAbsentFailedTLS", 1, By(&["grpc::test_grpc_absent_failed_tls"])),
    ("unix", "TestUnixConnection", 1, By(&["unix::test_unix_connection"])),
    ("unix", "TestUnixConnectionFails", 1, By(&["unix::test_unix_connection_fails"])),
    (
        "websocket",
        "TestProbeWebsocket",
        4,
        By(&[
            "websocket::test_probe_websocket_1",
            "websocket::test_probe_websocket_2",
            "websocket::test_probe_websocket_3",
            "websocket::test_probe_websocket_4",
        ]),
    ),
    (
        "websocket",
        "TestCostructHeadersFromConfig",
        3,
        Otherwise(
            &[
                "websocket::test_construct_headers_from_config_1",
                "websocket::test_construct_headers_from_config_2",
                "websocket::test_construct_headers_from_config_3",
            ],
            "by what the server sees",
        ),
    ),
    ("handler", "TestPrometheusTimeoutHTTP", 1, By(&["request::test_prometheus_timeout_http"])),
    ("handler", "TestTimeoutIsSetCorrectly", 12, By(&["request::test_timeout_is_set_correctly"])),
    ("handler", "TestHostnameParam", 2, By(&["request::test_hostname_param"])),
    ("handler", "TestTCPHostnameParam", 1, By(&["request::test_tcp_hostname_param"])),
    ("handler", "TestURLDecoding", 4, By(&["request::test_url_decoding"])),
    (
        "handler",
        "TestPrometheusConfigSecretsHidden",
        1,
        By(&["config::test_prometheus_config_secrets_hidden"]),
    ),
    ("handler", "TestDebugOutputSecretsHidden", 1, By(&["config::test_debug_output_secrets_hidden"])),
    ("handler", "TestDebugOutputScrapeLoggerLevels", 2, No("the words of a log are no interface")),
    ("history", "TestHistoryKeepsLatestResults", 1, By(&["history::test_history_keeps_latest_results"])),
    (
        "history",
        "TestHistoryPreservesExpiredFailedResults",
        1,
        By(&["history::test_history_preserves_expired_failed_results"]),
    ),
    ("history", "TestHistoryGetByID", 1, By(&["history::test_history_get_by_id"])),
    (
        "history",
        "TestHistoryGetByTarget",
        1,
        Differs(&["history::test_history_get_by_target"], "the newest of a target; upstream's is the oldest"),
    ),
    ("history", "TestHistoryGetByTargetAndModule", 1, By(&["history::test_history_get_by_target"])),
    ("config", "TestLoadConfig", 1, By(&["config::test_load_config"])),
    ("config", "TestLoadBadConfigs", 23, By(&["config::test_load_bad_configs"])),
    ("config", "TestIsEncodingAcceptable", 13, By(&["config::test_is_encoding_acceptable"])),
    ("config", "TestNewCELProgram", 3, By(&["config::test_new_cel_program"])),
    ("config", "TestWebsocketProbeUnmarshal", 1, By(&["config::test_websocket_probe_unmarshal"])),
    ("config", "TestHideConfigSecrets", 1, By(&["config::test_hide_config_secrets"])),
    (
        "reload",
        "TestGenerateChecksum",
        3,
        Otherwise(
            &[
                "reload::test_reload_takes_a_changed_file_and_refuses_a_bad_one",
                "reload::test_auto_reload_follows_the_file",
                "reload::test_without_auto_reload_the_file_is_not_followed",
            ],
            "by what a changed file does",
        ),
    ),
    ("main", "TestComputeExternalURL", 8, By(&["reload::test_compute_external_url"])),
    ("utils", "TestGetSerialNumber", 2, By(&["common::test_get_serial_number"])),
    (
        "utils",
        "TestChooseProtocol",
        2,
        Otherwise(
            &["common::test_choose_protocol", "resolver::names_are_asked_of_the_module_s_own_server"],
            "a name server here instead of the internet's",
        ),
    ),
];

const HTTP3: &str = "HTTP/3 is not built: the file is taken, and the probe says so";

/// What upstream has no test for: the row, and ours.
const MORE: &[(&str, &str)] = &[
    ("a regular expression and CEL in one module", "http_bodies::a_regular_expression_and_cel_in_one_module"),
    ("two entries with labels", "tcp::two_labelled_entries_are_two_series"),
    ("a silent websocket", "websocket::a_silent_server_ends_by_the_timeout"),
    ("gRPC and a black hole", "grpc::a_black_hole_ends_by_the_timeout"),
    ("HTTP/2 that resets after the handshake", "http_tls::one_request_on_each_hop_and_no_second_one"),
    ("a redirect to another host with a password", "http_way::who_we_are_stays_with_the_target"),
    ("a redirect to the same host with a password", "http_way::who_we_are_stays_with_the_target"),
    (
        "a timeout of 0.3 s and an offset of 0.5 s",
        "request::a_timeout_shorter_than_the_offset_leaves_half_of_it",
    ),
    ("a timeout of abc", "request::what_is_asked_for_wrongly_is_told"),
    (
        "a body of 100 MB and a limit of 1 MB",
        "http_bodies::a_body_of_100_mb_is_counted_whole_and_searched_and_never_held",
    ),
    ("a gzip bomb", "http_bodies::a_gzip_bomb_is_bounded"),
    ("a line of 70 KiB", "tcp::a_line_of_70_kib_is_too_long_and_no_mismatch"),
    ("a carriage return before the end of a line", "tcp::the_end_of_a_line_is_no_part_of_it"),
    ("an answer of DNS that is truncated", "dns::a_truncated_answer"),
    ("the text of a record has TABs", "dns::a_record_is_text_with_tabs"),
    ("an IPv6 literal", "http_way::an_ipv6_literal_and_an_international_name"),
    ("an international name", "http_way::an_ipv6_literal_and_an_international_name"),
    ("a name and a password in the target", "http_way::targets_of_every_kind"),
    // and what the issue asks for beside them
    ("500 probes of a black hole", "delays::five_hundred_probes_of_a_black_hole_are_answered_in_time"),
    ("delays in each phase", "delays::each_phase_is_what_was_held_back_in_it"),
    ("the sum of the phases", "http_tls::the_phases_add_up_to_the_whole"),
    ("30 faults, 30 reasons", "reasons::of_the_network"),
    ("40 ways into a network", "guard::in_profile_public_nothing_inside_is_reached"),
    ("its example", "config::test_load_config"),
    ("side by side", "beside::every_series_of_blackbox_exporter_is_here_and_says_the_same"),
];

/// The part of the cases that can be run which must come out as upstream's, in percent.
const WANTED: usize = 98;

/// Fails unless `file::test` is a test.
fn is_there(test: &str) {
    let (file, name) = test.split_once("::").unwrap();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/{file}.rs"));
    let text = std::fs::read_to_string(&path).unwrap();
    let is_test = |attribute: &str| text.contains(&format!("{attribute}fn {name}() {{"));
    let found = ["#[test]\n", "#[tokio::test]\nasync "].iter().any(|a| is_test(a));
    assert!(found, "{test} is no test");
}

#[test]
fn nearly_every_case_of_upstream_is_run() {
    let (mut portable, mut passing) = (0, 0);
    let mut listed = Vec::new();
    for (file, test, cases, kept) in ROWS {
        let (tests, reason) = match kept {
            By(tests) => (*tests, None),
            Otherwise(tests, reason) | Differs(tests, reason) => (*tests, Some(reason)),
            No(reason) => (&[][..], Some(reason)),
        };
        for test in tests {
            is_there(test);
        }
        portable += if tests.is_empty() { 0 } else { *cases };
        passing += if matches!(kept, By(_) | Otherwise(..)) { *cases } else { 0 };
        listed.extend(reason.map(|reason| format!("{file}_test.go {test} ({cases}): {reason}")));
    }
    let names: BTreeSet<_> = ROWS.iter().map(|(file, test, ..)| (file, test)).collect();
    assert_eq!(names.len(), ROWS.len(), "a row is there twice");
    for (_, test) in MORE {
        is_there(test);
    }
    let all: usize = ROWS.iter().map(|(_, _, cases, _)| cases).sum();
    println!(
        "{all} cases, {portable} portable, {passing} as upstream; {} more rows; {listed:#?}",
        MORE.len()
    );
    assert!(passing * 100 >= portable * WANTED);
}
