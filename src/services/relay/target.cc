// SPDX-License-Identifier: Apache-2.0
#include "services/relay/target.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <fstream>
#include <set>

namespace suiro::relay {
namespace {

namespace json = boost::json;

constexpr size_t kFileBytesMax = 1 << 20;
constexpr size_t kMessageBytesMax = 1024;

std::string text_in(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
}

std::unexpected<Error> bad_reply(const http_out::Reply& reply) {
  return fail(codes::kUnavailable,
              fmt::format("the endpoint's reply is not one of PutRecords: {} {}", reply.status,
                          ByteView(reply.body).substr(0, kMessageBytesMax)),
              Retry::kLater);
}

std::unexpected<Error> error_of(const http_out::Reply& reply) {
  boost::system::error_code bad;
  json::value document = json::parse(reply.body, bad);
  if (bad || !document.is_object()) return bad_reply(reply);
  std::string code = text_in(document.as_object(), "__type");
  std::string message = text_in(document.as_object(), "message");
  if (message.empty()) message = text_in(document.as_object(), "Message");
  if (code.empty()) return bad_reply(reply);
  return fail(code.substr(code.find('#') == code.npos ? 0 : code.find('#') + 1), message,
              Retry::kLater);
}

}  // namespace

Result<Credentials> parse_credentials(std::string_view text, std::string_view profile) {
  Credentials out;
  bool here = false;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with('[') && line.ends_with(']')) {
      here = trim(line.substr(1, line.size() - 2)) == profile;
      continue;
    }
    size_t equals = line.find('=');
    if (!here || equals == line.npos || line.starts_with('#')) continue;
    std::string_view name = trim(line.substr(0, equals)), value = trim(line.substr(equals + 1));
    if (name == "aws_access_key_id") out.access_key_id = value;
    if (name == "aws_secret_access_key") out.secret_access_key = value;
    if (name == "aws_session_token") out.session_token = value;
  }
  if (out.access_key_id.empty() || out.secret_access_key.empty()) {
    return fail(codes::kInvalidArgument,
                fmt::format("the credentials have no keys of the profile [{}]", profile));
  }
  return out;
}

Result<Credentials> load_credentials(const std::string& file, std::string_view profile) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(codes::kInvalidArgument, fmt::format("{}: cannot be read", file));
  Bytes text(kFileBytesMax, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  return parse_credentials(text, profile);
}

std::vector<size_t> next_call(const std::vector<event::StreamRecord>& records,
                              const std::vector<size_t>& waiting, Puts puts) {
  std::vector<size_t> chosen;
  std::set<std::string_view> keys;
  size_t bytes = 0;
  for (size_t index : waiting) {
    const event::StreamRecord& record = records[index];
    if (puts == Puts::kEach && !keys.insert(record.partition_key).second) continue;
    size_t more = record.data.size() + record.partition_key.size();
    // What does not fit ends the call: a later record of its key must not overtake it.
    if (!chosen.empty() && (chosen.size() >= kCallRecordsMax || bytes + more > kCallBytesMax))
      break;
    bytes += more;
    chosen.push_back(index);
  }
  return chosen;
}

Bytes call_body(const std::string& stream, const std::vector<event::StreamRecord>& records,
                const std::vector<size_t>& chosen) {
  Bytes body = R"({"Records":[)";
  for (size_t i = 0; i < chosen.size(); ++i) {
    const event::StreamRecord& record = records[chosen[i]];
    if (i != 0) body += ',';
    body += R"({"Data":")" + base64_encode(record.data) + R"(","PartitionKey":)" +
            json::serialize(json::string(record.partition_key));
    if (!record.explicit_hash_key.empty()) {
      body += R"(,"ExplicitHashKey":")" + record.explicit_hash_key + '"';
    }
    body += '}';
  }
  return body + R"(],"StreamName":)" + json::serialize(json::string(stream)) + "}";
}

Result<CallReply> parse_call_reply(const http_out::Reply& reply, size_t count) {
  if (reply.status != 200) return error_of(reply);
  boost::system::error_code bad;
  json::value document = json::parse(reply.body, bad);
  const json::value* records =
      !bad && document.is_object() ? document.as_object().if_contains("Records") : nullptr;
  if (records == nullptr || !records->is_array() || records->as_array().size() != count) {
    return bad_reply(reply);
  }
  CallReply out;
  for (size_t i = 0; i < count; ++i) {
    const json::value& one = records->as_array()[i];
    if (!one.is_object()) return bad_reply(reply);
    if (!text_in(one.as_object(), "SequenceNumber").empty()) continue;
    if (out.failed.empty()) {
      out.reason = fmt::format("{}: {}", text_in(one.as_object(), "ErrorCode"),
                               text_in(one.as_object(), "ErrorMessage"));
    }
    out.failed.push_back(i);
  }
  return out;
}

}  // namespace suiro::relay
