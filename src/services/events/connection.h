// SPDX-License-Identifier: Apache-2.0
// What the events service keeps of connections and API destinations. No wire, no keys.
#pragma once

#include "services/events/types.h"

namespace suiro::events {

// "Amazon EventBridge quotas".
inline constexpr size_t kConnectionsMax = 3'000;
inline constexpr size_t kApiDestinationsMax = 3'000;
inline constexpr int32_t kInvocationsPerSecondDefault = 300;

struct HttpParameter {
  std::string key;
  std::string value;
  bool is_secret = false;  // never told again
};
struct HttpParameters {
  std::vector<HttpParameter> headers;
  std::vector<HttpParameter> query;
  std::vector<HttpParameter> body;
};

enum class AuthorizationType : uint8_t { kBasic = 0, kOAuthClientCredentials = 1, kApiKey = 2 };

struct Authorization {
  AuthorizationType type = AuthorizationType::kBasic;
  std::string name;    // the user, the client's id, the header of the API key
  std::string secret;  // the password, the client's secret, the API key
  // Of OAuth alone: where tokens come from.
  std::string endpoint;
  std::string method;
  HttpParameters token_request;
};

enum class ConnectionState : uint8_t { kAuthorizing = 0, kAuthorized = 1, kDeauthorized = 2 };

// A connection's life; begin() stands for create and update.
//
//   begin() ─► AUTHORIZING ─ try_authorize() ─► AUTHORIZED ─┐
//     │            └────────────────────────► DEAUTHORIZED ◄┴ deauthorize()
//     └─ no OAuth ─► AUTHORIZED
struct Connection {
  std::string id;  // the last part of its ARN: another one when it is made again
  std::string description;
  Authorization authorization;
  HttpParameters invocation;
  ConnectionState state = ConnectionState::kAuthorized;
  std::string state_reason;
  TimePoint created = {};
  TimePoint modified = {};
  TimePoint authorized = {};  // zero: never
};

struct ApiDestination {
  std::string id;
  std::string description;
  std::string connection_arn;
  std::string endpoint;  // each '*' of its path stands for a path parameter
  std::string method;
  int32_t per_second_max = kInvocationsPerSecondDefault;
  TimePoint created = {};
  TimePoint modified = {};
};

}  // namespace suiro::events
