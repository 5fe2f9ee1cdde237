// SPDX-License-Identifier: Apache-2.0
// The AWS protocols from a server's side: a request's bytes into the operation's input struct, an
// output or an error into a response's bytes. JSON 1.0/1.1, query, rest-json, rest-xml, Smithy RPC
// v2 CBOR; all through the tables of shapes/shape.h.
//
// Place: the HTTP front end finds the service, Router the operation, read_request the input; the
// registry's handler makes the output; write_response or write_error the reply.
//
// Invariants:
//  1. Nothing of a request is kept after read_request but what the returned value owns.
//  2. What write_response writes holds no line break in a header.
// Threads: any; no state. Failure: read_request answers what AWS answers to a bad request.
#pragma once

#include "base/result.h"
#include "protocol/aws/message.h"
#include "protocol/aws/router.h"
#include "shapes/call.h"
#include "shapes/value.h"

namespace suiro::aws {

// Parses and validates the operation's input; takes the body out of `request`.
// Errors: SerializationException (JSON, CBOR), MalformedXML (S3), MalformedInput (XML, query) for
// text that does not parse; the model's validation errors; NotImplemented for an unsupported
// member.
Result<shapes::Value> read_request(const Route& route, Request& request);

// The reply to a call that succeeded. Takes a streaming body out of `output`; call.status and
// call.response_headers have the last word.
Response write_response(const Route& route, shapes::Value& output, const shapes::Call& call);

// The reply to a call that failed. `operation` is nullptr where none was found. The status is the
// model's for the error's code, or that of codes::. S3's document names `resource` (the path).
// The body of an answer to HEAD is left out.
struct ErrorPlace {
  const shapes::ServiceModel* service = nullptr;
  const shapes::Operation* operation = nullptr;
  shapes::Protocol protocol = shapes::Protocol::kJson;
  bool head = false;
  std::string resource;
};
Response write_error(const ErrorPlace& place, const Error& error, const shapes::Call& call);
// The same for an error with the members of its model: `value` is of error.shape.
Response write_modeled_error(const ErrorPlace& place, const shapes::ErrorShape& error,
                             const void* value, const shapes::Call& call);

// The status of an error's code: the model's, that of codes::, else 400.
int error_status(const shapes::ServiceModel* service, std::string_view code);

}  // namespace suiro::aws
