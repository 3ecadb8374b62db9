//! What only the prober `smtp` finds.

use toolkit::expo::{Desc, Kind, Samples};

/// What a mail server said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SmtpFacts {
    /// The number of its last reply.
    pub code: u16,
    /// Whether the dialogue went on in TLS.
    pub ssl: bool,
}

const STATUS_CODE: Desc<'_> = Desc {
    name: "smtp_status_code",
    help: "The number of the reply that decided: to NOOP, or the one that was not hoped for; 0 where none came.",
    kind: Kind::Gauge,
    labels: &[],
};

const SSL: Desc<'_> =
    Desc { name: "smtp_ssl", help: "Whether the dialogue was in TLS.", kind: Kind::Gauge, labels: &[] };

impl SmtpFacts {
    /// All that it writes.
    pub(crate) const METRICS: &[Desc<'static>] = &[STATUS_CODE, SSL];

    /// Writes it.
    pub(crate) fn write(&self, samples: &mut Samples) {
        samples.add(&STATUS_CODE, &[], f64::from(self.code));
        samples.add(&SSL, &[], f64::from(self.ssl));
    }
}
