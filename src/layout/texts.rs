//! What releases write differently in `repr` or `ast.dump`, or count differently in `sys.getsizeof`, and differ in nothing else: no
//! member of a struct tells it, so the version does.

use crate::address::{Level, Version};
use crate::layout::Layout;

/// How a release writes and counts some types.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Texts {
    /// `ValueError('x',)`, until 3.6 (Objects/exceptions.c; bpo-30399).
    pub comma_after_one_argument: bool,
    /// `timedelta(days=1, seconds=2)` in place of `timedelta(1, 2)`, since 3.7 (Modules/_datetimemodule.c; bpo-30302).
    pub named_parts_of_timedelta: bool,
    /// `OrderedDict({1: 2})` in place of `OrderedDict([(1, 2)])`, since 3.12 (Objects/odictobject.c; gh-101446).
    pub ordered_dict_of_dict: bool,
    /// `sys.getsizeof(0)` counts a digit, since 3.11 (`int___sizeof___impl`, Objects/longobject.c: 3.10.15 does not,
    /// 3.11.2 does).
    pub zero_has_a_digit: bool,
    /// `sys.getsizeof` counts a header of the garbage collector before static types, which have none: in 3.11 and 3.12
    /// (`_PySys_GetSizeOf`, Python/sysmodule.c; gh-112529).
    pub static_types_have_header: bool,
    /// `ast.dump` leaves out what is None where that is the default, since 3.9 (Lib/ast.py; bpo-39981).
    pub dump_hides_none: bool,
    /// `ast.dump` leaves out all that is None or an empty list, but for the value of a constant: 3.13.0 to 3.13.3
    /// (Lib/ast.py; gh-134718).
    pub dump_hides_empty: bool,
    /// `ast.dump` leaves out `ctx=Load()`, since 3.15 (Lib/ast.py; gh-134718); empty lists it leaves out since there is
    /// `_field_types` (3.13).
    pub dump_hides_load: bool,
    /// The attributes of a `SimpleNamespace` sorted by name, until 3.8 (Objects/namespaceobject.c; bpo-39075).
    pub sorted_namespace: bool,
    /// `re.compile('a', 32)`: flags of a pattern by name, since 3.4 (Modules/_sre.c; bpo-13592), where `repr` tells
    /// nothing before. Since then a str pattern's `re.UNICODE` goes without saying.
    pub unicode_is_understood: bool,
}

impl Layout {
    /// How this release writes and counts some types.
    pub fn texts(&self) -> Texts {
        let first = |minor: u8, micro: u8| Version { major: 3, minor, micro, level: Level::Alpha, serial: 0 };
        let since = |minor: u8| self.version >= first(minor, 0);
        let before = |minor: u8, micro: u8| self.version < first(minor, micro);
        Texts {
            comma_after_one_argument: !since(7),
            named_parts_of_timedelta: since(7),
            ordered_dict_of_dict: since(12),
            zero_has_a_digit: since(11),
            static_types_have_header: since(11) && !since(13),
            dump_hides_none: since(9),
            dump_hides_empty: since(13) && before(13, 4),
            dump_hides_load: since(15),
            sorted_namespace: !since(9),
            unicode_is_understood: since(0),
        }
    }
}
