//! Titles as Go's `cases.Title` for American English writes them: each word begins with a capital, the rest is small.

/// A text as a title.
pub(super) fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let letters: Vec<char> = text.chars().collect();
    let mut at = 0;
    while let Some(first) = letters.get(at) {
        if belongs(*first) {
            let end = end_of_word(&letters, at);
            word(&mut out, letters.get(at..end).unwrap_or_default());
            at = end;
        } else {
            out.push(*first);
            at += 1;
        }
    }
    out
}

/// Where the word that begins at `start` ends.
fn end_of_word(letters: &[char], start: usize) -> usize {
    let mut at = start;
    loop {
        let next = letters.get(at + 1).copied();
        let after = letters.get(at + 2).copied();
        match (next, after) {
            (Some(next), _) if belongs(next) => at += 1,
            // don't · a.b · a:b are one word each
            (Some(next), Some(after)) if joins(next) && belongs(after) => at += 2,
            _ => return at + 1,
        }
    }
}

/// Letters but those of scripts without words between spaces, digits, what combines with them, and `_`.
fn belongs(letter: char) -> bool {
    let ideographic = matches!(letter,
        '\u{2e80}'..='\u{312f}' | '\u{31a0}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}');
    let combines = matches!(letter, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{200c}' | '\u{200d}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}');
    let connects = matches!(letter, '_' | '\u{203f}' | '\u{2040}' | '\u{2054}' | '\u{202f}');
    (letter.is_alphanumeric() && !ideographic) || combines || connects
}

/// Signs that join two letters to one word.
fn joins(sign: char) -> bool {
    matches!(
        sign,
        '\'' | '.'
            | ':'
            | '\u{b7}'
            | '\u{387}'
            | '\u{2018}'
            | '\u{2019}'
            | '\u{2024}'
            | '\u{2027}'
            | '\u{fe13}'
            | '\u{fe52}'
            | '\u{fe55}'
            | '\u{ff07}'
            | '\u{ff0e}'
            | '\u{ff1a}'
    )
}

/// A word whose first letter that has a case becomes a capital.
fn word(out: &mut String, letters: &[char]) {
    let cased =
        letters.iter().position(|letter| letter.is_lowercase() || letter.is_uppercase() || is_title(*letter));
    let Some(cased) = cased else {
        out.extend(letters);
        return;
    };
    let (before, rest) = letters.split_at(cased);
    out.extend(before);
    let Some(first) = rest.first() else { return };
    // the whole of it, because the sigma at the end of a word is another one
    let small = rest.iter().collect::<String>().to_lowercase();
    let first_small: String = first.to_lowercase().collect();
    capital(out, *first);
    out.push_str(small.strip_prefix(first_small.as_str()).unwrap_or(&small));
}

fn is_title(letter: char) -> bool {
    matches!(letter, '\u{1c5}' | '\u{1c8}' | '\u{1cb}' | '\u{1f2}')
}

/// The letter as the first of a title, where a few have a form of their own.
fn capital(out: &mut String, letter: char) {
    let own = match letter {
        '\u{1c4}'..='\u{1c6}' => Some('\u{1c5}'),
        '\u{1c7}'..='\u{1c9}' => Some('\u{1c8}'),
        '\u{1ca}'..='\u{1cc}' => Some('\u{1cb}'),
        '\u{1f1}'..='\u{1f3}' => Some('\u{1f2}'),
        _ => with_iota(letter),
    };
    if let Some(own) = own {
        out.push(own);
        return;
    }
    // ß is Ss, ŉ is ʼN: the first that has a case is the capital
    let mut done = false;
    for part in letter.to_uppercase() {
        if done {
            out.extend(part.to_lowercase());
        } else {
            out.push(part);
            done = part.is_uppercase();
        }
    }
}

/// Greek letters with an iota below, as capitals.
fn with_iota(letter: char) -> Option<char> {
    match letter {
        '\u{1f80}'..='\u{1faf}' => char::from_u32(u32::from(letter) | 8),
        '\u{1fb3}' | '\u{1fbc}' => Some('\u{1fbc}'),
        '\u{1fc3}' | '\u{1fcc}' => Some('\u{1fcc}'),
        '\u{1ff3}' | '\u{1ffc}' => Some('\u{1ffc}'),
        _ => None,
    }
}

/// A text in capitals, letter by letter: one that would become two stays as it is.
pub(super) fn upper(text: &str) -> String {
    let capital = |letter: char| {
        let mut parts = letter.to_uppercase();
        match (parts.next(), parts.next()) {
            (Some(one), None) => one,
            _ => with_iota(letter).unwrap_or(letter),
        }
    };
    text.chars().map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles() {
        for (text, expected) in [
            ("hELLO wORLD", "Hello World"),
            (
                "don't foo-bar foo_bar a.b 3rd 3RD a3b x86_64 R2-D2",
                "Don't Foo-Bar Foo_bar A.b 3Rd 3Rd A3b X86_64 R2-D2",
            ),
            ("ǆungla ŉa ßa ﬁne", "ǅungla ʼNa Ssa Fine"),
            (
                "o'NEIL o’neil rock'n'roll a..b a.1b 1.a 1,a 1'a A:b a·b a,B A;b",
                "O'neil O’neil Rock'n'roll A..B A.1b 1.A 1,A 1'A A:b A·b A,B A;B",
            ),
            ("日本 abc日本def ÀÉ éa ςΣ ΑΣ ΑΣ.", "日本 Abc日本Def Àé Éa Σς Ας Ας."),
            ("ab\u{301}c i\u{307} I \u{130}", "Ab\u{301}c I\u{307} I \u{130}"),
            ("_foo __bar -baz 'quoted'", "_Foo __Bar -Baz 'Quoted'"),
            ("ﾀﾞa カタa", "ﾀﾞA カタA"),
            ("a1B2c3 1a2b 1A", "A1b2c3 1A2b 1A"),
            ("", ""),
        ] {
            assert_eq!(title(text), expected);
        }
    }
}
