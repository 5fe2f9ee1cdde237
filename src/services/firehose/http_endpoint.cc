// SPDX-License-Identifier: Apache-2.0
// The protocol of HTTP endpoints (Amazon Data Firehose Developer Guide, "Understand HTTP endpoint
// delivery request and response specifications").
#include <boost/json.hpp>

#include "base/blocking.h"
#include "base/utf8.h"
#include "services/firehose/endpoint.h"

namespace suiro::firehose {
namespace {

namespace json = boost::json;

constexpr Millis kReplyTimeout = std::chrono::minutes(3);
constexpr size_t kMessageBytesMax = 1024;
constexpr int kContentTooLarge = 413;

// What the endpoint's answer means; a code of none: success.
struct Verdict {
  std::string code;
  std::string message;
  bool repeat = true;
};

Verdict verdict_of(const Error& error) {
  std::string_view code = "HttpEndpoint.ConnectionFailed";
  if (error.code == codes::kTimeout) code = "HttpEndpoint.RequestTimeout";
  if (error.code == codes::kTooLarge) code = "HttpEndpoint.ResponseTooLarge";
  return {std::string(code), error.message};
}

std::string beginning_of(const http_out::Reply& reply) {
  return with_valid_utf8(std::string(utf8_prefix(reply.body, kMessageBytesMax)));
}

Verdict bad_response(std::string_view why, const http_out::Reply& reply) {
  return {"HttpEndpoint.InvalidResponseFromDestination",
          fmt::format("{} The response was: {} {}", why, reply.status, beginning_of(reply))};
}

Verdict verdict_of(const http_out::Reply& reply, const std::string& request_id) {
  if (reply.status != 200) {
    return {"HttpEndpoint.DestinationException",
            fmt::format("Received the following response from the endpoint destination. {} {}",
                        reply.status, beginning_of(reply)),
            reply.status != kContentTooLarge};
  }
  const std::string* type = reply.header("content-type");
  if (type == nullptr || !to_lower(*type).starts_with("application/json")) {
    return bad_response("The content type is not application/json.", reply);
  }
  boost::system::error_code bad;
  json::value document = json::parse(reply.body, bad);
  if (bad || !document.is_object()) return bad_response("It is not a JSON object.", reply);
  const json::value* id = document.as_object().if_contains("requestId");
  const json::value* time = document.as_object().if_contains("timestamp");
  if (id == nullptr || !id->is_string() || id->as_string() != request_id) {
    return bad_response("It has not the requestId of the request.", reply);
  }
  if (time == nullptr || !time->is_number()) return bad_response("It has no timestamp.", reply);
  return {};
}

// A header holds ASCII: what is not is escaped as JSON does.
std::string ascii_json(const json::value& value) {
  std::string out;
  std::string text = json::serialize(value);
  for (size_t i = 0; i < text.size();) {
    auto lead = static_cast<uint8_t>(text[i]);
    size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (size == 1) {
      out += text[i++];
      continue;
    }
    uint32_t point = lead & (0xFFu >> (size + 1));
    for (size_t k = 1; k < size && i + k < text.size(); ++k) {
      point = (point << 6) | (static_cast<uint8_t>(text[i + k]) & 0x3Fu);
    }
    if (point >= 0x10000) {
      out += fmt::format("\\u{:04x}", 0xD800 + ((point - 0x10000) >> 10));
      point = 0xDC00 + ((point - 0x10000) & 0x3FF);
    }
    out += fmt::format("\\u{:04x}", point);
    i += size;
  }
  return out;
}

class HttpEndpoint final : public Endpoint {
 public:
  explicit HttpEndpoint(Context& context) : context_(context) {}

  Task<AttemptOutcome> send(Sending sending) override {
    const HttpTarget& target = *sending.destination.http;
    http_out::Request request{
        .url = target.url, .headers = headers_of(sending, target), .timeout = kReplyTimeout};
    request.body = http_endpoint_body(sending.load, sending.indexes, sending.request_id,
                                      context_.kernel.clock.now());
    Verdict verdict;
    if (target.gzip) {
      auto pack = [body = std::move(request.body)]() mutable {
        return compress(Compression::kGzip, std::move(body));
      };
      auto packed = co_await on_pool(context_.pool, std::move(pack));
      if (packed) {
        request.body = *std::move(packed);
      } else {
        verdict = {packed.error().code, packed.error().message};
      }
    }
    if (verdict.code.empty()) {
      auto reply = co_await context_.send(std::move(request));
      verdict = reply ? verdict_of(*reply, sending.request_id) : verdict_of(reply.error());
    }
    AttemptOutcome outcome;
    if (verdict.code.empty()) co_return outcome;
    for (uint32_t index : sending.indexes) {
      outcome.failures.push_back({index, verdict.code, verdict.message, {}, verdict.repeat});
    }
    co_return outcome;
  }

 private:
  static http_out::Headers headers_of(const Sending& sending, const HttpTarget& target) {
    http_out::Headers headers{{"Content-Type", "application/json"},
                              {"X-Amz-Firehose-Protocol-Version", "1.0"},
                              {"X-Amz-Firehose-Request-Id", sending.request_id},
                              {"X-Amz-Firehose-Source-Arn", sending.state.arn}};
    if (!target.access_key.empty()) {
      headers.emplace_back("X-Amz-Firehose-Access-Key", target.access_key);
    }
    if (!target.attributes.empty()) {
      json::object attributes;
      for (const auto& [name, value] : target.attributes) attributes[name] = value;
      json::object all{{"commonAttributes", std::move(attributes)}};
      headers.emplace_back("X-Amz-Firehose-Common-Attributes", ascii_json(all));
    }
    if (target.gzip) headers.emplace_back("Content-Encoding", "gzip");
    return headers;
  }

  Context& context_;
};

}  // namespace

Bytes http_endpoint_body(const Load& load, const std::vector<uint32_t>& indexes,
                         const std::string& request_id, TimePoint now) {
  Bytes body = fmt::format(R"({{"requestId":"{}","timestamp":{},"records":[)", request_id,
                           now.time_since_epoch().count());
  for (size_t i = 0; i < indexes.size(); ++i) {
    if (i != 0) body += ',';
    body += R"({"data":")";
    body += base64_encode(load.records[indexes[i]]);
    body += "\"}";
  }
  body += "]}";
  return body;
}

std::unique_ptr<Endpoint> make_http_endpoint(Context& context) {
  return std::make_unique<HttpEndpoint>(context);
}

}  // namespace suiro::firehose
