//! Numbers with units on the command line.

use std::time::Duration;

/// A time such as `10s`, `500ms`, `2m`, `1h`; without a unit, seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let units = [
        ("ns", 1e-9),
        ("us", 1e-6),
        ("µs", 1e-6),
        ("ms", 1e-3),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3600.0),
        ("d", 86_400.0),
    ];
    let seconds = number(text, &units).ok_or_else(|| format!("{text:?} is no time such as 10s, 500ms, 2m or 1h"))?;
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("{text:?} is too long"))
}

/// A rate such as `100hz` or `1khz`, without a unit per second, as the time between two looks.
pub fn rate(text: &str) -> Result<Duration, String> {
    let units = [("hz", 1.0), ("khz", 1e3), ("mhz", 1e6)];
    let rate = number(&text.to_lowercase(), &units).filter(|rate| *rate > 0.0);
    let rate = rate.ok_or_else(|| format!("{text:?} is no rate such as 100hz or 1khz"))?;
    let interval = Duration::try_from_secs_f64(1.0 / rate).ok().filter(|interval| !interval.is_zero());
    interval.ok_or_else(|| format!("{text:?} is beyond what any clock can do"))
}

/// A share such as `1%`, between 0 and 1.
pub fn share(text: &str) -> Result<f64, String> {
    let share = number(text, &[("%", 0.01)]).filter(|share| *share > 0.0);
    share.ok_or_else(|| format!("{text:?} is no share of a processor such as 1%"))
}

/// A range of time such as `1s..2.5s`, `..10s` or `1m..`, in nanoseconds.
pub fn range(text: &str) -> Result<std::ops::Range<u64>, String> {
    let (start, end) = text.split_once("..").ok_or_else(|| format!("{text:?} is no range such as 1s..2.5s"))?;
    let at = |text: &str, open: u64| match text {
        "" => Ok(open),
        text => duration(text).map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
    };
    let range = at(start, 0)?..at(end, u64::MAX)?;
    if range.is_empty() { Err(format!("{text:?} ends before it begins")) } else { Ok(range) }
}

fn number(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" => 1.0,
        unit => units.iter().find(|(name, _)| *name == unit)?.1,
    };
    number.parse::<f64>().ok().map(|number| number * factor).filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (text, seconds) in [("10s", 10.0), ("500ms", 0.5), ("2m", 120.0), ("1.5", 1.5), ("1h", 3600.0)] {
            assert_eq!(duration(text).unwrap().as_secs_f64(), seconds, "{text}");
        }
        for (text, hertz) in [("100", 100.0), ("1khz", 1000.0), ("2 kHz", 2000.0), ("0.5hz", 0.5)] {
            assert_eq!(1.0 / rate(text).unwrap().as_secs_f64(), hertz, "{text}");
        }
        assert_eq!(share("1%"), Ok(0.01));
        assert_eq!(range("1s..2s"), Ok(1_000_000_000..2_000_000_000));
        assert_eq!(range("..2s"), Ok(0..2_000_000_000));
        assert_eq!(range("2s.."), Ok(2_000_000_000..u64::MAX));
        for bad in ["", "s", "-1s", "1x", "1e9999", "nan", "1.2.3s"] {
            assert!(duration(bad).is_err(), "{bad}");
            assert!(rate(bad).is_err(), "{bad}");
            assert!(range(bad).is_err(), "{bad}");
        }
        assert!(rate("0").is_err() && range("2s..1s").is_err());
    }
}
