//! The chain of callers, from frame pointers.

use super::symbols;
use crate::task::STACK_SIZE;
use core::arch::asm;
use core::fmt::Write;

/// The most frames shown.
const MAX_FRAMES: usize = 32;

/// The frame record of the caller.
#[inline(always)]
pub(super) fn own_frame() -> usize {
    let frame: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, x29", out(reg) frame, options(nomem, nostack, preserves_flags)) };
    frame
}

/// Writes the place of an exception with its link register, if there was one, and the callers from the frame record at
/// `frame` on. A record out of its stack ends the chain.
pub(super) fn print(writer: &mut impl Write, frame: usize, exception: Option<(usize, usize)>) {
    // The writer never fails.
    let _ = writeln!(writer, "called from:");
    if let Some((place, link)) = exception {
        let _ = line(writer, place, 0);
        // A leaf function has no frame record: only the link register knows its caller.
        if !symbols::same(place, link) {
            let _ = line(writer, link, 1);
        }
    }
    let mut record = frame;
    for _ in 0..MAX_FRAMES {
        let Some((next, link)) = read_record(record) else {
            return;
        };
        if link == 0 {
            return;
        }
        let _ = line(writer, link, 1);
        // Callers are higher up the same stack.
        if next <= record || next / STACK_SIZE != record / STACK_SIZE {
            return;
        }
        record = next;
    }
    let _ = writeln!(writer, "  ...");
}

/// The record (caller's record, return address) at an address, if that is in a kernel stack.
fn read_record(record: usize) -> Option<(usize, usize)> {
    if !record.is_multiple_of(16) || !crate::task::is_in_stack(record) {
        return None;
    }
    let record = core::ptr::with_exposed_provenance::<[usize; 2]>(record);
    // SAFETY: in the upper half of a slot of the stacks in use, which is mapped, and aligned.
    let [next, link] = unsafe { record.read_volatile() };
    Some((next, link))
}

/// One line: the address and the function it is in. A return address belongs to the instruction before it.
fn line(writer: &mut impl Write, address: usize, back: usize) -> core::fmt::Result {
    match symbols::find(address.wrapping_sub(back * 4)) {
        Some((name, offset)) => {
            writeln!(writer, "  {address:016x} {name}+{:#x}", offset + back * 4)
        }
        None => writeln!(writer, "  {address:016x}"),
    }
}
