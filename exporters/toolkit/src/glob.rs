//! Patterns of paths as Go's doublestar has them: `*`, `?`, `[a-z]`, `{a,b}`, and `**` for any folders.

/// Alternatives that the braces of one pattern may stand for.
const MAX_ALTERNATIVES: usize = 256;

/// Matches one name, without `/`, against a pattern without braces.
///
/// Keeps only the last `*` to go back to: at most the product of both lengths in steps, whatever the pattern.
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut at, mut here) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while here < name.len() || at < pattern.len() {
        if pattern.get(at) == Some(&'*') {
            back = Some((at + 1, here));
            at += 1;
            continue;
        }
        let step = name.get(here).and_then(|found| step(pattern.get(at..).unwrap_or_default(), *found));
        match (step, &mut back) {
            (Some(taken), _) => {
                at += taken;
                here += 1;
            }
            (None, Some((after, from))) if *from < name.len() => {
                *from += 1;
                (at, here) = (*after, *from);
            }
            _ => return false,
        }
    }
    true
}

/// How much of the pattern one character takes; `None` when it does not match.
fn step(pattern: &[char], found: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['\\', wanted, ..] => (*wanted == found).then_some(2),
        ['[', class @ ..] => {
            let end = class.iter().skip(1).position(|character| *character == ']')? + 1;
            let class = class.get(..end)?;
            let (negated, class) = match class {
                ['^' | '!', rest @ ..] => (true, rest),
                _ => (false, class),
            };
            (in_class(class, found) != negated).then_some(end + 2)
        }
        [wanted, ..] => (*wanted == found).then_some(1),
        [] => None,
    }
}

fn in_class(mut class: &[char], found: char) -> bool {
    while let Some((first, rest)) = class.split_first() {
        if let ['-', last, after @ ..] = rest {
            if (*first..=*last).contains(&found) {
                return true;
            }
            class = after;
        } else {
            if *first == found {
                return true;
            }
            class = rest;
        }
    }
    false
}

/// Whether a text is more than a plain path.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{', '\\'])
}

/// The patterns without braces that one with braces stands for.
///
/// # Errors
/// A brace is not closed, or there are too many alternatives.
pub fn expand(pattern: &str) -> Result<Vec<String>, &'static str> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(pattern) = open.pop() {
        if done.len() + open.len() >= MAX_ALTERNATIVES {
            return Err("the braces stand for too many patterns");
        }
        let Some((before, inside, after)) = innermost(&pattern)? else {
            done.push(pattern);
            continue;
        };
        open.extend(inside.split(',').rev().map(|word| format!("{before}{word}{after}")));
    }
    Ok(done)
}

/// The first pair of braces without braces in it.
fn innermost(pattern: &str) -> Result<Option<(&str, &str, &str)>, &'static str> {
    let Some((before, after)) = pattern.split_once('}') else {
        return if pattern.contains('{') { Err("a brace is not closed") } else { Ok(None) };
    };
    let (before, inside) = before.rsplit_once('{').ok_or("a brace is closed that is not open")?;
    Ok(Some((before, inside, after)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names() {
        for (pattern, name, expected) in [
            ("*.pem", "a.pem", true),
            ("*.pem", ".pem", true),
            ("*.pem", "a.pem.bak", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]*", "blue", true),
            ("[!a-c]*", "blue", false),
            ("[^x]y", "ay", true),
            ("[]x", "[]x", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("ü?", "üß", true),
            ("", "", true),
            ("**", "abc", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn braces() {
        assert_eq!(expand("/a/{b,c}.{pem,crt}").unwrap(), ["/a/b.pem", "/a/b.crt", "/a/c.pem", "/a/c.crt"]);
        assert_eq!(expand("{a,{b,c}}").unwrap(), ["a", "b", "a", "c"]);
        assert_eq!(expand("plain").unwrap(), ["plain"]);
        assert!(expand("{a").is_err() && expand("a}").is_err());
        assert!(expand(&"{a,b}".repeat(20)).is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(pattern in ".{0,40}", name in ".{0,40}") {
            matches(&pattern, &name);
            let _expanded = expand(&pattern);
        }

        #[test]
        fn a_name_matches_itself(name in "[a-z.-]{0,30}") {
            prop_assert!(matches(&name, &name));
            prop_assert!(matches("*", &name));
        }
    }
}
