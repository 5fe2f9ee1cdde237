// SPDX-License-Identifier: Apache-2.0
#include "services/analytics/reference.h"

#include <fmt/format.h>

#include "services/analytics/compiler.h"
#include "services/analytics/validate.h"

namespace suiro::analytics {
namespace {

constexpr size_t kCopyChunkBytes = size_t{4} << 20;
// Below kInputRecordBytesMax, and of fewer rows and fields than one record may have: a row has two
// bytes at least.
constexpr size_t kReadChunkBytes = size_t{64} << 10;
static_assert(kReadChunkBytes / 2 < sql::kInputRowsPerRecordMax);

void append(sql::Vector& to, const sql::Vector& from, size_t rows_before) {
  to.lane = from.lane;
  if (!from.nulls.empty() || !to.nulls.empty()) {
    to.nulls.resize(rows_before, 0);
    if (from.nulls.empty()) {
      to.nulls.resize(rows_before + from.size(), 0);
    } else {
      to.nulls.insert(to.nulls.end(), from.nulls.begin(), from.nulls.end());
    }
  }
  to.integers.insert(to.integers.end(), from.integers.begin(), from.integers.end());
  to.reals.insert(to.reals.end(), from.reals.begin(), from.reals.end());
  to.texts.insert(to.texts.end(), from.texts.begin(), from.texts.end());
}

void append(sql::Rows& to, sql::Rows from) {
  size_t before = to.size();
  if (to.columns.empty()) to.columns.resize(from.columns.size());
  for (size_t i = 0; i < from.columns.size(); ++i) append(to.columns[i], from.columns[i], before);
  to.rowtimes_ms.insert(to.rowtimes_ms.end(), from.rowtimes_ms.begin(), from.rowtimes_ms.end());
  to.owners.insert(to.owners.end(), std::make_move_iterator(from.owners.begin()),
                   std::make_move_iterator(from.owners.end()));
}

void map_into(sql::InputMapper& mapper, Bytes text, ReferenceRows& out) {
  auto owner = std::make_shared<const Bytes>(std::move(text));
  sql::InputRecord record{.data = *owner};
  sql::MappedRows mapped;
  mapper.map({&record, 1}, owner, sql::InputMapper::Padding::kNone, mapped);
  if (!mapped.rejected.empty() && out.rejected == 0) {
    out.first_problem = mapped.rejected.front().error.message;
  }
  out.rejected += mapped.rejected.size();
  append(out.rows, std::move(mapped.rows));
}

}  // namespace

Task<Result<CopiedReference>> copy_reference(event::Kernel& kernel, const Reference& reference) {
  CopiedReference out;
  CO_TRY(std::string bucket, bucket_of(reference.bucket_arn));
  std::string url = fmt::format("s3://{}/{}", bucket, reference.key);
  if (kernel.objects == nullptr) {
    out.kind = ReferenceState::Kind::kMissing;
    out.problem = url + ": no lake is there";
    co_return out;
  }
  auto object = co_await kernel.objects->read(bucket, reference.key, "");
  if (!object) {
    if (object.error().retry == Retry::kLater) co_return std::unexpected(object.error());
    out.kind = ReferenceState::Kind::kMissing;
    out.problem = fmt::format("{}: {}", url, object.error().message);
    co_return out;
  }
  uint64_t size = object->bytes->size_bytes();
  if (size > kReferenceBytesMax) {
    out.kind = ReferenceState::Kind::kTooLarge;
    out.problem = fmt::format("{} has {} bytes, more than the {} that a reference source may have",
                              url, size, kReferenceBytesMax);
    co_return out;
  }
  auto writer = kernel.store.write_blob();
  for (uint64_t at = 0; at < size;) {
    size_t length = static_cast<size_t>(std::min<uint64_t>(kCopyChunkBytes, size - at));
    CO_TRY(Bytes chunk, co_await object->bytes->read(at, length));
    CO_TRY_VOID(co_await writer->append(std::move(chunk)));
    at += length;
  }
  CO_TRY(store::PendingBlob blob, co_await writer->finish());
  out.kind = ReferenceState::Kind::kLoaded;
  out.blob = std::make_shared<store::PendingBlob>(std::move(blob));
  co_return out;
}

Task<Result<ReferenceRows>> read_reference(event::Kernel& kernel, const Reference& reference,
                                           store::BlobRef blob) {
  CO_TRY(auto columns, table_columns(reference.schema));
  sql::InputFormat format = format_of(reference.schema);
  CO_TRY(auto mapper, sql::InputMapper::create(format, std::move(columns)));
  CO_TRY(auto reader, co_await kernel.store.open_blob(std::move(blob)));
  ReferenceRows out;
  Bytes text;
  for (uint64_t at = 0; at < reader->size_bytes();) {
    uint64_t length = std::min<uint64_t>(kReadChunkBytes, reader->size_bytes() - at);
    CO_TRY(Bytes chunk, co_await reader->read(at, static_cast<size_t>(length)));
    at += length;
    text += chunk;
    size_t whole = at == reader->size_bytes() ? text.size() : mapper->whole(text);
    if (whole == 0 && text.size() <= sql::kInputRecordBytesMax) continue;
    Bytes rest = whole == 0 ? Bytes() : text.substr(whole);
    if (whole != 0) text.resize(whole);
    map_into(*mapper, std::move(text), out);  // one that is too long is rejected there
    text = std::move(rest);
  }
  co_return out;
}

}  // namespace suiro::analytics
