//! What a container's root is: `root` of config.json, or the mount on / that covers it.

use super::super::container::{Layers, Root, Upper};
use super::super::path;
use super::super::value::{Field, Object};
use super::mount_options::Options;
use crate::error::Error;
use std::path::Path;

/// The root, and whether it is read-only.
pub fn parse(
    config: &Object<'_>,
    mounts: &[Field<'_>],
    bundle: &Path,
) -> Result<(Root, bool), Error> {
    let root = config.required("root")?.object()?;
    let path = root.required("path")?.nonempty_string()?;
    let read_only = root
        .optional("readonly")
        .map_or(Ok(false), |field| field.boolean())?;
    root.warn_of_unknown();
    if let Some(mount) = mounts.first()
        && is_root(mount)?
    {
        let (root, is_mounted_read_only) = overlay(mount, bundle)?;
        return Ok((root, read_only || is_mounted_read_only));
    }
    let path = bundle.join(path);
    // An image file can't be written: what is written lies over it, for as long as there is the container.
    let root = match (path.is_file(), read_only) {
        (false, _) => Root::Directory(path),
        (true, true) => Root::Image(path),
        (true, false) => Root::Overlay(Layers {
            lowers: vec![path],
            upper: Upper::Memory,
            ..Layers::default()
        }),
    };
    Ok((root, read_only))
}

/// Whether something is mounted on the root itself.
pub fn is_root(mount: &Field<'_>) -> Result<bool, Error> {
    let target = mount.object()?.required("destination")?;
    Ok(target.checked(path::inside)? == "/")
}

/// An overlay, as its options name its layers: in those of mount(8) a colon is between lower ones, and a backslash makes
/// it a part of a path.
fn overlay(field: &Field<'_>, bundle: &Path) -> Result<(Root, bool), Error> {
    let mount = field.object()?;
    mount.required("destination")?;
    let kind = mount.required("type")?;
    if kind.string()? != "overlay" {
        return Err(kind.error("what is mounted on / is an overlay: expected overlay"));
    }
    // Only a name.
    mount.optional("source");
    let list = mount.required("options")?;
    let mut options = Options::parse(&list)?;
    mount.warn_of_unknown();
    if options.bind {
        return Err(list.error("an overlay doesn't take the option \"bind\""));
    }
    let mut layers = Layers::default();
    let (mut upper, mut work) = (None, None);
    for (name, value) in std::mem::take(&mut options.data) {
        match (name.as_str(), value) {
            ("lowerdir", Some(list)) => {
                layers.lowers = split(&list).iter().map(|path| bundle.join(path)).collect();
            }
            ("upperdir", Some(path)) => upper = Some(bundle.join(unescaped(&path))),
            ("workdir", Some(path)) => work = Some(bundle.join(unescaped(&path))),
            _ => {
                let message = format!(
                    "the option \"{}\" is not supported: expected lowerdir, upperdir and workdir",
                    name.escape_debug()
                );
                return Err(list.error(&message));
            }
        }
    }
    layers.upper = match (upper, work) {
        (None, None) => Upper::None,
        (Some(upper), Some(work)) => Upper::Directories { upper, work },
        _ => return Err(list.error("\"upperdir\" and \"workdir\" belong together")),
    };
    let fewest = if layers.upper == Upper::None { 2 } else { 1 };
    if layers.lowers.len() < fewest {
        return Err(list.error("an overlay has a lower directory, and two without an upper one"));
    }
    let is_read_only = std::mem::take(&mut options.restrictions.read_only);
    layers.restrictions = options.restrictions;
    Ok((Root::Overlay(layers), is_read_only))
}

/// The paths of a list.
fn split(list: &str) -> Vec<String> {
    let mut is_escaped = false;
    let paths = list.split(|character| {
        let ends = character == ':' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        ends
    });
    paths.map(unescaped).collect()
}

/// A path without the backslashes that escape.
fn unescaped(path: &str) -> String {
    let mut is_escaped = false;
    path.chars()
        .filter(|character| {
            is_escaped = *character == '\\' && !is_escaped;
            !is_escaped
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn lists_of_layers_are_split() {
        assert_eq!(split("/a:/b/c"), ["/a", "/b/c"]);
        assert_eq!(split(r"/a\:b:c\\d"), ["/a:b", r"c\d"]);
        assert_eq!(split("/a"), ["/a"]);
    }
}
