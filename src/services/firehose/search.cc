// SPDX-License-Identifier: Apache-2.0
// OpenSearch's bulk protocol (OpenSearch documentation, "Bulk"; Amazon Data Firehose Developer
// Guide, "Understand data delivery", index rotation and document ids).
#include <boost/json.hpp>

#include "base/utf8.h"
#include "services/firehose/endpoint.h"
#include "services/firehose/logic.h"

namespace suiro::firehose {
namespace {

namespace json = boost::json;

constexpr Millis kReplyTimeout = std::chrono::minutes(1);
constexpr size_t kReplyBytesMax = 64 << 20;
constexpr size_t kMessageBytesMax = 1024;

using Failure = AttemptOutcome::Failure;

bool may_repeat(int64_t status) {
  return status == 429 || status >= 500;
}

// A document on one line; empty: not a JSON object. A raw line break in JSON is never inside a
// string.
Bytes one_line(const Bytes& record) {
  boost::system::error_code bad;
  json::value value = json::parse(trim(record), bad);
  if (bad || !value.is_object()) return {};
  Bytes line(trim(record));
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return line;
}

int64_t status_of(const json::object& result) {
  const json::value* status = result.if_contains("status");
  return status != nullptr && status->is_int64() ? status->as_int64() : 0;
}

std::string message_of(const json::object& result) {
  const json::value* error = result.if_contains("error");
  if (error == nullptr) return "no reason was given";
  return std::string(utf8_prefix(json::serialize(*error), kMessageBytesMax));
}

class SearchEndpoint final : public Endpoint {
 public:
  explicit SearchEndpoint(Context& context) : context_(context) {}

  Task<AttemptOutcome> send(Sending sending) override {
    const SearchTarget& target = *sending.destination.search;
    AttemptOutcome outcome;
    std::vector<uint32_t> sent;
    Bytes body;
    for (uint32_t index : sending.indexes) {
      Bytes document = one_line(sending.load.records[index]);
      if (document.empty()) {
        outcome.failures.push_back(
            failure(sending, index, 400, "The record is not a JSON object", false));
        continue;
      }
      body += action(sending, index) + "\n" + document + "\n";
      sent.push_back(index);
    }
    if (sent.empty()) co_return outcome;
    auto reply = co_await context_.send({.url = target.endpoint + "/_bulk",
                                         .headers = {{"Content-Type", "application/x-ndjson"}},
                                         .body = std::move(body),
                                         .timeout = kReplyTimeout,
                                         .reply_bytes_max = kReplyBytesMax});
    judge(sending, sent, reply, outcome);
    co_return outcome;
  }

 private:
  static std::string document_id(const Sending& sending, uint32_t index) {
    return record_id(sending.state.record.id, sending.load.places[index]);
  }

  static std::string action(const Sending& sending, uint32_t index) {
    const SearchTarget& target = *sending.destination.search;
    json::object what{{"_index", index_name(target, sending.load.arrivals[index])}};
    if (!target.type.empty()) what["_type"] = target.type;
    if (target.document_ids) what["_id"] = document_id(sending, index);
    return json::serialize(json::object{{"index", std::move(what)}});
  }

  static Failure failure(const Sending& sending, uint32_t index, int64_t status,
                         std::string message, bool repeat) {
    const SearchTarget& target = *sending.destination.search;
    Failure out{index, fmt::to_string(status), std::move(message), {}, repeat};
    if (target.document_ids) out.more.emplace_back("esDocumentId", document_id(sending, index));
    out.more.emplace_back("esIndexName", index_name(target, sending.load.arrivals[index]));
    out.more.emplace_back("esTypeName", target.type);
    return out;
  }

  static void judge(const Sending& sending, const std::vector<uint32_t>& sent,
                    const Result<http_out::Reply>& reply, AttemptOutcome& outcome) {
    auto all = [&](int64_t status, const std::string& message, bool repeat) {
      for (uint32_t index : sent) {
        outcome.failures.push_back(failure(sending, index, status, message, repeat));
      }
    };
    if (!reply) return all(503, reply.error().message, true);
    std::string text = with_valid_utf8(std::string(utf8_prefix(reply->body, kMessageBytesMax)));
    if (reply->status < 200 || reply->status >= 300) {
      return all(reply->status, text, true);
    }
    boost::system::error_code bad;
    json::value document = json::parse(reply->body, bad);
    const json::value* items =
        !bad && document.is_object() ? document.as_object().if_contains("items") : nullptr;
    if (items == nullptr || !items->is_array() || items->as_array().size() != sent.size()) {
      return all(502, "The reply has not one item for each action: " + text, true);
    }
    for (size_t i = 0; i < sent.size(); ++i)
      judge_item(sending, sent[i], items->as_array()[i], outcome);
  }

  static void judge_item(const Sending& sending, uint32_t index, const json::value& item,
                         AttemptOutcome& outcome) {
    const json::value* result = item.is_object() ? item.as_object().if_contains("index") : nullptr;
    if (result == nullptr || !result->is_object()) {
      outcome.failures.push_back(
          failure(sending, index, 502, "The reply has an item without result", true));
      return;
    }
    int64_t status = status_of(result->as_object());
    if (status >= 200 && status < 300) return;
    outcome.failures.push_back(
        failure(sending, index, status, message_of(result->as_object()), may_repeat(status)));
  }

  Context& context_;
};

// ISO 8601: the week of a day is that of its Thursday.
std::string week_of(std::chrono::sys_days day) {
  unsigned weekday = std::chrono::weekday(day).iso_encoding();
  auto thursday = day + std::chrono::days(4 - static_cast<int>(weekday));
  auto year = std::chrono::year_month_day(thursday).year();
  auto first = std::chrono::sys_days(year / std::chrono::January / 1);
  return fmt::format("{:04}-w{:02}", static_cast<int>(year), (thursday - first).count() / 7 + 1);
}

}  // namespace

std::string index_name(const SearchTarget& target, TimePoint arrived) {
  auto named = [&](std::string_view pattern) {
    return fmt::format("{}-{}", target.index, TimePattern::parse(pattern)->format(arrived));
  };
  switch (target.rotation) {
    case Rotation::kNone:
      return target.index;
    case Rotation::kHour:
      return named("yyyy-MM-dd-HH");
    case Rotation::kDay:
      return named("yyyy-MM-dd");
    case Rotation::kWeek:
      return fmt::format("{}-{}", target.index,
                         week_of(std::chrono::floor<std::chrono::days>(arrived)));
    case Rotation::kMonth:
      return named("yyyy-MM");
  }
  return target.index;
}

std::unique_ptr<Endpoint> make_search_endpoint(Context& context) {
  return std::make_unique<SearchEndpoint>(context);
}

}  // namespace suiro::firehose
