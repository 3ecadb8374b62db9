//! Whatever the bytes are: reading ends, and a broken record costs itself only.

use proptest::prelude::*;

use super::*;

/// A source that gives so many bytes at a time.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let most = self.1.min(room.len()).min(self.0.len());
        let (now, later) = self.0.split_at(most);
        room[..most].copy_from_slice(now);
        self.0 = later;
        Ok(most)
    }
}

/// Records as lists of fields; `None` for what is broken.
fn read(data: &[u8], step: usize, expected: Option<usize>) -> Vec<Option<Vec<Vec<u8>>>> {
    let mut records = Records::new(Trickle(data, step), b',');
    let mut found = Vec::new();
    loop {
        match records.next(expected).unwrap() {
            Next::End => return found,
            Next::Broken => found.push(None),
            Next::Record => {
                (0..records.len()).for_each(|index| records.decode(index));
                found.push(Some((0..records.len()).map(|index| records.field(index).to_vec()).collect()));
            }
        }
    }
}

/// The same as a text: fields in brackets, `!` for what is broken.
fn shown(text: &str, expected: Option<usize>) -> String {
    let records = read(text.as_bytes(), 7, expected);
    let lines = records.into_iter().map(|record| match record {
        None => "!".to_owned(),
        Some(fields) => {
            let fields: Vec<_> = fields.iter().map(|field| String::from_utf8_lossy(field)).collect();
            format!("[{}]", fields.join("]["))
        }
    });
    lines.collect::<Vec<_>>().join(" ")
}

#[test]
fn records() {
    for (text, expected) in [
        ("", ""),
        ("\n\r\n\n", ""),
        ("a,b", "[a][b]"),
        ("a,b\r\nc,d\n", "[a][b] [c][d]"),
        (",\n", "[][]"),
        ("\"a\",\"b\"\n", "[a][b]"),
        ("\"\",\"\"\"\",\"\"\"\"\"\"\n", "[][\"][\"\"]"),
        ("\"a,b\",\"c\nd\"\r\n\"e\"\"f\",g", "[a,b][c\nd] [e\"f][g]"),
        ("a\"b,c\"\n", "[a\"b][c\"]"),
        // not as the standard has it, and yet clear
        ("\"a\"b\",c\n", "[a\"b][c]"),
        ("\"{\\\"k\\\": 1}\",c\n", "[{\\\"k\\\": 1}][c]"),
        ("\"a\"\r", "[a]"),
        ("a\r,b\r\n", "[a\r][b]"),
    ] {
        assert_eq!(shown(text, None), expected, "{text:?}");
    }
}

#[test]
fn what_is_broken_costs_itself() {
    for (text, expected) in [
        ("a,b\nc\nd,e\nf,g,h\ni,j\n", "[a][b] ! [d][e] ! [i][j]"),
        // a quote that is not closed, at once or ever
        ("a,\"b\nc,d\ne,f\n", "! [c][d] [e][f]"),
        ("a,\"b\nc,\"d\"\ne,f\n", "! [c][d] [e][f]"),
        ("a,b\nTotal: 5 rows\n", "[a][b] !"),
        ("a,b\n\0\0\0", "[a][b] !"),
    ] {
        assert_eq!(shown(text, Some(2)), expected, "{text:?}");
    }
    let long = format!("a,\"{}\nb,c\n", "x".repeat(MAX_RECORD));
    // each piece of what is longer than a record may be
    assert_eq!(shown(&long, Some(2)), "! ! [b][c]");
}

#[test]
fn repairs_end() {
    // each line opens a quote: reading it all again after each would take the square of its length
    let text = "\"x\n".repeat(100_000);
    let mut records = Records::new(text.as_bytes(), b',');
    let mut broken = 0;
    while records.next(Some(3)).unwrap() != Next::End {
        broken += 1;
    }
    // by lines as long as that is cheap, and then by as much as is held
    let by_line = MAX_REPAIRED / MAX_RECORD;
    assert!((by_line..by_line + 10).contains(&broken), "{broken}");
    assert!(records.repaired <= MAX_REPAIRED);
}

fn quoted(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}

proptest! {
    /// What is written by the standard is read as it was, in pieces of any size.
    #[test]
    fn what_is_written_is_read(
        rows in prop::collection::vec(prop::collection::vec((".{0,12}", any::<bool>()), 3), 1..20),
        step in 1_usize..40,
        line in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let mut text = String::new();
        let mut expected = Vec::new();
        for row in &rows {
            let is_plain = |field: &str| !field.contains(['"', ',', '\n', '\r']);
            let fields = row.iter().map(|(field, quote)| {
                if *quote || !is_plain(field) { quoted(field) } else { field.clone() }
            });
            text.push_str(&fields.collect::<Vec<_>>().join(","));
            text.push_str(line);
            expected.push(Some(row.iter().map(|(field, _)| field.clone().into_bytes()).collect()));
        }
        prop_assert_eq!(read(text.as_bytes(), step, Some(3)), expected);
    }

    /// Any bytes: reading ends, and the size of the pieces makes no difference.
    #[test]
    fn any_bytes(
        bytes in prop::collection::vec(prop::sample::select(b"\",\n\r\0a1\xff".to_vec()), 0..200),
        step in 1_usize..20,
        fields in 1_usize..4,
    ) {
        let whole = read(&bytes, usize::MAX, Some(fields));
        prop_assert!(whole.len() <= bytes.len() + 1);
        prop_assert_eq!(&read(&bytes, step, Some(fields)), &whole);
        for record in whole.iter().flatten() {
            prop_assert_eq!(record.len(), fields);
        }
    }

    /// What stands after something broken is found again.
    #[test]
    fn good_lines_after_bad_ones(bad in "[a-z\",]{0,20}") {
        let text = format!("{bad}\n1,2,3,4,5,6,7\n8,9,10,11,12,13,14\n");
        let found = read(text.as_bytes(), 16, Some(7));
        let last = found.last().cloned().flatten().unwrap_or_default();
        prop_assert_eq!(last.first().map(Vec::as_slice), Some(b"8".as_slice()), "{}", text);
    }
}
