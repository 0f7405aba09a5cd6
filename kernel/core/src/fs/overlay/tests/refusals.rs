//! What happens when an allocation is refused: the change is made or it isn't, and nothing is left behind.

use super::model::{Change, all, apply};
use super::*;
use crate::Errno;
use crate::vfs::rename::Replacement;
use hal::fault_injection::{arm_caller, remaining_for_caller};

fn sample() -> TestTree {
    let tree = layers();
    fill(
        &tree,
        &[
            "/lower/d/",
            "/lower/d/e/",
            "/lower/d/e/f = content",
            "/lower/d/g = g",
            "/lower/gone = ",
            "/lower/gone2 = ",
            "/up/own/",
            "/up/own/in = own",
            "/lower/empty/",
        ],
    );
    set_attribute(&tree, "/lower/d/e/f", "user.note", "1");
    whiteout(&tree, "/up/gone");
    whiteout(&tree, "/up/gone2");
    tree.overlay("/m", WRITABLE).unwrap();
    tree
}

#[test]
fn a_change_is_made_or_not() {
    let path = |path: &str| path.to_string();
    let mut refused = 0;
    let rename = |from: &str, to: &str, how| Change::Rename(from.into(), to.into(), how);
    for change in [
        Change::Append(path("/d/e/f")),
        Change::Directory(path("/gone")),
        Change::Directory(path("/d/new")),
        Change::RemoveFile(path("/d/e/f")),
        Change::RemoveFile(path("/own/in")),
        Change::RemoveDirectory(path("/empty")),
        Change::Link(path("/d/g"), path("/gone2")),
        Change::Link(path("/d/g"), path("/d/e/h")),
        rename("/d/g", "/d/e/g", Replacement::Allowed),
        rename("/d/g", "/d/e/f", Replacement::Allowed),
        rename("/d/g", "/own/in", Replacement::Exchange),
        rename("/own", "/empty", Replacement::Allowed),
        rename("/own", "/gone", Replacement::Refused),
    ] {
        let after = {
            let tree = sample();
            apply(&tree, "/m", &change, 0).unwrap();
            all(&tree, "/m")
        };
        for nth in 1.. {
            let tree = sample();
            let before = all(&tree, "/m");
            arm_caller(nth);
            let result = apply(&tree, "/m", &change, 0);
            let was_refused = remaining_for_caller() == 0;
            arm_caller(0);
            let expected = match result {
                Ok(()) => &after,
                Err(error) => {
                    assert_eq!(error, Errno::ENOMEM);
                    &before
                }
            };
            assert_eq!(&all(&tree, "/m"), expected, "{change:?}, allocation {nth}");
            assert!(
                tree.list("/work/work").is_empty(),
                "{change:?}, allocation {nth}"
            );
            tree.unmount("/m").unwrap();
            tree.overlay("/m", WRITABLE).unwrap();
            assert_eq!(
                &all(&tree, "/m"),
                expected,
                "{change:?}, allocation {nth}, mounted again"
            );
            if !was_refused {
                break;
            }
            refused += 1;
        }
    }
    assert!(refused > 60, "{refused} refusals");
}

#[test]
fn a_mount_is_made_or_not() {
    for nth in 1.. {
        let tree = sample();
        tree.unmount("/m").unwrap();
        arm_caller(nth);
        let result = tree.overlay("/m", WRITABLE);
        let was_refused = remaining_for_caller() == 0;
        arm_caller(0);
        if !was_refused {
            result.unwrap();
            break;
        }
        if let Err(error) = result {
            assert_eq!(error, Errno::ENOMEM);
            assert!(tree.list("/m").is_empty());
        }
    }
}
