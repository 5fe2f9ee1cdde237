// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"
#include "engine/jsonata/evaluator.h"

namespace suiro::jsonata {
namespace {

// One byte for each UTF-16 unit, the low one: the bytes of Latin-1 text.
Value fn_base64_encode(const Call& call) {
  if (call[0].undefined()) return {};
  std::string bytes;
  const std::string_view text = call[0].text();
  for (size_t at = 0; at < text.size();) {
    uint32_t point = next_point(text, at);
    if (point >= 0x10000) {
      point -= 0x10000;
      bytes += static_cast<char>((0xD800 + (point >> 10)) & 0xFF);
      point = 0xDC00 + (point & 0x3FF);
    }
    bytes += static_cast<char>(point & 0xFF);
  }
  return call.evaluator.text(base64_encode(bytes));
}

// Takes both alphabets, with padding and without; what else stands there is passed over.
Value fn_base64_decode(const Call& call) {
  if (call[0].undefined()) return {};
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (char c : call[0].text()) {
    if (c == '=') break;
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t digit = kDigits.find(c == '-' ? '+' : c == '_' ? '/' : c);
    if (digit == std::string_view::npos) continue;
    bits = (bits << 6) | static_cast<uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      append_point(out, (bits >> count) & 0xFF);
    }
  }
  return call.evaluator.text(out);
}

constexpr std::string_view kUnreserved = "-_.!~*'()";
constexpr std::string_view kReserved = ";/?:@&=+$,#";

enum class Part : uint8_t { kComponent, kWhole };

Value malformed(const Call& call, std::string_view function) {
  call.evaluator.fail("D3140", call[0]);
  Fault fault = call.evaluator.fault();
  return call.evaluator.fail(std::move(fault).with_token(function));
}

Value encode_url(const Call& call, Part part, std::string_view function) {
  if (call[0].undefined()) return {};
  const std::string_view text = call[0].text();
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const uint32_t point = next_point(text, at);
    if (point >= 0xD800 && point < 0xE000) return malformed(call, function);
    const std::string_view letter = text.substr(begin, at - begin);
    const char c = letter[0];
    const bool plain =
        point < 0x80 && (std::isalnum(static_cast<unsigned char>(c)) ||
                         kUnreserved.find(c) != std::string_view::npos ||
                         (part == Part::kWhole && kReserved.find(c) != std::string_view::npos));
    if (plain) {
      out += c;
      continue;
    }
    for (char byte : letter) {
      constexpr std::string_view kHex = "0123456789ABCDEF";
      const auto value = static_cast<unsigned char>(byte);
      out += '%';
      out += kHex[value >> 4];
      out += kHex[value & 15];
    }
  }
  return call.evaluator.text(out);
}

Value decode_url(const Call& call, Part part, std::string_view function) {
  if (call[0].undefined()) return {};
  const std::string_view text = call[0].text();
  std::string out;
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '%') {
      out += text[at++];
      continue;
    }
    // A run of escapes is UTF-8.
    const size_t begin = at;
    while (at + 2 < text.size() && text[at] == '%') at += 3;
    if (at == begin) return malformed(call, function);
    auto bytes = hex_decode([&] {
      std::string digits;
      for (size_t i = begin; i < at; i += 3) digits += text.substr(i + 1, 2);
      return digits;
    }());
    if (!bytes || !is_valid_utf8(*bytes)) return malformed(call, function);
    for (size_t i = 0; i < bytes->size(); ++i) {
      const char c = (*bytes)[i];
      if (part == Part::kWhole && kReserved.find(c) != std::string_view::npos) {
        out += text.substr(begin + i * 3, 3);
      } else {
        out += c;
      }
    }
  }
  return call.evaluator.text(out);
}

Value fn_encode_component(const Call& call) {
  return encode_url(call, Part::kComponent, "encodeUrlComponent");
}
Value fn_encode_url(const Call& call) {
  return encode_url(call, Part::kWhole, "encodeUrl");
}
Value fn_decode_component(const Call& call) {
  return decode_url(call, Part::kComponent, "decodeUrlComponent");
}
Value fn_decode_url(const Call& call) {
  return decode_url(call, Part::kWhole, "decodeUrl");
}

constexpr NativeEntry kEncodingFunctions[] = {
    {"base64encode", "<s-:s>", 1, fn_base64_encode},
    {"base64decode", "<s-:s>", 1, fn_base64_decode},
    {"encodeUrlComponent", "<s-:s>", 1, fn_encode_component},
    {"encodeUrl", "<s-:s>", 1, fn_encode_url},
    {"decodeUrlComponent", "<s-:s>", 1, fn_decode_component},
    {"decodeUrl", "<s-:s>", 1, fn_decode_url},
};

}  // namespace

std::span<const NativeEntry> encoding_functions() {
  return kEncodingFunctions;
}

}  // namespace suiro::jsonata
