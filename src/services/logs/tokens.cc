// SPDX-License-Identifier: Apache-2.0
#include "services/logs/tokens.h"

#include <fmt/format.h>

#include "base/bytes.h"

namespace suiro::logs {
namespace {

constexpr size_t kPositionBytes = 8 + 8 + 2 + 4;

std::unexpected<Error> bad_token() {
  return fail("InvalidParameterException", "The specified nextToken is invalid.");
}

}  // namespace

std::string position_token(const Position& at) {
  Bytes bytes;
  append_be64(bytes, static_cast<uint64_t>(at.time.time_since_epoch().count()));
  append_be64(bytes, at.sequence);
  append_be16(bytes, at.batch_index);
  append_be32(bytes, at.event_index);
  return hex_encode(bytes);
}

Result<Position> parse_position_token(std::string_view token) {
  auto bytes = hex_decode(token);
  if (!bytes || bytes->size() != kPositionBytes) return bad_token();
  ByteView view = *bytes;
  if (read_be64(view) > static_cast<uint64_t>(kTimeMillisMax)) return bad_token();
  return Position{.time = TimePoint(Millis(static_cast<int64_t>(read_be64(view)))),
                  .sequence = read_be64(view.substr(8)),
                  .batch_index = read_be16(view.substr(16)),
                  .event_index = read_be32(view.substr(18))};
}

std::string name_token(std::string_view name) {
  return hex_encode(name);
}

Result<std::string> parse_name_token(std::string_view token) {
  auto name = hex_decode(token);
  if (!name || name->empty()) return bad_token();
  return *std::move(name);
}

std::string page_token(PageToken::Way way, const Position& at) {
  return fmt::format("{}/{}/s", way == PageToken::Way::kForward ? 'f' : 'b', position_token(at));
}

Result<PageToken> parse_page_token(std::string_view token) {
  bool is_forward = token.starts_with("f/");
  if ((!is_forward && !token.starts_with("b/")) || !token.ends_with("/s")) return bad_token();
  TRY(Position at, parse_position_token(token.substr(2, std::max<size_t>(token.size(), 4) - 4)));
  return PageToken{is_forward ? PageToken::Way::kForward : PageToken::Way::kBackward, at};
}

std::string event_id(const Position& at) {
  return fmt::format("{:020}{:020}{:05}{:011}", at.time.time_since_epoch().count(), at.sequence,
                     at.batch_index, at.event_index);
}

}  // namespace suiro::logs
