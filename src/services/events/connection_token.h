// SPDX-License-Identifier: Apache-2.0
// Requests for tokens: the client credentials grant of OAuth 2.0 (RFC 6749, section 4.4), with what
// a connection adds to it (EventBridge User Guide, "Authorization methods for connections").
// Thread: pure functions but request_token(), any.
#pragma once

#include <functional>

#include "engine/http_out/client.h"
#include "services/events/connection.h"

namespace suiro::events {

using SendRequest = std::function<Task<Result<http_out::Reply>>(http_out::Request)>;

// A token is not used in the last of its time.
inline constexpr Millis kTokenMargin = std::chrono::seconds(60);

struct AccessToken {
  std::string authorization;  // the header's value: "Bearer abc"
  Millis lifetime{0};         // zero: unknown
};

// The client's id and secret go into the body, as a form, or as JSON where the connection's header
// Content-Type says so; for GET into the query. `grant_type` is client_credentials where the
// connection gives none.
http_out::Request token_request(const Authorization& authorization);
// Errors: kUnavailable with what is wrong with the reply; the secret is in no message.
Result<AccessToken> token_of(const http_out::Reply& reply);

// Sends what token_request() made. Errors: as token_of(); kClosed.
Task<Result<AccessToken>> request_token(SendRequest send, http_out::Request request);

}  // namespace suiro::events
