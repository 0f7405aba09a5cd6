//! An SD card, read and written in order, past everything that is cached.
use crate::meter;
use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const CARD: &str = "/dev/mmcblk0";
const PIECE: usize = 64 << 10;
/// Pieces of a batch.
const PIECES: usize = 64;
/// Where writing begins: behind what is read.
const WRITTEN: u64 = 32 << 20;

pub fn read() -> io::Result<f64> {
    let card = File::open(CARD)?;
    let mut piece = vec![0; PIECE];
    in_order(0, |place| card.read_exact_at(&mut piece, place), || Ok(()))
}

/// With what it takes until all of it is on the card.
pub fn write() -> io::Result<f64> {
    let card = File::options().write(true).open(CARD)?;
    let piece = vec![0xa5; PIECE];
    in_order(
        WRITTEN,
        |place| card.write_all_at(&piece, place),
        || card.sync_data(),
    )
}

/// Measures batches of pieces, each piece at a place of its own.
fn in_order(
    start: u64,
    mut piece: impl FnMut(u64) -> io::Result<()>,
    end: impl Fn() -> io::Result<()>,
) -> io::Result<f64> {
    let place = Cell::new(start);
    meter::prepared(
        PIECES,
        || Ok(()),
        |()| {
            for _ in 0..PIECES {
                piece(place.get())?;
                place.set(place.get() + PIECE as u64);
            }
            end()
        },
    )
}
