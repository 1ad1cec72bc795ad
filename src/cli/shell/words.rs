//! A line of the shell as words: as in `sh`, but what stands in brackets is part of a path, quotes and all.

/// A word, and where it began.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WordAt {
    /// The byte of the line at which it begins.
    pub start: usize,
    /// Its text: quotes outside of brackets are taken away.
    pub text: String,
}

/// The words of `line`. The error says what is missing.
pub fn words(line: &str) -> Result<Vec<WordAt>, String> {
    let (words, open) = split(line);
    match open {
        Some(open) => Err(format!("a {open} is missing")),
        None => Ok(words),
    }
}

/// The words of `line`, of which the last may be unfinished, and what it lacks.
pub fn split(line: &str) -> (Vec<WordAt>, Option<char>) {
    let mut words: Vec<WordAt> = Vec::new();
    let mut word: Option<WordAt> = None;
    let (mut quote, mut brackets) = (None, Vec::new());
    let mut characters = line.char_indices();
    while let Some((at, character)) = characters.next() {
        if quote.is_none() && brackets.is_empty() {
            if character.is_whitespace() {
                words.extend(word.take());
                continue;
            }
            if character == '#' && word.is_none() {
                break;
            }
        }
        let text = &mut word.get_or_insert(WordAt { start: at, text: String::new() }).text;
        match (character, quote) {
            ('\\', Some(_)) if !brackets.is_empty() => {
                text.push(character);
                text.extend(characters.next().map(|(_, next)| next));
            }
            (_, Some(open)) if character == open => {
                quote = None;
                text.extend((!brackets.is_empty()).then_some(character));
            }
            ('\'' | '"', None) => {
                quote = Some(character);
                text.extend((!brackets.is_empty()).then_some(character));
            }
            ('[', None) => {
                brackets.push(']');
                text.push(character);
            }
            (_, None) if brackets.last() == Some(&character) => {
                brackets.pop();
                text.push(character);
            }
            _ => text.push(character),
        }
    }
    words.extend(word);
    (words, quote.or(brackets.pop()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_words_and_brackets_belong_to_paths() {
        let rows: &[(&str, &[&str])] = &[
            ("", &[]),
            ("  # nothing", &[]),
            ("state gil  --json", &["state", "gil", "--json"]),
            ("d['a b'][\"c]\"] --depth 2", &["d['a b'][\"c]\"]", "--depth", "2"]),
            ("d[(1, 'x')].y # why", &["d[(1, 'x')].y"]),
            ("dis 't:Thread-1 (work).f[0]' --stack", &["dis", "t:Thread-1 (work).f[0]", "--stack"]),
            ("t:\"my thread\".f[run].x", &["t:my thread.f[run].x"]),
            ("d['it\\'s']", &["d['it\\'s']"]),
            ("''", &[""]),
        ];
        for (line, expected) in rows {
            let found: Vec<String> = words(line).unwrap().into_iter().map(|word| word.text).collect();
            assert_eq!(found, *expected, "{line}");
        }
        assert_eq!(words("d['a"), Err("a ' is missing".to_owned()));
        assert_eq!(words("d[(1, 2)"), Err("a ] is missing".to_owned()));
        let (words, open) = split("dis x.y['a b");
        assert_eq!(
            (words.last().map(|word| (word.start, word.text.as_str())), open),
            (Some((4, "x.y['a b")), Some('\''))
        );
    }
}
