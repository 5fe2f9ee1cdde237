// SPDX-License-Identifier: Apache-2.0
#include "engine/sandbox/runtimes.h"

#include <algorithm>

namespace suiro::sandbox {

namespace {

constexpr Runtime kRuntimes[] = {{"python3.11", Language::kPython},
                                 {"nodejs18.x", Language::kNode},
                                 {"nodejs20.x", Language::kNode},
                                 {"provided.al2023", Language::kProvided}};

using Variables = std::vector<std::pair<std::string, std::string>>;

void set(Variables& variables, std::string name, std::string value) {
  auto found = std::ranges::find(variables, name, [](const auto& pair) { return pair.first; });
  if (found != variables.end()) {
    found->second = std::move(value);
  } else {
    variables.emplace_back(std::move(name), std::move(value));
  }
}

void set_default(Variables& variables, std::string name, std::string value) {
  auto found = std::ranges::find(variables, name, [](const auto& pair) { return pair.first; });
  if (found == variables.end()) variables.emplace_back(std::move(name), std::move(value));
}

void set_credentials(Variables& variables, const Credentials& credentials) {
  if (credentials.access_key_id.empty()) return;
  set(variables, "AWS_ACCESS_KEY_ID", credentials.access_key_id);
  set(variables, "AWS_SECRET_ACCESS_KEY", credentials.secret_access_key);
  if (!credentials.session_token.empty()) {
    set(variables, "AWS_SESSION_TOKEN", credentials.session_token);
  }
}

}  // namespace

Result<Runtime> find_runtime(std::string_view name) {
  for (const auto& runtime : kRuntimes) {
    if (runtime.name == name) return runtime;
  }
  return fail(codes::kInvalidArgument, fmt::format("the runtime {} is not supported", name));
}

std::vector<std::string> runtime_command(const Runtime& runtime, const Interpreters& interpreters,
                                         const Places& places, uint32_t memory_mb) {
  switch (runtime.language) {
    case Language::kPython:
      if (interpreters.python.empty()) return {};
      return {interpreters.python, places.runtime + "/bootstrap.py"};
    case Language::kNode:
      if (interpreters.node.empty()) return {};
      // Without it V8 sizes its heap by the machine's memory, and is ended before it collects.
      return {interpreters.node, fmt::format("--max-old-space-size={}", memory_mb * 9 / 10),
              places.runtime + "/bootstrap.mjs"};
    case Language::kProvided:
      return {places.task + "/bootstrap"};
  }
  return {};
}

std::vector<std::pair<std::string, std::string>> runtime_environment(const Spec& spec,
                                                                     const Runtime& runtime,
                                                                     const Places& places) {
  Variables variables = spec.environment;
  // AWS has en_US.UTF-8, which few machines have made; this one is in every libc.
  set_default(variables, "LANG", "C.UTF-8");
  set_default(variables, "TZ", ":UTC");
  set_default(variables, "PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin");
  set_default(variables, "LD_LIBRARY_PATH", fmt::format("{0}:{0}/lib:/opt/lib", places.task));
  set_default(variables, "HOME", places.tmp);
  set_default(variables, "TMPDIR", places.tmp);
  set(variables, "AWS_LAMBDA_FUNCTION_NAME", spec.function_name);
  set(variables, "AWS_LAMBDA_FUNCTION_VERSION", spec.version);
  set(variables, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", fmt::format("{}", spec.memory_mb));
  set(variables, "AWS_LAMBDA_LOG_GROUP_NAME", spec.log_group);
  set(variables, "AWS_LAMBDA_LOG_STREAM_NAME", spec.log_stream);
  set(variables, "AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
  set(variables, "AWS_REGION", spec.region);
  set(variables, "AWS_DEFAULT_REGION", spec.region);
  set(variables, "LAMBDA_TASK_ROOT", places.task);
  set(variables, "LAMBDA_RUNTIME_DIR", places.runtime);
  set(variables, "_HANDLER", spec.handler);
  if (runtime.language != Language::kProvided) {
    set(variables, "AWS_EXECUTION_ENV", fmt::format("AWS_Lambda_{}", runtime.name));
  }
  if (runtime.language == Language::kPython) {
    set_default(variables, "PYTHONPATH", places.runtime);
  }
  if (runtime.language == Language::kNode) {
    set_default(variables, "NODE_PATH",
                fmt::format("/opt/nodejs/node_modules:{}/node_modules", places.runtime));
  }
  set_credentials(variables, spec.credentials);
  return variables;
}

std::vector<std::string> describe_runtimes(const Interpreters& interpreters) {
  std::vector<std::string> lines;
  for (const auto& runtime : kRuntimes) {
    auto command =
        runtime_command(runtime, interpreters, {"/var/task", "/var/runtime", "/tmp"}, kMemoryMbMin);
    lines.push_back(
        fmt::format("{}: {}", runtime.name, command.empty() ? "no interpreter found" : command[0]));
  }
  return lines;
}

}  // namespace suiro::sandbox
