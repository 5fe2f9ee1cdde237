// SPDX-License-Identifier: Apache-2.0
#include "bench/load/http_dialogue.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "base/bytes.h"
#include "base/digest.h"
#include "bench/load/dialogues.h"
#include "protocol/aws/sigv4.h"

namespace suiro::bench {
namespace {

// Signs the same way as an SDK does; the date is the run's, and so is the signing key.
class SignedRequests {
 public:
  SignedRequests(AwsTarget target, std::string service, aws::PathStyle style)
      : target_(std::move(target)),
        style_(style),
        date_(aws::format_amz_date(now())),
        scope_{date_.substr(0, 8), target_.region, std::move(service)},
        key_(aws::derive_signing_key(target_.secret, scope_)) {}

  std::string head(std::string_view method, std::string_view path, std::string_view payload_hash,
                   size_t body_bytes) const {
    std::string out;
    form(method, path, {}).append_head(out, payload_hash, body_bytes);
    return out;
  }

  std::string request(std::string_view method, std::string_view path, aws::Pairs headers,
                      std::string_view payload_hash, std::string_view body) const {
    std::string out;
    form(method, path, std::move(headers)).append(out, payload_hash, body);
    return out;
  }

  // A request of which only the body and its hash change: the rest of the text, and of what is
  // signed, is made once. Each request is hashed and signed.
  class Form {
   public:
    void append(std::string& out, std::string_view payload_hash, std::string_view body) const {
      append_head(out, payload_hash, body.size());
      out += body;
    }
    void append_head(std::string& out, std::string_view payload_hash, size_t body_bytes) const {
      std::string canonical;
      canonical.reserve(canonical_head_.size() + canonical_tail_.size() + 2 * payload_hash.size());
      canonical.append(canonical_head_).append(payload_hash);
      canonical.append(canonical_tail_).append(payload_hash);
      std::string signature = aws::signature_of(
          owner_->key_, aws::string_to_sign(owner_->date_, owner_->scope_, canonical));
      char length[20];
      auto end = std::to_chars(length, length + sizeof length, body_bytes).ptr;
      out.append(text_head_).append(payload_hash).append(text_tail_).append(signature);
      out.append("\r\ncontent-length: ").append(length, end).append("\r\n\r\n");
    }

   private:
    friend class SignedRequests;
    const SignedRequests* owner_ = nullptr;
    std::string canonical_head_, canonical_tail_;  // around the hash; the tail ends before the next
    std::string text_head_, text_tail_;            // around the hash; the tail ends "Signature="
  };

  // Valid as long as this.
  Form form(std::string_view method, std::string_view path, aws::Pairs headers) const {
    constexpr std::string_view kMark = "\1";  // stands for the hash
    headers.emplace_back("host", target_.host);
    headers.emplace_back("x-amz-content-sha256", kMark);
    headers.emplace_back("x-amz-date", date_);
    std::sort(headers.begin(), headers.end());
    std::vector<std::string> names;
    for (const auto& [name, value] : headers) names.push_back(name);
    std::string canonical = aws::canonical_request(
        {.method = method, .path = path, .query = "", .headers = headers}, style_, names, kMark);
    std::string text = fmt::format("{} {} HTTP/1.1\r\n", method, path);
    for (const auto& [name, value] : headers) text += fmt::format("{}: {}\r\n", name, value);
    text += fmt::format(
        "authorization: {} Credential={}/{}, SignedHeaders={}, Signature=", aws::kAlgorithm,
        target_.access_key_id, scope_.str(), fmt::join(names, ";"));
    Form out;
    out.owner_ = this;
    size_t mark = canonical.find(kMark);
    out.canonical_head_ = canonical.substr(0, mark);
    out.canonical_tail_ = canonical.substr(mark + 1, canonical.size() - mark - 2);
    mark = text.find(kMark);
    out.text_head_ = text.substr(0, mark);
    out.text_tail_ = text.substr(mark + 1);
    return out;
  }

 private:
  static TimePoint now() {
    return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
  }
  AwsTarget target_;
  aws::PathStyle style_;
  std::string date_;
  aws::Scope scope_;
  Bytes key_;
};

std::string body_of_size(size_t size) {
  std::string body(size, ' ');
  uint32_t state = 1;
  for (char& c : body) c = static_cast<char>('a' + (state = state * 1664525 + 1013904223) % 26);
  return body;
}

// Goes round prepared heads, all with the one body; each reply must be a success.
class ObjectDialogue final : public Dialogue {
 public:
  ObjectDialogue(std::vector<std::string> heads, std::shared_ptr<const std::string> body)
      : heads_(std::move(heads)), body_(std::move(body)) {}
  void begin(std::string& out) override { out.append(heads_[0]).append(*body_); }
  Step reply(std::string& in, std::string& out) override {
    auto reply = read_http_reply(in);
    if (!reply) return Step::kIncomplete;
    if (reply->status < 200 || reply->status > 299) {
      error_ = fmt::format("HTTP {}: {}", reply->status, reply->body.substr(0, 300));
      return Step::kFailed;
    }
    const Step step = reply->closes ? Step::kCycleClosed : Step::kCycle;
    in.erase(0, reply->bytes);
    next_ = (next_ + 1) % heads_.size();
    out.append(heads_[next_]).append(*body_);
    return step;
  }

 private:
  std::vector<std::string> heads_;
  std::shared_ptr<const std::string> body_;
  size_t next_ = 0;
};

class SqsDialogue final : public Dialogue {
 public:
  SqsDialogue(const AwsTarget& target, const QueueLoad& load)
      : signed_(target, "sqs", aws::PathStyle::kTwice),
        url_(load.queue),
        only_send_(load.send_only),
        delete_(form("DeleteMessage")) {
    send_ = only_send_
                ? batch(body_of_size(load.body_bytes))
                : call("SendMessage", fmt::format(R"({{"QueueUrl":"{}","MessageBody":"{}"}})", url_,
                                                  body_of_size(load.body_bytes)));
    receive_ = call("ReceiveMessage", fmt::format(R"({{"QueueUrl":"{}"}})", url_));
  }
  void begin(std::string& out) override { out += send_; }

  Step reply(std::string& in, std::string& out) override {
    auto reply = read_http_reply(in);
    if (!reply) return Step::kIncomplete;
    if (reply->status != 200) {
      error_ = fmt::format("HTTP {}: {}", reply->status, reply->body.substr(0, 300));
      return Step::kFailed;
    }
    Step step = next(reply->body, out);
    in.erase(0, reply->bytes);
    return step;
  }

 private:
  enum class State { kSending, kReceiving, kDeleting };

  SignedRequests::Form form(std::string_view operation) const {
    return signed_.form("POST", "/",
                        {{"content-type", "application/x-amz-json-1.0"},
                         {"x-amz-target", fmt::format("AmazonSQS.{}", operation)}});
  }
  std::string call(std::string_view operation, const std::string& json) const {
    std::string out;
    form(operation).append(out, hex_encode(sha256(json)), json);
    return out;
  }

  std::string batch(const std::string& body) const {
    std::string json = fmt::format(R"({{"QueueUrl":"{}","Entries":[)", url_);
    for (size_t i = 0; i < kSqsBatch; ++i) {
      json += fmt::format(R"({}{{"Id":"{}","MessageBody":"{}"}})", i == 0 ? "" : ",", i, body);
    }
    return call("SendMessageBatch", json + "]}");
  }

  Step next(std::string_view body, std::string& out) {
    if (only_send_ && body.find("\"Failed\":[{") != body.npos) {
      error_ = body.substr(0, 300);
      return Step::kFailed;
    }
    if (state_ == State::kSending && !only_send_) {
      state_ = State::kReceiving;
      out += receive_;
      return Step::kContinue;
    }
    if (state_ == State::kReceiving) {
      constexpr std::string_view kName = "\"ReceiptHandle\":\"";
      size_t at = body.find(kName);
      if (at == body.npos) {  // another connection was faster: ask again
        out += receive_;
        return Step::kContinue;
      }
      at += kName.size();
      std::string_view handle = body.substr(at, body.find('"', at) - at);
      json_.assign(R"({"QueueUrl":")").append(url_);
      json_.append(R"(","ReceiptHandle":")").append(handle).append("\"}");
      delete_.append(out, hex_encode(sha256(json_)), json_);
      state_ = State::kDeleting;
      return Step::kContinue;
    }
    state_ = State::kSending;
    out += send_;
    return Step::kCycle;
  }

  SignedRequests signed_;
  std::string url_;
  bool only_send_;
  SignedRequests::Form delete_;
  std::string send_, receive_, json_;
  State state_ = State::kSending;
};

class StreamReader final : public Dialogue {
 public:
  StreamReader(const AwsTarget& target, const std::string& stream, uint64_t* records)
      : signed_(target, "kinesis", aws::PathStyle::kTwice), records_(records) {
    start_ = call("GetShardIterator",
                  fmt::format(R"({{"StreamName":"{}","ShardId":"shardId-000000000000",)"
                              R"("ShardIteratorType":"TRIM_HORIZON"}})",
                              stream));
  }
  void begin(std::string& out) override { out += start_; }
  Step reply(std::string& in, std::string& out) override {
    auto reply = read_http_reply(in);
    if (!reply) return Step::kIncomplete;
    if (reply->status != 200) {
      error_ = fmt::format("HTTP {}: {}", reply->status, reply->body.substr(0, 300));
      return Step::kFailed;
    }
    constexpr std::string_view kRecord = "\"PartitionKey\":";
    uint64_t found = 0;
    for (size_t at = 0; (at = reply->body.find(kRecord, at)) != reply->body.npos; ++found) {
      at += kRecord.size();
    }
    *records_ += found;
    bool is_over = std::exchange(reading_, true) && found == 0;
    std::string iterator = is_over ? "" : iterator_of(reply->body);
    in.erase(0, reply->bytes);
    out +=
        is_over ? start_ : call("GetRecords", fmt::format(R"({{"ShardIterator":"{}"}})", iterator));
    if (is_over) reading_ = false;
    return found > 0 ? Step::kCycle : Step::kContinue;
  }

 private:
  std::string call(std::string_view operation, const std::string& json) const {
    return signed_.request("POST", "/",
                           {{"content-type", "application/x-amz-json-1.1"},
                            {"x-amz-target", fmt::format("Kinesis_20131202.{}", operation)}},
                           hex_encode(sha256(json)), json);
  }
  static std::string iterator_of(std::string_view body) {
    constexpr std::string_view kName = "ShardIterator\":\"";
    size_t at = body.rfind(kName);
    if (at == body.npos) return "";
    at += kName.size();
    return std::string(body.substr(at, body.find('"', at) - at));
  }

  SignedRequests signed_;
  uint64_t* records_;
  std::string start_;
  bool reading_ = false;
};

// A click of one of 10,000 users on one of 1,000 articles, padded to the size.
std::string click(size_t number, size_t bytes) {
  std::string out = fmt::format(R"({{"user":"u{:07}","article":"a{:06}","ms":{},"pad":")",
                                number * 7919 % 10'000, number * 104'729 % 1'000, number % 997);
  constexpr std::string_view kEnd = "\"}";
  if (out.size() + kEnd.size() < bytes) out.append(bytes - out.size() - kEnd.size(), 'p');
  return out.append(kEnd);
}

std::string put_records(const QueueLoad& load, size_t first_key) {
  std::string json = fmt::format(R"({{"StreamName":"{}","Records":[)", load.queue);
  std::string data = base64_encode(body_of_size(load.body_bytes));
  for (size_t i = 0; i < kPutRecords; ++i) {
    if (load.clicks) data = base64_encode(click(first_key + i, load.body_bytes));
    json += fmt::format(R"({}{{"Data":"{}","PartitionKey":"key-{}"}})", i == 0 ? "" : ",", data,
                        first_key + i);
  }
  return json + "]}";
}

std::string put_record_batch(const QueueLoad& load, size_t first_key) {
  std::string json = fmt::format(R"({{"DeliveryStreamName":"{}","Records":[)", load.queue);
  for (size_t i = 0; i < kPutRecords; ++i) {
    const std::string body =
        load.clicks ? click(first_key + i, load.body_bytes) : body_of_size(load.body_bytes);
    json += fmt::format(R"({}{{"Data":"{}"}})", i == 0 ? "" : ",", base64_encode(body));
  }
  return json + "]}";
}

std::string put_log_events(const QueueLoad& load, size_t connection) {
  auto now = std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
  std::string json = fmt::format(R"({{"logGroupName":"{}","logStreamName":"s{}","logEvents":[)",
                                 load.queue, connection);
  const std::string body = body_of_size(load.body_bytes);
  for (size_t i = 0; i < kPutRecords; ++i) {
    json += fmt::format(R"({}{{"timestamp":{},"message":"{}"}})", i == 0 ? "" : ",",
                        now.time_since_epoch().count(), body);
  }
  return json + "]}";
}

constexpr size_t kPrepared = 4;  // requests that a connection goes round
size_t batch_key(size_t connection, size_t number) {
  return (connection * kPrepared + number) * kPutRecords;
}

template <class Body>
std::unique_ptr<Dialogue> put_dialogue(const AwsTarget& target, std::string_view service,
                                       std::string_view operation, Body body,
                                       std::string_view version = "1.1") {
  SignedRequests requests(target, std::string(service), aws::PathStyle::kTwice);
  std::vector<std::string> made;
  for (size_t i = 0; i < kPrepared; ++i) {
    const std::string json = body(i);
    made.push_back(
        requests.request("POST", "/",
                         {{"content-type", fmt::format("application/x-amz-json-{}", version)},
                          {"x-amz-target", std::string(operation)}},
                         hex_encode(sha256(json)), json));
  }
  return std::make_unique<ObjectDialogue>(std::move(made), std::make_shared<const std::string>());
}

std::string start_execution(const QueueLoad& load, size_t number) {
  return fmt::format(R"({{"stateMachineArn":"{}","input":"{{\"n\":{},\"pad\":\"{}\"}}"}})",
                     load.queue, number, body_of_size(load.body_bytes));
}

std::string_view verb_name(ObjectVerb verb) {
  return verb == ObjectVerb::kPut ? "PUT" : "GET";
}

}  // namespace

std::optional<HttpReply> read_http_reply(std::string_view in) {
  size_t end = in.find("\r\n\r\n");
  if (end == in.npos) return std::nullopt;
  std::string_view head = in.substr(0, end);
  HttpReply reply;
  if (head.size() > 12) std::from_chars(head.data() + 9, head.data() + 12, reply.status);
  size_t length = 0;
  for (size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
    constexpr std::string_view kLength = "content-length:", kConnection = "connection:";
    std::string_view line = head.substr(at + 2);
    if (equal_ignore_case(line.substr(0, kLength.size()), kLength)) {
      size_t digit = std::min(line.find_first_not_of(' ', kLength.size()), line.size());
      std::from_chars(line.data() + digit, line.data() + line.size(), length);
    } else if (equal_ignore_case(line.substr(0, kConnection.size()), kConnection)) {
      std::string_view value = line.substr(kConnection.size());
      reply.closes = equal_ignore_case(trim(value.substr(0, value.find("\r\n"))), "close");
    }
  }
  if (in.size() < end + 4 + length) return std::nullopt;
  reply.body = in.substr(end + 4, length);
  reply.bytes = end + 4 + length;
  return reply;
}

MakeDialogue s3_dialogue(AwsTarget target, ObjectLoad load) {
  auto body = std::make_shared<const std::string>(
      load.verb == ObjectVerb::kPut ? body_of_size(load.size_bytes) : "");
  return [=](size_t connection) {
    SignedRequests requests(target, "s3", aws::PathStyle::kOnce);
    std::vector<std::string> heads;
    for (size_t i = 0; i < load.keys; ++i) {
      heads.push_back(requests.head(verb_name(load.verb),
                                    fmt::format("/{}/c{}/k{}", load.bucket, connection, i),
                                    aws::kUnsignedPayload, body->size()));
    }
    return std::make_unique<ObjectDialogue>(std::move(heads), body);
  };
}

MakeDialogue dav_dialogue(std::string host, ObjectLoad load) {
  auto body = std::make_shared<const std::string>(
      load.verb == ObjectVerb::kPut ? body_of_size(load.size_bytes) : "");
  return [=](size_t connection) {
    std::vector<std::string> heads;
    for (size_t i = 0; i < load.keys; ++i) {
      heads.push_back(
          fmt::format("{} /{}/c{}/k{} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n\r\n",
                      verb_name(load.verb), load.bucket, connection, i, host, body->size()));
    }
    return std::make_unique<ObjectDialogue>(std::move(heads), body);
  };
}

MakeDialogue invoke_dialogue(AwsTarget target, std::string function) {
  return [=](size_t) {
    SignedRequests requests(target, "lambda", aws::PathStyle::kTwice);
    const std::string path = fmt::format("/2015-03-31/functions/{}/invocations", function);
    std::vector<std::string> made = {
        requests.request("POST", path, {}, hex_encode(sha256("{}")), "{}")};
    return std::make_unique<ObjectDialogue>(std::move(made), std::make_shared<const std::string>());
  };
}

MakeDialogue kinesis_put_dialogue(AwsTarget target, QueueLoad load) {
  return [=](size_t connection) {
    return put_dialogue(target, "kinesis", "Kinesis_20131202.PutRecords",
                        [&](size_t i) { return put_records(load, batch_key(connection, i)); });
  };
}

MakeDialogue states_start_dialogue(AwsTarget target, QueueLoad load) {
  return [=](size_t connection) {
    return put_dialogue(
        target, "states", "AWSStepFunctions.StartExecution",
        [&](size_t i) { return start_execution(load, connection * kPrepared + i); }, "1.0");
  };
}

MakeDialogue firehose_put_dialogue(AwsTarget target, QueueLoad load) {
  return [=](size_t connection) {
    return put_dialogue(target, "firehose", "Firehose_20150804.PutRecordBatch",
                        [&](size_t i) { return put_record_batch(load, batch_key(connection, i)); });
  };
}

MakeDialogue logs_put_dialogue(AwsTarget target, QueueLoad load) {
  return [=](size_t connection) {
    return put_dialogue(target, "logs", "Logs_20140328.PutLogEvents",
                        [&](size_t) { return put_log_events(load, connection); });
  };
}

MakeDialogue kinesis_get_dialogue(AwsTarget target, QueueLoad load, uint64_t* records) {
  return [=](size_t) { return std::make_unique<StreamReader>(target, load.queue, records); };
}

MakeDialogue sqs_dialogue(AwsTarget target, QueueLoad load) {
  return [=](size_t) { return std::make_unique<SqsDialogue>(target, load); };
}

}  // namespace suiro::bench
