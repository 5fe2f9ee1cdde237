// SPDX-License-Identifier: Apache-2.0
#include "engine/parquet/unpack.h"

#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

namespace suiro::parquet {
namespace {

constexpr int kAnyZlibWindow = 15 + 32;  // zlib: gzip members or zlib's own form

bool unpack_snappy(ByteView packed, Bytes& out) {
  size_t size = 0;
  return snappy::GetUncompressedLength(packed.data(), packed.size(), &size) && size == out.size() &&
         snappy::RawUncompress(packed.data(), packed.size(), out.data());
}

bool unpack_gzip(ByteView packed, Bytes& out) {
  z_stream stream = {};
  if (inflateInit2(&stream, kAnyZlibWindow) != Z_OK) return false;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  int done = inflate(&stream, Z_FINISH);
  // Each further member takes bytes of the input.
  while (done == Z_STREAM_END && stream.avail_in > 0) {
    if (inflateReset(&stream) != Z_OK) break;
    done = inflate(&stream, Z_FINISH);
  }
  const bool is_whole = done == Z_STREAM_END && stream.avail_out == 0;
  inflateEnd(&stream);
  return is_whole;
}

bool unpack_zstd(ByteView packed, Bytes& out) {
  return ZSTD_decompress(out.data(), out.size(), packed.data(), packed.size()) == out.size();
}

}  // namespace

Result<Bytes> unpack(Codec codec, ByteView packed, size_t size) {
  if (codec == Codec::kNone) {
    if (packed.size() == size) return Bytes(packed);
  } else {
    Bytes out(size, '\0');
    if (codec == Codec::kSnappy && unpack_snappy(packed, out)) return out;
    if (codec == Codec::kGzip && unpack_gzip(packed, out)) return out;
    if (codec == Codec::kZstd && unpack_zstd(packed, out)) return out;
  }
  return fail(codes::kInvalidArgument,
              "The Parquet file is damaged: a page does not have the size that it tells.");
}

}  // namespace suiro::parquet
