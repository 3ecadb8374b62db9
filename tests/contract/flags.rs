//! Flags, environment variables, exit codes.

use kit::process::{Folder, Launch, free_port};
use tests::{PROGRAMS, Suite};

/// The flags that all programs have.
const COMMON: [&str; 12] = [
    "--web.listen-address",
    "--web.config.file",
    "--web.telemetry-path",
    "--web.max-requests",
    "--web.disable-exporter-metrics",
    "--timeout-offset",
    "--config.file",
    "--config.check",
    "--log.level",
    "--log.format",
    "--help",
    "--version",
];

async fn run(program: &Suite, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = Folder::new().unwrap();
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let output = program.run(&folder, &arguments).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn help_names_the_common_flags_and_their_variables() {
    for program in &PROGRAMS {
        let (code, help, _) = run(program, &["--help"]).await;
        assert_eq!(code, Some(0), "{}", program.name);
        for flag in COMMON {
            assert!(help.contains(flag), "{} {flag}\n{help}", program.name);
        }
        let variable = format!("{}_WEB_LISTEN_ADDRESS", program.env_prefix);
        assert!(help.contains(&variable) && help.contains("healthcheck"), "{help}");
        assert!(help.contains(&format!("[default: :{}]", program.port)), "{help}");
    }
}

#[tokio::test]
async fn version_names_the_program() {
    for program in &PROGRAMS {
        let (code, version, _) = run(program, &["--version"]).await;
        assert_eq!(code, Some(0));
        assert!(version.starts_with(&format!("{} 0.", program.name)), "{version}");
    }
}

#[tokio::test]
async fn bad_flags_end_with_2_and_one_clear_sentence() {
    for program in &PROGRAMS {
        for (arguments, cause) in [
            (&["--no-such-flag"][..], "--no-such-flag"),
            (&["--web.max-requests=many"], "--web.max-requests"),
            (&["--timeout-offset=soon"], "--timeout-offset"),
            (&["--log.format=xml"], "--log.format"),
            (&["--log.level=loud"], "--log.level"),
            (&["stray"], "stray"),
        ] {
            let (code, out, err) = run(program, arguments).await;
            assert_eq!((code, out.as_str()), (Some(2), ""), "{} {arguments:?}", program.name);
            assert!(
                err.starts_with("error: ") && err.contains(cause),
                "{} {arguments:?}: {err}",
                program.name
            );
        }
    }
}

#[tokio::test]
async fn a_check_opens_nothing_and_says_whether_the_configuration_is_valid() {
    for program in &PROGRAMS {
        let folder = Folder::new().unwrap();
        // a port that nobody may listen on: a check must not try
        let mut arguments = program.arguments(&folder, 1).unwrap();
        arguments.push("--config.check".to_owned());
        let output = program.run(&folder, &arguments).await.unwrap();
        assert_eq!(output.status.code(), Some(0), "{} {output:?}", program.name);
        assert!(String::from_utf8_lossy(&output.stdout).contains("valid"));
        assert!(!folder.path().join("data").exists(), "{} made its store for a check", program.name);
    }
}

#[tokio::test]
async fn variables_stand_for_flags() {
    for program in &PROGRAMS {
        let folder = Folder::new().unwrap();
        let port = free_port().unwrap();
        let arguments = program.arguments(&folder, port).unwrap();
        let listen = format!("127.0.0.1:{port}");
        let launch = Launch::at(&program.binary().unwrap(), program.name, &folder)
            .args(arguments.into_iter().filter(|argument| !argument.starts_with("--web.listen-address")))
            .env(&format!("{}_WEB_LISTEN_ADDRESS", program.env_prefix), listen)
            .env(&format!("{}_LOG_FORMAT", program.env_prefix), "json");
        let within = std::time::Duration::from_secs(20);
        let server = launch.start(within, async || kit::process::accepts(port).await).await.unwrap();
        let log = server.log();
        assert!(log.lines().all(|line| line.starts_with('{') && line.ends_with('}')), "{log}");
        assert!(server.stop().await.unwrap().success());
    }
}
