//! `postgresql://user:password@host:port,host:port/database?key=value`.

use toolkit::config::percent_decode;

use super::{Dsn, DsnError};

/// Reads what follows the scheme.
pub(super) fn parse(text: &str) -> Result<Dsn, DsnError> {
    let mut dsn = Dsn::default();
    let (userinfo, rest) = split_userinfo(text);
    if let Some(userinfo) = userinfo {
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        dsn.set("user", &percent_decode(user));
        dsn.set("password", &percent_decode(password));
    }
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    hosts(authority, &mut dsn)?;
    dsn.set("dbname", &percent_decode(database));
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(DsnError::NoValue("a key of the URL's query"));
        };
        let (key, value) = (percent_decode(key), percent_decode(value));
        let known = key == "password" && dsn.password.is_some() || key == "user" && dsn.get("user").is_some();
        match key.as_str() {
            // what stands before the host wins, as in postgres_exporter
            "user" | "password" if known => {}
            // JDBC's spelling, which libpq takes too
            "ssl" if value == "true" => dsn.set("sslmode", "require"),
            _ => dsn.set(&key, &value),
        }
    }
    Ok(dsn)
}

/// User and password end at the last `@` before the database. Where there is none but one follows, somebody wrote a
/// password with `/` in it: taking it for a host and a database would show it to everyone.
fn split_userinfo(text: &str) -> (Option<&str>, &str) {
    let authority_end = text.find(['/', '?']).unwrap_or(text.len());
    let (authority, _) = text.split_at(authority_end);
    let before_query = text.split_once('?').map_or(text, |(before, _)| before);
    let at = authority.rfind('@').or_else(|| before_query.rfind('@')).or_else(|| {
        let (_, tail) = text.split_at(before_query.len());
        // `user:a?b@host/db`: what stands before the `?` is no host
        let host = authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_err() && !port.is_empty());
        tail.rfind('@').filter(|_| host && !authority.contains('[')).map(|at| before_query.len() + at)
    });
    match at {
        Some(at) => {
            let (userinfo, rest) = text.split_at(at);
            (Some(userinfo), rest.strip_prefix('@').unwrap_or(rest))
        }
        None => (None, text),
    }
}

fn hosts(authority: &str, dsn: &mut Dsn) -> Result<(), DsnError> {
    let mut names = Vec::new();
    let mut ports = Vec::new();
    for part in authority.split(',') {
        let (name, port) = match part.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or(DsnError::Bracket)?,
            // more than one colon without brackets is an IPv6 address without a port
            None if part.matches(':').count() > 1 => (part, ""),
            None => part.find(':').map_or((part, ""), |colon| part.split_at(colon)),
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port,
            None if port.is_empty() => "",
            None => return Err(DsnError::Port),
        };
        if !port.is_empty() && !port.parse::<u16>().is_ok_and(|port| port != 0) {
            return Err(DsnError::Port);
        }
        names.push(percent_decode(name));
        ports.push(port.to_owned());
    }
    dsn.set("host", &names.join(","));
    if ports.iter().any(|port| !port.is_empty()) {
        dsn.set("port", &ports.join(","));
    }
    Ok(())
}
