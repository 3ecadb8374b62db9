//! The entries of the slow log, counted by command as they come.
//!
//! The log is a ring of the newest entries, each with a number; what was counted is known by the number of the
//! newest. Only the command of an entry is looked at, and only shown when INFO names it too: what follows is data of
//! the server's users, and a command that was renamed may be meant to be a secret.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use crate::info::Info;
use crate::memory::OTHER;
use crate::reply::Reply;

/// Most entries that one scrape asks for: a server keeps 128 unless told otherwise, each 4 kB at most.
pub(super) const MAX_ENTRIES: usize = 128;

/// Most commands with a count of their own; the others, and those that INFO does not know, are [`OTHER`].
const MAX_COMMANDS: usize = 64;

/// The longest entry is told for at least this time and at most twice of it: any sensible scrape interval sees it.
const LONGEST_WINDOW: Duration = Duration::from_mins(5);

/// What was counted since the exporter first saw the server.
#[derive(Clone, Debug, Default)]
pub struct SlowCounts {
    /// Up to which entry.
    pub cursor: Cursor,
    commands: BTreeMap<String, Slow>,
    /// Entries that came and went between two scrapes.
    missed: u64,
    window: Option<Instant>,
}

/// The entries of one command.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slow {
    /// How many there were.
    pub entries: u64,
    /// How long they took, all together.
    pub microseconds: u64,
    /// The longest of this window and of the one before.
    longest: [u64; 2],
}

impl Slow {
    /// How long the longest took, lately.
    pub fn longest(&self) -> u64 {
        self.longest.into_iter().max().unwrap_or(0)
    }
}

/// Which entries were counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cursor {
    seen: Seen,
    /// Which process the entries are of, and its clock when they were counted.
    run: String,
    time: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Seen {
    /// The log was never seen: what is in it is history.
    #[default]
    Nothing,
    /// The log was empty, so that all that is in it now is new.
    Empty,
    /// All up to the entry with this number.
    UpTo(i64),
}

impl Cursor {
    /// The same for the process that INFO is from now: one that began after the last scrape began its log then, too,
    /// and one that was there before (after a failover, say) has a log of its own, which is history.
    fn at(&self, info: &Info<'_>) -> Self {
        let run = info.get("run_id").unwrap_or_default();
        let time = info.number("server_time_usec").map(|microseconds| microseconds / 1e6);
        let seen = if self.seen == Seen::Nothing || run == self.run {
            self.seen
        } else {
            let began = time.zip(info.number("uptime_in_seconds")).map(|(time, uptime)| time - uptime);
            match began.zip(self.time) {
                Some((began, before)) if began + 1.0 >= before => Seen::UpTo(-1),
                _ => Seen::Nothing,
            }
        };
        Self { seen, run: run.to_owned(), time }
    }

    /// How many entries there are to ask for, when the newest is this and the log is that long.
    pub fn outstanding(&self, info: &Info<'_>, newest: i64, length: usize) -> usize {
        match self.at(info).seen {
            Seen::Nothing => 0,
            Seen::Empty => length.min(MAX_ENTRIES),
            Seen::UpTo(seen) => between(seen, newest).min(MAX_ENTRIES),
        }
    }
}

/// Entries after `seen` up to `newest`; the numbers of a log that began again are smaller.
fn between(seen: i64, newest: i64) -> usize {
    let new = if newest >= seen { newest.saturating_sub(seen) } else { newest.saturating_add(1) };
    usize::try_from(new).unwrap_or(0)
}

/// An entry as far as it is looked at.
struct Entry<'a> {
    id: i64,
    microseconds: u64,
    words: &'a [Reply],
}

/// Each entry is a list: number, time, microseconds, the command's words, and more that we do not look at.
fn entry(reply: &Reply) -> Option<Entry<'_>> {
    match reply.items() {
        [Reply::Integer(id), _, Reply::Integer(took), words, ..] if *id >= 0 => {
            Some(Entry { id: *id, microseconds: u64::try_from(*took).unwrap_or(0), words: words.items() })
        }
        _ => None,
    }
}

/// The number of the newest entry: entries come newest first.
pub(super) fn newest(log: &Reply) -> Option<i64> {
    log.items().first().and_then(entry).map(|entry| entry.id)
}

impl SlowCounts {
    /// Counts what is new in `log`, which holds all new entries that there were when it was asked for.
    pub fn observe(&mut self, info: &Info<'_>, log: &Reply, now: Instant) {
        self.turn_window(now);
        self.cursor = self.cursor.at(info);
        let Some(newest) = newest(log) else {
            if self.cursor.seen == Seen::Nothing {
                self.cursor.seen = Seen::Empty;
            }
            return;
        };
        let seen = match self.cursor.seen {
            Seen::Nothing => newest,
            Seen::Empty => -1,
            Seen::UpTo(seen) if seen > newest => -1,
            Seen::UpTo(seen) => seen,
        };
        let new: Vec<Entry<'_>> =
            log.items().iter().filter_map(entry).filter(|entry| entry.id > seen).collect();
        if self.cursor.seen != Seen::Empty {
            let missed = between(seen, newest).saturating_sub(new.len());
            self.missed = self.missed.saturating_add(missed as u64);
        }
        self.cursor.seen = Seen::UpTo(newest);
        if new.is_empty() {
            return;
        }
        let names = Names::of(info);
        for entry in new {
            let slow = self.of(names.find(entry.words));
            slow.entries += 1;
            slow.microseconds = slow.microseconds.saturating_add(entry.microseconds);
            slow.longest[0] = slow.longest[0].max(entry.microseconds);
        }
    }

    /// Each command and its entries.
    pub fn commands(&self) -> impl Iterator<Item = (&str, &Slow)> {
        self.commands.iter().map(|(command, slow)| (command.as_str(), slow))
    }

    /// Entries that came and went between two scrapes; `None` before the log was seen.
    pub fn missed(&self) -> Option<u64> {
        (self.cursor.seen != Seen::Nothing).then_some(self.missed)
    }

    fn of(&mut self, command: &str) -> &mut Slow {
        let known = self.commands.contains_key(command) || self.commands.len() < MAX_COMMANDS;
        self.commands.entry((if known { command } else { OTHER }).to_owned()).or_default()
    }

    fn turn_window(&mut self, now: Instant) {
        let began = *self.window.get_or_insert(now);
        if now - began >= LONGEST_WINDOW {
            self.window = Some(now);
            for slow in self.commands.values_mut() {
                slow.longest = [0, slow.longest[0]];
            }
        }
    }
}

/// The commands that INFO names, found without regard to case.
struct Names<'a>(HashMap<String, &'a str>);

impl<'a> Names<'a> {
    fn of(info: &Info<'a>) -> Self {
        Self(info.with_prefix("cmdstat_").map(|(name, _)| (name.to_ascii_lowercase(), name)).collect())
    }

    /// The name of the command with these words, as in `commands_total`: with its subcommand where INFO counts those.
    fn find(&self, words: &[Reply]) -> &'a str {
        let word = |index: usize| words.get(index).and_then(Reply::text).map(str::to_ascii_lowercase);
        let Some(first) = word(0) else { return OTHER };
        let with_second = word(1).and_then(|second| self.0.get(&format!("{first}|{second}")));
        with_second.or_else(|| self.0.get(&first)).copied().unwrap_or(OTHER)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::testing::texts;
    use super::*;

    const INFO: &str = "run_id:a\nuptime_in_seconds:50\nserver_time_usec:1000000000\n\
                        cmdstat_get:calls=1\ncmdstat_config|get:calls=1\ncmdstat_FT.SEARCH:calls=1\n";

    /// A log whose entries, from `newest` down to `oldest`, are all of one command.
    fn log(newest: i64, oldest: i64, words: &[&str]) -> Reply {
        let entry = |id| vec![Reply::Integer(id), Reply::Integer(5), Reply::Integer(1000 + id), texts(words)];
        Reply::List((oldest..=newest).rev().map(|id| Reply::List(entry(id))).collect())
    }

    fn empty() -> Reply {
        Reply::List(vec![])
    }

    fn entries(counts: &SlowCounts) -> u64 {
        counts.commands().map(|(_, slow)| slow.entries).sum()
    }

    fn at(run: &str, uptime: u32, time: u32) -> String {
        format!(
            "run_id:{run}\nuptime_in_seconds:{uptime}\nserver_time_usec:{time}000000\ncmdstat_get:calls=1\n"
        )
    }

    #[tokio::test(start_paused = true)]
    async fn each_entry_is_counted_once() {
        // INFO, the log as it is, what is asked for, entries counted so far, entries missed so far
        type Scrape = (String, Reply, usize, u64, u64);
        let (first, get) = (at("a", 50, 1000), ["GET", "k"]);
        let histories: [Vec<Scrape>; 5] = [
            // what is there at first is history; a reset of the log changes nothing
            vec![
                (first.clone(), log(7, 0, &get), 0, 0, 0),
                (first.clone(), log(7, 0, &get), 0, 0, 0),
                (first.clone(), log(10, 3, &get), 3, 3, 0),
                (first.clone(), empty(), 0, 3, 0),
                (first.clone(), log(12, 12, &get), 2, 4, 1),
            ],
            // a restart, seen by the run id and by the clock
            vec![
                (first.clone(), log(7, 0, &get), 0, 0, 0),
                (at("b", 3, 1015), log(9, 0, &get), 10, 10, 0),
                (at("c", 3, 1030), empty(), 0, 10, 0),
                (at("c", 18, 1045), log(0, 0, &get), 1, 11, 0),
            ],
            // another server at the same address, which ran already
            vec![
                (first.clone(), log(7, 0, &get), 0, 0, 0),
                (at("b", 999, 1015), log(9, 0, &get), 0, 0, 0),
                (at("b", 1014, 1030), log(10, 0, &get), 1, 1, 0),
            ],
            // a server that says nothing of its run
            vec![(String::new(), log(7, 0, &get), 0, 0, 0), (String::new(), log(1, 0, &get), 2, 2, 0)],
            // an empty log at first
            vec![
                (first.clone(), empty(), 0, 0, 0),
                (first.clone(), log(501, 500, &get), 2, 2, 0),
                (first, log(502, 500, &get), 1, 3, 0),
            ],
        ];
        for (number, history) in histories.into_iter().enumerate() {
            let mut counts = SlowCounts::default();
            for (step, (info, log, asked, counted, missed)) in history.into_iter().enumerate() {
                let info = Info::parse(&info);
                let outstanding =
                    newest(&log).map(|newest| counts.cursor.outstanding(&info, newest, log.items().len()));
                assert_eq!(outstanding.unwrap_or(0), asked, "{number} {step}");
                counts.observe(&info, &log, Instant::now());
                assert_eq!((entries(&counts), counts.missed()), (counted, Some(missed)), "{number} {step}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn names_are_those_of_info_and_nothing_else_is_kept() {
        let mut counts = SlowCounts::default();
        let info = Info::parse(INFO);
        counts.observe(&info, &empty(), Instant::now());
        let commands = [
            &["GET", "canary"][..],
            &["config", "GET", "canary"],
            &["ft.search", "canary"],
            &["CANARY", "get"],
            &[],
        ];
        for (id, words) in (0..).zip(commands) {
            counts.observe(&info, &log(id, id, words), Instant::now());
        }
        let found: Vec<_> = counts.commands().map(|(name, slow)| (name.to_owned(), slow.entries)).collect();
        let expected = [("FT.SEARCH", 1), (OTHER, 2), ("config|get", 1), ("get", 1)];
        assert_eq!(found, expected.map(|(name, entries)| (name.to_owned(), entries)));
        assert!(!format!("{counts:?}").to_lowercase().contains("canary"));
    }

    #[tokio::test(start_paused = true)]
    async fn commands_are_bounded() {
        let names: Vec<String> = (0..100).map(|number| format!("c{number:03}")).collect();
        let lines: String =
            names.iter().fold(String::new(), |text, name| text + "cmdstat_" + name + ":calls=1\n");
        let info = Info::parse(&lines);
        let mut counts = SlowCounts::default();
        counts.observe(&info, &empty(), Instant::now());
        for (id, name) in (0..).zip(&names) {
            counts.observe(&info, &log(id, id, &[name]), Instant::now());
        }
        assert_eq!(counts.commands().count(), MAX_COMMANDS + 1);
        assert_eq!(
            counts.commands().find(|(name, _)| *name == OTHER).map(|(_, slow)| slow.entries),
            Some(36)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_is_told_for_a_while() {
        let info = Info::parse(INFO);
        let mut counts = SlowCounts::default();
        counts.observe(&info, &log(0, 0, &["get"]), Instant::now());
        counts.observe(&info, &log(1, 1, &["get"]), Instant::now());
        for expected in [1001, 1001, 0, 0] {
            let longest = counts.commands().map(|(_, slow)| slow.longest()).max();
            assert_eq!(longest, Some(expected));
            tokio::time::advance(LONGEST_WINDOW).await;
            counts.observe(&info, &log(1, 1, &["get"]), Instant::now());
        }
        assert_eq!(counts.commands().map(|(_, slow)| slow.microseconds).sum::<u64>(), 1001);
    }

    proptest! {
        #[test]
        fn no_history_panics(
            scrapes in prop::collection::vec(("[ab]?", any::<u32>(), any::<u32>(), any::<i64>(), -3..3_i64), 0..8)
        ) {
            let mut counts = SlowCounts::default();
            for (run, uptime, time, newest, more) in scrapes {
                let (info, took) = (at(&run, uptime, time), Reply::Integer(newest));
                let info = Info::parse(&info);
                let list = [newest, newest.saturating_sub(more)]
                    .map(|id| Reply::List(vec![Reply::Integer(id), Reply::Nil, took.clone(), texts(&["GET"])]));
                prop_assert!(counts.cursor.outstanding(&info, newest, 3) <= MAX_ENTRIES);
                counts.observe(&info, &Reply::List(list.to_vec()), Instant::now());
            }
        }
    }
}
