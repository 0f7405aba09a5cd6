//! The data partition, where files stay when the machine is off. The kernel's command line names it: `data=/dev/mmcblk0p2`.
use rustix::fs::Mode;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, mount_remount, unmount};
use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;

/// The variable that the kernel makes of the word on its command line.
const NAME: &str = "data";
const KIND: &str = "ext4";
const PLACE: &str = "/data";
/// Where runc keeps the layers of images, and where those are on the partition.
const STORE: &str = "/var/lib/runc";
const STORED: &str = "/data/runc";

/// Mounts the partition, if there is a word for it. What fails is said and left out.
pub fn mount_named() {
    let Ok(device) = env::var(NAME) else { return };
    // An error here is one of mount's below, which says more.
    let _ = rustix::fs::mkdir(PLACE, Mode::from(0o755));
    if let Err(error) = mount(&device, PLACE, KIND, MountFlags::NODEV, None) {
        eprintln!("init: cannot mount the data partition {device} on {PLACE}: {error}");
        return;
    }
    let made = fs::create_dir_all(STORED).and_then(|()| fs::create_dir_all(STORE));
    if let Err(error) = made.and_then(|()| Ok(mount_bind(STORED, STORE)?)) {
        eprintln!("init: images are not kept on the data partition: {error}");
    }
}

/// Whether the partition is mounted.
pub fn is_mounted() -> bool {
    let device = |path| fs::metadata(path).map(|found| found.dev()).ok();
    device(PLACE).is_some_and(|own| Some(own) != device("/"))
}

/// Unmounts the partition, so that it is complete. While something still uses it, it is made read-only at least.
pub fn unmount_all() {
    // The first may not be mounted; of the second we hear below.
    let _ = unmount(STORE, UnmountFlags::empty());
    if unmount(PLACE, UnmountFlags::empty()).is_ok() {
        return;
    }
    if let Err(error) = mount_remount(PLACE, MountFlags::RDONLY | MountFlags::NODEV, "") {
        eprintln!(
            "init: cannot unmount the data partition, its journal completes it at the next start: {error}"
        );
    }
}
