//! Paths inside a container.

/// A path inside a container in its one form: absolute, without empty parts, `.` or a slash at its end.
/// `..` is refused: what it means depends on what the tree holds.
pub fn inside(path: &str) -> Result<String, &'static str> {
    if !path.starts_with('/') {
        return Err("expected an absolute path");
    }
    if path.contains('\0') {
        return Err("a path can't contain a NUL character");
    }
    let mut normal = String::with_capacity(path.len());
    for part in path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        if part == ".." {
            return Err("a path inside the container can't contain ..");
        }
        normal.push('/');
        normal.push_str(part);
    }
    if normal.is_empty() {
        normal.push('/');
    }
    Ok(normal)
}

/// [`inside`], for what has to have a name: everything but the root.
pub fn inside_below_root(path: &str) -> Result<String, &'static str> {
    match inside(path)?.as_str() {
        "/" => Err("this can't be the container's root directory"),
        below => Ok(below.to_owned()),
    }
}

/// An absolute path of the caller's.
pub fn absolute(path: &str) -> Result<String, &'static str> {
    if path.starts_with('/') {
        Ok(path.to_owned())
    } else {
        Err("expected an absolute path")
    }
}

#[cfg(test)]
mod tests {
    use super::{inside, inside_below_root};

    #[test]
    fn paths_have_one_form() {
        for (path, normal) in [
            ("/", "/"),
            ("/usr/", "/usr"),
            ("//a/./b//", "/a/b"),
            ("/...", "/..."),
        ] {
            assert_eq!(inside(path), Ok(normal.to_owned()));
        }
        for path in ["", "a", "./a", "/..", "/a/../b", "/a\0b"] {
            assert!(inside(path).is_err(), "{path}");
        }
        assert!(inside_below_root("/./").is_err());
        assert_eq!(inside_below_root("/a/"), Ok("/a".to_owned()));
    }
}
