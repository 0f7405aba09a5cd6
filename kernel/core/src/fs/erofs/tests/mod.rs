//! Images that mkfs.erofs 1.5 made, as they are and with damage. Both have the same tree: `compact.erofs` in whole
//! blocks with the rest inline, `extended.erofs` (`--chunksize=4096 -Eforce-inode-extended`) in chunks.

mod damage;
mod images;

use crate::Result;
use crate::vfs::test_tree::TestTree;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

const COMPACT: &[u8] = include_bytes!("compact.erofs.gz");
const EXTENDED: &[u8] = include_bytes!("extended.erofs.gz");

/// Unpacks what `gzip -n` has packed.
fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut image = std::vec![0; 1 << 17];
    let (_, _, length) = decompress(
        &mut DecompressorOxide::new(),
        &packed[10..packed.len() - 8],
        &mut image,
        0,
        TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
    );
    image.truncate(length);
    image
}

/// A tree with an image in `/image` and a directory `/m` to mount it on.
fn with_image(image: &[u8]) -> TestTree {
    let tree = TestTree::new();
    tree.directory("/m").unwrap();
    tree.write("/image", image).unwrap();
    tree
}

fn mount(tree: &TestTree) -> Result<()> {
    let made = super::create(&tree.view(), b"/image", b"")?;
    tree.attach(made, &tree.find("/m").unwrap())
}
