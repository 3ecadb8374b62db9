//! The two messages of `grpc.health.v1`, and the frames they travel in. Each has one field, so that this is all of
//! Protocol Buffers that is needed.

/// Bytes before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// What a service says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServingStatus {
    /// It has not made up its mind.
    Unknown,
    /// It serves.
    Serving,
    /// It does not.
    NotServing,
    /// There is no such service (only where changes are watched).
    ServiceUnknown,
}

impl ServingStatus {
    /// All of them, each at its number.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Serving, Self::NotServing, Self::ServiceUnknown];

    /// Its name in the protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Serving => "SERVING",
            Self::NotServing => "NOT_SERVING",
            Self::ServiceUnknown => "SERVICE_UNKNOWN",
        }
    }
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// The request for the health of a service, framed; the empty name stands for the whole server.
pub(super) fn request(service: &str) -> Vec<u8> {
    let mut message = Vec::with_capacity(service.len() + 8);
    if !service.is_empty() {
        // field 1, of the kind that has a length
        message.push(1 << 3 | 2);
        push_varint(&mut message, service.len());
        message.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut framed = Vec::with_capacity(PREFIX + message.len());
    framed.push(0);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(&message);
    framed
}

/// What a framed answer says; `None` of a status that the protocol does not know.
pub(super) fn response(framed: &[u8]) -> Result<Option<ServingStatus>, Malformed> {
    let Some((prefix, message)) = framed.split_at_checked(PREFIX) else {
        return Err(Malformed("no message came"));
    };
    let &[compressed, a, b, c, d] = prefix else { return Err(Malformed("no message came")) };
    if compressed != 0 {
        return Err(Malformed("the message is compressed, which nobody asked for"));
    }
    if usize::try_from(u32::from_be_bytes([a, b, c, d])) != Ok(message.len()) {
        return Err(Malformed("there is not exactly one message"));
    }
    let status = status(message)?;
    Ok(usize::try_from(status).ok().and_then(|status| ServingStatus::ALL.get(status)).copied())
}

/// Field 1 of a message, a number. What else a later version may have is stepped over; the last one counts.
fn status(mut message: &[u8]) -> Result<u64, Malformed> {
    let mut status = 0;
    while !message.is_empty() {
        let key = varint(&mut message)?;
        let skipped = match key & 7 {
            0 => {
                let value = varint(&mut message)?;
                if key >> 3 == 1 {
                    // an enumeration is a number of 32 bits
                    status = value & u64::from(u32::MAX);
                }
                0
            }
            1 => 8,
            2 => usize::try_from(varint(&mut message)?).map_err(|_| CUT)?,
            5 => 4,
            _ => return Err(Malformed("the message has a field of an unknown kind")),
        };
        message = message.get(skipped..).ok_or(CUT)?;
    }
    Ok(status)
}

const CUT: Malformed = Malformed("the message ends too early");

/// A number of seven bits a byte, the lowest first.
fn varint(message: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first().ok_or(CUT)?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Malformed("a number of the message is too long"))
}

fn push_varint(message: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        message.push(if value > 0 { low | 0x80 } else { low });
        if value == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        assert_eq!(request(""), [0, 0, 0, 0, 0]);
        assert_eq!(request("ab"), [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        let long = request(&"x".repeat(300));
        assert_eq!(long[..8], [0, 0, 0, 1, 47, 0x0a, 0xac, 2]);
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[0], length.as_slice(), message].concat()
    }

    #[test]
    fn responses() {
        for (message, expected) in [
            (&[][..], Some(ServingStatus::Unknown)),
            (&[8, 1], Some(ServingStatus::Serving)),
            (&[8, 2], Some(ServingStatus::NotServing)),
            (&[8, 3], Some(ServingStatus::ServiceUnknown)),
            (&[8, 4], None),
            (&[8, 2, 8, 1], Some(ServingStatus::Serving)),
            (&[8, 0x81, 0], Some(ServingStatus::Serving)),
            // minus one, of ten bytes
            (&[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], None),
            // other fields of every kind, also one whose number is above 15
            (
                &[0x12, 2, 9, 9, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x25, 1, 2, 3, 4, 0x80, 1, 7, 8, 1],
                Some(ServingStatus::Serving),
            ),
        ] {
            assert_eq!(response(&framed(message)), Ok(expected), "{message:?}");
        }
        for bad in [
            &[][..],
            &[0, 0, 0],
            &[1, 0, 0, 0, 0],
            &[0, 0, 0, 0, 1],
            &[0, 0, 0, 0, 2, 8, 1, 0, 0, 0, 0, 0],
            &framed(&[8]),
            &framed(&[0x0a, 5, 1]),
            &framed(&[0x0b]),
            &framed(&[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
        ] {
            assert!(response(bad).is_err(), "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_can_be_read(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..40)) {
            let _read = (response(&bytes), response(&framed(&bytes)));
        }
    }
}
