//! Numbers and texts as bytes: LEB128 varints, zigzag for those with a sign, texts behind their
//! length.

/// What was read, or what is wrong with it.
pub(super) type Decoded<T> = Result<T, &'static str>;

/// Appends a number: seven bits a byte, the lowest first, the high bit on all but the last.
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a number with a sign: 0, -1, 1, -2, 2 are written as 0, 1, 2, 3, 4.
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, (value << 1 ^ value >> 63).cast_unsigned());
}

/// Appends a number that may be missing: 0, or one more than it is.
pub(super) fn put_optional(out: &mut Vec<u8>, value: Option<u32>) {
    put(out, value.map_or(0, |value| u64::from(value) + 1));
}

/// Appends a text.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Appends a text that may be missing.
pub(super) fn put_optional_text(out: &mut Vec<u8>, text: Option<&str>) {
    put(out, u64::from(text.is_some()));
    if let Some(text) = text {
        put_text(out, text);
    }
}

/// Appends texts behind their count.
pub(super) fn put_texts(out: &mut Vec<u8>, texts: &[String]) {
    put(out, texts.len() as u64);
    texts.iter().for_each(|text| put_text(out, text));
}

/// Reads what the functions above wrote, and never past the end.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

const SHORT: &str = "it ends in the middle of a record";

impl<'a> Cursor<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Decoded<u8> {
        let (first, rest) = self.0.split_first().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn number(&mut self) -> Decoded<u64> {
        // Most are small.
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("a number has more than 64 bits")
    }

    pub(super) fn signed(&mut self) -> Decoded<i64> {
        let value = self.number()?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    pub(super) fn small(&mut self) -> Decoded<u32> {
        u32::try_from(self.number()?).map_err(|_| "a number has more than 32 bits")
    }

    pub(super) fn optional(&mut self) -> Decoded<Option<u32>> {
        match self.number()? {
            0 => Ok(None),
            more => u32::try_from(more - 1).map(Some).map_err(|_| "a number has more than 32 bits"),
        }
    }

    pub(super) fn take(&mut self, length: u64) -> Decoded<&'a [u8]> {
        let length = usize::try_from(length).map_err(|_| SHORT)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn text(&mut self) -> Decoded<&'a str> {
        let length = self.number()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| "a text is not UTF-8")
    }

    pub(super) fn optional_text(&mut self) -> Decoded<Option<String>> {
        match self.number()? {
            0 => Ok(None),
            1 => Ok(Some(self.text()?.to_owned())),
            _ => Err("a flag is neither 0 nor 1"),
        }
    }

    /// How many things follow, each of at least one byte.
    pub(super) fn count(&mut self) -> Decoded<usize> {
        let count = self.number()?;
        if count > self.0.len() as u64 { Err(SHORT) } else { Ok(count as usize) }
    }

    pub(super) fn texts(&mut self) -> Decoded<Vec<String>> {
        let count = self.count()?;
        (0..count).map(|_| self.text().map(str::to_owned)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_what_they_wrote() {
        let mut out = Vec::new();
        let numbers = [0, 1, 127, 128, 300, 1 << 32, (1 << 63) - 1, 1 << 63, u64::MAX];
        numbers.iter().for_each(|value| put(&mut out, *value));
        let mut cursor = Cursor(&out);
        assert!(numbers.iter().all(|value| cursor.number() == Ok(*value)));
        assert!(cursor.is_empty() && cursor.number().is_err());
        let signed = [0, -1, 1, -2, i64::MAX, i64::MIN];
        out.clear();
        signed.iter().for_each(|value| put_signed(&mut out, *value));
        let mut cursor = Cursor(&out);
        assert!(signed.iter().all(|value| cursor.signed() == Ok(*value)));
        assert!(Cursor(&[0xff; 10]).number().is_err());
        assert!(Cursor(&[0x80; 20]).number().is_err());
    }

    #[test]
    fn texts_stay_within_their_bytes() {
        let mut out = Vec::new();
        put_texts(&mut out, &["a".into(), String::new(), "über".into()]);
        assert_eq!(Cursor(&out).texts().unwrap(), ["a", "", "über"]);
        assert!((0..out.len()).all(|length| Cursor(&out[..length]).texts().is_err()));
        assert!(Cursor(&[2, 0xff, 0xff]).text().is_err());
        assert!(Cursor(&[0xff, 0xff, 0xff, 0xff, 0x0f]).texts().is_err());
    }
}
