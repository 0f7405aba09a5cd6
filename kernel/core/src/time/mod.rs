//! Clocks and the calls that read and set them.
