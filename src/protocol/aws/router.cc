// SPDX-License-Identifier: Apache-2.0
#include "protocol/aws/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/bytes.h"
#include "base/check.h"

namespace suiro::aws {
namespace {

using shapes::Location;
using shapes::Member;
using shapes::Operation;
using shapes::Protocol;
using shapes::ServiceModel;

bool speaks(const ServiceModel& service, Protocol protocol) {
  return std::ranges::find(service.protocols, protocol) != service.protocols.end();
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

}  // namespace

// A URI template, prepared.
struct Router::Table {
  struct Segment {
    std::string_view text;  // the literal, or the label's name
    bool label = false;
    bool greedy = false;
  };
  struct Entry {
    std::string_view name;
    const Operation* operation = nullptr;  // nullptr: one that Suiro lacks
    std::string_view method;
    std::vector<Segment> segments;
    std::vector<std::pair<std::string_view, std::string_view>> literals;  // query
    std::vector<std::string_view> wanted_query;  // required members in the query
  };

  explicit Table(const ServiceModel& model) : service(model) {
    for (const Operation* op : model.operations) {
      Entry entry = prepare(op->name, op->method, op->path, op->literal_query);
      entry.operation = op;
      for (const Member& member : op->input->members) {
        if (member.location == Location::kQuery && member.required) {
          entry.wanted_query.push_back(member.wire_name);
        }
      }
      entries.push_back(std::move(entry));
    }
    for (const auto& lacking : model.not_implemented) {
      if (lacking.method.empty()) continue;
      entries.push_back(prepare(lacking.name, lacking.method, lacking.path, lacking.literal_query));
    }
  }

  static Entry prepare(std::string_view name, std::string_view method, std::string_view path,
                       std::string_view query) {
    Entry entry{.name = name, .operation = nullptr, .method = method};
    if (path.starts_with('/')) path.remove_prefix(1);
    for (std::string_view part : split(path, '/')) {
      Segment segment{.text = part};
      if (part.starts_with('{') && part.ends_with('}')) {
        segment.label = true;
        segment.text = part.substr(1, part.size() - 2);
        segment.greedy = segment.text.ends_with('+');
        if (segment.greedy) segment.text.remove_suffix(1);
      }
      entry.segments.push_back(segment);
    }
    for (std::string_view part : split(query, '&')) {
      const size_t equals = part.find('=');
      entry.literals.emplace_back(part.substr(0, equals), equals == std::string_view::npos
                                                              ? std::string_view()
                                                              : part.substr(equals + 1));
    }
    return entry;
  }

  const ServiceModel& service;
  std::vector<Entry> entries;
};

namespace {

// How well an entry fits; compared from the first member on.
struct Fit {
  bool full = false;  // the required query members are there
  int literal_segments = 0;
  int literals = 0;  // query and headers
  int wanted = 0;
  bool greedy = false;
  bool implemented = false;

  friend auto operator<=>(const Fit& a, const Fit& b) {
    return std::tuple(a.full, a.literal_segments, a.literals, a.wanted, !a.greedy,
                      a.implemented) <=>
           std::tuple(b.full, b.literal_segments, b.literals, b.wanted, !b.greedy, b.implemented);
  }
};

// Matches the raw path against the template; labels are still encoded. A trailing slash does not
// count, except inside a greedy label, which takes all that is left.
template <class Segment>
bool match_path(std::string_view path, const std::vector<Segment>& segments,
                std::vector<std::pair<std::string_view, std::string_view>>& labels, Fit& fit) {
  if (path.starts_with('/')) path.remove_prefix(1);
  for (const Segment& segment : segments) {
    if (path.empty()) return false;
    if (segment.greedy) {
      labels.emplace_back(segment.text, path);
      fit.greedy = true;
      path = {};
      continue;
    }
    const size_t end = path.find('/');
    const std::string_view part = path.substr(0, end);
    if (segment.label) {
      if (part.empty()) return false;
      labels.emplace_back(segment.text, part);
    } else if (part != segment.text) {
      return false;
    } else {
      ++fit.literal_segments;
    }
    path = end == std::string_view::npos ? std::string_view() : path.substr(end + 1);
  }
  return path.empty();
}

template <class Entry>
bool match(const Entry& entry, const Request& request,
           std::vector<std::pair<std::string_view, std::string_view>>& labels, Fit& fit) {
  if (entry.method != request.method) return false;
  for (const auto& [name, value] : entry.literals) {
    auto given = find(request.query, name);
    if (!given || (!value.empty() && *given != value)) return false;
    ++fit.literals;
  }
  if (!match_path(request.path, entry.segments, labels, fit)) return false;
  if (entry.operation != nullptr) {
    for (std::string_view header : entry.operation->required_headers) {
      if (!find(request.headers, header)) return false;
      ++fit.literals;
    }
  }
  fit.full = true;
  for (std::string_view name : entry.wanted_query) {
    if (find(request.query, name)) {
      ++fit.wanted;
    } else {
      fit.full = false;
    }
  }
  fit.implemented = entry.operation != nullptr;
  return true;
}

std::unexpected<Error> lacks(std::string_view service, std::string_view operation) {
  return fail(codes::kNotImplemented,
              fmt::format("Suiro does not implement the operation {} of {}.", operation, service));
}

std::unexpected<Error> unknown(const ServiceModel& service, std::string_view operation) {
  if (service.is_not_implemented(operation)) return lacks(service.id, operation);
  return fail("UnknownOperationException",
              fmt::format("The operation {} does not exist.", operation));
}

Result<Route> json_route(const ServiceModel& service, std::string_view target) {
  const size_t dot = target.rfind('.');
  const std::string_view name = dot == std::string_view::npos ? target : target.substr(dot + 1);
  if (dot == std::string_view::npos || target.substr(0, dot) != service.target_prefix) {
    return fail("UnknownOperationException",
                fmt::format("The target {} does not belong to {}.", target, service.id));
  }
  const Operation* operation = service.find_operation(name);
  if (operation == nullptr) return unknown(service, name);
  return Route{.operation = operation, .protocol = Protocol::kJson};
}

// /service/<service>/operation/<operation>; a prefix before it is allowed.
Result<Route> cbor_route(const ServiceModel& service, std::string_view path) {
  static constexpr std::string_view kService = "/service/", kOperation = "/operation/";
  const size_t at = path.rfind(kOperation);
  if (path.find(kService) == std::string_view::npos || at == std::string_view::npos) {
    return fail("UnknownOperationException", "The path names no operation.");
  }
  const std::string_view name = path.substr(at + kOperation.size());
  const Operation* operation = service.find_operation(name);
  if (operation == nullptr) return unknown(service, name);
  return Route{.operation = operation, .protocol = Protocol::kCbor};
}

Result<Route> query_route(const ServiceModel& service, const Request& request) {
  Route route{
      .operation = nullptr, .protocol = Protocol::kQuery, .labels = {}, .form = request.query};
  if (request.method == "POST") {
    TRY(Pairs form, parse_parameters(request.body));
    std::ranges::move(form, std::back_inserter(route.form));
  }
  const auto action = find(route.form, "Action");
  if (!action) {
    return fail("MissingAction", "The request must contain the parameter Action.");
  }
  route.operation = service.find_operation(*action);
  if (route.operation != nullptr) return route;
  if (service.is_not_implemented(*action)) return lacks(service.id, *action);
  return fail("InvalidAction",
              fmt::format("The action {} is not valid for this web service.", *action));
}

bool is_query(const ServiceModel& service, const Request& request) {
  if (!speaks(service, Protocol::kQuery)) return false;
  if (find(request.query, "Action")) return true;
  auto type = find(request.headers, "content-type");
  return type && to_lower(*type).starts_with("application/x-www-form-urlencoded");
}

}  // namespace

Router::Router() = default;
Router::~Router() = default;

void Router::add(const ServiceModel& service) {
  tables_.push_back(std::make_unique<Table>(service));
}

Protocol Router::protocol_of(const ServiceModel& service, const Request& request) {
  if (speaks(service, Protocol::kJson) && find(request.headers, "x-amz-target")) {
    auto type = find(request.headers, "content-type");
    bool is_cbor = type && to_lower(*type).starts_with(kTargetCborType) &&
                   speaks(service, Protocol::kTargetCbor);
    return is_cbor ? Protocol::kTargetCbor : Protocol::kJson;
  }
  if (speaks(service, Protocol::kCbor) && find(request.headers, "smithy-protocol")) {
    return Protocol::kCbor;
  }
  if (is_query(service, request)) return Protocol::kQuery;
  return service.protocols.front();
}

Result<Route> Router::route(const ServiceModel& service, const Request& request) const {
  const Protocol protocol = protocol_of(service, request);
  if (protocol == Protocol::kJson || protocol == Protocol::kTargetCbor) {
    const auto target = find(request.headers, "x-amz-target");
    if (!target) return fail("UnknownOperationException", "The header X-Amz-Target is missing.");
    TRY(Route route, json_route(service, *target));
    route.protocol = protocol;
    return route;
  }
  if (protocol == Protocol::kCbor) return cbor_route(service, request.path);
  if (protocol == Protocol::kQuery) return query_route(service, request);

  auto table =
      std::ranges::find_if(tables_, [&](const auto& one) { return &one->service == &service; });
  CHECK(table != tables_.end(), "Router::add was not called for a service");
  const Table::Entry* best = nullptr;
  Fit best_fit;
  std::vector<std::pair<std::string_view, std::string_view>> best_labels, labels;
  for (const Table::Entry& entry : (*table)->entries) {
    Fit fit;
    labels.clear();
    if (!match(entry, request, labels, fit)) continue;
    if (best != nullptr && !(fit > best_fit)) continue;
    best = &entry;
    best_fit = fit;
    best_labels = labels;
  }
  if (best == nullptr) {
    if (protocol == Protocol::kRestXml) {
      return fail("MethodNotAllowed", "The specified method is not allowed against this resource.");
    }
    return fail("UnknownOperationException",
                fmt::format("No operation answers {} {}.", request.method, request.path));
  }
  if (best->operation == nullptr) return lacks(service.id, best->name);
  Route route{.operation = best->operation, .protocol = protocol};
  for (const auto& [name, text] : best_labels) {
    Result<Bytes> decoded = percent_decode(text);
    if (!decoded) return fail("InvalidURI", "Couldn't parse the specified URI.");
    route.labels.emplace_back(name, *std::move(decoded));
  }
  return route;
}

Result<Pairs> parse_parameters(std::string_view text) {
  Pairs pairs;
  for (std::string_view part : split(text, '&')) {
    if (part.empty()) continue;
    if (pairs.size() >= Router::kParametersMax) {
      return fail("MalformedQueryString", "The request has too many parameters.");
    }
    const size_t equals = part.find('=');
    auto name = percent_decode(part.substr(0, equals), Plus::kSpace);
    auto value = equals == std::string_view::npos
                     ? Result<Bytes>(Bytes())
                     : percent_decode(part.substr(equals + 1), Plus::kSpace);
    if (!name || !value) {
      return fail("MalformedQueryString", "The query string contains a syntax error.");
    }
    pairs.emplace_back(*std::move(name), *std::move(value));
  }
  return pairs;
}

}  // namespace suiro::aws
