// SPDX-License-Identifier: Apache-2.0
// What an HTTP task sends, from its arguments.
// Source: Step Functions Developer Guide, "Call HTTPS APIs in Step Functions workflows".
// Thread: pure functions. Failure: States.Runtime with the field that is wrong.
#pragma once

#include "engine/http_out/client.h"
#include "kernel/event/http_connections.h"
#include "services/states/integration.h"

namespace suiro::states {

struct HttpRequestOptions {
  std::string region;  // told in the User-Agent
  Millis timeout{0};
  size_t reply_bytes_max = 0;
  // Takes the place of what the task gives under the same names.
  event::ConnectionAdditions connection = {};
};

// What is wrong with the arguments, before anything is asked. With kPublic URLs are https alone.
std::optional<TaskFault> unfit_arguments(const json::Value& arguments, http_out::Reach reach);
// The ARN of the task's connection; empty: it names none. Of arguments that are not unfit.
std::string connection_of(const json::Value& arguments);

// Of arguments that are not unfit.
Attempt<http_out::Request> http_request_of(const json::Value& arguments,
                                           const HttpRequestOptions& options);

// "a=1&b[0]=x": an object as a form. Lists by RequestEncodingOptions.ArrayFormat: INDICES,
// BRACKETS, REPEAT, COMMAS; nullopt for another format.
std::optional<std::string> form_of(const json::Value& body, std::string_view array_format);

}  // namespace suiro::states
