//! Extended attributes on a file system in memory.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::files::Place;
use crate::harness::Case;
use crate::users::as_user;
use gantry_abi::user::Errno;
use rustix::fs::{
    XattrFlags, fgetxattr, getxattr, getxattr_query, lgetxattr, listxattr, lsetxattr, removexattr,
    setxattr,
};
use std::fs;

pub const CASES: &[Case] = &[
    Case {
        name: "extended_attributes_are_set_read_listed_and_removed",
        test: life,
    },
    Case {
        name: "extended_attributes_have_namespaces_and_limits",
        test: rules,
    },
];

const ANY: XattrFlags = XattrFlags::empty();

fn life() -> Check {
    let place = Place::new("extended")?;
    let path = place.file("file", "")?;
    let path = path.as_str();
    let mut room = [0; 100];
    fails(
        "nothing there",
        getxattr(path, "user.a", &mut room),
        Errno::ENODATA,
    )?;
    ok("set", setxattr(path, "user.a", b"one", XattrFlags::CREATE))?;
    fails(
        "make it again",
        setxattr(path, "user.a", b"x", XattrFlags::CREATE),
        Errno::EEXIST,
    )?;
    fails(
        "replace another",
        setxattr(path, "user.b", b"x", XattrFlags::REPLACE),
        Errno::ENODATA,
    )?;
    ok("set", setxattr(path, "user.b", b"", ANY))?;
    let length = ok("get", getxattr(path, "user.a", &mut room))?;
    equal("value", &room[..length], b"one".as_slice())?;
    equal("size", ok("get", getxattr_query(path, "user.a"))?, 3)?;
    fails(
        "too little room",
        getxattr(path, "user.a", &mut [0; 2]),
        Errno::ERANGE,
    )?;
    let file = ok("open", fs::File::open(path))?;
    equal(
        "by descriptor",
        ok("fgetxattr", fgetxattr(&file, "user.a", &mut room))?,
        3,
    )?;
    let length = ok("list", listxattr(path, &mut room))?;
    equal("names", &room[..length], b"user.a\0user.b\0".as_slice())?;
    ok("remove", removexattr(path, "user.a"))?;
    fails("again", removexattr(path, "user.a"), Errno::ENODATA)
}

fn rules() -> Check {
    let place = Place::new("extended-rules")?;
    let path = place.file("file", "")?;
    let path = path.as_str();
    let link = place.at("link");
    ok("symlink", std::os::unix::fs::symlink("file", &link))?;
    let mut room = [0; 100];
    for (name, error) in [
        ("user.", Errno::EINVAL),
        ("nosuch.x", Errno::EOPNOTSUPP),
        ("", Errno::ERANGE),
    ] {
        fails(name, setxattr(path, name, b"", ANY), error)?;
    }
    let long = format!("user.{}", "x".repeat(251));
    fails("long name", setxattr(path, &long, b"", ANY), Errno::ERANGE)?;
    ok("longest name", setxattr(path, &long[..255], b"", ANY))?;
    fails(
        "large value",
        setxattr(path, "user.x", &[0; 65537], ANY),
        Errno::E2BIG,
    )?;
    ok("largest", setxattr(path, "user.x", &[0; 65536], ANY))?;
    fails(
        "user. of a link",
        lsetxattr(&link, "user.x", b"", ANY),
        Errno::EPERM,
    )?;
    ok("of the link", lsetxattr(&link, "trusted.x", b"l", ANY))?;
    equal(
        "read",
        ok("lgetxattr", lgetxattr(&link, "trusted.x", &mut room))?,
        1,
    )?;
    ok("trusted", setxattr(path, "trusted.x", b"", ANY))?;
    as_user(1000, || {
        fails(
            "trusted. by a user",
            setxattr(path, "trusted.x", b"", ANY),
            Errno::EPERM,
        )?;
        fails(
            "trusted. read by a user",
            getxattr(path, "trusted.x", &mut [0; 10]),
            Errno::ENODATA,
        )?;
        let mut names = [0; 1000];
        let length = ok("list", listxattr(path, &mut names))?;
        ensure(
            "trusted. is hidden",
            !String::from_utf8_lossy(&names[..length]).contains("trusted"),
        )?;
        fails(
            "without write permission",
            setxattr(path, "user.y", b"", ANY),
            Errno::EACCES,
        )
    })
}
