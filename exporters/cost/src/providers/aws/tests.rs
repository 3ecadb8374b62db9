//! Against the double, and against those who lend keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use kit::cloud::aws::{AGENT_TOKEN, Explorer, KEY, LENT, Lender, POD_TOKEN, ROLE, TAKEN};
use kit::cloud::{Cloud, Fault};
use kit::process::Folder;
use tokio::time::Instant;
use toolkit::clock::Clock;
use toolkit::config::Document;

use super::credentials::Environment;
use super::*;
use crate::calendar::Calendar;
use crate::charge::Category;
use crate::http::{Ledger, Meter};
use crate::store::Store;

const NOW: &str = "2026-03-10T12:00:00Z";

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// Two months with a savings plan, a credit, taxes, and digits that no float holds.
fn explorer(today: &str) -> Explorer {
    let (ec2, s3) = ("Amazon Elastic Compute Cloud - Compute", "Amazon Simple Storage Service");
    Explorer::new(day(today))
        .line(day("2026-02-01"), "Tax", "Tax", ["11.05", "11.05"])
        .line(
            day("2026-02-01"),
            "Savings Plans for AWS Compute usage",
            "SavingsPlanRecurringFee",
            ["24", "0"],
        )
        .line(day("2026-02-10"), ec2, "SavingsPlanCoveredUsage", ["30.0000000001", "24"])
        .line(day("2026-02-10"), ec2, "SavingsPlanNegation", ["-30.0000000001", "0"])
        .line(day("2026-02-10"), ec2, "Usage", ["0.1", "0.1"])
        .line(day("2026-02-28"), s3, "Usage", ["0.2", "0.2"])
        .line(day("2026-03-01"), s3, "Usage", ["1.2345678912E-7", "1.2345678912E-7"])
        .line(day("2026-03-01"), s3, "Credit", ["-5", "-5"])
        .line(day("2026-03-09"), s3, "Refund", ["-0.3", "-0.3"])
        .line(day("2026-03-09"), "AWS Support (Business)", "Support", ["100.00", "100.00"])
        .estimated_from(day("2026-03-01"))
}

async fn serve(explorer: Explorer) -> Cloud {
    Cloud::start(move |request| explorer.answer(request)).await.unwrap()
}

fn decoded(cloud: &Cloud, more: &str) -> Aws {
    let (id, secret, _) = KEY;
    let text = format!(
        "{{base_url: '{}', access_key_id: {id}, secret_access_key: '{secret}'{more}}}",
        cloud.url("")
    );
    let document = Document::parse("c.yml", &text).unwrap();
    document.decode(|mut fields| Aws::decode(&mut fields)).unwrap().unwrap()
}

async fn fetch(cloud: &Cloud, more: &str, now: &str) -> Result<Snapshot, FetchError> {
    let window = Window::new(now.parse().unwrap(), Calendar::Utc, 1);
    decoded(cloud, more).fetch(&Http::new().unwrap(), &window).await
}

fn by_category(snapshot: &Snapshot) -> BTreeMap<&'static str, String> {
    let mut sums: BTreeMap<Category, Money> = BTreeMap::new();
    for charge in &snapshot.charges {
        *sums.entry(charge.category).or_default() += charge.amount;
    }
    sums.into_iter().map(|(category, sum)| (category.as_str(), sum.to_string())).collect()
}

#[tokio::test]
async fn every_amount_to_the_last_digit_however_it_is_paged() {
    for (groups, requests) in [(5, 10), (9, 6), (1000, 1)] {
        let cloud = serve(explorer("2026-03-10").page(groups)).await;
        let snapshot = fetch(&cloud, "", NOW).await.unwrap();
        let expected = [
            ("adjustment", None),
            ("credit", Some("-5")),
            ("purchase", Some("124")),
            ("refund", Some("-0.3")),
            ("tax", Some("11.05")),
            ("usage", Some("0.30000012345678912")),
        ];
        let found = by_category(&snapshot);
        for (category, sum) in expected {
            assert_eq!(found.get(category).map(String::as_str), sum, "{category}, {groups} groups a page");
        }
        let total: Money = snapshot.charges.iter().map(|charge| charge.amount).sum();
        assert_eq!(total.to_string(), "130.05000012345678912");
        assert_eq!(cloud.count(), requests, "{groups} groups a page");
        assert_eq!(snapshot.covers.days(), 38);
        assert_eq!(snapshot.estimated_from, Some(day("2026-03-01")));
        assert_eq!(snapshot.data_until, Some(Calendar::Utc.end_of(day("2026-03-09")).as_second()));
    }
}

#[tokio::test]
async fn the_other_basis_comes_with_the_same_question() {
    let cloud = serve(explorer("2026-03-10")).await;
    let snapshot = fetch(&cloud, ", basis: net_amortized", NOW).await.unwrap();
    let total: Money = snapshot.charges.iter().map(|charge| charge.amount).sum();
    assert_eq!(total.to_string(), "130.05000012345678912");
    assert_eq!(by_category(&snapshot).get("usage").unwrap(), "24.30000012345678912");
    fetch(&cloud, "", NOW).await.unwrap();
    let bodies: Vec<String> = cloud.requests().iter().map(kit::web::Request::text).collect();
    assert_eq!(bodies.first(), bodies.last());
}

#[tokio::test]
async fn the_first_day_of_a_month_and_of_a_year() {
    for (now, first, days) in [
        ("2026-03-01T00:00:00Z", "2026-02-01", 29),
        ("2026-01-01T00:00:01Z", "2025-12-01", 32),
        ("2026-03-31T23:59:59Z", "2026-02-01", 59),
    ] {
        let cloud = serve(explorer(now.split_once('T').unwrap().0)).await;
        let snapshot = fetch(&cloud, "", now).await.unwrap();
        assert_eq!((snapshot.covers.start, snapshot.covers.days()), (day(first), days), "{now}");
    }
    // all that is kept, and no day more
    let cloud = serve(explorer("2026-03-10")).await;
    let window = Window::new(NOW.parse().unwrap(), Calendar::Utc, 24);
    let snapshot = decoded(&cloud, "").fetch(&Http::new().unwrap(), &window).await.unwrap();
    assert_eq!(snapshot.covers.start, day("2025-02-01"));
}

#[tokio::test]
async fn the_cap_holds_over_restarts_and_pages() {
    let cloud = serve(explorer("2026-03-10").page(20)).await;
    let folder = Folder::new().unwrap();
    let aws = decoded(&cloud, "");
    let window = Window::new(NOW.parse().unwrap(), Calendar::Utc, 1);
    let mut whole = 0;
    for _ in 0..8 {
        // a restart: everything but the disk is forgotten
        let clock = Clock::starting_at(NOW.parse().unwrap());
        let store = Store::open(folder.path(), clock).unwrap();
        let ledger = Ledger::of(store, "aws".into(), Some(7));
        let deadline = Instant::now() + Duration::from_secs(60);
        let http = Http::new().unwrap().for_refresh(ledger, Meter::default(), deadline);
        match aws.fetch(&http, &window).await {
            Ok(_) => whole += 1,
            Err(error) => assert_eq!(error.reason, Reason::Capped, "{error}"),
        }
    }
    // three pages each: the third time breaks off after its first page
    assert_eq!((whole, cloud.count()), (2, 7));
    let clock = Clock::starting_at("2026-04-01T00:00:00Z".parse().unwrap());
    let store = Store::open(folder.path(), clock).unwrap();
    let spent = store.spent("aws".into()).await.unwrap();
    assert_eq!((spent.requests, spent.total.to_string().as_str()), (0, "0.07"));
}

#[tokio::test]
async fn every_fault_is_one_and_shows_no_secret() {
    let cloud = serve(explorer("2026-03-10").page(20)).await;
    for (after, fault, expected) in [
        (0, Fault::Status(500), Reason::ServerError),
        (0, Fault::TooMany(3600), Reason::RateLimited),
        (0, Fault::Status(401), Reason::Unauthorized),
        (0, Fault::Truncated, Reason::Malformed),
        (0, Fault::Empty, Reason::Malformed),
        (0, Fault::Close, Reason::Broken),
        (1, Fault::Status(403), Reason::Forbidden),
        (1, Fault::Truncated, Reason::Malformed),
        (2, Fault::Half, Reason::Broken),
    ] {
        cloud.fail_after(after, fault.clone());
        let error = fetch(&cloud, "", NOW).await.unwrap_err();
        assert_eq!(error.reason, expected, "{after} {fault:?}: {error}");
        assert!(!error.to_string().contains("canary"), "{error}");
        cloud.heal();
    }
    assert_eq!(fetch(&cloud, "", NOW).await.unwrap().charges.len(), 10);
}

#[tokio::test]
async fn what_amazon_says_with_400() {
    for (code, expected) in [
        ("AccessDeniedException", Reason::Forbidden),
        ("ThrottlingException", Reason::RateLimited),
        ("LimitExceededException", Reason::RateLimited),
        ("ExpiredTokenException", Reason::Unauthorized),
        ("DataUnavailableException", Reason::Incomplete),
        ("BillExpirationException", Reason::Refused),
    ] {
        let body = serde_json::json!({"__type": code, "Message": "no"});
        let cloud = Cloud::start(move |_| kit::web::Reply::json(400, &body).into()).await.unwrap();
        assert_eq!(fetch(&cloud, "", NOW).await.unwrap_err().reason, expected, "{code}");
        assert_eq!(cloud.count(), 1, "{code}");
    }
    let cloud = serve(explorer("2026-03-10")).await;
    let wrong = decoded(&cloud, ", session_token: 'no such token'");
    let window = Window::new(NOW.parse().unwrap(), Calendar::Utc, 1);
    let error = wrong.fetch(&Http::new().unwrap(), &window).await.unwrap_err();
    assert_eq!(error.reason, Reason::Unauthorized, "{error}");
}

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
    let file = folder.write(".aws/credentials", &file).unwrap().display().to_string();
    let token = folder.write("token", &format!("{POD_TOKEN}\n")).unwrap().display().to_string();
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
    let cases: [(&[(&str, String)], &str, &str, usize); 10] = [
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

#[tokio::test]
async fn keys_that_were_lent_sign_what_is_asked() {
    let (explorer, lender) = (explorer("2026-03-10"), Lender::with_external_id("partner-1"));
    let cloud = Cloud::start(move |request| {
        let is_bill = !request.header("x-amz-target").is_empty();
        if is_bill { explorer.answer(request) } else { lender.answer(request) }
    });
    let cloud = cloud.await.unwrap();
    let more = format!(", role_arn: '{ROLE}', external_id: partner-1, sts_url: '{}'", cloud.url(""));
    let aws = decoded(&cloud, &more);
    let snapshot = fetch(&cloud, &more, NOW).await.unwrap();
    assert_eq!((snapshot.charges.len(), cloud.count()), (10, 2));
    // a check asks who it is, and pays nothing
    let window = Window::new(NOW.parse().unwrap(), Calendar::Utc, 1);
    let outcome = aws.probe(&Http::new().unwrap(), &window).await;
    assert!(matches!(outcome, Err(FetchError { reason: Reason::Forbidden, .. })), "{outcome:?}");
    let plain = decoded(&cloud, &format!(", sts_url: '{}'", cloud.url("")));
    assert!(matches!(plain.probe(&Http::new().unwrap(), &window).await, Ok(None)));
    assert!(cloud.requests().iter().skip(2).all(|request| request.header("x-amz-target").is_empty()));
    assert_eq!(plain.own_cost(Duration::from_hours(6)).to_string(), "1.2175");
    drop(Arc::new(plain));
}
