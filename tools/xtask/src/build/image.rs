//! Flattening an ELF kernel to the Image that boot loaders take.
use anyhow::{Context, Result, bail, ensure};
use object::Endianness;
use object::elf::{FileHeader64, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};

/// More than any kernel: a segment far away is a fault of the link, not a reason for gigabytes of zeros.
const SIZE_LIMIT: u64 = 256 << 20;

/// The loaded bytes of `elf` by physical address, starting with the lowest; gaps are zero, what has no bytes in the file
/// at the end (.bss) is left out.
pub fn flatten(elf: &[u8]) -> Result<Vec<u8>> {
    let header = FileHeader64::<Endianness>::parse(elf).context("not a 64-bit ELF file")?;
    let endian = header.endian().context("not a 64-bit ELF file")?;
    let segments: Vec<_> = header
        .program_headers(endian, elf)
        .context("damaged program headers")?
        .iter()
        .filter(|segment| segment.p_type(endian) == PT_LOAD && segment.p_filesz(endian) > 0)
        .collect();
    let base = segments
        .iter()
        .map(|segment| segment.p_paddr(endian))
        .min()
        .context("nothing to load in it")?;
    let mut image = Vec::new();
    for segment in segments {
        let data = segment
            .data(endian, elf)
            .ok()
            .context("a segment reaches past the end of the file")?;
        let start = segment.p_paddr(endian) - base;
        let end = start + data.len() as u64;
        if end > SIZE_LIMIT {
            bail!("segments spread over {} MiB", end >> 20);
        }
        let (start, end) = (start as usize, end as usize);
        if image.len() < end {
            image.resize(end, 0);
        }
        image[start..end].copy_from_slice(data);
    }
    ensure!(
        image.get(56..60) == Some(b"ARM\x64".as_slice()),
        "it does not start with the arm64 Image header"
    );
    Ok(image)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A little-endian arm64 ELF file with the given segments: physical address, content, size in memory.
    pub fn elf(segments: &[(u64, &[u8], u64)]) -> Vec<u8> {
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        for half in [2u16, 183] {
            file.extend(half.to_le_bytes());
        }
        file.extend(1u32.to_le_bytes());
        for word in [0u64, 64, 0] {
            file.extend(word.to_le_bytes());
        }
        file.extend(0u32.to_le_bytes());
        for half in [64, 56, segments.len() as u16, 64, 0, 0] {
            file.extend(half.to_le_bytes());
        }
        let mut offset = 64 + 56 * segments.len() as u64;
        for (address, data, memory) in segments {
            for word in [1u32, 5] {
                file.extend(word.to_le_bytes());
            }
            for word in [
                offset,
                0xffff_8000_8000_0000 + address,
                *address,
                data.len() as u64,
                *memory,
                1,
            ] {
                file.extend(word.to_le_bytes());
            }
            offset += data.len() as u64;
        }
        segments.iter().for_each(|(_, data, _)| file.extend(*data));
        file
    }

    fn head() -> Vec<u8> {
        let mut head = vec![1; 64];
        head[56..60].copy_from_slice(b"ARM\x64");
        head
    }

    #[test]
    fn places_segments_by_physical_address() {
        let image = flatten(&elf(&[
            (0x10_0000, &head(), 64),
            (0x10_0048, b"data", 4096),
        ]))
        .unwrap();
        assert_eq!(image.len(), 0x48 + 4);
        assert_eq!(image[..64], head());
        assert_eq!(image[64..], *b"\0\0\0\0\0\0\0\0data");
    }

    #[test]
    fn leaves_out_segments_without_bytes() {
        assert_eq!(
            flatten(&elf(&[(0, &head(), 64), (0x10_0000, b"", 4096)]))
                .unwrap()
                .len(),
            64
        );
    }

    #[test]
    fn refuses_what_is_no_kernel() {
        assert!(flatten(b"MZ").is_err());
        assert!(flatten(&elf(&[])).is_err());
        assert!(flatten(&elf(&[(0, &[0; 64], 64)])).is_err());
        assert!(flatten(&elf(&[(0, &head(), 64), (1 << 40, b"x", 1)])).is_err());
        let whole = elf(&[(0, &head(), 64)]);
        assert!(flatten(&whole[..whole.len() - 1]).is_err());
    }
}
