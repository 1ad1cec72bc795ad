//! The words every room uses for places and people: [`Addr`], [`Pid`], [`Version`].

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

/// An address in a target's memory. Never null: a null pointer is `None::<Addr>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addr(NonZeroU64);

impl Addr {
    /// The address `value`, or `None` for null.
    pub const fn new(value: u64) -> Option<Self> {
        match NonZeroU64::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The number behind the address.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The address `bytes` further on; saturates at the end of the address space, where nothing is
    /// ever mapped, so that a hostile offset leads to a failed read and not to a wrapped address.
    pub const fn offset(self, bytes: u64) -> Self {
        Self(self.0.saturating_add(bytes))
    }

    /// The address `bytes` earlier, or `None` where that is null or below.
    pub const fn before(self, bytes: u64) -> Option<Self> {
        match self.get().checked_sub(bytes) {
            Some(value) => Self::new(value),
            None => None,
        }
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.get())
    }
}

impl fmt::Debug for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A process or thread id as *this* process's pid namespace numbers it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(pub u32);

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How final a release is: the letter of a CPython version, in the order of `PY_RELEASE_LEVEL_*`
/// (Include/patchlevel.h).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// `3.15.0a1`
    Alpha,
    /// `3.15.0b1`
    Beta,
    /// `3.15.0rc1`
    Candidate,
    /// `3.15.0`
    Final,
}

/// A CPython version, exact to the pre-release. Ordered as released.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version {
    /// 2 or 3.
    pub major: u8,
    /// 15 in 3.15.2.
    pub minor: u8,
    /// 2 in 3.15.2.
    pub micro: u8,
    /// Alpha, beta, release candidate or final.
    pub level: Level,
    /// 1 in 3.15.0rc1; 0 for a final release.
    pub serial: u8,
}

impl Version {
    /// A final release.
    pub const fn release(major: u8, minor: u8, micro: u8) -> Self {
        Self { major, minor, micro, level: Level::Final, serial: 0 }
    }

    /// From `PY_VERSION_HEX` (Include/patchlevel.h): 0x030f02f0 is 3.15.2. `None` where the bytes
    /// can be no version of CPython.
    pub fn from_hex(hex: u64) -> Option<Self> {
        let [_, _, _, _, major, minor, micro, last] = hex.to_be_bytes();
        let level = match last >> 4 {
            0xa => Level::Alpha,
            0xb => Level::Beta,
            0xc => Level::Candidate,
            0xf => Level::Final,
            _ => return None,
        };
        let sane = hex <= u64::from(u32::MAX) && (2..=3).contains(&major) && minor < 100;
        sane.then_some(Self { major, minor, micro, level, serial: last & 15 })
    }

    /// Whether `other` belongs to the same series, as 3.11.2 and 3.11.7 do.
    pub fn same_series(self, other: Self) -> bool {
        (self.major, self.minor) == (other.major, other.minor)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.micro)?;
        match self.level {
            Level::Alpha => write!(f, "a{}", self.serial),
            Level::Beta => write!(f, "b{}", self.serial),
            Level::Candidate => write!(f, "rc{}", self.serial),
            Level::Final => Ok(()),
        }
    }
}

impl FromStr for Version {
    type Err = ();

    /// Reads what CPython calls `PY_VERSION`: `3.11.7`, `3.15.0rc2`, and `3.9.1+` of a build from
    /// a checkout (taken as the release it follows).
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '.');
        let number = |part: Option<&str>| part.and_then(|p| p.parse::<u8>().ok()).ok_or(());
        let (major, minor) = (number(parts.next())?, number(parts.next())?);
        let rest = parts.next().ok_or(())?;
        let rest = rest.strip_suffix('+').unwrap_or(rest);
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (micro, tail) = rest.split_at(digits);
        let micro = number(Some(micro))?;
        let (level, serial) = match tail {
            "" => (Level::Final, 0),
            _ => {
                let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
                let (word, serial) = tail.split_at(letters);
                let level = match word {
                    "a" => Level::Alpha,
                    "b" => Level::Beta,
                    "c" | "rc" => Level::Candidate,
                    _ => return Err(()),
                };
                (level, number(Some(serial))?)
            }
        };
        if !(2..=3).contains(&major) || minor >= 100 {
            return Err(());
        }
        Ok(Self { major, minor, micro, level, serial })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_what_they_print_and_order_as_released() {
        let texts = ["2.7.18", "3.9.2", "3.14.0a1", "3.14.0b2", "3.14.0rc1", "3.14.0", "3.14.10"];
        let versions: Vec<Version> = texts.iter().map(|t| t.parse().unwrap()).collect();
        assert!(versions.is_sorted());
        assert!(versions.iter().zip(texts).all(|(v, t)| v.to_string() == t));
        assert_eq!("3.8.1+".parse(), Ok(Version::release(3, 8, 1)));
        for bad in ["", "3", "3.8", "3.8.x", "1.2.3", "3.8.1-dev", "3.8.1rc", "999.1.1"] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }

    #[test]
    fn hex_versions() {
        assert_eq!(Version::from_hex(0x030f_02f0), Some(Version::release(3, 15, 2)));
        assert_eq!(Version::from_hex(0x030d_00c2).unwrap().to_string(), "3.13.0rc2");
        for bad in [0, 1, 0x0310_0000, 0x1_030f_02f0, 0x050f_02f0] {
            assert_eq!(Version::from_hex(bad), None, "{bad:#x}");
        }
    }
}
