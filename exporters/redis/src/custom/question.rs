//! One command of a user on the side connection of a target.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::command::FORGET_AFTER;
use crate::conn::Answer;
use crate::error::Reason;
use crate::page::Node;
use crate::reply::Reply;

/// What is kept back of the scrape for writing down what came.
const SETTLING: Duration = Duration::from_millis(50);

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The words of the command.
    pub words: Vec<String>,
    /// The database that is selected for it.
    pub db: u32,
}

/// What a target refused for good, by the names of commands and scripts; asked again after a while, so that a
/// restricted ACL does not fill its log with us.
#[derive(Clone, Debug, Default)]
pub struct Refused {
    since: HashMap<String, (Reason, Instant)>,
}

impl Refused {
    /// Why it is not asked now.
    pub fn reason(&self, name: &str, now: Instant) -> Option<Reason> {
        let (reason, since) = self.since.get(name)?;
        (now - *since < FORGET_AFTER).then_some(*reason)
    }

    /// Remembers why it was refused, if that is for good.
    pub fn note(&mut self, name: &str, reason: Reason, now: Instant) {
        if reason.is_lasting() {
            self.since.insert(name.to_owned(), (reason, now));
        }
    }
}

/// When a question that may take `limit` must have been answered.
pub fn until(limit: Duration, deadline: Instant) -> Instant {
    let settled = deadline.checked_sub(SETTLING).unwrap_or(deadline);
    settled.min(Instant::now() + limit)
}

/// Asks; `name` is what a refusal is remembered by. `None`: another node of the cluster has the key.
///
/// # Errors
/// Why there is no reply.
pub async fn ask(
    node: &Node,
    name: &str,
    question: &Question,
    until: Instant,
) -> Result<Option<Reply>, Reason> {
    let now = Instant::now();
    if let Some(reason) = node.kept.notes().refused.reason(name, now) {
        return Err(reason);
    }
    let db = question.db.to_string();
    let words: Vec<&str> = question.words.iter().map(String::as_str).collect();
    // whoever uses the connection next finds it in database 0, as it was
    let commands = match question.db {
        0 => vec![words],
        _ => vec![vec!["SELECT", &db], words, vec!["SELECT", "0"]],
    };
    let answers = timeout_at(until, node.kept.side.ask(&node.kept, &node.link, &commands)).await;
    let answers = answers.map_err(|_| Reason::Timeout)?.map_err(|error| error.reason())?;
    let answer = judge(answers);
    if let Err(reason) = &answer {
        node.kept.notes().refused.note(name, *reason, now);
    }
    answer
}

/// The answer to the command itself; one from the wrong database is none.
fn judge(answers: Vec<Answer>) -> Result<Option<Reply>, Reason> {
    let selected = answers.len() > 1;
    let mut answers = answers.into_iter();
    if selected && let Some(Err(refusal)) = answers.next() {
        return Err(refusal.reason());
    }
    match answers.next() {
        Some(Ok(reply)) => Ok(Some(reply)),
        Some(Err(refusal)) if refusal.is_elsewhere() => Ok(None),
        Some(Err(refusal)) => Err(refusal.reason()),
        None => Err(Reason::Protocol),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::Refusal;

    #[test]
    fn an_answer_from_the_wrong_database_is_none() {
        let ok = || Ok(Reply::Text("OK".to_owned()));
        let seven = || Ok(Reply::Integer(7));
        let refused = |code: &str| Err(Refusal::new(code, "DB index is out of range"));
        for (answers, expected) in [
            (vec![seven()], Ok(Some(Reply::Integer(7)))),
            (vec![ok(), seven(), ok()], Ok(Some(Reply::Integer(7)))),
            (vec![refused("ERR"), seven(), ok()], Err(Reason::Server)),
            (vec![ok(), refused("NOPERM"), ok()], Err(Reason::NoPerm)),
            (vec![refused("MOVED")], Ok(None)),
            (vec![], Err(Reason::Protocol)),
        ] {
            assert_eq!(judge(answers), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_remembered_for_a_while_if_it_lasts() {
        let now = Instant::now();
        let mut refused = Refused::default();
        refused.note("jobs", Reason::NoPerm, now);
        refused.note("late", Reason::Timeout, now);
        assert_eq!(refused.reason("jobs", now + FORGET_AFTER / 2), Some(Reason::NoPerm));
        assert_eq!(refused.reason("late", now), None);
        assert_eq!(refused.reason("jobs", now + FORGET_AFTER), None);
    }
}
