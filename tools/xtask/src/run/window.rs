//! How a machine's screen comes before somebody's eyes.
use super::machine::Screen;
use std::env;
use std::process::{Command, Stdio};

/// QEMU's displays that open a window, the best first.
const DISPLAYS: [&str; 3] = ["gtk", "sdl", "cocoa"];

/// A window if one can be opened; else says why not, and the screen stays hidden.
pub fn find() -> Screen {
    let has_display = cfg!(target_os = "macos")
        || ["WAYLAND_DISPLAY", "DISPLAY"]
            .iter()
            .any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()));
    if !has_display {
        eprintln!(
            "xtask: there is no display for a window; the machine has a screen, and --screenshot takes a picture of it"
        );
        return Screen::Hidden;
    }
    match supported() {
        Some(display) => Screen::Window(display),
        None => {
            eprintln!(
                "xtask: QEMU cannot open a window (Debian's package for that is qemu-system-gui); the machine has a screen, and --screenshot takes a picture of it"
            );
            Screen::Hidden
        }
    }
}

fn supported() -> Option<&'static str> {
    let output = Command::new("qemu-system-aarch64")
        .args(["-display", "help"])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let known = String::from_utf8_lossy(&output.stdout).into_owned();
    DISPLAYS
        .into_iter()
        .find(|display| known.lines().any(|line| line.trim() == *display))
}
