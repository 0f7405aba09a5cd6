//! `runc image`

use crate::cli::{Global, Verb};
use crate::error::Error;
use crate::image::{self, Options, Reference};
use crate::log::Log;
use clap::{Args, Subcommand};
use std::path::PathBuf;

pub const EXAMPLES: &str = "\
EXAMPLES
  Make a bundle of an image that was saved on another machine, and run it:
      skopeo copy docker://debian:stable oci:debian:stable
      runc image unpack debian:stable /run/debian
      runc run --bundle /run/debian debian";

const UNPACK_EXAMPLES: &str = "\
EXAMPLES
  The only image of a layout that is a directory:
      runc image unpack debian /run/debian
  One of several images, by the name that it has there:
      runc image unpack images:web-1.2 /run/web
  An archive, as `docker save` writes it, plain or compressed with gzip:
      runc image unpack debian.tar.gz /run/debian
  An image whose layers hold very much that compresses very well:
      runc image unpack --max-size 8G images:maps /run/maps";

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
    /// there is no bundle.
    #[command(after_help = UNPACK_EXAMPLES)]
    Unpack(Unpack),
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
}

impl Verb for Arguments {
    fn carry_out(&self, _global: &Global, log: &Log) -> Result<u8, Error> {
        let Action::Unpack(unpack) = &self.action;
        let reference = Reference::parse(&unpack.image);
        let options = Options {
            largest_layer: unpack.max_size,
            skip_devices: unpack.skip_devices,
        };
        image::unpack(&reference, &unpack.bundle, &options, log)?;
        Ok(0)
    }
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
