//! One connection, seen from the outside: named phases, the certificates that were served, and what they are worth.
//!
//! | module | holds |
//! |---|---|
//! | [`phase`], [`failure`] | the steps of a connection and their times; why one failed, in a word of a closed list |
//! | [`address`], [`dial()`], [`proxy`] | from a host to a TCP connection |
//! | [`tls`] | a handshake that is watched and refuses no certificate |

pub mod address;
mod dial;
pub mod failure;
pub mod phase;
pub mod proxy;
pub mod tls;

pub use dial::{Dial, Dialed, dial};
