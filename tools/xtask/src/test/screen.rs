//! The screen: what a picture of it shows, read by the glyphs of the font.
use super::boot::panics;
use super::guest::succeed;
use super::step::Step;
use crate::run::machine::{Machine, Screen};
use crate::run::picture::Text;
use crate::workspace::{Board, TemporaryFolder};
use anyhow::{Context, Result, ensure};

/// Text at a place of its own, in colours of the palette and in another.
const COMMAND: &str =
    r"printf '\033[2J\033[3;5H\033[1;33;44mplaced\033[m\r\n\033[38;2;1;200;99mbelow\033[m\n'";
const GREY: [u8; 3] = [0xaa; 3];
const BLACK: [u8; 3] = [0; 3];

pub fn steps() -> Vec<Step> {
    Board::ALL
        .into_iter()
        .flat_map(|board| {
            [
                Step::new(format!("screen, {board}"), move || shows_text(board)),
                Step::new(format!("screen, a panic, {board}"), move || {
                    shows_panic(board)
                }),
            ]
        })
        .collect()
}

/// Runs a machine with a screen, and reads the picture of its end.
fn picture(mut machine: Machine, run: impl FnOnce(Machine) -> Result<()>) -> Result<Text> {
    let folder = TemporaryFolder::new("screen")?;
    let picture = folder.path().join("screen.png");
    machine.screen = Screen::Hidden;
    machine.picture = Some(picture.clone());
    run(machine)?;
    Text::read(&picture)
}

/// What a command leaves on the screen.
fn picture_of(machine: Machine, command: &str) -> Result<Text> {
    picture(machine, |machine| succeed(machine, command).map(drop))
}

/// Output with colours is where it was put, and what the kernel logged before there was a screen is there as well.
fn shows_text(board: Board) -> Result<()> {
    let mut machine = Machine::new(board);
    machine.append.push("loglevel=7".to_string());
    let text = picture_of(machine, "uname -s")?;
    let lines: Vec<_> = text.lines().collect();
    let all = lines.join("\n");
    for expected in ["] Gantry on ", "4 of 4 CPUs up", "] powering off"] {
        ensure!(all.contains(expected), "no {expected:?} on\n{all}");
    }
    ensure!(
        lines.iter().any(|line| line == "Linux"),
        "no output on\n{all}"
    );

    let text = picture_of(Machine::new(board), COMMAND)?;
    let lines: Vec<_> = text.lines().collect();
    ensure!(
        lines[..5] == ["", "", "    placed", "below", ""],
        "{}",
        lines.join("\n")
    );
    for (word, foreground, background) in [
        ("placed", [0xff, 0xff, 0x55], [0, 0, 0xaa]),
        ("below", [1, 200, 99], BLACK),
    ] {
        let cells = text.find(word).context("a word is gone")?;
        ensure!(
            cells
                .iter()
                .all(|cell| (cell.foreground, cell.background) == (foreground, background)),
            "{word} has other colours: {cells:?}"
        );
    }
    Ok(())
}

/// The last words of a kernel are on the screen.
fn shows_panic(board: Board) -> Result<()> {
    let mut machine = Machine::new(board);
    machine.append.push("rdinit=/bin/true".to_string());
    let text = picture(machine, |machine| panics(&machine))?;
    let all = text.lines().collect::<Vec<_>>().join("\n");
    let cells = text
        .find("kernel panic: ")
        .with_context(|| format!("no panic on\n{all}"))?;
    ensure!(cells[0].foreground == GREY, "the panic has colours");
    ensure!(all.contains("on CPU "), "the report isn't whole:\n{all}");
    Ok(())
}
