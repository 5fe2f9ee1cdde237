// SPDX-License-Identifier: Apache-2.0
// suiro-load: one measured run against one system; prints one JSON line. bench/run starts the
// systems and repeats the runs.
#include <CLI/CLI.hpp>
#include <cstdlib>

#include "bench/load/dialogues.h"

namespace {

using namespace suiro::bench;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

MakeDialogue dialogue_of(const std::string& system, const LoadOptions& options, ObjectLoad objects,
                         const QueueLoad& queue) {
  std::string host = fmt::format("{}:{}", options.host, options.port);
  AwsTarget target{host, variable("AWS_DEFAULT_REGION"), variable("AWS_ACCESS_KEY_ID"),
                   variable("AWS_SECRET_ACCESS_KEY")};
  if (system.ends_with("-get")) objects.verb = ObjectVerb::kGet;
  if (system.starts_with("s3-")) return s3_dialogue(target, objects);
  if (system.starts_with("dav-")) return dav_dialogue(host, objects);
  if (system == "sqs") return sqs_dialogue(target, queue);
  if (system == "redis") return redis_dialogue(queue);
  if (system == "beanstalkd") return beanstalkd_dialogue(queue);
  return rabbitmq_dialogue(queue);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("One measured run against one system on loopback.", "suiro-load");
  std::string system;
  LoadOptions options;
  ObjectLoad objects;
  QueueLoad queue;
  long duration_ms = 3000;
  app.add_option("system", system)
      ->required()
      ->check(CLI::IsMember(
          {"s3-put", "s3-get", "dav-put", "dav-get", "sqs", "redis", "beanstalkd", "rabbitmq"}));
  app.add_option("--port", options.port)->required();
  app.add_option("--connections", options.connections);
  app.add_option("--milliseconds", duration_ms);
  app.add_option("--bucket", objects.bucket, "Bucket, or first path segment");
  app.add_option("--size", objects.size_bytes, "Bytes of an object");
  app.add_option("--keys", objects.keys, "Keys that each connection goes round");
  app.add_option("--queue", queue.queue, "Queue URL, list, tube or queue name");
  app.add_option("--body", queue.body_bytes, "Bytes of a message");
  app.add_flag("--send-only", queue.send_only, "Fill the queue");
  CLI11_PARSE(app, argc, argv);
  options.duration = std::chrono::milliseconds(duration_ms);
  LoadResult result = run_load(options, dialogue_of(system, options, objects, queue));
  if (!result.error.empty()) {
    fmt::print(stderr, "suiro-load {}: {}\n", system, result.error);
    return 1;
  }
  fmt::print("{{\"cycles\": {}, \"per_second\": {:.1f}, \"p50_ms\": {:.3f}, \"p99_ms\": {:.3f}}}\n",
             result.cycles, result.per_second(), result.percentile_ms(0.5),
             result.percentile_ms(0.99));
  return 0;
}
