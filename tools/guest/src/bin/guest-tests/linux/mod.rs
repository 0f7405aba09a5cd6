//! Linux's own behaviour.

use crate::harness::Case;

/// Every case.
pub fn all() -> Vec<Case> {
    Vec::new()
}
