//! "Did you mean": the known word that a mistyped one is nearest to.

/// The most similar of `known`, if one is similar enough to be what was meant.
pub(super) fn most_similar<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(MAX_CHARS + 1).collect();
    if word.len() > MAX_CHARS {
        return None;
    }
    known
        .map(|candidate| (distance(&word, &candidate.chars().collect::<Vec<_>>()), candidate))
        .filter(|(distance, candidate)| *distance <= (word.len().max(candidate.len()) / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters to add, remove, replace, or swap with a neighbour; case and the kind of hyphen do not count.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, from) in left.iter().enumerate() {
        let mut line = vec![row + 1];
        for (column, to) in right.iter().enumerate() {
            let replace = last[column] + usize::from(!same(*from, *to));
            let mut best = replace.min(last[column + 1] + 1).min(line[column] + 1);
            if row > 0 && column > 0 && same(*from, right[column - 1]) && same(left[row - 1], *to) {
                best = best.min(before[column - 1] + 1);
            }
            line.push(best);
        }
        before = std::mem::replace(&mut last, line);
    }
    last[right.len()]
}

fn same(left: char, right: char) -> bool {
    let plain = |character: char| if character == '-' { '_' } else { character.to_ascii_lowercase() };
    plain(left) == plain(right)
}

/// Longer words get no hint; the work grows with the square of the length.
const MAX_CHARS: usize = 64;

#[cfg(test)]
mod tests {
    use super::most_similar;

    #[track_caller]
    fn check(word: &str, expected: Option<&str>) {
        let known = ["listen", "timeout", "password", "password_file", "tls_server_config", "to"];
        assert_eq!(most_similar(word, known.into_iter()), expected);
    }

    #[test]
    fn hints() {
        check("liisten", Some("listen"));
        check("lisetn", Some("listen"));
        check("Listen", Some("listen"));
        check("pasword", Some("password"));
        check("password-file", Some("password_file"));
        check("tls_config", None);
        check("ot", Some("to"));
        check("x", None);
        check("", None);
        check(&"listen".repeat(20), None);
    }
}
