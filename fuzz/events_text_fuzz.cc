// SPDX-License-Identifier: Apache-2.0
// What rules, targets and connections are made of: paths, templates, targets, requests to
// endpoints, stored records. Input: a byte that chooses, a text, a NUL, an event.
#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "services/events/api_destination_request.h"
#include "services/events/connection_storage.h"
#include "services/events/connection_token.h"
#include "services/events/document.h"
#include "services/events/storage.h"
#include "services/events/target.h"

namespace {

using namespace suiro::events;

void check_target(std::string_view text, const boost::json::value& event, std::string_view raw) {
  auto target = RuleTarget::compile(text);
  if (!target || !event.is_object()) return;
  auto made = target->delivery(event, raw, {"rule", "arn:aws:events:r:1:rule/rule"});
  CHECK(made.event.target_arn == target->arn(), "an event for another target");
}

void check_records(std::string_view text) {
  if (auto bus = decode_bus(text)) CHECK(decode_bus(encode(*bus)), "a bus that cannot be read");
  if (auto rule = decode_rule(text)) {
    CHECK(encode(*decode_rule(encode(*rule))) == encode(*rule), "a rule changed");
  }
  if (auto connection = decode_connection(text)) {
    CHECK(encode(*decode_connection(encode(*connection))) == encode(*connection),
          "a connection changed");
    (void)token_request(connection->authorization);
  }
  if (auto destination = decode_api_destination(text)) {
    CHECK(encode(*decode_api_destination(encode(*destination))) == encode(*destination),
          "an API destination changed");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const size_t end = std::min(input.find('\0', 1), input.size());
  const std::string_view text = input.substr(1, end - 1);
  const std::string_view raw = input.substr(std::min(end + 1, input.size()));
  boost::system::error_code failed;
  const boost::json::value event = boost::json::parse(raw, failed);
  if (input[0] == 'p') {
    auto path = JsonPath::compile(text);
    if (path && !failed) (void)path->of(event);
  } else if (input[0] == 't') {
    auto made = Template::compile({{"a", "$.detail.a"}, {"b", "$.detail.b[*]"}}, text);
    if (made && event.is_object()) (void)made->fill(event, raw, {"arn", "name", "time"});
  } else if (input[0] == 'h') {
    const ApiDestination destination{.endpoint = "https://h/*/x?y=*", .method = "POST"};
    (void)request_of(destination,
                     {.payload = std::string(raw), .http_parameters = std::string(text)},
                     {.query = {{"q", "1"}}, .body = {{"b", "2"}}});
    (void)token_of({.status = 200, .body = std::string(text)});
  } else if (input[0] == 'r') {
    check_records(input.substr(1));
  } else {
    check_target(text, event, raw);
  }
  return 0;
}
