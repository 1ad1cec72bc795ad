//! The slots of classes: words of `PyTypeObject` and of the structs that it points to, each with a C function.
//!
//! All of these structs are arrays of words, and have never been anything else: a list of names in their order says
//! all (Include/cpython/object.h; before 3.8 Include/object.h). A word that is no function has no name here.

use crate::address::Version;

/// A struct of slots.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suite {
    /// Which word of the class points to it, `tp_name` being 0; `None` for the class itself.
    pub pointer: Option<u32>,
    /// The names of its words, from `tp_name` on for the class itself.
    pub names: Vec<&'static str>,
}

/// `PyTypeObject` from `tp_name` on. The eighth word is what versions differ in, and the fifth no function since 3.8.
const TYPE: &str = "- - - tp_dealloc tp_print tp_getattr tp_setattr - tp_repr - - - tp_hash tp_call tp_str tp_getattro \
    tp_setattro - - - tp_traverse tp_clear tp_richcompare - tp_iter tp_iternext - - - - - tp_descr_get tp_descr_set - \
    tp_init tp_alloc tp_new tp_free tp_is_gc - - - - - tp_del - tp_finalize tp_vectorcall";
const AS_ASYNC: u32 = 7;
const AS_NUMBER: u32 = 9;
const AS_SEQUENCE: u32 = 10;
const AS_MAPPING: u32 = 11;
const AS_BUFFER: u32 = 17;

const NUMBER: &str = "nb_add nb_subtract nb_multiply nb_remainder nb_divmod nb_power nb_negative nb_positive \
    nb_absolute nb_bool nb_invert nb_lshift nb_rshift nb_and nb_xor nb_or nb_int - nb_float nb_inplace_add \
    nb_inplace_subtract nb_inplace_multiply nb_inplace_remainder nb_inplace_power nb_inplace_lshift \
    nb_inplace_rshift nb_inplace_and nb_inplace_xor nb_inplace_or nb_floor_divide nb_true_divide \
    nb_inplace_floor_divide nb_inplace_true_divide nb_index nb_matrix_multiply nb_inplace_matrix_multiply";
const NUMBER_2: &str = "nb_add nb_subtract nb_multiply nb_divide nb_remainder nb_divmod nb_power nb_negative \
    nb_positive nb_absolute nb_nonzero nb_invert nb_lshift nb_rshift nb_and nb_xor nb_or nb_coerce nb_int nb_long \
    nb_float nb_oct nb_hex nb_inplace_add nb_inplace_subtract nb_inplace_multiply nb_inplace_divide \
    nb_inplace_remainder nb_inplace_power nb_inplace_lshift nb_inplace_rshift nb_inplace_and nb_inplace_xor \
    nb_inplace_or nb_floor_divide nb_true_divide nb_inplace_floor_divide nb_inplace_true_divide nb_index";
/// Two of these words are empty since 3.0.
const SEQUENCE: &str = "sq_length sq_concat sq_repeat sq_item sq_slice sq_ass_item sq_ass_slice sq_contains \
    sq_inplace_concat sq_inplace_repeat";
const MAPPING: &str = "mp_length mp_subscript mp_ass_subscript";
const ASYNC: &str = "am_await am_aiter am_anext am_send";
const BUFFER: &str = "bf_getbuffer bf_releasebuffer";
const BUFFER_2: &str = "bf_getreadbuffer bf_getwritebuffer bf_getsegcount bf_getcharbuffer bf_getbuffer \
    bf_releasebuffer";

/// The slots of classes of `version`, those of the class itself first.
pub fn suites(version: Version) -> Vec<Suite> {
    let since = |major, minor| (version.major, version.minor) >= (major, minor);
    let python_2 = !since(3, 0);
    let words = |text: &'static str| text.split_ascii_whitespace().collect::<Vec<_>>();
    let suite = |pointer, text| Suite { pointer: Some(pointer), names: words(text) };
    let mut class = words(TYPE);
    if since(3, 8) {
        class[4] = "-";
    }
    if python_2 {
        class[AS_ASYNC as usize] = "tp_compare";
    }
    // tp_finalize came with 3.4, tp_vectorcall with 3.8: what lies there in older versions is something else.
    class.truncate(match () {
        () if since(3, 8) => class.len(),
        () if since(3, 4) => class.len() - 1,
        () => class.len() - 2,
    });
    let mut number = suite(AS_NUMBER, if python_2 { NUMBER_2 } else { NUMBER });
    if !python_2 && !since(3, 5) {
        number.names.truncate(number.names.len() - 2);
    }
    let mut found = vec![Suite { pointer: None, names: class }, number];
    let mut sequence = suite(AS_SEQUENCE, SEQUENCE);
    if !python_2 {
        (sequence.names[4], sequence.names[6]) = ("-", "-");
    }
    found.extend([sequence, suite(AS_MAPPING, MAPPING)]);
    if since(3, 5) {
        let mut awaits = suite(AS_ASYNC, ASYNC);
        awaits.names.truncate(if since(3, 10) { 4 } else { 3 });
        found.push(awaits);
    }
    found.push(suite(AS_BUFFER, if python_2 { BUFFER_2 } else { BUFFER }));
    found
}

impl Suite {
    /// The slots: which word, and its name.
    pub fn slots(&self) -> impl Iterator<Item = (u32, &'static str)> + '_ {
        (0_u32..).zip(self.names.iter().copied()).filter(|(_, name)| *name != "-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Machine;
    use crate::layout::{Build, Flavour, select_known};

    /// What tables of offsets know of the class lies where this list has a gap for it.
    #[test]
    fn words_lie_where_tables_say() {
        for (major, minor, micro) in [(2, 7, 18), (3, 4, 0), (3, 7, 5), (3, 11, 7), (3, 15, 0)] {
            let version = Version::release(major, minor, micro);
            let build = Build::new(version, Flavour::Gil, Machine::X86_64);
            let Ok(layout) = select_known(&build) else { continue };
            let class = &layout.type_object;
            let known = [
                (class.basicsize.offset, 1),
                (class.flags.offset, 18),
                (class.doc.offset, 19),
                (class.methods.offset, 26),
                (class.getset.offset, 28),
                (class.dict.offset, 30),
                (class.dictoffset.offset, 33),
                (class.bases.offset, 39),
                (class.mro.offset, 40),
                (class.subclasses.offset, 42),
            ];
            let names = &suites(version)[0].names;
            for (offset, word) in known {
                assert_eq!((offset - class.name.offset) / 8, word, "{version}");
                assert_eq!(names[word as usize], "-", "{version}");
            }
        }
        assert_eq!(TYPE.split_ascii_whitespace().position(|name| name == "tp_vectorcall"), Some(47));
        assert_eq!(NUMBER.split_ascii_whitespace().count(), 36);
        assert_eq!(NUMBER_2.split_ascii_whitespace().count(), 39);
    }
}
