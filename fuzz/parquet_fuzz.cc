// SPDX-License-Identifier: Apache-2.0
// Parquet files. What is read in one go must be what is read behind skipped row groups; a number of
// rows is enough, since few bytes may stand for millions.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "engine/parquet/reader.h"

namespace {

using namespace suiro;
using namespace suiro::parquet;

constexpr size_t kRowsMax = 2'000;

struct Told {
  std::string rows;
  uint64_t count = 0;
  bool is_whole = false;
};

Task<void> tell(ByteView bytes, uint64_t skip, Told& out) {
  const ReadFunction read = [bytes](uint64_t offset, size_t length) -> Task<Result<Bytes>> {
    CHECK(offset <= bytes.size(), "reads lie within the file");
    co_return Bytes(bytes.substr(offset, length));
  };
  auto reader = co_await Reader::open(read, bytes.size());
  if (!reader) co_return;
  out.count = (*reader)->skip(skip);
  CHECK(out.count <= skip, "no more is skipped than asked");
  while (out.count < kRowsMax) {
    auto rows = co_await (*reader)->next();
    if (!rows) {
      CHECK(!rows.error().message.empty(), "an error has a sentence");
      co_return;
    }
    out.is_whole = rows->empty();
    if (rows->empty()) co_return;
    out.count += rows->size();
    for (const json::Value& row : *rows) out.rows += json::write(row) + "\n";
  }
}

Told told(ByteView bytes, uint64_t skip) {
  Told out;
  asio::io_context context;
  asio::co_spawn(context, tell(bytes, skip, out),
                 [](std::exception_ptr error) { CHECK(error == nullptr, "nothing throws"); });
  context.run();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Told all = told(bytes, 0);
  const Told rest = told(bytes, 5);
  if (all.is_whole && rest.is_whole) {
    CHECK(all.count == rest.count, "skipped rows count");
    CHECK(all.rows.ends_with(rest.rows), "skipping changes no row");
  }
  return 0;
}
