//! /proc/contexts: one line a context, for the boot list alone.

use gantry_abi::context::ContextState;
use gantry_abi::ioctl::ContextInfo;

use super::super::text::Text;
use crate::context::set;
use crate::task::Current;
use crate::{Errno, Result};

/// Type, id, state, attached processes, pending slots and open descriptors of every context.
///
/// # Errors
/// `ESRCH` for a reader in another list, `ENOMEM`.
pub fn contexts(reader: &Current, text: &mut Text) -> Result<()> {
    if !reader.process().contexts().sees_everyone() {
        return Err(Errno::ESRCH);
    }
    text.add(format_args!(
        "{:<5} {:>6} {:<9} {:>9} {:>7} {:>11}\n",
        "type", "id", "state", "processes", "pending", "descriptors"
    ));
    for info in set::all_infos()? {
        text.add(format_args!(
            "{:<5} {:>6} {:<9} {:>9} {:>7} {:>11}\n",
            type_name(&info),
            info.id,
            info.state().map_or("unknown", ContextState::name),
            info.attached_processes,
            info.pending_slots,
            info.open_descriptors
        ));
    }
    Ok(())
}

fn type_name(info: &ContextInfo) -> &'static str {
    info.context_type()
        .map_or("?", |context_type| context_type.namespace_name())
}
