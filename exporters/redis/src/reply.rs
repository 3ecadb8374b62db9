//! What a server answered to one command.

use std::borrow::Cow;

use crate::error::Reason;

/// How servers say that they do not have a command, or not in this form.
const UNSUPPORTED: [&str; 6] = [
    "unknown command",
    "unknown subcommand",
    "wrong number of arguments",
    "cluster support disabled",
    "not supported",
    "not allowed",
];

/// A reply, free of the wire's details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// There is no such thing.
    Nil,
    /// A number.
    Integer(i64),
    /// A text.
    Text(String),
    /// Bytes that are not UTF-8: a name or value of the server's users.
    Bytes(Vec<u8>),
    /// Replies within a reply; a map is its keys and values in turn.
    List(Vec<Self>),
}

impl Reply {
    /// The text of a text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes of a text or of bytes.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.as_bytes()),
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text of a text or of bytes, in which what is not UTF-8 is replaced: for labels.
    pub fn lossy(&self) -> Option<Cow<'_, str>> {
        self.bytes().map(String::from_utf8_lossy)
    }

    /// The items of a list; nothing else has any.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The items of a list, two by two.
    pub fn pairs(&self) -> impl Iterator<Item = (&Self, &Self)> {
        let (pairs, _) = self.items().as_chunks::<2>();
        pairs.iter().map(|[key, value]| (key, value))
    }

    /// A number, also one that was sent as text.
    pub fn number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "beyond 2^53 the page loses bits too")]
            Self::Integer(number) => Some(*number as f64),
            Self::Text(text) => crate::info::number(text),
            Self::Nil | Self::Bytes(_) | Self::List(_) => None,
        }
    }
}

/// An error that the server sent instead of a reply.
///
/// Only its first word is ever shown: what follows can repeat what we sent, and that can be a password.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server answered {code}")]
pub struct Refusal {
    code: String,
    detail: String,
}

impl std::fmt::Debug for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Refusal({}, {:?})", self.code, self.reason())
    }
}

impl Refusal {
    /// The two parts of an error line: its first word and the rest.
    pub fn new(code: &str, detail: &str) -> Self {
        Self { code: code.to_owned(), detail: detail.to_owned() }
    }

    /// The word for labels.
    pub fn reason(&self) -> Reason {
        match (self.code.as_str(), self.detail.as_str()) {
            ("NOAUTH", _) => Reason::NoAuth,
            ("WRONGPASS", _) => Reason::WrongPass,
            ("NOPERM", _) => Reason::NoPerm,
            ("LOADING", _) => Reason::Loading,
            ("BUSY", _) => Reason::Busy,
            ("DENIED", _) => Reason::Denied,
            ("NOQUORUM", _) => Reason::NoQuorum,
            ("ERR", detail) => Self::reason_of_err(detail),
            _ => Reason::Server,
        }
    }

    /// Whether AUTH was refused only because the server has no password: then it needs none.
    pub fn is_auth_not_needed(&self) -> bool {
        let detail = self.detail.to_ascii_lowercase();
        detail.contains("without any password configured") || detail.contains("no password is set")
    }

    /// Whether the command is forbidden or not there, whatever key it is about.
    pub fn is_about_command(&self) -> bool {
        match self.reason() {
            Reason::NoPerm => self.detail.contains("to run the"),
            reason => reason.is_lasting(),
        }
    }

    /// Whether there is no such key, for a command that takes this for an error.
    pub fn is_no_such_key(&self) -> bool {
        self.detail.to_ascii_lowercase().contains("no such key")
    }

    /// Whether another node of the cluster has the key.
    pub fn is_elsewhere(&self) -> bool {
        matches!(self.code.as_str(), "MOVED" | "ASK")
    }

    /// Whether the server knows the command, but not with so many arguments.
    pub fn is_wrong_arity(&self) -> bool {
        self.detail.to_ascii_lowercase().contains("wrong number of arguments")
    }

    /// Servers of all ages say these in plain words behind the same `ERR`.
    fn reason_of_err(detail: &str) -> Reason {
        let detail = detail.to_ascii_lowercase();
        let says = |words: &str| detail.contains(words);
        if says("max number of clients") {
            Reason::MaxClients
        } else if says("invalid password") {
            Reason::WrongPass
        } else if UNSUPPORTED.iter().any(|words| says(words)) {
            Reason::Unsupported
        } else {
            Reason::Server
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_a_reason_from_a_closed_set() {
        for (code, detail, expected) in [
            ("NOAUTH", "Authentication required.", Reason::NoAuth),
            ("WRONGPASS", "invalid username-password pair or user is disabled.", Reason::WrongPass),
            ("ERR", "invalid password", Reason::WrongPass),
            ("NOPERM", "this user has no permissions to run the 'config|get' command", Reason::NoPerm),
            ("LOADING", "Redis is loading the dataset in memory", Reason::Loading),
            ("ERR", "max number of clients reached", Reason::MaxClients),
            ("ERR", "unknown command 'CONFIG', with args beginning with: 'GET'", Reason::Unsupported),
            ("ERR", "Unknown subcommand or wrong number of arguments for 'histogram'", Reason::Unsupported),
            ("ERR", "This instance has cluster support disabled", Reason::Unsupported),
            ("DENIED", "Redis is running in protected mode", Reason::Denied),
            ("BUSY", "Redis is busy running a script.", Reason::Busy),
            ("MASTERDOWN", "Link with MASTER is down", Reason::Server),
            ("ERR", "something new", Reason::Server),
        ] {
            assert_eq!(Refusal::new(code, detail).reason(), expected, "{code} {detail}");
        }
    }

    #[test]
    fn auth_is_not_needed_where_no_password_is_set() {
        for (detail, expected) in [
            ("AUTH <password> called without any password configured for the default user.", true),
            ("Client sent AUTH, but no password is set", true),
            ("invalid password", false),
        ] {
            assert_eq!(Refusal::new("ERR", detail).is_auth_not_needed(), expected, "{detail}");
        }
    }

    #[test]
    fn what_a_server_repeats_is_not_shown() {
        let refusal = Refusal::new("ERR", "unknown command 'AUTH', with args beginning with: 'canary'");
        assert!(!format!("{refusal} {refusal:?}").contains("canary"));
    }

    #[test]
    fn pairs_leave_out_an_odd_end() {
        let text = |text: &str| Reply::Text(text.to_owned());
        let list = Reply::List(vec![text("a"), Reply::Integer(1), text("b")]);
        assert_eq!(list.pairs().count(), 1);
        assert_eq!(Reply::Nil.pairs().count(), 0);
        assert_eq!((text("12").number(), Reply::Integer(3).number()), (Some(12.0), Some(3.0)));
    }
}
