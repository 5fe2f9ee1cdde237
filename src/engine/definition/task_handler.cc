// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "engine/definition/handlers.h"

namespace suiro::definition {
namespace {

constexpr size_t kRevisionsMax = 10'000;

json::object container_of(const Context& context, const Resource& resource) {
  const json::object& p = resource.properties;
  json::object out{{"name", resource.name},
                   {"image", text_at(p, "image")},
                   {"essential", true},
                   {"readonlyRootFilesystem", boolean_at(p, "read_only")},
                   {"stopTimeout", integer_at(p, "stop_timeout")},
                   {"environment", pairs_of_object(object_at(p, "environment"), "name", "value")}};
  auto put = [&](const char* member, json::array value) {
    if (!value.empty()) out[member] = std::move(value);
  };
  put("entryPoint", array_at(p, "entry_point"));
  put("command", array_at(p, "command"));
  put("secrets", pairs_of_object(object_at(p, "secrets"), "name", "valueFrom"));
  json::array files;
  for (const auto& file : array_at(p, "environment_files")) {
    files.push_back(json::object{{"value", file}, {"type", "s3"}});
  }
  put("environmentFiles", std::move(files));
  if (!text_at(p, "user").empty()) out["user"] = text_at(p, "user");
  if (!text_at(p, "working_directory").empty()) {
    out["workingDirectory"] = text_at(p, "working_directory");
  }
  json::array tmpfs;
  for (const auto& item : array_at(p, "tmpfs")) {
    tmpfs.push_back(json::object{{"containerPath", text_at(item.as_object(), "path")},
                                 {"size", integer_at(item.as_object(), "size_mb")}});
  }
  if (!tmpfs.empty()) out["linuxParameters"] = json::object{{"tmpfs", std::move(tmpfs)}};
  if (const auto* restart = p.if_contains("restart")) {
    json::array ignored;
    for (const auto& code : array_at(restart->as_object(), "ignored_exit_codes")) {
      ignored.emplace_back(std::strtoll(code.as_string().c_str(), nullptr, 10));
    }
    out["restartPolicy"] =
        json::object{{"enabled", true},
                     {"restartAttemptPeriod", integer_at(restart->as_object(), "after")},
                     {"ignoredExitCodes", std::move(ignored)}};
  }
  if (std::string group = text_at(p, "log_group"); !group.empty()) {
    out["logConfiguration"] = json::object{{"logDriver", "awslogs"},
                                           {"options",
                                            {{"awslogs-group", group},
                                             {"awslogs-region", context.region},
                                             {"awslogs-stream-prefix", resource.name},
                                             {"awslogs-create-group", "true"}}}};
  }
  return out;
}

json::object restart_of(const json::object& policy) {
  json::array ignored;
  for (const auto& code : array_at(policy, "ignoredExitCodes")) {
    ignored.emplace_back(std::to_string(code.to_number<int64_t>()));
  }
  return {{"after", integer_at(policy, "restartAttemptPeriod")},
          {"ignored_exit_codes", std::move(ignored)}};
}

}  // namespace

Result<json::object> TaskHandler::wanted(const Resource& resource) const {
  json::object out = resource.properties;
  out["role"] = last_part(text_at(out, "role"));
  return out;
}

Result<std::optional<json::object>> TaskHandler::read(const Context& context,
                                                      const std::string& name) const {
  TRY(auto found, context.calls.find("ecs", "DescribeTaskDefinition", {{"taskDefinition", name}},
                                     {"ClientException"}));
  if (!found) return std::optional<json::object>();
  const json::object& definition = object_at(*found, "taskDefinition");
  const json::array& containers = array_at(definition, "containerDefinitions");
  if (text_at(definition, "status") != "ACTIVE" || containers.empty()) {
    return std::optional<json::object>();
  }
  const json::object& c = containers.front().as_object();
  json::object out{
      {"image", text_at(c, "image")},
      {"entry_point", array_at(c, "entryPoint")},
      {"command", array_at(c, "command")},
      {"cpu", std::strtoll(text_at(definition, "cpu", "0").c_str(), nullptr, 10)},
      {"memory", std::strtoll(text_at(definition, "memory", "0").c_str(), nullptr, 10)},
      {"environment", object_of_pairs(array_at(c, "environment"), "name", "value")},
      {"secrets", object_of_pairs(array_at(c, "secrets"), "name", "valueFrom")},
      {"user", text_at(c, "user")},
      {"working_directory", text_at(c, "workingDirectory")},
      {"read_only", boolean_at(c, "readonlyRootFilesystem")},
      {"stop_timeout", integer_at(c, "stopTimeout", 30)},
      {"role", last_part(text_at(definition, "taskRoleArn"))},
      {"log_group",
       text_at(object_at(object_at(c, "logConfiguration"), "options"), "awslogs-group")}};
  json::array files, tmpfs;
  for (const auto& file : array_at(c, "environmentFiles")) {
    files.emplace_back(text_at(file.as_object(), "value"));
  }
  out["environment_files"] = std::move(files);
  for (const auto& item : array_at(object_at(c, "linuxParameters"), "tmpfs")) {
    tmpfs.push_back(json::object{{"path", text_at(item.as_object(), "containerPath")},
                                 {"size_mb", integer_at(item.as_object(), "size")}});
  }
  out["tmpfs"] = std::move(tmpfs);
  if (boolean_at(object_at(c, "restartPolicy"), "enabled")) {
    out["restart"] = restart_of(object_at(c, "restartPolicy"));
  }
  return std::optional(std::move(out));
}

Result<void> TaskHandler::create(const Context& context, const Resource& resource) const {
  const json::object& p = resource.properties;
  json::object input{{"family", resource.name},
                     {"cpu", std::to_string(integer_at(p, "cpu"))},
                     {"memory", std::to_string(integer_at(p, "memory"))},
                     {"containerDefinitions", {container_of(context, resource)}}};
  if (std::string role = text_at(p, "role"); !role.empty()) {
    input["taskRoleArn"] = context.role_arn(role);
  }
  TRY_VOID(context.calls.call("ecs", "RegisterTaskDefinition", input));
  return ok();
}

Result<void> TaskHandler::update(const Context& context, const Resource& resource,
                                 const json::object&) const {
  return create(context, resource);
}

Result<void> TaskHandler::remove(const Context& context, const std::string& name) const {
  for (size_t i = 0; i < kRevisionsMax; ++i) {
    TRY(auto page, context.calls.call("ecs", "ListTaskDefinitions",
                                      {{"familyPrefix", name}, {"status", "ACTIVE"}}));
    const auto& arns = array_at(page, "taskDefinitionArns");
    if (arns.empty()) return ok();
    for (const auto& arn : arns) {
      TRY_VOID(context.calls.call("ecs", "DeregisterTaskDefinition", {{"taskDefinition", arn}}));
    }
  }
  return fail(codes::kTooLarge, fmt::format("task {} has too many revisions", name));
}

}  // namespace suiro::definition
