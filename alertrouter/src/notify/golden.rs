//! How messages look: one group in its forms, kept as snapshots; and that no input breaks a limit.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::card::Card;
use super::slack::{self, blocks};
use super::{Action, Message, Size};
use crate::labels::Labels;
use crate::moment::Moment;
use crate::payload::Status;
use crate::store::{Kind, LiveAlert, Storm, StormView, View};

const NOW: Moment = Moment(1_785_580_200_000_000);

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().copied().collect()
}

fn alert(instance: &str, status: Status) -> LiveAlert {
    let since = Moment(NOW.0 - 1_800_000_000);
    LiveAlert {
        fingerprint: 1,
        status,
        starts_at: Some(since),
        ends_at: (status == Status::Resolved).then_some(Moment(NOW.0 - 60_000_000)),
        episode: 1,
        fired: 1,
        first_seen: since,
        labels: labels(&[
            ("alertname", "RedisDown"),
            ("instance", instance),
            ("severity", "critical"),
            ("job", "redis"),
        ]),
        annotations: labels(&[
            ("summary", "Redis <is> down & out"),
            ("description", "No answer\nfor a minute."),
            ("runbook_url", "https://runbooks.example/RedisDown"),
        ]),
        generator_url: "http://prometheus.example/graph?g0.expr=redis_up&g0.tab=1".to_owned(),
        content: 1,
    }
}

fn view(alerts: Vec<LiveAlert>) -> View {
    View {
        thread: 1,
        receiver: "team".to_owned(),
        labels: labels(&[("alertname", "RedisDown"), ("cluster", "eu")]),
        episode: 1,
        group_revision: 1,
        sent_revision: 0,
        external_url: "http://alertmanager.example:9093".to_owned(),
        alerts,
        sent: None,
        sent_count: 0,
        place: None,
        revision: 1,
        again: false,
        in_doubt: false,
        attempts: 0,
        created_at: NOW,
        progress: None,
    }
}

fn slack(view: &View, size: Size) -> Value {
    let alerts: Vec<&LiveAlert> = view.alerts.iter().collect();
    let before = "https://team.slack.com/archives/C1/p1785578400000100";
    shown(&blocks::render(&Card::new(view, &alerts), size, NOW, Some(before)))
}

fn shown(rendered: &blocks::Rendered) -> Value {
    json!({ "text": rendered.text, "blocks": rendered.blocks, "attachments": rendered.attachments })
}

/// What a reply says to a thread that was told of these.
fn reply(told: &[LiveAlert], view: &View) -> Option<String> {
    let message = Message {
        view,
        alerts: view.alerts.iter().collect(),
        action: Action::Edit,
        size: Size::Full,
        delivery: String::new(),
        now: NOW,
        progress: None,
    };
    slack::reply_of(&told.iter().collect::<Vec<_>>(), &message)
}

fn storm(kinds: Vec<Kind>, ended_at: Option<Moment>) -> StormView {
    let storm = Storm {
        id: 1,
        target: "team/slack/0".to_owned(),
        started_at: Moment(NOW.0 - 600_000_000),
        ended_at,
        place: None,
        due_at: None,
        attempts: 0,
        joined: 0,
    };
    StormView::of(storm, 995, 990, kinds, "http://alertmanager.example:9093")
}

fn kind(name: &str, severity: &str, firing: usize, resolved: usize) -> Kind {
    let (name, severity) = (name.to_owned(), severity.to_owned());
    Kind { name, severity, firing, resolved, groups: firing.max(resolved).div_ceil(10) }
}

#[test]
fn slack_messages() {
    let mixed = view(vec![alert("a:6379", Status::Firing), alert("b:6379", Status::Resolved)]);
    let over = view(vec![alert("a:6379", Status::Resolved)]);
    let show = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    insta::assert_snapshot!("slack_full", show(&slack(&mixed, Size::Full)));
    insta::assert_snapshot!("slack_plain", show(&slack(&mixed, Size::Plain)));
    insta::assert_snapshot!("slack_resolved", show(&slack(&over, Size::Compact)));
}

#[test]
fn slack_replies() {
    let numbered = |count: u64, status| {
        let each = |n| LiveAlert { fingerprint: n, fired: 0, ..alert(&format!("{n}:6379"), status) };
        (1..=count).map(each).collect::<Vec<_>>()
    };
    let (one, over) = (numbered(1, Status::Firing), numbered(1, Status::Resolved));
    let grown = numbered(7, Status::Firing);
    let mut mixed = numbered(3, Status::Firing);
    mixed[0].status = Status::Resolved;
    for (name, told, now, again, expected) in [
        ("nothing new", &one, &one, false, false),
        ("more", &one, &grown, false, true),
        ("some resolved", &one, &mixed, false, true),
        ("all resolved", &one, &over, false, true),
        ("resolved was told", &over, &over, false, false),
        ("repeat", &grown, &grown, true, true),
    ] {
        let said = reply(told, &View { again, ..view(now.clone()) });
        assert_eq!(said.is_some(), expected, "{name}");
        if let Some(said) = said {
            kit::slack::check_message(&json!({ "text": said })).unwrap();
            insta::assert_snapshot!(format!("slack_reply_{}", name.replace(' ', "_")), said);
        }
    }
}

#[test]
fn slack_storms() {
    let mut kinds: Vec<Kind> = (0..40).map(|n| kind(&format!("Odd{n:02}"), "info", 1, 0)).collect();
    kinds.push(kind("RedisDown", "critical", 5000, 0));
    kinds.push(kind("Disk<Full>", "warning", 4000, 120));
    let over = vec![kind("RedisDown", "critical", 0, 5000)];
    let show = |view: &StormView, size| {
        let message = shown(&slack::storm::render(view, size, NOW));
        kit::slack::check_message(&message).unwrap();
        serde_json::to_string_pretty(&message).unwrap()
    };
    insta::assert_snapshot!("slack_storm", show(&storm(kinds.clone(), None), Size::Full));
    insta::assert_snapshot!("slack_storm_plain", show(&storm(kinds, None), Size::Plain));
    let ended = Some(Moment(NOW.0 - 60_000_000));
    insta::assert_snapshot!("slack_storm_over", show(&storm(over, ended), Size::Full));
}

#[test]
fn many_alerts_are_shown_briefly_rather_than_not() {
    let long = |n: usize| {
        let mut alert = alert(&format!("{n}:6379"), Status::Firing);
        alert.annotations =
            labels(&[("summary", &format!("alert {n} is down")), ("description", &"long ".repeat(500))]);
        alert
    };
    for (count, shown, more) in [(3, 3, None), (20, 20, None), (30, 20, Some("… and 10 more (10 firing)"))]
    {
        let message = slack(&view((0..count).map(long).collect()), Size::Full);
        kit::slack::check_message(&message).unwrap();
        let text = message.to_string();
        assert_eq!(text.matches("is down*").count(), shown, "{count}");
        assert!(more.is_none_or(|more| text.contains(more)), "{count}");
        assert_eq!(text.contains("more ("), more.is_some(), "{count}");
    }
}

/// Texts as nasty as they come: markup, accents, families, flags, right to left, controls, and long. Strategies for
/// strings would take minutes for so many, so a seed is drawn and the rest follows from it.
struct Nasty(u64);

impl Nasty {
    const PIECES: [&str; 16] = [
        "disk is full ",
        "<!channel> <@U1> <!here> <#C1|x>",
        "<http://evil|bank> &amp; &lt;b&gt; ",
        "&<>|!@*_~#-\n\t",
        "`code` ",
        "```",
        "👨\u{200d}👩\u{200d}👧\u{1f3fd}",
        "🇩🇪🇫🇷",
        "e\u{301}\u{fe0f}",
        "\u{202e}\u{2066}עברית",
        "\u{0}\u{7}\r\n",
        "界",
        "&&&&&&&&&&&&&&&&&&&&",
        "… and 7 more ",
        "\"quoted\" {a=\"b\"} ",
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    ];

    fn below(&mut self, limit: u64) -> u64 {
        // xorshift; a seed of 0 would stay 0
        self.0 = (self.0 | 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) ^ (self.0 >> 31);
        (self.0 >> 11) % limit
    }

    fn text(&mut self, most: u64) -> String {
        let pieces = self.below(most + 1);
        let long = usize::try_from(if self.below(12) == 0 { self.below(200) } else { 1 }).unwrap();
        let piece = |nasty: &mut Self| Self::PIECES[usize::try_from(nasty.below(16)).unwrap()];
        (0..pieces).map(|_| piece(self).repeat(if self.below(3) == 0 { long } else { 1 })).collect()
    }

    fn url(&mut self) -> String {
        let scheme = ["https://", "http://", "javascript:", "data:", " HTTPS://"]
            [usize::try_from(self.below(5)).unwrap()];
        format!("{scheme}x/{}", self.text(6))
    }

    fn alert(&mut self) -> LiveAlert {
        let mut one = alert("x", if self.below(2) == 0 { Status::Firing } else { Status::Resolved });
        let (summary, description, runbook) = (self.text(9), self.text(30), self.url());
        one.annotations =
            labels(&[("summary", &summary), ("description", &description), ("runbook_url", &runbook)]);
        let (name, severity, odd) = (self.text(3), self.text(2), self.text(9));
        one.labels = labels(&[("alertname", &name), ("severity", &severity), ("odd", &odd)]);
        one.generator_url = self.url();
        one
    }

    fn view(&mut self) -> View {
        let most = if self.below(8) == 0 { 60 } else { 4 };
        let alerts = (0..=self.below(most)).map(|_| self.alert()).collect();
        let (name, odd) = (self.text(4), self.text(4));
        View {
            labels: labels(&[("alertname", &name), ("odd", &odd)]),
            receiver: self.text(2),
            external_url: self.url(),
            ..view(alerts)
        }
    }
}

/// How many alerts a message accounts for: those that it shows, and those that it counts.
fn accounted(message: &Value) -> usize {
    let blocks = message["attachments"][0]["blocks"].as_array().cloned().unwrap_or_default();
    let texts = blocks.iter().filter_map(|block| block["text"]["text"].as_str());
    texts
        .map(|text| match text.strip_prefix("… and ") {
            Some(more) => more.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0),
            None => 1,
        })
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_500))]

    #[test]
    fn no_input_breaks_slacks_limits(seed: u64) {
        let mut nasty = Nasty(seed);
        let view = nasty.view();
        let size = [Size::Full, Size::Full, Size::Compact, Size::Plain][usize::try_from(nasty.below(4)).unwrap()];
        let message = slack(&view, size);
        prop_assert_eq!(kit::slack::check_message(&message), Ok(()), "{:?} {}", size, message);
        if size != Size::Plain {
            prop_assert_eq!(accounted(&message), view.alerts.len());
        }
        if let Some(said) = reply(&[], &view) {
            prop_assert_eq!(kit::slack::check_message(&json!({ "text": said })), Ok(()));
        }
    }
}
