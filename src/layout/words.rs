//! How things are encoded, where versions differ in more than numbers: one word of the table each,
//! one exhaustive `match` in one file of `python/` each.
//!
//! A word follows from which members a build has, so `pitviper offsets` derives it from debug info
//! and nobody has to write it.

/// Declares an enum of words with its name in the table and, for each value, the members whose
/// existence implies it. The first row that holds wins; the last holds always.
macro_rules! words {
    ($( $(#[doc = $doc:literal])* $Word:ident as $name:ident {
        $( $(#[doc = $vdoc:literal])* $Value:ident = $text:literal $(if $member:literal)? ; )*
    } )*) => {
        $(
            $(#[doc = $doc])*
            #[derive(Clone, Copy, PartialEq, Eq, Debug)]
            pub enum $Word { $( $(#[doc = $vdoc])* $Value, )* }
            impl $Word {
                fn from_text(text: &str) -> Option<Self> {
                    match text { $( $text => Some(Self::$Value), )* _ => None }
                }
            }
        )*
        /// Every word of a table.
        #[derive(Clone, Copy, Debug)]
        pub struct Words { $( $(#[doc = $doc])* pub $name: $Word, )* }
        impl Words {
            /// Reads the words that `lookup` finds by name. Fails with the name of the one that is
            /// missing or unknown.
            pub fn load<'t>(lookup: impl Fn(&str) -> Option<&'t str>) -> Result<Self, String> {
                Ok(Self { $( $name: {
                    let text = lookup(stringify!($name));
                    text.and_then($Word::from_text)
                        .ok_or_else(|| format!("words.{} is {}", stringify!($name), text.unwrap_or("missing")))?
                }, )* })
            }
            /// The words of a build that has the members for which `has` answers yes, with their
            /// names, in the order they are printed.
            pub fn derive(has: impl Fn(&str) -> bool) -> Vec<(&'static str, &'static str)> {
                vec![$( (stringify!($name), {
                    let rows: &[(&str, Option<&str>)] = &[ $( ($text, words!(@opt $($member)?)) ),* ];
                    rows.iter().find(|row| row.1.is_none_or(&has)).or(rows.last()).map_or("", |row| row.0)
                }) ),*]
            }
        }
    };
    (@opt) => { None };
    (@opt $value:literal) => { Some($value) };
}

words! {
    /// How a frame says where it is.
    Instruction as instruction {
        /// A pointer to the code unit being executed (3.13+).
        Pointer = "pointer" if "_PyInterpreterFrame.instr_ptr";
        /// A pointer to the code unit executed last (3.11, 3.12).
        PreviousPointer = "previous-pointer" if "_PyInterpreterFrame.prev_instr";
        /// `f_lasti` in code units of two bytes (3.10).
        UnitIndex = "unit-index" if "PyFrameObject.f_stackdepth";
        /// `f_lasti` in bytes (before 3.10).
        ByteIndex = "byte-index";
    }
    /// How a code object maps instructions to lines.
    LineTable as line_table {
        /// PEP 657: lines, end lines and columns (3.11+; Objects/locations.md).
        Locations = "locations" if "PyCodeObject.co_code_adaptive";
        /// PEP 626: ranges (3.10; Objects/lnotab_notes.txt).
        Ranges = "ranges" if "PyCodeObject.co_linetable";
        /// `co_lnotab` with signed line steps (3.6–3.9; Objects/lnotab_notes.txt).
        Lnotab = "lnotab" if "PyCodeObject.co_extra";
        /// `co_lnotab` with unsigned line steps (before 3.6).
        LnotabUnsigned = "lnotab-unsigned";
    }
    /// What a reference in a frame looks like.
    References as references {
        /// `_PyStackRef`: the two low bits are a tag (3.14+; pycore_stackref.h).
        Tagged = "tagged" if "_PyInterpreterFrame.f_executable.bits";
        /// A plain pointer.
        Plain = "plain";
    }
    /// How a frame's variables are named.
    Variables as variables {
        /// One tuple of names with a byte of kind for each (3.11+).
        Kinds = "kinds" if "PyCodeObject.co_localspluskinds";
        /// Three tuples: locals, cells, free variables (before 3.11).
        Tuples = "tuples";
    }
    /// How an `int` holds its sign and size.
    IntSign as int_sign {
        /// `lv_tag` (3.12+).
        Tag = "tag" if "PyLongObject.long_value.lv_tag";
        /// The sign of `ob_size`.
        Size = "size";
    }
    /// How a `str` holds its text.
    StrText as str_text {
        /// PEP 393 (3.3+).
        Compact = "compact" if "PyASCIIObject.length";
        /// `Py_UNICODE` units (before 3.3).
        Units = "units";
    }
    /// How a `dict` holds its items.
    DictTable as dict_table {
        /// Indices and entries, sizes as powers of two (3.11+).
        Log2Indices = "log2-indices" if "PyDictKeysObject.dk_log2_size";
        /// Indices and entries (3.6–3.10).
        Indices = "indices" if "PyDictKeysObject.dk_indices";
        /// A hash table of entries behind the keys object (3.3–3.5).
        Entries = "entries" if "PyDictObject.ma_keys";
        /// A hash table of entries (before 3.3).
        Table = "table";
    }
    /// How the values of a split table lie.
    SplitValues as split_values {
        /// Behind a header that tells their number (3.13+).
        Header = "header" if "PyDictValues.capacity";
        /// A bare array.
        Array = "array";
    }
    /// Where an instance without a dict pointer of its own keeps its attributes
    /// (`Py_TPFLAGS_MANAGED_DICT`).
    ManagedDict as managed_dict {
        /// Dict pointer before the object, values behind it (3.13+).
        Inline = "inline" if "PyDictValues.valid";
        /// One word before the object: dict, or values with the low bit set (3.12).
        Tagged = "tagged" if "PyLongObject.long_value.lv_tag";
        /// Two words before the object: values and dict (3.11).
        Pair = "pair" if "PyDictValues.values";
        /// There is no such thing (before 3.11).
        None = "none";
    }
    /// How Python writes literals.
    Literals as literals {
        /// `u'…'`, `1L`, `<type …>` (2.7).
        Python2 = "python2" if "PyIntObject.ob_ival";
        /// As today.
        Python3 = "python3";
    }
}
