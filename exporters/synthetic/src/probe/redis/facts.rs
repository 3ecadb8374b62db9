//! What only the prober `redis` finds.

use toolkit::expo::{Desc, Kind, Samples};

/// What a Redis said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedisFacts {
    /// The code of its error.
    pub error: Option<Code>,
}

macro_rules! codes {
    ($($name:ident $word:literal,)*) => {
        /// The word with which an error of Redis begins: of its own list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = concat!("`", $word, "`")] $name,)*
            /// Another one.
            Other,
        }

        impl Code {
            /// The code of an error, which begins with it.
            pub(crate) fn of(error: &[u8]) -> Self {
                let end = error.iter().position(|byte| *byte == b' ').unwrap_or(error.len());
                match error.get(..end).unwrap_or_default() {
                    $(word if word == $word.as_bytes() => Self::$name,)*
                    _ => Self::Other,
                }
            }

            /// Its word in labels.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                    Self::Other => "OTHER",
                }
            }
        }
    };
}

codes! {
    Busy "BUSY",
    Clusterdown "CLUSTERDOWN",
    Denied "DENIED",
    Err "ERR",
    Loading "LOADING",
    Masterdown "MASTERDOWN",
    Misconf "MISCONF",
    Noauth "NOAUTH",
    Noperm "NOPERM",
    Oom "OOM",
    Wrongpass "WRONGPASS",
}

impl Code {
    /// Whether the server does not take us for who we say we are.
    pub(crate) fn is_about_login(self) -> bool {
        matches!(self, Self::Noauth | Self::Wrongpass | Self::Noperm)
    }
}

const ERROR: Desc<'_> = Desc {
    name: "redis_error_info",
    help: "The code of the error with which the server answered (prober redis); always 1.",
    kind: Kind::Gauge,
    labels: &["code"],
};

impl RedisFacts {
    /// What there may be on the page.
    pub(crate) const METRICS: &'static [Desc<'static>] = &[ERROR];

    /// Writes what was found.
    pub(crate) fn write(&self, samples: &mut Samples) {
        if let Some(code) = self.error {
            samples.add(&ERROR, &[code.as_str()], 1.0);
        }
    }
}
