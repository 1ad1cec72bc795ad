//! Colours for text on a terminal.

use std::fmt::Display;

/// How text is set off: by colour, or not at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// Plain text.
    Plain,
    /// ANSI colours.
    Colour,
}

impl Style {
    /// A heading.
    pub fn heading(self, text: impl Display) -> String {
        self.paint(1, text)
    }

    /// Something of minor interest.
    pub fn quiet(self, text: impl Display) -> String {
        self.paint(2, text)
    }

    /// A name to look for.
    pub fn name(self, text: impl Display) -> String {
        self.paint(36, text)
    }

    /// Something that went wrong.
    pub fn bad(self, text: impl Display) -> String {
        self.paint(31, text)
    }

    fn paint(self, code: u8, text: impl Display) -> String {
        match self {
            Self::Plain => text.to_string(),
            Self::Colour => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}
