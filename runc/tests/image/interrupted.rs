//! What is left of an unpacking that a signal ends.

use super::archive::Tar;
use super::layout::Place;
use gantry_abi::user::signal::is_ignored;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// An image that takes a while.
fn large(name: &str) -> Place {
    let place = Place::new(name);
    let content = "some text".repeat(1 << 19);
    place.image_of(vec![Tar::new().file("large", &content).bytes()]);
    place
}

/// An unpacking that is half done, started by these words of a shell.
fn half_done(place: &Place, shell: &str) -> Child {
    let mut runc = Command::new("sh")
        .arg("-c")
        .arg(format!("{shell} exec \"$0\" \"$@\""))
        .arg(env!("CARGO_BIN_EXE_runc"))
        .args(["image", "unpack", "--merge", "layout", "bundle"])
        .current_dir(&place.0)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !place.0.join(".bundle.unpacking/layer/large").exists() {
        assert!(start.elapsed() < Duration::from_secs(60));
        assert!(runc.try_wait().unwrap().is_none(), "it ended by itself");
    }
    runc
}

fn send(runc: &Child, signal: i32) {
    let process = rustix::process::Pid::from_child(runc);
    let named = rustix::process::Signal::from_named_raw(signal).unwrap();
    rustix::process::kill_process(process, named).unwrap();
}

fn end(mut runc: Child, signal: i32) {
    send(&runc, signal);
    assert_eq!(runc.wait().unwrap().signal(), Some(signal));
}

#[test]
fn signals_leave_nothing() {
    let place = large("signals");
    let before = place.files();
    // Whoever runs the tests in the background may have them ignore some.
    let is_taken = |signal: &i32| is_ignored(*signal) == Ok(false);
    for signal in [1, 2, 3, 15].into_iter().filter(is_taken) {
        end(half_done(&place, ""), signal);
        assert_eq!(place.files(), before, "signal {signal}");
    }
}

#[test]
fn ignored_signals_are_survived() {
    let place = large("ignored");
    let mut runc = half_done(&place, "trap '' HUP INT TERM;");
    for signal in [1, 2, 15] {
        send(&runc, signal);
    }
    assert!(runc.wait().unwrap().success());
    assert_eq!(place.root(), ["large"]);
}

#[test]
fn what_a_killed_one_left_is_replaced() {
    let place = large("killed");
    end(half_done(&place, ""), 9);
    assert!(place.0.join(".bundle.unpacking").exists());
    place.expect_bundle("layout", &[]);
    assert!(!place.0.join(".bundle.unpacking").exists());
    assert_eq!(place.root(), ["large"]);
}
