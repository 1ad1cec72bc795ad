//! The grammar of member paths: `Type.member[1].other->third`.

/// No path of a layout table has as many steps as this.
const MAX_STEPS: usize = 32;

/// A path from a type to a member.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Path<'p> {
    pub type_name: &'p str,
    pub steps: Vec<Step<'p>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step<'p> {
    /// `.name`
    Member(&'p str),
    /// `[1]`
    Index(u64),
    /// The first half of `->name`.
    Dereference,
}

impl<'p> Path<'p> {
    /// `None` where `text` is no path.
    pub fn parse(text: &'p str) -> Option<Self> {
        let (type_name, mut rest) = name(text)?;
        let mut steps = Vec::new();
        while !rest.is_empty() && steps.len() < MAX_STEPS {
            if let Some(indexed) = rest.strip_prefix('[') {
                let (index, after) = indexed.split_once(']')?;
                steps.push(Step::Index(index.parse().ok()?));
                rest = after;
                continue;
            }
            let (member, after) = match rest.strip_prefix("->") {
                Some(member) => {
                    steps.push(Step::Dereference);
                    name(member)?
                }
                None => name(rest.strip_prefix('.')?)?,
            };
            steps.push(Step::Member(member));
            rest = after;
        }
        rest.is_empty().then_some(Self { type_name, steps })
    }
}

/// The name that `text` begins with, and what follows it.
fn name(text: &str) -> Option<(&str, &str)> {
    let end = text.find(['.', '-', '[', ']', '>']).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(name, _)| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Step::{Dereference, Index, Member};

    #[test]
    fn paths_are_read_as_c_reads_them() {
        let rows: [(&str, &str, &[Step]); 4] = [
            ("PyObject", "PyObject", &[]),
            ("struct _ts.interp", "struct _ts", &[Member("interp")]),
            ("A.b[1].c", "A", &[Member("b"), Index(1), Member("c")]),
            ("A.b->c[0][2]", "A", &[Member("b"), Dereference, Member("c"), Index(0), Index(2)]),
        ];
        for (text, type_name, steps) in rows {
            let steps = steps.to_vec();
            assert_eq!(Path::parse(text), Some(Path { type_name, steps }), "{text}");
        }
        for bad in ["", ".a", "A.", "A..b", "A->", "A-b", "A[x]", "A[1", "A[-1]", "A.b[1]c", "A]"] {
            assert_eq!(Path::parse(bad), None, "{bad}");
        }
        assert_eq!(Path::parse(&format!("A{}", ".b".repeat(1000))), None);
    }
}
