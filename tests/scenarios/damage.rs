//! Memory that contradicts itself: what is broken is marked, and costs nothing else.

use crate::scenario::{Answer, Target, dump, names, run, these, thread_in, threads_of};

/// A thread whose frame chain is bent by ctypes. Takes what it shall lead to: loop, wild, null.
const DAMAGED: &str = include_str!("damaged.py");

const KINDS: &[&str] = &[
    "2.7-pyenv",
    "3.6-pyenv",
    "3.7-pyenv",
    "3.8-pyenv",
    "3.9-pyenv",
    "3.10-pyenv",
    "3.11-pyenv",
    "3.12-pyenv",
    "3.13-pyenv",
    "3.14",
    "3.15",
];

/// Dumps a target with damage of each kind of interpreter.
fn each(damage: &str, check: impl Fn(&Answer, &str)) {
    for python in these(KINDS) {
        let mut target = Target::start(python.command().args(["-c", DAMAGED, damage]));
        target.wait_for("ready");
        target.settle(2);
        let answer = dump(target.pid).ended(4);
        let document = answer.json();
        assert_eq!(document["complete"], false);
        assert_eq!(threads_of(&document).len(), 2, "{document:#}");
        let whole = thread_in(&document, "main");
        assert_eq!((&whole["end"], names(whole)), (&"root".into(), vec!["main".to_owned(), "<module>".to_owned()]));
        let pid = target.pid.to_string();
        let text = run(["dump", &pid]).ended(4).out;
        // What a thread waits for is found in what there is of it.
        let locks = run(["locks", &pid, "--json"]).ended(0).json();
        assert_eq!(locks["threads"].as_array().map(Vec::len), Some(2), "{locks:#}");
        check(&answer, &text);
    }
}

#[test]
fn a_frame_that_leads_back_to_itself() {
    each("loop", |answer, text| {
        let document = answer.json();
        let broken = thread_in(&document, "blocked");
        assert_eq!(broken["end"], "loop", "{document:#}");
        assert_eq!(names(broken), ["blocked", "damaged"]);
        assert!(text.contains("<the chain of frames leads back into itself>"), "{text}");
    });
}

#[test]
fn a_frame_that_leads_nowhere() {
    each("wild", |answer, text| {
        let document = answer.json();
        let broken = thread_in(&document, "blocked");
        assert_eq!(broken["end"], "unreadable", "{document:#}");
        // The frame would be at 0x1230; what is read of it begins a few words on.
        let fault = broken["fault"].as_str().expect("a fault");
        assert!(fault.contains(" at 0x12"), "{fault}");
        assert_eq!(names(broken), ["blocked", "damaged"]);
        assert!(text.contains("<the rest is unreadable: "), "{text}");
    });
}

/// Into its own code object, of which no sense can be made as a frame.
#[test]
fn a_frame_that_leads_into_something_else() {
    each("code", |answer, text| {
        let document = answer.json();
        let broken = thread_in(&document, "blocked");
        assert_ne!(broken["end"], "root", "{document:#}");
        assert_eq!(names(broken)[..2], ["blocked", "damaged"]);
        assert!(text.contains("    <"), "{text}");
    });
}
