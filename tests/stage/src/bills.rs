//! Bills: doubles of providers with three months of history, and cost-exporter, which reads them.
//!
//! Amounts depend on nothing but the day: each weekday has its own level, and each day a little noise.

use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Result;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use kit::cloud::Cloud;
use kit::cloud::anthropic::{self, Anthropic};
use kit::cloud::aws::{self, Explorer};
use kit::cloud::digitalocean::{self, DigitalOcean};
use kit::cloud::hetzner::{self, Hetzner};
use kit::cloud::openai::{self, OpenAi};
use kit::cloud::render::{self, Render};
use kit::cloud::vercel::{self, Vercel};
use kit::process::Folder;
use serde_json::json;

use crate::program::{Program, ours};

/// Days of history: the running month, the one before, and enough of a third to know what is usual.
const HISTORY: i64 = 95;

/// A forecast needs some days of a month. Until then the exporter's clock is set to this day, so that there is one:
/// ahead, since figures of the future are not stale.
const FIRST_DAY: i8 = 9;

/// How often providers are asked that do not mind.
const INTERVAL: &str = "2s";

/// All providers.
pub struct Bills {
    clock: Zoned,
    openai: Cloud,
    openai_double: Arc<RwLock<OpenAi>>,
    anthropic: Cloud,
    aws: Cloud,
    vercel: Cloud,
    digitalocean: Cloud,
    hetzner: Cloud,
    render: Cloud,
}

impl Bills {
    /// Serves the doubles.
    pub(crate) async fn start() -> Result<Self> {
        let clock = clock()?;
        let today = clock.date();
        let openai_double = Arc::new(RwLock::new(openai(today, 1.0)));
        let shared = Arc::clone(&openai_double);
        let openai = Cloud::start(move |request| {
            shared.read().unwrap_or_else(PoisonError::into_inner).answer(request)
        });
        let (anthropic, aws, vercel) = (anthropic(today), aws(today), vercel(today));
        let (digitalocean, hetzner, render) = (digitalocean(today), hetzner(&clock), render(&clock));
        Ok(Self {
            openai: openai.await?,
            openai_double,
            anthropic: Cloud::start(move |request| anthropic.answer(request)).await?,
            aws: Cloud::start(move |request| aws.answer(request)).await?,
            vercel: Cloud::start(move |request| vercel.answer(request)).await?,
            digitalocean: Cloud::start(move |request| digitalocean.answer(request)).await?,
            hetzner: Cloud::start(move |request| hetzner.answer(request)).await?,
            render: Cloud::start(move |request| render.answer(request)).await?,
            clock,
        })
    }

    /// What a day at the provider `openai` costs from now on, as a multiple of the usual: today is restated, too.
    pub fn spike(&self, times: f64) {
        let double = openai(self.clock.date(), times);
        *self.openai_double.write().unwrap_or_else(PoisonError::into_inner) = double;
    }

    /// The provider `anthropic`, for whoever breaks it.
    pub fn anthropic(&self) -> &Cloud {
        &self.anthropic
    }

    /// The exporter.
    pub(crate) async fn exporter(&self, port: u16) -> Result<Program> {
        let folder = Folder::new()?;
        let (id, secret, _) = aws::KEY;
        let config = format!(
            "providers:
- {{name: openai, type: openai, base_url: '{openai}', api_key: {openai_key}, interval: {INTERVAL}}}
- {{name: anthropic, type: anthropic, base_url: '{anthropic}', api_key: {anthropic_key}, interval: {INTERVAL}}}
- {{name: aws, type: aws_cost_explorer, base_url: '{aws}', access_key_id: {id}, secret_access_key: '{secret}', max_requests_per_month: 130}}
- {{name: vercel, type: vercel, base_url: '{vercel}', api_key: {vercel_key}, team_id: {team}, interval: {INTERVAL}}}
- {{name: digitalocean, type: digitalocean, base_url: '{digitalocean}', api_key: {digitalocean_key}, interval: {INTERVAL}}}
- {{name: render, type: render, base_url: '{render}', api_key: {render_key}, workspace_plan: professional, interval: {INTERVAL}}}
- {{name: hetzner, type: hetzner, base_url: '{hetzner}', api_key: {hetzner_key}, interval: {INTERVAL}}}
- name: domains
  type: fixed
  interval: {INTERVAL}
  items:
  - {{service: domain, amount: '30.00', currency: USD, period: year}}
  - {{service: mail, amount: '12.00', currency: USD, period: month}}
budgets:
- {{name: llm, limit: '1500', currency: USD, period: month, match: {{provider: [openai, anthropic]}}}}
- {{name: everything, limit: '5000', currency: EUR, period: month}}
exchange: {{to: EUR, rates: [{{from: USD, rate: '0.92', date: {today}}}]}}
",
            openai = self.openai.url("/v1"),
            openai_key = openai::KEY,
            anthropic = self.anthropic.url(""),
            anthropic_key = anthropic::KEY,
            aws = self.aws.url(""),
            vercel = self.vercel.url(""),
            vercel_key = vercel::KEY,
            team = vercel::TEAM,
            digitalocean = self.digitalocean.url("/v2"),
            digitalocean_key = digitalocean::KEY,
            render = self.render.url("/v1"),
            render_key = render::KEY,
            hetzner = self.hetzner.url("/v1"),
            hetzner_key = hetzner::KEY,
            today = Timestamp::now().to_zoned(TimeZone::UTC).date(),
        );
        let config = folder.write("cost-exporter.yml", config)?;
        let launch = ours("cost-exporter", &folder)?
            .env("WATCHFIRE_NOW", self.clock.timestamp().to_string())
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()));
        Program::ours(launch, folder, port).await
    }
}

fn clock() -> Result<Zoned> {
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    if now.day() < FIRST_DAY { Ok(now.with().day(FIRST_DAY).build()?) } else { Ok(now) }
}

fn history(today: Date) -> impl Iterator<Item = Date> {
    let first = today.saturating_sub(HISTORY.days());
    first.series(1.day()).take_while(move |day| *day <= today)
}

/// What a day costs whose usual level this is.
fn amount(level: f64, day: Date) -> f64 {
    let weekend = if day.weekday().to_monday_zero_offset() >= 5 { 0.7 } else { 1.0 };
    let noise = f64::from(i32::from(day.day_of_year()) * 37 % 21 - 10) / 100.0;
    level * weekend * (1.0 + noise)
}

fn openai(today: Date, times: f64) -> OpenAi {
    history(today).fold(OpenAi::default(), |double, day| {
        let times = if day == today { times } else { 1.0 };
        let cost = |level: f64| format!("{:.4}", amount(level, day) * times);
        let tokens = |level: f64| format!("{:.0}", amount(level, day) * times);
        let usage = format!(
            r#""model": "gpt-5-mini", "input_tokens": {}, "input_cached_tokens": {}, "output_tokens": {}, "num_model_requests": 900"#,
            tokens(4_000_000.0),
            tokens(1_500_000.0),
            tokens(600_000.0)
        );
        double
            .cost(day, "shop", Some("gpt-5-mini, input"), &cost(11.0))
            .cost(day, "shop", Some("gpt-5-mini, output"), &cost(7.0))
            .usage(day, "completions", &usage)
    })
}

fn anthropic(today: Date) -> Anthropic {
    history(today).fold(Anthropic::default(), |double, day| {
        let cents = |level: f64| format!("{:.2}", amount(level, day) * 100.0);
        let usage = format!(
            r#""model": "claude-sonnet-5", "uncached_input_tokens": {:.0}, "cache_read_input_tokens": {:.0}, "cache_creation": {{"ephemeral_5m_input_tokens": 5000, "ephemeral_1h_input_tokens": 0}}, "output_tokens": {:.0}, "server_tool_use": {{"web_search_requests": 0}}"#,
            amount(2_000_000.0, day),
            amount(700_000.0, day),
            amount(300_000.0, day)
        );
        double
            .tokens(day, None, ("claude-sonnet-5", "uncached_input_tokens"), &cents(6.0))
            .tokens(day, None, ("claude-sonnet-5", "output_tokens"), &cents(4.5))
            .usage(day, &usage)
    })
}

fn aws(today: Date) -> Explorer {
    history(today).fold(Explorer::new(today), |double, day| {
        let [compute, storage, credit] =
            [amount(60.0, day), amount(9.0, day), -2.0].map(|amount| format!("{amount:.6}"));
        double
            .line(day, "Amazon Elastic Compute Cloud - Compute", "Usage", [&compute, &compute])
            .line(day, "Amazon Simple Storage Service", "Usage", [&storage, &storage])
            .line(day, "Amazon Elastic Compute Cloud - Compute", "Credit", [&credit, &credit])
    })
}

fn vercel(today: Date) -> Vercel {
    history(today).fold(Vercel::default(), |double, day| {
        let cost = |level: f64| format!("{:.4}", amount(level, day));
        double.charge(day, Some("shop"), ("Edge Requests", "Usage"), &cost(3.0)).charge(
            day,
            Some("shop"),
            ("Fast Data Transfer", "Usage"),
            &cost(2.0),
        )
    })
}

/// An account with a balance that was paid ahead.
fn digitalocean(today: Date) -> DigitalOcean {
    let cents = |day: Date| format!("{:.2}", amount(2.4, day));
    let month = history(today).filter(|day| day.first_of_month() == today.first_of_month());
    let used: f64 = month.map(|day| cents(day).parse().unwrap_or(0.0)).sum();
    history(today).fold(DigitalOcean::default().balance(&format!("{used:.2}"), "-150.00"), |double, day| {
        double.point(day, ("Droplets", "worker-1 (s-2vcpu-4gb)"), &cents(day))
    })
}

/// A workspace with an included amount, at prices of a list.
fn render(clock: &Zoned) -> Render {
    let month = clock.strftime("%Y-%m-01T00:00:00Z").to_string();
    let service = |name: &str, kind: &str, plan: &str| {
        json!({
            "id": format!("srv-{name}"),
            "name": name,
            "ownerId": "tea-1",
            "type": kind,
            "suspended": "not_suspended",
            "createdAt": month,
            "serviceDetails": {"plan": plan, "numInstances": 1},
        })
    };
    Render::default()
        .owner("tea-1", "acme", 3)
        .add("service", service("api", "web_service", "standard"))
        .add("service", service("worker", "background_worker", "pro"))
        .sent("srv-api", &["120000", "500.5"])
}

/// Machines that have no bill: what they cost is estimated from what runs.
fn hetzner(clock: &Zoned) -> Hetzner {
    let month = clock.strftime("%Y-%m-01T00:00:00Z").to_string();
    Hetzner::default()
        .server_price("cx22", ("0.0060", "3.79"))
        .server_price("ccx13", ("0.0200", "12.49"))
        .server((1, "web-1"), ("cx22", "running"), &month)
        .server((2, "web-2"), ("cx22", "running"), &month)
        .server((3, "worker"), ("ccx13", "running"), &month)
}
