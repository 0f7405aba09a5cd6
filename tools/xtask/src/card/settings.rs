//! config.txt and cmdline.txt: what the card tells the Raspberry Pi's firmware, and reading it as the firmware does.
//!
//! Raspberry Pi documentation: "config.txt", boot options and conditional filters; "Configuration", UARTs.

/// The names of the files that config.txt names.
pub const KERNEL: &str = "kernel8.img";
pub const INITRAMFS: &str = "initramfs.cpio";
pub const COMMAND_LINE: &str = "cmdline.txt";
pub const DEVICE_TREE: &str = "bcm2711-rpi-4-b.dtb";

/// With Linux's own device tree, as here, the pins belong to the mini UART, and the PL011 to Bluetooth.
pub const CONFIG_TXT: &str = "\
# Gantry on a Raspberry Pi 4 Model B.
# A 64-bit kernel, where the arm64 boot protocol wants it.
arm_64bit=1
kernel=kernel8.img
kernel_address=0x200000
initramfs initramfs.cpio followkernel
# The serial console at GPIO 14 and 15 is the mini UART, whose speed follows
# the core clock: this fixes the clock, too.
enable_uart=1
";

/// The mini UART is serial1 of the device tree, hence ttyS1; the second partition is the data partition.
pub const CMDLINE_TXT: &str = "console=ttyS1,115200 loglevel=7 data=/dev/mmcblk0p2\n";

/// What config.txt says of the files to start.
#[derive(Debug, PartialEq, Eq)]
pub struct Settings {
    pub kernel: String,
    pub initramfs: Option<String>,
    pub command_line: String,
    pub device_tree: String,
}

impl Settings {
    /// Reads config.txt as a Raspberry Pi 4 Model B would; the last of several settings counts.
    pub fn parse(text: &str) -> Self {
        let mut settings = Self {
            kernel: KERNEL.to_string(),
            initramfs: None,
            command_line: COMMAND_LINE.to_string(),
            device_tree: DEVICE_TREE.to_string(),
        };
        let mut applies = true;
        for line in text.lines().map(str::trim) {
            if let Some(filter) = line
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
            {
                applies = matches!(filter.to_ascii_lowercase().as_str(), "all" | "pi4");
            } else if applies && !line.starts_with('#') {
                settings.take(line);
            }
        }
        settings
    }

    fn take(&mut self, line: &str) {
        // The one setting that is written without an equals sign.
        if let Some(rest) = line.strip_prefix("initramfs ") {
            self.initramfs = rest.split_whitespace().next().map(str::to_string);
            return;
        }
        let Some((name, value)) = line.split_once('=') else {
            return;
        };
        let value = value.trim().to_string();
        match name.trim() {
            "kernel" => self.kernel = value,
            "cmdline" => self.command_line = value,
            "device_tree" => self.device_tree = value,
            "ramfsfile" => self.initramfs = Some(value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_names_our_files() {
        let settings = Settings::parse(CONFIG_TXT);
        assert_eq!(
            settings,
            Settings {
                kernel: KERNEL.to_string(),
                initramfs: Some(INITRAMFS.to_string()),
                command_line: COMMAND_LINE.to_string(),
                device_tree: DEVICE_TREE.to_string(),
            }
        );
        // The firmware cuts off longer lines.
        assert!(CONFIG_TXT.lines().all(|line| line.len() <= 80));
        assert_eq!(CMDLINE_TXT.lines().count(), 1);
    }

    #[test]
    fn filters_are_for_this_board() {
        let text = "kernel=a\n[pi3]\nkernel=b\n[pi4]\ncmdline = c.txt\n[none]\ninitramfs x 0\n[all]\n#kernel=d\n\
            ramfsfile=e\ndevice_tree=f.dtb\r\n";
        assert_eq!(
            Settings::parse(text),
            Settings {
                kernel: "a".to_string(),
                initramfs: Some("e".to_string()),
                command_line: "c.txt".to_string(),
                device_tree: "f.dtb".to_string(),
            }
        );
    }
}
