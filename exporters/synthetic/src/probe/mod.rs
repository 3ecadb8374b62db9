//! A module and a target become an outcome.
//!
//! Each prober has a folder: `config` (its keys of the file), `mod` (what it does), `facts` (what only it finds, and how
//! that stands on the page). To add one: its folder, a variant of [`Prober`] and of [`Facts`]; the compiler names the rest.

pub mod artifact;
pub mod datagram;
pub mod dns;
pub mod grpc;
pub mod http;
pub mod icmp;
pub mod journey;
pub mod open;
pub mod postgres;
pub mod redis;
pub mod resolve;
pub mod script;
pub mod secure;
pub mod smtp;
pub mod tcp;
pub mod udp;
pub mod websocket;

mod engine;

use std::sync::Arc;

use artifact::{Artifact, ArtifactFacts};
use dns::{Dns, DnsFacts};
use grpc::{Grpc, GrpcFacts};
use http::{Http, HttpFacts};
use icmp::{Icmp, IcmpFacts};
use journey::{Journey, JourneyFacts};
use postgres::{Postgres, PostgresFacts};
use redis::{Redis, RedisFacts};
use toolkit::config::Fields;
use toolkit::expo::{Desc, Kind, Samples};

pub use engine::{Engine, Job};
pub use resolve::Preference;
pub use secure::{ChainFacts, Leaf, TlsFacts};
use smtp::{Smtp, SmtpFacts};
use tcp::{Tcp, TcpFacts, Unix};
use udp::{Udp, UdpFacts};
use websocket::{Websocket, WebsocketFacts};

use crate::outcome::Outcome;

/// How a target is probed, with the settings of that way.
#[derive(Clone, Debug)]
pub enum Prober {
    /// The newest file of a path, or object of a bucket.
    Artifact(Artifact),
    /// A question to a name server.
    Dns(Dns),
    /// The health of a gRPC service.
    Grpc(Grpc),
    /// A page.
    Http(Box<Http>),
    /// Echo requests.
    Icmp(Icmp),
    /// Several pages, one after the other.
    Journey(Box<Journey>),
    /// A login to a PostgreSQL and a query.
    Postgres(Postgres),
    /// A `PING` to a Redis.
    Redis(Redis),
    /// A dialogue with a mail server.
    Smtp(Smtp),
    /// A TCP connection and a script.
    Tcp(Tcp),
    /// A datagram and its answer.
    Udp(Udp),
    /// A socket of the file system and a script.
    Unix(Unix),
    /// A websocket and a script.
    Websocket(Box<Websocket>),
}

/// What only one prober finds.
#[derive(Clone, Debug)]
pub enum Facts {
    /// Nothing.
    None,
    /// What artifacts there are.
    Artifact(ArtifactFacts),
    /// What a name server answered.
    Dns(DnsFacts),
    /// What a gRPC service said of itself.
    Grpc(GrpcFacts),
    /// What a page answered.
    Http(HttpFacts),
    /// What became of echo requests.
    Icmp(IcmpFacts),
    /// What became of the steps of a journey.
    Journey(Arc<JourneyFacts>),
    /// What a PostgreSQL said.
    Postgres(PostgresFacts),
    /// What a Redis said.
    Redis(RedisFacts),
    /// What a mail server said.
    Smtp(SmtpFacts),
    /// What a script on a connection found.
    Tcp(TcpFacts),
    /// What answered a datagram.
    Udp(UdpFacts),
    /// What a script on a websocket found.
    Websocket(Box<WebsocketFacts>),
}

/// Reads the section of a prober.
type Decode = fn(&mut Fields<'_>) -> Option<Prober>;

/// The probers by name, which is also that of their section in a module. One line each.
pub(crate) const PROBERS: &[(&str, Decode)] = &[
    ("artifact", |fields| Some(Prober::Artifact(Artifact::decode(fields)))),
    ("dns", |fields| Dns::decode(fields).map(Prober::Dns)),
    ("grpc", |fields| Some(Prober::Grpc(Grpc::decode(fields)))),
    ("http", |fields| Http::decode(fields).map(Box::new).map(Prober::Http)),
    ("icmp", |fields| Some(Prober::Icmp(Icmp::decode(fields)))),
    ("journey", |fields| Some(Prober::Journey(Box::new(Journey::decode(fields))))),
    ("postgres", |fields| Postgres::decode(fields).map(Prober::Postgres)),
    ("redis", |fields| Some(Prober::Redis(Redis::decode(fields)))),
    ("smtp", |fields| Some(Prober::Smtp(Smtp::decode(fields)))),
    ("tcp", |fields| Some(Prober::Tcp(Tcp::decode(fields)))),
    ("udp", |fields| Udp::decode(fields).map(Prober::Udp)),
    ("unix", |fields| Some(Prober::Unix(Unix::decode(fields)))),
    ("websocket", |fields| Some(Prober::Websocket(Box::new(Websocket::decode(fields)?)))),
];

impl Prober {
    /// Whether a request may name another host, as `hostname=` does.
    ///
    /// # Errors
    /// Why not, in one sentence.
    pub(crate) fn takes_hostname(&self, hostname: &str) -> Result<(), String> {
        match self {
            Self::Http(settings) => settings.takes_hostname(hostname),
            _ => Ok(()),
        }
    }
}

/// A gauge without labels.
const fn gauge<'a>(name: &'a str, help: &'a str) -> Desc<'a> {
    Desc { name, help, kind: Kind::Gauge, labels: &[] }
}

/// What each prober finds of its own. One line each.
const METRICS: &[&[Desc<'static>]] = &[
    ArtifactFacts::METRICS,
    DnsFacts::METRICS,
    GrpcFacts::METRICS,
    HttpFacts::METRICS,
    IcmpFacts::METRICS,
    PostgresFacts::METRICS,
    RedisFacts::METRICS,
    SmtpFacts::METRICS,
    TcpFacts::METRICS,
    UdpFacts::METRICS,
    WebsocketFacts::METRICS,
];

/// All metrics that only some probers have; several may have one in common.
pub(crate) fn metrics() -> impl Iterator<Item = Desc<'static>> {
    METRICS.iter().copied().flatten().copied()
}

impl Facts {
    /// Writes what only this prober finds.
    pub(crate) fn write(&self, outcome: &Outcome, samples: &mut Samples) {
        match self {
            // a journey's names do not begin with probe_: the page has them beside these
            Self::None | Self::Journey(_) => {}
            Self::Artifact(facts) => facts.write(samples),
            Self::Dns(facts) => facts.write(outcome, samples),
            Self::Grpc(facts) => facts.write(outcome, samples),
            Self::Http(facts) => facts.write(outcome, samples),
            Self::Icmp(facts) => facts.write(outcome, samples),
            Self::Postgres(facts) => facts.write(samples),
            Self::Redis(facts) => facts.write(samples),
            Self::Smtp(facts) => facts.write(samples),
            Self::Tcp(facts) => facts.write(outcome, samples),
            Self::Udp(facts) => facts.write(outcome, samples),
            Self::Websocket(facts) => facts.write(outcome, samples),
        }
    }
}
