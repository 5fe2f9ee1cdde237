// SPDX-License-Identifier: Apache-2.0
#include "server/registry_mount.h"

#include "base/check.h"

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
  out.source_ip = std::move(request.peer_address);
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

// Asks the gatekeeper as for a request of the operation on the repository.
std::optional<std::string> denial_of(const RegistryParts& parts, const ecr::WireRequest& request,
                                     const shapes::Principal& caller, std::string_view operation,
                                     const std::string& repository) {
  const auto* handler = parts.registry.find("ecr", operation);
  CHECK(handler != nullptr);
  const shapes::Operation& asked = handler->operation();
  shapes::Value input(*asked.input);
  const shapes::Member* member = asked.input->find("repositoryName");
  if (member != nullptr) {
    *static_cast<std::string*>(member->emplace(input.data())) = repository;
  }
  shapes::Call call;
  call.now = parts.kernel.clock.now();
  call.request_id = new_request_uuid(call.now, parts.kernel.random);
  call.trace = TraceContext::begin(call.now, parts.kernel.random);
  call.region = parts.kernel.region;
  call.account = parts.kernel.account;
  call.principal = caller;
  call.source_ip = request.source_ip;
  call.secure = request.secure;
  call.host = request.host;
  for (const auto& [name, value] : request.headers) {
    if (name == "user-agent") call.user_agent = value;
  }
  return parts.gatekeeper.deny(call, asked, input);
}

}  // namespace

void mount_registry(RegistryParts parts) {
  ecr::Distribution& distribution = parts.distribution;
  distribution.set_permit([parts](const ecr::WireRequest& request, const shapes::Principal& caller,
                                  std::string_view operation, const std::string& repository) {
    return denial_of(parts, request, caller, operation, repository);
  });
  parts.front_end.mount_where(
      [](const http::Request& request) {
        return ecr::Distribution::claims(
            {request.method, request.path, request.query, request.host, request.headers});
      },
      [&distribution](http::Request request) -> Task<http::Response> {
        co_return to_http(co_await distribution.handle(to_wire(std::move(request))));
      });
}

}  // namespace suiro::server
