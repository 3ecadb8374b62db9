//! Label sets: sorted name and value pairs, and their fingerprint.
//!
//! Invariants: names are unique and sorted, so that equal sets are equal values; a label that is not there equals
//! the empty string, as everywhere in Prometheus; the fingerprint is Alertmanager's, bit by bit.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Sorted labels (or annotations) with unique names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(Vec<(String, String)>);

impl Labels {
    /// The value of a label; a label that is not there is empty.
    pub fn value(&self, name: &str) -> &str {
        match self.0.binary_search_by(|(known, _)| known.as_str().cmp(name)) {
            Ok(at) => self.0.get(at).map_or("", |(_, value)| value.as_str()),
            Err(_) => "",
        }
    }

    /// Name and value of every label, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The number of labels.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those labels of `names` that are here, as a grouping of this set.
    #[must_use]
    pub fn only(&self, names: &[String]) -> Self {
        Self(self.0.iter().filter(|(name, _)| names.contains(name)).cloned().collect())
    }

    /// Alertmanager's fingerprint: FNV-1a 64 over name, 0xff, value, 0xff of each label in order.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = Fnv64::default();
        for (name, value) in self.iter() {
            hash.write(name.as_bytes());
            hash.write(&[SEPARATOR]);
            hash.write(value.as_bytes());
            hash.write(&[SEPARATOR]);
        }
        hash.0
    }

    /// The set as one JSON object, the form in which it is stored.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Labels {
    /// Of a name given twice the last value stays, as in Go's JSON decoder.
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut labels: Vec<(String, String)> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        // reversed and stable: the last of equal names comes first and survives
        labels.reverse();
        labels.sort_by(|a, b| a.0.cmp(&b.0));
        labels.dedup_by(|later, first| later.0 == first.0);
        Self(labels)
    }
}

impl fmt::Display for Labels {
    /// `{a="b", c="d"}`, values quoted.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, (name, value)) in self.iter().enumerate() {
            write!(f, "{}{name}={value:?}", if at == 0 { "" } else { ", " })?;
        }
        f.write_str("}")
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Pairs)
    }
}

/// Reads a JSON object of texts; null is the empty set, numbers and booleans are taken as their text.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Labels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_unit<E>(self) -> Result<Labels, E> {
        Ok(Labels::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
        let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or(8));
        while let Some((name, Text(value))) = map.next_entry::<String, Text>()? {
            pairs.push((name, value));
        }
        Ok(pairs.into_iter().collect())
    }
}

/// A JSON scalar as text.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar)
    }
}

struct Scalar;

impl Visitor<'_> for Scalar {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Text, E> {
        Ok(Text(text))
    }

    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text(String::new()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }
}

/// Between name and value in a fingerprint; no UTF-8 text contains it.
const SEPARATOR: u8 = 255;

/// FNV-1a with 64 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fnv64(pub(crate) u64);

impl Default for Fnv64 {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv64 {
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

/// FNV-1a with 128 bits: names groups in the store, where 64 bits would be too few for a unique key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fnv128(pub(crate) u128);

impl Default for Fnv128 {
    fn default() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl Fnv128 {
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().copied().collect()
    }

    #[test]
    fn fingerprints_are_alertmanagers() {
        let instance = |instance| {
            labels(&[
                ("alertname", "InstanceDown"),
                ("code", "200"),
                ("instance", instance),
                ("job", "prometheus"),
                ("monitor", "codelab-monitor"),
                ("severity", "critical"),
            ])
        };
        for (labels, expected) in [
            (labels(&[]), "cbf29ce484222325"),
            (labels(&[("foo", "bar")]), "3fff2c2d7595e046"),
            (labels(&[("alertname", "test")]), "1f56cb8f931d1bd4"),
            (labels(&[("foo🙂", "bar")]), "68477caefa9ff268"),
            (instance("127.0.0.1:9090"), "791cec13fcba0368"),
            (instance("localhost:9090"), "8df98227bdd81384"),
        ] {
            assert_eq!(format!("{:016x}", labels.fingerprint()), expected, "{labels}");
        }
    }

    #[test]
    fn json_is_read_with_patience() {
        for (json, expected) in [
            (r#"{"b":"2","a":"1"}"#, labels(&[("a", "1"), ("b", "2")])),
            (r#"{"a":"1","a":"2"}"#, labels(&[("a", "2")])),
            (
                r#"{"a":1,"b":true,"c":null,"d":1.5}"#,
                labels(&[("a", "1"), ("b", "true"), ("c", ""), ("d", "1.5")]),
            ),
            ("null", labels(&[])),
            (r#"{"a":"\u0000\u202e\n"}"#, labels(&[("a", "\u{0}\u{202e}\n")])),
        ] {
            assert_eq!(serde_json::from_str::<Labels>(json).unwrap(), expected, "{json}");
        }
        assert!(serde_json::from_str::<Labels>(r#"{"a":["x"]}"#).is_err());
    }

    #[test]
    fn stored_form_is_stable() {
        let set = labels(&[("b", "<&>"), ("a", "x\"y")]);
        assert_eq!(set.to_json(), r#"{"a":"x\"y","b":"<&>"}"#);
        assert_eq!(serde_json::from_str::<Labels>(&set.to_json()).unwrap(), set);
        assert_eq!(set.value("a"), "x\"y");
        assert_eq!(set.value("missing"), "");
        assert_eq!(set.only(&["b".to_owned(), "zz".to_owned()]), labels(&[("b", "<&>")]));
        assert_eq!(set.to_string(), r#"{a="x\"y", b="<&>"}"#);
    }
}
