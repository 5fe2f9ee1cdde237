// SPDX-License-Identifier: Apache-2.0
// store_bench: the store's commits next to what the machine and RocksDB can do, in one run.
//
//   store_bench [--directory DIR] [--seconds S] [--rounds N] [--only PART]
//               [--shape WRITERS,GROUP,PUTS,BYTES]
//
// Every figure is the median of N rounds (5) that take turns. 4 KiB values of random bytes, each
// under a key of its own, every one acknowledged after a sync:
//
//   - fdatasync: append 4 KiB to a file, fdatasync: syncs a second.
//   - rocksdb 1, 64: writers (threads) with a hand-made group commit around DB::Write(sync).
//   - ideal 64: one thread that writes 64 values a sync: gathering that costs nothing.
//   - store 1, 64: coroutines on two shards that commit one put each.
//   - blob 1, 64: the same, the bytes as an inline blob and a record that names it: an object of
//   S3.
//
// disk/B: bytes written to the device per byte of payload, flushes and compactions included.
// ratio: to rocksdb 1 or 64.
//
// --only sized compares inline blobs with files instead, 16 writers.
//
// --shape measures the database alone with commits as someone else makes them: PUTS rows that take
// BYTES in the log, from WRITERS writers with a group commit (rocksdb WRITERS), and GROUP commits a
// sync by one thread (ideal GROUP). disk/B: per byte in the log.
#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "base/random.h"
#include "kernel/store/testing.h"

namespace suiro::store {
namespace {

using Seconds = std::chrono::duration<double>;
using SteadyClock = std::chrono::steady_clock;

constexpr size_t kValueBytes = 4096;
constexpr size_t kValuesPrepared = 1024;
// Of a key of key_of(), its length, that of the value, and the kind: in the log, beside the value.
constexpr size_t kRowBytes = 17;

// What one commit of the database alone holds.
struct CommitShape {
  size_t puts = 1;
  size_t value_bytes = kValueBytes;
  size_t payload_bytes = kValueBytes;
};

// --shape
struct ShapeOption {
  size_t writers = 0;  // 0: not given
  size_t group = 0;
  CommitShape commit = {};
};

struct Settings {
  std::string directory = "/tmp";
  double seconds = 1.5;
  size_t rounds = 5;
  std::string only = "";  // contenders whose name holds this
  ShapeOption shape = {};
};

struct Figure {
  double per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
  double disk_per_payload = 0;
};

class Deadline {
 public:
  explicit Deadline(double seconds) : end_(SteadyClock::now() + Seconds(seconds)) {}
  bool passed() const { return SteadyClock::now() >= end_; }

 private:
  std::chrono::time_point<SteadyClock, Seconds> end_;
};

// Latencies of one writer, in microseconds.
class Recorder {
 public:
  void begin() { begun_ = SteadyClock::now(); }
  void end() { all_.push_back(Seconds(SteadyClock::now() - begun_).count() * 1e6); }
  std::vector<double>& all() { return all_; }

 private:
  SteadyClock::time_point begun_;
  std::vector<double> all_;
};

const std::vector<Bytes>& values() {
  static const std::vector<Bytes> all = [] {
    SeededRandom random(1);
    std::vector<Bytes> made;
    for (size_t i = 0; i < kValuesPrepared; ++i) made.push_back(random.bytes(kValueBytes));
    return made;
  }();
  return all;
}

Key key_of(size_t writer, size_t count) {
  Key key = "k";
  append_be32(key, static_cast<uint32_t>(writer));
  append_be64(key, count);
  return key;
}

uint64_t bytes_written() {
  std::ifstream file("/proc/self/io");
  std::string name;
  uint64_t value = 0;
  while (file >> name >> value) {
    if (name == "write_bytes:") return value;
  }
  return 0;
}

Figure summarize(std::vector<Recorder>& recorders, double seconds, uint64_t written,
                 size_t payload_bytes = kValueBytes) {
  std::vector<double> all;
  for (Recorder& one : recorders) std::ranges::copy(one.all(), std::back_inserter(all));
  std::ranges::sort(all);
  Figure figure;
  if (all.empty()) return figure;
  figure.per_second = static_cast<double>(all.size()) / seconds;
  figure.p50_us = all[all.size() / 2];
  figure.p99_us = all[all.size() * 99 / 100];
  figure.disk_per_payload = static_cast<double>(written) /
                            (static_cast<double>(all.size()) * static_cast<double>(payload_bytes));
  return figure;
}

Figure run_fdatasync(const Settings& settings) {
  TemporaryDirectory directory(settings.directory);
  int file = ::open((directory.path() + "/file").c_str(), O_WRONLY | O_CREAT, 0600);
  CHECK(file >= 0);
  std::vector<Recorder> recorders(1);
  uint64_t before = bytes_written();
  Deadline deadline(settings.seconds);
  for (size_t i = 0; !deadline.passed(); ++i) {
    const Bytes& value = values()[i % kValuesPrepared];
    recorders[0].begin();
    CHECK(::write(file, value.data(), value.size()) == ssize_t{kValueBytes});
    CHECK(::fdatasync(file) == 0);
    recorders[0].end();
  }
  ::close(file);
  return summarize(recorders, settings.seconds, bytes_written() - before);
}

void add_commit(rocksdb::WriteBatch& batch, const CommitShape& shape, size_t writer, size_t count) {
  for (size_t i = 0; i < shape.puts; ++i) {
    const Bytes& value = values()[(writer + count + i) % kValuesPrepared];
    const Key key = key_of(writer, count * shape.puts + i);
    CHECK(batch.Put(key, rocksdb::Slice(value.data(), shape.value_bytes)).ok());
  }
}

// The plainest group commit that one can write: the first waiter leads, writes what waits, wakes
// all.
class GroupCommit {
 public:
  explicit GroupCommit(rocksdb::DB& db) : db_(db) {}
  void commit(const CommitShape& shape, size_t writer, size_t count) {
    std::unique_lock lock(mutex_);
    add_commit(waiting_, shape, writer, count);
    uint64_t mine = opened_;
    while (done_ <= mine) {
      if (!leading_) {
        lead(lock);
      } else {
        wake_.wait(lock);
      }
    }
  }

 private:
  void lead(std::unique_lock<std::mutex>& lock) {
    leading_ = true;
    rocksdb::WriteBatch batch;
    std::swap(batch, waiting_);
    uint64_t group = opened_++;
    lock.unlock();
    rocksdb::WriteOptions options;
    options.sync = true;
    CHECK(db_.Write(options, &batch).ok());
    lock.lock();
    leading_ = false;
    done_ = group + 1;
    wake_.notify_all();
  }

  rocksdb::DB& db_;
  std::mutex mutex_;
  std::condition_variable wake_;
  rocksdb::WriteBatch waiting_;
  uint64_t opened_ = 0;
  uint64_t done_ = 0;
  bool leading_ = false;
};

std::unique_ptr<rocksdb::DB> open_rocksdb(const std::string& directory) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.write_buffer_size = 32 << 20;
  options.compression = rocksdb::kNoCompression;
  options.enable_blob_files = true;
  options.min_blob_size = 4096;
  rocksdb::DB* opened = nullptr;
  CHECK(rocksdb::DB::Open(options, directory + "/db", &opened).ok());
  return std::unique_ptr<rocksdb::DB>(opened);
}

Figure run_rocksdb(const Settings& settings, size_t writers, CommitShape shape = {}) {
  TemporaryDirectory directory(settings.directory);
  auto db = open_rocksdb(directory.path());
  uint64_t before = bytes_written();
  GroupCommit commits(*db);
  std::vector<Recorder> recorders(writers);
  Deadline deadline(settings.seconds);
  auto write = [&](size_t writer) {
    for (size_t i = 0; !deadline.passed(); ++i) {
      recorders[writer].begin();
      commits.commit(shape, writer, i);
      recorders[writer].end();
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 0; i < writers; ++i) threads.emplace_back(write, i);
  for (auto& thread : threads) thread.join();
  CHECK(db->Flush({}).ok());
  CHECK(db->Close().ok());
  return summarize(recorders, settings.seconds, bytes_written() - before, shape.payload_bytes);
}

Figure run_ideal(const Settings& settings, size_t group, CommitShape shape = {}) {
  TemporaryDirectory directory(settings.directory);
  auto db = open_rocksdb(directory.path());
  uint64_t before = bytes_written();
  std::vector<Recorder> recorders(group);
  Deadline deadline(settings.seconds);
  rocksdb::WriteOptions options;
  options.sync = true;
  for (size_t i = 0; !deadline.passed(); ++i) {
    rocksdb::WriteBatch batch;
    for (size_t j = 0; j < group; ++j) {
      recorders[j].begin();
      add_commit(batch, shape, j, i);
    }
    CHECK(db->Write(options, &batch).ok());
    for (Recorder& one : recorders) one.end();
  }
  CHECK(db->Flush({}).ok());
  CHECK(db->Close().ok());
  return summarize(recorders, settings.seconds, bytes_written() - before, shape.payload_bytes);
}

enum class Shape { kValue, kBlob };

Task<void> commit_all(Store& store, Shape shape, size_t writer, const Deadline& deadline,
                      Recorder& recorder) {
  for (size_t i = 0; !deadline.passed(); ++i) {
    const Bytes& value = values()[(writer + i) % kValuesPrepared];
    recorder.begin();
    Batch batch;
    if (shape == Shape::kValue) {
      batch.put(key_of(writer, i), value);
    } else {
      auto blob = store.write_blob();
      CHECK((co_await blob->append(value)).has_value());
      auto pending = co_await blob->finish();
      batch.put(key_of(writer, i), batch.adopt(*std::move(pending)).encode());
    }
    auto receipt = co_await store.commit(std::move(batch));
    CHECK(receipt, receipt ? "" : receipt.error().message);
    recorder.end();
  }
}

Task<void> commit_blobs(Store& store, Bytes value, size_t writer, const Deadline& deadline,
                        Recorder& recorder) {
  for (size_t i = 0; !deadline.passed(); ++i) {
    recorder.begin();
    auto blob = store.write_blob();
    CHECK((co_await blob->append(value)).has_value());
    auto pending = co_await blob->finish();
    Batch batch;
    batch.put(key_of(writer, i), batch.adopt(*std::move(pending)).encode());
    CHECK((co_await store.commit(std::move(batch))).has_value());
    recorder.end();
  }
}

Figure run_store(const Settings& settings, Shape shape, size_t writers) {
  TemporaryDirectory directory(settings.directory);
  Shards shards(2);
  auto store = RocksStore::open({.directory = directory.path() + "/store"});
  CHECK(store, store ? "" : store.error().message);
  uint64_t before = bytes_written();
  std::vector<Recorder> recorders(writers);
  Deadline deadline(settings.seconds);
  std::vector<std::future<void>> ends;
  for (size_t i = 0; i < writers; ++i) {
    ends.push_back(asio::co_spawn(shards.executor(i % shards.size()),
                                  commit_all(**store, shape, i, deadline, recorders[i]),
                                  asio::use_future));
  }
  shards.start();
  for (auto& end : ends) end.get();
  shards.stop();
  (*store)->flush_for_measurement();
  store->reset();
  return summarize(recorders, settings.seconds, bytes_written() - before);
}

enum class Place { kInline, kFile };

// Blobs of one size, 16 writers.
Figure run_sized(const Settings& settings, size_t bytes, Place place) {
  constexpr size_t kWriters = 16;
  TemporaryDirectory directory(settings.directory);
  Shards shards(2);
  auto store = RocksStore::open({.directory = directory.path() + "/store",
                                 .inline_blob_bytes_max = place == Place::kInline ? bytes : 0});
  CHECK(store, store ? "" : store.error().message);
  Bytes value = SeededRandom(1).bytes(bytes);
  uint64_t before = bytes_written();
  std::vector<Recorder> recorders(kWriters);
  Deadline deadline(settings.seconds);
  std::vector<std::future<void>> ends;
  for (size_t i = 0; i < kWriters; ++i) {
    auto task = commit_blobs(**store, value, i, deadline, recorders[i]);
    auto executor = shards.executor(i % shards.size());
    ends.push_back(asio::co_spawn(executor, std::move(task), asio::use_future));
  }
  shards.start();
  for (auto& end : ends) end.get();
  shards.stop();
  (*store)->flush_for_measurement();
  store->reset();
  Figure figure = summarize(recorders, settings.seconds, bytes_written() - before);
  figure.disk_per_payload *= static_cast<double>(kValueBytes) / static_cast<double>(bytes);
  return figure;
}

double status_mib(std::string_view field) {
  std::ifstream file("/proc/self/status");
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with(field)) return std::stod(line.substr(field.size())) / 1024;
  }
  return 0;
}

void print_opening(const Settings& settings) {
  TemporaryDirectory directory(settings.directory);
  double without = status_mib("VmRSS:");
  for (const char* what : {"making a store", "opening an empty store", "opening it again"}) {
    Recorder recorder;
    recorder.begin();
    auto store = RocksStore::open({.directory = directory.path() + "/store"});
    recorder.end();
    CHECK(store, store ? "" : store.error().message);
    std::printf("%-24s %6.1f ms, %5.1f MiB more memory\n", what, recorder.all()[0] / 1000,
                status_mib("VmRSS:") - without);
  }
}

double median(std::vector<double> all) {
  std::ranges::sort(all);
  return all[all.size() / 2];
}

struct Contender {
  std::string name;
  std::function<Figure()> run;
  std::vector<Figure> rounds = {};

  double of(double Figure::* member) const {
    std::vector<double> all;
    for (const Figure& round : rounds) all.push_back(round.*member);
    return median(all);
  }
};

void print(const std::vector<Contender>& contenders) {
  std::printf("%-18s %10s %9s %9s %8s %8s\n", "", "per sec", "p50 us", "p99 us", "disk/B", "ratio");
  for (const Contender& one : contenders) {
    bool many = one.name.ends_with("64");
    auto ceiling =
        std::ranges::find(contenders, many ? "rocksdb 64" : "rocksdb 1", &Contender::name);
    double base = ceiling == contenders.end() ? NAN : ceiling->of(&Figure::per_second);
    std::printf("%-18s %10.0f %9.0f %9.0f %8.2f", one.name.c_str(), one.of(&Figure::per_second),
                one.of(&Figure::p50_us), one.of(&Figure::p99_us),
                one.of(&Figure::disk_per_payload));
    if (!std::isnan(base)) std::printf(" %7.0f%%", 100 * one.of(&Figure::per_second) / base);
    std::printf("\n");
  }
}

ShapeOption parse_shape(const char* text) {
  ShapeOption shape;
  size_t puts = 0, bytes = 0;
  CHECK(std::sscanf(text, "%zu,%zu,%zu,%zu", &shape.writers, &shape.group, &puts, &bytes) == 4 &&
            shape.writers > 0 && shape.group > 0 && puts > 0 && bytes > 0,
        "--shape WRITERS,GROUP,PUTS,BYTES");
  // A value is a piece of those that are prepared.
  puts = std::max(puts, (bytes + kValueBytes - 1) / kValueBytes);
  const size_t row_bytes = std::max(bytes / puts, kRowBytes + 1);
  shape.commit = {
      .puts = puts, .value_bytes = row_bytes - kRowBytes, .payload_bytes = puts * row_bytes};
  return shape;
}

Settings parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string_view name = argv[i];
    if (name == "--directory") settings.directory = argv[i + 1];
    if (name == "--seconds") settings.seconds = std::stod(argv[i + 1]);
    if (name == "--only") settings.only = argv[i + 1];
    if (name == "--rounds") settings.rounds = std::stoul(argv[i + 1]);
    if (name == "--shape") settings.shape = parse_shape(argv[i + 1]);
  }
  return settings;
}

std::vector<Contender> sized_contenders(const Settings& settings) {
  std::vector<Contender> all;
  for (size_t kib : {16, 64, 256}) {
    for (Place place : {Place::kInline, Place::kFile}) {
      auto name = fmt::format("sized {}K {}", kib, place == Place::kInline ? "inline" : "file");
      all.push_back(
          {name, [&settings, kib, place] { return run_sized(settings, kib << 10, place); }});
    }
  }
  return all;
}

std::vector<Contender> shape_contenders(const Settings& settings) {
  const ShapeOption shape = settings.shape;
  return {{fmt::format("rocksdb {}", shape.writers),
           [&settings, shape] { return run_rocksdb(settings, shape.writers, shape.commit); }},
          {fmt::format("ideal {}", shape.group),
           [&settings, shape] { return run_ideal(settings, shape.group, shape.commit); }}};
}

int run_all(const Settings& settings) {
  std::vector<Contender> contenders = {
      {"fdatasync", [&] { return run_fdatasync(settings); }},
      {"rocksdb 1", [&] { return run_rocksdb(settings, 1); }},
      {"store 1", [&] { return run_store(settings, Shape::kValue, 1); }},
      {"blob 1", [&] { return run_store(settings, Shape::kBlob, 1); }},
      {"rocksdb 64", [&] { return run_rocksdb(settings, 64); }},
      {"ideal 64", [&] { return run_ideal(settings, 64); }},
      {"store 64", [&] { return run_store(settings, Shape::kValue, 64); }},
      {"blob 64", [&] { return run_store(settings, Shape::kBlob, 64); }},
  };
  if (settings.only == "sized") contenders = sized_contenders(settings);
  if (settings.shape.writers > 0) contenders = shape_contenders(settings);
  std::erase_if(contenders, [&](const Contender& one) {
    return one.name.find(settings.only) == std::string::npos;
  });
  if (settings.shape.writers == 0) print_opening(settings);
  for (size_t round = 0; round < settings.rounds; ++round) {
    for (Contender& one : contenders) {
      one.rounds.push_back(one.run());
      std::fprintf(stderr, ".");
    }
  }
  std::fprintf(stderr, "\n");
  print(contenders);
  return 0;
}

}  // namespace
}  // namespace suiro::store

int main(int argc, char** argv) {
  return suiro::store::run_all(suiro::store::parse(argc, argv));
}
