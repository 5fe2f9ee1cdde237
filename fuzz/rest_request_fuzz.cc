// SPDX-License-Identifier: Apache-2.0
// Requests of REST services: method, URI, headers and body in lines, as HTTP/1.1 has them; routed
// and read with the models of S3 and Lambda.
//
//   PUT /bucket/key?tagging
//   x-amz-meta-a: 1
//
//   body
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "protocol/aws/codec.h"
#include "shapes/gen/lambda.h"
#include "shapes/gen/s3.h"

namespace {

using namespace suiro;

std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

bool read_text(std::string_view text, aws::Request& request) {
  const std::string_view first = take_line(text);
  const size_t space = first.find(' ');
  if (space == std::string_view::npos) return false;
  request.method = first.substr(0, space);
  const std::string_view uri = first.substr(space + 1);
  const size_t mark = uri.find('?');
  request.path = uri.substr(0, mark);
  if (mark != std::string_view::npos) {
    auto query = aws::parse_parameters(uri.substr(mark + 1));
    if (!query) return false;
    request.query = *std::move(query);
  }
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.empty()) break;
    const size_t colon = std::min(line.find(':'), line.size());
    request.headers.emplace_back(to_lower(line.substr(0, colon)),
                                 trim(line.substr(std::min(colon + 1, line.size()))));
  }
  request.body = text;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const aws::Router* const router = [] {
    auto* made = new aws::Router;
    made->add(shapes::s3::service_model());
    made->add(shapes::lambda::service_model());
    return made;
  }();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto* service : {&shapes::s3::service_model(), &shapes::lambda::service_model()}) {
    aws::Request request;
    if (!read_text(text, request)) return 0;
    auto route = router->route(*service, request);
    if (!route) continue;
    auto input = aws::read_request(*route, request);
  }
  return 0;
}
