// SPDX-License-Identifier: Apache-2.0
// Shape, Member, Operation, ServiceModel: the facts of model/<service>.json as constant tables,
// emitted by tools/shapegen beside the C++ structs. One interpreter per protocol reads and writes
// any struct through them (docs/decisions/010-shape-tables.md).
//
// Invariants:
//  1. All tables are constant data: they live as long as the process, and any thread may read them.
//  2. A Shape describes one C++ type (cpp type of model/README.md); Member::slot and
//  Shape::list/map
//     touch memory of exactly that type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "shapes/slots.h"

namespace suiro::shapes {

enum class Kind : uint8_t {
  kString,     // std::string
  kInteger,    // int32_t
  kLong,       // int64_t
  kBoolean,    // bool
  kDouble,     // double
  kBlob,       // Bytes
  kTimestamp,  // TimePoint
  kList,       // std::vector<T>, std::deque<bool>
  kMap,        // std::map<std::string, T>
  kStructure,  // its struct
  kDocument,   // boost::json::value
  kStream,     // Body
  kEvents,     // Events
};

// Its values are read piece by piece, and stand in no document.
constexpr bool is_streamed(Kind kind) {
  return kind == Kind::kStream || kind == Kind::kEvents;
}

enum class Location : uint8_t { kBody, kHeader, kHeaders, kUri, kQuery, kStatus };
enum class TimeFormat : uint8_t { kDefault, kIso8601, kRfc822, kUnix };

struct Shape;

struct XmlNamespace {
  std::string_view prefix;  // empty: the default namespace
  std::string_view uri;     // empty: none
};

struct Member {
  std::string_view name;       // as in the model
  std::string_view wire_name;  // in JSON, CBOR, headers, query strings
  std::string_view xml_name;   // in XML and query bodies
  uint32_t offset = 0;
  const Slot* slot = nullptr;
  const Shape* shape = nullptr;
  Location location = Location::kBody;
  TimeFormat time_format = TimeFormat::kDefault;
  bool required = false;
  bool flattened = false;
  bool xml_attribute = false;
  bool json_value = false;
  bool idempotency_token = false;
  XmlNamespace xml_namespace = {};

  // Whether a response carries the member in its body: what binds a member to the URI binds
  // requests only.
  bool in_response_body() const {
    return location == Location::kBody || location == Location::kUri ||
           location == Location::kQuery;
  }
  // The member's value, or nullptr where it is absent.
  const void* get(const void* structure) const {
    return slot->get(static_cast<const std::byte*>(structure) + offset);
  }
  // Makes the member present and returns its value.
  void* emplace(void* structure) const {
    return slot->emplace(static_cast<std::byte*>(structure) + offset);
  }
};

struct Shape {
  std::string_view name;
  Kind kind = Kind::kString;

  // structure
  std::span<const Member> members = {};
  // Open addressing over FNV-1a of wire_name; entries are 1 + the member's index, 0 is free.
  std::span<const uint8_t> lookup = {};
  const Member* payload = nullptr;
  bool is_union = false;
  void* (*create)() = nullptr;
  void (*destroy)(void*) = nullptr;
  std::string_view xml_root = {};  // the element's name where the structure is a document

  // list, map
  const Shape* element = nullptr;      // of a list; the value of a map
  const Shape* key = nullptr;          // of a map
  std::string_view element_name = {};  // XML: "member" unless named; of a map "value"
  std::string_view key_name = {};
  XmlNamespace element_namespace = {};
  XmlNamespace key_namespace = {};
  bool flattened = false;
  const ListOps* list = nullptr;
  const MapOps* map = nullptr;

  // constraints
  std::optional<double> min = {};
  std::optional<double> max = {};
  std::string_view pattern = {};  // as messages show it
  // What RE2 checks: the text matches the first and not the second. Both empty: `pattern` itself.
  std::string_view pattern_matches = {};
  std::string_view pattern_not = {};
  std::span<const std::string_view> values = {};  // of an enum

  TimeFormat time_format = TimeFormat::kDefault;
  XmlNamespace xml_namespace = {};

  // The body member of this wire name (any location), or nullptr.
  const Member* find_wire(std::string_view wire_name) const;
  // The member of this model name, or nullptr.
  const Member* find(std::string_view name) const;
};

struct ErrorShape {
  std::string_view code;        // on the wire in JSON and XML
  std::string_view query_code;  // in the query protocol; also in x-amzn-query-error
  int status = 400;
  int query_status = 400;  // in the query protocol
  bool sender_fault = true;
  const Shape* shape = nullptr;  // members beyond the message; nullptr: none
};

// kCbor is Smithy RPC v2 CBOR, kTargetCbor the older form of Kinesis: JSON's targets, CBOR bodies.
enum class Protocol : uint8_t { kJson, kQuery, kRestJson, kRestXml, kCbor, kTargetCbor };

struct ServiceModel;

struct Operation {
  std::string_view name;
  const ServiceModel* service = nullptr;
  const Shape* input = nullptr;   // an empty structure where AWS has none
  const Shape* output = nullptr;  // an empty structure where AWS has none
  bool has_output = false;
  std::string_view method;
  std::string_view path;           // URI template without its query: "/{Bucket}/{Key+}"
  std::string_view literal_query;  // "delete", "list-type=2&x-id=Y"; empty: none
  int status = 200;
  std::string_view result_wrapper;  // query protocol
  std::string_view input_root;      // rest-xml: root element of the request
  std::string_view output_root;     // rest-xml: root element of the response; empty: the shape's
  bool unwrapped_output = false;    // rest-xml: the response's one member is its root (S3)
  XmlNamespace input_namespace;
  std::span<const ErrorShape* const> errors;
  // Members (dotted model names) that Suiro does not support: present in a request ->
  // NotImplemented.
  std::span<const std::string_view> unsupported_members;
  std::span<const std::string_view> required_headers;  // must be present for the route to match
  bool streams_input = false;                          // the input has a Body
  bool streams_output = false;                         // the output has a Body or Events
  bool checksum_required = false;
};

// An operation that AWS has and Suiro lacks; method and path for the REST protocols only.
struct LackingOperation {
  std::string_view name;
  std::string_view method;
  std::string_view path;
  std::string_view literal_query;
};

// How a service answers requests that break its model's constraints.
enum class Validation : uint8_t { kStandard, kSqs, kS3, kQuery, kLogs };

struct ServiceModel {
  std::string_view id;            // of the model and in the registry: "sqs"
  std::string_view signing_name;  // in the credential scope; two versions of an API share one
  std::string_view api_version;
  std::string_view json_version;   // "1.0"; empty where the JSON protocol is not spoken
  std::string_view target_prefix;  // of X-Amz-Target, without the dot
  std::string_view xml_namespace;
  std::string_view path_member;      // query: the member for which the URL's path can stand
  std::string_view error_namespace;  // of "__type" in the JSON protocol: "com.amazonaws.sqs"
  std::span<const Protocol> protocols;
  bool query_compatible = false;
  Validation validation = Validation::kStandard;
  std::span<const Operation* const> operations;       // sorted by name
  std::span<const LackingOperation> not_implemented;  // sorted by name
  std::span<const ErrorShape> errors;                 // sorted by code

  const Operation* find_operation(std::string_view name) const;
  bool is_not_implemented(std::string_view name) const;
  const ErrorShape* find_error(std::string_view code) const;
};

}  // namespace suiro::shapes
