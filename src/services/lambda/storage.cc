// SPDX-License-Identifier: Apache-2.0
#include "services/lambda/storage.h"

namespace suiro::lambda::keys {
namespace {

constexpr char kSpace = 'l';

store::Key head(Kind kind) {
  return {kSpace, static_cast<char>(kind)};
}

store::Key two(Kind kind, std::string_view name, std::string_view rest) {
  store::Key key = head(kind);
  key.append(name).push_back('\0');
  key.append(rest);
  return key;
}

}  // namespace

store::Key function(std::string_view name) {
  return head(Kind::kFunction).append(name);
}
store::Key version(std::string_view name, uint64_t number) {
  store::Key key = two(Kind::kVersion, name, {});
  append_be64(key, number);
  return key;
}
store::Key alias(std::string_view name, std::string_view alias) {
  return two(Kind::kAlias, name, alias);
}
store::Key policy(std::string_view name, std::string_view qualifier) {
  return two(Kind::kPolicy, name, qualifier);
}
store::Key invoke_config(std::string_view name, std::string_view qualifier) {
  return two(Kind::kInvokeConfig, name, qualifier);
}
store::Key mapping(std::string_view uuid) {
  return head(Kind::kMapping).append(uuid);
}
store::Key lane(std::string_view uuid, std::string_view shard, uint32_t index) {
  store::Key key = two(Kind::kLane, uuid, shard);
  key.push_back('\0');
  append_be32(key, index);
  return key;
}
store::KeyRange lanes(std::string_view uuid, std::string_view shard) {
  store::Key prefix = two(Kind::kLane, uuid, shard);
  prefix.push_back('\0');
  return store::KeyRange::prefix(std::move(prefix));
}
store::KeyRange lanes_of(std::string_view uuid) {
  return store::KeyRange::prefix(two(Kind::kLane, uuid, {}));
}
store::Key code(std::string_view name, std::string_view sha256_hex) {
  return two(Kind::kCode, name, sha256_hex);
}
store::Key usage(std::string_view day, std::string_view name) {
  return two(Kind::kUsage, day, name);
}

Bytes async_id(TimePoint accepted, std::string_view request_id) {
  Bytes id;
  append_be64(id, static_cast<uint64_t>(accepted.time_since_epoch().count()));
  return id.append(request_id);
}
store::Key async_record(std::string_view name, ByteView id) {
  return two(Kind::kAsync, name, id);
}
store::Key async_payload(std::string_view name, ByteView id) {
  return two(Kind::kPayload, name, id);
}

store::KeyRange all(Kind kind) {
  return store::KeyRange::prefix(head(kind));
}
store::KeyRange of_function(Kind kind, std::string_view name) {
  return store::KeyRange::prefix(two(kind, name, {}));
}

Parts parts(const store::Key& key) {
  std::string_view text = std::string_view(key).substr(2);
  size_t end = text.find('\0');
  if (end == std::string_view::npos) return {text, {}};
  return {text.substr(0, end), text.substr(end + 1)};
}

}  // namespace suiro::lambda::keys
