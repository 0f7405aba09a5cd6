//! Bringing the system up and down.
use crate::data;
use crate::processes::{self, End};
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, reboot, sethostname};
use std::ffi::CString;
use std::fs;
use std::thread;

/// Mounts the usual file systems and sets the host name. What fails is said and left out: a shell without /proc is better
/// than none.
pub fn prepare() {
    let nothing_special = MountFlags::NOSUID | MountFlags::NOEXEC | MountFlags::NODEV;
    attach("proc", "/proc", nothing_special, None);
    attach("devtmpfs", "/dev", MountFlags::NOSUID, None);
    attach(
        "devpts",
        "/dev/pts",
        MountFlags::NOSUID | MountFlags::NOEXEC,
        Some("gid=5,mode=620,ptmxmode=666"),
    );
    attach(
        "tmpfs",
        "/dev/shm",
        MountFlags::NOSUID | MountFlags::NODEV,
        Some("mode=1777"),
    );
    attach(
        "tmpfs",
        "/tmp",
        MountFlags::NOSUID | MountFlags::NODEV,
        Some("mode=1777"),
    );
    data::mount_named();
    if let Ok(name) = fs::read_to_string("/etc/hostname")
        && let Err(error) = sethostname(name.trim().as_bytes())
    {
        eprintln!("init: cannot set the host name: {error}");
    }
}

fn attach(kind: &str, place: &str, flags: MountFlags, data: Option<&str>) {
    // An error here is one of mount's below, which says more.
    let _ = rustix::fs::mkdir(place, Mode::from(0o755));
    let data = data.map(|data| CString::new(data).unwrap_or_default());
    match mount(kind, place, kind, flags, data.as_deref()) {
        // Some kernels mount /dev by themselves.
        Ok(()) | Err(Errno::BUSY) => {}
        Err(error) => eprintln!("init: cannot mount {kind} on {place}: {error}"),
    }
}

/// Ends the machine. All files are in memory but for those of the data partition.
pub fn shut_down(end: End) -> ! {
    if data::is_mounted() {
        processes::end_all();
        data::unmount_all();
    }
    rustix::fs::sync();
    let command = match end {
        End::PowerOff => RebootCommand::PowerOff,
        End::Restart => RebootCommand::Restart,
    };
    if let Err(error) = reboot(command) {
        eprintln!("init: cannot end the machine: {error}");
    }
    // The kernel panics when its first process ends, so this one waits for someone to pull the plug.
    loop {
        thread::park();
    }
}
