// SPDX-License-Identifier: Apache-2.0
// Target: PutRecords at another endpoint (Amazon Kinesis Data Streams API Reference, "PutRecords").
// Pure functions for request and reply, and the credentials' file.
//
// Thread: any. Errors: of send: those of the client; the endpoint's code and message.
#pragma once

#include <functional>

#include "engine/http_out/client.h"
#include "kernel/event/streams.h"
#include "services/relay/config.h"

namespace suiro::relay {

inline constexpr size_t kCallRecordsMax = 500;
inline constexpr size_t kCallBytesMax = 5 << 20;  // data and keys, as AWS counts

using Send = std::function<Task<Result<http_out::Reply>>(http_out::Request)>;

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;
};
// Text of an AWS shared credentials file. Errors: kInvalidArgument where the profile has no keys.
Result<Credentials> parse_credentials(std::string_view text, std::string_view profile);
// Reads the file at every call, so that keys may be changed while the relay runs.
Result<Credentials> load_credentials(const std::string& file, std::string_view profile);

// Which of `waiting` (indexes into `records`, in order) go into the next call: within the limits,
// and with Puts::kEach no partition key twice, nor one that an earlier record still waits with.
std::vector<size_t> next_call(const std::vector<event::StreamRecord>& records,
                              const std::vector<size_t>& waiting, Puts puts);

Bytes call_body(const std::string& stream, const std::vector<event::StreamRecord>& records,
                const std::vector<size_t>& chosen);
// Which of the call's records were not taken: places in the call.
struct CallReply {
  std::vector<size_t> failed;
  std::string reason;  // of the first
};
Result<CallReply> parse_call_reply(const http_out::Reply& reply, size_t count);

}  // namespace suiro::relay
