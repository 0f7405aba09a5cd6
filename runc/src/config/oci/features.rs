//! The features document (features.md, features-linux.md of the runtime specification): what of a
//! configuration has an effect, from the tables that decide it.

use super::super::{capabilities, hooks};
use super::{linux, mount_options, template};
use serde_json::{Value, json};

/// The oldest version of the specification that is accepted.
const OLDEST_VERSION: &str = "1.0.0";

/// The document.
pub fn features() -> Value {
    let enabled = |member: &str| json!({ "enabled": linux::is_supported(member) });
    json!({
        "ociVersionMin": OLDEST_VERSION,
        "ociVersionMax": template::VERSION,
        "hooks": hooks::POINTS,
        "mountOptions": mount_options::accepted(),
        "linux": {
            "namespaces": linux::supported_namespaces(),
            "capabilities": capabilities::NAMES.as_slice(),
            "cgroup": {
                "v1": false, "v2": false, "systemd": false, "systemdUser": false, "rdma": false
            },
            "seccomp": enabled("seccomp"),
            "apparmor": { "enabled": false },
            "selinux": { "enabled": linux::is_supported("mountLabel") },
            "intelRdt": enabled("intelRdt"),
            "mountExtensions": { "idmap": { "enabled": linux::is_supported("uidMappings") } },
            "netDevices": enabled("netDevices")
        },
        "annotations": { "org.opencontainers.runc.version": env!("CARGO_PKG_VERSION") }
    })
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::{features, mount_options};
    use crate::config::template;
    use crate::config::value::Document;
    use serde_json::{Value, json};
    use std::path::Path;

    fn is_accepted(configuration: &Value) -> bool {
        let text = configuration.to_string();
        let document = Document::parse(Path::new("config.json"), text.as_bytes()).unwrap();
        parse(&document, Path::new("/bundle"), &[]).is_ok()
    }

    /// What the document promises is taken, by what takes it.
    #[test]
    fn promises_are_kept() {
        let features = features();
        for version in ["ociVersionMin", "ociVersionMax"] {
            let mut configuration = template();
            configuration["ociVersion"] = features[version].clone();
            assert!(is_accepted(&configuration), "{version}");
        }
        for option in mount_options::accepted() {
            let mut configuration = template();
            configuration["mounts"] = json!([
                { "destination": "/x", "type": "tmpfs", "source": "/x", "options": [option] }
            ]);
            assert!(is_accepted(&configuration), "{option}");
        }
        let namespaces = features["linux"]["namespaces"].as_array().unwrap();
        assert_eq!(namespaces, &["mount", "pid", "uts"]);
        for hook in features["hooks"].as_array().unwrap() {
            let mut configuration = template();
            configuration["hooks"][hook.as_str().unwrap()] = json!([{ "path": "/bin/true" }]);
            assert!(is_accepted(&configuration), "{hook}");
        }
    }

    /// What it says is not there is refused.
    #[test]
    fn nothing_else_is_accepted() {
        let features = features();
        for member in ["seccomp", "intelRdt", "netDevices"] {
            assert_eq!(features["linux"][member]["enabled"], false);
            let mut configuration = template();
            configuration["linux"][member] = json!({ "x": "y" });
            assert!(!is_accepted(&configuration), "{member}");
        }
    }
}
