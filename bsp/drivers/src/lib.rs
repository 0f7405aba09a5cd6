//! Device drivers that both boards share, found from the device tree.
#![no_std]
