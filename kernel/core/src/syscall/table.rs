//! The table of system calls: every number with its handler. Numbers are Linux's for arm64
//! (include/uapi/asm-generic/unistd.h); from 1024 on, our own (the container interface).

use super::Handler;
use crate::*;

/// How many numbers the table covers.
const SIZE: usize = 1029;

macro_rules! system_calls {
    ($($number:literal => $handler:path,)*) => {
        /// The handlers by number.
        pub static TABLE: [Option<Handler>; SIZE] = {
            let mut table: [Option<Handler>; SIZE] = [None; SIZE];
            $(
                assert!(table[$number].is_none(), concat!("two handlers for system call ", $number));
                table[$number] = Some($handler as Handler);
            )*
            table
        };
    };
}

system_calls! {
    // Processes and threads: task/syscalls
    93 => task::syscalls::life::exit,
    94 => task::syscalls::life::exit_group,
    95 => task::syscalls::wait::waitid,
    96 => task::syscalls::life::set_tid_address,
    220 => task::syscalls::create::clone,
    435 => task::syscalls::create::clone3,
    260 => task::syscalls::wait::wait4,
    172 => task::syscalls::identity::getpid,
    173 => task::syscalls::identity::getppid,
    178 => task::syscalls::identity::gettid,
    154 => task::syscalls::groups::setpgid,
    155 => task::syscalls::groups::getpgid,
    156 => task::syscalls::groups::getsid,
    157 => task::syscalls::groups::setsid,
    167 => task::syscalls::prctl::prctl,
    92 => task::syscalls::personality::personality,
    97 => task::syscalls::namespaces::unshare,
    268 => task::syscalls::namespaces::setns,

    // Users and groups: task/syscalls/users.rs
    174 => task::syscalls::identity::getuid,
    175 => task::syscalls::identity::geteuid,
    176 => task::syscalls::identity::getgid,
    177 => task::syscalls::identity::getegid,
    143 => task::syscalls::users::setregid,
    144 => task::syscalls::users::setgid,
    145 => task::syscalls::users::setreuid,
    146 => task::syscalls::users::setuid,
    147 => task::syscalls::users::setresuid,
    148 => task::syscalls::users::getresuid,
    149 => task::syscalls::users::setresgid,
    150 => task::syscalls::users::getresgid,
    151 => task::syscalls::users::setfsuid,
    152 => task::syscalls::users::setfsgid,
    158 => task::syscalls::users::getgroups,
    159 => task::syscalls::users::setgroups,
    90 => task::syscalls::capabilities::capget,
    91 => task::syscalls::capabilities::capset,

    // Limits and usage: task/syscalls/usage.rs
    153 => task::syscalls::usage::times,
    163 => task::syscalls::limits::getrlimit,
    164 => task::syscalls::limits::setrlimit,
    165 => task::syscalls::usage::getrusage,
    261 => task::syscalls::limits::prlimit64,

    // Scheduling: sched/syscalls.rs
    118 => sched::syscalls::sched_setparam,
    119 => sched::syscalls::sched_setscheduler,
    120 => sched::syscalls::sched_getscheduler,
    121 => sched::syscalls::sched_getparam,
    122 => sched::syscalls::sched_setaffinity,
    123 => sched::syscalls::sched_getaffinity,
    124 => sched::syscalls::sched_yield,
    125 => sched::syscalls::sched_get_priority_max,
    126 => sched::syscalls::sched_get_priority_min,
    127 => sched::syscalls::sched_rr_get_interval,
    140 => sched::syscalls::setpriority,
    141 => sched::syscalls::getpriority,
    168 => sched::syscalls::getcpu,

    // Futexes: futex
    98 => futex::syscalls::futex,
    99 => futex::syscalls::set_robust_list,
    100 => futex::syscalls::get_robust_list,

    // Signals: signal/syscalls.rs
    128 => signal::syscalls::restart_syscall,
    129 => signal::syscalls::kill,
    130 => signal::syscalls::tkill,
    131 => signal::syscalls::tgkill,
    132 => signal::syscalls::sigaltstack,
    133 => signal::syscalls::rt_sigsuspend,
    134 => signal::syscalls::rt_sigaction,
    135 => signal::syscalls::rt_sigprocmask,
    136 => signal::syscalls::rt_sigpending,
    137 => signal::syscalls::rt_sigtimedwait,
    138 => signal::syscalls::rt_sigqueueinfo,
    139 => signal::syscalls::rt_sigreturn,
    240 => signal::syscalls::rt_tgsigqueueinfo,

    // Programs: exec

    // Files, directories, mounts: vfs/syscalls
    5 => vfs::syscalls::extended::by_path,
    6 => vfs::syscalls::extended::by_link,
    7 => vfs::syscalls::extended::by_descriptor,
    8 => vfs::syscalls::extended::by_path,
    9 => vfs::syscalls::extended::by_link,
    10 => vfs::syscalls::extended::by_descriptor,
    11 => vfs::syscalls::extended::list_by_path,
    12 => vfs::syscalls::extended::list_by_link,
    13 => vfs::syscalls::extended::list_by_descriptor,
    14 => vfs::syscalls::extended::by_path,
    15 => vfs::syscalls::extended::by_link,
    16 => vfs::syscalls::extended::by_descriptor,
    17 => vfs::syscalls::working::getcwd,
    23 => vfs::syscalls::descriptor::dup,
    24 => vfs::syscalls::descriptor::dup3,
    25 => vfs::syscalls::descriptor::fcntl,
    29 => vfs::syscalls::ioctl::ioctl,
    32 => vfs::syscalls::lock::flock,
    33 => vfs::syscalls::directory::mknodat,
    34 => vfs::syscalls::directory::mkdirat,
    35 => vfs::syscalls::directory::unlinkat,
    36 => vfs::syscalls::directory::symlinkat,
    37 => vfs::syscalls::directory::linkat,
    38 => vfs::syscalls::directory::renameat,
    39 => vfs::syscalls::mount::umount2,
    40 => vfs::syscalls::mount::mount,
    41 => vfs::syscalls::mount::pivot_root,
    43 => vfs::syscalls::statfs::statfs,
    44 => vfs::syscalls::statfs::fstatfs,
    45 => vfs::syscalls::size::truncate,
    46 => vfs::syscalls::size::ftruncate,
    47 => vfs::syscalls::size::fallocate,
    48 => vfs::syscalls::access::faccessat,
    49 => vfs::syscalls::working::chdir,
    50 => vfs::syscalls::working::fchdir,
    51 => vfs::syscalls::working::chroot,
    52 => vfs::syscalls::attributes::fchmod,
    53 => vfs::syscalls::attributes::fchmodat,
    54 => vfs::syscalls::attributes::fchownat,
    55 => vfs::syscalls::attributes::fchown,
    56 => vfs::syscalls::open::openat,
    57 => vfs::syscalls::open::close,
    59 => vfs::syscalls::pipe::pipe2,
    61 => vfs::syscalls::directory::getdents64,
    62 => vfs::syscalls::read_write::lseek,
    63 => vfs::syscalls::read_write::read,
    64 => vfs::syscalls::read_write::write,
    65 => vfs::syscalls::read_write::readv,
    66 => vfs::syscalls::read_write::writev,
    67 => vfs::syscalls::read_write::pread64,
    68 => vfs::syscalls::read_write::pwrite64,
    69 => vfs::syscalls::read_write::preadv,
    70 => vfs::syscalls::read_write::pwritev,
    71 => vfs::syscalls::copy::sendfile,
    76 => vfs::syscalls::copy::splice,
    77 => vfs::syscalls::copy::tee,
    78 => vfs::syscalls::directory::readlinkat,
    79 => vfs::syscalls::stat::newfstatat,
    80 => vfs::syscalls::stat::fstat,
    81 => vfs::syscalls::sync::sync,
    82 => vfs::syscalls::sync::fsync,
    83 => vfs::syscalls::sync::fsync,
    84 => vfs::syscalls::sync::sync_file_range,
    88 => vfs::syscalls::attributes::utimensat,
    166 => vfs::syscalls::working::umask,
    213 => vfs::syscalls::size::readahead,
    223 => vfs::syscalls::size::fadvise64,
    267 => vfs::syscalls::sync::syncfs,
    276 => vfs::syscalls::directory::renameat2,
    279 => vfs::syscalls::memory_file::memfd_create,
    285 => vfs::syscalls::copy::copy_file_range,
    286 => vfs::syscalls::read_write::preadv2,
    287 => vfs::syscalls::read_write::pwritev2,
    291 => vfs::syscalls::stat::statx,
    428 => vfs::syscalls::mount_api::open_tree,
    429 => vfs::syscalls::mount_api::move_mount,
    430 => vfs::syscalls::mount_api::fsopen,
    431 => vfs::syscalls::mount_api::fsconfig,
    432 => vfs::syscalls::mount_api::fsmount,
    436 => vfs::syscalls::open::close_range,
    437 => vfs::syscalls::open::openat2,
    439 => vfs::syscalls::access::faccessat2,
    442 => vfs::syscalls::mount_api::mount_setattr,
    452 => vfs::syscalls::attributes::fchmodat2,

    // Memory: memory

    // Time: time

    // Waiting on files, sockets: poll, socket

    // The machine: system

    // Contexts: context
}
