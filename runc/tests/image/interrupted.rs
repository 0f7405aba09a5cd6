//! What is left of an unpacking that a signal ends.

use super::archive::Tar;
use super::layout::Place;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// An image that takes a while.
fn large(name: &str) -> Place {
    let place = Place::new(name);
    let content = "some text".repeat(4 << 20);
    place.image_of(vec![Tar::new().file("large", &content).bytes()]);
    place
}

/// An unpacking that is half done.
fn half_done(place: &Place) -> Child {
    let mut runc = Command::new(env!("CARGO_BIN_EXE_runc"))
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

fn end(runc: &mut Child, signal: i32) {
    let process = rustix::process::Pid::from_child(runc);
    let named = rustix::process::Signal::from_named_raw(signal).unwrap();
    rustix::process::kill_process(process, named).unwrap();
    assert_eq!(runc.wait().unwrap().signal(), Some(signal));
}

#[test]
fn signals_leave_nothing() {
    let place = large("signals");
    let before = place.files();
    for signal in [1, 2, 3, 15] {
        end(&mut half_done(&place), signal);
        assert_eq!(place.files(), before, "signal {signal}");
    }
}

#[test]
fn what_a_killed_one_left_is_replaced() {
    let place = large("killed");
    end(&mut half_done(&place), 9);
    assert!(place.0.join(".bundle.unpacking").exists());
    place.expect_bundle("layout", &[]);
    assert!(!place.0.join(".bundle.unpacking").exists());
    assert_eq!(place.root(), ["large"]);
}
