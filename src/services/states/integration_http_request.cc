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
constexpr std::string_view kContentType = "Content-Type";

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

// Headers that a task may not set ("Call HTTPS APIs in Step Functions workflows", and those of the
// connection itself).
bool is_reserved(const std::string& name) {
  static constexpr std::string_view kReserved[] = {"a-im",
                                                   "accept-charset",
                                                   "accept-datetime",
                                                   "accept-encoding",
                                                   "authorization",
                                                   "cache-control",
                                                   "connection",
                                                   "content-encoding",
                                                   "content-length",
                                                   "content-md5",
                                                   "date",
                                                   "expect",
                                                   "forwarded",
                                                   "from",
                                                   "host",
                                                   "http2-settings",
                                                   "if-match",
                                                   "if-modified-since",
                                                   "if-none-match",
                                                   "if-range",
                                                   "keep-alive",
                                                   "if-unmodified-since",
                                                   "max-forwards",
                                                   "origin",
                                                   "pragma",
                                                   "proxy-authenticate",
                                                   "referer",
                                                   "proxy-authorization",
                                                   "server",
                                                   "te",
                                                   "transfer-encoding",
                                                   "trailer",
                                                   "upgrade",
                                                   "via",
                                                   "warning"};
  if (std::ranges::find(kReserved, name) != std::end(kReserved)) return true;
  return name.starts_with("x-amz-") || name.starts_with("x-amzn-") ||
         name.starts_with("x-forwarded-");
}

void set_default_header(http_out::Headers& headers, std::string_view name, std::string value) {
  auto is_it = [name](const auto& header) { return equal_ignore_case(header.first, name); };
  if (std::ranges::none_of(headers, is_it)) {
    headers.emplace_back(std::string(name), std::move(value));
  }
}

// Empty: fine; else what is wrong.
std::string read_headers(const json::Value* given, http_out::Headers& headers) {
  if (given == nullptr) return {};
  if (!given->is_object()) return "The value for the field 'Headers' must be an object";
  for (const auto& [name, value] : given->as_object()) {
    if (!http_out::is_header_name(name) || is_reserved(to_lower(name))) {
      return fmt::format("The header '{}' cannot be set", name);
    }
    std::string text = scalar_of(value);
    if (value.is_array()) {
      text.clear();
      for (const json::Value& item : value.as_array()) {
        text += (text.empty() ? "" : ",") + scalar_of(item);
      }
    }
    if (text.find_first_of("\r\n") != std::string::npos) {
      return fmt::format("The header '{}' has a line break", name);
    }
    headers.emplace_back(name, std::move(text));
  }
  return {};
}

// The task's body with the connection's parameters. Empty: fine; else what is wrong.
std::string merge_body(const json::Value*& given, const event::ConnectionAdditions& connection,
                       json::Value& merged) {
  if (connection.body.empty()) return {};
  if (given != nullptr && !given->is_object()) {
    return "The request body must be an object where the connection has body parameters";
  }
  merged = given == nullptr ? json::Value(json::Object()) : *given;
  for (const auto& [name, value] : connection.body) merged.edit_object().set(name, value);
  given = &merged;
  return {};
}

// The body, and its Content-Type where none is given. Empty: fine; else what is wrong.
std::string read_body(const json::Value& arguments, const event::ConnectionAdditions& connection,
                      http_out::Request& request) {
  const json::Value* given = arguments.find("RequestBody");
  const json::Value* transform = arguments.find("Transform");
  const std::string encoding =
      transform == nullptr ? std::string() : text_of(*transform, "RequestBodyEncoding");
  if (transform != nullptr && encoding != "URL_ENCODED" && encoding != "NONE") {
    return "The value for the field 'RequestBodyEncoding' must be one of URL_ENCODED, NONE";
  }
  json::Value merged;
  if (auto wrong = merge_body(given, connection, merged); !wrong.empty()) return wrong;
  if (given == nullptr) return {};
  if (encoding != "URL_ENCODED") {
    request.body = given->is_string() ? given->as_string() : json::write(*given);
    set_default_header(request.headers, kContentType, "application/json");
    return {};
  }
  const json::Value* options = transform->find("RequestEncodingOptions");
  const std::string format = options == nullptr ? std::string() : text_of(*options, "ArrayFormat");
  auto form = form_of(*given, format.empty() ? "INDICES" : format);
  if (!form) return fmt::format("The ArrayFormat '{}' is not supported", format);
  request.body = *std::move(form);
  http_out::set_header(request.headers, std::string(kContentType),
                       "application/x-www-form-urlencoded");
  return {};
}

// Empty: fine; else what is wrong.
std::string unfit_connection(const json::Value& arguments, std::string_view name) {
  const json::Value* given = arguments.find(name);
  if (given == nullptr || given->is_null()) return {};
  if (text_of(*given, "ConnectionArn").empty()) {
    return fmt::format("The field '{}' must have a ConnectionArn", name);
  }
  return {};
}

// Which arguments there are, and of what form. Empty: fine.
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
    if (auto wrong = unfit_connection(arguments, name); !wrong.empty()) return wrong;
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
std::string add_query(const json::Value* given, const event::ConnectionAdditions& connection,
                      std::string& url) {
  json::Value merged = given == nullptr ? json::Value(json::Object()) : *given;
  if (!merged.is_object()) return "The value for the field 'QueryParameters' must be an object";
  for (const auto& [name, value] : connection.query) merged.edit_object().set(name, value);
  const std::string query = form_of(merged, "REPEAT").value_or("");
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

std::optional<TaskFault> unfit_arguments(const json::Value& arguments, http_out::Reach reach) {
  const std::string wrong = unfit(arguments, reach);
  if (wrong.empty()) return std::nullopt;
  return refused_arguments(json::write(arguments), wrong);
}

std::string connection_of(const json::Value& arguments) {
  for (std::string_view name : {"InvocationConfig", "Authentication"}) {
    const json::Value* given = arguments.find(name);
    if (given != nullptr && !given->is_null()) return text_of(*given, "ConnectionArn");
  }
  return {};
}

Attempt<http_out::Request> http_request_of(const json::Value& arguments,
                                           const HttpRequestOptions& options) {
  http_out::Request request{.method = text_of(arguments, "Method"),
                            .url = text_of(arguments, "ApiEndpoint"),
                            .timeout = options.timeout,
                            .reply_bytes_max = options.reply_bytes_max};
  http_out::Headers& headers = request.headers;
  std::string wrong = read_headers(arguments.find("Headers"), headers);
  for (const auto& [name, value] : options.connection.headers) {
    http_out::set_header(headers, name, value);
  }
  if (wrong.empty()) {
    wrong = add_query(arguments.find("QueryParameters"), options.connection, request.url);
  }
  if (wrong.empty()) wrong = read_body(arguments, options.connection, request);
  if (!wrong.empty()) return std::unexpected(refused_arguments(json::write(arguments), wrong));
  set_default_header(headers, "User-Agent",
                     fmt::format("Amazon|StepFunctions|HttpInvoke|{}", options.region));
  set_default_header(headers, "Range", fmt::format("bytes=0-{}", options.reply_bytes_max));
  return request;
}

}  // namespace suiro::states
