//! The journal on a simulated disk.
