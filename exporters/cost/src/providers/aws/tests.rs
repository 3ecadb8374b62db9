//! Where keys are found, against those who lend them.

use std::collections::BTreeMap;

use kit::cloud::Cloud;
use kit::cloud::aws::{AGENT_TOKEN, KEY, LENT, Lender, POD_TOKEN, ROLE, TAKEN};
use kit::process::Folder;
use toolkit::config::Document;

use super::credentials::Environment;
use super::*;
use crate::http::Reason;

/// A variable of the environment.
type Variable = (&'static str, String);

/// Keys as they are found with these variables and settings, and the requests that it took.
async fn found(
    lender: &Cloud,
    variables: &[(&str, String)],
    settings: &str,
) -> Result<(String, Option<String>), FetchError> {
    let document = Document::parse("c.yml", &format!("{{{settings}}}")).unwrap();
    let keys = document.decode(|mut fields| Keys::decode(&mut fields)).unwrap().unwrap();
    let mut known: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    known.insert("AWS_ENDPOINT_URL_STS".to_owned(), lender.url(""));
    known.insert("AWS_EC2_METADATA_SERVICE_ENDPOINT".to_owned(), lender.url("/"));
    let environment: Box<Environment> = Box::new(move |name| known.get(name).cloned());
    let credentials = keys.read(&Http::new().unwrap(), &*environment).await?;
    let token = credentials.session_token.as_ref().map(|token| token.expose().to_owned());
    let expected = [KEY, LENT, TAKEN].into_iter().find(|(id, ..)| *id == credentials.access_key_id).unwrap();
    assert_eq!(credentials.secret_access_key.expose(), expected.1);
    assert_eq!(token.as_deref(), expected.2);
    Ok((credentials.access_key_id, token))
}

#[tokio::test]
async fn keys_are_found_where_amazons_programs_find_them() {
    let lender = Lender::default();
    let lender = Cloud::start(move |request| lender.answer(request)).await.unwrap();
    let folder = Folder::new().unwrap();
    let (id, secret, _) = KEY;
    let (lent, lent_secret, lent_token) = LENT;
    let file = format!(
        "# shared\n[default]\naws_access_key_id = {id}\naws_secret_access_key={secret}\n\n[ bills ]\nAWS_ACCESS_KEY_ID={lent}\naws_secret_access_key = {lent_secret}\naws_session_token = {}\n[empty]\nregion = eu-central-1\n",
        lent_token.unwrap()
    );
    std::fs::create_dir(folder.path().join(".aws")).unwrap();
    let file = folder.write(".aws/credentials", &file).unwrap().display().to_string();
    let token = folder.write("token", format!("{POD_TOKEN}\n")).unwrap().display().to_string();
    let agent = folder.write("agent", AGENT_TOKEN).unwrap().display().to_string();
    let home = folder.path().display().to_string();
    let variable = |name: &'static str, value: &str| (name, value.to_owned());
    let of_environment = [variable("AWS_ACCESS_KEY_ID", id), variable("AWS_SECRET_ACCESS_KEY", secret)];
    let of_pod = [variable("AWS_WEB_IDENTITY_TOKEN_FILE", &token), variable("AWS_ROLE_ARN", ROLE)];
    let of_agent = [
        variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", &lender.url("/agent")),
        variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &agent),
    ];
    let profile = format!("shared_credentials_file: {file}, profile: bills");
    let taken = format!("access_key_id: {id}, secret_access_key: '{secret}', role_arn: '{ROLE}'");
    let cases: [(&[Variable], &str, &str, usize); 10] = [
        (&of_environment, "", id, 0),
        (&of_pod, "", lent, 1),
        (&[variable("HOME", &home)], "", id, 0),
        (&[variable("HOME", &home), variable("AWS_PROFILE", "bills")], "", lent, 0),
        (&[variable("AWS_SHARED_CREDENTIALS_FILE", &file)], "", id, 0),
        (&of_environment, &profile, lent, 0),
        (&of_agent, "", lent, 1),
        (&[], "", lent, 3),
        (&[], &taken, TAKEN.0, 1),
        (&of_pod, &format!("role_arn: '{ROLE}'"), TAKEN.0, 2),
    ];
    for (variables, settings, expected, requests) in cases {
        let before = lender.count();
        let credentials = found(&lender, variables, settings).await.unwrap();
        assert_eq!(credentials.0, expected, "{variables:?} {settings}");
        assert_eq!(lender.count() - before, requests, "{variables:?} {settings}");
    }
    for (variables, settings, expected) in [
        (vec![variable("AWS_EC2_METADATA_DISABLED", "true")], String::new(), Reason::Secret),
        (vec![], format!("shared_credentials_file: {file}, profile: none"), Reason::Secret),
        (vec![], format!("shared_credentials_file: {file}, profile: empty"), Reason::Secret),
        (vec![], "shared_credentials_file: /no/such/file".to_owned(), Reason::Secret),
        (
            vec![variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://192.0.2.1/x")],
            String::new(),
            Reason::Secret,
        ),
        (vec![], format!("{taken}, external_id: unknown"), Reason::Forbidden),
    ] {
        let error = found(&lender, &variables, &settings).await.unwrap_err();
        assert_eq!(error.reason, expected, "{settings}: {error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}

#[test]
fn what_asking_costs_in_a_month() {
    let document = Document::parse("c.yml", "{}").unwrap();
    let aws = document.decode(|mut fields| Aws::decode(&mut fields)).unwrap().unwrap();
    assert_eq!(aws.own_cost(Duration::from_hours(6)).to_string(), "1.2175");
    assert_eq!(aws.own_cost(Duration::from_hours(8)).to_string(), "0.913125");
}
