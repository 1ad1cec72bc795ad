//! The wire format of protocol buffers, as far as it is written here.
//!
//! A message is a sequence of fields in any order, each a number, eight bytes, or bytes with their
//! length; what has its default value is left out. <https://protobuf.dev/programming-guides/encoding>

use std::collections::HashMap;

/// A message as it grows.
#[derive(Clone, Default, Debug)]
pub struct Message(Vec<u8>);

impl Message {
    /// What was written so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Begins anew.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// An integer of any type but `fixed` and `sint`; nothing if it is 0.
    pub fn number(&mut self, field: u32, value: u64) {
        if value != 0 {
            self.varint(u64::from(field << 3));
            self.varint(value);
        }
    }

    /// A `fixed64`; nothing if it is 0.
    pub fn fixed(&mut self, field: u32, value: u64) {
        if value != 0 {
            self.varint(u64::from(field << 3 | 1));
            self.0.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// Bytes or text, also if there are none: an element of a list counts even then.
    pub fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.length(field, bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// A message, also if it is empty.
    pub fn message(&mut self, field: u32, message: &Self) {
        self.bytes(field, &message.0);
    }

    /// A list of integers; nothing if it is empty.
    pub fn numbers(&mut self, field: u32, values: impl Iterator<Item = u64> + Clone) {
        let length = values.clone().map(|value| (64 - (value | 1).leading_zeros() as usize).div_ceil(7)).sum();
        if length > 0 {
            self.length(field, length);
            values.for_each(|value| self.varint(value));
        }
    }

    /// A list of `fixed64`; nothing if it is empty.
    pub fn fixeds(&mut self, field: u32, values: impl ExactSizeIterator<Item = u64>) {
        if values.len() > 0 {
            self.length(field, values.len() * 8);
            values.for_each(|value| self.0.extend_from_slice(&value.to_le_bytes()));
        }
    }

    fn length(&mut self, field: u32, length: usize) {
        self.varint(u64::from(field << 3 | 2));
        self.varint(length as u64);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// Texts that are referred to by number: 0 is the empty one.
#[derive(Clone, Debug)]
pub struct Strings {
    numbers: HashMap<String, u64>,
    texts: Vec<String>,
}

impl Default for Strings {
    fn default() -> Self {
        Self { numbers: HashMap::from([(String::new(), 0)]), texts: vec![String::new()] }
    }
}

impl Strings {
    /// The number of a text.
    pub fn number(&mut self, text: &str) -> u64 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.texts.len() as u64;
        self.numbers.insert(text.to_owned(), number);
        self.texts.push(text.to_owned());
        number
    }

    /// Each text, in the order of their numbers.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.texts.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_specification() {
        let mut message = Message::default();
        message.number(1, 150); // The specification's own examples.
        message.bytes(2, b"testing");
        let mut inner = Message::default();
        inner.number(1, 150);
        message.message(3, &inner);
        message.numbers(6, [3, 270, 86942].into_iter());
        let expected = b"\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01\x32\x06\x03\x8e\x02\x9e\xa7\x05";
        assert_eq!(message.as_bytes(), expected);
    }

    #[test]
    fn what_is_missing_is_left_out_and_elements_are_not() {
        let mut message = Message::default();
        message.number(1, 0);
        message.fixed(2, 0);
        message.numbers(3, std::iter::empty());
        message.fixeds(4, std::iter::empty());
        assert!(message.as_bytes().is_empty());
        message.bytes(5, b"");
        message.fixeds(16, [1].into_iter());
        message.numbers(6, [0, 127, 128, u64::MAX].into_iter());
        let mut expected = b"\x2a\x00\x82\x01\x08\x01\0\0\0\0\0\0\0\x32\x0e\x00\x7f\x80\x01".to_vec();
        expected.extend([0xff; 9]);
        expected.push(1);
        assert_eq!(message.as_bytes(), expected);
    }

    #[test]
    fn texts_are_numbered_once() {
        let mut strings = Strings::default();
        assert_eq!(["a", "", "b", "a"].map(|text| strings.number(text)), [1, 0, 2, 1]);
        assert_eq!(strings.texts().collect::<Vec<_>>(), ["", "a", "b"]);
    }
}
