// SPDX-License-Identifier: Apache-2.0
#include "protocol/aws/service_finder.h"

#include <algorithm>

#include "protocol/aws/router.h"
#include "shapes/gen/all.h"

namespace suiro::aws {
namespace {

using shapes::ServiceModel;

template <class Fits>
const ServiceModel* first_that(Fits fits) {
  auto services = shapes::all_services();
  auto found = std::ranges::find_if(services, [&](const ServiceModel* one) { return fits(*one); });
  return found == services.end() ? nullptr : *found;
}

bool all_digits(std::string_view text, size_t size) {
  return text.size() == size && text.find_first_not_of("0123456789") == text.npos;
}

// "/2015-03-31/..."
bool begins_with_date(std::string_view path) {
  return path.size() > 11 && path[0] == '/' && all_digits(path.substr(1, 4), 4) && path[5] == '-' &&
         all_digits(path.substr(6, 2), 2) && path[8] == '-' && all_digits(path.substr(9, 2), 2) &&
         path[11] == '/';
}

// "/000000000000/queue"
bool is_queue_path(std::string_view path) {
  return path.size() > 14 && all_digits(path.substr(1, 12), 12) && path[13] == '/' &&
         path.find('/', 14) == path.npos;
}

Found of_query(const http::Request& request) {
  Pairs all;
  for (std::string_view text : {std::string_view(request.query), ByteView(request.content)}) {
    auto pairs = parse_parameters(text);
    if (pairs) std::ranges::move(*pairs, std::back_inserter(all));
  }
  if (!find(all, "Action")) return {};
  auto version = find(all, "Version");
  const ServiceModel* service = !version ? nullptr : first_that([&](const ServiceModel& one) {
    return one.api_version == *version &&
           std::ranges::find(one.protocols, shapes::Protocol::kQuery) != one.protocols.end();
  });
  return {service, "the query API of version " + std::string(version.value_or("(none)"))};
}

bool is_form(const http::Request& request) {
  const std::string* type = request.header("content-type");
  return type != nullptr && to_lower(*type).starts_with("application/x-www-form-urlencoded");
}

// Versions of an API that share a signing name are told apart by the target.
const ServiceModel* of_scope(const http::Request& request, std::string_view scope_service) {
  const ServiceModel* service = shapes::find_service(scope_service);
  const std::string* target = request.header("x-amz-target");
  if (target == nullptr) return service;
  std::string_view prefix = std::string_view(*target).substr(0, target->rfind('.'));
  if (service != nullptr && service->target_prefix == prefix) return service;
  const ServiceModel* sibling = first_that([&](const ServiceModel& one) {
    return one.signing_name == scope_service && !prefix.empty() && one.target_prefix == prefix;
  });
  return sibling != nullptr ? sibling : service;
}

}  // namespace

Found find_service(const http::Request& request, std::string_view scope_service) {
  if (!scope_service.empty()) return {of_scope(request, scope_service), std::string(scope_service)};
  if (const std::string* target = request.header("x-amz-target")) {
    std::string_view prefix = std::string_view(*target).substr(0, target->rfind('.'));
    return {first_that([&](const ServiceModel& one) {
              return !one.target_prefix.empty() && one.target_prefix == prefix;
            }),
            std::string(prefix)};
  }
  if (request.header("smithy-protocol") != nullptr) {
    constexpr std::string_view kService = "/service/";
    size_t at = request.path.find(kService);
    std::string_view name = at == std::string::npos
                                ? std::string_view()
                                : std::string_view(request.path).substr(at + kService.size());
    name = name.substr(0, name.find('/'));
    return {first_that([&](const ServiceModel& one) {
              return !one.target_prefix.empty() && one.target_prefix == name;
            }),
            std::string(name)};
  }
  if (is_queue_path(request.path)) return {shapes::find_service("sqs"), "sqs"};
  if (is_form(request) ||
      (request.path == "/" && request.query.find("Action=") != std::string::npos))
    if (Found found = of_query(request); !found.name.empty()) return found;
  if (begins_with_date(request.path)) return {shapes::find_service("lambda"), "lambda"};
  return {shapes::find_service("s3"), "s3"};
}

std::optional<std::string> bucket_of_host(std::string_view host, std::string_view domain) {
  if (size_t colon = host.rfind(':'); colon != host.npos && host.find(']') == host.npos)
    host = host.substr(0, colon);
  std::string name = to_lower(host);
  auto strip = [&](std::string_view suffix) {
    if (suffix.empty() || name.size() <= suffix.size() + 1) return false;
    if (!name.ends_with(suffix) || name[name.size() - suffix.size() - 1] != '.') return false;
    name.resize(name.size() - suffix.size() - 1);
    return true;
  };
  bool amazon = strip("amazonaws.com");
  if (!amazon && !strip(to_lower(domain))) return std::nullopt;
  // What is left: "bucket", "bucket.s3", "bucket.s3.region", "s3", "s3.region", "sqs.region" ...
  if (name == "s3" || name.starts_with("s3.")) return std::nullopt;
  size_t marker = name.rfind(".s3");
  if (marker != name.npos) {
    std::string_view behind = std::string_view(name).substr(marker + 3);
    if (behind.empty() || behind[0] == '.') return name.substr(0, marker);
    if (behind[0] == '-' && amazon) return name.substr(0, marker);
  }
  if (amazon) return std::nullopt;
  return name;
}

}  // namespace suiro::aws
