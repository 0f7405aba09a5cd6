//! What the kernel and userland share: the context calls, their structures and ioctl numbers.
#![no_std]
