// SPDX-License-Identifier: Apache-2.0
// Work: what FrontEnd knows of one request while it goes on. Internal to front_end*.cc.
#pragma once

#include "protocol/aws/front_end.h"

namespace suiro::aws {

struct FrontEnd::Work {
  explicit Work(http::Request request_) : incoming(std::move(request_)) {
    target = incoming.path;
    if (!incoming.query.empty()) target.append("?").append(incoming.query);
    if (auto text = incoming.header("origin")) origin = *text;
  }

  http::Request incoming;
  Request request;
  shapes::Call call;
  const shapes::ServiceModel* service = nullptr;
  const shapes::Operation* operation = nullptr;
  shapes::Protocol protocol = shapes::Protocol::kRestXml;
  std::optional<Authorization> proof;
  Identity identity;
  Payload payload;
  Bytes signing_key;
  std::string target;
  std::string origin;
  std::string error;
  Micros called{0}, returned{0};

  Family family() const { return family_of(protocol); }
  SigningInput signing_input() const {
    return {incoming.method, incoming.path, incoming.query, incoming.headers};
  }
  Demand demand(const std::string& region, TimePoint now) const {
    return {family(), std::string(service->signing_name), region, now};
  }
  // The last that is made of it: takes what it tells.
  Exchange to_exchange() {
    Exchange out;
    out.request_id = std::move(call.request_id);
    out.trace = std::move(call.trace);
    out.caused_by = std::move(call.caused_by);
    if (service != nullptr) out.service = service->id;
    if (operation != nullptr) out.operation = operation->name;
    out.principal = std::move(call.principal.arn);
    out.error = std::move(error);
    out.method = std::move(incoming.method);
    out.target = std::move(target);
    out.host = std::move(incoming.host);
    out.user_agent = std::move(call.user_agent);
    out.client_address = std::move(incoming.peer_address);
    out.client_port = incoming.peer_port;
    out.listener = std::move(incoming.listener);
    out.tls = std::move(incoming.tls);
    out.version = incoming.version;
    out.started = incoming.started;
    return out;
  }
};

}  // namespace suiro::aws
