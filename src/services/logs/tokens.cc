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

void append_position(Bytes& out, const Position& at) {
  append_be64(out, static_cast<uint64_t>(at.time.time_since_epoch().count()));
  append_be64(out, at.sequence);
  append_be16(out, at.batch_index);
  append_be32(out, at.event_index);
}

std::optional<Position> read_position(ByteView bytes) {
  if (bytes.size() != kPositionBytes) return std::nullopt;
  if (read_be64(bytes) > static_cast<uint64_t>(kTimeMillisMax)) return std::nullopt;
  return Position{.time = TimePoint(Millis(static_cast<int64_t>(read_be64(bytes)))),
                  .sequence = read_be64(bytes.substr(8)),
                  .batch_index = read_be16(bytes.substr(16)),
                  .event_index = read_be32(bytes.substr(18))};
}

}  // namespace

std::string position_token(const Position& at) {
  Bytes bytes;
  append_position(bytes, at);
  return hex_encode(bytes);
}

Result<Position> parse_position_token(std::string_view token) {
  auto bytes = hex_decode(token);
  if (!bytes) return bad_token();
  auto at = read_position(*bytes);
  if (!at) return bad_token();
  return *at;
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

// The position, the group's name, a zero byte, the stream's name: in base64.
std::string record_pointer(const RecordPointer& place) {
  Bytes bytes;
  append_position(bytes, place.at);
  return base64_encode(bytes + place.group + '\0' + place.stream);
}

Result<RecordPointer> parse_record_pointer(std::string_view pointer) {
  auto invalid = [] {
    return fail("InvalidParameterException", "The specified logRecordPointer is invalid.");
  };
  auto bytes = base64_decode(pointer);
  if (!bytes || bytes->size() < kPositionBytes) return invalid();
  ByteView names = ByteView(*bytes).substr(kPositionBytes);
  size_t end = names.find('\0');
  auto at = read_position(ByteView(*bytes).substr(0, kPositionBytes));
  if (!at || end == names.npos) return invalid();
  return RecordPointer{*at, std::string(names.substr(0, end)), std::string(names.substr(end + 1))};
}

std::string event_id(const Position& at) {
  return fmt::format("{:020}{:020}{:05}{:011}", at.time.time_since_epoch().count(), at.sequence,
                     at.batch_index, at.event_index);
}

}  // namespace suiro::logs
