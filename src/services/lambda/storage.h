// SPDX-License-Identifier: Apache-2.0
// The key layout of the service: docs/formats/lambda.md. Names of functions hold no NUL, so a NUL
// ends them inside keys.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "kernel/store/store.h"

namespace suiro::lambda::keys {

store::Key function(std::string_view name);
store::Key version(std::string_view name, uint64_t number);
store::Key alias(std::string_view name, std::string_view alias);
// `qualifier` empty: the function itself.
store::Key policy(std::string_view name, std::string_view qualifier);
store::Key invoke_config(std::string_view name, std::string_view qualifier);
store::Key mapping(std::string_view uuid);
// The checkpoint of a mapping's lane, those of a shard, and all of a mapping.
store::Key lane(std::string_view uuid, std::string_view shard, uint32_t index);
store::KeyRange lanes(std::string_view uuid, std::string_view shard);
store::KeyRange lanes_of(std::string_view uuid);
store::Key code(std::string_view name, std::string_view sha256_hex);
store::Key usage(std::string_view day, std::string_view name);

// Asynchronous invocations of a function, in order of acceptance: `id` = order(accepted, request
// id).
Bytes async_id(TimePoint accepted, std::string_view request_id);
store::Key async_record(std::string_view name, ByteView id);
store::Key async_payload(std::string_view name, ByteView id);

// What each range holds; kind is one of the letters below.
enum class Kind : char {
  kFunction = 'f',
  kVersion = 'v',
  kAlias = 'a',
  kPolicy = 'p',
  kInvokeConfig = 'e',
  kMapping = 'm',
  kLane = 'k',
  kCode = 'c',
  kAsync = 'i',
  kPayload = 'j',
  kUsage = 'u',
};
store::KeyRange all(Kind kind);
store::KeyRange of_function(Kind kind, std::string_view name);

// The parts of a key of the form 'l' kind name NUL rest (or 'l' kind name). Views into `key`.
struct Parts {
  std::string_view name;
  std::string_view rest;
};
Parts parts(const store::Key& key);

}  // namespace suiro::lambda::keys
