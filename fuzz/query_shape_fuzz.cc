// SPDX-License-Identifier: Apache-2.0
// Forms of the query protocol: decoding, routing and reading into SQS's structs.
#include <cstddef>
#include <cstdint>

#include "protocol/aws/codec.h"
#include "shapes/gen/sqs.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace suiro;
  static const aws::Router* const router = [] {
    auto* made = new aws::Router;
    made->add(shapes::sqs::service_model());
    return made;
  }();
  aws::Request request;
  request.method = "POST";
  request.path = "/000000000000/q";
  request.headers = {{"content-type", "application/x-www-form-urlencoded"}};
  request.body.assign(reinterpret_cast<const char*>(data), size);
  auto route = router->route(shapes::sqs::service_model(), request);
  if (!route) return 0;
  auto input = aws::read_request(*route, request);
  return 0;
}
