//! Live situations in which inspectors like to fail: containers, files that are gone or renamed,
//! processes that start, end or are stopped, damaged memory.
//!
//! Every scenario ends in the whole truth, or in one clear error; never in a panic, a hang, or a
//! disturbed target.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/scenario.rs"]
mod scenario;

#[path = "scenarios/damage.rs"]
mod damage;
#[path = "scenarios/embedded.rs"]
mod embedded;
#[path = "scenarios/extremes.rs"]
mod extremes;
#[path = "scenarios/files.rs"]
mod files;
#[path = "scenarios/harmless.rs"]
mod harmless;
#[path = "scenarios/lives.rs"]
mod lives;
#[path = "scenarios/namespaces.rs"]
mod namespaces;
#[path = "scenarios/refused.rs"]
mod refused;
#[path = "scenarios/stopped.rs"]
mod stopped;
