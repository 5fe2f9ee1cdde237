// SPDX-License-Identifier: Apache-2.0
#include "server/access_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/gzip.h"
#include "base/log.h"

namespace suiro::server {
namespace {

constexpr uint64_t kPendingBytesMax = 16 << 20;
constexpr size_t kHandOverBytes = 64 << 10;   // of one shard's lines
constexpr uint64_t kFileBytesMax = 64 << 20;  // a file is closed when it reaches this
constexpr size_t kFilesKept = 8;              // closed files, where nothing is delivered
constexpr Millis kWriteEvery{200};
constexpr std::string_view kOpenName = "access.log";
constexpr std::string_view kClosedPrefix = "access-";

}  // namespace

AccessLog::AccessLog(Shards& shards, Clock& clock, Config config, Put put)
    : shards_(shards),
      clock_(clock),
      config_(std::move(config)),
      put_(std::move(put)),
      scope_(shards.executor(0)),
      wake_(shards.executor(0)),
      pending_(shards.size()) {}

AccessLog::~AccessLog() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> AccessLog::start() {
  std::error_code error;
  std::filesystem::create_directories(config_.directory, error);
  if (error) {
    return fail(codes::kInvalidArgument,
                fmt::format("cannot create {}: {}", config_.directory.string(), error.message()));
  }
  TRY_VOID(open_file());
  if (file_bytes_ > 0 && !config_.bucket.empty()) rotate();
  asio::post(scope_.executor(), [this] {
    scope_.spawn(write_loop());
    if (!config_.bucket.empty()) scope_.spawn(deliver_loop());
  });
  return ok();
}

Result<void> AccessLog::open_file() {
  auto file = config_.directory / kOpenName;
  fd_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd_ < 0) {
    return fail(codes::kInvalidArgument,
                fmt::format("cannot open {}: {}", file.string(), std::strerror(errno)));
  }
  file_bytes_ = static_cast<uint64_t>(::lseek(fd_, 0, SEEK_END));
  return ok();
}

Task<void> AccessLog::stop() {
  co_await run_on(scope_.executor(), [this]() -> Task<void> {
    wake_.notify_all();
    // close() marks the scope before the loops look at it again.
    co_await scope_.close();
  });
  for (size_t shard = 0; shard < shards_.size(); ++shard) {
    auto take = [this, shard]() -> Task<std::string> {
      co_return std::exchange(pending_[shard], {});
    };
    collected_ += co_await run_on(shards_.executor(shard), take);
  }
  auto write = [this]() -> Task<void> {
    write_pending();
    co_return;
  };
  co_await run_on(scope_.executor(), write);
}

void AccessLog::add(const AccessEntry& entry) {
  if (pending_bytes_.load(std::memory_order_relaxed) > kPendingBytesMax) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  size_t shard = shards_.current();
  std::string& lines = pending_[shard];
  size_t before = lines.size();
  append_alb_line(lines, entry, config_.region, config_.account);
  lines += '\n';
  pending_bytes_.fetch_add(lines.size() - before, std::memory_order_relaxed);
  if (lines.size() < kHandOverBytes) return;
  asio::post(scope_.executor(), [this, text = std::exchange(lines, {})] { collected_ += text; });
}

Task<void> AccessLog::write_loop() {
  while (!scope_.closing()) {
    co_await wake_.wait_until(clock_, clock_.now() + kWriteEvery);
    for (size_t shard = 0; shard < shards_.size(); ++shard) {
      auto take = [this, shard]() -> Task<std::string> {
        co_return std::exchange(pending_[shard], {});
      };
      collected_ += co_await run_on(shards_.executor(shard), take);
    }
    write_pending();
    if (file_bytes_ >= kFileBytesMax) rotate();
    if (uint64_t lost = dropped_.exchange(0)) {
      log::warning("access log: {} lines dropped, the disk does not keep up", lost);
    }
  }
}

void AccessLog::write_pending() {
  std::string_view rest = collected_;
  while (!rest.empty() && fd_ >= 0) {
    ssize_t wrote = ::write(fd_, rest.data(), rest.size());
    if (wrote < 0) {
      log::error("access log: {}; {} bytes of lines are lost", std::strerror(errno), rest.size());
      break;
    }
    file_bytes_ += static_cast<uint64_t>(wrote);
    rest.remove_prefix(static_cast<size_t>(wrote));
  }
  pending_bytes_.fetch_sub(collected_.size(), std::memory_order_relaxed);
  collected_.clear();
}

void AccessLog::rotate() {
  ::close(fd_);
  fd_ = -1;
  auto number = clock_.now().time_since_epoch().count();
  auto closed = config_.directory / fmt::format("{}{}.log", kClosedPrefix, number);
  std::error_code error;
  std::filesystem::rename(config_.directory / kOpenName, closed, error);
  if (error) log::error("access log: cannot close {}: {}", closed.string(), error.message());
  if (auto opened = open_file(); !opened) log::error("access log: {}", opened.error().message);
  if (config_.bucket.empty()) drop_oldest();
}

namespace {
std::vector<std::filesystem::path> closed_files(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().filename().string().starts_with(kClosedPrefix)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}
}  // namespace

void AccessLog::drop_oldest() {
  auto files = closed_files(config_.directory);
  for (size_t i = 0; i + kFilesKept < files.size(); ++i) {
    std::error_code error;
    std::filesystem::remove(files[i], error);
  }
}

Task<void> AccessLog::deliver_loop() {
  TimePoint next = clock_.now();  // what an earlier process left goes out at once
  while (!scope_.closing()) {
    if (clock_.now() >= next) {
      write_pending();
      if (file_bytes_ > 0) rotate();
      co_await deliver_closed_files();
      next = std::chrono::ceil<std::chrono::minutes>(clock_.now() + Millis(1));
      auto since = next.time_since_epoch() % config_.interval;
      if (since.count() != 0) next += config_.interval - since;
    }
    co_await wake_.wait_until(clock_, next);
  }
}

Task<void> AccessLog::deliver_closed_files() {
  for (const auto& file : closed_files(config_.directory)) {
    Result<void> done = co_await deliver(file);
    if (!done) {
      log::error("access log: {} was not delivered to {} and is kept: {}", file.string(),
                 config_.bucket, done.error().message);
      co_return;  // tried again at the next interval
    }
  }
}

Task<Result<void>> AccessLog::deliver(std::filesystem::path file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) co_return fail(codes::kInvalidArgument, "cannot be read");
  // The key follows from the file's name: a repeated delivery replaces the first.
  std::string name = file.stem().string().substr(kClosedPrefix.size());
  TimePoint end{Millis(std::strtoll(name.c_str(), nullptr, 10))};
  std::string key =
      delivered_key(config_.prefix, config_.account, config_.region, end, config_.address,
                    name.substr(name.size() - std::min<size_t>(8, name.size())));
  CO_TRY_VOID(co_await put_(config_.bucket, key, gzip(text.view())));
  std::error_code error;
  std::filesystem::remove(file, error);
  co_return ok();
}

}  // namespace suiro::server
