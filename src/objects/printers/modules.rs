//! Modules.

use crate::objects::printers::{Printer, Types, instances};

/// As other objects, but without attributes: what a module holds is no description of it.
pub const PRINTER: Printer = Printer { types: Types::Named(&["module"]), attributes: false, print: instances::print };
