// SPDX-License-Identifier: Apache-2.0
// Router: which operation of a known service a request means, and in which protocol it speaks.
//
//   X-Amz-Target                    -> JSON
//   the same, with a body of application/x-amz-cbor-1.1 -> CBOR
//   Smithy-Protocol: rpc-v2-cbor    -> CBOR, /service/<name>/operation/<operation>
//   Action= in the query or form    -> query
//   else method, path, query names, required headers against the model's URI templates -> REST
//
// Invariants:
//  1. Of several REST operations that fit, the one with the most literal parts wins: path segments,
//     then query parameters and headers; then one that Suiro implements.
//  2. An operation that AWS has and Suiro lacks is told apart from one that does not exist.
// Threads: any, after construction.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/aws/message.h"
#include "shapes/shape.h"

namespace suiro::aws {

struct Route {
  const shapes::Operation* operation = nullptr;
  shapes::Protocol protocol = shapes::Protocol::kJson;
  Pairs labels;  // REST: the URI's labels, percent-decoded
  Pairs form;    // query: all parameters of the URL and the body
};

class Router {
 public:
  Router();
  ~Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  // `service` must have static life. Thread: one, before route() is called.
  void add(const shapes::ServiceModel& service);

  // Errors: NotImplemented for an operation that Suiro lacks; UnknownOperationException (JSON,
  // CBOR, rest-json), InvalidAction (query), MethodNotAllowed (S3) where there is none;
  // MalformedQueryString for a form that cannot be decoded.
  Result<Route> route(const shapes::ServiceModel& service, const Request& request) const;

  // The protocol in which to answer where route() failed.
  static shapes::Protocol protocol_of(const shapes::ServiceModel& service, const Request& request);

  // A form or query string holds at most this many parameters.
  static constexpr size_t kParametersMax = 20'000;

 private:
  struct Table;
  std::vector<std::unique_ptr<Table>> tables_;
};

// Decodes "a=1&b=%20": what a form body or a URL's query holds. `plus` as in base/bytes.h.
Result<Pairs> parse_parameters(std::string_view text);

}  // namespace suiro::aws
