// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "base/bytes.h"
#include "protocol/aws/cbor.h"
#include "protocol/aws/codec.h"
#include "protocol/aws/event_stream.h"
#include "protocol/aws/reply.h"
#include "protocol/aws/rest.h"
#include "protocol/aws/xml_shape.h"
#include "shapes/json.h"

namespace suiro::aws {
namespace {

using shapes::Dialect;
using shapes::Kind;
using shapes::Member;
using shapes::Operation;
using shapes::Protocol;
using shapes::Shape;
using shapes::Value;
using shapes::XmlNamespace;

constexpr size_t kUsualHeaders = 8;
constexpr size_t kUsualJsonBytes = 512;

void default_type(Response& response, std::string_view type) {
  if (!has_header(response, "content-type")) {
    add_header(response, "Content-Type", std::string(type));
  }
}

// <name xmlns="...">members</name> as a whole document.
void write_xml_document(const Operation& op, std::string_view name, const Member* member,
                        const Shape& shape, const void* value, Response& response) {
  Member root;
  root.shape = &shape;
  XmlNamespace space = member != nullptr ? member->xml_namespace : XmlNamespace{};
  if (space.uri.empty()) space = shape.xml_namespace;
  if (space.uri.empty()) space = {{}, op.service->xml_namespace};
  response.body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  write_xml_element(response.body, name, space, root, value);
  default_type(response, "application/xml");
}

void write_payload(const Route& route, const Member& payload, Value& output, Response& response) {
  if (payload.shape->kind == Kind::kStream) {
    response.stream = std::move(*static_cast<shapes::Body*>(payload.emplace(output.data())));
    if (response.stream != nullptr) default_type(response, "application/octet-stream");
    return;
  }
  const void* held = payload.get(output.data());
  if (held == nullptr) return;
  switch (payload.shape->kind) {
    case Kind::kString:
    case Kind::kBlob:
      response.body = std::move(*static_cast<std::string*>(payload.emplace(output.data())));
      default_type(response,
                   payload.shape->kind == Kind::kBlob ? "application/octet-stream" : "text/plain");
      return;
    case Kind::kDocument:
      response.body = boost::json::serialize(*static_cast<const boost::json::value*>(held));
      break;
    case Kind::kStructure:
      if (route.protocol == Protocol::kRestXml) {
        const bool named = payload.xml_name != payload.name;
        return write_xml_document(*route.operation,
                                  named ? payload.xml_name : payload.shape->xml_root, &payload,
                                  *payload.shape, held, response);
      }
      shapes::write_json(response.body, *payload.shape, held, Dialect::kWire);
      break;
    default:
      shapes::write_json_member(response.body, payload, held, Dialect::kWire);
  }
  default_type(response, "application/json");
}

void write_rest(const Route& route, Value& output, Response& response) {
  const Operation& op = *route.operation;
  const Shape& shape = *op.output;
  write_bound_members(shape, output.data(), response);
  if (shape.payload != nullptr) return write_payload(route, *shape.payload, output, response);
  if (route.protocol == Protocol::kRestJson) {
    if (!op.has_output) return;
    shapes::write_json(response.body, shape, output.data(), Dialect::kWire);
    return default_type(response, "application/json");
  }
  if (!has_response_members(shape)) return;
  if (op.unwrapped_output) {
    const Member& only = shape.members.front();
    static const std::string kEmpty;
    const void* held = only.get(output.data());
    return write_xml_document(op, only.xml_name, &only, *only.shape,
                              held != nullptr ? held : &kEmpty, response);
  }
  write_xml_document(op, op.output_root.empty() ? shape.xml_root : op.output_root, nullptr, shape,
                     output.data(), response);
}

void write_query(const Operation& op, const Value& output, const shapes::Call& call,
                 Response& response) {
  std::string& out = response.body;
  out = fmt::format("<?xml version=\"1.0\"?><{}Response xmlns=\"{}\">", op.name,
                    op.service->xml_namespace);
  if (op.has_output) {
    const std::string wrapper = op.result_wrapper.empty() ? fmt::format("{}Result", op.name)
                                                          : std::string(op.result_wrapper);
    out += fmt::format("<{}>", wrapper);
    write_xml_members(out, *op.output, output.data());
    out += fmt::format("</{}>", wrapper);
  }
  out += fmt::format("<ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></{}Response>",
                     call.request_id, op.name);
  default_type(response, "text/xml");
}

// RPC protocols only: the generator refuses others.
void stream_events(const Operation& op, Protocol protocol, Value& output, Response& response) {
  auto member = std::ranges::find(op.output->members, Kind::kEvents,
                                  [](const Member& m) { return m.shape->kind; });
  if (member == op.output->members.end()) return;
  auto& events = *static_cast<shapes::Events*>(member->emplace(output.data()));
  if (events == nullptr) return;
  std::string type = protocol == Protocol::kCbor         ? "application/cbor"
                     : protocol == Protocol::kTargetCbor ? std::string(kTargetCborType)
                                                         : json_type(*op.service);
  EventFormat format{.document_type = std::move(type), .protocol = protocol};
  response.stream =
      event_stream(std::move(events), std::move(format), std::exchange(response.body, {}));
  set_header(response, "content-type", std::string(kEventStreamType));
}

}  // namespace

Response write_response(const Route& route, Value& output, const shapes::Call& call) {
  const Operation& op = *route.operation;
  Response response;
  response.status = op.status;
  response.headers.reserve(kUsualHeaders);
  switch (route.protocol) {
    case Protocol::kJson:
      response.body.reserve(kUsualJsonBytes);
      shapes::write_json(response.body, *op.output, output.data(), Dialect::kWire);
      default_type(response, json_type(*op.service));
      break;
    case Protocol::kQuery:
      write_query(op, output, call, response);
      break;
    case Protocol::kCbor:
      add_header(response, "smithy-protocol", "rpc-v2-cbor");
      if (op.has_output) {
        write_cbor(response.body, *op.output, output.data());
        default_type(response, "application/cbor");
      }
      break;
    case Protocol::kTargetCbor:
      write_cbor(response.body, *op.output, output.data(), {}, CborTime::kMillis);
      default_type(response, std::string(kTargetCborType));
      break;
    case Protocol::kRestJson:
    case Protocol::kRestXml:
      write_rest(route, output, response);
      break;
  }
  if (op.streams_output) stream_events(op, route.protocol, output, response);
  add_ids(route.protocol, call, response);
  if (call.status != 0) response.status = call.status;
  for (const auto& [name, value] : call.response_headers) set_header(response, name, value);
  return response;
}

std::string json_type(const shapes::ServiceModel& service) {
  return std::string("application/x-amz-json-").append(service.json_version);
}

void add_ids(Protocol protocol, const shapes::Call& call, Response& response) {
  if (protocol == Protocol::kRestXml) {
    add_header(response, "x-amz-request-id", call.request_id);
    add_header(response, "x-amz-id-2", host_id(call));
  } else {
    add_header(response, "x-amzn-RequestId", call.request_id);
  }
}

std::string host_id(const shapes::Call& call) {
  return base64_encode(call.request_id);
}

}  // namespace suiro::aws
