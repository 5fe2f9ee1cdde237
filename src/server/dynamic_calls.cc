// SPDX-License-Identifier: Apache-2.0
#include "server/dynamic_calls.h"

#include "shapes/gen/suiro.h"
#include "shapes/json.h"

namespace suiro::server {

namespace shape = shapes::suiro;

definition::Calls calls_of(const Remote& remote) {
  return definition::Calls([&remote](std::string_view service, std::string_view operation,
                                     std::string input) -> Result<std::string> {
    if (service == "suiro") return remote.call(std::string(operation), input);
    shape::CallOperationRequest request;
    request.service = service;
    request.operation = operation;
    request.input = std::move(input);
    TRY(std::string reply, remote.call("CallOperation", shapes::to_json(request)));
    TRY(auto output, shapes::from_json<shape::CallOperationResponse>(reply));
    return std::move(output.output);
  });
}

}  // namespace suiro::server
