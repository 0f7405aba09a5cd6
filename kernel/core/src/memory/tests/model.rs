//! Random map, unmap, protect, remap and fork against a model with one entry per page.

use super::*;

/// Pages in the window.
const WINDOW: u64 = 48;

/// A small generator: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What a page should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Page {
    protection: Protection,
    content: u8,
}

type Model = Vec<Option<Page>>;

fn protection_of(number: u64) -> Protection {
    [READ, READ_WRITE, NONE][number as usize % 3]
}

/// The model as runs of equal protection: areas must be exactly these.
fn runs(model: &Model) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64, Protection)> = Vec::new();
    for (index, entry) in model.iter().enumerate() {
        let Some(entry) = entry else { continue };
        match runs.last_mut() {
            Some((start, length, protection))
                if *start + *length == index as u64 && *protection == entry.protection =>
            {
                *length += 1;
            }
            _ => runs.push((index as u64, 1, entry.protection)),
        }
    }
    runs.into_iter()
        .map(|(start, length, _)| (start, length))
        .collect()
}

fn check(space: &AddressSpace, model: &Model) {
    assert_eq!(shape(space), runs(model));
    let mut data = 0;
    for (index, entry) in model.iter().enumerate() {
        assert_eq!(
            byte(space, page(index as u64)),
            entry.map(|entry| entry.content),
            "page {index}"
        );
        data += u64::from(entry.is_some_and(|entry| entry.protection.write));
    }
    let statistics = space.statistics();
    assert_eq!(statistics.total, model.iter().flatten().count() as u64);
    assert_eq!(statistics.data, data);
}

fn step(space: &AddressSpace, model: &mut Model, numbers: &mut Numbers) {
    let start = numbers.below(WINDOW);
    let length = 1 + numbers.below(WINDOW - start).min(numbers.below(12));
    let pages = start as usize..(start + length) as usize;
    let mapped = model[pages.clone()].iter().all(Option::is_some);
    match numbers.below(6) {
        0 | 1 => {
            let protection = protection_of(numbers.below(3));
            space.map(fixed(start, length, protection)).unwrap();
            model[pages].fill(Some(Page {
                protection,
                content: 0,
            }));
        }
        2 => {
            space.unmap(page(start), length * PAGE_SIZE).unwrap();
            model[pages].fill(None);
        }
        3 => {
            let protection = protection_of(numbers.below(3));
            let result = space.protect(page(start), length * PAGE_SIZE, protection, false);
            assert_eq!(result.is_ok(), mapped);
            if mapped {
                model[pages]
                    .iter_mut()
                    .flatten()
                    .for_each(|entry| entry.protection = protection);
            }
        }
        4 => {
            let content = numbers.below(255) as u8 + 1;
            let result = space.write_memory(page(start), &[content]);
            assert_eq!(result.is_ok(), model[start as usize].is_some());
            if let Some(entry) = &mut model[start as usize] {
                entry.content = content;
            }
        }
        _ => {
            let target = numbers.below(WINDOW - length + 1);
            let one_area = runs(model)
                .iter()
                .any(|(first, count)| *first <= start && start + length <= first + count);
            let overlap = target < start + length && start < target + length;
            let flags = RemapFlags::MAY_MOVE | RemapFlags::FIXED;
            let result = space.remap(
                page(start),
                length * PAGE_SIZE,
                length * PAGE_SIZE,
                flags,
                page(target),
            );
            assert_eq!(result.is_ok(), one_area && !overlap, "{result:?}");
            if result.is_ok() {
                let moved: Vec<_> = model[pages.clone()].to_vec();
                model[pages].fill(None);
                model[target as usize..(target + length) as usize].copy_from_slice(&moved);
            }
        }
    }
}

#[test]
fn random_operations_agree_with_the_model() {
    for seed in 1..40 {
        let space = space();
        let mut model = vec![None; WINDOW as usize];
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15u64.wrapping_mul(seed));
        for _ in 0..300 {
            step(&space, &mut model, &mut numbers);
            check(&space, &model);
        }
    }
}

#[test]
fn children_go_their_own_way() {
    for seed in 1..20 {
        let parent = space();
        let mut parent_model = vec![None; WINDOW as usize];
        let mut numbers = Numbers(0x2545_f491_4f6c_dd1du64.wrapping_mul(seed));
        for _ in 0..60 {
            step(&parent, &mut parent_model, &mut numbers);
        }
        let child = parent.fork().unwrap();
        let mut child_model = parent_model.clone();
        for _ in 0..60 {
            step(&parent, &mut parent_model, &mut numbers);
            step(&child, &mut child_model, &mut numbers);
        }
        check(&parent, &parent_model);
        check(&child, &child_model);
    }
}
