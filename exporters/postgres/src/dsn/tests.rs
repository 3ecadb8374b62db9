//! Connection strings and what they mean.

use proptest::prelude::*;
use toolkit::config::{Secret, SecretSource};

use super::resolve::{asked, configured};
use super::sources::{Source, from_environment, split};
use super::*;
use crate::conn::{Method, Mode, Place, Roots};
use crate::credentials::Password;

/// A password with everything that needs care somewhere.
const CANARY: &str = "p=w #1@/%:'\"\\ü";

#[track_caller]
fn check(
    text: &str,
    host: &str,
    port: Option<&str>,
    user: Option<&str>,
    password: Option<&str>,
    database: Option<&str>,
) {
    let dsn = Dsn::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let found = (dsn.get("host"), dsn.get("port"), dsn.get("user"), dsn.get("dbname"));
    assert_eq!(found, (Some(host).filter(|host| !host.is_empty()), port, user, database), "{text}");
    assert_eq!(dsn.password, password.map(Secret::from), "{text}");
}

#[test]
fn urls() {
    check("postgresql://u:p@h:1/d", "h", Some("1"), Some("u"), Some("p"), Some("d"));
    check("postgres://h", "h", None, None, None, None);
    check("postgresql://", "", None, None, None, None);
    check("postgresql:///d?host=/run/pg", "/run/pg", None, None, None, Some("d"));
    check("postgresql://%2Frun%2Fpg:5433/d", "/run/pg", Some("5433"), None, None, Some("d"));
    check("postgresql://u@[::1]:5433/d", "::1", Some("5433"), Some("u"), None, Some("d"));
    check("postgresql://u:p@a:1,b:2/d", "a,b", Some("1,2"), Some("u"), Some("p"), Some("d"));
    check("postgresql://a,b/d", "a,b", None, None, None, Some("d"));
    check("postgresql://u:%40%2F%3a%25%20%C3%BC@h/d", "h", None, Some("u"), Some("@/:% ü"), Some("d"));
    check("postgresql://u:p=#'\"\\ü@h/d", "h", None, Some("u"), Some("p=#'\"\\ü"), Some("d"));
    check("postgresql://u:p@w@h/d", "h", None, Some("u"), Some("p@w"), Some("d"));
    check("postgresql://u:p/w@h/d", "h", None, Some("u"), Some("p/w"), Some("d"));
    check("postgresql://u:12/3@h/d", "h", None, Some("u"), Some("12/3"), Some("d"));
    check("postgresql://u:p?w@h/d", "h", None, Some("u"), Some("p?w"), Some("d"));
    check("postgresql://u:100%@h/d", "h", None, Some("u"), Some("100%"), Some("d"));
    check("postgresql://h/d?user=a@b&password=p%26q", "h", None, Some("a@b"), Some("p&q"), Some("d"));
    check("postgresql://u:p@h/d?user=x&password=y", "h", None, Some("u"), Some("p"), Some("d"));
    check("postgresql://u:@h/d", "h", None, Some("u"), None, Some("d"));
    check("db.internal:5433", "db.internal", Some("5433"), None, None, None);
    check("u:p@h:1/d?sslmode=disable", "h", Some("1"), Some("u"), Some("p"), Some("d"));
    check("h/d?sslmode=disable", "h", None, None, None, Some("d"));
}

#[test]
fn keyword_pairs() {
    check("host=h port=1 user=u password=p dbname=d", "h", Some("1"), Some("u"), Some("p"), Some("d"));
    check("host = h  user= u\tpassword =p", "h", None, Some("u"), Some("p"), None);
    check("host=h password='a b' user=u", "h", None, Some("u"), Some("a b"), None);
    check(r"host=h password='it\'s \\ \x' user=u", "h", None, Some("u"), Some(r"it's \ x"), None);
    check("host=h password=a=b#c@d/e%f\"ü user=u", "h", None, Some("u"), Some("a=b#c@d/e%f\"ü"), None);
    check(r"host=h password=a\ b\'c", "h", None, None, Some("a b'c"), None);
    check("host=h password='' user=u", "h", None, Some("u"), None, None);
    check("host=a,b port=1,2", "a,b", Some("1,2"), None, None, None);
    check("host='' dbname=d", "", None, None, None, Some("d"));
}

#[test]
fn every_character_survives_both_forms() {
    let quoted = CANARY.replace('\\', "\\\\").replace('\'', "\\'");
    let escaped: Vec<String> = CANARY.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let escaped = escaped.concat();
    check(&format!("host=h password='{quoted}' user=u"), "h", None, Some("u"), Some(CANARY), None);
    check(&format!("postgresql://u:{escaped}@h/d"), "h", None, Some("u"), Some(CANARY), Some("d"));
    check(&format!("postgresql://h/d?password={escaped}"), "h", None, None, Some(CANARY), Some("d"));
}

#[test]
fn what_is_wrong_is_said_without_any_value() {
    for (text, expected) in [
        ("host=h password='canary", "a quoted value does not end (hint: write ' as \\' and \\ as \\\\)"),
        (
            "host=h canary",
            "`=` is missing after a key (hint: values with blanks need quotes, 'a b'; in a URL write ? as %3F and & as %26)",
        ),
        (
            "postgresql://h:canary/d",
            "the port is not a number from 1 to 65535 (hint: in a URL write @ as %40, / as %2F and : as %3A)",
        ),
        (
            "postgresql://h:70000/d",
            "the port is not a number from 1 to 65535 (hint: in a URL write @ as %40, / as %2F and : as %3A)",
        ),
        ("postgresql://[::1/d", "an IPv6 address lacks its `]`"),
    ] {
        let error = Dsn::parse(text).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
    let dsn = Dsn::parse("postgresql://canary:canary@h/d").unwrap();
    assert_eq!(format!("{dsn:?}"), "Dsn(\"h:5432\")");
}

fn none(_: &str) -> Option<String> {
    None
}

#[test]
fn links() {
    let dsn = Dsn::parse(
        "postgresql://u:p@a:1,[::1]:2/d?sslmode=verify-full&sslrootcert=/ca&require_auth=!password",
    )
    .unwrap();
    let link = configured(dsn, None, &none).unwrap();
    let place = |host: &str, port| Place::Tcp { host: host.to_owned(), address: None, port };
    assert_eq!(link.places, [place("a", 1), place("::1", 2)]);
    assert_eq!((link.tls.mode, &link.tls.roots), (Mode::VerifyFull, &Roots::File("/ca".into())));
    assert_eq!(link.allowed.listed, [Method::None, Method::Scram, Method::Md5]);
    assert_eq!((link.credentials.user.as_str(), link.database.as_str()), ("u", "d"));
    let link = configured(Dsn::parse("host=/run/pg user=me").unwrap(), None, &none).unwrap();
    assert_eq!(link.places, [Place::Unix { folder: "/run/pg".into(), port: 5432 }]);
    assert_eq!(link.database, "me");
    for (text, expected) in [
        ("host=h sslmode=on", "sslmode: expected disable, allow, prefer, require, verify-ca or verify-full"),
        ("host=h sslmod=require", "unknown parameter `sslmod`"),
        (
            "host=h password=my canary=x",
            "unknown parameter (hint: values with blanks need quotes, 'a b'; in a URL write ? as %3F and & as %26)",
        ),
        ("host=a,b,c port=1,2", "there must be one port, or as many as hosts"),
        (
            "host=h sslrootcert=system sslmode=require",
            "sslmode: expected verify-full, since sslrootcert=system trusts so many",
        ),
        ("host=h connect_timeout=soon", "connect_timeout: expected a number of seconds"),
        ("host=h require_auth=pam", "require_auth: expected a list of scram-sha-256, md5, password and none"),
    ] {
        let error = configured(Dsn::parse(text).unwrap(), None, &none).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

#[test]
fn what_a_string_lacks_comes_from_the_service_then_from_variables() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("service.conf");
    std::fs::write(
        &file,
        "# all\n[other]\nhost=x\n[prod]\nhost=db\nuser=svc\npassword=from service = yes\n[last]\nhost=y\n",
    )
    .unwrap();
    let path = file.display().to_string();
    let lookup = |name: &str| match name {
        "PGSERVICEFILE" => Some(path.clone()),
        "PGUSER" => Some("env".to_owned()),
        "PGPORT" => Some("6000".to_owned()),
        "PGPASSWORD" => Some("env".to_owned()),
        _ => None,
    };
    let link = configured(Dsn::parse("service=prod dbname=d").unwrap(), None, &lookup).unwrap();
    assert_eq!(link.places, [Place::Tcp { host: "db".to_owned(), address: None, port: 6000 }]);
    assert_eq!(link.credentials.user, "svc");
    assert_eq!(link.credentials.password, Password::Service { file, name: "prod".to_owned() });
    let link = configured(Dsn::parse("host=h user=u").unwrap(), None, &lookup).unwrap();
    assert_eq!(link.credentials.password, Password::Given(SecretSource::Env("PGPASSWORD".to_owned())));
    let error = configured(Dsn::parse("service=none").unwrap(), None, &lookup).unwrap_err();
    assert!(error.to_string().ends_with("has no service `none`"), "{error}");
}

#[test]
fn targets_of_requests_get_what_their_rule_gives_and_may_not_name_files() {
    let rule = [("sslmode".to_owned(), "require".to_owned()), ("sslcert".to_owned(), "/c".to_owned())];
    let link = asked(Dsn::parse("h:1/d?sslmode=disable").unwrap(), Some("m"), None, &rule).unwrap();
    assert_eq!(
        (link.tls.mode, link.credentials.user.as_str(), link.allowed.strict),
        (Mode::Require, "m", true)
    );
    assert_eq!(link.credentials.password, Password::None);
    for text in [
        "host=h passfile=/etc/shadow",
        "host=h service=x",
        "host=/run/pg",
        "host=a,b",
        "host=h sslkey=/k",
        "host=h require_auth=password",
        "host=h options=-cx=y",
    ] {
        assert!(
            matches!(asked(Dsn::parse(text).unwrap(), None, None, &[]), Err(DsnError::NotHere(_))),
            "{text}"
        );
    }
}

#[test]
fn variables_of_the_peer() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (user, pass) = (write("user", "filed\n"), write("pass", "secret\n"));
    let sources = |set: &[(&str, &str)]| {
        let lookup =
            |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        from_environment(&lookup)
    };
    let one = |set: &[(&str, &str)]| -> Source { sources(set).unwrap().remove(0) };
    assert_eq!(sources(&[]), Ok(Vec::new()));
    assert_eq!(one(&[("DATA_SOURCE_NAME", "host=a"), ("DATA_SOURCE_URI", "b")]).dsn.get("host"), Some("a"));
    let found = one(&[
        ("DATA_SOURCE_URI", "h:1/d?sslmode=disable"),
        ("DATA_SOURCE_USER", "u@x"),
        ("DATA_SOURCE_PASS", CANARY),
    ]);
    assert_eq!((found.dsn.get("user"), found.dsn.get("port")), (Some("u@x"), Some("1")));
    assert_eq!(found.password, Some(SecretSource::Inline(Secret::from(CANARY))));
    let found =
        one(&[("DATA_SOURCE_URI", "h"), ("DATA_SOURCE_USER_FILE", &user), ("DATA_SOURCE_PASS_FILE", &pass)]);
    assert_eq!(
        (found.dsn.get("user"), found.password),
        (Some("filed"), Some(SecretSource::File(pass.into())))
    );
    assert_eq!(one(&[("PGHOST", "h")]), Source::default());
    let error = sources(&[("DATA_SOURCE_URI_FILE", "/no/such/file")]).unwrap_err();
    assert_eq!(error.variable, "DATA_SOURCE_URI_FILE");
}

#[test]
fn lists() {
    for (list, expected) in [
        ("postgres://a,postgres://b", &["postgres://a", "postgres://b"][..]),
        ("postgres://u:p,q@a:1,b:2/d", &["postgres://u:p,q@a:1,b:2/d"]),
        ("host=a user=u, host=b user=v", &["host=a user=u", "host=b user=v"]),
        ("host=a,b user=u", &["host=a,b user=u"]),
        ("postgres://a/d?x=y,host=b user=u", &["postgres://a/d?x=y", "host=b user=u"]),
    ] {
        assert_eq!(split(list), expected, "{list}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic_and_never_shown(text in "(?s).{0,60}", secret in "[a-z@:/%?#' \\\\]{1,9}Z") {
        drop(Dsn::parse(&text));
        drop(split(&text));
        for text in [format!("postgresql://u:{secret}@h/d"), format!("host=h password={secret}"), format!("host={secret}")] {
            match Dsn::parse(&text) {
                Err(error) => prop_assert!(!error.to_string().contains(&secret), "{}", error),
                Ok(dsn) => match configured(dsn, None, &none) {
                    Err(error) => prop_assert!(secret.len() < 4 || !error.to_string().contains(&secret), "{}", error),
                    Ok(link) => {
                        let shown = format!("{:?}", link.credentials);
                        prop_assert!(!shown.contains(&secret), "{}", shown);
                    }
                },
            }
        }
    }

    #[test]
    fn any_password_survives_quoting(password in "[^\0]{1,20}") {
        let quoted = password.replace('\\', "\\\\").replace('\'', "\\'");
        let escaped: Vec<String> = password.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for text in [format!("host=h password='{quoted}' user=u"), format!("postgres://u:{}@h", escaped.concat())] {
            let dsn = Dsn::parse(&text).unwrap();
            prop_assert_eq!(dsn.password.as_ref().map(Secret::expose), Some(password.as_str()));
            prop_assert_eq!(dsn.get("host"), Some("h"));
        }
    }
}
