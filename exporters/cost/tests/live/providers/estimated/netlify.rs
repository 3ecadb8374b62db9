//! Netlify.

use kit::cloud::Cloud;
use kit::cloud::netlify::{Account, KEY, Netlify};

use super::{Kept, expect, first, quotas, sums};

const GB: u64 = 1 << 30;

pub(crate) async fn cloud(double: Netlify) -> Cloud {
    Cloud::start(move |request| double.answer(request)).await.unwrap()
}

pub(crate) fn settings(cloud: &Cloud) -> String {
    format!("type: netlify, base_url: '{}', api_key: {KEY}", cloud.url("/api/v1"))
}

/// More teams than a page has.
pub(crate) fn double() -> Netlify {
    let plans = Netlify::default().plan("Pro", (19, 228, 19)).plan("Free", (0, 0, 0));
    let names: Vec<&'static str> = (0..100).map(|at| &*format!("team-{at}").leak()).collect();
    let free = |slug| Account {
        slug,
        plan: "Free",
        billing_period: "monthly",
        period_start: "2026-03-01",
        ..Account::default()
    };
    names.into_iter().fold(plans.account(acme(0, "2026-03-01")), |double, name| double.account(free(name)))
}

/// A team that has used so many gigabytes of its hundred, and 1501 of 1000 build minutes.
fn acme(gigabytes: u64, period_start: &'static str) -> Account {
    Account {
        slug: "acme",
        plan: "Pro",
        billing_period: "monthly",
        members: (3, 1),
        credits: None,
        bandwidth: Some((gigabytes * GB, 100 * GB)),
        minutes: (1_501, 1_000),
        period_start,
    }
}

#[tokio::test]
async fn plans_and_seats_on_the_first_day_and_blocks_on_theirs() {
    let double =
        |gigabytes, start| Netlify::default().plan("Pro", (19, 228, 19)).account(acme(gigabytes, start));
    let mut kept = Kept::default();
    let month = [
        ("2026-02 acme plan/Pro once", "19"),
        // two above the one that is included
        ("2026-02 acme seats once", "38"),
        // 501 minutes are two blocks at 7
        ("2026-03 acme build_minutes", "14"),
    ];
    let cloud_a = cloud(double(250, "2026-02-15")).await;
    let snapshot = kept.ask(&settings(&cloud_a), "2026-03-10T12:00:00Z").await.unwrap();
    let period = (snapshot.period.start.to_string(), snapshot.period.end.to_string());
    assert_eq!(period, ("2026-02-15".to_owned(), "2026-03-15".to_owned()));
    // 150 GB are two blocks at 55
    expect(&snapshot, &[&month[..], &[("2026-03 acme bandwidth", "110")]].concat());
    assert_eq!(
        quotas(&snapshot),
        [
            format!("acme bandwidth {} of {} bytes", 250 * GB, 100 * GB),
            "acme build_minutes 1501 of 1000 minutes".to_owned(),
            "acme collaborators 3 of 1 collaborators".to_owned(),
            "acme sites 3 of 500 sites".to_owned(),
        ]
    );
    // one block more, two days later
    let cloud_b = cloud(double(301, "2026-02-15")).await;
    let snapshot = kept.ask(&settings(&cloud_b), "2026-03-12T12:00:00Z").await.unwrap();
    let blocks: Vec<_> = snapshot
        .charges
        .iter()
        .filter(|charge| &*charge.service == "bandwidth")
        .map(|charge| format!("{} {}", charge.day, charge.amount))
        .collect();
    assert_eq!(blocks, ["2026-03-10 110", "2026-03-12 55"]);
    // the next period begins with the plan, and with no block
    let cloud_c = cloud(double(1, "2026-03-15")).await;
    let snapshot = kept.ask(&settings(&cloud_c), "2026-03-16T00:00:00Z").await.unwrap();
    let all = sums(&snapshot);
    assert_eq!(all["2026-03 acme plan/Pro once"], "19");
    assert_eq!(all["2026-03 acme bandwidth"], "165");
    assert_eq!(all["2026-02 acme plan/Pro once"], "19");
}

#[tokio::test]
async fn credits_are_a_quota_and_an_unknown_plan_is_not_for_nothing() {
    let of = |slug, plan, billing_period, credits| Account {
        slug,
        plan,
        billing_period,
        members: (1, 1),
        credits,
        bandwidth: credits.is_none().then_some((1, 100)),
        minutes: (10_000, 0),
        period_start: "2026-03-01",
    };
    let double = Netlify::default()
        .plan("Team", (30, 300, 30))
        .account(of("solo", "Personal", "monthly", Some((900, 1_000))))
        .account(of("paid", "Team", "yearly", Some((1, 2))))
        .account(of("corp", "Enterprise", "monthly", Some((5, 7))));
    let cloud = cloud(double).await;
    let snapshot = first(&settings(&cloud), "2026-03-10T12:00:00Z").await;
    // a twelfth of the year's price
    expect(&snapshot, &[("2026-03 solo plan/Personal once", "9"), ("2026-03 paid plan/Team once", "25")]);
    assert_eq!(snapshot.unpriced, 1);
    assert!(quotas(&snapshot).contains(&"solo credits 900 of 1000 credits".to_owned()));
    // the address that is not documented was not there, and nothing was lost by that
    assert_eq!(cloud.count(), 8);
}
