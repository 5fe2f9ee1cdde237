// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "base/check.h"
#include "protocol/aws/cbor.h"
#include "protocol/aws/codec.h"
#include "protocol/aws/query_shape.h"
#include "protocol/aws/rest.h"
#include "protocol/aws/xml_shape.h"
#include "shapes/json.h"
#include "shapes/validate.h"

namespace suiro::aws {
namespace {

using shapes::Dialect;
using shapes::Kind;
using shapes::Member;
using shapes::Operation;
using shapes::Protocol;
using shapes::Shape;
using shapes::Violations;

// A structure from a JSON or XML body. No body at all is an empty structure.
Result<void> read_structure(Protocol protocol, Bytes& body, const Shape& shape, void* value,
                            Violations& violations) {
  if (protocol == Protocol::kRestXml) {
    XmlNode root;
    if (!body.empty()) {
      TRY(root, parse_xml(body));
    }
    return read_xml(root, shape, value, violations);
  }
  if (body.empty()) body = "{}";
  return shapes::read_json(body, shape, value, Dialect::kWire, violations);
}

Result<void> read_document(const Bytes& body, void* value) {
  boost::system::error_code error;
  auto parsed = boost::json::parse(boost::json::string_view(body.data(), body.size()), error);
  if (error) return fail(shapes::kSerialization, "Expected a JSON document.");
  *static_cast<boost::json::value*>(value) = std::move(parsed);
  return ok();
}

Result<void> read_payload(const Route& route, Request& request, const Member& payload, void* value,
                          Violations& violations) {
  const Kind kind = payload.shape->kind;
  if (kind == Kind::kStream) {
    auto& body = *static_cast<shapes::Body*>(payload.emplace(value));
    body = request.stream != nullptr ? std::move(request.stream)
                                     : shapes::body_of(std::move(request.body));
    return ok();
  }
  if (request.body.empty()) {
    if (!payload.required) return ok();
    if (kind == Kind::kStructure && route.protocol == Protocol::kRestXml) {
      return fail("MissingRequestBodyError", "Request Body is empty");
    }
    if (kind == Kind::kStructure) violations.missing(payload.name);
    return ok();
  }
  void* held = payload.emplace(value);
  switch (kind) {
    case Kind::kString:
    case Kind::kBlob:
      *static_cast<std::string*>(held) = std::move(request.body);
      return ok();
    case Kind::kDocument:
      return read_document(request.body, held);
    case Kind::kStructure: {
      const size_t base = violations.path.size();
      violations.push(payload.name);
      TRY_VOID(read_structure(route.protocol, request.body, *payload.shape, held, violations));
      violations.path.resize(base);
      return ok();
    }
    default:
      return fail(codes::kNotImplemented,
                  fmt::format("A payload of the type {} is not supported.", payload.shape->name));
  }
}

Result<void> read_rest(const Route& route, Request& request, void* value, Violations& violations) {
  TRY_VOID(read_bound_members(route, request, value, violations));
  const Shape& shape = *route.operation->input;
  if (shape.payload != nullptr) {
    return read_payload(route, request, *shape.payload, value, violations);
  }
  if (!has_body_members(shape)) return ok();
  return read_structure(route.protocol, request.body, shape, value, violations);
}

Result<void> read_form(const Route& route, const Request& request, void* value,
                       Violations& violations) {
  const Operation& op = *route.operation;
  Pairs form = route.form;
  const std::string_view member = op.service->path_member;
  if (!member.empty() && request.path.size() > 1 && op.input->find(member) != nullptr &&
      !find(form, member)) {
    const std::string_view host = find(request.headers, "host").value_or("localhost");
    form.emplace_back(member, fmt::format("http://{}{}", host, request.path));
  }
  return read_query(std::move(form), *op.input, value, violations);
}

Result<void> read_by_protocol(const Route& route, Request& request, void* value,
                              Violations& violations) {
  const Shape& shape = *route.operation->input;
  switch (route.protocol) {
    case Protocol::kJson:
      return read_structure(route.protocol, request.body, shape, value, violations);
    case Protocol::kQuery:
      return read_form(route, request, value, violations);
    case Protocol::kCbor:
      // 0xA0 is an empty map.
      return read_cbor(request.body.empty() ? std::string_view("\xA0") : request.body, shape, value,
                       violations);
    case Protocol::kTargetCbor:
      return read_cbor(request.body.empty() ? std::string_view("\xA0") : request.body, shape, value,
                       violations, CborTime::kMillis);
    case Protocol::kRestJson:
    case Protocol::kRestXml:
      return read_rest(route, request, value, violations);
  }
  check_failed("protocol", __FILE__, __LINE__);
}

}  // namespace

Result<shapes::Value> read_request(const Route& route, Request& request) {
  shapes::Value input(*route.operation->input);
  Violations violations;
  TRY_VOID(read_by_protocol(route, request, input.data(), violations));
  TRY_VOID(shapes::check_request(*route.operation, input.data(), violations));
  return input;
}

}  // namespace suiro::aws
