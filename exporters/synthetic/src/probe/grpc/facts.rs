//! What only the prober `grpc` finds, under blackbox_exporter's names.

use std::time::Duration;

use toolkit::expo::{Desc, Kind, Samples};

use super::message::ServingStatus;
use super::status::Code;
use crate::outcome::Outcome;

/// What was found of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrpcFacts {
    /// Whether the connection is in TLS.
    pub ssl: bool,
    /// The status of the call.
    pub code: Code,
    /// How long everything behind the resolver took, when it came to that.
    pub check: Option<Duration>,
    /// What the service says of itself.
    pub serving: Option<ServingStatus>,
}

const DURATION: Desc<'_> = Desc {
    name: "grpc_duration_seconds",
    help: "What resolving the name took, and all that came after it: connection, TLS and call.",
    kind: Kind::Gauge,
    labels: &["phase"],
};

const SSL: Desc<'_> =
    Desc { name: "grpc_ssl", help: "Whether the call went through TLS.", kind: Kind::Gauge, labels: &[] };

const STATUS_CODE: Desc<'_> = Desc {
    name: "grpc_status_code",
    help: "The status of the call by its number in gRPC; 0 also when it did not come to a call.",
    kind: Kind::Gauge,
    labels: &[],
};

const RESPONSE: Desc<'_> = Desc {
    name: "grpc_healthcheck_response",
    help: "What the service says of itself: 1 for one of the statuses of grpc.health.v1, or for none when it said nothing.",
    kind: Kind::Gauge,
    labels: &["serving_status"],
};

impl GrpcFacts {
    /// All that it writes.
    pub(crate) const METRICS: &[Desc<'static>] = &[DURATION, SSL, STATUS_CODE, RESPONSE];

    /// Writes it.
    pub(crate) fn write(&self, outcome: &Outcome, samples: &mut Samples) {
        let lookup = outcome.address.map(|address| address.lookup).unwrap_or_default();
        samples.add(&DURATION, &["resolve"], lookup.as_secs_f64());
        samples.add(&SSL, &[], f64::from(self.ssl));
        samples.add(&STATUS_CODE, &[], f64::from(self.code.0));
        let Some(check) = self.check else { return };
        samples.add(&DURATION, &["check"], check.as_secs_f64());
        for serving in ServingStatus::ALL {
            samples.add(&RESPONSE, &[serving.as_str()], f64::from(self.serving == Some(serving)));
        }
    }
}
