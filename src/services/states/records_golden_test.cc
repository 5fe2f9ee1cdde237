// SPDX-License-Identifier: Apache-2.0
// The records of docs/formats/states.md as they lie on disk: tests/golden/states-v1/records.txt has
// one of each kind with all its fields. What is written today must equal them, and they must be
// read: data directories that hold them exist. SUIRO_UPDATE_GOLDEN=1 adds those that are missing.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "services/states/history_record.h"
#include "services/states/map_run_names.h"
#include "services/states/storage.h"
#include "services/states/storage_execution.h"
#include "services/states/storage_map_run.h"

namespace suiro::states {
namespace {

constexpr const char* kPath = SUIRO_SOURCE_DIR "/tests/golden/states-v1/records.txt";
constexpr size_t kLineBytes = 32;

TimePoint at(int64_t seconds) {
  return TimePoint(Millis(1'790'000'000'000 + seconds * 1000 + 7));
}

// "name" and, indented, its bytes in hex.
std::map<std::string, std::string> read_file() {
  std::map<std::string, std::string> out;
  std::ifstream in(kPath);
  std::string name;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    if (line.starts_with(' ')) {
      out[name] += line.substr(line.find_first_not_of(' '));
    } else {
      name = line;
    }
  }
  return out;
}

class Records : public testing::Test {
 protected:
  // The golden bytes of `name`, which `now` must equal.
  Bytes golden(const std::string& name, ByteView now) {
    auto found = file_.find(name);
    if (found == file_.end() && std::getenv("SUIRO_UPDATE_GOLDEN") != nullptr) {
      std::ofstream out(kPath, std::ios::app);
      out << name << "\n";
      for (size_t from = 0; from < now.size(); from += kLineBytes) {
        out << "  " << hex_encode(now.substr(from, kLineBytes)) << "\n";
      }
      return Bytes(now);
    }
    EXPECT_TRUE(found != file_.end()) << name << " has no golden bytes";
    if (found == file_.end()) return {};
    EXPECT_EQ(found->second, hex_encode(now)) << name << ": docs/formats/states.md would be untrue";
    auto bytes = hex_decode(found->second);
    EXPECT_TRUE(bytes) << name;
    return bytes ? *bytes : Bytes();
  }

  // `encode` writes all fields that `decode` reads: what is read and written again is the same.
  template <class T, class Encode, class Decode>
  T same(const std::string& name, const T& sample, Encode encode, Decode decode) {
    Bytes bytes = golden(name, encode(sample));
    auto read = decode(bytes);
    EXPECT_TRUE(read) << name << ": " << read.error().message;
    if (!read) return {};
    EXPECT_EQ(hex_encode(encode(*read)), hex_encode(bytes)) << name;
    bytes.push_back('x');
    EXPECT_FALSE(decode(bytes)) << name << " with a byte more";
    bytes.resize(bytes.size() - 2);
    EXPECT_FALSE(decode(bytes)) << name << " with a byte less";
    bytes.push_back('x');
    bytes[0] = 9;
    EXPECT_FALSE(decode(bytes)) << name << " of a version to come";
    return *std::move(read);
  }

  std::map<std::string, std::string> file_ = read_file();
};

Configuration configuration() {
  return {.revision = 3,
          .revision_id = "7c6f0d2e-8a1b-4c3d-9e5f-0123456789ab",
          .role_arn = "arn:aws:iam::000000000000:role/r",
          .logging = R"({"level":"ALL"})",
          .tracing = R"({"enabled":false})"};
}

TEST_F(Records, StateMachines) {
  same(
      "state machine",
      Machine{.name = "day",
              .incarnation = 0x1122334455667788,
              .type = workflow::MachineType::kExpress,
              .created = at(0),
              .updated = at(1),
              .deleting = true,
              .now = configuration(),
              .versions_made = 5,
              .published = 4,
              .created_with_version = true,
              .created_description = "first",
              .tags = {{"team", "books"}, {"tier", ""}}},
      [](const Machine& m) { return encode(m); }, decode_state_machine);
  same(
      "version",
      Version{.number = 4,
              .created = at(2),
              .description = "tax of totals",
              .configuration = configuration()},
      [](const Version& v) { return encode(v); }, decode_version);
  same(
      "alias",
      Alias{.name = "live",
            .created = at(3),
            .updated = at(4),
            .description = "what runs",
            .routes = {{.version = 4, .weight = 90}, {.version = 3, .weight = 10}}},
      [](const Alias& a) { return encode(a); }, decode_alias);
  same(
      "activity", Activity{.name = "approve", .created = at(5), .tags = {{"team", "books"}}},
      [](const Activity& a) { return encode(a); }, decode_activity);
  same(
      "definition", std::string(R"({"StartAt":"A"})"),
      [](const std::string& text) { return encode_definition(text); }, decode_definition);
}

TEST_F(Records, KeysOfStateMachines) {
  golden("key of a state machine", keys::machine("day"));
  golden("key of a definition", keys::definition("day", 3));
  golden("key of a version", keys::version("day", 4));
  golden("key of an alias", keys::alias("day", "live"));
  golden("key of an activity", keys::activity("approve"));
}

ExecutionRow execution_row() {
  ExecutionRow row;
  row.arn = "arn:aws:states:us-east-1:000000000000:execution:day:e1";
  row.name = "e1";
  row.machine = arn_hash("content");
  row.status = workflow::ExecutionStatus::kTimedOut;
  row.start = at(10);
  row.stop = at(11);
  row.input = payload_ref(R"({"day":"2026-10-05"})");
  row.output = payload_ref(std::string(300, 'o'));
  row.error = "E";
  row.cause = "C";
  row.trace_header = "Root=1-5759e988-bd862e3fe1be46a994272793";
  row.parent_arn = "arn:aws:states:us-east-1:000000000000:execution:month:m1";
  row.map_run_arn = "arn:aws:states:us-east-1:000000000000:mapRun:month/Days:1";
  row.trace_id = "trace";
  row.span_id = "span";
  row.parent_span_id = "parent";
  row.log_stream = "states/day/2026";
  row.events = 17;
  row.redrive_count = 2;
  row.redrive_time = at(12);
  row.redrive_token = "again";
  return row;
}

TEST_F(Records, Executions) {
  same("execution", execution_row(), encode_execution, decode_execution);
  same("execution that runs",
       ExecutionRow{.arn = "arn", .name = "e", .start = at(10), .input = payload_ref("{}")},
       encode_execution, decode_execution);
  same("Express execution", ExpressRow{.execution = execution_row(), .input = R"({"a":1})"},
       encode_express, decode_express);
  MachineRow machine{.map_state = "Shops",
                     .list_arn = "arn:aws:states:us-east-1:000000000000:stateMachine:day/Shops"};
  machine.machine = {.machine_arn = "arn:aws:states:us-east-1:000000000000:stateMachine:day",
                     .version_arn = "arn:aws:states:us-east-1:000000000000:stateMachine:day:4",
                     .alias_arn = "arn:aws:states:us-east-1:000000000000:stateMachine:day:live",
                     .name = "day",
                     .role_arn = "arn:aws:iam::000000000000:role/r",
                     .revision_id = "7c6f0d2e-8a1b-4c3d-9e5f-0123456789ab",
                     .definition = R"({"StartAt":"A"})",
                     .type = workflow::MachineType::kExpress,
                     .logging = R"({"level":"ALL"})",
                     .tracing = R"({"enabled":false})"};
  same("machine at a start", machine, encode_machine, decode_machine);
  same("entry of a list", ListRow{.status = workflow::ExecutionStatus::kAborted, .redriven = true},
       encode_list, decode_list);
}

TEST_F(Records, KeysOfExecutions) {
  const ArnHash execution = arn_hash("arn:aws:states:us-east-1:000000000000:execution:day:e1");
  const ArnHash owner = arn_hash("arn:aws:states:us-east-1:000000000000:stateMachine:day");
  golden("key of an execution", execution_key(execution));
  golden("key of a machine at a start", machine_key(owner));
  golden("key of the secret", secret_key());
  golden("key of an Express execution", express_key(execution));
  golden("key of a cell", cell_key(execution, "h"));
  golden("key of a block of history", history_key(execution, 0x0102));
  golden("key of a payload", payload_key(execution, workflow::payload_hash("text")));
  golden("key of an effect", effect_key({execution, 5}));
  golden("key of notes", notes_key({execution, 5}));
  golden("key of a cancel", cancel_key({execution, 5}));
  golden("key of work of an activity", activity_key(owner, at(20), {execution, 5}));
  golden("key in a list", list_key(owner, at(20), execution));
  golden("key of one that runs", running_key(owner, execution));
  golden("key of one that ended", ended_key(at(20), execution));
}

TEST_F(Records, Effects) {
  auto decoded = [](ByteView bytes) { return decode_effect(bytes); };
  workflow::TaskEffect task{
      .id = 5,
      .state = "Post",
      .resource = *workflow::parse_resource("arn:aws:states:::sqs:sendMessage.waitForTaskToken"),
      .arguments = R"({"QueueUrl":"q"})",
      .token = "token",
      .credentials_role_arn = "arn:aws:iam::000000000000:role/other",
      .timeout_seconds = 60,
      .heartbeat_seconds = 10};
  same("effect of a task", workflow::Effect(task), encode_effect, decoded);
  auto json = [](std::string_view text) { return *json::parse(text); };
  workflow::MapRunEffect run{.id = 6,
                             .state = "Shops",
                             .redriven_map_run_arn = "arn:run",
                             .input = json(R"({"a":1})"),
                             .items = json("[1,2]"),
                             .reader_arguments = json(R"({"Bucket":"b"})"),
                             .items_max = 100,
                             .concurrency_max = 8,
                             .tolerated_failure_count = 3,
                             .tolerated_failure_percentage = 12.5,
                             .batch_items_max = 4,
                             .batch_bytes_max = 1000,
                             .batch_input = json(R"({"b":2})"),
                             .writer_arguments = json(R"({"Prefix":"p"})"),
                             .variables = json(R"({"v":3})"),
                             .context = json(R"({"State":{"Name":"Shops"}})")};
  same("effect of a Map run", workflow::Effect(run), encode_effect, decoded);
  same("effect of an activity", store::Key("\x01key"), encode_queued_effect, decode_queued_effect);
  golden("a chain that goes on", encode_continuation());
  same("work of an activity", ActivityRow{.execution_arn = "arn", .input = "{}"},
       encode_activity_work, decode_activity_work);
}

workflow::MapRunCounts counts(int64_t first) {
  return {.pending = first,
          .running = first + 1,
          .succeeded = first + 2,
          .failed = first + 3,
          .timed_out = first + 4,
          .aborted = first + 5,
          .total = first + 6,
          .results_written = first + 7};
}

TEST_F(Records, MapRuns) {
  RunRecord run{.key = std::string(64, 'a'), .children = 700};
  run.told = {.arn = "arn:run",
              .execution_arn = "arn:execution",
              .machine_arn = "arn:machine/Shops",
              .status = workflow::MapRunStatus::kAborted,
              .start = at(30),
              .stop = at(31),
              .concurrency_max = 8,
              .tolerated_failure_percentage = 12.5,
              .tolerated_failure_count = 3,
              .items = counts(100),
              .executions = counts(200),
              .redrive_count = 2,
              .redrive_time = at(32)};
  same("map run", run, [](const RunRecord& r) { return encode(r); }, decode_run);
  same(
      "progress of a map run",
      RunProgress{.items = 9,
                  .children = 5,
                  .done = true,
                  .etag = "\"e\"",
                  .listed_items = 4,
                  .listed_key = "in/4"},
      [](const RunProgress& p) { return encode(p); }, decode_run_progress);
  same(
      "input of a child", RunInput{.items = 2, .text = R"({"Items":[1,2]})"},
      [](const RunInput& i) { return encode(i); }, decode_run_input);
  same(
      "end of a child",
      RunEnd{.status = workflow::ChildStatus::kAborted,
             .start = at(33),
             .stop = at(34),
             .redrive_count = 1,
             .output = "1",
             .error = "E",
             .cause = "C"},
      [](const RunEnd& e) { return encode(e); }, decode_run_end);
  same(
      "outcome of a map run", RunOutcome{.output = "[1]", .error = "E", .cause = "C"},
      [](const RunOutcome& o) { return encode(o); }, decode_run_outcome);
}

TEST_F(Records, ProgressOfVersionOneIsRead) {
  ASSERT_TRUE(file_.contains("progress of a map run, version 1"));
  auto bytes = hex_decode(file_["progress of a map run, version 1"]);
  ASSERT_TRUE(bytes);
  auto read = decode_run_progress(*bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->items, 9u);
  EXPECT_EQ(read->children, 5u);
  EXPECT_TRUE(read->done);
  EXPECT_EQ(read->etag, "\"e\"");
  EXPECT_EQ(read->listed_items, 0u);
}

TEST_F(Records, KeysOfMapRuns) {
  const Bytes run = map_run_uuid(std::string(64, 'a'));
  golden("UUID of a map run", run);
  golden("name of a child", child_name(run, 7));
  golden("key of a map run", keys::map_run(run));
  golden("key of a map run in a list", keys::map_run_listed("arn:execution", at(30), run));
  golden("key of a map run's progress", keys::map_run_progress(run));
  golden("key of a map run's outcome", keys::map_run_outcome(run));
  golden("key of a child's input", keys::map_run_input(run, 7));
  golden("key of a child's end", keys::map_run_end(run, 7));
}

struct Sink : workflow::PayloadSink {
  void put(const workflow::PayloadHash& hash, const workflow::Payload& text) override {
    payloads[hash] = text;
  }
  workflow::Payloads payloads;
};

workflow::Payload payload(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

// An event with every field, and each type of event: their order is the format.
std::vector<workflow::HistoryEvent> history() {
  std::vector<workflow::HistoryEvent> events;
  workflow::HistoryEvent all{
      .id = 40, .previous_id = 3, .time = at(40), .type = workflow::EventType::kTaskScheduled};
  all.name = "Post";
  all.input = payload("{}");
  all.output = payload(std::string(300, 'o'));
  all.parameters = payload(R"({"p":1})");
  all.error = "E";
  all.cause = "C";
  all.resource = "sendMessage";
  all.resource_type = "sqs";
  all.region = "us-east-1";
  all.timeout_seconds = 60;
  all.heartbeat_seconds = -1;
  all.credentials_role_arn = "arn:role";
  all.worker_name = "w";
  all.index = 2;
  all.length = 3;
  all.role_arn = "arn:own";
  all.machine_alias_arn = "arn:alias";
  all.machine_version_arn = "arn:version";
  all.map_run_arn = "arn:run";
  all.redrive_count = 1;
  all.location = "Arguments";
  all.assigned_variables = payload(R"({"v":"1"})");
  events.push_back(all);
  for (uint8_t type = 0; type <= static_cast<uint8_t>(workflow::EventType::kWaitStateExited);
       ++type) {
    events.push_back({.id = 41u + type,
                      .previous_id = 40u + type,
                      .time = at(41),
                      .type = static_cast<workflow::EventType>(type)});
  }
  return events;
}

TEST_F(Records, Histories) {
  Sink sink;
  same(
      "block of history", history(),
      [&](const std::vector<workflow::HistoryEvent>& events) {
        return encode_history(events, sink);
      },
      [&](ByteView bytes) -> Result<std::vector<workflow::HistoryEvent>> {
        TRY(auto stored, decode_history(40, bytes));
        std::vector<workflow::HistoryEvent> events;
        for (StoredEvent& each : stored) {
          if (each.output) each.event.output = sink.payloads.at(*each.output);
          events.push_back(std::move(each.event));
        }
        return events;
      });
  EXPECT_EQ(sink.payloads.size(), 1u);
  // Their numbers on disk follow from the order of their names.
  std::string names;
  for (const auto& event : history()) names += std::string(event_type_name(event.type)) + "\n";
  golden("types of events", names);
}

}  // namespace
}  // namespace suiro::states
