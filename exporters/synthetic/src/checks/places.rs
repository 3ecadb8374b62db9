//! How many checks run at the same time, in all and against one host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

/// Who may run. A check waits for its host first, so that a host that is slow holds up its own checks and no others.
pub(super) struct Places {
    known: Mutex<Known>,
}

struct Known {
    all: (usize, Arc<Semaphore>),
    most_per_host: usize,
    hosts: HashMap<Box<str>, Arc<Semaphore>>,
}

/// The places of one check.
#[derive(Clone, Debug)]
pub(super) struct Share {
    pub(super) all: Arc<Semaphore>,
    /// Nothing for what has no host.
    pub(super) host: Option<Arc<Semaphore>>,
}

impl Places {
    pub(super) fn new() -> Self {
        let all = (0, Arc::new(Semaphore::new(0)));
        Self { known: Mutex::new(Known { all, most_per_host: 0, hosts: HashMap::new() }) }
    }

    /// The places for checks of these targets. Where the numbers are the same as before, what runs goes on to count.
    pub(super) fn share<'a>(
        &self,
        most: usize,
        most_per_host: usize,
        targets: impl Iterator<Item = &'a str>,
    ) -> Vec<Share> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.all.0 != most {
            known.all = (most, Arc::new(Semaphore::new(most)));
        }
        let mut old = std::mem::take(&mut known.hosts);
        if known.most_per_host != most_per_host {
            old.clear();
            known.most_per_host = most_per_host;
        }
        let all = Arc::clone(&known.all.1);
        let hosts = &mut known.hosts;
        targets
            .map(|target| {
                let name = host(target);
                let host = (!name.is_empty()).then(|| {
                    if let Some(places) = hosts.get(name) {
                        return Arc::clone(places);
                    }
                    let kept = old.remove(name);
                    let places = kept.unwrap_or_else(|| Arc::new(Semaphore::new(most_per_host)));
                    hosts.insert(name.into(), Arc::clone(&places));
                    places
                });
                Share { all: Arc::clone(&all), host }
            })
            .collect()
    }
}

/// The host of a target, with its port where it has one: what stands before the path of a URL. A path of this machine has
/// none.
fn host(target: &str) -> &str {
    let rest = target.split_once("://").map_or(target, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_targets() {
        for (target, expected) in [
            ("https://shop.example/a?b", "shop.example"),
            ("http://10.0.0.1:8080", "10.0.0.1:8080"),
            ("db:5432", "db:5432"),
            ("[::1]:5432", "[::1]:5432"),
            ("s3://backups/db/", "backups"),
            ("/var/backups/*.gz", ""),
            ("shop.example", "shop.example"),
        ] {
            assert_eq!(host(target), expected, "{target}");
        }
    }

    #[test]
    fn checks_of_one_host_share_its_places_and_keep_them_over_a_reload() {
        let places = Places::new();
        let first = places.share(10, 2, ["http://a/x", "http://a/y", "http://b/", "/c"].into_iter());
        let hosts: Vec<_> = first.iter().map(|share| share.host.clone()).collect();
        assert!(Arc::ptr_eq(hosts[0].as_ref().unwrap(), hosts[1].as_ref().unwrap()));
        assert!(!Arc::ptr_eq(hosts[0].as_ref().unwrap(), hosts[2].as_ref().unwrap()));
        assert!(hosts[3].is_none());
        let again = places.share(10, 2, ["http://a/z"].into_iter());
        assert!(Arc::ptr_eq(again[0].host.as_ref().unwrap(), hosts[0].as_ref().unwrap()));
        assert!(Arc::ptr_eq(&again[0].all, &first[0].all));
        let other = places.share(11, 3, ["http://a/z"].into_iter());
        assert!(!Arc::ptr_eq(other[0].host.as_ref().unwrap(), hosts[0].as_ref().unwrap()));
        assert_eq!(
            (other[0].all.available_permits(), other[0].host.as_ref().unwrap().available_permits()),
            (11, 3)
        );
    }
}
