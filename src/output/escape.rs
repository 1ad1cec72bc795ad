//! Text from a target made safe for a terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// `text` with every character escaped, as Python would write it, that a terminal might obey:
/// control characters (ESC, CR, …), line and paragraph separators, and those that reverse or hide
/// what follows.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unsafe(character) {
            let _ = match (character, u32::from(character)) {
                ('\n', _) => write!(safe, "\\n"),
                ('\r', _) => write!(safe, "\\r"),
                ('\t', _) => write!(safe, "\\t"),
                (_, code @ ..=0xff) => write!(safe, "\\x{code:02x}"),
                (_, code @ ..=0xffff) => write!(safe, "\\u{code:04x}"),
                (_, code) => write!(safe, "\\U{code:08x}"),
            };
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

fn is_unsafe(character: char) -> bool {
    use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
    matches!(
        character.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_terminal_obeys_is_escaped() {
        let rows = [
            ("café ✓ 日本語 😀", "café ✓ 日本語 😀"),
            ("a\x1b[31mb", "a\\x1b[31mb"),
            ("a\r\nb\tc\x7f\u{9b}", "a\\r\\nb\\tc\\x7f\\x9b"),
            ("a\u{202e}b\u{2028}\u{e0001}", "a\\u202eb\\u2028\\U000e0001"),
        ];
        for (text, expected) in rows {
            assert_eq!(escape(text), expected);
        }
    }
}
