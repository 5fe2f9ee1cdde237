// SPDX-License-Identifier: Apache-2.0
#include "base/trace.h"

#include <fmt/format.h>

namespace suiro {
namespace {

bool is_hex(std::string_view text, size_t size) {
  return text.size() == size && text.find_first_not_of("0123456789abcdef") == text.npos;
}

bool is_trace_id(std::string_view text) {
  return text.size() == 35 && text.starts_with("1-") && is_hex(text.substr(2, 8), 8) &&
         text[10] == '-' && is_hex(text.substr(11), 24);
}

}  // namespace

TraceContext TraceContext::begin(TimePoint now, Random& random) {
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  return {fmt::format("1-{:08x}-{}", static_cast<uint32_t>(seconds), hex_encode(random.bytes(12))),
          ""};
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

std::string new_span_id(Random& random) {
  return hex_encode(random.bytes(8));
}

}  // namespace suiro
