// SPDX-License-Identifier: Apache-2.0
#include "shapes/registry.h"

#include <fmt/format.h>

#include "shapes/json.h"
#include "shapes/validate.h"

namespace suiro::shapes {
namespace {

std::string key_of(std::string_view service, std::string_view operation) {
  std::string key;
  key.reserve(service.size() + 1 + operation.size());
  return key.append(service).append(":").append(operation);
}

const Member* member_of_kind(const Shape& shape, Kind kind) {
  for (const Member& member : shape.members) {
    if (member.shape->kind == kind) return &member;
  }
  return nullptr;
}

}  // namespace

void Registry::add(std::unique_ptr<Handler> handler) {
  const Operation& operation = handler->operation();
  auto [at, added] =
      handlers_.emplace(key_of(operation.service->id, operation.name), std::move(handler));
  CHECK(added, "an operation has two handlers");
}

const Registry::Handler* Registry::find(std::string_view service,
                                        std::string_view operation) const {
  auto found = handlers_.find(key_of(service, operation));
  return found == handlers_.end() ? nullptr : found->second.get();
}

const ServiceModel* Registry::model(std::string_view service) const {
  const auto first = handlers_.lower_bound(key_of(service, ""));
  if (first == handlers_.end()) return nullptr;
  const ServiceModel* found = first->second->operation().service;
  return found->id == service ? found : nullptr;
}

Task<Result<std::string>> Registry::call(std::string service, std::string operation,
                                         std::string json, Call& call, Dialect dialect) const {
  const Handler* handler = find(service, operation);
  if (handler == nullptr) {
    co_return fail(codes::kNotImplemented,
                   fmt::format("Suiro does not implement {}:{}.", service, operation));
  }
  const Operation& op = handler->operation();
  if (member_of_kind(*op.output, Kind::kEvents) != nullptr) {
    co_return fail(codes::kNotImplemented,
                   fmt::format("{}:{} answers with a stream of events and cannot be called here.",
                               service, operation));
  }
  Value input(*op.input);
  Violations violations;
  CO_TRY_VOID(read_json(json, *op.input, input.data(), dialect, violations));
  CO_TRY_VOID(check_request(op, input.data(), violations));
  CO_TRY(Value output, co_await handler->invoke(call, std::move(input)));
  std::string text;
  write_json(text, *op.output, output.data(), dialect);
  const Member* streamed = member_of_kind(*op.output, Kind::kStream);
  if (streamed == nullptr || streamed->get(output.data()) == nullptr) co_return text;
  auto& body = *static_cast<Body*>(streamed->emplace(output.data()));
  if (body == nullptr) co_return text;
  CO_TRY(Bytes bytes, co_await read_all(*body, kDynamicBodyBytesMax));
  append_json_member(text, streamed->name, is_valid_utf8(bytes) ? bytes : base64_encode(bytes));
  co_return text;
}

}  // namespace suiro::shapes
