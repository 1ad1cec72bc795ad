//! Compressed sections: what linkers make of debug info to keep files small.

use std::io::Read;

use flate2::read::ZlibDecoder;
use goblin::container::{Container, Ctx, Endian};
use goblin::elf::compression_header::{CompressionHeader, ELFCOMPRESS_ZLIB};

use crate::error::{Error, Result};

/// No debug section of any Python comes near this: those of libpython take some 20 MB. What is
/// decompressed lies in memory.
const MAX_SIZE: u64 = 256 << 20;

/// Deflate cannot shrink by more than this: 258 bytes cost at least two bits.
const MAX_RATIO: u64 = 1032;

/// `ELFCOMPRESS_ZSTD` (`ch_type` 2); goblin has no name for it yet.
const ELFCOMPRESS_ZSTD: u32 = 2;

/// How all files that this room reads are laid out.
pub(super) const LAYOUT: Ctx = Ctx { container: Container::Big, le: Endian::Little };

/// What a `SHF_COMPRESSED` section holds: a header that names the method and the size, then the
/// stream.
pub(super) fn inflate_section(name: &str, data: &[u8]) -> Result<Vec<u8>> {
    let damaged = |cause: &str| Error::failed(format!("section {name} is damaged")).because(cause);
    let header =
        CompressionHeader::parse(data, 0, LAYOUT).map_err(|_| damaged("it is too short for its compression header"))?;
    let stream = data
        .get(CompressionHeader::size(LAYOUT)..)
        .ok_or_else(|| damaged("it is too short for its compression header"))?;
    match header.ch_type {
        ELFCOMPRESS_ZLIB => inflate(stream, header.ch_size).map_err(|cause| damaged(&cause)),
        ELFCOMPRESS_ZSTD => {
            Err(Error::failed(format!("section {name} is compressed with zstd, which pitviper does not read"))
                .hint("make a readable copy with: objcopy --decompress-debug-sections FILE COPY"))
        }
        other => Err(damaged(&format!("compression method {other} is not known"))),
    }
}

/// What a `.zdebug_*` section holds, as GNU tools wrote it before 2015: `ZLIB`, the size in big
/// endian, then the stream.
pub(super) fn inflate_legacy(name: &str, data: &[u8]) -> Result<Vec<u8>> {
    let damaged = |cause: &str| Error::failed(format!("section {name} is damaged")).because(cause);
    let (size, stream) = data
        .strip_prefix(b"ZLIB")
        .and_then(|rest| rest.split_first_chunk::<8>())
        .ok_or_else(|| damaged("it does not begin with its compression header"))?;
    inflate(stream, u64::from_be_bytes(*size)).map_err(|cause| damaged(&cause))
}

fn inflate(stream: &[u8], size: u64) -> Result<Vec<u8>, String> {
    if size > (stream.len() as u64).saturating_mul(MAX_RATIO) {
        return Err(format!("it claims {size} bytes, more than its stream can hold"));
    }
    if size > MAX_SIZE {
        return Err(format!(
            "it claims {size} bytes; decompress it first: objcopy --decompress-debug-sections FILE COPY"
        ));
    }
    let mut bytes = Vec::new();
    let capacity = usize::try_from(size).map_err(|cause| cause.to_string())?;
    bytes.try_reserve_exact(capacity).map_err(|cause| cause.to_string())?;
    ZlibDecoder::new(stream).take(size).read_to_end(&mut bytes).map_err(|cause| cause.to_string())?;
    match bytes.len() as u64 == size {
        true => Ok(bytes),
        false => Err(format!("it holds {} bytes instead of {size}", bytes.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::ZlibEncoder};
    use std::io::Write;

    fn section(method: u32, size: u64, plain: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(method.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(size.to_le_bytes());
        bytes.extend(1_u64.to_le_bytes());
        let mut encoder = ZlibEncoder::new(bytes, Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_compressed_section_is_what_it_was() {
        let plain = vec![7; 100_000];
        let bytes = section(1, 100_000, &plain);
        assert_eq!(inflate_section(".debug_info", &bytes).unwrap(), plain);
        let mut legacy = b"ZLIB".to_vec();
        legacy.extend(100_000_u64.to_be_bytes());
        legacy.extend(&bytes[24..]);
        assert_eq!(inflate_legacy(".zdebug_info", &legacy).unwrap(), plain);
    }

    #[test]
    fn lies_are_refused() {
        let rows = [
            (section(1, 100_000_000, b"x"), "more than its stream can hold"),
            (section(1, u64::MAX, b"x"), "more than its stream can hold"),
            (section(1, 9, b"ten bytes!!")[..30].to_vec(), "damaged"),
            (section(1, 12, b"ten bytes!"), "it holds 10 bytes instead of 12"),
            (section(2, 10, b"ten bytes!"), "zstd"),
            (section(3, 10, b"ten bytes!"), "method 3 is not known"),
            (vec![1, 0], "too short"),
        ];
        for (bytes, text) in rows {
            let error = inflate_section(".debug_str", &bytes).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
            assert!(inflate_legacy(".zdebug_str", &bytes).is_err());
        }
    }
}
