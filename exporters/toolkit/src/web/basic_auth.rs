//! `basic_auth_users`: who may come in with a password.
//!
//! Invariants:
//! - The time of an answer must not tell whether a user exists: an unknown one costs a bcrypt as well.
//! - A password or a hash must never be printed, and a verified password is remembered only as a keyed hash.
//! - bcrypt runs once at a time: it is CPU for the asking, and the program has other work.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use axum::http::HeaderValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bcrypt::HashParts;
use secrecy::zeroize::Zeroizing;
use tokio::sync::Semaphore;

use crate::config::Item;

/// The users of one reading of the web config file, with the logins that were verified since.
pub(super) struct Users {
    known: Vec<User>,
    /// Compared with the password of an unknown user; as dear as the dearest of the real ones.
    decoy: Zeroizing<String>,
    verified: Mutex<HashSet<Tag>>,
    /// Without randomness there is no key, and nothing is remembered.
    key: Option<hmac::Key>,
}

/// One user and the bcrypt hash of the password.
pub(super) struct User {
    name: String,
    /// That of nothing for a user whose password is known as it is: such a login counts as verified from the start.
    hash: Zeroizing<String>,
    cost: u32,
}

/// What a password is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Admitted,
    Refused,
    /// Too many others are waiting for a bcrypt.
    Busy,
}

/// The one place where bcrypt runs, and the queue before it. Shared by all readings of the file.
pub(super) struct Turn {
    queue: Semaphore,
    place: Arc<Semaphore>,
}

impl Users {
    pub(super) fn new(users: Vec<User>) -> Self {
        let cost = users.iter().map(|user| user.cost).max().unwrap_or(bcrypt::DEFAULT_COST);
        let decoy = hash_of_nothing(cost);
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok();
        Self { known: users, decoy, verified: Mutex::default(), key }
    }

    /// One user whose password is known as it is. It needs no slow hash, for it lies beside it in memory.
    pub(super) fn with_password(name: &str, password: &str) -> Result<Self, &'static str> {
        let cost = CHEAPEST;
        let user = User { name: checked_name(name)?, hash: hash_of_nothing(cost), cost };
        let users = Self::new(vec![user]);
        users.remember(users.tag(name, password.as_bytes()));
        Ok(users)
    }

    /// One user and the bcrypt hash of the password.
    pub(super) fn with_hash(name: &str, hash: &str) -> Result<User, &'static str> {
        let (name, hash) = (checked_name(name)?, Zeroizing::new(hash.to_owned()));
        let cost = hash.parse::<HashParts>().map_err(|_| NO_HASH)?.get_cost();
        if bcrypt_readable(&hash) { Ok(User { name, hash, cost }) } else { Err(NO_HASH) }
    }

    /// One entry of `basic_auth_users`.
    pub(super) fn decode_one(name: &str, item: &Item<'_>) -> Option<User> {
        let hash = Zeroizing::new(item.string()?);
        Self::with_hash(name, &hash).map_err(|problem| item.problem(problem)).ok()
    }

    /// Checks an `Authorization` header.
    pub(super) async fn check(self: &Arc<Self>, header: Option<&HeaderValue>, turn: &Turn) -> Verdict {
        let Some((name, password)) = header.and_then(credentials) else {
            return Verdict::Refused;
        };
        let user = self.known.iter().find(|user| user.name == *name);
        let tag = self.tag(&name, &password);
        if user.is_some() && self.is_verified(tag) {
            return Verdict::Admitted;
        }
        let Ok(_waiting) = turn.queue.try_acquire() else {
            return Verdict::Busy;
        };
        let Ok(place) = Arc::clone(&turn.place).acquire_owned().await else {
            return Verdict::Busy;
        };
        // The same login often comes several times at once: the first one has paid for all.
        if user.is_some() && self.is_verified(tag) {
            return Verdict::Admitted;
        }
        let hash = user.map_or(&self.decoy, |user| &user.hash).clone();
        let compared = tokio::task::spawn_blocking(move || {
            // The place is given back when the work ends, not when the client goes away.
            let _place = place;
            bcrypt::verify(password.as_slice(), &hash).unwrap_or(false)
        });
        let equal = compared.await.unwrap_or(false);
        if user.is_none() || !equal {
            return Verdict::Refused;
        }
        self.remember(tag);
        Verdict::Admitted
    }

    /// A keyed hash of a login: what is remembered cannot be turned back, and comparing it tells nothing by its time.
    fn tag(&self, name: &str, password: &[u8]) -> Option<Tag> {
        let mut context = hmac::Context::with_key(self.key.as_ref()?);
        context.update(&u64::try_from(name.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(name.as_bytes());
        context.update(password);
        context.sign().as_ref().try_into().ok()
    }

    fn is_verified(&self, tag: Option<Tag>) -> bool {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        tag.is_some_and(|tag| verified.contains(&tag))
    }

    fn remember(&self, tag: Option<Tag>) {
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= MAX_VERIFIED {
            verified.clear();
        }
        verified.extend(tag);
    }
}

impl Default for Turn {
    fn default() -> Self {
        Self { queue: Semaphore::new(MAX_WAITING), place: Arc::new(Semaphore::new(1)) }
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Users").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

/// Name and password of `Basic base64(name:password)`.
fn credentials(header: &HeaderValue) -> Option<(Zeroizing<String>, Zeroizing<Vec<u8>>)> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (name, password) = decoded.split_at_checked(colon)?;
    let name = std::str::from_utf8(name).ok()?.to_owned();
    Some((Zeroizing::new(name), Zeroizing::new(password.get(1..)?.to_vec())))
}

/// A name that can come in an `Authorization` header.
fn checked_name(name: &str) -> Result<String, &'static str> {
    if name.contains(':') {
        return Err("a user name cannot contain `:`, it ends the name in HTTP basic authentication");
    }
    Ok(name.to_owned())
}

/// What no password has as its hash, and costs as much to compare with as a real one.
fn hash_of_nothing(cost: u32) -> Zeroizing<String> {
    Zeroizing::new(format!("$2b${cost:02}${:.<53}", ""))
}

/// Whether bcrypt can compare with it: its parser looks at the shape only.
fn bcrypt_readable(hash: &str) -> bool {
    let digits = hash.rsplit('$').next().unwrap_or_default();
    digits.len() == HASH_DIGITS
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./".contains(&byte))
}

/// It stands where a plain password stands, so it must not repeat the value.
const NO_HASH: &str =
    "the password must be a bcrypt hash (hint: make one with: htpasswd -nBC 10 \"\" | tr -d ':\\n')";

/// bcrypt's lowest cost.
const CHEAPEST: u32 = 4;

/// Characters of salt and digest after the last `$`.
const HASH_DIGITS: usize = 53;

/// An HMAC-SHA-256.
type Tag = [u8; 32];

/// Remembered logins; there are as many as users, and a few spellings beyond bcrypt's 72 bytes.
const MAX_VERIFIED: usize = 256;

/// Logins that wait for their bcrypt: at some 60 ms each, the last one still answers within a scrape timeout.
const MAX_WAITING: usize = 64;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::http::HeaderValue;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::{MAX_WAITING, Turn, User, Users, Verdict, credentials};

    fn users() -> Arc<Users> {
        let hash = bcrypt::hash("open sesame", 4).unwrap().into();
        Arc::new(Users::new(vec![User { name: "ali".to_owned(), hash, cost: 4 }]))
    }

    fn login(text: &str) -> HeaderValue {
        HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(text))).unwrap()
    }

    #[test]
    fn credentials_are_split_at_the_first_colon() {
        let check = |header: &str, expected: Option<(&str, &str)>| {
            let header = HeaderValue::from_str(header).unwrap();
            let found = credentials(&header);
            let found =
                found.as_ref().map(|(name, password)| (name.as_str(), str::from_utf8(password).unwrap()));
            assert_eq!(found, expected, "{header:?}");
        };
        check("Basic YTpiOmM=", Some(("a", "b:c")));
        check("bAsIc YTpiOmM=", Some(("a", "b:c")));
        check("Basic Og==", Some(("", "")));
        check("Basic YWJj", None);
        check("Basic YTpiOmM", None);
        check("Bearer YTpiOmM=", None);
        check("Basic", None);
        check("", None);
    }

    #[tokio::test]
    async fn a_verified_login_costs_one_bcrypt() {
        let (users, turn) = (users(), Turn::default());
        let check = async |text: &str, expected: Verdict| {
            assert_eq!(users.check(Some(&login(text)), &turn).await, expected, "{text}");
        };
        check("ali:open sesame", Verdict::Admitted).await;
        // From here on no bcrypt can run: only what is remembered comes in.
        let _taken = turn.queue.try_acquire_many(u32::try_from(MAX_WAITING).unwrap()).unwrap();
        check("ali:open sesame", Verdict::Admitted).await;
        check("ali:open sesame!", Verdict::Busy).await;
        check("baba:open sesame", Verdict::Busy).await;
        assert_eq!(users.check(None, &turn).await, Verdict::Refused);
    }

    #[tokio::test]
    async fn a_password_known_as_it_is_needs_no_hash() {
        let (long, cut) = ("x".repeat(100), "x".repeat(72));
        let (users, turn) = (Arc::new(Users::with_password("ali", &long).unwrap()), Turn::default());
        for (text, expected) in [
            (format!("ali:{long}"), Verdict::Admitted),
            // bcrypt looks at the first 72 bytes only; this must not
            (format!("ali:{cut}"), Verdict::Refused),
            ("ali:".to_owned(), Verdict::Refused),
            (format!("baba:{long}"), Verdict::Refused),
        ] {
            assert_eq!(users.check(Some(&login(&text)), &turn).await, expected, "{text}");
        }
        assert!(Users::with_password("a:b", "x").is_err());
    }

    #[tokio::test]
    async fn wrong_logins_are_not_remembered() {
        let (users, turn) = (users(), Turn::default());
        for text in ["ali:wrong", "nobody:open sesame", "nobody:", "ali:"] {
            assert_eq!(users.check(Some(&login(text)), &turn).await, Verdict::Refused, "{text}");
        }
        assert!(users.verified.lock().unwrap().is_empty());
    }

    #[test]
    fn the_decoy_costs_as_much_as_the_dearest_user() {
        let user = |cost| User { name: String::new(), hash: String::new().into(), cost };
        let users = Users::new(vec![user(4), user(6), user(5)]);
        assert!(users.decoy.starts_with("$2b$06$"));
        assert_eq!(bcrypt::verify("", &users.decoy).ok(), Some(false));
    }

    #[test]
    fn nothing_is_printed() {
        assert_eq!(format!("{:?}", users()), "Users { known: 1, .. }");
    }
}
