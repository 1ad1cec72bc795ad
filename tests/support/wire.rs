//! Reads protocol buffers knowing of fields only what they are on the wire: no code of pitviper's, and
//! none that is made from a schema.

/// What a field holds.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Value {
    Number(u64),
    Fixed(u64),
    /// A text, a message, or a list.
    Bytes(Vec<u8>),
}

/// The fields of a message, in their order.
#[derive(Clone, Debug)]
pub struct Fields(Vec<(u32, Value)>);

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let (first, rest) = bytes.split_first().expect("a number ends");
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return value;
        }
    }
    panic!("a number is too long");
}

fn fixed(bytes: &mut &[u8]) -> u64 {
    let (eight, rest) = bytes.split_first_chunk().expect("eight bytes");
    *bytes = rest;
    u64::from_le_bytes(*eight)
}

impl Fields {
    /// The fields of all the bytes.
    pub fn of(mut bytes: &[u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let value = match key & 7 {
                0 => Value::Number(varint(&mut bytes)),
                1 => Value::Fixed(fixed(&mut bytes)),
                2 => {
                    let length = varint(&mut bytes) as usize;
                    let (own, rest) = bytes.split_at(length);
                    bytes = rest;
                    Value::Bytes(own.to_vec())
                }
                other => panic!("wire type {other}"),
            };
            fields.push(((key >> 3) as u32, value));
        }
        Self(fields)
    }

    /// A number that stands at most once; 0 if it does not.
    pub fn number(&self, field: u32) -> u64 {
        let mut values = self.0.iter().filter(|(number, _)| *number == field).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (None, _) => 0,
            (Some(Value::Number(value) | Value::Fixed(value)), None) => *value,
            other => panic!("field {field} is {other:?}"),
        }
    }

    fn many(&self, field: u32) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter(move |(number, _)| *number == field).map(move |(_, value)| match value {
            Value::Bytes(bytes) => bytes.as_slice(),
            other => panic!("field {field} is {other:?}"),
        })
    }

    /// Messages.
    pub fn messages(&self, field: u32) -> Vec<Self> {
        self.many(field).map(Self::of).collect()
    }

    /// The only message.
    pub fn message(&self, field: u32) -> Self {
        let [one] = <[Self; 1]>::try_from(self.messages(field)).expect("one message");
        one
    }

    /// Texts.
    pub fn texts(&self, field: u32) -> Vec<String> {
        self.many(field).map(|bytes| String::from_utf8(bytes.to_vec()).expect("UTF-8")).collect()
    }

    /// A list of numbers.
    pub fn numbers(&self, field: u32) -> Vec<u64> {
        let mut numbers = Vec::new();
        for mut list in self.many(field) {
            while !list.is_empty() {
                numbers.push(varint(&mut list));
            }
        }
        numbers
    }

    /// A list of `fixed64`.
    pub fn fixeds(&self, field: u32) -> Vec<u64> {
        let mut numbers = Vec::new();
        for mut list in self.many(field) {
            while !list.is_empty() {
                numbers.push(fixed(&mut list));
            }
        }
        numbers
    }
}
