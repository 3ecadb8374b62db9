//! Frames of RFC 6455, as a client reads and writes them.

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    /// The next part of a message.
    Continuation,
    /// A message of text, or its first part.
    Text,
    /// A message of bytes, or its first part.
    Binary,
    /// The end.
    Close,
    /// A question whether anybody is there.
    Ping,
    /// The answer to that.
    Pong,
}

/// What stands before a frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Whether it is the last part of its message.
    pub(super) is_last: bool,
    pub(super) opcode: Opcode,
    /// Bytes of the payload.
    pub(super) payload: u64,
    /// Bytes of the head itself.
    pub(super) size: usize,
}

/// What a server may not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// Bytes of the longest head that a server sends.
pub(super) const MAX_HEAD: usize = 10;

/// Bytes of the longest payload of a frame that is no message.
const MAX_CONTROL: u64 = 125;

impl Head {
    /// Reads the head at the start of these bytes; `None` while it is not whole.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(Malformed("a frame uses an extension that nobody agreed on"));
        }
        if second & 0x80 != 0 {
            return Err(Malformed("a frame is masked, which servers' are not"));
        }
        let opcode = match first & 0x0f {
            0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 => Opcode::Close,
            9 => Opcode::Ping,
            10 => Opcode::Pong,
            _ => return Err(Malformed("a frame is of an unknown kind")),
        };
        let (payload, size) = match second {
            126 => match rest.first_chunk() {
                Some(length) => (u64::from(u16::from_be_bytes(*length)), 4),
                None => return Ok(None),
            },
            127 => match rest.first_chunk() {
                Some(length) => (u64::from_be_bytes(*length), MAX_HEAD),
                None => return Ok(None),
            },
            short => (u64::from(short), 2),
        };
        let is_last = first & 0x80 != 0;
        let is_control = matches!(opcode, Opcode::Close | Opcode::Ping | Opcode::Pong);
        if is_control && (!is_last || payload > MAX_CONTROL) {
            return Err(Malformed("a frame of the protocol itself is too long, or in parts"));
        }
        Ok(Some(Self { is_last, opcode, payload, size }))
    }
}

/// A whole frame of ours, masked as a client's must be.
pub(super) fn write(opcode: Opcode, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let code = match opcode {
        Opcode::Continuation => 0,
        Opcode::Text => 1,
        Opcode::Binary => 2,
        Opcode::Close => 8,
        Opcode::Ping => 9,
        Opcode::Pong => 10,
    };
    let mut frame = Vec::with_capacity(payload.len() + MAX_HEAD + mask.len());
    frame.push(0x80 | code);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ 0..=125), _) => frame.push(0x80 | short),
        (_, Ok(length)) => {
            frame.push(0x80 | 0x7e);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 0x7f);
            frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        use Opcode::{Binary, Close, Continuation, Ping, Pong, Text};
        for (bytes, is_last, opcode, payload, size) in [
            (&[0x81, 5][..], true, Text, 5, 2),
            (&[0x02, 125, 9, 9], false, Binary, 125, 2),
            (&[0x80, 126, 1, 0], true, Continuation, 256, 4),
            (&[0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0], true, Text, 1 << 32, 10),
            (&[0x88, 2], true, Close, 2, 2),
            (&[0x89, 0], true, Ping, 0, 2),
            (&[0x8a, 0], true, Pong, 0, 2),
        ] {
            assert_eq!(Head::read(bytes), Ok(Some(Head { is_last, opcode, payload, size })), "{bytes:?}");
        }
        for short in [&[][..], &[0x81], &[0x81, 126, 1], &[0x81, 127, 0, 0, 0, 0, 0, 0, 0]] {
            assert_eq!(Head::read(short), Ok(None), "{short:?}");
        }
        for bad in [[0xc1, 0], [0x81, 0x85], [0x83, 0], [0x8b, 0], [0x09, 0], [0x89, 126]] {
            let bytes = [&bad[..], &[1, 0]].concat();
            assert!(Head::read(&bytes).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn frames_as_the_standard_shows_them() {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(write(Opcode::Text, b"Hello", mask), hello);
        assert_eq!(write(Opcode::Close, &[3, 232], [0; 4]), [0x88, 0x82, 0, 0, 0, 0, 3, 232]);
        for (length, head) in [(125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let frame = write(Opcode::Text, &vec![0; length], mask);
            assert_eq!(frame.len(), head + 4 + length);
            let unmasked: Vec<u8> = std::iter::once(frame[0])
                .chain([frame[1] & 0x7f])
                .chain(frame[2..].iter().copied())
                .collect();
            let read = Head::read(&unmasked).unwrap().unwrap();
            assert_eq!((read.payload, read.size), (length as u64, head));
        }
    }
}
