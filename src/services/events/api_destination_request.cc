// SPDX-License-Identifier: Apache-2.0
#include "services/events/api_destination_request.h"

#include <boost/json.hpp>

namespace suiro::events {
namespace {

namespace json = boost::json;

using Pairs = event::ConnectionAdditions::Pairs;

void set_query(Pairs& query, std::string name, std::string value) {
  auto found = std::ranges::find(query, name, &Pairs::value_type::first);
  if (found != query.end()) {
    found->second = std::move(value);
  } else {
    query.emplace_back(std::move(name), std::move(value));
  }
}

template <class Visit>
void each_text(const json::object& object, std::string_view member, Visit visit) {
  const json::value* map = object.if_contains(member);
  if (map == nullptr || !map->is_object()) return;
  for (const auto& [name, value] : map->get_object()) {
    if (value.is_string()) visit(std::string(name), std::string(value.get_string()));
  }
}

// Each '*' of the endpoint takes the next value; without one it becomes nothing.
Result<std::string> with_path(std::string_view endpoint, const json::object& parameters) {
  const json::value* values = parameters.if_contains("PathParameterValues");
  const json::array* list = values == nullptr ? nullptr : values->if_array();
  std::string out;
  size_t next = 0;
  for (char c : endpoint) {
    if (c != '*') {
      out += c;
    } else if (list != nullptr && next < list->size()) {
      const json::value& value = (*list)[next++];
      if (!value.is_string()) continue;
      if (value == "." || value == "..") {  // URLs have them mean another place
        return fail(codes::kInvalidArgument, "a path parameter is '.' or '..'");
      }
      out += percent_encode(std::string_view(value.get_string()));
    }
  }
  return out;
}

Result<Bytes> with_body(Bytes payload, const Pairs& additions) {
  if (additions.empty()) return payload;
  boost::system::error_code bad;
  json::value body = json::parse(payload, bad);
  if (bad || !body.is_object()) {
    return fail(codes::kInvalidArgument,
                "the connection has body parameters, and the event's input is no JSON object");
  }
  for (const auto& [name, value] : additions) body.get_object()[name] = value;
  return json::serialize(body);
}

bool has_body(std::string_view method) {
  return method != "GET" && method != "HEAD";
}

}  // namespace

Result<http_out::Request> request_of(const ApiDestination& destination, Invocation invocation,
                                     const event::ConnectionAdditions& additions) {
  json::object parameters;
  if (!invocation.http_parameters.empty()) {
    boost::system::error_code bad;
    json::value parsed = json::parse(invocation.http_parameters, bad);
    if (!bad && parsed.is_object()) parameters = std::move(parsed.get_object());
  }
  http_out::Request request{.method = destination.method,
                            .headers = {{"User-Agent", "Amazon/EventBridge/ApiDestinations"}}};
  if (has_body(destination.method)) {
    http_out::set_header(request.headers, "Content-Type", "application/json; charset=utf-8");
    TRY(request.body, with_body(std::move(invocation.payload), additions.body));
  }
  Pairs query;
  each_text(parameters, "HeaderParameters", [&](std::string name, std::string value) {
    http_out::set_header(request.headers, std::move(name), std::move(value));
  });
  each_text(parameters, "QueryStringParameters", [&](std::string name, std::string value) {
    set_query(query, std::move(name), std::move(value));
  });
  for (const auto& [name, value] : additions.headers)
    http_out::set_header(request.headers, name, value);
  for (const auto& [name, value] : additions.query) set_query(query, name, value);
  for (const auto& [name, value] : request.headers) {
    if (!http_out::is_header_name(name) || value.find_first_of("\r\n") != std::string::npos) {
      return fail(codes::kInvalidArgument, fmt::format("the header {} cannot be sent", name));
    }
  }
  TRY(request.url, with_path(destination.endpoint, parameters));
  for (const auto& [name, value] : query) {
    request.url += request.url.find('?') == request.url.npos ? '?' : '&';
    request.url += percent_encode(name) + '=' + percent_encode(value);
  }
  return request;
}

}  // namespace suiro::events
