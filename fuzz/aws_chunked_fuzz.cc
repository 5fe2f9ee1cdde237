// SPDX-License-Identifier: Apache-2.0
// aws-chunked bodies. First byte: how the rest is cut and which trailer is announced; the second:
// the decoded length. The outcome must not depend on the cut, and a regular end means the announced
// length.
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/check.h"
#include "protocol/aws/chunked.h"

namespace {

using namespace suiro;

class Cut final : public shapes::ByteSource {
 public:
  Cut(ByteView bytes, size_t step) : bytes_(bytes), step_(step) {}
  Task<Result<Bytes>> read(size_t bytes_max) override {
    Bytes piece(bytes_.substr(0, std::min(step_, bytes_max)));
    bytes_.remove_prefix(piece.size());
    co_return piece;
  }
  std::optional<uint64_t> length() const override { return bytes_.size(); }

 private:
  ByteView bytes_;
  size_t step_;
};

Result<Bytes> decode(ByteView body, aws::Payload payload, size_t step) {
  asio::io_context loop;
  std::optional<Result<Bytes>> out;
  aws::ChunkedBody decoder(std::make_unique<Cut>(body, step), std::move(payload), std::nullopt,
                           nullptr);
  asio::co_spawn(loop, shapes::read_all(decoder, 1 << 20),
                 [&](std::exception_ptr, Result<Bytes> result) { out = std::move(result); });
  loop.run();
  CHECK(out.has_value());
  return std::move(*out);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  aws::Payload payload{.kind = aws::PayloadKind::kUnsignedChunksTrailer, .decoded_length = data[1]};
  if (data[0] & 1) payload.trailer = kChecksumKinds[(data[0] >> 1) % 5];
  const ByteView body(reinterpret_cast<const char*>(data) + 2, size - 2);
  auto whole = decode(body, payload, size);
  auto pieces = decode(body, payload, 1 + (data[0] >> 4));
  CHECK(whole.has_value() == pieces.has_value(), "the outcome depends on the cut");
  if (whole) {
    CHECK(*whole == *pieces, "the bytes depend on the cut");
    CHECK(whole->size() == data[1], "not the announced length");
  }
  return 0;
}
