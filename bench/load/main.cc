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

uint64_t records_read = 0;  // by kinesis-get

MakeDialogue dialogue_of(const std::string& system, const LoadOptions& options, ObjectLoad objects,
                         const QueueLoad& queue) {
  std::string host = fmt::format("{}:{}", options.host, options.port);
  AwsTarget target{host, variable("AWS_DEFAULT_REGION"), variable("AWS_ACCESS_KEY_ID"),
                   variable("AWS_SECRET_ACCESS_KEY")};
  if (system.ends_with("-get")) objects.verb = ObjectVerb::kGet;
  if (system.starts_with("s3-")) return s3_dialogue(target, objects);
  if (system.starts_with("dav-")) return dav_dialogue(host, objects);
  if (system == "invoke") return invoke_dialogue(target, objects.bucket);
  if (system == "kinesis-put") return kinesis_put_dialogue(target, queue);
  if (system == "firehose-put") return firehose_put_dialogue(target, queue);
  if (system == "logs-put") return logs_put_dialogue(target, queue);
  if (system == "states-start") return states_start_dialogue(target, queue);
  if (system == "kinesis-get") return kinesis_get_dialogue(target, queue, &records_read);
  if (system == "redis-stream") return redis_stream_dialogue(queue);
  if (system == "nats") return nats_dialogue(queue);
  if (system == "sqs") return sqs_dialogue(target, queue);
  if (system == "redis") return redis_dialogue(queue);
  if (system == "beanstalkd") return beanstalkd_dialogue(queue);
  return rabbitmq_dialogue(queue);
}

size_t messages_a_cycle(const std::string& system, const QueueLoad& queue) {
  if (system == "kinesis-put" || system == "firehose-put") return kPutRecords;
  if (system == "logs-put") return kPutRecords;
  if (system == "redis-stream" || system == "nats") return kPutRecords;
  if (!queue.send_only) return 1;
  return system == "sqs" ? kSqsBatch : kPipelined;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("One measured run against one system on loopback.", "suiro-load");
  std::string system;
  LoadOptions options;
  ObjectLoad objects;
  QueueLoad queue;
  long duration_ms = 3000;
  uint64_t messages_max = 0;
  app.add_option("system", system)
      ->required()
      ->check(CLI::IsMember({"s3-put", "s3-get", "dav-put", "dav-get", "invoke", "sqs", "redis",
                             "beanstalkd", "kinesis-put", "firehose-put", "kinesis-get", "logs-put",
                             "states-start", "redis-stream", "nats", "rabbitmq"}));
  app.add_option("--port", options.port)->required();
  app.add_option("--connections", options.connections);
  app.add_option("--milliseconds", duration_ms);
  app.add_option("--bucket", objects.bucket, "Bucket, first path segment, or function");
  app.add_option("--size", objects.size_bytes, "Bytes of an object");
  app.add_option("--keys", objects.keys, "Keys that each connection goes round");
  app.add_option("--queue", queue.queue, "Queue URL, list, tube or queue name");
  app.add_option("--body", queue.body_bytes, "Bytes of a message");
  app.add_flag("--send-only", queue.send_only, "Fill the queue, in batches");
  app.add_flag("--clicks", queue.clicks, "Bodies are clicks as JSON (kinesis-put, firehose-put)");
  app.add_option("--messages", messages_max, "End when so many are counted; no warm-up then");
  CLI11_PARSE(app, argc, argv);
  options.duration = std::chrono::milliseconds(duration_ms);
  const size_t messages = messages_a_cycle(system, queue);
  if (messages_max != 0) {
    options.warm_up = std::chrono::milliseconds(0);
    options.cycles_max = (messages_max + messages - 1) / messages;
  }
  LoadResult result = run_load(options, dialogue_of(system, options, objects, queue));
  if (!result.error.empty()) {
    fmt::print(stderr, "suiro-load {}: {}\n", system, result.error);
    return 1;
  }
  fmt::print(
      "{{\"cycles\": {}, \"messages\": {}, \"per_second\": {:.1f}, \"p50_ms\": {:.3f}, "
      "\"p99_ms\": {:.3f}}}\n",
      result.cycles, records_read > 0 ? records_read : result.cycles * messages,
      result.per_second(), result.percentile_ms(0.5), result.percentile_ms(0.99));
  return 0;
}
