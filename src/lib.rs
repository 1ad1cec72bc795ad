//! See inside any running CPython, from outside.
pub mod address;
pub mod binary;
pub mod cli;
pub mod error;
pub mod layout;
pub mod memory;
pub mod objects;
pub mod os;
pub mod output;
pub mod profile;
pub mod python;
pub mod sampling;
pub mod stacks;
pub mod target;
