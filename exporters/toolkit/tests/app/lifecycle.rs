//! Endpoints, flags, reload.

use kit::http::{Client, http_get};
use kit::process::Folder;
use toolkit::app::Program;
use toolkit::cli::{self, Invocation};

use crate::sample::{Sample, launch};

#[tokio::test]
async fn endpoints() {
    let app = launch(&[]).await;
    for (path, status, text) in [
        ("/", 200, "Shows &lt;one&gt; value."),
        ("/metrics", 200, "sample_value"),
        ("/-/healthy", 200, "healthy"),
        ("/-/ready", 200, "ready"),
        ("/probe?target=host%3A1", 200, "sample_value{from=\"host:1\"} 2"),
        ("/probe", 400, "`target` is missing"),
        ("/probe?target=", 400, "`target` is missing"),
        ("/probe?target=forbidden", 403, "may not be asked"),
        ("/-/reload", 405, ""),
        ("/nothing", 404, "not found"),
        ("/metrics/", 404, "not found"),
    ] {
        let answer = http_get(&app.url(path), &[]).await.unwrap();
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text().contains(text), "{path}: {}", answer.text());
    }
    let probe = http_get(&app.url("/probe?target=x"), &[]).await.unwrap().text();
    assert!(!probe.contains("process_") && !probe.contains("watchfire_"), "{probe}");
    app.stop().await;
}

#[tokio::test]
async fn a_reload_is_whole_or_not_at_all() {
    let folder = Folder::new().unwrap();
    let file = folder.write("sample.yml", "value: 5\n").unwrap();
    let app = launch(&[&format!("--config.file={}", file.display())]).await;
    let reload = async || Client::new().send("POST", &app.url("/-/reload"), "").await.unwrap();
    let page = async || http_get(&app.url("/metrics"), &[]).await.unwrap().text();
    assert!(page().await.contains("} 5\n"));

    folder.write("sample.yml", "value: 6\n").unwrap();
    assert_eq!(reload().await.status, 200);
    assert!(page().await.contains("} 6\n"));
    assert!(page().await.contains("watchfire_config_last_reload_successful 1\n"));

    folder.write("sample.yml", "value: 7\nvalu: 8\nother: 9\n").unwrap();
    let refused = reload().await;
    assert_eq!(refused.status, 500);
    let text = refused.text();
    assert!(text.contains("sample.yml:2:1: ") && text.contains("sample.yml:3:1: "), "{text}");
    assert!(page().await.contains("} 6\n"), "the old configuration stands");
    assert!(page().await.contains("watchfire_config_last_reload_successful 0\n"));

    folder.write("sample.yml", "value: -1\n").unwrap();
    assert_eq!(reload().await.status, 200);
    let ready = http_get(&app.url("/-/ready"), &[]).await.unwrap();
    assert_eq!((ready.status, ready.text().as_str()), (503, "not ready: the value is negative\n"));
    assert_eq!(http_get(&app.url("/-/healthy"), &[]).await.unwrap().status, 200);
    app.stop().await;
}

#[test]
fn flags_are_read_as_the_peers_read_them() {
    for (arguments, extra) in [
        (&[][..], true),
        (&["--no-collector.extra"], false),
        (&["--collector.extra=false"], false),
        (&["-collector.extra=false"], false),
        (&["--no-collector.extra", "--collector.extra"], true),
    ] {
        let line = ["sample-exporter"].iter().chain(arguments).map(Into::into);
        let Ok(Invocation::Serve(flags)) = cli::parse::<Sample>(line) else { panic!("{arguments:?}") };
        assert_eq!(flags.own.extra, extra, "{arguments:?}");
        assert_eq!(flags.common.listen_addresses, [":9999"]);
    }
    for (arguments, message) in [
        (&["--unknown"][..], "unexpected argument '--unknown'"),
        (&["-unknown"], "unexpected argument '--unknown'"),
        (&["--no-slow"], "unexpected argument '--no-slow'"),
        (&["--slow=soon"], "invalid value 'soon' for '--slow <MS>'"),
        (&["--web.telemetry-path=metrics"], "expected a path such as /metrics"),
        (&["--log.level=loud"], "--log.level"),
    ] {
        let line = ["sample-exporter"].iter().chain(arguments).map(Into::into);
        let error = cli::parse::<Sample>(line).unwrap_err();
        assert!(error.to_string().contains(message), "{arguments:?}: {error}");
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn every_flag_has_a_variable_and_no_help_shows_its_value() {
    let mut command = cli::command::<Sample>();
    for (flag, variable) in [
        ("web.listen-address", "SAMPLE_EXPORTER_WEB_LISTEN_ADDRESS"),
        ("config.file", "SAMPLE_EXPORTER_CONFIG_FILE"),
        ("slow", "SAMPLE_EXPORTER_SLOW"),
        ("collector.extra", "SAMPLE_EXPORTER_COLLECTOR_EXTRA"),
    ] {
        let found = command.get_arguments().find(|argument| argument.get_long() == Some(flag)).unwrap();
        assert_eq!(found.get_env().and_then(|name| name.to_str()), Some(variable));
        assert!(found.is_hide_env_values_set());
    }
    let help = command.render_help().to_string();
    assert!(help.contains("SAMPLE_EXPORTER_SLOW") && help.contains(Sample::ABOUT.summary), "{help}");
}
