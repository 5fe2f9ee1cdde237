// SPDX-License-Identifier: Apache-2.0
#include "services/firehose/compress.h"

#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include "base/checksum.h"
#include "base/gzip.h"
#include "services/firehose/errors.h"

namespace suiro::firehose {
namespace {

constexpr int kZstdLevel = 3;
constexpr size_t kSnappyChunkBytes = 65'536;        // the framing format's most
constexpr size_t kHadoopBlockBytes = 256 * 1024;    // Hadoop's default buffer
constexpr size_t kInputBytesMax = size_t{1} << 30;  // zlib counts in 32 bits
constexpr int kRawDeflate = -MAX_WBITS;

void append_le16(Bytes& out, uint32_t value) {
  out.push_back(static_cast<char>(value));
  out.push_back(static_cast<char>(value >> 8));
}
void append_le24(Bytes& out, uint32_t value) {
  append_le16(out, value);
  out.push_back(static_cast<char>(value >> 16));
}
void append_le32(Bytes& out, uint32_t value) {
  append_le16(out, value);
  append_le16(out, value >> 16);
}

Result<Bytes> deflated(ByteView bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kRawDeflate, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return fail(codes::kInternal, "zlib cannot begin");
  }
  Bytes out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  int done = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (done != Z_STREAM_END) return fail(codes::kInternal, "zlib did not end");
  return out;
}

// One entry "data", method deflate, no time (APPNOTE.TXT 6.3, 4.3).
Result<Bytes> zipped(ByteView bytes) {
  constexpr std::string_view kName = "data";
  constexpr uint32_t kDosEpoch = 0x0021;  // 1980-01-01
  TRY(Bytes body, deflated(bytes));
  Bytes facts;  // what the local header and the directory have in common
  append_le16(facts, 20);
  append_le16(facts, 0);
  append_le16(facts, 8);
  append_le16(facts, 0);
  append_le16(facts, kDosEpoch);
  append_le32(facts, crc32(0, bytes));
  append_le32(facts, static_cast<uint32_t>(body.size()));
  append_le32(facts, static_cast<uint32_t>(bytes.size()));
  append_le16(facts, kName.size());
  append_le16(facts, 0);
  Bytes out("PK\3\4", 4);
  out += facts;
  out += kName;
  out += body;
  size_t directory = out.size();
  out += Bytes("PK\1\2", 4);
  append_le16(out, 20);
  out += facts;
  out += Bytes(14, '\0');  // comment's length, disk, attributes, offset of the local header
  out += kName;
  size_t directory_bytes = out.size() - directory;
  out += Bytes("PK\5\6", 4) + Bytes(4, '\0');
  append_le16(out, 1);
  append_le16(out, 1);
  append_le32(out, static_cast<uint32_t>(directory_bytes));
  append_le32(out, static_cast<uint32_t>(directory));
  append_le16(out, 0);
  return out;
}

// framing_format.txt of the snappy library.
Bytes snappy_framed(ByteView bytes) {
  Bytes out("\xff\x06\x00\x00sNaPpY", 10);
  std::string packed;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kSnappyChunkBytes))) {
    ByteView chunk = bytes.substr(0, kSnappyChunkBytes);
    snappy::Compress(chunk.data(), chunk.size(), &packed);
    bool smaller = packed.size() < chunk.size();
    ByteView body = smaller ? ByteView(packed) : chunk;
    uint32_t crc = crc32c(0, chunk);
    out.push_back(smaller ? '\0' : '\1');
    append_le24(out, static_cast<uint32_t>(body.size() + 4));
    append_le32(out, ((crc >> 15) | (crc << 17)) + 0xa282ead8U);
    out += body;
  }
  return out;
}

Bytes snappy_hadoop(ByteView bytes) {
  Bytes out;
  std::string packed;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kHadoopBlockBytes))) {
    ByteView block = bytes.substr(0, kHadoopBlockBytes);
    snappy::Compress(block.data(), block.size(), &packed);
    append_be32(out, static_cast<uint32_t>(block.size()));
    append_be32(out, static_cast<uint32_t>(packed.size()));
    out += packed;
  }
  return out;
}

Result<Bytes> zstd_packed(ByteView bytes) {
  Bytes out(ZSTD_compressBound(bytes.size()), '\0');
  size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), kZstdLevel);
  if (ZSTD_isError(size) != 0) return fail(codes::kInternal, ZSTD_getErrorName(size));
  out.resize(size);
  return out;
}

}  // namespace

Result<Compression> compression_of(std::string_view name) {
  if (name == "UNCOMPRESSED") return Compression::kNone;
  if (name == "GZIP") return Compression::kGzip;
  if (name == "ZIP") return Compression::kZip;
  if (name == "Snappy") return Compression::kSnappy;
  if (name == "HADOOP_SNAPPY") return Compression::kHadoopSnappy;
  if (name == "ZSTD") return Compression::kZstd;
  return invalid(fmt::format("The compression format {} is not known", name));
}

std::string_view extension_of(Compression compression) {
  switch (compression) {
    case Compression::kNone:
      return "";
    case Compression::kGzip:
      return ".gz";
    case Compression::kZip:
      return ".zip";
    case Compression::kSnappy:
      return ".snappy";
    case Compression::kHadoopSnappy:
      return ".hsnappy";
    case Compression::kZstd:
      return ".zst";
  }
  return "";
}

Result<Bytes> compress(Compression compression, Bytes bytes) {
  if (bytes.size() > kInputBytesMax) return fail(codes::kTooLarge, "the object is too large");
  switch (compression) {
    case Compression::kGzip:
      return gzip(bytes);
    case Compression::kZip:
      return zipped(bytes);
    case Compression::kSnappy:
      return snappy_framed(bytes);
    case Compression::kHadoopSnappy:
      return snappy_hadoop(bytes);
    case Compression::kZstd:
      return zstd_packed(bytes);
    case Compression::kNone:
      break;
  }
  return bytes;
}

}  // namespace suiro::firehose
