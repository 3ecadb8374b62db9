//! One connection, seen from the outside: named phases, the certificates that were served, and what they are worth.
//!
//! | module | holds |
//! |---|---|
//! | [`phase`], [`failure`] | the steps of a connection and their times; why one failed, in a word of a closed list |
//! | [`address`], [`guard`], [`dial()`], [`proxy`] | from a host to a TCP connection; which addresses are allowed |
//! | [`starttls`] | from plain text to TLS in twelve protocols |
//! | [`tls`] | a handshake that is watched and refuses no certificate |
//! | [`legacy`] | servers too old for that; which versions a server accepts |
//! | [`cert`] | what a certificate says, and how far its life has gone |
//! | [`chain`] | what a served chain is worth: all paths, one verdict, and the reason in a word of a closed list |
//! | [`judge`] | the same, remembered while it stands |
//! | [`trust`] | whom we trust and who we are, read from files |
//! | [`mod@read`] | certificates in files: PEM, DER, PKCS #7, PKCS #12, JKS, JCEKS |
//! | [`ocsp`], [`crl`] | stapled responses and lists of revoked certificates |
//! | [`observe()`] | all of these in one |

pub mod address;
pub mod cert;
pub mod chain;
pub mod crl;
mod dial;
pub mod failure;
pub mod guard;
pub mod judge;
pub mod legacy;
mod observe;
pub mod ocsp;
pub mod phase;
pub mod proxy;
pub mod read;
pub mod starttls;
pub mod tls;
pub mod trust;

pub use dial::{Dial, Dialed, dial};
pub use observe::{Observation, accepted_versions, observe};
