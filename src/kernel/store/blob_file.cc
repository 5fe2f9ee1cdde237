// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/blob_file.h"

#include <algorithm>

#include "base/checksum.h"

namespace suiro::store {
namespace {

constexpr std::string_view kMagic = "SUIROBLB";
constexpr char kFormat = 1;
constexpr char kPageLog2 = 16;
constexpr size_t kFooterBytes = 24;
// The kernel writes back a long blob while it arrives, so that the last sync is short.
constexpr uint64_t kWriteBackBytes = 8 << 20;

const rocksdb::IOOptions kOptions;
const rocksdb::FileOptions kFileOptions;

Bytes footer_of(ByteView table, uint64_t size) {
  Bytes footer(kMagic);
  footer += {kFormat, kPageLog2, 0, 0};
  append_be32(footer, crc32c(0, table));
  append_be64(footer, size);
  return footer;
}

}  // namespace

Result<std::unique_ptr<BlobFileWriter>> BlobFileWriter::create(const Files& files,
                                                               std::string path) {
  auto writer = std::unique_ptr<BlobFileWriter>(new BlobFileWriter());
  auto status = files.layer().NewWritableFile(path, kFileOptions, &writer->file_, nullptr);
  if (!status.ok()) return fail(io_error(status, "cannot make " + path));
  writer->path_ = std::move(path);
  return writer;
}

Result<void> BlobFileWriter::write(ByteView bytes) {
  auto status = file_->Append({bytes.data(), bytes.size()}, kOptions, nullptr);
  if (!status.ok()) return fail(io_error(status, "cannot write " + path_));
  return ok();
}

void BlobFileWriter::checksum(ByteView bytes) {
  while (!bytes.empty()) {
    size_t room = kBlobPageBytes - size_ % kBlobPageBytes;
    ByteView piece = bytes.substr(0, room);
    page_crc_ = crc32c(page_crc_, piece);
    size_ += piece.size();
    bytes.remove_prefix(piece.size());
    if (size_ % kBlobPageBytes != 0) continue;
    append_be32(table_, page_crc_);
    page_crc_ = 0;
  }
}

Result<void> BlobFileWriter::append(ByteView bytes) {
  TRY_VOID(write(bytes));
  checksum(bytes);
  if (size_ - written_out_ < kWriteBackBytes) return ok();
  auto status = file_->RangeSync(written_out_, size_ - written_out_, kOptions, nullptr);
  if (!status.ok()) return fail(io_error(status, "cannot write back " + path_));
  written_out_ = size_;
  return ok();
}

Result<void> BlobFileWriter::finish() {
  if (size_ % kBlobPageBytes != 0) append_be32(table_, page_crc_);
  TRY_VOID(write(table_ + footer_of(table_, size_)));
  auto status = file_->Sync(kOptions, nullptr);
  if (status.ok()) status = file_->Close(kOptions, nullptr);
  if (!status.ok()) return fail(io_error(status, "cannot sync " + path_));
  file_.reset();
  return ok();
}

Result<std::shared_ptr<OpenBlobFile>> OpenBlobFile::open(const Files& files, std::string path,
                                                         uint64_t size_bytes) {
  auto blob = std::shared_ptr<OpenBlobFile>(new OpenBlobFile());
  auto status = files.layer().NewRandomAccessFile(path, kFileOptions, &blob->file_, nullptr);
  if (status.IsNotFound() || status.IsPathNotFound()) {
    return fail(codes::kNotFound, "the blob does not exist (any more)");
  }
  if (!status.ok()) return fail(io_error(status, "cannot open " + path));
  blob->path_ = std::move(path);
  blob->size_ = size_bytes;
  TRY_VOID(blob->load_table());
  return blob;
}

Result<void> OpenBlobFile::load_table() {
  uint64_t pages = (size_ + kBlobPageBytes - 1) / kBlobPageBytes;
  Bytes tail(pages * 4 + kFooterBytes, '\0');
  TRY_VOID(read_exactly(size_, tail.data(), tail.size()));
  table_ = tail.substr(0, pages * 4);
  if (ByteView(tail).substr(pages * 4) != footer_of(table_, size_)) {
    return fail(corrupt("its end is damaged"));
  }
  return ok();
}

Result<Bytes> OpenBlobFile::read(uint64_t offset, size_t length) const {
  if (offset >= size_) return Bytes();
  uint64_t end = std::min<uint64_t>(size_, offset + std::min<uint64_t>(length, size_));
  uint64_t first = offset - offset % kBlobPageBytes;
  uint64_t last =
      std::min<uint64_t>(size_, (end + kBlobPageBytes - 1) / kBlobPageBytes * kBlobPageBytes);
  Bytes pages;
  Result<void> got;
  // Not the size that the callable is given: libstdc++ 12 hands over the grown capacity.
  pages.resize_and_overwrite(last - first, [&](char* out, size_t) -> size_t {
    got = read_exactly(first, out, last - first);
    return got ? last - first : 0;
  });
  TRY_VOID(std::move(got));
  for (uint64_t at = first; at < last; at += kBlobPageBytes) {
    ByteView page = ByteView(pages).substr(at - first, kBlobPageBytes);
    if (crc32c(0, page) != read_be32(ByteView(table_).substr(at / kBlobPageBytes * 4))) {
      return fail(corrupt(fmt::format("the page at {} is damaged", at)));
    }
  }
  if (end != last) pages.resize(end - first);
  if (offset != first) pages.erase(0, offset - first);
  return pages;
}

Result<void> OpenBlobFile::read_exactly(uint64_t offset, char* out, size_t length) const {
  while (length != 0) {
    rocksdb::Slice got;
    auto status = file_->Read(offset, length, kOptions, &got, out, nullptr);
    if (!status.ok()) return fail(io_error(status, "cannot read " + path_));
    if (got.empty()) return fail(corrupt("it is too short"));
    if (got.data() != out) std::copy_n(got.data(), got.size(), out);
    offset += got.size();
    out += got.size();
    length -= got.size();
  }
  return ok();
}

Error OpenBlobFile::corrupt(std::string_view what) const {
  return {std::string(codes::kCorrupt), "the blob file " + path_ + ": " + std::string(what)};
}

}  // namespace suiro::store
