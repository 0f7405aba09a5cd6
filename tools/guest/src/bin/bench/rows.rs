//! The table of benchmarks.
use crate::{calls, cards, containers, files, memory, pipes, processes, signals, sockets, threads};
use std::io;

/// One benchmark.
pub struct Row {
    pub name: &'static str,
    /// Measures it: nanoseconds for one operation.
    pub measure: fn() -> io::Result<f64>,
}

/// All of them, in the order in which they run.
pub const ALL: &[Row] = &[
    Row {
        name: "null-call",
        measure: calls::null,
    },
    Row {
        name: "unknown-call",
        measure: calls::unknown,
    },
    Row {
        name: "clock-call",
        measure: calls::clock,
    },
    Row {
        name: "yield",
        measure: calls::yield_now,
    },
    Row {
        name: "read-zero",
        measure: files::read_zero,
    },
    Row {
        name: "write-null",
        measure: files::write_null,
    },
    Row {
        name: "stat",
        measure: files::stat,
    },
    Row {
        name: "access-missing",
        measure: files::access_missing,
    },
    Row {
        name: "open-close",
        measure: files::open_close,
    },
    Row {
        name: "fstat",
        measure: files::fstat,
    },
    Row {
        name: "list-100",
        measure: files::list,
    },
    Row {
        name: "create-write-unlink",
        measure: files::create_write_unlink,
    },
    Row {
        name: "write-new-64k",
        measure: files::write_new,
    },
    Row {
        name: "write-again-64k",
        measure: files::write_again,
    },
    Row {
        name: "read-64k",
        measure: files::read,
    },
    Row {
        name: "card-read-64k",
        measure: cards::read,
    },
    Row {
        name: "card-write-64k",
        measure: cards::write,
    },
    Row {
        name: "pipe-alone",
        measure: pipes::alone,
    },
    Row {
        name: "pipe-round-trip",
        measure: pipes::round_trip,
    },
    Row {
        name: "pipe-64k",
        measure: pipes::stream,
    },
    Row {
        name: "ring-of-2-hop",
        measure: pipes::ring_of_2,
    },
    Row {
        name: "ring-of-8-hop",
        measure: pipes::ring_of_8,
    },
    Row {
        name: "fork-exit-wait",
        measure: processes::fork_exit,
    },
    Row {
        name: "vfork-exit-wait",
        measure: processes::vfork_exit,
    },
    Row {
        name: "fork-exec-wait",
        measure: processes::fork_exec,
    },
    Row {
        name: "spawn-wait",
        measure: processes::spawn,
    },
    Row {
        name: "map-unmap",
        measure: memory::map_unmap,
    },
    Row {
        name: "map-write-unmap-4M",
        measure: memory::map_write_unmap,
    },
    Row {
        name: "fault-anonymous-write",
        measure: memory::anonymous_write,
    },
    Row {
        name: "fault-file-read",
        measure: memory::file_read,
    },
    Row {
        name: "fault-file-copy",
        measure: memory::file_copy,
    },
    Row {
        name: "signal-install",
        measure: signals::install,
    },
    Row {
        name: "signal-handle",
        measure: signals::handle,
    },
    Row {
        name: "futex-wake-none",
        measure: threads::wake_none,
    },
    Row {
        name: "futex-round-trip",
        measure: threads::round_trip,
    },
    Row {
        name: "thread-start-join",
        measure: threads::start_join,
    },
    Row {
        name: "unix-round-trip",
        measure: sockets::unix,
    },
    Row {
        name: "tcp-round-trip",
        measure: sockets::tcp,
    },
    Row {
        name: "epoll-1-of-100",
        measure: sockets::epoll,
    },
    Row {
        name: "container-run",
        measure: containers::run,
    },
    Row {
        name: "container-life",
        measure: containers::life,
    },
    Row {
        name: "container-exec",
        measure: containers::execute,
    },
    Row {
        name: "container-state",
        measure: containers::state,
    },
    Row {
        name: "container-idle-KiB",
        measure: containers::idle_memory,
    },
];
