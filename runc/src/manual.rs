//! The manual page man/runc.8, made of the command line so that both say the same.
//! `GOLDEN=write cargo test -p runc manual` writes it.

use crate::cli;
use clap::{Arg, Command};
use roff::{Roff, bold, italic, roman};
use std::fs;
use std::path::Path;

#[test]
fn says_what_the_command_line_takes() {
    let mut command = cli::command();
    command.build();
    let page = page(&command);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("man/runc.8");
    if std::env::var_os("GOLDEN").is_some_and(|value| value == "write") {
        fs::write(file, page).unwrap();
    } else {
        let message = "man/runc.8 is out of step: GOLDEN=write cargo test -p runc manual";
        assert!(fs::read_to_string(file).unwrap() == page, "{message}");
    }
}

fn page(command: &Command) -> String {
    let mut page = Roff::new();
    page.control("TH", ["runc", "8", "", "Gantry", "System Manager's Manual"]);
    page.control("SH", ["NAME"]);
    page.text([roman("runc - manages containers")]);
    page.control("SH", ["SYNOPSIS"]);
    page.text([
        bold("runc"),
        roman(" [options] "),
        italic("command"),
        roman(" [arguments]"),
    ]);
    page.control("SH", ["DESCRIPTION"]);
    page.text([roman(about(command))]);
    page.control("SH", ["OPTIONS"]);
    page.text([roman("These go before a command or behind it.")]);
    for argument in command.get_arguments().filter(|it| is_shown(it)) {
        describe(&mut page, argument);
    }
    page.control("SH", ["COMMANDS"]);
    for inner in command.get_subcommands() {
        add(&mut page, "runc", inner);
    }
    examples(&mut page, command);
    page.to_roff()
}

/// A command, or those that it consists of.
fn add(page: &mut Roff, above: &str, command: &Command) {
    let name = format!("{above} {}", command.get_name());
    if command.has_subcommands() {
        for inner in command.get_subcommands() {
            add(page, &name, inner);
        }
        return;
    }
    page.control("SS", [name.as_str()]);
    let usage = command.clone().render_usage().to_string();
    page.text([bold(usage.trim_start_matches("Usage: "))]);
    page.control("PP", []);
    for paragraph in about(command).split("\n\n") {
        page.text([roman(paragraph)]);
        page.control("PP", []);
    }
    let is_own = |argument: &&Arg| {
        is_shown(argument) && !argument.is_global_set() && argument.get_id() != "help"
    };
    for argument in command.get_arguments().filter(is_own) {
        describe(page, argument);
    }
    examples(page, command);
}

fn about(command: &Command) -> String {
    let text = command.get_long_about().or(command.get_about());
    let text = text.map_or(String::new(), ToString::to_string);
    format!("{}.", text.trim_end_matches('.')).replace("\n\n", ".\n\n")
}

fn is_shown(argument: &Arg) -> bool {
    !argument.is_hide_set()
}

fn describe(page: &mut Roff, argument: &Arg) {
    page.control("TP", []);
    let mut heading = Vec::new();
    if let Some(short) = argument.get_short() {
        heading.push(bold(format!("-{short}")));
    }
    if let Some(long) = argument.get_long() {
        if !heading.is_empty() {
            heading.push(roman(", "));
        }
        heading.push(bold(format!("--{long}")));
    }
    let takes_value = argument.get_action().takes_values();
    if let Some(names) = argument.get_value_names().filter(|_| takes_value) {
        for name in names {
            if !heading.is_empty() {
                heading.push(roman(" "));
            }
            heading.push(italic(name.as_str()));
        }
    }
    page.text(heading);
    let mut text = argument
        .get_help()
        .map_or(String::new(), ToString::to_string);
    let values: Vec<_> = argument
        .get_possible_values()
        .iter()
        .map(|value| value.get_name().to_owned())
        .collect();
    if takes_value && !values.is_empty() {
        text.push_str(&format!(" ({})", values.join(", ")));
    }
    page.text([roman(text)]);
}

/// Examples and what stands beside them: lines as they are.
fn examples(page: &mut Roff, command: &Command) {
    let Some(text) = command.get_after_help() else {
        return;
    };
    page.control("PP", []);
    page.control("EX", []);
    for line in text.to_string().lines() {
        page.text([roman(line)]);
    }
    page.control("EE", []);
}
