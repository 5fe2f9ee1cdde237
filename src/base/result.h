// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value or an Error. The only way in which Suiro's functions fail.
//
// What a client, a peer, a full disk or a bad document causes is an Error; what a bug causes ends
// the process (CHECK in base/check.h). Exceptions of third-party libraries become a Result where
// the library is wrapped; nothing else throws.
//
//   Result<int> parse(std::string_view text);
//   Result<int> twice(std::string_view text) {
//     TRY(int value, parse(text));      // returns the error of parse, if it has one
//     return 2 * value;
//   }
//   Task<Result<void>> run() {
//     CO_TRY(int value, parse("1"));
//     CO_TRY_VOID(co_await save(value));
//     co_return ok();
//   }
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace suiro {

// Whether the same request can succeed later without being changed.
enum class Retry { kNever, kLater };

struct Error {
  // The error code as a client sees it, as named in the service's model ("NoSuchBucket"), or one of
  // the kinds of codes:: below where no service speaks yet.
  std::string code;
  // What happened and what the reader can do about it. For errors of AWS operations, AWS's text.
  std::string message;
  Retry retry = Retry::kNever;
  // Further members of the error document, by wire name (S3's BucketName and Key, for instance).
  std::vector<std::pair<std::string, std::string>> details = {};
};

// Codes of failures that belong to no single service. protocol/aws maps them to each protocol.
namespace codes {
inline constexpr std::string_view kInternal = "InternalFailure";         // 500
inline constexpr std::string_view kUnavailable = "ServiceUnavailable";   // 503: the store latched
inline constexpr std::string_view kThrottled = "ThrottlingException";    // 400/429/503 by protocol
inline constexpr std::string_view kNotImplemented = "NotImplemented";    // 501
inline constexpr std::string_view kInvalidArgument = "InvalidArgument";  // 400
inline constexpr std::string_view kNotFound = "NotFound";                // 404
inline constexpr std::string_view kConditionFailed =
    "ConditionFailed";                                   // a Batch condition; internal
inline constexpr std::string_view kCorrupt = "Corrupt";  // bytes on disk are not ours
inline constexpr std::string_view kClosed = "Closed";    // the scope or peer is gone
inline constexpr std::string_view kTimeout = "Timeout";
inline constexpr std::string_view kTooLarge = "TooLarge";  // a named limit was reached
}  // namespace codes

// std::expected, but not to be ignored.
template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using Base = std::expected<T, Error>;
  using Base::Base;
  Result() = default;
  Result(Base base) : Base(std::move(base)) {}  // NOLINT(google-explicit-constructor)
};

inline Result<void> ok() {
  return {};
}

inline std::unexpected<Error> fail(std::string_view code, std::string message,
                                   Retry retry = Retry::kNever) {
  return std::unexpected(Error{std::string(code), std::move(message), retry});
}
inline std::unexpected<Error> fail(Error error) {
  return std::unexpected(std::move(error));
}

}  // namespace suiro

#define SUIRO_CONCAT_INNER(a, b) a##b
#define SUIRO_CONCAT(a, b) SUIRO_CONCAT_INNER(a, b)
#define SUIRO_TRY_INNER(tmp, return_, decl, ...)     \
  auto tmp = (__VA_ARGS__);                          \
  if (!tmp) [[unlikely]]                             \
    return_ std::unexpected(std::move(tmp).error()); \
  decl = *std::move(tmp)
#define SUIRO_TRY_VOID_INNER(tmp, return_, ...)    \
  if (auto tmp = (__VA_ARGS__); !tmp) [[unlikely]] \
  return_ std::unexpected(std::move(tmp).error())

// TRY(declaration, expression) and TRY_VOID(expression): return the expression's error from this
// function, or go on. CO_TRY and CO_TRY_VOID do so in coroutines.
#define TRY(decl, ...) SUIRO_TRY_INNER(SUIRO_CONCAT(try_, __LINE__), return, decl, __VA_ARGS__)
#define TRY_VOID(...) SUIRO_TRY_VOID_INNER(SUIRO_CONCAT(try_, __LINE__), return, __VA_ARGS__)
#define CO_TRY(decl, ...) \
  SUIRO_TRY_INNER(SUIRO_CONCAT(try_, __LINE__), co_return, decl, __VA_ARGS__)
#define CO_TRY_VOID(...) SUIRO_TRY_VOID_INNER(SUIRO_CONCAT(try_, __LINE__), co_return, __VA_ARGS__)
