//! The numbers userland was built with must never change: they are written out here once more.

use gantry_abi::context::{ContextState, ContextType, EnterFlags};
use gantry_abi::ioctl::{self, ContextInfo, UserBuffer};
use gantry_abi::jail::{JailKind, PR_GET_JAIL, PR_SET_JAIL};
use zerocopy::{FromBytes, IntoBytes};

#[test]
fn ioctl_requests_are_built_as_linux_builds_them() {
    assert_eq!(size_of::<ContextInfo>(), 40);
    assert_eq!(size_of::<UserBuffer>(), 16);
    let requests = [
        (ioctl::ATTACH_ROOT_FILESYSTEM_AT_FD, 0x0000_7501),
        (ioctl::GET_INFO, 0x8028_7502),
        (ioctl::OPEN_ROOT, 0x0000_7503),
        (ioctl::SET_HOSTNAME, 0x4010_7504),
        (ioctl::SIGNAL, 0x0000_7505),
        (ioctl::LIST_PIDS, 0x4010_7506),
        (ioctl::FREEZE, 0x0000_7507),
        (ioctl::THAW, 0x0000_7508),
        (ioctl::LIST_MOUNTS, 0x4010_7509),
    ];
    for (request, number) in requests {
        assert_eq!(request, number, "{request:#x} {number:#x}");
    }
}

#[test]
fn every_type_and_state_is_found_by_its_number_and_no_other() {
    for kind in ContextType::ALL {
        assert_eq!(ContextType::from_number(kind.number()), Some(kind));
    }
    for number in [-1, 0, 4, 5, 99, i32::MAX] {
        assert_eq!(ContextType::from_number(number), None);
    }
    for number in 0..=4 {
        assert_eq!(
            ContextState::from_number(number).map(|state| state as u32),
            Some(number)
        );
    }
    assert_eq!(ContextState::from_number(5), None);
}

#[test]
fn enter_takes_a_replacement_or_cancel_alone() {
    let valid: Vec<u32> = (0..16)
        .filter(|bits| EnterFlags::from_bits_retain(*bits).is_valid())
        .collect();
    assert_eq!(valid, [1, 2, 3, 4]);
}

#[test]
fn info_keeps_its_layout() {
    let info = ContextInfo {
        context_type: 2,
        state: 3,
        id: 4,
        attached_processes: 5,
        pending_slots: 6,
        open_descriptors: 7,
    };
    let bytes = info.as_bytes();
    assert_eq!(bytes[0..8], [2, 0, 0, 0, 3, 0, 0, 0]);
    assert_eq!(bytes[8], 4);
    assert_eq!(bytes[32], 7);
    assert_eq!(ContextInfo::read_from_bytes(bytes).unwrap(), info);
    assert_eq!(info.context_type(), Some(ContextType::VfsRoot));
    assert_eq!(info.state(), Some(ContextState::Empty));
}

#[test]
fn jail_options_spell_their_name() {
    assert_eq!(PR_SET_JAIL.to_be_bytes(), *b"JAIL");
    assert_eq!(PR_GET_JAIL, PR_SET_JAIL + 1);
    assert_eq!(JailKind::from_number(2), Some(JailKind::UntilExec));
    assert_eq!(JailKind::from_number(3), None);
    assert_eq!(JailKind::UntilExit.state().bits(), 1);
}
