//! The extensions of a certificate. One that is malformed costs itself; if it is critical, it is on the list of those
//! for which the certificate has to be refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension, X509Extension};

use super::Certificate;

/// Addresses for revocation and issuers that are kept of each kind; an honest certificate has three.
const MAX_URLS: usize = 16;

/// What a certificate says of signing others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    /// It may sign certificates.
    pub ca: bool,
    /// How many more authorities may stand between it and the leaf.
    pub path_len: Option<u32>,
}

/// What a certificate is for. None of them may be set: then it is for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedKeyUsage {
    /// For everything.
    pub any: bool,
    /// For TLS servers.
    pub server: bool,
    /// For TLS clients.
    pub client: bool,
    /// For signing OCSP responses of its issuer.
    pub ocsp_signing: bool,
}

/// Policies, which nobody restricts here, may be critical.
const POLICIES: [&str; 4] = ["2.5.29.32", "2.5.29.33", "2.5.29.36", "2.5.29.54"];

/// `status_request`, the TLS extension that `must staple` names.
const TLS_FEATURE: &str = "1.3.6.1.5.5.7.1.24";

const OCSP: &str = "1.3.6.1.5.5.7.48.1";
const CA_ISSUERS: &str = "1.3.6.1.5.5.7.48.2";

impl Certificate {
    pub(super) fn extend(&mut self, extensions: &[X509Extension<'_>]) {
        for extension in extensions {
            let oid = extension.oid.to_id_string();
            let known = self.take(&oid, extension);
            if extension.critical && !known {
                self.unknown_critical.push(oid);
            }
        }
    }

    /// Takes what an extension says; whether it was understood.
    fn take(&mut self, oid: &str, extension: &X509Extension<'_>) -> bool {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(san) => self.take_names(&san.general_names),
            ParsedExtension::BasicConstraints(constraints) => {
                self.basic_constraints =
                    Some(BasicConstraints { ca: constraints.ca, path_len: constraints.path_len_constraint });
                true
            }
            ParsedExtension::KeyUsage(usage) => {
                self.key_usage = Some(usage.flags);
                true
            }
            ParsedExtension::ExtendedKeyUsage(usage) => {
                self.extended_key_usage = Some(ExtendedKeyUsage {
                    any: usage.any,
                    server: usage.server_auth,
                    client: usage.client_auth,
                    ocsp_signing: usage.ocsp_signing,
                });
                true
            }
            ParsedExtension::SubjectKeyIdentifier(id) => {
                self.subject_key_id = Some(id.0.to_vec());
                true
            }
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                self.authority_key_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
                true
            }
            ParsedExtension::CRLDistributionPoints(points) => {
                for point in points.iter() {
                    if let Some(DistributionPointName::FullName(names)) = &point.distribution_point {
                        for name in names {
                            keep_url(&mut self.crl_urls, name);
                        }
                    }
                }
                true
            }
            ParsedExtension::AuthorityInfoAccess(access) => {
                for description in access.iter() {
                    match description.access_method.to_id_string().as_str() {
                        OCSP => keep_url(&mut self.ocsp_urls, &description.access_location),
                        CA_ISSUERS => keep_url(&mut self.issuer_urls, &description.access_location),
                        _ => {}
                    }
                }
                true
            }
            ParsedExtension::NameConstraints(_) => {
                self.has_name_constraints = true;
                true
            }
            ParsedExtension::SCT(list) => {
                self.scts = list.len();
                true
            }
            _ if oid == TLS_FEATURE => {
                // SEQUENCE of INTEGER: 5 is status_request
                self.must_staple = extension.value.windows(3).any(|window| window == [2, 1, 5]);
                false
            }
            _ => POLICIES.contains(&oid),
        }
    }

    /// Whether there was a name of a kind that is understood: a critical list without one must be refused.
    fn take_names(&mut self, names: &[GeneralName<'_>]) -> bool {
        for name in names {
            match name {
                GeneralName::DNSName(name) => self.dns_names.push((*name).to_owned()),
                GeneralName::RFC822Name(name) => self.emails.push((*name).to_owned()),
                GeneralName::URI(name) => self.uris.push((*name).to_owned()),
                GeneralName::IPAddress(bytes) => self.ips.extend(ip(bytes)),
                _ => {}
            }
        }
        !(self.dns_names.is_empty() && self.emails.is_empty() && self.uris.is_empty() && self.ips.is_empty())
    }
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).into());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).into())).ok()
}

fn keep_url(urls: &mut Vec<String>, name: &GeneralName<'_>) {
    if let GeneralName::URI(url) = name
        && urls.len() < MAX_URLS
    {
        urls.push((*url).to_owned());
    }
}
