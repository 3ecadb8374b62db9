//! What a record holds, as text: for each type its fields, in the order in which they come and are shown.
//!
//! The text is that of the Go library behind blackbox_exporter, since people's regular expressions match it. As there, a
//! record that ends early has zeros for what is missing, and one that is longer than its fields is malformed.

use super::codes::{ALGORITHMS, CERTIFICATES, name_in, type_text};
use super::message::{MAX_TEXT, TOO_LONG};
use super::odd;
use super::reader::{Malformed, Reader, escaped};
use super::svcb;

/// A field of a record. Numbers in brackets name a register, in which a length or a kind is kept for a later field.
#[derive(Clone, Copy)]
enum Field {
    U8,
    U16,
    U32,
    /// The same, kept too.
    Kept8(usize),
    /// A length that is not shown.
    Hidden8(usize),
    Hidden16(usize),
    /// A length that is shown as well.
    Shown16(usize),
    /// A date of 32 bits, or of 48.
    Time,
    Time48,
    /// Four groups of four hexadecimal digits.
    Node,
    NodeUpper,
    /// Bytes in hexadecimal digits with `-` between.
    Eui(usize),
    /// A number that has a name.
    TypeName,
    CertificateKind,
    Algorithm,
    V4,
    V6,
    Name,
    /// Names up to the end.
    Names,
    /// A text with its length, without quotes, or in them.
    Bare,
    Quoted,
    /// Texts up to the end.
    Texts,
    /// One text up to the end.
    Octets,
    /// Bytes up to the end.
    Hex,
    HexUpper,
    HexInPieces,
    Base64,
    Raw,
    /// Bytes, as many as the register says.
    HexOf(usize),
    HexUpperOf(usize),
    SaltOf(usize),
    Base32Of(usize),
    Base64Of(usize),
    /// A set of types.
    Bitmap,
    /// Whether a relay is to be looked for, and the kind of the gateway after it.
    Relay(usize),
    /// A gateway of the kind that the register says.
    Gateway(usize),
    /// A place on earth.
    Location,
    /// Networks.
    Prefixes,
    /// Parameters of a service.
    Parameters,
}

use Field::{
    Algorithm, Bare, Base32Of, Base64, Base64Of, Bitmap, CertificateKind, Eui, Gateway, Hex, HexInPieces,
    HexOf, HexUpper, HexUpperOf, Hidden8, Hidden16, Kept8, Location, Name, Names, Node, NodeUpper, Octets,
    Parameters, Prefixes, Quoted, Raw, Relay, SaltOf, Shown16, Texts, Time, Time48, TypeName, U8, U16, U32,
    V4, V6,
};

/// Types with the same fields, and the fields.
const LAYOUTS: &[(&[u16], &[Field])] = &[
    (&[1], &[V4]),
    // NS, MD, MF, CNAME, MB, MG, MR, PTR, NSAP-PTR, DNAME
    (&[2, 3, 4, 5, 7, 8, 9, 12, 23, 39], &[Name]),
    // SOA
    (&[6], &[Name, Name, U32, U32, U32, U32, U32]),
    // NULL
    (&[10], &[Raw]),
    // HINFO, ISDN
    (&[13, 20], &[Quoted, Quoted]),
    // MINFO, RP, TALINK
    (&[14, 17, 58], &[Name, Name]),
    // MX, AFSDB, RT, KX, LP
    (&[15, 18, 21, 36, 107], &[U16, Name]),
    // TXT, NINFO, SPF, AVC, RESINFO
    (&[16, 56, 99, 258, 261], &[Texts]),
    // X25
    (&[19], &[Bare]),
    // SIG, RRSIG
    (&[24, 46], &[TypeName, U8, U8, U32, Time, Time, U16, Name, Base64]),
    // KEY, DNSKEY, RKEY, CDNSKEY
    (&[25, 48, 57, 60], &[U16, U8, U8, Base64]),
    // PX
    (&[26], &[U16, Name, Name]),
    // GPOS
    (&[27], &[Bare, Bare, Bare]),
    // AAAA
    (&[28], &[V6]),
    // LOC
    (&[29], &[Location]),
    // NXT, NSEC
    (&[30, 47], &[Name, Bitmap]),
    // EID, NIMLOC
    (&[31, 32], &[HexUpper]),
    // SRV
    (&[33], &[U16, U16, U16, Name]),
    // NAPTR
    (&[35], &[U16, U16, Quoted, Quoted, Quoted, Name]),
    // CERT
    (&[37], &[CertificateKind, U16, Algorithm, Base64]),
    // APL
    (&[42], &[Prefixes]),
    // DS, CDS, TA, DLV
    (&[43, 59, 32768, 32769], &[U16, U8, U8, HexUpper]),
    // SSHFP
    (&[44], &[U8, U8, HexUpper]),
    // IPSECKEY
    (&[45], &[U8, Kept8(0), U8, Gateway(0), Base64]),
    // DHCID, OPENPGPKEY
    (&[49, 61], &[Base64]),
    // NSEC3
    (&[50], &[U8, U8, U16, Hidden8(0), SaltOf(0), Hidden8(1), Base32Of(1), Bitmap]),
    // NSEC3PARAM
    (&[51], &[U8, U8, U16, Hidden8(0), SaltOf(0)]),
    // TLSA
    (&[52], &[U8, U8, U8, Hex]),
    // SMIMEA
    (&[53], &[U8, U8, U8, HexInPieces]),
    // HIP
    (&[55], &[Hidden8(0), U8, Hidden16(1), HexOf(0), Base64Of(1), Names]),
    // CSYNC
    (&[62], &[U32, U16, Bitmap]),
    // ZONEMD
    (&[63], &[U32, U8, U8, Hex]),
    // SVCB, HTTPS
    (&[64, 65], &[U16, Name, Parameters]),
    // UINFO
    (&[100], &[Quoted]),
    // UID, GID
    (&[101, 102], &[U32]),
    // NID
    (&[104], &[U16, Node]),
    // L32
    (&[105], &[U16, V4]),
    // L64
    (&[106], &[U16, NodeUpper]),
    // EUI48, EUI64
    (&[108], &[Eui(6)]),
    (&[109], &[Eui(8)]),
    // NXNAME, ANY
    (&[128, 255], &[]),
    // TKEY
    (&[249], &[Name, Time, Time, U16, U16, Shown16(0), HexOf(0), Shown16(1), HexOf(1)]),
    // TSIG
    (&[250], &[Name, Time48, U16, Shown16(0), HexUpperOf(0), U16, U16, Shown16(1), HexOf(1)]),
    // URI
    (&[256], &[U16, U16, Octets]),
    // CAA
    (&[257], &[U8, Bare, Octets]),
    // AMTRELAY
    (&[260], &[U8, Relay(0), Gateway(0)]),
];

/// Whether records of this type have fields of their own; others are shown as RFC 3597 has it.
pub(super) fn is_known(kind: u16) -> bool {
    layout(kind).is_some()
}

fn layout(kind: u16) -> Option<&'static [Field]> {
    LAYOUTS.iter().find(|(kinds, _)| kinds.contains(&kind)).map(|(_, fields)| *fields)
}

/// Writes the record's data. `data` ends where the record does. `apart` puts a space before the first field as well.
pub(super) fn write(
    kind: u16,
    data: &mut Reader<'_>,
    apart: bool,
    out: &mut String,
) -> Result<(), Malformed> {
    let mut line = Line { out, first: !apart, registers: [0; 2] };
    for field in layout(kind).unwrap_or_default() {
        line.field(*field, data)?;
    }
    if data.is_at_end() { Ok(()) } else { Err(Malformed("a record is longer than what it holds")) }
}

/// The fields of one record, as they are written one after the other.
pub(super) struct Line<'o> {
    out: &'o mut String,
    first: bool,
    registers: [u16; 2],
}

impl Line<'_> {
    /// The place for the next field.
    pub(super) fn next(&mut self) -> &mut String {
        if !std::mem::take(&mut self.first) {
            self.out.push(' ');
        }
        self.out
    }

    fn put(&mut self, text: impl AsRef<str>) {
        self.next().push_str(text.as_ref());
    }

    fn keep(&mut self, register: usize, value: u16) {
        if let Some(place) = self.registers.get_mut(register) {
            *place = value;
        }
    }

    fn kept(&self, register: usize) -> u16 {
        self.registers.get(register).copied().unwrap_or_default()
    }

    fn field(&mut self, field: Field, data: &mut Reader<'_>) -> Result<(), Malformed> {
        match field {
            U8 => self.put(u8_or_zero(data)?.to_string()),
            U16 => self.put(u16_or_zero(data)?.to_string()),
            U32 => self.put(u32_or_zero(data)?.to_string()),
            Kept8(register) => {
                let value = u8_or_zero(data)?;
                self.keep(register, value.into());
                self.put(value.to_string());
            }
            Hidden8(register) => self.keep(register, u8_or_zero(data)?.into()),
            Hidden16(register) => self.keep(register, u16_or_zero(data)?),
            Shown16(register) => {
                let value = u16_or_zero(data)?;
                self.keep(register, value);
                self.put(value.to_string());
            }
            Time => self.put(odd::date(u32_or_zero(data)?.into())),
            Time48 => self.put(odd::date(if data.is_at_end() { 0 } else { data.u48()? })),
            Node => self.put(odd::node(if data.is_at_end() { 0 } else { data.u64()? })),
            NodeUpper => {
                let node = odd::node(if data.is_at_end() { 0 } else { data.u64()? });
                self.put(node.to_ascii_uppercase());
            }
            Eui(length) => {
                let zeros = [0; 8];
                let bytes = if data.is_at_end() { zeros.get(..length) } else { Some(data.bytes(length)?) };
                self.put(odd::eui(bytes.unwrap_or_default()));
            }
            TypeName => self.put(type_text(u16_or_zero(data)?)),
            CertificateKind => self.put(named(CERTIFICATES, u16_or_zero(data)?)),
            Algorithm => self.put(named(ALGORITHMS, u8_or_zero(data)?.into())),
            Relay(register) => {
                let value = u8_or_zero(data)?;
                self.keep(register, (value & 0x7f).into());
                self.put((value >> 7).to_string());
                self.put((value & 0x7f).to_string());
            }
            Gateway(register) => {
                let kind = self.kept(register);
                odd::gateway(kind, data, self.next())?;
            }
            Location => odd::location(data, self)?,
            Prefixes => odd::prefixes(data, self)?,
            Parameters => svcb::write(data, self)?,
            Bitmap => odd::bitmap(data, self)?,
            _ => self.text(field, data)?,
        }
        Ok(())
    }

    fn text(&mut self, field: Field, data: &mut Reader<'_>) -> Result<(), Malformed> {
        // without an address there is no text, and no space before it
        let absent = data.is_at_end();
        match field {
            V4 | V6 if absent => {}
            V4 => self.put(data.v4()?.to_string()),
            V6 => self.put(data.v6()?.to_string()),
            Name if absent => self.put(""),
            Name => data.name(self.next())?,
            Names => {
                while !data.is_at_end() {
                    data.name(self.next())?;
                    if self.out.len() > MAX_TEXT {
                        return Err(TOO_LONG);
                    }
                }
            }
            Bare | Quoted => {
                let text = if absent { &[][..] } else { data.string()? };
                quoted(text, matches!(field, Quoted), self.next());
            }
            Texts => {
                while !data.is_at_end() {
                    quoted(data.string()?, true, self.next());
                }
            }
            Octets => odd::octets(data.rest(), self.next()),
            Raw => self.put(String::from_utf8_lossy(data.rest())),
            Hex => self.put(odd::hex(data.rest())),
            HexUpper => self.put(odd::hex(data.rest()).to_ascii_uppercase()),
            HexInPieces => self.put(odd::in_pieces(&odd::hex(data.rest()))),
            Base64 => self.put(odd::base64(data.rest())),
            HexOf(register) => self.put(odd::hex(self.sized(register, data)?)),
            HexUpperOf(register) => self.put(odd::hex(self.sized(register, data)?).to_ascii_uppercase()),
            Base64Of(register) => self.put(odd::base64(self.sized(register, data)?)),
            Base32Of(register) => self.put(odd::base32(self.sized(register, data)?)),
            SaltOf(register) => match self.sized(register, data)? {
                [] => self.put("-"),
                salt => self.put(odd::hex(salt).to_ascii_uppercase()),
            },
            _ => {}
        }
        Ok(())
    }

    fn sized<'a>(&self, register: usize, data: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
        let length = if data.is_at_end() { 0 } else { self.kept(register) };
        data.bytes(length.into())
    }
}

pub(super) fn u8_or_zero(data: &mut Reader<'_>) -> Result<u8, Malformed> {
    if data.is_at_end() { Ok(0) } else { data.u8() }
}

fn u16_or_zero(data: &mut Reader<'_>) -> Result<u16, Malformed> {
    if data.is_at_end() { Ok(0) } else { data.u16() }
}

pub(super) fn u32_or_zero(data: &mut Reader<'_>) -> Result<u32, Malformed> {
    if data.is_at_end() { Ok(0) } else { data.u32() }
}

fn named(table: &[(u16, &'static str)], number: u16) -> String {
    name_in(table, number).map_or_else(|| number.to_string(), str::to_owned)
}

fn quoted(text: &[u8], in_quotes: bool, out: &mut String) {
    let mark = if in_quotes { "\"" } else { "" };
    out.push_str(mark);
    for byte in text {
        escaped(*byte, matches!(byte, b'"' | b'\\'), out);
    }
    out.push_str(mark);
}
