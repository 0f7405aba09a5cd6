//! The stack that a program begins with: strings, auxiliary vector, environment, arguments (getauxval(3); "System V
//! ABI", process initialisation).

use super::strings::Strings;
use crate::errno::{Errno, Result};
use alloc::vec::Vec;

/// Types of auxiliary vector entries (include/uapi/linux/auxvec.h).
pub mod auxiliary {
    pub const PROGRAM_HEADERS: u64 = 3;
    pub const PROGRAM_HEADER_SIZE: u64 = 4;
    pub const PROGRAM_HEADER_COUNT: u64 = 5;
    pub const PAGE_SIZE: u64 = 6;
    pub const BASE: u64 = 7;
    pub const FLAGS: u64 = 8;
    pub const ENTRY: u64 = 9;
    pub const USER: u64 = 11;
    pub const EFFECTIVE_USER: u64 = 12;
    pub const GROUP: u64 = 13;
    pub const EFFECTIVE_GROUP: u64 = 14;
    pub const PLATFORM: u64 = 15;
    pub const HARDWARE_CAPABILITIES: u64 = 16;
    pub const CLOCK_TICKS: u64 = 17;
    pub const SECURE: u64 = 23;
    pub const RANDOM: u64 = 25;
    pub const HARDWARE_CAPABILITIES_2: u64 = 26;
    pub const FILE_NAME: u64 = 31;
    pub const MINIMAL_SIGNAL_STACK: u64 = 51;
}

/// Name of the machine, for the dynamic linker.
const PLATFORM: &[u8] = b"aarch64\0";
/// The stack pointer's alignment that the procedure call standard asks for.
const ALIGNMENT: u64 = 16;
const WORD: u64 = 8;

/// What goes on the stack.
pub struct Contents<'a> {
    pub arguments: &'a Strings,
    pub environment: &'a Strings,
    /// Path of the program, as given.
    pub file_name: &'a [u8],
    /// Entries besides the addresses that are only known here.
    pub auxiliary: &'a [(u64, u64)],
    pub random: [u8; 16],
}

/// A stack ready to be written.
#[derive(Debug)]
pub struct Stack {
    /// The stack pointer: where `bytes` go.
    pub pointer: u64,
    pub bytes: Vec<u8>,
    /// First argument string and behind the last one.
    pub arguments: (u64, u64),
    /// First environment string and behind the last one.
    pub environment: (u64, u64),
}

/// Lays the stack out below `top`.
///
/// # Errors
/// `ENOMEM`; `E2BIG` when there is no room below `top`.
pub fn build(top: u64, contents: &Contents) -> Result<Stack> {
    let below = |address: u64, size: usize| address.checked_sub(size as u64).ok_or(Errno::E2BIG);
    // From the top down; the last word stays zero, as on Linux.
    let file_name = below(top, WORD as usize + contents.file_name.len() + 1)?;
    let environment = below(file_name, contents.environment.bytes().len())?;
    let arguments = below(environment, contents.arguments.bytes().len())?;
    let platform = below(arguments, PLATFORM.len())?;
    let random = below(platform, contents.random.len())? & !(ALIGNMENT - 1);

    let (argument_count, environment_count) = (contents.arguments.count(), contents.environment.count());
    let own_entries = [
        (auxiliary::RANDOM, random),
        (auxiliary::FILE_NAME, file_name),
        (auxiliary::PLATFORM, platform),
        (0, 0),
    ];
    let words = 1 + argument_count + 1 + environment_count + 1 + 2 * (contents.auxiliary.len() + own_entries.len());
    let pointer = below(random, words * WORD as usize)? & !(ALIGNMENT - 1);

    let size = (top - pointer) as usize;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).map_err(|_| Errno::ENOMEM)?;
    let mut word = |value: u64| bytes.extend_from_slice(&value.to_le_bytes());
    word(argument_count as u64);
    for (strings, start) in [(contents.arguments, arguments), (contents.environment, environment)] {
        let mut address = start;
        for string in strings.iter() {
            word(address);
            address += string.len() as u64 + 1;
        }
        word(0);
    }
    for &(kind, value) in contents.auxiliary.iter().chain(&own_entries) {
        word(kind);
        word(value);
    }
    let mut place = |address: u64, part: &[u8]| {
        bytes.resize((address - pointer) as usize, 0);
        bytes.extend_from_slice(part);
    };
    place(random, &contents.random);
    place(platform, PLATFORM);
    place(arguments, contents.arguments.bytes());
    place(environment, contents.environment.bytes());
    place(file_name, contents.file_name);
    bytes.resize(size, 0);
    Ok(Stack { pointer, bytes, arguments: (arguments, environment), environment: (environment, file_name) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_finds_what_it_is_given() {
        let mut arguments = Strings::new();
        arguments.push(b"sh").unwrap();
        arguments.push(b"-c").unwrap();
        let mut environment = Strings::new();
        environment.push(b"HOME=/").unwrap();
        let contents = Contents {
            arguments: &arguments,
            environment: &environment,
            file_name: b"/bin/sh",
            auxiliary: &[(auxiliary::PAGE_SIZE, 4096)],
            random: [7; 16],
        };
        let top = 0x8000_0000;
        let stack = build(top, &contents).unwrap();
        assert_eq!(stack.pointer % 16, 0);
        assert_eq!(stack.pointer + stack.bytes.len() as u64, top);
        let word = |index: usize| u64::from_le_bytes(stack.bytes[index * 8..][..8].try_into().unwrap());
        let string = |address: u64| {
            let bytes = &stack.bytes[(address - stack.pointer) as usize..];
            bytes.split(|&byte| byte == 0).next().unwrap()
        };
        assert_eq!(word(0), 2);
        assert_eq!((string(word(1)), string(word(2)), word(3)), (b"sh".as_slice(), b"-c".as_slice(), 0));
        assert_eq!((string(word(4)), word(5)), (b"HOME=/".as_slice(), 0));
        assert_eq!((word(6), word(7)), (auxiliary::PAGE_SIZE, 4096));
        assert_eq!(word(8), auxiliary::RANDOM);
        assert_eq!(stack.bytes[(word(9) - stack.pointer) as usize..][..16], [7; 16]);
        assert_eq!((word(10), string(word(11))), (auxiliary::FILE_NAME, b"/bin/sh".as_slice()));
        assert_eq!((word(12), string(word(13))), (auxiliary::PLATFORM, b"aarch64".as_slice()));
        assert_eq!((word(14), word(15)), (0, 0));
        assert_eq!(stack.arguments, (word(1), word(1) + 6));
        assert_eq!(stack.bytes[stack.bytes.len() - 8..], [0; 8]);
    }

    #[test]
    fn no_room_is_an_error() {
        let nothing = Strings::new();
        let contents =
            Contents { arguments: &nothing, environment: &nothing, file_name: b"x", auxiliary: &[], random: [0; 16] };
        assert_eq!(build(64, &contents).unwrap_err(), Errno::E2BIG);
    }
}
