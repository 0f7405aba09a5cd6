//! Linux as another runtime wants it.
use crate::build::archive::Archive;
use crate::run::machine::Machine;
use crate::setup::packages;
use anyhow::Result;

/// Room for the files, which are there twice, and for what a Go program takes.
const MEMORY: &str = "3G";
/// Moves everything to a tmpfs: pivot_root, which runtimes call, refuses the initramfs. Mounts control groups, which runtimes
/// pause and count with.
const PREPARATION: &str = r"
set -e
mkdir /new
mount -t tmpfs -o mode=755,size=75% tmpfs /new
cp -a /bin /etc /lib /root /run /usr /new
ln -s bin /new/sbin
mkdir -m 1777 /new/tmp
cd /new
mkdir proc dev sys
mount --move /proc proc
mount --move /dev dev
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount --move . /
exec chroot . ";

/// Prepares a machine for a runtime and returns the command that tests it.
pub fn prepare(
    machine: &mut Machine,
    addition: &mut Archive,
    runtime: &str,
    tests: &str,
) -> Result<String> {
    machine.kernel = Some(packages::linux_image()?);
    machine.set_memory(Some(MEMORY))?;
    machine.append.push("quiet mitigations=off".to_string());
    addition.add_tree(&packages::runtimes()?)?;
    Ok(format!(
        "{PREPARATION} runc-test --runtime {runtime} --report {tests}"
    ))
}
