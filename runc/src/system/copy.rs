//! Copies what a directory holds into another, which may be hostile: no link is followed, nothing is waited for.

use super::beneath::{self, Attributes, Folder, Kind};
use std::io;
use std::os::fd::AsFd;

/// Copies what the directory `from` holds into `to`, which is empty, with owners, modes, times and extended
/// attributes, those of the directory itself included. Devices and sockets are left out.
pub fn copy_up(from: impl AsFd, to: impl AsFd) -> io::Result<()> {
    copy_folder(&Folder::of_descriptor(from)?, &Folder::of_descriptor(to)?)
}

/// One level of it. Each holds two descriptors open: their limit is that of the depth.
fn copy_folder(from: &Folder, to: &Folder) -> io::Result<()> {
    for name in from.names()? {
        if from.kind(&name)? == Some(Kind::Folder) {
            to.make_folder(&name)?;
            copy_folder(&from.open(&name)?, &to.open(&name)?)?;
        } else {
            copy_file(from, &name, to, &name)?;
        }
    }
    let attributes: Attributes = from.attributes()?;
    to.set_attributes(&attributes)?;
    Ok(())
}

/// Copies a file or a link to a name that is free. False: it is gone, or nothing that a copy could stand for.
pub fn copy_file(from: &Folder, name: &[u8], to: &Folder, new_name: &[u8]) -> io::Result<bool> {
    match from.kind(name)? {
        Some(Kind::File) => {
            let mut source = from.open_file(name)?;
            let mut copy = to.make_file(new_name)?;
            io::copy(&mut source, &mut copy)?;
            beneath::set_attributes(&copy, &beneath::attributes(&source)?)?;
        }
        Some(Kind::SymbolicLink) => {
            to.make_link(new_name, &from.read_link(name)?)?;
            to.set_attributes_of(new_name, &from.attributes_of(name)?)?;
        }
        Some(Kind::Folder | Kind::Other) | None => return Ok(false),
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::copy_up;
    use std::fs::{self, File};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    #[test]
    fn a_copy_has_what_the_original_has() {
        let place = std::env::temp_dir().join(format!("runc-copy-{}", std::process::id()));
        let (from, to) = (place.join("from"), place.join("to"));
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::create_dir_all(&to).unwrap();
        fs::write(from.join("a/file"), vec![7; 100_000]).unwrap();
        fs::set_permissions(from.join("a/file"), fs::Permissions::from_mode(0o4751)).unwrap();
        fs::set_permissions(from.join("a"), fs::Permissions::from_mode(0o711)).unwrap();
        symlink("/nowhere", from.join("a/b/link")).unwrap();
        fs::set_permissions(&from, fs::Permissions::from_mode(0o1777)).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(from.join("socket")).unwrap();
        copy_up(File::open(&from).unwrap(), File::open(&to).unwrap()).unwrap();
        assert_eq!(fs::read(to.join("a/file")).unwrap(), vec![7; 100_000]);
        for path in ["", "a", "a/file"] {
            let (before, after) = (from.join(path), to.join(path));
            let (before, after) = (fs::metadata(before).unwrap(), fs::metadata(after).unwrap());
            assert_eq!(before.mode(), after.mode(), "{path}");
            assert_eq!(before.mtime_nsec(), after.mtime_nsec(), "{path}");
        }
        let link = fs::read_link(to.join("a/b/link")).unwrap();
        assert_eq!(link.to_str(), Some("/nowhere"));
        assert!(!to.join("socket").exists());
        fs::remove_dir_all(place).unwrap();
    }
}
