// SPDX-License-Identifier: Apache-2.0
#include "services/states/map_run_names.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/digest.h"

namespace suiro::states {
namespace {

constexpr uint64_t kIndexBits = (uint64_t{1} << 62) - 1;
constexpr uint64_t kVariant = uint64_t{2} << 62;  // RFC 4122
constexpr std::string_view kMapRun = ":mapRun:";
constexpr std::string_view kStateMachine = ":stateMachine:";

void set_version(Bytes& bytes) {
  bytes[6] = static_cast<char>((bytes[6] & 0x0F) | 0x50);
  bytes[8] = static_cast<char>((bytes[8] & 0x3F) | 0x80);
}

// Mixes the index so that names of one run do not look alike.
uint64_t mask_of(ByteView run) {
  return read_be64(sha256(run)) & kIndexBits;
}

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  const size_t at = text.find(what);
  CHECK(at != std::string_view::npos);
  return fmt::format("{}{}{}", text.substr(0, at), by, text.substr(at + what.size()));
}

}  // namespace

std::string uuid_text(ByteView bytes) {
  const std::string hex = hex_encode(bytes);
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20));
}

std::optional<Bytes> uuid_bytes(std::string_view text) {
  constexpr size_t kTextBytes = 36;
  if (text.size() != kTextBytes) return std::nullopt;
  std::string hex;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (is_dash != (text[i] == '-')) return std::nullopt;
    if (!is_dash) hex.push_back(text[i]);
  }
  auto bytes = hex_decode(hex);
  if (!bytes) return std::nullopt;
  return *std::move(bytes);
}

Bytes map_run_uuid(std::string_view key) {
  Bytes uuid = sha256(key).substr(0, kUuidBytes);
  set_version(uuid);
  return uuid;
}

std::string map_label(const workflow::State& state, std::string_view machine_arn,
                      std::string_view revision_id) {
  const auto& fields = std::get<workflow::MapFields>(state.fields);
  if (fields.label) return *fields.label;
  Bytes uuid = sha256(fmt::format("{}\n{}\n{}", machine_arn, revision_id, state.name));
  uuid.resize(kUuidBytes);
  set_version(uuid);
  return uuid_text(uuid);
}

std::string map_run_arn(std::string_view machine_arn, std::string_view label, ByteView run) {
  return fmt::format("{}/{}:{}", replaced(machine_arn, kStateMachine, kMapRun), label,
                     uuid_text(run));
}

std::optional<Bytes> run_of_arn(std::string_view map_run_arn) {
  if (map_run_arn.find(kMapRun) == std::string_view::npos) return std::nullopt;
  return uuid_bytes(map_run_arn.substr(map_run_arn.rfind(':') + 1));
}

std::string child_name(ByteView run, uint64_t index) {
  Bytes seed(run);
  append_be64(seed, index);
  Bytes uuid = sha256(seed).substr(0, 8);
  append_be64(uuid, ((index ^ mask_of(run)) & kIndexBits) | kVariant);
  set_version(uuid);
  return uuid_text(uuid);
}

std::optional<uint64_t> child_index(ByteView run, std::string_view name) {
  auto uuid = uuid_bytes(name);
  if (!uuid) return std::nullopt;
  const uint64_t index = (read_be64(ByteView(*uuid).substr(8)) & kIndexBits) ^ mask_of(run);
  if (child_name(run, index) != name) return std::nullopt;
  return index;
}

std::string child_arn(std::string_view map_run_arn, workflow::MachineType type,
                      std::string_view name) {
  if (type == workflow::MachineType::kExpress) {
    return fmt::format("{}:{}", replaced(map_run_arn, kMapRun, ":express:"), name);
  }
  const std::string_view machine = map_run_arn.substr(0, map_run_arn.rfind(':'));
  return fmt::format("{}:{}", replaced(machine, kMapRun, ":execution:"), name);
}

}  // namespace suiro::states
