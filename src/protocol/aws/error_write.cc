// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/utf8.h"
#include "base/xml_text.h"
#include "protocol/aws/cbor.h"
#include "protocol/aws/codec.h"
#include "protocol/aws/reply.h"
#include "protocol/aws/rest.h"
#include "protocol/aws/xml_shape.h"
#include "shapes/json.h"
#include "shapes/scalar.h"

namespace suiro::aws {
namespace {

using shapes::ErrorShape;
using shapes::Member;
using shapes::Protocol;
using shapes::ServiceModel;
using shapes::Shape;
using shapes::Value;

// Codes that no model has, with their status (AWS's "Common Errors" pages of the services).
struct Common {
  std::string_view code;
  int status;
};
constexpr std::array kCommon = {
    Common{"AccessDenied", 403},
    Common{"AccessDeniedException", 403},
    Common{codes::kClosed, 503},
    Common{codes::kCorrupt, 500},
    Common{"ExpiredTokenException", 403},
    Common{"IncompleteSignature", 400},
    Common{"InternalError", 500},
    Common{codes::kInternal, 500},
    Common{"InternalServerError", 500},
    Common{"InvalidClientTokenId", 403},
    Common{"InvalidSignatureException", 403},
    Common{"MethodNotAllowed", 405},
    Common{"MissingAuthenticationToken", 403},
    Common{"MissingAuthenticationTokenException", 403},
    Common{codes::kNotFound, 404},
    Common{codes::kNotImplemented, 501},
    Common{"OptInRequired", 403},
    Common{"RequestEntityTooLarge", 413},
    Common{"RequestExpired", 400},
    Common{"ServiceFailure", 500},
    Common{codes::kUnavailable, 503},
    Common{"SignatureDoesNotMatch", 403},
    Common{codes::kTimeout, 503},
    Common{codes::kTooLarge, 413},
    Common{"UnrecognizedClientException", 403},
};

// What an error document says, whatever its form.
struct Document {
  std::string code;
  std::string query_code;
  int status = 400;
  bool sender_fault = true;
  std::string message;
  const Shape* shape = nullptr;
  const void* value = nullptr;
  const Member* message_member = nullptr;
  std::vector<std::pair<std::string, std::string>> details;  // beyond the shape's members
};

const Member* find_message(const Shape& shape) {
  for (std::string_view name : {"message", "Message"}) {
    if (const Member* member = shape.find(name); member != nullptr) return member;
  }
  return nullptr;
}

void render_json(const ErrorPlace& place, const Document& document, Response& response) {
  const bool rest = place.protocol == Protocol::kRestJson;
  std::string members = "{}";
  if (document.value != nullptr) {
    members.clear();
    shapes::write_json(members, *document.shape, document.value, shapes::Dialect::kWire);
  }
  if (document.message_member == nullptr && !document.message.empty()) {
    shapes::append_json_member(members, "message", document.message);
  }
  for (const auto& [name, text] : document.details) {
    shapes::append_json_member(members, name, text);
  }
  if (rest) {
    response.body = std::move(members);
    add_header(response, "Content-Type", "application/json");
    add_header(response, "x-amzn-ErrorType", document.code);
    return;
  }
  std::string type;
  if (place.service != nullptr && !place.service->error_namespace.empty()) {
    type = fmt::format("{}#", place.service->error_namespace);
  }
  response.body = "{\"__type\":";
  shapes::append_json_string(response.body, type + document.code);
  if (members != "{}") response.body += ',';
  response.body.append(members, 1);
  const bool known = place.service != nullptr && !place.service->json_version.empty();
  add_header(response, "Content-Type",
             known ? json_type(*place.service) : "application/x-amz-json-1.0");
}

void render_cbor(Protocol protocol, const Document& document, Response& response) {
  if (protocol == Protocol::kCbor) {
    add_header(response, "smithy-protocol", "rpc-v2-cbor");
    add_header(response, "Content-Type", "application/cbor");
  } else {
    add_header(response, "Content-Type", std::string(kTargetCborType));
  }
  if (document.value != nullptr) {
    return write_cbor(response.body, *document.shape, document.value, document.code);
  }
  append_cbor_map(response.body, 2);
  append_cbor_text(response.body, "__type");
  append_cbor_text(response.body, document.code);
  append_cbor_text(response.body, "message");
  append_cbor_text(response.body, document.message);
}

void element(std::string& out, std::string_view name, std::string_view text) {
  out += fmt::format("<{}>", name);
  append_xml_text(out, text);
  out += fmt::format("</{}>", name);
}

void xml_members(const Document& document, std::string& out) {
  if (document.value != nullptr) {
    write_xml_members(out, *document.shape, document.value, document.message_member);
  }
  for (const auto& [name, text] : document.details) element(out, name, text);
}

// S3's own form: no envelope.
void render_s3(const ErrorPlace& place, const Document& document, const shapes::Call& call,
               Response& response) {
  std::string& out = response.body;
  out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>";
  element(out, "Code", document.code);
  element(out, "Message", document.message);
  xml_members(document, out);
  if (!place.resource.empty()) element(out, "Resource", place.resource);
  element(out, "RequestId", call.request_id);
  element(out, "HostId", host_id(call));
  out += "</Error>";
  add_header(response, "Content-Type", "application/xml");
}

void render_xml(const ErrorPlace& place, const Document& document, const shapes::Call& call,
                Response& response) {
  const bool query = place.protocol == Protocol::kQuery;
  std::string& out = response.body;
  out = "<?xml version=\"1.0\"?><ErrorResponse";
  if (place.service != nullptr && !place.service->xml_namespace.empty()) {
    out += fmt::format(" xmlns=\"{}\"", place.service->xml_namespace);
  }
  out += "><Error>";
  element(out, "Type", document.sender_fault ? "Sender" : "Receiver");
  element(out, "Code", query ? document.query_code : document.code);
  if (!document.message.empty()) element(out, "Message", document.message);
  xml_members(document, out);
  out += "</Error>";
  element(out, "RequestId", call.request_id);
  out += "</ErrorResponse>";
  add_header(response, "Content-Type", query ? "text/xml" : "application/xml");
}

Response render(const ErrorPlace& place, const Document& document, const shapes::Call& call) {
  Response response;
  if (document.value != nullptr) write_bound_members(*document.shape, document.value, response);
  response.status = document.status;
  switch (place.protocol) {
    case Protocol::kJson:
    case Protocol::kRestJson:
      render_json(place, document, response);
      break;
    case Protocol::kCbor:
    case Protocol::kTargetCbor:
      render_cbor(place.protocol, document, response);
      break;
    case Protocol::kQuery:
      render_xml(place, document, call, response);
      break;
    case Protocol::kRestXml:
      if (place.service == nullptr || place.service->validation == shapes::Validation::kS3) {
        render_s3(place, document, call, response);
      } else {
        render_xml(place, document, call, response);
      }
      break;
  }
  if (place.service != nullptr && place.service->query_compatible &&
      place.protocol != Protocol::kQuery) {
    add_header(
        response, "x-amzn-query-error",
        fmt::format("{};{}", document.query_code, document.sender_fault ? "Sender" : "Receiver"));
  }
  add_ids(place.protocol, call, response);
  for (const auto& [name, value] : call.response_headers) set_header(response, name, value);
  if (place.head || response.status == 304) {
    response.body.clear();
    std::erase_if(response.headers, [](const auto& header) {
      return equal_ignore_case(header.first, "content-type");
    });
  }
  return response;
}

// One detail into the member of its name, "outer.inner" into one of a structure; of a list, one
// more element.
bool fill_member(const Shape& owner, void* value, std::string_view name, std::string_view text) {
  const size_t dot = name.find('.');
  const Member* member = owner.find(name.substr(0, dot));
  if (member == nullptr) return false;
  const Shape* shape = member->shape;
  if (dot != name.npos) {
    if (shape->kind != shapes::Kind::kStructure) return false;
    return fill_member(*shape, member->emplace(value), name.substr(dot + 1), text);
  }
  if (shape->kind < shapes::Kind::kList) {
    return shapes::read_scalar(text, *shape, member->emplace(value)).has_value();
  }
  if (shape->kind != shapes::Kind::kList || shape->element->kind >= shapes::Kind::kList) {
    return false;
  }
  void* element = shape->list->append(member->emplace(value));
  return shapes::read_scalar(text, *shape->element, element).has_value();
}

// Puts the error's details into the members of its shape; what has no member stays in `details`.
Value fill(const Shape& shape, const Error& error, Document& document) {
  Value value(shape);
  for (const auto& [name, text] : error.details) {
    if (!fill_member(shape, value.data(), name, text)) document.details.emplace_back(name, text);
  }
  document.message_member = find_message(shape);
  if (document.message_member != nullptr) {
    *static_cast<std::string*>(document.message_member->emplace(value.data())) = error.message;
  }
  return value;
}

// Texts that quote a request, or the reply of another server, may hold what no parser takes.
Error readable(Protocol protocol, Error error) {
  const auto text = [&](std::string& value) {
    const bool query = protocol == Protocol::kQuery;
    value = query ? with_xml_characters(std::move(value)) : with_valid_utf8(std::move(value));
  };
  text(error.code);
  text(error.message);
  for (auto& [name, value] : error.details) text(value);
  return error;
}

}  // namespace

int error_status(const ServiceModel* service, std::string_view code) {
  if (service != nullptr) {
    if (const ErrorShape* known = service->find_error(code); known != nullptr) {
      return known->status;
    }
  }
  auto common = std::ranges::find(kCommon, code, &Common::code);
  return common == kCommon.end() ? 400 : common->status;
}

Response write_error(const ErrorPlace& place, const Error& given, const shapes::Call& call) {
  const Error error = readable(place.protocol, given);
  Document document{.code = error.code,
                    .query_code = error.code,
                    .status = error_status(place.service, error.code),
                    .sender_fault = true,
                    .message = error.message};
  document.sender_fault = document.status < 500;
  const ErrorShape* known =
      place.service == nullptr ? nullptr : place.service->find_error(error.code);
  if (known != nullptr) {
    document.query_code = known->query_code;
    if (place.protocol == Protocol::kQuery) document.status = known->query_status;
  }
  if (known == nullptr || known->shape == nullptr) {
    document.details = error.details;
    return render(place, document, call);
  }
  const Value value = fill(*known->shape, error, document);
  document.shape = known->shape;
  document.value = value.data();
  return render(place, document, call);
}

Response write_modeled_error(const ErrorPlace& place, const ErrorShape& error, const void* value,
                             const shapes::Call& call) {
  Document document{
      .code = std::string(error.code),
      .query_code = std::string(error.query_code),
      .status = place.protocol == Protocol::kQuery ? error.query_status : error.status,
      .sender_fault = error.sender_fault,
      .message = {},
      .shape = error.shape,
      .value = value,
      .message_member = find_message(*error.shape)};
  if (document.message_member != nullptr) {
    const void* text = document.message_member->get(value);
    if (text != nullptr) document.message = *static_cast<const std::string*>(text);
  }
  return render(place, document, call);
}

}  // namespace suiro::aws
