// SPDX-License-Identifier: Apache-2.0
#include "services/states/integration_http_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "services/states/integration_calls.h"
#include "services/states/integration_errors.h"

namespace suiro::states {
namespace {

constexpr int kFormDepthMax = 32;
constexpr std::string_view kContentType = "content-type";

std::string scalar_of(const json::Value& value) {
  if (value.is_string()) return value.as_string();
  return value.is_null() ? std::string() : json::write(value);
}

void add_pair(std::string& out, const std::string& name, const json::Value& value) {
  if (!out.empty()) out += '&';
  out += name;
  out += '=';
  out += percent_encode(scalar_of(value));
}

void add_list(std::string& out, const std::string& name, const json::Array& list,
              std::string_view format, int depth);

void add(std::string& out, const std::string& name, const json::Value& value,
         std::string_view format, int depth) {
  if (depth > kFormDepthMax) return add_pair(out, name, json::write(value));
  if (value.is_array()) return add_list(out, name, value.as_array(), format, depth);
  if (!value.is_object()) return add_pair(out, name, value);
  for (const auto& [key, held] : value.as_object()) {
    const std::string part = percent_encode(key);
    add(out, name.empty() ? part : fmt::format("{}[{}]", name, part), held, format, depth + 1);
  }
}

void add_list(std::string& out, const std::string& name, const json::Array& list,
              std::string_view format, int depth) {
  if (format == "COMMAS") {
    std::string joined;
    for (const json::Value& item : list) {
      if (!joined.empty()) joined += ',';
      joined += scalar_of(item);
    }
    return add_pair(out, name, joined);
  }
  for (size_t i = 0; i < list.size(); ++i) {
    std::string place = name;
    if (format == "INDICES") place += fmt::format("[{}]", i);
    if (format == "BRACKETS") place += "[]";
    add(out, place, list[i], format, depth + 1);
  }
}

// Headers whose meaning is the connection's or AWS's own.
bool is_reserved(const std::string& name) {
  static constexpr std::string_view kReserved[] = {
      "connection", "content-length", "expect",  "host", "keep-alive",       "proxy-authenticate",
      "te",         "trailer",        "upgrade", "via",  "transfer-encoding"};
  if (std::ranges::find(kReserved, name) != std::end(kReserved)) return true;
  return name.starts_with("x-amz-") || name.starts_with("x-amzn-") ||
         name.starts_with("x-forwarded-");
}

struct Sent {
  http_out::Headers headers;
  bool has_content_type = false;
  bool has_user_agent = false;
  bool has_range = false;
};

// Empty: fine; else what is wrong.
std::string read_headers(const json::Value* given, Sent& sent) {
  if (given == nullptr) return {};
  if (!given->is_object()) return "The value for the field 'Headers' must be an object";
  for (const auto& [name, value] : given->as_object()) {
    const std::string lower = to_lower(name);
    if (is_reserved(lower)) return fmt::format("The header '{}' cannot be set", name);
    std::string text = scalar_of(value);
    if (value.is_array()) {
      text.clear();
      for (const json::Value& item : value.as_array()) {
        text += (text.empty() ? "" : ",") + scalar_of(item);
      }
    }
    if ((name + text).find_first_of("\r\n") != std::string::npos) {
      return fmt::format("The header '{}' has a line break", name);
    }
    sent.has_content_type |= lower == kContentType;
    sent.has_user_agent |= lower == "user-agent";
    sent.has_range |= lower == "range";
    sent.headers.emplace_back(name, std::move(text));
  }
  return {};
}

// The body, and its Content-Type where none is given. Empty: fine; else what is wrong.
std::string read_body(const json::Value& arguments, Sent& sent, Bytes& body) {
  const json::Value* given = arguments.find("RequestBody");
  const json::Value* transform = arguments.find("Transform");
  const std::string encoding =
      transform == nullptr ? std::string() : text_of(*transform, "RequestBodyEncoding");
  if (transform != nullptr && encoding != "URL_ENCODED" && encoding != "NONE") {
    return "The value for the field 'RequestBodyEncoding' must be one of URL_ENCODED, NONE";
  }
  if (given == nullptr) return {};
  if (encoding != "URL_ENCODED") {
    body = given->is_string() ? given->as_string() : json::write(*given);
    if (!sent.has_content_type) sent.headers.emplace_back("Content-Type", "application/json");
    return {};
  }
  const json::Value* options = transform->find("RequestEncodingOptions");
  const std::string format = options == nullptr ? std::string() : text_of(*options, "ArrayFormat");
  auto form = form_of(*given, format.empty() ? "INDICES" : format);
  if (!form) return fmt::format("The ArrayFormat '{}' is not supported", format);
  body = *std::move(form);
  std::erase_if(sent.headers,
                [](const auto& header) { return to_lower(header.first) == kContentType; });
  sent.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  return {};
}

// Which arguments there are, and the ones that Suiro cannot honour. Empty: fine.
std::string unfit(const json::Value& arguments, http_out::Reach reach) {
  static constexpr std::string_view kKnown[] = {"ApiEndpoint",     "Method",          "Headers",
                                                "QueryParameters", "RequestBody",     "Transform",
                                                "Authentication",  "InvocationConfig"};
  for (const auto& [name, value] : arguments.as_object()) {
    if (std::ranges::find(kKnown, name) == std::end(kKnown)) {
      return fmt::format("The field '{}' is not supported by Step Functions", name);
    }
  }
  for (std::string_view name : {"Authentication", "InvocationConfig"}) {
    const json::Value* given = arguments.find(name);
    if (given != nullptr && !given->is_null()) {
      return fmt::format("Suiro has no EventBridge connections: leave '{}' out", name);
    }
  }
  static constexpr std::string_view kMethods[] = {"GET",   "POST", "PUT",    "DELETE",
                                                  "PATCH", "HEAD", "OPTIONS"};
  const std::string method = text_of(arguments, "Method");
  if (std::ranges::find(kMethods, method) == std::end(kMethods)) {
    return "The value for the field 'Method' must be an HTTP method";
  }
  const std::string url = text_of(arguments, "ApiEndpoint");
  const bool is_plain = reach != http_out::Reach::kPublic && url.starts_with("http://");
  if (!url.starts_with("https://") && !is_plain) {
    return "The value for the field 'ApiEndpoint' must be a URL of https";
  }
  return {};
}

// Empty: fine; else what is wrong.
std::string add_query(const json::Value* given, std::string& url) {
  if (given == nullptr) return {};
  if (!given->is_object()) return "The value for the field 'QueryParameters' must be an object";
  const std::string query = form_of(*given, "REPEAT").value_or("");
  if (query.empty()) return {};
  url += url.find('?') == std::string::npos ? '?' : '&';
  url += query;
  return {};
}

}  // namespace

std::optional<std::string> form_of(const json::Value& body, std::string_view array_format) {
  static constexpr std::string_view kFormats[] = {"INDICES", "BRACKETS", "REPEAT", "COMMAS"};
  if (std::ranges::find(kFormats, array_format) == std::end(kFormats)) return std::nullopt;
  std::string out;
  if (body.is_object()) {
    add(out, "", body, array_format, 0);
  } else {
    out = scalar_of(body);
  }
  return out;
}

Attempt<http_out::Request> http_request_of(const json::Value& arguments,
                                           const HttpRequestOptions& options) {
  http_out::Request request;
  Sent sent;
  std::string wrong = unfit(arguments, options.reach);
  request.url = text_of(arguments, "ApiEndpoint");
  request.method = text_of(arguments, "Method");
  if (wrong.empty()) wrong = read_headers(arguments.find("Headers"), sent);
  if (wrong.empty()) wrong = add_query(arguments.find("QueryParameters"), request.url);
  if (wrong.empty()) wrong = read_body(arguments, sent, request.body);
  if (!wrong.empty()) return std::unexpected(refused_arguments(json::write(arguments), wrong));
  if (!sent.has_user_agent) {
    sent.headers.emplace_back("User-Agent",
                              fmt::format("Amazon|StepFunctions|HttpInvoke|{}", options.region));
  }
  if (!sent.has_range) {
    sent.headers.emplace_back("Range", fmt::format("bytes=0-{}", options.reply_bytes_max));
  }
  request.headers = std::move(sent.headers);
  request.timeout = options.timeout;
  request.reply_bytes_max = options.reply_bytes_max;
  return request;
}

}  // namespace suiro::states
