//! PKCS #7: the certificates beside a signed message, which is empty in files of certificates.

use crate::cert::der::{Malformed, Reader, tag};

use super::{Contents, ber};

/// `signedData`.
const SIGNED: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];

pub(super) fn certificates(bytes: &[u8], contents: &mut Contents) -> Result<(), Malformed> {
    let der = ber::to_der(bytes)?;
    let mut outer = Reader::new(&der).sequence()?;
    if outer.oid()? != SIGNED {
        return Err(Malformed);
    }
    let mut signed = outer.element(tag::context(0))?.inside().sequence()?;
    signed.element(tag::INTEGER)?;
    signed.element(tag::SET)?;
    signed.element(tag::SEQUENCE)?;
    let Some(list) = signed.optional(tag::context(0))? else { return Ok(()) };
    let mut list = list.inside();
    while !list.is_empty() {
        let element = list.any()?;
        // the other choices are attribute certificates and forms that nobody uses
        if element.tag == tag::SEQUENCE {
            contents.push(element.whole, None);
        }
    }
    Ok(())
}
