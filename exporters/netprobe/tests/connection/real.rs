//! Real servers whose protocol goes on in TLS.

use kit::postfix::Postfix;
use kit::postgres::Postgres;
use netprobe::failure::Reason;
use netprobe::starttls::Protocol;
use netprobe::tls::{Proof, Version};
use netprobe::{Dial, accepted_versions, observe};

use crate::support::{options, soon};

#[tokio::test]
async fn postgres_with_tls_and_without() {
    let with = Postgres::builder().tls().start().await.unwrap();
    let way = Dial::new("127.0.0.1", with.port());
    let observation = observe(&way, Some(Protocol::Postgres), &options(), soon()).await;
    assert!(observation.failure.is_none(), "{:?}", observation.failure);
    assert_eq!(observation.seen.version, Some(Version::Tls13));
    assert_eq!(observation.seen.proof, Proof::Given);
    assert!(!observation.seen.chain.is_empty());
    let accepted = accepted_versions(&way, Some(Protocol::Postgres), None, soon()).await.unwrap();
    let accepted: Vec<_> = accepted.into_iter().filter(|(_, yes)| *yes).map(|(version, _)| version).collect();
    assert_eq!(accepted, [Version::Tls12, Version::Tls13]);

    let without = Postgres::start().await.unwrap();
    let way = Dial::new("127.0.0.1", without.port());
    let observation = observe(&way, Some(Protocol::Postgres), &options(), soon()).await;
    assert_eq!(observation.failure.unwrap().reason, Reason::StartTlsNotOffered);
}

#[tokio::test]
async fn postfix() {
    let postfix = Postfix::start().await.unwrap();
    let way = Dial::new("127.0.0.1", postfix.address().port());
    let observation = observe(&way, Some(Protocol::Smtp), &options(), soon()).await;
    assert!(observation.failure.is_none(), "{:?}", observation.failure);
    assert!(!observation.seen.chain.is_empty());
}
