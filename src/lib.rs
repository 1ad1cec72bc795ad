//! See inside any running CPython, from outside.
pub mod address;
pub mod binary;
pub mod error;
