// SPDX-License-Identifier: Apache-2.0
#include "engine/extract/extraction.h"

#include <fmt/format.h>

#include <atomic>
#include <charconv>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "base/digest.h"

namespace suiro::extract {
namespace {

std::optional<int64_t> integer_of(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  int64_t value = 0;
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return value;
}

// Writes one part; it appears under its name by finish().
class PartWriter final : public RowSink {
 public:
  PartWriter(const Job& job, Header header, std::string path, std::atomic<uint64_t>& rows,
             const std::atomic<bool>& stopped)
      : writer_(job.format),
        header_(header),
        path_(std::move(path)),
        rows_(rows),
        stopped_(stopped) {}

  Result<void> open() {
    file_.open(path_ + ".partial", std::ios::binary | std::ios::trunc);
    return file_ ? ok() : cannot_write();
  }

  Result<void> columns(const std::vector<Column>& columns) override {
    for (const Column& column : columns) names.push_back(column.name);
    writer_.set_columns(columns);
    if (header_ != Header::kNone) writer_.append_header(buffer_);
    return ok();
  }

  Result<void> row(std::span<const Field> fields) override {
    TRY_VOID(writer_.append_row(buffer_, fields));
    ++part.rows;
    rows_.fetch_add(1, std::memory_order_relaxed);
    if (stopped_.load(std::memory_order_relaxed)) return fail(codes::kClosed, "stopped");
    return buffer_.size() >= kBufferBytes ? flush() : ok();
  }

  Result<void> finish() {
    TRY_VOID(flush());
    file_.close();
    std::error_code error;
    if (file_) std::filesystem::rename(path_ + ".partial", path_, error);
    if (!file_ || error) return cannot_write();
    part.path = path_;
    part.sha256 = hex_encode(digest_.finish());
    return ok();
  }

  Part part;
  std::vector<std::string> names;

 private:
  Result<void> flush() {
    file_.write(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    digest_.update(buffer_);
    part.size_bytes += buffer_.size();
    buffer_.clear();
    return file_ ? ok() : cannot_write();
  }
  Result<void> cannot_write() const {
    return fail(codes::kInvalidArgument, fmt::format("cannot write {}", path_));
  }

  RowWriter writer_;
  Header header_;
  std::string path_;
  std::atomic<uint64_t>& rows_;
  const std::atomic<bool>& stopped_;
  std::ofstream file_;
  std::string buffer_;
  Digest digest_{DigestKind::kSha256};
};

// The threads of one run, and what they share.
class Pool {
 public:
  Pool(const Job& job, const RangePlan& plan, const std::string& directory)
      : job_(job), plan_(plan), directory_(directory), parts_(plan.queries.size()) {}

  Result<Summary> run(Source& source, const std::function<void(const Progress&)>& progress) {
    std::vector<std::jthread> threads;
    for (Session* session : source.sessions()) {
      ++working_;
      threads.emplace_back([this, session] { work(*session); });
    }
    std::unique_lock lock(mutex_);
    while (working_ > 0) {
      changed_.wait_for(lock, kProgressInterval);
      progress({rows_.load(), plan_.rows_estimated, done_, parts_.size()});
    }
    lock.unlock();
    threads.clear();
    if (failure_) return fail(*failure_);
    Summary out{.rows = rows_.load(), .position = source.position(), .columns = names_};
    for (Part& part : parts_) {
      out.size_bytes += part.size_bytes;
      out.parts.push_back(std::move(part));
    }
    return out;
  }

 private:
  void work(Session& session) {
    for (size_t at = next_++; at < parts_.size() && !stopped_; at = next_++) {
      if (auto read = read_part(session, at); !read) {
        std::lock_guard lock(mutex_);
        stopped_ = true;
        if (!failure_) failure_ = read.error();
      }
    }
    std::lock_guard lock(mutex_);
    --working_;
    changed_.notify_one();
  }

  Result<void> read_part(Session& session, size_t at) {
    std::string path = fmt::format("{}/part-{:05}.{}", directory_, at, extension_of(job_.format));
    Header header = job_.header == Header::kFirstPart && at > 0 ? Header::kNone : job_.header;
    PartWriter writer(job_, header, path, rows_, stopped_);
    TRY_VOID(writer.open());
    TRY_VOID(session.read(plan_.queries[at], writer));
    TRY_VOID(writer.finish());
    std::lock_guard lock(mutex_);
    parts_[at] = std::move(writer.part);
    if (names_.empty()) names_ = std::move(writer.names);
    ++done_;
    return ok();
  }

  const Job& job_;
  const RangePlan& plan_;
  const std::string& directory_;
  std::atomic<size_t> next_ = 0;
  std::atomic<uint64_t> rows_ = 0;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Under the mutex.
  size_t working_ = 0;
  size_t done_ = 0;
  std::vector<Part> parts_;
  std::vector<std::string> names_;
  std::optional<Error> failure_;
};

std::string select_of(const Source& source, const Job& job) {
  std::string names;
  for (const std::string& column : job.columns) {
    names += (names.empty() ? "" : ", ") + source.quoted(column);
  }
  return fmt::format("SELECT {} FROM {}", names.empty() ? "*" : names,
                     source.quoted_table(job.table));
}

// [low, high] in `count` ranges of equal width.
std::vector<std::string> key_ranges(const std::string& key, int64_t low, int64_t high,
                                    size_t count) {
  auto width = static_cast<unsigned __int128>(static_cast<__int128>(high) - low) / count + 1;
  std::vector<std::string> out;
  for (auto from = static_cast<__int128>(low); from <= high; from += width) {
    auto to = from + static_cast<__int128>(width) - 1;
    out.push_back(fmt::format("{} BETWEEN {} AND {}", key, static_cast<int64_t>(from),
                              static_cast<int64_t>(std::min<__int128>(to, high))));
  }
  return out;
}

}  // namespace

Result<RangePlan> plan_ranges(Source& source, const Job& job) {
  if (!job.query.empty()) return RangePlan{.queries = {job.query}};
  TRY(TableFacts facts, source.describe(job.table));
  std::string order;
  for (const std::string& column : facts.key) {
    order += (order.empty() ? " ORDER BY " : ", ") + source.quoted(column);
  }
  std::string select = select_of(source, job);
  std::string where = job.where.empty() ? "" : " WHERE (" + job.where + ")";
  RangePlan plan{.rows_estimated = facts.rows_estimated};
  size_t sessions = source.sessions().size();
  if (sessions > 1 && facts.integer_key) {
    std::string key = source.quoted(facts.key.front());
    TRY(SmallTable ends, read_small(*source.sessions().front(),
                                    fmt::format("SELECT MIN({0}), MAX({0}) FROM {1}{2}", key,
                                                source.quoted_table(job.table), where)));
    std::optional<int64_t> low = integer_of(ends[0][0]), high = integer_of(ends[0][1]);
    if (low && high) {
      for (const std::string& range : key_ranges(key, *low, *high, sessions * kRangesPerSession)) {
        plan.queries.push_back(select + (where.empty() ? " WHERE " : where + " AND ") + range +
                               order);
      }
      return plan;
    }
  }
  plan.queries.push_back(select + where + order);
  return plan;
}

Result<Summary> run(Source& source, const Job& job, const std::string& directory,
                    const std::function<void(const Progress&)>& progress) {
  TRY(RangePlan plan, plan_ranges(source, job));
  return Pool(job, plan, directory).run(source, progress);
}

}  // namespace suiro::extract
