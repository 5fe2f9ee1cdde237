// SPDX-License-Identifier: Apache-2.0
#include "services/sqs/message.h"

#include "base/digest.h"
#include "services/sqs/errors.h"

namespace suiro::sqs {
namespace {

constexpr char kHandleVersion = 1;
constexpr size_t kHandleBytes = 1 + 8 + 8 + 4;

void append_sized(Digest& digest, ByteView bytes) {
  Bytes length;
  append_be32(length, static_cast<uint32_t>(bytes.size()));
  digest.update(length);
  digest.update(bytes);
}

// One UTF-8 code point of text[at...]; advances `at`. nullopt: not UTF-8.
std::optional<uint32_t> next_point(std::string_view text, size_t& at) {
  auto byte = static_cast<uint8_t>(text[at]);
  size_t length = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
  if (at + length > text.size() || !is_valid_utf8(text.substr(at, length))) return std::nullopt;
  uint32_t point = length == 1 ? byte : byte & (0xFFu >> (length + 1));
  for (size_t k = 1; k < length; ++k) {
    point = point << 6 | (static_cast<uint8_t>(text[at + k]) & 0x3Fu);
  }
  at += length;
  return point;
}

bool is_plain(char c) {
  return (c >= 0x20 && c < 0x7F) || c == '\n' || c == '\t' || c == '\r';
}

bool is_allowed(uint32_t point) {
  return point == 0x9 || point == 0xA || point == 0xD || (point >= 0x20 && point <= 0xD7FF) ||
         (point >= 0xE000 && point <= 0xFFFD) || (point >= 0x10000 && point <= 0x10FFFF);
}

bool is_number(std::string_view text) {
  size_t at = 0, digits = 0;
  auto skip_digits = [&] {
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      ++at;
      ++digits;
    }
  };
  auto skip_sign = [&] {
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  };
  skip_sign();
  skip_digits();
  if (at < text.size() && text[at] == '.') {
    ++at;
    skip_digits();
  }
  if (digits == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    skip_sign();
    digits = 0;
    skip_digits();
    if (digits == 0) return false;
  }
  return at == text.size();
}

Result<void> check_name(const std::string& name) {
  bool good = !name.empty() && name.size() <= kNameLengthMax &&
              name.find_first_not_of(
                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                  "0123456789_-.") == std::string::npos &&
              !name.starts_with('.') && !name.ends_with('.') &&
              name.find("..") == std::string::npos;
  std::string lower = to_lower(name);
  if (!good || lower.starts_with("aws.") || lower.starts_with("amazon.")) {
    return fail(kInvalidParameterValue,
                fmt::format("Message (user) attribute name '{}' is invalid. Attribute name can "
                            "contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) "
                            "characters, must not start with AWS-reserved prefixes like AWS. or "
                            "Amazon. or any casing variants, must not start or end with a period, "
                            "must not have periods in succession, and can be up to 256 characters "
                            "long.",
                            name));
  }
  return ok();
}

Result<void> check_type(const std::string& name, const std::string& type) {
  if (type.empty()) {
    return fail(kInvalidParameterValue,
                fmt::format("The message (user) attribute '{}' must contain a non-empty message "
                            "attribute type.",
                            name));
  }
  std::string_view base = std::string_view(type).substr(0, type.find('.'));
  if (base != "String" && base != "Number" && base != "Binary") {
    return fail(kInvalidParameterValue,
                fmt::format("The message (user) attribute '{}' has an invalid message attribute "
                            "type, the set of supported type prefixes is Binary, Number, and "
                            "String.",
                            name));
  }
  if (type.size() > kNameLengthMax) {
    return fail(kInvalidParameterValue,
                fmt::format("The type of message (user) attribute '{}' is longer than {} "
                            "characters.",
                            name, kNameLengthMax));
  }
  return ok();
}

}  // namespace

std::string ReceiptHandle::str() const {
  Bytes raw(1, kHandleVersion);
  append_be64(raw, queue.value());
  append_be64(raw, sequence.value());
  append_be32(raw, nonce);
  return base64_encode(raw);
}

std::optional<ReceiptHandle> ReceiptHandle::parse(std::string_view text) {
  auto raw = base64_decode(text);
  if (!raw || raw->size() != kHandleBytes || raw->front() != kHandleVersion) return std::nullopt;
  ByteView view = *raw;
  return ReceiptHandle{QueueId(read_be64(view.substr(1))), Sequence(read_be64(view.substr(9))),
                       read_be32(view.substr(17))};
}

Bytes new_message_id(Random& random) {
  Bytes id = random.bytes(16);
  id[6] = static_cast<char>((id[6] & 0x0F) | 0x40);
  id[8] = static_cast<char>((id[8] & 0x3F) | 0x80);
  return id;
}

std::string uuid_text(ByteView id) {
  std::string hex = hex_encode(id);
  return hex.substr(0, 8) + '-' + hex.substr(8, 4) + '-' + hex.substr(12, 4) + '-' +
         hex.substr(16, 4) + '-' + hex.substr(20);
}

std::string sequence_text(Sequence sequence) {
  return fmt::format("1{:019}", sequence.value());
}

Bytes attributes_digest(const MessageAttributes& attributes) {
  if (attributes.empty()) return {};
  Digest digest(DigestKind::kMd5);
  for (const auto& [name, attribute] : attributes) {
    append_sized(digest, name);
    append_sized(digest, attribute.type);
    digest.update(attribute.is_binary() ? ByteView("\2", 1) : ByteView("\1", 1));
    append_sized(digest, attribute.value);
  }
  return digest.finish();
}

Result<void> check_text(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    if (is_plain(text[at])) {
      ++at;
      continue;
    }
    std::optional<uint32_t> point = next_point(text, at);
    if (!point) {
      return fail(kInvalidMessageContents, "The message contains bytes that are not UTF-8.");
    }
    if (!is_allowed(*point)) {
      return fail(kInvalidMessageContents,
                  fmt::format("Invalid binary character '#x{:x}' was found in the message body, "
                              "the set of allowed characters is #x9 | #xA | #xD | #x20 to #xD7FF | "
                              "#xE000 to #xFFFD | #x10000 to #x10FFFF",
                              *point));
    }
  }
  return ok();
}

std::string allowed_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    size_t begin = at;
    std::optional<uint32_t> point = next_point(text, at);
    if (!point) ++at;
    if (point && is_allowed(*point)) {
      out += text.substr(begin, at - begin);
    } else {
      out += '?';
    }
  }
  return out;
}

Result<void> check_attributes(const MessageAttributes& attributes) {
  if (attributes.size() > kMessageAttributesMax) {
    return fail(kInvalidParameterValue,
                fmt::format("Number of message attributes [{}] exceeds the allowed maximum [{}].",
                            attributes.size(), kMessageAttributesMax));
  }
  for (const auto& [name, attribute] : attributes) {
    TRY_VOID(check_name(name));
    TRY_VOID(check_type(name, attribute.type));
    if (attribute.value.empty()) {
      return fail(
          kInvalidParameterValue,
          fmt::format("Message (user) attribute '{}' must contain a non-empty value of type "
                      "'{}'.",
                      name, attribute.type));
    }
    if (attribute.is_binary()) continue;
    TRY_VOID(check_text(attribute.value));
    if (attribute.type.starts_with("Number") && !is_number(attribute.value)) {
      return fail(
          kInvalidParameterValue,
          fmt::format("Can't cast the value of message (user) attribute '{}' to a number.", name));
    }
  }
  return ok();
}

}  // namespace suiro::sqs
