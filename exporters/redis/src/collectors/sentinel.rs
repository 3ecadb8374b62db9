//! What a Sentinel knows: the masters it watches, their replicas, and the other Sentinels.
//!
//! Its INFO and SENTINEL MASTERS come in the first write, what there is to ask about each master in the second.

mod metrics;

use metrics::{
    FIELDS, Fact, Flag, MASTER_FACTS, MASTER_FLAGS, OK_SENTINELS, OK_SLAVES, PEER, QUORUM, REPLICA_FACTS,
    REPLICA_FLAGS, REPLICA_LINK, SENTINELS, SETTING, SETTING_VALUE, SLAVES, STATUS, TILTS,
};

use super::config::can_hold_a_secret;
use super::{Following, Part, Reading, Render};
use crate::command::{Command, CommandOptions};
use crate::error::Reason;
use crate::gather::Answers;
use crate::info::{item, number};
use crate::output::Output;
use crate::reply::Reply;
use crate::server::Server;

const NAME: &str = "sentinel";

/// Masters that are asked about further, three commands each. Fleets of one Sentinel group have some dozens.
const MAX_MASTERS: usize = 500;

/// Asked about each master.
const ABOUT_MASTER: [Command; 3] =
    [Command::SentinelReplicas, Command::SentinelSentinels, Command::SentinelCkquorum];

pub(super) const PART: Part = Part {
    name: NAME,
    commands: &[Command::SentinelMasters, Command::SentinelConfig],
    metrics: metrics::all,
    further: Some(further),
    render: Render::Replies(render),
};

/// A master or replica as SENTINEL tells of it: names and values in turn.
struct Watched<'a> {
    facts: &'a Reply,
    name: &'a str,
    address: String,
}

impl<'a> Watched<'a> {
    fn of(facts: &'a Reply) -> Option<Self> {
        let [name, ip, port] = ["name", "ip", "port"].map(|name| fact(facts, name));
        // INFO writes addresses without brackets, too
        Some(Self { facts, name: name?, address: format!("{}:{}", ip?, port?) })
    }

    fn all(reply: Option<&'a Reply>) -> Vec<Self> {
        reply.map(Reply::items).unwrap_or_default().iter().filter_map(Self::of).collect()
    }

    fn write(&self, labels: &[&str], facts: &[Fact], flags: &[Flag], output: &mut Output<'_>) {
        for (name, desc, divisor) in facts {
            let value = fact(self.facts, name).and_then(number);
            output.add(desc, labels, value.map(|value| value / divisor));
        }
        for (flag, desc) in flags {
            output.add(desc, labels, f64::from(has_flag(self.facts, flag)));
        }
    }
}

fn fact<'a>(facts: &'a Reply, name: &str) -> Option<&'a str> {
    let found = facts.pairs().find(|(key, _)| key.text() == Some(name));
    found.and_then(|(_, value)| value.text())
}

fn has_flag(facts: &Reply, flag: &str) -> bool {
    fact(facts, "flags").is_some_and(|flags| flags.split(',').any(|found| found == flag))
}

/// How many of these are not down.
#[expect(clippy::cast_precision_loss, reason = "nobody watches 2^53 servers")]
fn count_ok(reply: &Reply) -> f64 {
    let down = |one: &Reply| has_flag(one, "s_down") || has_flag(one, "o_down");
    reply.items().iter().filter(|one| fact(one, "flags").is_some() && !down(one)).count() as f64
}

fn further(answers: &Answers, options: &CommandOptions) -> Following {
    let masters = Watched::all(answers.reply(Command::SentinelMasters).ok().flatten());
    let about = |command: Command, master: &str| {
        let mut words = command.words(&Server::default(), options);
        words.push(master);
        (command, words.into_iter().map(str::to_owned).collect())
    };
    let asked = masters.iter().take(MAX_MASTERS);
    asked.flat_map(|master| ABOUT_MASTER.map(|command| about(command, master.name))).collect()
}

fn render(reading: &Reading<'_>, output: &mut Output<'_>) -> Result<(), Reason> {
    if !reading.server.sentinel {
        return Ok(());
    }
    write_info(reading, output);
    let mut first = reading.answers.reply(Command::SentinelConfig).map(|reply| {
        write_settings(reply, reading.show.redact_config, output);
    });
    let masters = Watched::all(reading.answers.reply(Command::SentinelMasters)?);
    for master in &masters {
        master.write(&[master.name, &master.address], &MASTER_FACTS, &MASTER_FLAGS, output);
    }
    for command in ABOUT_MASTER {
        first = first.and_then(|()| reading.answers.reply(command).map(drop));
    }
    for (command, words, reply) in reading.answers.further(NAME) {
        let about = words.last().map(String::as_str);
        let Some(master) = masters.iter().find(|master| about == Some(master.name)) else { continue };
        let written = match command {
            Command::SentinelCkquorum => write_quorum(master, reply, output),
            Command::SentinelSentinels => {
                reply.map(|reply| write_sentinels(master, reply, reading.show.sentinel_peers, output))
            }
            _ => reply.map(|reply| write_replicas(master, reply, output)),
        };
        first = first.and(written);
    }
    first
}

fn write_info(reading: &Reading<'_>, output: &mut Output<'_>) {
    for desc in FIELDS.iter().chain([&TILTS]) {
        output.add(desc, &[], reading.info.number(desc.name));
    }
    for (_, master) in reading.info.numbered("master") {
        let [name, address, status] =
            ["name", "address", "status"].map(|name| item(master, name).unwrap_or_default());
        let number_of = |name| item(master, name).and_then(number);
        output.add(&STATUS, &[name, address, status], f64::from(status == "ok"));
        output.add(&SLAVES, &[name, address], number_of("slaves"));
        output.add(&SENTINELS, &[name, address], number_of("sentinels"));
    }
}

fn write_settings(reply: Option<&Reply>, redact: bool, output: &mut Output<'_>) {
    for (key, value) in reply.into_iter().flat_map(Reply::pairs) {
        let (Some(key), Some(value)) = (key.text(), value.lossy()) else { continue };
        if redact && can_hold_a_secret(&key.to_ascii_lowercase()) {
            continue;
        }
        output.add(&SETTING, &[key, &value], 1.0);
        output.add(&SETTING_VALUE, &[key], number(&value));
    }
}

fn write_quorum(
    master: &Watched<'_>,
    reply: Result<Option<&Reply>, Reason>,
    output: &mut Output<'_>,
) -> Result<(), Reason> {
    match reply {
        Ok(Some(_)) => output.add(&QUORUM, &[master.name, "ok"], 1.0),
        Err(Reason::NoQuorum) => output.add(&QUORUM, &[master.name, Reason::NoQuorum.as_str()], 0.0),
        // nobody watches the master any more: it has gone between the two writes
        Ok(None) | Err(Reason::Server) => {}
        Err(reason) => return Err(reason),
    }
    Ok(())
}

fn write_sentinels(master: &Watched<'_>, reply: Option<&Reply>, peers: bool, output: &mut Output<'_>) {
    let labels = [master.name, &master.address];
    output.add(&OK_SENTINELS, &labels, reply.map(|others| count_ok(others) + 1.0));
    if peers {
        let peers = reply.map(Reply::items).unwrap_or_default().iter();
        for peer in peers.filter(|peer| fact(peer, "name").is_some()) {
            let told =
                ["name", "ip", "port", "runid", "flags"].map(|name| fact(peer, name).unwrap_or_default());
            output.add(&PEER, &[labels.as_slice(), &told].concat(), 1.0);
        }
    }
}

fn write_replicas(master: &Watched<'_>, reply: Option<&Reply>, output: &mut Output<'_>) {
    output.add(&OK_SLAVES, &[master.name, &master.address], reply.map(count_ok));
    for replica in Watched::all(reply) {
        let labels = [master.name, &master.address, &replica.address];
        replica.write(&labels, &REPLICA_FACTS, &REPLICA_FLAGS, output);
        let link = fact(replica.facts, "master-link-status").map(|status| f64::from(status == "ok"));
        output.add(&REPLICA_LINK, &labels, link);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{SHOW, lines_of, render, render_shown, text, texts};
    use super::*;
    use crate::collectors::Show;
    use crate::reply::Refusal;

    const INFO: &str = "redis_mode:sentinel\r\nsentinel_masters:2\r\nsentinel_tilt:0\r\n\
        sentinel_tilt_since_seconds:-1\r\nsentinel_total_tilt:3\r\nsentinel_running_scripts:0\r\n\
        master0:name=a,status=ok,address=127.0.0.1:1,slaves=1,sentinels=3\r\n\
        master1:name=b,status=odown,address=fd00::1:2,slaves=x\r\nmaster_link_status:up\r\n";

    fn master(name: &str, flags: &str) -> Reply {
        let facts = ["name", name, "ip", "127.0.0.1", "port", "1", "flags", flags, "quorum", "2"];
        texts(&[facts.as_slice(), &["last-ok-ping-reply", "948", "num-other-sentinels", "2"]].concat())
    }

    #[test]
    fn info_and_masters() {
        let masters = Reply::List(vec![master("a", "s_down,master,o_down"), text("junk")]);
        let (lines, result) = render(PART, INFO, vec![(Command::SentinelMasters, Ok(masters))]);
        let a = "{master_name=\"a\",master_address=\"127.0.0.1:1\"}";
        let expected = [
            format!("sentinel_master_disconnected{a} 0"),
            format!("sentinel_master_failover_in_progress{a} 0"),
            format!("sentinel_master_last_ok_ping_reply_seconds{a} 0.948"),
            format!("sentinel_master_odown{a} 1"),
            format!("sentinel_master_other_sentinels{a} 2"),
            format!("sentinel_master_sdown{a} 1"),
            format!("sentinel_master_sentinels{a} 3"),
            format!("sentinel_master_setting_ckquorum{a} 2"),
            format!("sentinel_master_slaves{a} 1"),
            "sentinel_master_status{master_name=\"a\",master_address=\"127.0.0.1:1\",master_status=\"ok\"} 1".into(),
            "sentinel_master_status{master_name=\"b\",master_address=\"fd00::1:2\",master_status=\"odown\"} 0"
                .into(),
            "sentinel_masters 2".into(),
            "sentinel_running_scripts 0".into(),
            "sentinel_tilt 0".into(),
            "sentinel_tilt_since_seconds -1".into(),
            "sentinel_total_tilt 3".into(),
        ];
        assert_eq!((lines, result), (expected.to_vec(), Ok(())));
    }

    #[test]
    fn a_refused_command_costs_only_what_it_would_have_told() {
        let refused = || Err(Refusal::new("NOPERM", ""));
        let (lines, result) = render(PART, INFO, vec![(Command::SentinelMasters, refused())]);
        assert_eq!((lines.len(), result), (9, Err(Reason::NoPerm)));
        let (lines, result) =
            render(PART, "redis_mode:standalone", vec![(Command::SentinelMasters, refused())]);
        assert_eq!((lines.len(), result), (0, Ok(())));
    }

    #[test]
    fn settings_without_secrets() {
        let settings =
            texts(&["announce-port", "0", "sentinel-user", "me", "sentinel-pass", "canary", "odd"]);
        let answer = || vec![(Command::SentinelConfig, Ok(settings.clone()))];
        for (redact_config, expected) in [(true, 2), (false, 4)] {
            let show = Show { redact_config, ..SHOW };
            let (lines, _) = render_shown(PART, &show, "redis_mode:sentinel", answer());
            assert_eq!(lines.len(), expected, "{lines:?}");
            assert_eq!(lines.iter().any(|line| line.contains("canary")), !redact_config);
        }
    }

    #[test]
    fn each_master_is_asked_about() {
        let options = CommandOptions::default();
        let masters = Reply::List(vec![master("a", "master"), master("b", "master")]);
        let answers = Answers::of(vec![(Command::SentinelMasters, Ok(masters))]);
        let asked: Vec<String> =
            further(&answers, &options).iter().map(|(_, words)| words.join(" ")).collect();
        let about =
            |name: &str| ["REPLICAS", "SENTINELS", "CKQUORUM"].map(|what| format!("SENTINEL {what} {name}"));
        assert_eq!(asked, [about("a"), about("b")].concat());
        assert!(further(&Answers::default(), &options).is_empty());
    }

    #[test]
    fn the_quorum_in_closed_words() {
        let master = master("a", "master");
        let master = Watched::of(&master).unwrap();
        let said = text("OK 3 usable Sentinels");
        for (reply, expected, result) in [
            (
                Ok(Some(&said)),
                vec!["sentinel_master_ckquorum_status{master_name=\"a\",message=\"ok\"} 1"],
                Ok(()),
            ),
            (
                Err(Reason::NoQuorum),
                vec!["sentinel_master_ckquorum_status{master_name=\"a\",message=\"noquorum\"} 0"],
                Ok(()),
            ),
            (Err(Reason::Server), vec![], Ok(())),
            (Err(Reason::NoPerm), vec![], Err(Reason::NoPerm)),
        ] {
            let mut found = Ok(());
            let lines = lines_of(|output| found = write_quorum(&master, reply, output));
            assert_eq!((lines, found), (expected.into_iter().map(str::to_owned).collect(), result));
        }
    }

    #[test]
    fn sentinels_and_replicas() {
        let master = master("a", "master");
        let master = Watched::of(&master).unwrap();
        let replica = |port: &str, flags: &str, link: &str| {
            let facts =
                ["name", "r", "ip", "127.0.0.1", "port", port, "flags", flags, "slave-repl-offset", "14"];
            texts(
                &[facts.as_slice(), &["master-link-status", link, "master-link-down-time", "2500"]].concat(),
            )
        };
        let replicas = Reply::List(vec![replica("2", "slave", "ok"), replica("3", "s_down,slave", "err")]);
        let lines = lines_of(|output| write_replicas(&master, Some(&replicas), output));
        let of = |port: &str| {
            format!("{{master_name=\"a\",master_address=\"127.0.0.1:1\",replica=\"127.0.0.1:{port}\"}}")
        };
        for line in [
            "sentinel_master_ok_slaves{master_name=\"a\",master_address=\"127.0.0.1:1\"} 1".to_owned(),
            format!("sentinel_replica_offset_bytes{} 14", of("2")),
            format!("sentinel_replica_master_link_up{} 1", of("2")),
            format!("sentinel_replica_master_link_up{} 0", of("3")),
            format!("sentinel_replica_master_link_down_seconds{} 2.5", of("3")),
            format!("sentinel_replica_sdown{} 1", of("3")),
        ] {
            assert!(lines.contains(&line), "{line} {lines:#?}");
        }
        let sentinel =
            texts(&["name", "x", "ip", "127.0.0.1", "port", "9", "runid", "x", "flags", "sentinel"]);
        let others = Reply::List(vec![sentinel, texts(&["flags", "s_down,sentinel"]), text("junk")]);
        for (peers, expected) in [(true, 2), (false, 1)] {
            let lines = lines_of(|output| write_sentinels(&master, Some(&others), peers, output));
            assert_eq!(lines.len(), expected, "{lines:?}");
            let ok = "sentinel_master_ok_sentinels{master_name=\"a\",master_address=\"127.0.0.1:1\"} 2";
            assert!(lines.iter().any(|line| line == ok), "{lines:?}");
        }
    }
}
