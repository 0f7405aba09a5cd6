//! Memory as programs without unsafe code see it: growing, sharing after fork, limits, files that become programs.

use crate::check::{Check, ensure, equal, ok};
use crate::child::{Child, End, run};
use crate::harness::Case;
use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use std::fs;
use std::hint::black_box;

pub const CASES: &[Case] = &[
    Case {
        name: "memory_is_zero_and_stays_what_is_written",
        test: contents,
    },
    Case {
        name: "forked_memory_is_copied_on_write",
        test: copy_on_write,
    },
    Case {
        name: "memory_comes_back_when_processes_end",
        test: comes_back,
    },
    Case {
        name: "a_limit_on_the_address_space_holds",
        test: limit,
    },
    Case {
        name: "deep_stacks_grow",
        test: stack,
    },
    Case {
        name: "what_a_deep_stack_took_can_be_given_back",
        test: stack_given_back,
    },
];

const PAGE: usize = 4096;

fn contents() -> Check {
    let mut memory = vec![0_u8; 64 << 20];
    ensure(
        "fresh memory is zero",
        memory.iter().step_by(PAGE).all(|&byte| byte == 0),
    )?;
    for (index, page) in memory.chunks_mut(PAGE).enumerate() {
        page[index % PAGE] = (index % 255) as u8 + 1;
    }
    let intact = memory
        .chunks(PAGE)
        .enumerate()
        .all(|(index, page)| page[index % PAGE] == (index % 255) as u8 + 1);
    ensure("what was written is there", intact)
}

fn copy_on_write() -> Check {
    let mut memory = vec![1_u8; 16 << 20];
    for round in 0..5 {
        run(|| {
            ensure(
                "the parent's content",
                memory.iter().step_by(PAGE).all(|&byte| byte == 1),
            )?;
            for byte in memory.iter_mut().step_by(PAGE) {
                *byte = 2;
            }
            run(|| {
                ensure(
                    "the child's content in its child",
                    memory.iter().step_by(PAGE).all(|&byte| byte == 2),
                )
            })?;
            ensure(
                "the child's content",
                memory.iter().step_by(PAGE).all(|&byte| byte == 2),
            )
        })?;
        equal(
            "the parent's content after round",
            (round, memory.iter().step_by(PAGE).any(|&byte| byte != 1)),
            (round, false),
        )?;
    }
    Ok(())
}

fn free_kibibytes() -> Check<u64> {
    let text = ok("/proc/meminfo", fs::read_to_string("/proc/meminfo"))?;
    let free = text.lines().find_map(|line| {
        line.strip_prefix("MemFree:")?
            .trim()
            .strip_suffix(" kB")?
            .parse()
            .ok()
    });
    free.ok_or_else(|| "no MemFree in /proc/meminfo".to_owned())
}

fn comes_back() -> Check {
    let use_memory = || {
        run(|| {
            let memory = vec![3_u8; 32 << 20];
            ensure("written", memory[12345] == 3)
        })
    };
    use_memory()?;
    let before = free_kibibytes()?;
    for _ in 0..20 {
        use_memory()?;
    }
    let after = free_kibibytes()?;
    ensure(
        &format!("free before {before} KiB, after {after} KiB"),
        after + 2048 > before,
    )
}

fn limit() -> Check {
    run(|| {
        let limit = Rlimit {
            current: Some(64 << 20),
            maximum: Some(64 << 20),
        };
        ok("limit", setrlimit(Resource::As, limit))?;
        let mut small: Vec<u8> = Vec::new();
        ok("a little", small.try_reserve_exact(8 << 20))?;
        let mut large: Vec<u8> = Vec::new();
        let refused = large.try_reserve_exact(128 << 20).is_err();
        // Without somebody to look at it, the compiler leaves the allocation out.
        std::hint::black_box(&large);
        ensure("too much is refused", refused)
    })
}

fn stack() -> Check {
    fn depth(left: u32) -> u32 {
        let room = std::hint::black_box([left; 256]);
        if left == 0 {
            room[0]
        } else {
            depth(left - 1) + u32::from(room[255] == left)
        }
    }
    let mut child = Child::start(|| {
        let limit = Rlimit {
            current: Some(256 << 10),
            maximum: Some(8 << 20),
        };
        ok("limit", setrlimit(Resource::Stack, limit))?;
        crate::raw::default_action(Signal::SEGV)?;
        equal("the depth", depth(4000), 4000)
    })?;
    equal(
        "beyond the limit",
        child.wait()?,
        End::Signal(Signal::SEGV.as_raw()),
    )?;
    // 4,000 frames of a kibibyte and more.
    equal("the depth", depth(4000), 4000)
}

/// So many nested calls with a page of their own each.
#[inline(never)]
fn nest(calls: usize) -> usize {
    let page = black_box([calls; PAGE / size_of::<usize>()]);
    match calls {
        0 => page[0],
        _ => nest(calls - 1) + black_box(&page)[calls % page.len()],
    }
}

fn stack_given_back() -> Check {
    const CALLS: usize = 24;
    let stack = || -> Check<u64> {
        let maps = ok("smaps", fs::read_to_string("/proc/self/smaps"))?;
        let (_, stack) = maps.split_once("[stack]").ok_or("no stack")?;
        stack
            .lines()
            .find_map(|line| line.strip_prefix("Anonymous:")?.trim().strip_suffix(" kB"))
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| "no number".to_owned())
    };
    let kept = black_box([7_u8; 3 * PAGE]);
    let sum = CALLS * (CALLS + 1) / 2;
    for _ in 0..3 {
        equal("the sum", nest(CALLS), sum)?;
        let deep = stack()?;
        ensure(
            &format!("deep: {deep}"),
            deep >= (CALLS * PAGE / 1024) as u64,
        )?;
        ok("discard", gantry_abi::user::stack::discard_unused())?;
        let flat = stack()?;
        ensure(&format!("from {deep} to {flat}"), flat + 64 <= deep)?;
    }
    ensure(
        "what is in use stays",
        black_box(&kept).iter().all(|&byte| byte == 7),
    )
}
