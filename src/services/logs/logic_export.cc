// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/gzip.h"
#include "kernel/event/record.h"
#include "services/logs/logic.h"

namespace suiro::logs {
namespace {

constexpr uint8_t kVersion = 1;
constexpr std::string_view kTimerKind = "logs.export";

store::Key export_key(std::string_view id) {
  return store::Key{'o', 1, 'e'}.append(id);
}

Bytes encode_export(const Export& task) {
  event::RecordWriter out(kVersion);
  out.text(task.name);
  out.text(task.group);
  out.text(task.stream_prefix);
  out.time(task.from);
  out.time(task.to);
  out.text(task.bucket);
  out.text(task.prefix);
  out.u8(static_cast<uint8_t>(task.status));
  out.text(task.message);
  out.time(task.created);
  out.time(task.completed);
  return out.take();
}

Result<Export> decode_export(const store::Entry& entry) {
  event::RecordReader in(entry.value);
  in.version(kVersion);
  Export task;
  task.id = entry.key.substr(export_key("").size());
  task.name = in.text();
  task.group = in.text();
  task.stream_prefix = in.text();
  task.from = in.time();
  task.to = in.time();
  task.bucket = in.text();
  task.prefix = in.text();
  task.status = static_cast<Export::Status>(in.u8());
  task.message = in.text();
  task.created = in.time();
  task.completed = in.time();
  TRY_VOID(in.end("export task"));
  return task;
}

std::unexpected<Error> no_such_task() {
  return fail("ResourceNotFoundException", "The specified export task does not exist.");
}

}  // namespace

Task<Result<void>> Logic::check_bucket(std::string bucket) {
  if (kernel_.objects == nullptr) co_return ok();
  auto found = co_await kernel_.objects->read(bucket, "aws-logs-write-test", "");
  if (found || found.error().code != "NoSuchBucket") co_return ok();
  co_return invalid(fmt::format("The given bucket does not exist: {}", bucket));
}

Task<Result<std::string>> Logic::create_export(Export task) {
  CO_TRY(auto group, co_await existing_group(task.group));
  if (kernel_.lake == nullptr) co_return fail(codes::kNotImplemented, "there is no lake here");
  if (task.from > task.to) co_return invalid("The 'from' time must not be later than 'to'.");
  if (task.to < group.record.created) {
    co_return invalid("The 'to' time must not be earlier than the creation of the log group.");
  }
  CO_TRY_VOID(co_await check_bucket(task.bucket));
  CO_TRY(auto known, co_await exports(""));
  store::Batch batch;
  for (size_t i = 0; i < known.size(); ++i) {
    if (known[i].status == Export::Status::kRunning) {
      co_return fail("LimitExceededException",
                     "Resource limit exceeded: one export task runs at a time.");
    }
    if (i + 1 >= kExportsKeptMax) batch.erase(export_key(known[i].id));
  }
  task.created = kernel_.clock.now();
  uint64_t place[2] = {kernel_.random.next(), kernel_.random.next()};
  task.id = fmt::format("{:016x}{:016x}", place[0], place[1]);
  batch.require_absent(export_key(task.id));
  batch.put(export_key(task.id), encode_export(task));
  kernel_.timers.set(batch, {std::string(kTimerKind), task.id, task.id, task.created, {}});
  CO_TRY_VOID(co_await commit(std::move(batch)));
  co_return task.id;
}

Task<Result<void>> Logic::cancel_export(std::string id) {
  auto attempt = [&]() -> Task<Result<void>> {
    CO_TRY(auto entry, co_await kernel_.store.get(export_key(id)));
    if (!entry) co_return no_such_task();
    CO_TRY(Export task, decode_export(*entry));
    if (task.status != Export::Status::kRunning) {
      co_return fail("InvalidOperationException",
                     "The specified export task has already finished.");
    }
    task.status = Export::Status::kCancelled;
    task.completed = kernel_.clock.now();
    store::Batch batch;
    batch.require_version(entry->key, entry->version);
    batch.put(entry->key, encode_export(task));
    co_return co_await commit(std::move(batch));
  };
  co_return co_await settle(attempt);
}

Task<Result<std::vector<Export>>> Logic::exports(std::string id) {
  std::vector<Export> out;
  if (!id.empty()) {
    CO_TRY(auto entry, co_await kernel_.store.get(export_key(id)));
    if (!entry) co_return no_such_task();
    CO_TRY(Export task, decode_export(*entry));
    out.push_back(std::move(task));
    co_return out;
  }
  CO_TRY(auto page, co_await kernel_.store.scan({.range = store::KeyRange::prefix(export_key("")),
                                                 .rows_max = kExportsKeptMax + 1}));
  for (const auto& entry : page.entries) {
    CO_TRY(Export task, decode_export(entry));
    out.push_back(std::move(task));
  }
  std::ranges::sort(out, std::greater(),
                    [](const Export& e) { return std::pair(e.created, e.id); });
  co_return out;
}

Task<Result<void>> Logic::on_export(event::Timer timer, store::Batch consume) {
  CO_TRY(auto entry, co_await kernel_.store.get(export_key(timer.id)));
  if (!entry) co_return co_await commit(std::move(consume));
  CO_TRY(Export task, decode_export(*entry));
  if (task.status == Export::Status::kRunning) {
    auto done = co_await run_export(task);
    if (!done && done.error().retry == Retry::kLater) co_return fail(done.error());
    task.status = done ? done->status : Export::Status::kFailed;
    if (!done) task.message = done.error().message;
    task.completed = kernel_.clock.now();
  }
  // One that was cancelled meanwhile stays so.
  if (task.status != Export::Status::kCancelled) {
    consume.require_version(entry->key, entry->version);
    consume.put(entry->key, encode_export(task));
  }
  co_return co_await commit(std::move(consume));
}

Task<Result<Export>> Logic::run_export(Export task) {
  CO_TRY(auto group, co_await existing_group(task.group));
  Storage::Listing listing{.prefix = task.stream_prefix};
  for (;;) {
    CO_TRY(auto page, co_await storage_.streams(group.record.id, listing));
    for (auto& stream : page.rows) {
      listing.after = stream.name;
      CO_TRY(bool goes_on, co_await export_stream(task, group, std::move(stream)));
      if (goes_on) continue;
      task.status = Export::Status::kCancelled;
      co_return task;
    }
    if (!page.more || page.rows.empty()) break;
  }
  task.status = Export::Status::kCompleted;
  co_return task;
}

// The bucket's policy may deny the service to write there.
Result<void> Logic::permit_export(const event::ObjectWriter::ObjectToWrite& object) const {
  if (policies_ == nullptr) return ok();
  return policies_->permit(
      {.service = "logs.amazonaws.com",
       .role_arn = "",
       .account = kernel_.account,
       .action = "s3:PutObject",
       .resource = fmt::format("arn:aws:s3:::{}/{}", object.bucket, object.key),
       .now = kernel_.clock.now()});
}

// False when the task was cancelled.
Task<Result<bool>> Logic::export_stream(const Export& task, const Found<Group>& group,
                                        Found<Stream> stream) {
  Window window{.begin = std::max(task.from, horizon_of(group.record)), .end = task.to + Millis(1)};
  ForwardReader reader(storage_, group.record.id, stream.record, window, {});
  std::string folder = stream.name;
  std::ranges::replace(folder, '/', '-');
  size_t files = 0;
  for (bool more = true; more;) {
    Bytes text;
    while (text.size() < kExportFileBytesMax) {
      CO_TRY(more, co_await reader.fill());
      if (!more) break;
      LogEvent event = reader.pop();
      text.append(format_iso8601(event.at.time)).append(" ").append(event.message).append("\n");
    }
    if (text.empty()) break;
    CO_TRY(auto entry, co_await kernel_.store.get(export_key(task.id)));
    if (!entry) co_return false;
    CO_TRY(Export now, decode_export(*entry));
    if (now.status != Export::Status::kRunning) co_return false;
    event::ObjectWriter::ObjectToWrite object{
        .bucket = task.bucket,
        .key = fmt::format("{}/{}/{}/{:06}.gz", task.prefix, task.id, folder, files++),
        .content_type = "application/x-gzip",
        .data = gzip(text)};
    CO_TRY_VOID(permit_export(object));
    CO_TRY_VOID(co_await kernel_.lake->write(std::move(object), {}, {}));
  }
  co_return true;
}

}  // namespace suiro::logs
