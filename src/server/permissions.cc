// SPDX-License-Identifier: Apache-2.0
#include "server/permissions.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "base/arn.h"
#include "base/bytes.h"
#include "services/kinesis/iterator.h"
#include "services/lambda/names.h"
#include "services/logs/api_names.h"
#include "services/s3/copy_source.h"

namespace suiro::server {
namespace {

using Texts = std::vector<std::string>;

std::string_view next_word(std::string_view& text, char separator) {
  size_t end = std::min(text.find(separator), text.size());
  std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

const void* member_of(const shapes::Shape& shape, const void* data, std::string_view name) {
  const shapes::Member* member = shape.find(name);
  return member == nullptr ? nullptr : member->get(data);
}

// What is looked for: the rest of the path, which entries of the list at hand ("Member" and
// "!Member": with and without it), and what stands for an absent member.
struct Look {
  std::string_view path;
  std::string_view filter;
  std::string_view fallback;
};

void collect(const shapes::Shape& shape, const void* data, Look look, Texts& out) {
  if (shape.kind == shapes::Kind::kList) {
    bool with = !look.filter.starts_with('!');
    std::string_view other = std::exchange(look.filter, {}).substr(with ? 0 : 1);
    for (size_t i = 0; i < shape.list->size(data); ++i) {
      const void* entry = shape.list->at(data, i);
      bool has = other.empty() || (member_of(*shape.element, entry, other) != nullptr) == with;
      if (has) collect(*shape.element, entry, look, out);
    }
    return;
  }
  if (look.path.empty()) {
    if (shape.kind == shapes::Kind::kString) out.push_back(*static_cast<const std::string*>(data));
    if (shape.kind == shapes::Kind::kInteger) {
      out.push_back(std::to_string(*static_cast<const int32_t*>(data)));
    }
    if (shape.kind == shapes::Kind::kBoolean && *static_cast<const bool*>(data)) {
      out.emplace_back("*");  // what the flag asks for is no resource
    }
    return;
  }
  if (shape.kind != shapes::Kind::kStructure) return;
  std::string_view filter = next_word(look.path, '.');
  std::string_view name = next_word(filter, '[');
  look.filter = filter.substr(0, filter.find(']'));
  if (const void* found = member_of(shape, data, name)) {
    collect(*shape.find(name)->shape, found, look, out);
  } else if (!look.fallback.empty()) {
    out.emplace_back(look.fallback);
  }
}

std::string last_part(std::string_view text, char separator) {
  return std::string(text.substr(text.rfind(separator) + 1));
}

// A function's name, partial or whole ARN as the ARN of the function, or of the version or alias
// that the name or the request's Qualifier gives.
std::string function_arn(std::string_view text, const Subject& subject) {
  const lambda::Place place{std::string(subject.region), subject.directory.account};
  std::optional<std::string> qualifier;
  for (std::string& one : texts_at(subject.input, "Qualifier")) qualifier = std::move(one);
  if (auto name = lambda::parse_function_name(text, qualifier, place)) {
    return lambda::function_arn(place, name->name, name->qualifier);
  }
  // The operation refuses what is no name.
  std::string_view name = text;
  if (size_t at = name.find("function:"); at != name.npos) name.remove_prefix(at + 9);
  name = name.substr(0, name.find(':'));
  return fmt::format("arn:aws:lambda:{}:{}:function:{}", subject.region, subject.directory.account,
                     name);
}

// As the copy itself reads it; what it refuses is no object that anybody has.
std::string copy_source(std::string_view text) {
  auto source = s3::parse_copy_source(text);
  return source ? fmt::format("arn:aws:s3:::{}/{}", source->bucket, source->key) : "*";
}

// Whether the request is about a version of an object.
bool names_version(const shapes::Value& input) {
  for (std::string_view path : {"VersionId", "S3ObjectVersion", "Code.S3ObjectVersion"}) {
    if (!texts_at(input, path).empty()) return true;
  }
  return std::ranges::any_of(texts_at(input, "CopySource"), [](const std::string& text) {
    auto source = s3::parse_copy_source(text);
    return source && source->version;
  });
}

// A group of logs by name or ARN, as its ARN without ":*".
std::string log_group(std::string_view text, const Subject& subject) {
  const std::string& account = subject.directory.account;
  auto name = logs::group_name_of({subject.region, account}, text);
  return name ? fmt::format("arn:aws:logs:{}:{}:log-group:{}", subject.region, account, *name)
              : "*";
}

// What stands before the name of a rule in its ARN: nothing for the default bus.
std::string rule_prefix(std::string_view bus) {
  constexpr std::string_view kBus = ":event-bus/";
  if (size_t at = bus.find(kBus); at != bus.npos) bus.remove_prefix(at + kBus.size());
  return bus == "default" ? "" : fmt::format("{}/", bus);
}

std::string iterator_stream(std::string_view text, const Subject& subject) {
  auto iterator = kinesis::parse_iterator(text);
  return fmt::format("arn:aws:kinesis:{}:{}:stream/{}", subject.region, subject.directory.account,
                     iterator ? iterator->stream : "*");
}

// The entity's ARN with its path; without a path where there is none of the name.
template <class T>
std::string entity_arn(const T* found, std::string_view kind, std::string_view name,
                       const iam::Directory& directory) {
  if (found != nullptr) return directory.arn_of(*found);
  return fmt::format("arn:aws:iam::{}:{}/{}", directory.account, kind, name);
}

// "ecs=cluster/": an ARN stays, a name is put behind the service's prefix.
std::string arn_of_name(std::string_view service, std::string_view prefix, std::string_view text,
                        const Subject& subject) {
  if (text.starts_with("arn:")) return std::string(text);
  return fmt::format("arn:aws:{}:{}:{}:{}{}", service, subject.region, subject.directory.account,
                     prefix, text);
}

// "family:7", as a name or in an ARN.
bool names_revision(std::string_view text) {
  return last_part(text, '/').find(':') != std::string::npos;
}

// "family", "family:7" or an ARN; a family alone means its newest revision, whichever that is.
std::string task_definition(std::string_view text, const Subject& subject) {
  return arn_of_name("ecs", "task-definition/",
                     names_revision(text) ? std::string(text) : fmt::format("{}:*", text), subject);
}

// A task or service by id or ARN, in the input's cluster.
std::string in_cluster(std::string_view kind, std::string_view text, const Subject& subject) {
  auto cluster = texts_at(subject.input, "cluster");
  std::string name = cluster.empty() ? "" : last_part(cluster.front(), '/');
  return arn_of_name("ecs", fmt::format("{}/{}/", kind, name.empty() ? "default" : name),
                     last_part(text, '/'), subject);
}

// Empty: the default one.
std::string ecs_cluster(std::string_view text, const Subject& subject) {
  return arn_of_name("ecs", "cluster/", text.empty() ? "default" : text, subject);
}

// Form: what "{Member:form}" makes of the member's text.
std::string in_form(std::string_view form, const std::string& text, const Subject& subject) {
  const iam::Directory& d = subject.directory;
  if (form == "last") return last_part(text, '/');
  if (form == "function") return function_arn(text, subject);
  if (form == "log-group") return log_group(text, subject);
  if (form == "rule-prefix") return rule_prefix(text);
  if (form == "ecs-cluster") return ecs_cluster(text, subject);
  if (form == "copy") return copy_source(text);
  if (form == "iterator") return iterator_stream(text, subject);
  if (form == "role") return entity_arn(d.role(text), "role", text, d);
  if (form == "user") return entity_arn(d.user(text), "user", text, d);
  if (form == "group") return entity_arn(d.group(text), "group", text, d);
  if (form == "profile") return entity_arn(d.profile(text), "instance-profile", text, d);
  if (form == "task-definition" || form == "revision") return task_definition(text, subject);
  if (form == "ecs-task") return in_cluster("task", text, subject);
  if (form == "ecs-service") return in_cluster("service", text, subject);
  if (size_t equals = form.find('='); equals != form.npos) {
    return arn_of_name(form.substr(0, equals), form.substr(equals + 1), text, subject);
  }
  return text;
}

// All texts that an alternative stands for; empty where a member is absent.
Texts expand(std::string_view pattern, const Subject& subject) {
  Texts out{""};
  while (!pattern.empty()) {
    size_t open = std::min(pattern.find('{'), pattern.size());
    for (std::string& text : out) text += pattern.substr(0, open);
    pattern.remove_prefix(open);
    if (pattern.empty()) break;
    std::string_view inside = pattern.substr(1, pattern.find('}') - 1);
    pattern.remove_prefix(inside.size() + 2);
    std::string_view form = inside;
    std::string_view path = next_word(form, ':');
    Texts found;
    if (path == "region") {
      found.emplace_back(subject.region);
    } else if (path == "account") {
      found.push_back(subject.directory.account);
    } else if (path == "caller") {
      if (!subject.caller.empty()) found.push_back(subject.caller);
    } else {
      found = texts_at(subject.input, path);
    }
    if (form == "revision") std::erase_if(found, std::not_fn(names_revision));
    Texts next;
    for (const std::string& text : out) {
      for (const std::string& value : found) next.push_back(text + in_form(form, value, subject));
    }
    out = std::move(next);
  }
  return out;
}

using Checks = std::map<std::string, std::vector<Check>, std::less<>>;

void add(Checks& checks, const PermissionRow& row) {
  Check check{.action_service = row.service, .resource = row.resource};
  if (check.action_service == "kinesisanalyticsv2") check.action_service = "kinesisanalytics";
  check.optional = check.resource.starts_with('?');
  if (check.optional) check.resource.remove_prefix(1);
  std::string_view rest = row.operations;
  while (!rest.empty()) {
    std::string_view word = next_word(rest, ' ');
    if (word.empty()) continue;
    Check one = check;
    one.resource_policy = word.starts_with('+');
    if (one.resource_policy) word.remove_prefix(1);
    std::string_view operation = next_word(word, '=');
    std::string_view action = word.empty() ? operation : word;
    if (size_t colon = action.find(':'); colon != action.npos) {
      one.action_service = action.substr(0, colon);
      action.remove_prefix(colon + 1);
    }
    one.action = next_word(action, '/');
    one.versioned = action;
    auto& list = checks[fmt::format("{}:{}", row.service, operation)];
    if (one.action != "-") list.push_back(one);
  }
}

Checks make_checks() {
  Checks out;
  for (auto rows :
       {lake_permissions(), stream_permissions(), compute_permissions(), identity_permissions()}) {
    for (const PermissionRow& row : rows) add(out, row);
  }
  return out;
}

}  // namespace

std::vector<std::string> texts_at(const shapes::Value& value, std::string_view path) {
  Texts out;
  Look look;
  look.path = next_word(path, '?');
  look.fallback = path;
  collect(value.shape(), value.data(), look, out);
  return out;
}

const std::vector<Check>* find_checks(std::string_view service, std::string_view operation) {
  static const Checks kChecks = make_checks();
  auto found = kChecks.find(fmt::format("{}:{}", service, operation));
  return found == kChecks.end() ? nullptr : &found->second;
}

std::vector<Need> needs_of(const Check& check, const Subject& subject) {
  std::string_view action = check.action;
  if (!check.versioned.empty() && names_version(subject.input)) action = check.versioned;
  std::string name = fmt::format("{}:{}", check.action_service, action);
  std::vector<Need> out;
  std::string_view alternatives = check.resource;
  while (!alternatives.empty() && out.empty()) {
    for (std::string& text : expand(next_word(alternatives, '|'), subject)) {
      out.push_back({name, std::move(text)});
    }
  }
  if (out.empty() && !check.optional) out.push_back({name, "*"});
  return out;
}

}  // namespace suiro::server
