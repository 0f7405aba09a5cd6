//! The numbered statements of the container interface.

mod descriptors;
mod entering;
mod jail;
mod life;
mod lists;
mod magic_links;
mod masks;
mod mounts;
mod other_trees;
mod pending;
mod refusals;
mod roots;

use crate::harness::Case;

/// Every statement's case, in order.
pub fn all() -> Vec<Case> {
    [
        descriptors::CASES,
        entering::CASES,
        pending::CASES,
        roots::CASES,
        mounts::CASES,
        other_trees::CASES,
        masks::CASES,
        lists::CASES,
        jail::CASES,
        life::CASES,
        refusals::CASES,
        magic_links::CASES,
    ]
    .concat()
}
