// SPDX-License-Identifier: Apache-2.0
#include "protocol/aws/event_stream.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "shapes/gen/sts.h"

namespace suiro::aws {
namespace {

using Identity = shapes::sts::GetCallerIdentityResponse;

class Two final : public shapes::EventSource {
 public:
  Task<Result<std::optional<shapes::Event>>> next() override {
    if (++calls_ == 1) {
      Identity identity;
      identity.account = "000000000000";
      co_return shapes::event_of("Identity", std::move(identity));
    }
    co_return fail("InternalFailure", "the end \"came\"");
  }

 private:
  int calls_ = 0;
};

uint32_t number(ByteView bytes) {
  uint32_t out = 0;
  for (char c : bytes.substr(0, 4)) out = out << 8 | static_cast<unsigned char>(c);
  return out;
}

// The specification's example of a message without headers and payload.
TEST(EventStream, EmptyMessage) {
  EXPECT_EQ(hex_encode(event_message({}, {})), "000000100000000005c248eb7d98c8ff");
}

TEST(EventStream, HeadersAndPayloadWithTheirChecksums) {
  const EventHeader headers[] = {{":event-type", "A"}};
  Bytes message = event_message(headers, "{}");
  EXPECT_EQ(number(message), message.size());
  EXPECT_EQ(number(message.substr(4)), 1u + 11 + 1 + 2 + 1);
  EXPECT_EQ(number(message.substr(8)), crc32(0, message.substr(0, 8)));
  EXPECT_EQ(message.substr(12, 16), ByteView("\x0b:event-type\x07\x00\x01"
                                             "A",
                                             16));
  EXPECT_EQ(message.substr(28, 2), "{}");
  EXPECT_EQ(number(message.substr(30)), crc32(0, message.substr(0, 30)));
}

TEST(EventStream, ABodyOfEvents) {
  asio::io_context loop;
  auto body = event_stream(std::make_unique<Two>(), {.document_type = "application/json"}, "{}");
  std::vector<Bytes> pieces;
  asio::co_spawn(
      loop.get_executor(),
      [&]() -> Task<void> {
        for (;;) {
          auto piece = co_await body->read(1);
          if (!piece || piece->empty()) break;
          pieces.push_back(std::move(*piece));
        }
      },
      [](std::exception_ptr) {});
  loop.run();
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_NE(pieces[0].find("initial-response"), Bytes::npos);
  EXPECT_NE(pieces[1].find("Identity"), Bytes::npos);
  EXPECT_NE(pieces[1].find("{\"Account\":\"000000000000\"}"), Bytes::npos) << pieces[1];
  EXPECT_NE(pieces[2].find(":exception-type"), Bytes::npos);
  EXPECT_NE(pieces[2].find("InternalFailure"), Bytes::npos);
  EXPECT_NE(pieces[2].find("{\"message\":\"the end \\\"came\\\"\"}"), Bytes::npos) << pieces[2];
}

}  // namespace
}  // namespace suiro::aws
