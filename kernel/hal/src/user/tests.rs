//! The interface on the host's simulated user memory.

use super::*;
use crate::frame::Frame;

const START: UserAddr = UserAddr(0x10_0000);
const END: UserAddr = UserAddr(0x20_0000);

#[test]
fn copies_go_in_and_out_and_stop_where_memory_ends() {
    copy_to_user(START, b"hello").unwrap();
    let mut bytes = [0; 5];
    copy_from_user(&mut bytes, START).unwrap();
    assert_eq!(&bytes, b"hello");
    assert_eq!(
        copy_to_user(UserAddr(END.0 - 2), b"hello"),
        Err(Fault { copied: 2 })
    );
    assert_eq!(
        copy_from_user(&mut bytes, UserAddr(8)),
        Err(Fault { copied: 0 })
    );
    assert_eq!(
        copy_from_user(&mut bytes, UserAddr(u64::MAX - 1)),
        Err(Fault { copied: 0 })
    );
    assert_eq!(
        copy_from_user(&mut bytes, UserAddr((1 << 48) - 4)),
        Err(Fault { copied: 0 })
    );
    assert_eq!(clear_user(UserAddr(END.0 - 3), 4), Err(Fault { copied: 3 }));
    clear_user(START, 3).unwrap();
    copy_from_user(&mut bytes, START).unwrap();
    assert_eq!(&bytes, b"\0\0\0lo");
}

#[test]
fn values_of_all_sizes() {
    write_value(START, &0x0102_0304_0506_0708u64).unwrap();
    assert_eq!(read_value::<u8>(START), Ok(8));
    assert_eq!(read_value::<u16>(START.offset(1)), Ok(0x0607));
    assert_eq!(read_value::<u32>(START.offset(4)), Ok(0x0102_0304));
    assert_eq!(read_value::<[u8; 3]>(START), Ok([8, 7, 6]));
    assert!(read_value::<u64>(UserAddr(END.0 - 4)).is_err());
    assert!(write_value(UserAddr(0), &1u32).is_err());
}

#[test]
fn strings_end_at_nul() {
    copy_to_user(START, b"/bin/true\0rest").unwrap();
    let mut buffer = [0; 32];
    assert_eq!(read_string(START, &mut buffer), Ok(9));
    assert_eq!(&buffer[..9], b"/bin/true");
    assert_eq!(read_string(START, &mut buffer[..10]), Ok(9));
    assert_eq!(
        read_string(START, &mut buffer[..9]),
        Err(StringError::TooLong)
    );
    copy_to_user(UserAddr(END.0 - 3), b"abc").unwrap();
    assert_eq!(
        read_string(UserAddr(END.0 - 3), &mut buffer),
        Err(StringError::Fault)
    );
    assert_eq!(
        read_string(UserAddr(u64::MAX), &mut buffer),
        Err(StringError::Fault)
    );
}

#[test]
fn atomic_words() {
    write_value(START, &5u32).unwrap();
    assert_eq!(compare_exchange_u32(START, 4, 9), Ok(5));
    assert_eq!(compare_exchange_u32(START, 5, 9), Ok(5));
    assert_eq!(fetch_op_u32(START, |word| word | 6), Ok(9));
    assert_eq!(load_u32(START), Ok(15));
    assert!(load_u32(START.offset(2)).is_err());
}

#[test]
fn frames_are_copied_directly() {
    let frame = Frame::zeroed().unwrap();
    copy_to_user(START, b"page").unwrap();
    frame_from_user(&frame, 100, START, 4).unwrap();
    frame_to_user(&frame, 99, START, 5).unwrap();
    let mut bytes = [1; 5];
    copy_from_user(&mut bytes, START).unwrap();
    assert_eq!(&bytes, b"\0page");
}
