//! Answers of all kinds, and of none.

use proptest::prelude::*;

use super::message::{Message, Record};
use super::odd;

/// A message that answers the question for `example.com` with one record in each section that is given.
fn answer(sections: [&[Vec<u8>]; 3]) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 0x84, 0, 0, 1];
    for section in sections {
        message.extend(u16::try_from(section.len()).unwrap().to_be_bytes());
    }
    message.extend(b"\x07example\x03com\0\0\xff\0\x01");
    message.extend(sections.concat().concat());
    message
}

/// A record of `example.com`.
fn record(kind: u16, class: u16, seconds: u32, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    let (kind, class, length) = (kind.to_be_bytes(), class.to_be_bytes(), length.to_be_bytes());
    [&[0xc0, 12], &kind[..], &class, &seconds.to_be_bytes(), &length, data].concat()
}

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

#[test]
fn records_are_shown_as_blackbox_exporter_shows_them() {
    for line in include_str!("records.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut columns = line.splitn(3, ' ');
        let kind = columns.next().unwrap().parse().unwrap();
        let data = bytes(columns.next().unwrap().trim_matches('-'));
        let expected = columns.next().unwrap().strip_suffix('|').unwrap().replace('→', "\t");
        let message = Message::parse(&answer([&[record(kind, 1, 3600, &data)], &[], &[]]));
        assert_eq!(message.unwrap().answer[0].text, expected, "{line}");
    }
}

#[test]
fn a_long_certificate_is_shown_in_pieces() {
    for (length, pieces) in [(9, 1), (511, 1), (512, 2), (600, 2), (1024, 3)] {
        let shown = odd::in_pieces(&"ab".repeat(length));
        assert_eq!(shown.split(' ').count(), pieces, "{length}");
        assert!(shown.split(' ').rev().skip(1).all(|piece| piece.len() == 1024), "{length}");
    }
}

#[test]
fn the_header_of_a_record() {
    for (class, expected) in [
        (1, r"a\.\ \233\@.→2147483648→IN→A→1.2.3.4"),
        (3, r"a\.\ \233\@.→2147483648→CH→A→1.2.3.4"),
        (254, r"a\.\ \233\@.→2147483648→NONE→A→1.2.3.4"),
        (255, r"a\.\ \233\@.→2147483648→CLASS255→A→1.2.3.4"),
        (77, r"a\.\ \233\@.→2147483648→CLASS77→A→1.2.3.4"),
    ] {
        let mut record = record(1, class, 1 << 31, &[1, 2, 3, 4]);
        record.splice(..2, *b"\x05a. \xe9@\0");
        let message = Message::parse(&answer([&[], &[record], &[]])).unwrap();
        assert_eq!(message.authority[0].text, expected.replace('→', "\t"));
    }
}

#[test]
fn the_header_of_an_answer() {
    let soa = b"\x02ns\0\x03noc\0\0\0\x03\xe8\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04";
    // UDP size 1232, extended code 1, DO, an extended error
    let edns = b"\0\0\x29\x04\xd0\x01\0\x80\0\0\x06\0\x0f\0\x02\0\x06".to_vec();
    let message = Message::parse(&answer([&[record(6, 1, 60, soa)], &[], &[edns]])).unwrap();
    assert_eq!((message.id, message.rcode, message.extended_error), (0x1234, 16, Some(6)));
    assert_eq!(message.answer[0].serial, Some(1000));
    assert_eq!(message.questions[0].name, "example.com.");
    assert_eq!((message.questions[0].kind, message.questions[0].class), (255, 1));
    let shown = message.flags.shown();
    assert_eq!(shown, [("aa", true), ("tc", false), ("ra", false), ("ad", false)]);
    let expected = "\n;; OPT PSEUDOSECTION:\n; EDNS: version 0; flags: do; udp: 1232\n; LOCAL OPT: 15:0x0006";
    assert_eq!(message.additional[0].text, expected);
}

#[test]
fn a_section_may_be_shorter_than_the_header_says() {
    let mut message = answer([&[record(1, 1, 60, &[1, 2, 3, 4])], &[], &[]]);
    message[7] = 9;
    message[11] = 9;
    let parsed = Message::parse(&message).unwrap();
    assert_eq!((parsed.answer.len(), parsed.additional.len()), (1, 0));
    assert_eq!(Message::parse(&message[..12]).unwrap().questions, []);
}

#[test]
fn what_is_malformed_is_refused() {
    for record in [
        record(1, 1, 60, &[1, 2, 3]),
        record(1, 1, 60, &[1, 2, 3, 4, 5]),
        record(15, 1, 60, b"\0\x0a\xc0\xff"),
        record(16, 1, 60, b"\x05abc"),
        record(47, 1, 60, b"\0\x01\x01\x80\0\x01\x80"),
        record(47, 1, 60, b"\0\0\0"),
        record(42, 1, 60, b"\0\x03\x01\x00"),
        record(42, 1, 60, b"\0\x01\x21\x00"),
        record(42, 1, 60, b"\0\x01\x08\x02\x01\0"),
        record(65, 1, 60, b"\0\x01\0\0\x03\0\x01\x01"),
        record(65, 1, 60, b"\0\x01\0\0\x02\0\0\0\x02\0\0"),
        record(65, 1, 60, b"\0\x01\0\0\x01\0\x02\x05h"),
        record(65, 1, 60, b"\0\x01\0\xff\xff\0\0"),
        record(255, 1, 60, b"x"),
        record(41, 1, 60, b"\0\x03\0\x05x"),
    ] {
        assert!(Message::parse(&answer([std::slice::from_ref(&record), &[], &[]])).is_err(), "{record:?}");
    }
    let whole = answer([&[record(1, 1, 60, &[1, 2, 3, 4])], &[], &[]]);
    for length in 0..whole.len() {
        // after the header, within the question where a field ends, and after it
        let complete = [12, 25, 27, 29].contains(&length);
        assert_eq!(Message::parse(&whole[..length]).is_ok(), complete, "{length}");
    }
}

/// A name of 255 bytes at which thousands of records point.
#[test]
fn a_message_cannot_grow_without_bound() {
    let long: Vec<u8> = [&[63][..], &[0xff; 63]].concat().repeat(3).into_iter().chain([0]).collect();
    let first = record(2, 1, 60, &long);
    let at = u16::try_from(29 + 12).unwrap() | 0xc000;
    let pointers = at.to_be_bytes().repeat(30_000);
    let servers = record(55, 1, 60, &[&[0, 2, 0, 0][..], &pointers].concat());
    let message = Message::parse(&answer([&[first, servers], &[], &[]]));
    assert_eq!(message.unwrap_err().to_string(), "its records are too long");
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        drop(Message::parse(&bytes));
    }

    #[test]
    fn no_record_panics(
        kind in prop_oneof![0_u16..262, 32768_u16..32770],
        data in proptest::collection::vec(any::<u8>(), 0..120),
        cut in 0_usize..40,
    ) {
        let mut message = answer([&[record(kind, 1, 60, &data)], &[], &[]]);
        message.truncate(message.len() - cut.min(message.len()));
        if let Ok(message) = Message::parse(&message) {
            for Record { text, .. } in &message.answer {
                prop_assert!(text.contains('\t') || kind == 41, "{text}");
            }
        }
    }

    #[test]
    fn a_changed_message_does_not_panic(
        changes in proptest::collection::vec((0_usize..400, any::<u8>()), 1..8),
    ) {
        let soa = b"\x02ns\xc0\x0c\x03noc\xc0\x0c\0\0\x03\xe8\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04";
        let https = b"\0\x01\0\0\x01\0\x06\x02h2\x02h3\0\x03\0\x02\x20\xfb\0\x04\0\x04\x01\x02\x03\x04";
        let nsec = b"\x01a\xc0\x0c\0\x06\x40\x01\0\0\0\x03";
        let records = [record(6, 1, 60, soa), record(65, 1, 60, https), record(47, 1, 60, nsec)];
        let mut message = answer([&records, &records, &records]);
        for (place, byte) in changes {
            let length = message.len();
            message[place % length] = byte;
        }
        drop(Message::parse(&message));
    }
}
