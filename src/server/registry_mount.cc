// SPDX-License-Identifier: Apache-2.0
#include "server/registry_mount.h"

namespace suiro::server {
namespace {

ecr::WireRequest to_wire(http::Request request) {
  ecr::WireRequest out;
  out.body = request.take_body();
  out.method = std::move(request.method);
  out.path = std::move(request.path);
  out.query = std::move(request.query);
  out.host = std::move(request.host);
  out.headers = std::move(request.headers);
  out.secure = request.tls != nullptr;
  return out;
}

http::Response to_http(ecr::WireResponse response) {
  http::Response out;
  out.status = response.status;
  out.headers = std::move(response.headers);
  out.content = std::move(response.content);
  out.body = std::move(response.body);
  return out;
}

}  // namespace

void mount_registry(aws::FrontEnd& front_end, ecr::Distribution& distribution) {
  front_end.mount_where(
      [](const http::Request& request) {
        return ecr::Distribution::claims(
            {request.method, request.path, request.query, request.host, request.headers});
      },
      [&distribution](http::Request request) -> Task<http::Response> {
        co_return to_http(co_await distribution.handle(to_wire(std::move(request))));
      });
}

}  // namespace suiro::server
