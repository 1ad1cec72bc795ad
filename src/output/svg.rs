//! A flame graph as SVG: one file for any browser, with zoom and search.

use crate::error::{Error, Result};
use crate::output::compared::{Compared, sides};
use crate::output::folded::{Paths, lines, microseconds, part};
use crate::output::formats::{Format, Source, View, unwritten};
use crate::output::places::place;
use crate::output::summary::{Summary, time};
use crate::profile::{Aggregate, BranchId, Kind, Label, Weighted};
use inferno::flamegraph::color::{BackgroundColor, BasicPalette, Color, Palette, PaletteMap};
use inferno::flamegraph::{Options, TextTruncateDirection, from_lines};
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};

/// Stacks below this part of the whole are drawn as part of their callers: narrower than a tenth of a
/// pixel, they would only make the file large (3.7 million stacks: 900 MB).
const SHOWN: u64 = 10_000;
/// Deeper stacks are cut there: the graph would be higher than browsers draw, and the library wants
/// each stack as a text.
const DEEPEST: u32 = 1000;
/// From this time on, in ns, milliseconds are fine enough.
const LONG: u64 = 10_000_000_000;

/// A flame graph.
pub const FORMAT: Format = Format {
    name: "svg",
    extensions: &[".svg"],
    about: "flame graph for any browser, with zoom and search",
    write: |recording, view, out| write(recording, view, out),
    compare: Some(|compared, out| compare(compared, out)),
};

fn write(recording: &dyn Source, view: &View, out: &mut dyn Write) -> Result<()> {
    let mut summary = Summary::of(recording, view)?;
    let weight = summary.weight();
    let merged = merge(&mut summary.aggregate, weight / SHOWN);
    let mut all = Vec::new();
    lines(&summary, |line| {
        all.push(drawable(line));
        Ok(())
    })
    .map_err(unwritten)?;
    order(&mut all, 1);
    if all.is_empty() {
        // The library refuses to draw nothing, and a file must say so.
        all.push("nothing counts 1".to_owned());
    }
    let mut colours = colours(&summary.aggregate);
    let mut options = options(&summary.title, summary.weight());
    let mut subtitle = format!("{} of {}; {}", time(weight), summary.measure, summary.line());
    if let Some(problem) = summary.problem() {
        subtitle = format!("{problem}; {subtitle}");
    }
    options.subtitle = Some(drawable(&(subtitle + if merged { MERGED } else { "" })));
    options.palette_map = Some(&mut colours);
    draw(&mut options, &all, out)
}

const MERGED: &str = "; stacks below 0.01 % or deeper than 1,000 are part of their callers";

/// As wide as the second is, and coloured by what has become of the own time of each place.
fn compare(compared: &Compared, out: &mut dyn Write) -> Result<()> {
    let mut both = compared.both.clone();
    let whole = [compared.before.weight(), compared.after.weight()];
    // Shares are compared: the second may be of a longer recording.
    if let Some(before) = both.groups.first_mut() {
        before.stacks.iter_mut().for_each(|stack| stack.weight = scaled(stack.weight, whole[1], whole[0]));
    }
    let sums = both.groups.iter().map(|group| both.totals(group)).reduce(|mut sums, other| {
        sums.iter_mut().zip(other).for_each(|(sum, other)| *sum = sum.saturating_add(other));
        sums
    });
    let sums = sums.unwrap_or_default();
    let mut merged = false;
    for index in 0..both.groups.len() {
        merged |= merge_group(&mut both, index, &sums, whole[1] / SHOWN);
    }
    let is = both.groups.get(1).map_or_else(Vec::new, |after| both.totals(after));
    let (mut paths, mut all) = (Paths::new(&both), Vec::new());
    for (branch, [before, after]) in sides(&both) {
        // What is there no more has no width; what its callers take themselves has.
        if is[branch.index()] > 0 {
            let mut line = String::new();
            paths.add(branch, &mut line);
            all.push(drawable(&format!("{line} {} {}", microseconds(before), microseconds(after))));
        }
    }
    order(&mut all, 2);
    let mut options = options(&compared.title(), whole[1]);
    let mut subtitle =
        format!("{}; red takes a greater share of own time than before, blue a smaller one", compared.measure());
    if let Some(problem) = compared.problem() {
        subtitle = format!("{problem}; {subtitle}");
    }
    options.subtitle = Some(drawable(&(subtitle + if merged { MERGED } else { "" })));
    if all.is_empty() {
        all.push("nothing counts 1 1".to_owned());
    }
    draw(&mut options, &all, out)
}

/// `part` of a whole `of`, as part of a whole `to`.
fn scaled(part: u64, to: u64, of: u64) -> u64 {
    u64::try_from(u128::from(part) * u128::from(to) / u128::from(of.max(1))).unwrap_or(u64::MAX)
}

/// By whole places, the last first as the library wants them: sorted as text, a place that begins as
/// another would be drawn in several parts, or be refused. Behind the places stand so many numbers.
fn order(all: &mut [String], numbers: usize) {
    let key = |line: &String| line.rmatch_indices(' ').nth(numbers - 1).map_or(0, |(end, _)| end);
    let order = |line: &String| line.bytes().take(key(line)).map(|b| if b == b';' { 0 } else { b }).collect::<Vec<_>>();
    all.sort_by_cached_key(|line| std::cmp::Reverse(order(line)));
}

fn draw(options: &mut Options<'_>, lines: &[String], out: &mut dyn Write) -> Result<()> {
    let mut out = BufWriter::new(out);
    let refused = |cause| Error::failed("the flame graph cannot be written").because(cause);
    from_lines(options, lines.iter().map(String::as_str), &mut out).map_err(refused)?;
    out.flush().map_err(unwritten)
}

fn options<'a>(title: &str, weight: u64) -> Options<'a> {
    let mut options = Options::default();
    options.title = drawable(title);
    (options.count_name, options.factor) = match weight {
        LONG.. => ("ms".to_owned(), 0.001),
        _ => ("µs".to_owned(), 1.0),
    };
    // For what has none of its own: what stands above the stacks.
    options.colors = Palette::Basic(BasicPalette::Yellow);
    options.bgcolors = Some(BackgroundColor::Flat(Color { r: 250, g: 250, b: 250 }));
    // Neither sort nor check the order.
    options.flame_chart = true;
    // The same recording gives the same bytes.
    options.deterministic = true;
    options.text_truncate_direction = TextTruncateDirection::Right;
    options.min_width = 0.0;
    options
}

/// Counts stacks that weigh, with all they call, less than `least`, or are deeper than can be drawn, as
/// part of the nearest caller that can be; whether there are any. The outermost place always stays.
fn merge(aggregate: &mut Aggregate, least: u64) -> bool {
    let mut merged = false;
    for index in 0..aggregate.groups.len() {
        let totals = aggregate.totals(&aggregate.groups[index]);
        merged |= merge_group(aggregate, index, &totals, least);
    }
    merged
}

/// The same for group `index`, by what stacks weigh according to `totals`.
fn merge_group(aggregate: &mut Aggregate, index: usize, totals: &[u64], least: u64) -> bool {
    let mut depths: Vec<u32> = Vec::with_capacity(aggregate.branches.len());
    for branch in &aggregate.branches {
        depths.push(branch.parent.map_or(1, |parent| depths[parent.index()] + 1));
    }
    let mut merged = false;
    let mut sums: BTreeMap<BranchId, Weighted> = BTreeMap::new();
    for stack in &aggregate.groups[index].stacks {
        let mut to = stack.branch;
        while totals[to.index()] < least || depths[to.index()] > DEEPEST {
            let Some(parent) = aggregate.branches[to.index()].parent else { break };
            to = parent;
        }
        merged |= to != stack.branch;
        let sum = sums.entry(to).or_insert(Weighted { branch: to, weight: 0, looks: 0 });
        sum.weight = sum.weight.saturating_add(stack.weight);
        sum.looks = sum.looks.saturating_add(stack.looks);
    }
    aggregate.groups[index].stacks = sums.into_values().collect();
    merged
}

/// A colour for each place, on all of which black text can be read.
fn colours(aggregate: &Aggregate) -> PaletteMap {
    let mut colours = PaletteMap::default();
    for label in &aggregate.labels {
        colours.insert(drawable(&part(&place(label))), colour(label));
    }
    colours
}

/// Red for the program, blue for installed packages, yellow for the standard library, violet for C,
/// grey for what is no function; a little different for each.
fn colour(label: &Label) -> Color {
    let file = label.file.as_deref().unwrap_or_default();
    let has = |part: &str| file.contains(part);
    let (r, g, b) = match label.kind {
        Kind::Python if has("/site-packages/") || has("/dist-packages/") => (125, 195, 225),
        Kind::Python if has("/lib/python") || file.starts_with("<frozen ") => (235, 215, 100),
        Kind::Python => (245, 145, 110),
        Kind::Native => (205, 175, 230),
        _ => (190, 190, 190),
    };
    let shade = label.full_name().bytes().fold(7_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) % 31;
    let shaded = |part: u8| part.saturating_sub(15).saturating_add(shade);
    Color { r: shaded(r), g: shaded(g), b: shaded(b) }
}

/// Text without the characters that XML forbids even in escaped form.
fn drawable(text: &str) -> String {
    text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}
