// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "services/s3/logic.h"

namespace suiro::s3 {
namespace {

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool looks_like_address(std::string_view name) {
  int dots = 0;
  for (char c : name) {
    if (c == '.') {
      ++dots;
    } else if (c < '0' || c > '9') {
      return false;
    }
  }
  return dots == 3;
}

// Amazon S3 User Guide, "General purpose bucket naming rules".
bool is_bucket_name(std::string_view name) {
  if (name.size() < 3 || name.size() > 63) return false;
  if (!is_lower_or_digit(name.front()) || !is_lower_or_digit(name.back())) return false;
  char last = 0;
  for (char c : name) {
    if (!is_lower_or_digit(c) && c != '.' && c != '-') return false;
    if (c == '.' && last == '.') return false;
    last = c;
  }
  for (std::string_view prefix : {"xn--", "sthree-", "amzn-s3-demo-"}) {
    if (name.starts_with(prefix)) return false;
  }
  for (std::string_view suffix : {"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"}) {
    if (name.ends_with(suffix)) return false;
  }
  return !looks_like_address(name);
}

Failure invalid_tag(std::string message) {
  return Failure(Error{"InvalidTag", std::move(message)});
}

size_t characters(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

Result<void> check_bucket_name(std::string_view name) {
  if (is_bucket_name(name)) return ok();
  return Failure(Error{"InvalidBucketName",
                       "The specified bucket is not valid.",
                       Retry::kNever,
                       {{"BucketName", std::string(name)}}});
}

Result<void> check_key(ByteView key) {
  if (key.size() > kKeyBytesMax) {
    return Failure(Error{
        "KeyTooLongError",
        "Your key is too long",
        Retry::kNever,
        {{"Size", fmt::to_string(key.size())}, {"MaxSizeAllowed", fmt::to_string(kKeyBytesMax)}}});
  }
  if (!is_valid_utf8(key)) {
    return Failure(Error{"InvalidURI", "Couldn't parse the specified URI."});
  }
  return ok();
}

// Amazon S3 User Guide, "Categorizing your objects using tags".
Result<void> check_tags(const Tags& tags, size_t tags_max) {
  if (tags.size() > tags_max) {
    return fail("BadRequest", fmt::format("Object tags cannot be greater than {}", tags_max));
  }
  std::set<std::string_view> names;
  for (auto& [name, value] : tags) {
    if (name.empty() || characters(name) > 128) {
      return invalid_tag("The TagKey you have provided is invalid");
    }
    if (characters(value) > 256) return invalid_tag("The TagValue you have provided is invalid");
    if (name.starts_with("aws:")) {
      return invalid_tag("System tags cannot be added/updated by requester");
    }
    if (!names.insert(name).second) {
      return invalid_tag("Cannot provide multiple Tags with the same key");
    }
  }
  return ok();
}

Result<void> check_location(std::string_view region, const std::optional<std::string>& constraint) {
  auto illegal = [](std::string_view what) {
    return fail("IllegalLocationConstraintException",
                fmt::format("The {} location constraint is incompatible for the region specific "
                            "endpoint this request was sent to.",
                            what));
  };
  const bool given = constraint && !constraint->empty();
  if (region == "us-east-1") {
    if (!given) return ok();
    if (*constraint != region) return illegal(*constraint);
    return fail("InvalidLocationConstraint", "The specified location-constraint is not valid");
  }
  if (!given) return illegal("unspecified");
  if (*constraint == region || (*constraint == "EU" && region == "eu-west-1")) return ok();
  return illegal(*constraint);
}

}  // namespace suiro::s3
