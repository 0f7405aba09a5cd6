//! A card that is pulled out while it is used: everything that waits for it gets an error, and nothing hangs.
use super::guest::succeed;
use super::step::Step;
use crate::run::machine::{Attachment, Machine};
use crate::run::monitor::{self, Monitor};
use crate::workspace::{Board, TemporaryFolder};
use anyhow::{Context, Result, anyhow, ensure};
use serde_json::json;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const SIZE: u64 = 64 << 20;
/// How often to look whether the guest is reading.
const PAUSE: Duration = Duration::from_millis(100);
/// Says that it begins, by a byte on the card, and reads and writes until it can't.
const COMMAND: &str = r#"
disk=/dev/mmcblk0
printf x | dd of=$disk bs=1 conv=fsync,notrunc 2> /dev/null || exit 1
while dd if=$disk of=/dev/null bs=64k 2> /tmp/read; do blockdev --flushbufs $disk; done
grep -o 'Input/output error' /tmp/read
printf y | dd of=$disk bs=1 seek=1000000 conv=fsync,notrunc 2>&1 | grep -o 'Input/output error'
sync
echo alive
"#;

pub fn steps() -> Vec<Step> {
    Board::ALL
        .map(|board| {
            Step::new(format!("a card that is pulled out, {board}"), move || {
                pulled_out(board)
            })
        })
        .into()
}

fn pulled_out(board: Board) -> Result<()> {
    let folder = TemporaryFolder::new("removal")?;
    let card = folder.path().join("card");
    File::create(&card)?.set_len(SIZE)?;
    let socket = folder.path().join("qmp");
    let mut machine = Machine::new(board);
    let slot = match board {
        Board::Virt => machine.add_disk(&card, Attachment::SdPci)?,
        Board::Rpi4 => {
            machine.card = Some(card.clone());
            "sd0".to_string()
        }
    };
    machine.extra.extend(monitor::listen(&socket));
    let ended = AtomicBool::new(false);
    let (output, pulled) = thread::scope(|scope| {
        let hand = scope.spawn(|| pull(&card, &slot, &socket, &ended));
        let output = succeed(machine, COMMAND);
        ended.store(true, Ordering::Relaxed);
        (output, hand.join())
    });
    let output = output?;
    pulled.map_err(|_| anyhow!("the hand failed"))??;
    let expected = "Input/output error\nInput/output error\nalive\n";
    ensure!(
        output == expected,
        "expected:\n{expected}\nfound:\n{output}"
    );
    Ok(())
}

/// Pulls the card out once the guest uses it, unless the machine has ended before.
fn pull(card: &Path, slot: &str, socket: &Path, ended: &AtomicBool) -> Result<()> {
    let mut monitor = Monitor::connect(socket, ended)?;
    let mut first = [0];
    while first != *b"x" {
        ensure!(
            !ended.load(Ordering::Relaxed),
            "the guest has not written to the card"
        );
        thread::sleep(PAUSE);
        File::open(card)?.read_exact(&mut first)?;
    }
    monitor
        .execute(json!({"execute": "eject", "arguments": {"device": slot, "force": true}}))
        .context("cannot pull the card out")
}
