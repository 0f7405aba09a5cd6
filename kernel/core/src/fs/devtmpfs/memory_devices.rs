//! Devices that need no hardware: null, zero, full, random, urandom (null(4), full(4), random(4)).

use crate::memory::MemoryObject;
use crate::system::random;
use crate::vfs::device::{self, Device, DeviceKind};
use crate::vfs::file::File;
use crate::vfs::file_operations::{FileOperations, Positions, Whence};
use crate::vfs::flags::OpenFlags;
use crate::vfs::kind::{DeviceNumber, FileKind};
use crate::vfs::location::Location;
use crate::vfs::transfer::{Destination, Source};
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;

const MAJOR: u32 = 1;

/// The devices: name, minor number.
const DEVICES: [(&[u8], u32); 5] = [
    (b"null", 3),
    (b"zero", 5),
    (b"full", 7),
    (b"random", 8),
    (b"urandom", 9),
];

/// Names and numbers of the devices.
pub fn numbers() -> impl Iterator<Item = (&'static [u8], DeviceNumber)> {
    DEVICES
        .into_iter()
        .map(|(name, minor)| (name, DeviceNumber::new(MAJOR, minor)))
}

/// Registers the devices and their nodes.
///
/// # Errors
/// `EBUSY` if a number is taken.
pub fn register() -> Result<()> {
    for (name, number) in numbers() {
        device::register(DeviceKind::Character, number, Arc::new(MemoryDevice))?;
        super::add_node(name, FileKind::CharacterDevice, 0o666, number)?;
    }
    Ok(())
}

struct MemoryDevice;

impl Device for MemoryDevice {
    fn open(
        &self,
        number: DeviceNumber,
        _location: &Location,
        _flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        match number.minor {
            3 => Ok(Box::new(Null)),
            5 => Ok(Box::new(Zero)),
            7 => Ok(Box::new(Full)),
            8 | 9 => Ok(Box::new(Random)),
            _ => Err(Errno::ENXIO),
        }
    }
}

fn discard(source: &mut Source<'_>) -> Result<usize> {
    Ok(source.skip(source.remaining()))
}

fn zeros(destination: &mut Destination<'_>) -> Result<usize> {
    if destination.remaining() == 1 {
        return destination.write(&[0]);
    }
    destination.clear(destination.remaining())
}

/// Empty, and takes everything.
struct Null;

impl FileOperations for Null {
    fn read(
        &self,
        _file: &File,
        _destination: &mut Destination<'_>,
        _position: &mut u64,
    ) -> Result<usize> {
        Ok(0)
    }

    fn write(&self, _file: &File, source: &mut Source<'_>, _position: &mut u64) -> Result<usize> {
        discard(source)
    }

    fn positions(&self) -> Positions {
        Positions::Ignored
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Zeros without end; mapping it is mapping anonymous memory.
struct Zero;

impl FileOperations for Zero {
    fn read(
        &self,
        _file: &File,
        destination: &mut Destination<'_>,
        _position: &mut u64,
    ) -> Result<usize> {
        zeros(destination)
    }

    fn write(&self, _file: &File, source: &mut Source<'_>, _position: &mut u64) -> Result<usize> {
        discard(source)
    }

    fn positions(&self) -> Positions {
        Positions::Ignored
    }

    fn memory_object(&self, _file: &File) -> Result<Arc<dyn MemoryObject>> {
        Ok(Arc::new(crate::memory::SharedMemory::new(
            i64::MAX as u64 & !0xfff,
        )))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Zeros without end, and no room.
struct Full;

impl FileOperations for Full {
    fn read(
        &self,
        _file: &File,
        destination: &mut Destination<'_>,
        _position: &mut u64,
    ) -> Result<usize> {
        zeros(destination)
    }

    fn write(&self, _file: &File, _source: &mut Source<'_>, _position: &mut u64) -> Result<usize> {
        Err(Errno::ENOSPC)
    }

    fn positions(&self) -> Positions {
        Positions::Ignored
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Bytes of the kernel's random generator; what is written to it is not used, as anyone may write.
struct Random;

impl FileOperations for Random {
    fn read(
        &self,
        _file: &File,
        destination: &mut Destination<'_>,
        _position: &mut u64,
    ) -> Result<usize> {
        let mut stream = random::RandomStream::new();
        let mut done = 0;
        let mut bytes = [0; 256];
        while destination.remaining() > 0 {
            let count = bytes.len().min(destination.remaining());
            let piece = bytes.get_mut(..count).unwrap_or(&mut []);
            stream.fill(piece);
            done += destination.write(piece)?;
        }
        Ok(done)
    }

    fn write(&self, _file: &File, source: &mut Source<'_>, _position: &mut u64) -> Result<usize> {
        discard(source)
    }

    fn positions(&self) -> Positions {
        Positions::Ignored
    }

    fn seek(&self, _file: &File, _current: u64, _offset: i64, _whence: Whence) -> Result<u64> {
        Ok(0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
