//! `runc image`

use crate::cli::{Global, Verb};
use crate::error::Error;
use crate::image::{self, Layers, Options, Reference};
use crate::log::Log;
use crate::{text, time};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::SystemTime;

/// Where layers are kept unless `--store` names another place.
const DEFAULT_STORE: &str = "/var/lib/runc";

pub const EXAMPLES: &str = "\
EXAMPLES
  Make a bundle of an image that was saved on another machine, and run it:
      skopeo copy docker://debian:stable oci:debian:stable
      runc image unpack debian:stable /run/debian
      runc run --bundle /run/debian debian
  Remove a bundle, and the layers that no other one uses:
      rm -r /run/debian
      runc image prune";

const UNPACK_EXAMPLES: &str = "\
EXAMPLES
  The only image of a layout that is a directory:
      runc image unpack debian /run/debian
  One of several images, by the name that it has there:
      runc image unpack images:web-1.2 /run/web
  An archive, as `docker save` writes it, plain or compressed with gzip:
      runc image unpack debian.tar.gz /run/debian
  An image whose layers hold very much that compresses very well:
      runc image unpack --max-size 8G images:maps /run/maps
  A bundle to be moved to another place or machine:
      runc image unpack --merge debian /run/debian";

const LIST_EXAMPLES: &str = "\
EXAMPLES
  See which bundles use layers:
      runc image list";

const PRUNE_EXAMPLES: &str = "\
EXAMPLES
  Remove what is left of images whose bundles have been removed:
      runc image prune";

#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a bundle of an image in an OCI layout
    ///
    /// The image for linux/arm64 is taken. Every digest is verified; if anything is wrong with the image,
    /// there is no bundle. Each layer is unpacked once, for all bundles; what the bundle's containers write is
    /// in the bundle alone.
    #[command(after_help = UNPACK_EXAMPLES)]
    Unpack(Unpack),

    /// List the bundles that use layers
    #[command(after_help = LIST_EXAMPLES)]
    List(Place),

    /// Remove the layers that no bundle uses
    ///
    /// A bundle is removed with its directory; its layers stay for others until they are pruned. The names of the
    /// removed layers are printed.
    #[command(after_help = PRUNE_EXAMPLES)]
    Prune(Place),
}

#[derive(Args)]
struct Place {
    /// Where unpacked layers are kept [default: /var/lib/runc]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
}

impl Place {
    fn path(&self) -> PathBuf {
        self.store
            .clone()
            .unwrap_or_else(|| PathBuf::from(DEFAULT_STORE))
    }

    /// The layers, if any have ever been kept there.
    fn open(&self) -> Result<Option<Layers>, Error> {
        let path = self.path();
        match (path.exists(), &self.store) {
            (true, _) => Layers::open(&path).map(Some),
            (false, None) => Ok(None),
            (false, Some(path)) => {
                let message = format!("the store of layers {} does not exist", path.display());
                Err(Error::new(message))
            }
        }
    }
}

#[derive(Args)]
struct Unpack {
    /// Image layout, a directory or an archive of one, and the image's name in it
    #[arg(value_name = "LAYOUT[:TAG]")]
    image: String,

    /// Directory to make; it may not exist yet
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,

    /// The most that a layer may hold, in bytes or with K, M, G [default: 100 times its blob, and 16M]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_size: Option<u64>,

    /// Leave device nodes out instead of refusing an image that has them
    #[arg(long)]
    skip_devices: bool,

    /// Merge the layers into one directory of the bundle, which needs no overlay and can be moved
    #[arg(long, conflicts_with = "store")]
    merge: bool,

    #[command(flatten)]
    place: Place,
}

impl Verb for Arguments {
    fn carry_out(&self, _global: &Global, log: &Log) -> Result<u8, Error> {
        match &self.action {
            Action::Unpack(unpack) => unpack.carry_out(log),
            Action::List(place) => list(place),
            Action::Prune(place) => prune(place),
        }
    }
}

impl Unpack {
    fn carry_out(&self, log: &Log) -> Result<u8, Error> {
        let reference = Reference::parse(&self.image);
        let options = Options {
            largest_layer: self.max_size,
            skip_devices: self.skip_devices,
            merge: self.merge,
            layers: self.place.path(),
        };
        image::unpack(&reference, &self.bundle, &options, log)?;
        Ok(0)
    }
}

fn list(place: &Place) -> Result<u8, Error> {
    let users = place
        .open()?
        .map_or(Ok(Vec::new()), |layers| layers.users())?;
    let mut rows = vec![
        ["BUNDLE", "IMAGE", "LAYERS", "CREATED"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for user in users {
        let created = time::from_text(&user.created);
        let age = created.and_then(|time| SystemTime::now().duration_since(time).ok());
        rows.push(vec![
            text::shown(&user.bundle.to_string_lossy()),
            text::shown(&user.image),
            user.layers.len().to_string(),
            age.map_or(String::new(), text::age),
        ]);
    }
    print!("{}", text::table(&rows));
    Ok(0)
}

fn prune(place: &Place) -> Result<u8, Error> {
    let removed = place
        .open()?
        .map_or(Ok(Vec::new()), |layers| layers.prune())?;
    for name in removed {
        println!("{name}");
    }
    Ok(0)
}

/// A size: a number of bytes, or of KiB, MiB or GiB.
fn parse_size(text: &str) -> Result<u64, &'static str> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'K') => (&text[..text.len() - 1], 10),
        Some(b'M') => (&text[..text.len() - 1], 20),
        Some(b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number: u64 = digits.parse().map_err(|_| "expected a size such as 512M")?;
    number
        .checked_mul(1 << shift)
        .ok_or("the size is out of range")
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("100"), Ok(100));
        assert_eq!(parse_size("3K"), Ok(3 << 10));
        assert_eq!(parse_size("2G"), Ok(2 << 30));
        for text in ["", "G", "1.5G", "-1", "99999999999G"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
