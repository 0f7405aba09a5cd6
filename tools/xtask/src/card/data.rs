//! The card's data partition: an empty ext4.
use crate::command;
use crate::setup::filesystems;
use anyhow::Result;
use std::ops::Range;
use std::path::Path;

pub const BLOCK: u64 = 4096;
/// With less the journal has no room.
pub const LEAST: u64 = 16 << 20;
const UUID: &str = "b4b5c1d2-6a0e-4d43-9f5e-0a6c9d1e7f01";
/// From which ext4 hashes names: fixed like the volume's own number, so that the same input gives the same bytes.
const HASH_SEED: &str = "b4b5c1d2-6a0e-4d43-9f5e-0a6c9d1e7f02";
/// Nothing that a careful implementation can't write: what is not among the features that a system knows makes the volume
/// read-only for it. `64bit` serves volumes above 16 TiB; `dir_index` speeds up directories that are larger than a name
/// cache; `metadata_csum` finds what the checks of structure find anyway, for a checksum at each change. `tune2fs -O`
/// adds the last two to a card that holds data already.
const FEATURES: &str = "none,has_journal,extent,filetype,sparse_super,large_file";

/// Makes an empty ext4 at `place` of the file `card`, whose bytes there are zero. `time`: seconds since 1970.
pub fn make(card: &Path, place: &Range<u64>, time: u64) -> Result<()> {
    let options = format!(
        "offset={},hash_seed={HASH_SEED},root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0,nodiscard",
        place.start
    );
    let kibibytes = (place.end - place.start) / 1024;
    command::run_quietly(
        filesystems::command("mke2fs")?
            // The machine's own preferences must not count.
            .env("MKE2FS_CONFIG", "/dev/null")
            // Versions before 1.47.1 know only the second.
            .env("SOURCE_DATE_EPOCH", time.to_string())
            .env("E2FSPROGS_FAKE_TIME", time.to_string())
            .args(["-q", "-F", "-b", &BLOCK.to_string(), "-I", "256", "-m", "0"])
            .args(["-L", "gantry", "-U", UUID, "-O", FEATURES, "-E", &options])
            .arg(card)
            .arg(format!("{kibibytes}k")),
    )
}
