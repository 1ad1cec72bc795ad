//! What the live tests share: the Pythons of this machine, the programs, how to compare, how to record.

pub mod calltree;
pub mod compare;
pub mod interpreters;
pub mod programs;
pub mod recorded;
pub mod run;
