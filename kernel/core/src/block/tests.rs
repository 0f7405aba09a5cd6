//! Volumes on a simulated disk.

use super::device::{Operation, Request, Segment};
use super::simulated::SimulatedDisk;
use super::{SECTOR, Volume};
use crate::Errno;
use crate::vfs::DeviceNumber;
use crate::vfs::transfer::{Destination, Source};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use hal::frame::Frame;

fn volume(disk: &Arc<SimulatedDisk>, start: u64, sectors: u64) -> Arc<Volume> {
    let number = DeviceNumber::new(253, 1);
    Arc::new(Volume::new(
        String::from("vda1"),
        number,
        disk.clone(),
        start,
        sectors,
    ))
}

/// A disk whose sectors hold their number.
fn disk(sectors: u64) -> Arc<SimulatedDisk> {
    let numbered = |sector: u64| [sector as u8; SECTOR as usize];
    SimulatedDisk::new((0..sectors).flat_map(numbered).collect())
}

fn write(volume: &Arc<Volume>, position: u64, bytes: &[u8]) {
    let cache = volume.cache().unwrap();
    let written = cache.write(&mut Source::kernel(bytes), position);
    assert_eq!(written, Ok(bytes.len()));
}

#[test]
fn a_partition_is_a_window() {
    let disk = disk(100);
    let volume = volume(&disk, 10, 50);
    let mut bytes = vec![0; 3 * 512];
    volume.read_bytes(5 * 512 - 100, &mut bytes).unwrap();
    assert_eq!((bytes[99], bytes[100], bytes[1535]), (14, 15, 17));
    assert_eq!(volume.read_bytes(49 * 512, &mut bytes), Err(Errno::EINVAL));
}

#[test]
fn requests_outside_or_in_pieces_of_blocks_are_refused() {
    let disk = disk(100);
    let volume = volume(&disk, 10, 50);
    let frame = Frame::zeroed().unwrap();
    let submit = |sector, offset, length| {
        let segments = [Segment {
            frame: &frame,
            offset,
            length,
        }];
        volume.submit(&mut [Request::new(Operation::Read, sector, &segments)])
    };
    assert_eq!(submit(49, 0, 512), Ok(()));
    for (sector, offset, length) in [
        (50, 0, 512),
        (u64::MAX, 0, 512),
        (49, 0, 1024),
        (0, 0, 0),
        (0, 0, 100),
        (0, 100, 512),
        (0, 4096, 512),
        (0, 3584, 1024),
    ] {
        assert_eq!(submit(sector, offset, length), Err(Errno::EINVAL));
    }
    assert_eq!(
        volume.submit(&mut [Request::new(Operation::Read, 0, &[])]),
        Err(Errno::EINVAL)
    );
}

#[test]
fn large_requests_go_to_the_device_in_parts() {
    let disk = disk(400);
    let volume = volume(&disk, 0, 400);
    write(&volume, 0, &vec![7; 20 * 4096]);
    volume.cache().unwrap().write_back().unwrap();
    // 20 pages by 8 at the most.
    assert_eq!(disk.counts(), (160, 3, 0));
}

#[test]
fn one_bad_request_leaves_the_others_alone() {
    let disk = disk(100);
    disk.fail(|faults| faults.bad_sectors.push(20));
    let volume = volume(&disk, 0, 100);
    let frames: Vec<_> = (0..3).map(|_| Frame::zeroed().unwrap()).collect();
    let segments: Vec<_> = frames
        .iter()
        .map(|frame| {
            [Segment {
                frame,
                offset: 0,
                length: 512,
            }]
        })
        .collect();
    let mut requests: Vec<_> = segments
        .iter()
        .zip([10, 20, 30])
        .map(|(segments, sector)| Request::new(Operation::Read, sector, segments))
        .collect();
    assert_eq!(volume.submit(&mut requests), Err(Errno::EIO));
    let results: Vec<_> = requests.iter().map(|request| request.result).collect();
    assert_eq!(results, [Ok(()), Err(Errno::EIO), Ok(())]);
    let mut byte = [0];
    frames[2].read(0, &mut byte);
    assert_eq!(byte, [30]);
}

#[test]
fn a_disk_that_can_only_be_read_takes_no_writes() {
    let disk = SimulatedDisk::with_geometry(vec![0; 4096], |geometry| geometry.read_only = true);
    let volume = volume(&disk, 0, 8);
    write(&volume, 0, b"x");
    let cache = volume.cache().unwrap();
    assert_eq!(cache.sync(&cache.seen()), Err(Errno::EPERM));
}

#[test]
fn the_last_page_may_be_a_part_of_one() {
    let disk = disk(11);
    let volume = volume(&disk, 0, 11);
    let mut bytes = vec![0; 8192];
    let cache = volume.cache().unwrap();
    let read = cache.read(&mut Destination::kernel(&mut bytes), 0);
    assert_eq!((read, bytes[11 * 512 - 1]), (Ok(11 * 512), 10));
    write(&volume, 10 * 512, b"end");
    cache.sync(&cache.seen()).unwrap();
    assert_eq!(
        &disk.after_power_loss(|| false)[10 * 512..][..4],
        b"end\x0a"
    );
}

#[test]
fn what_was_synced_survives_and_the_rest_may_not() {
    let disk = disk(64);
    let volume = volume(&disk, 0, 64);
    let cache = volume.cache().unwrap();
    let seen = cache.seen();
    write(&volume, 0, b"first");
    cache.sync(&seen).unwrap();
    write(&volume, 4096, b"second");
    cache.write_back().unwrap();
    let lost = disk.after_power_loss(|| false);
    assert_eq!((&lost[..5], lost[4096]), (&b"first"[..], 8));
    let kept = disk.after_power_loss(|| true);
    assert_eq!(&kept[4096..4102], b"second");
    // Power fails after the next sector: nobody notices until then.
    disk.fail(|faults| faults.writes_left = Some(1));
    write(&volume, 0, &[1; 8192]);
    cache.sync(&seen).unwrap();
    let cut = disk.after_power_loss(|| false);
    assert_eq!(cut.iter().filter(|&&byte| byte == 1).count(), 512 + 512);
}

#[test]
fn failures_reach_fsync() {
    let disk = disk(64);
    let volume = volume(&disk, 0, 64);
    let cache = volume.cache().unwrap();
    let seen = cache.seen();
    disk.fail(|faults| faults.flush_fails = true);
    assert_eq!(cache.sync(&seen), Err(Errno::EIO));
    disk.fail(|faults| {
        faults.flush_fails = false;
        faults.removed = true;
    });
    write(&volume, 0, &[1; 4096]);
    assert_eq!(cache.sync(&seen), Err(Errno::EIO));
    let mut bytes = [0; 1];
    let read = cache.read(&mut Destination::kernel(&mut bytes), 8192);
    assert_eq!(read, Err(Errno::EIO));
}
