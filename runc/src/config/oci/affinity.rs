//! The member `process.execCPUAffinity` of config.json: on which processors `exec` runs a process.

use super::super::value::Field;
use crate::error::Error;

/// Processors are numbered below this (as many as the kernel's masks have room for in Linux).
const LIMIT: usize = 8192;

/// Reads the member; one bit for each processor. `initial` holds until the process is moved into the container's
/// control group, `final` from then on: without a group to move it to, the latter holds at once if it is there.
pub fn parse(field: &Field<'_>) -> Result<Vec<u64>, Error> {
    let object = field.object()?;
    let list = |name| match object
        .optional(name)
        .filter(|field: &Field<'_>| !field.is_empty())
    {
        Some(field) => processors(&field),
        None => Ok(Vec::new()),
    };
    let (initial, last) = (list("initial")?, list("final")?);
    object.warn_of_unknown();
    Ok(if last.is_empty() { initial } else { last })
}

/// A list such as `0-3,7`.
fn processors(field: &Field<'_>) -> Result<Vec<u64>, Error> {
    let wrong = || field.error("expected a list of processors such as 0-3,7");
    let number = |text: &str| {
        let number = text.trim().parse::<usize>().ok();
        number.filter(|number| *number < LIMIT).ok_or_else(wrong)
    };
    let mut bits = Vec::new();
    for range in field.string()?.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(wrong());
        }
        for number in first..=last {
            let word = number / 64;
            if bits.len() <= word {
                bits.resize(word + 1, 0u64);
            }
            if let Some(word) = bits.get_mut(word) {
                *word |= 1 << (number % 64);
            }
        }
    }
    Ok(bits)
}
