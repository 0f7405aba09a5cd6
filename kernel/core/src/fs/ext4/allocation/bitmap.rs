//! Bitmaps: a bit for each block or inode of a group, set for what is taken.

/// The first bit from `from` to before `end` that is as wanted; `None` if there is none.
fn next(bytes: &[u8], from: u32, end: u32, wanted: bool) -> Option<u32> {
    let uninteresting = if wanted { 0 } else { 0xff };
    let mut at = from;
    while at < end {
        let byte = *bytes.get((at / 8) as usize)?;
        if at.is_multiple_of(8) && byte == uninteresting {
            at += 8;
            continue;
        }
        if (byte >> (at % 8) & 1 != 0) == wanted {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// The first clear bit from `from` to before `end`.
pub fn next_clear(bytes: &[u8], from: u32, end: u32) -> Option<u32> {
    next(bytes, from, end, false)
}

/// A run of clear bits, the first from `from` on that has `wanted`, or else the longest; its start and its length, which
/// is at most `wanted`.
pub fn find_run(bytes: &[u8], from: u32, end: u32, wanted: u32) -> Option<(u32, u32)> {
    let mut best: Option<(u32, u32)> = None;
    let mut at = from;
    while let Some(start) = next(bytes, at, end, false) {
        let run_end = next(bytes, start, end, true).unwrap_or(end);
        let length = run_end - start;
        if length >= wanted {
            return Some((start, wanted));
        }
        if best.is_none_or(|(_, longest)| length > longest) {
            best = Some((start, length));
        }
        at = run_end;
    }
    best
}

/// Whether all bits of a range are as said; false for one beyond the end.
pub fn all_are(bytes: &[u8], start: u32, count: u32, set: bool) -> bool {
    let end = start.saturating_add(count);
    end as usize <= bytes.len() * 8 && next(bytes, start, end, !set).is_none()
}

/// Sets or clears a range, as far as it lies in the bitmap.
pub fn fill(bytes: &mut [u8], start: u32, count: u32, set: bool) {
    let end = start.saturating_add(count);
    let mut at = start;
    while at < end {
        let Some(byte) = bytes.get_mut((at / 8) as usize) else {
            return;
        };
        let bits = (8 - at % 8).min(end - at);
        let mask = (((1u16 << bits) - 1) << (at % 8)) as u8;
        if set {
            *byte |= mask;
        } else {
            *byte &= !mask;
        }
        at += bits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_found_from_the_goal_on() {
        let mut bytes = [0; 8];
        fill(&mut bytes, 0, 10, true);
        fill(&mut bytes, 13, 20, true);
        assert!(all_are(&bytes, 13, 20, true) && all_are(&bytes, 10, 3, false));
        assert!(!all_are(&bytes, 9, 2, true) && !all_are(&bytes, 60, 5, false));
        assert_eq!(find_run(&bytes, 0, 64, 3), Some((10, 3)));
        assert_eq!(find_run(&bytes, 0, 64, 4), Some((33, 4)));
        assert_eq!(find_run(&bytes, 0, 35, 4), Some((10, 3)));
        assert_eq!(find_run(&bytes, 11, 33, 9), Some((11, 2)));
        assert_eq!(find_run(&bytes, 13, 33, 1), None);
        fill(&mut bytes, 15, 3, false);
        assert_eq!(next_clear(&bytes, 13, 64), Some(15));
        assert_eq!(next_clear(&bytes, 18, 33), None);
    }
}
