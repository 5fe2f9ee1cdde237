// SPDX-License-Identifier: Apache-2.0
#include "base/trace.h"

#include <fmt/format.h>

#include <charconv>

namespace suiro {
namespace {

bool is_hex(std::string_view text, size_t size) {
  return text.size() == size && text.find_first_not_of("0123456789abcdef") == text.npos;
}

bool is_trace_id(std::string_view text) {
  return text.size() == 35 && text.starts_with("1-") && is_hex(text.substr(2, 8), 8) &&
         text[10] == '-' && is_hex(text.substr(11), 24);
}

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kWordDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr size_t kHexPhaseDigits = kIdPhaseBits / 4;
constexpr size_t kWordPhaseDigits = kIdPhaseBits / 5;
constexpr size_t kWordSize = 16;
constexpr size_t kUuidSize = 36;

// The lowest digits of `value`, the highest of them first.
void write_digits(char* to, size_t count, uint64_t value, std::string_view digits) {
  int bits = digits.size() == 16 ? 4 : 5;
  for (; count > 0; value >>= bits) to[--count] = digits[value & (digits.size() - 1)];
}

std::optional<uint32_t> read_hex(std::string_view text) {
  uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<uint32_t> read_word(std::string_view text) {
  uint32_t value = 0;
  for (char c : text) {
    size_t digit = kWordDigits.find(c);
    if (digit == kWordDigits.npos) return std::nullopt;
    value = value << 5 | static_cast<uint32_t>(digit);
  }
  return value;
}

}  // namespace

TraceContext TraceContext::begin(TimePoint now, Random& random) {
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  std::string id(35, '-');
  id[0] = '1';
  write_digits(id.data() + 2, 8, static_cast<uint32_t>(seconds), kHexDigits);
  write_digits(id.data() + 11, 8, random.next(), kHexDigits);
  write_digits(id.data() + 19, 16, random.next(), kHexDigits);
  return {std::move(id), ""};
}

TraceContext TraceContext::parse_header(std::string_view header) {
  TraceContext context;
  while (!header.empty()) {
    size_t end = header.find(';');
    std::string_view field = trim(header.substr(0, end));
    header = end == header.npos ? std::string_view() : header.substr(end + 1);
    if (field.starts_with("Root=") && is_trace_id(field.substr(5))) {
      context.trace_id = field.substr(5);
    } else if (field.starts_with("Parent=") && is_hex(field.substr(7), 16)) {
      context.span_id = field.substr(7);
    }
  }
  return context.trace_id.empty() ? TraceContext{} : context;
}

std::string TraceContext::header() const {
  if (trace_id.empty()) return {};
  if (span_id.empty()) return fmt::format("Root={};Sampled=1", trace_id);
  return fmt::format("Root={};Parent={};Sampled=1", trace_id, span_id);
}

uint32_t id_phase(TimePoint time) {
  return static_cast<uint32_t>(time.time_since_epoch().count()) & ((1u << kIdPhaseBits) - 1);
}

std::string new_span_id(TimePoint now, Random& random) {
  std::string id(16, '0');
  write_digits(id.data(), id.size(), random.next(), kHexDigits);
  write_digits(id.data(), kHexPhaseDigits, id_phase(now), kHexDigits);
  return id;
}

std::string new_span_id(Random& random) {
  return hex_encode(random.bytes(8));
}

std::string new_request_uuid(TimePoint now, Random& random) {
  std::string id = random.uuid();
  write_digits(id.data(), kHexPhaseDigits, id_phase(now), kHexDigits);
  return id;
}

std::string new_request_word(TimePoint now, Random& random) {
  std::string id(kWordSize, '0');
  write_digits(id.data() + kWordPhaseDigits, kWordSize - kWordPhaseDigits, random.next(),
               kWordDigits);
  write_digits(id.data(), kWordPhaseDigits, id_phase(now), kWordDigits);
  return id;
}

IdPhases phases_of(std::string_view id) {
  IdPhases out;
  if (is_hex(id, 16)) out.span = read_hex(id.substr(0, kHexPhaseDigits));
  if (id.size() == kWordSize && read_word(id)) {
    out.request = read_word(id.substr(0, kWordPhaseDigits));
  }
  if (id.size() == kUuidSize && id[8] == '-') {
    out.request = read_hex(id.substr(0, kHexPhaseDigits));
  }
  return out;
}

std::optional<TimePoint> second_of_trace(std::string_view trace_id) {
  if (!is_trace_id(trace_id)) return std::nullopt;
  return TimePoint(std::chrono::seconds(*read_hex(trace_id.substr(2, 8))));
}

}  // namespace suiro
