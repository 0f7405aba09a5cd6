//! The member `process.capabilities` of config.json.

use super::super::capabilities::{Capabilities, CapabilitySet};
use super::super::value::{Field, Object};
use crate::error::Error;

/// Reads the five sets. A set that is left out is empty: without a bounding set nothing can be gained.
pub fn parse(field: &Field<'_>) -> Result<Capabilities, Error> {
    let object = field.object()?;
    let mut unknown = Vec::new();
    let mut set = |name| set(&object, name, &mut unknown);
    let mut capabilities = Capabilities {
        bounding: set("bounding")?,
        effective: set("effective")?,
        permitted: set("permitted")?,
        inheritable: set("inheritable")?,
        ambient: set("ambient")?,
    };
    object.warn_of_unknown();
    if !unknown.is_empty() {
        field.warn(&format!(
            "ignoring unknown or unavailable capabilities: [{}]",
            unknown.join(" ")
        ));
    }
    let Capabilities {
        bounding,
        effective,
        permitted,
        inheritable,
        ambient,
    } = capabilities;
    if !effective.is_subset(permitted) {
        let beyond = effective.without(permitted);
        return Err(field.error(&format!("effective, but not permitted: {beyond}")));
    }
    if !inheritable.is_subset(bounding) {
        let beyond = inheritable.without(bounding);
        return Err(field.error(&format!(
            "inheritable, but not in the bounding set: {beyond}"
        )));
    }
    let possible = permitted.intersection(inheritable);
    if !ambient.is_subset(possible) {
        let left_out = ambient.without(possible);
        field.warn(&format!(
            "left out of the ambient set, as not both permitted and inheritable: {left_out}"
        ));
        capabilities.ambient = ambient.intersection(possible);
    }
    Ok(capabilities)
}

fn set<'a>(
    object: &Object<'a>,
    name: &'static str,
    unknown: &mut Vec<&'a str>,
) -> Result<CapabilitySet, Error> {
    let mut set = CapabilitySet::default();
    let Some(field) = object.optional(name).filter(|field| !field.is_null()) else {
        return Ok(set);
    };
    for capability in field.list()? {
        let name = capability.string()?;
        if !set.insert(name) && !unknown.contains(&name) {
            unknown.push(name);
        }
    }
    Ok(set)
}
