// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "shapes/call.h"

namespace suiro::shapes {
namespace {

class BytesSource final : public ByteSource {
 public:
  explicit BytesSource(Bytes bytes) : bytes_(std::move(bytes)) {}
  Task<Result<Bytes>> read(size_t bytes_max) override {
    if (at_ == 0 && !bytes_.empty() && bytes_.size() <= bytes_max) {
      at_ = bytes_.size();
      co_return std::exchange(bytes_, {});
    }
    if (at_ >= bytes_.size()) co_return Bytes();
    Bytes piece = bytes_.substr(at_, std::max<size_t>(bytes_max, 1));
    at_ += piece.size();
    co_return piece;
  }
  std::optional<uint64_t> length() const override { return length_; }

 private:
  Bytes bytes_;
  size_t at_ = 0;
  const uint64_t length_ = bytes_.size();
};

}  // namespace

Body body_of(Bytes bytes) {
  return std::make_unique<BytesSource>(std::move(bytes));
}

Task<Result<Bytes>> read_all(ByteSource& source, size_t bytes_max) {
  Bytes all;
  // Every turn but the last appends at least one byte, and all.size() is bounded.
  for (;;) {
    CO_TRY(Bytes piece, co_await source.read(bytes_max - all.size() + 1));
    if (piece.empty()) co_return all;
    if (all.size() + piece.size() > bytes_max) {
      co_return fail(codes::kTooLarge, fmt::format("The body is larger than {} bytes.", bytes_max));
    }
    if (all.empty()) {
      all = std::move(piece);
    } else {
      all += piece;
    }
  }
}

}  // namespace suiro::shapes
