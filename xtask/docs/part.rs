//! A generated part of a file: found by its marks, replaced, compared.

use anyhow::{Context, Result, ensure};

/// Lines of a difference that are shown: enough to know what it is about.
const SHOWN: usize = 30;

/// Lines shown around a change.
const AROUND: usize = 1;

/// The file's text with `part` between the marks of this word.
pub(crate) fn replace(text: &str, word: &str, part: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {word}:begin -->"), format!("<!-- {word}:end -->"));
    let missing = || format!("`{begin}` and `{end}` are not in it; hint: write both where the part belongs");
    let (before, rest) = text.split_once(&begin).with_context(missing)?;
    let (_, after) = rest.split_once(&end).with_context(missing)?;
    ensure!(!after.contains(&begin), "`{begin}` is in it twice");
    Ok(format!("{before}{begin}\n\n{}\n\n{end}{after}", part.trim_end()))
}

/// What differs, as a person compares: lines that go with `-`, lines that come with `+`.
pub(crate) fn changes(old: &str, new: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (old.lines().collect(), new.lines().collect());
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let head = same(&mut old.iter().zip(&new));
    let shorter = old.len().min(new.len());
    let tail = same(&mut old.iter().rev().zip(new.iter().rev())).min(shorter - head);
    let marked = |mark: &str, lines: &[&str], from: usize, to: usize| -> Vec<String> {
        let to = to.min(lines.len());
        lines.get(from..to).unwrap_or_default().iter().map(|line| format!("{mark}{line}\n")).collect()
    };
    let (gone, come) = (old.len() - tail, new.len() - tail);
    let parts = [
        marked(" ", &old, head.saturating_sub(AROUND), head),
        marked("-", &old, head, gone),
        marked("+", &new, head, come),
        marked(" ", &old, gone, gone + AROUND),
    ];
    let lines = parts.concat();
    let rest = match lines.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" … and {more} lines more\n"),
    };
    lines.into_iter().take(SHOWN).collect::<String>() + &rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let text = "a\n<!-- flags:begin -->\nold\n<!-- flags:end -->\nb\n";
        let expected = "a\n<!-- flags:begin -->\n\nnew\n\n<!-- flags:end -->\nb\n";
        let once = replace(text, "flags", "new\n").unwrap();
        assert_eq!(once, expected);
        assert_eq!(replace(&once, "flags", "new\n").unwrap(), expected);
        let error = replace(text, "metrics", "").unwrap_err().to_string();
        assert!(
            error.starts_with("`<!-- metrics:begin -->` and `<!-- metrics:end -->` are not in it"),
            "{error}"
        );
    }

    #[test]
    fn changes_show_what_differs_and_a_line_around() {
        for (old, new, expected) in [
            ("a\nb\nc\nd\n", "a\nb\nx\ny\nd\n", " b\n-c\n+x\n+y\n d\n"),
            ("a\n", "a\nb\n", " a\n+b\n"),
            ("a\na\n", "a\n", " a\n-a\n"),
            ("", "a\n", "+a\n"),
        ] {
            assert_eq!(changes(old, new), expected);
        }
    }
}
