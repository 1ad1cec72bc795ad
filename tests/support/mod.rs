//! What the live tests share: the Pythons of this machine, the programs, and how to compare.

pub mod calltree;
pub mod compare;
pub mod interpreters;
pub mod programs;
pub mod run;
