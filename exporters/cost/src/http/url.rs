//! Addresses of providers: where they begin, and texts inside them.

use std::fmt;

use reqwest::Url;

/// Where a provider's API begins: `https://api.example.com/v1`, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Parses an address; it holds no user, query or fragment, since it is shown in logs.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected an address such as https://api.example.com/v1";
        let url = Url::parse(text.trim()).map_err(|_invalid| EXPECTED)?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(EXPECTED);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("an address holds no user or password: it is shown in logs");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("an address ends with its path, before any `?` or `#`");
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }

    /// The address of a path, which begins with `/`.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Its host, and the port where it is not the usual one.
    pub fn authority(&self) -> &str {
        let rest = self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default()
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A text inside a path or a query: all but letters, digits and `-._~` encoded, as AWS' signatures want it too.
pub fn encode(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().map_or('0', char::from);
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let base = BaseUrl::parse("https://api.example.com:8443/v1/").unwrap();
        assert_eq!(base.at("/costs?limit=1"), "https://api.example.com:8443/v1/costs?limit=1");
        assert_eq!(base.authority(), "api.example.com:8443");
        assert_eq!(BaseUrl::parse("http://127.0.0.1:1").unwrap().at(""), "http://127.0.0.1:1");
        for wrong in
            ["", "api.example.com", "ftp://a", "https://", "https://u:p@a", "https://a?b=c", "https://a#b"]
        {
            assert!(BaseUrl::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn texts_inside_addresses() {
        assert_eq!(encode("a b/c=é&~-._"), "a%20b%2Fc%3D%C3%A9%26~-._");
    }
}
