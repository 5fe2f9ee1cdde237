// SPDX-License-Identifier: Apache-2.0
// Suiro's own access log, in the format of the Application Load Balancer (Elastic Load Balancing
// User Guide, "Access log entries"), and its delivery to a bucket as gzip files.
//
// Lines are collected per shard and appended to <data>/log/access.log. Every interval the file is
// closed under a name of its own, compressed and put into the bucket; a file is removed only after
// the put was acknowledged, so that a crash delivers it later (perhaps twice, under the same key).
// Without a bucket the log is kept in the data directory, in at most kFilesKept files of
// kFileBytesMax.
//
// Invariants:
//  1. add() never blocks on the disk and never fails a request.
//  2. At most kPendingBytesMax wait in memory; lines beyond that are dropped and counted.
// Threads: add() from any shard; the rest on shard 0.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/shard.h"

namespace suiro::server {

struct AccessEntry {
  // The views are borrowed.
  TimePoint request_created;
  Micros request_processing{0};   // until the handler had the request
  Micros target_processing{0};    // in the handler
  Micros response_processing{0};  // writing the reply
  TimePoint finished;
  std::string client;       // "127.0.0.1:51234"
  std::string_view server;  // "127.0.0.1:4566"
  bool secure = false;
  int version = 11;  // of HTTP
  int status = 0;
  uint64_t received_bytes = 0;
  uint64_t sent_bytes = 0;
  std::string_view method;
  std::string_view host;
  std::string_view target;  // path and query as the client sent them
  std::string_view user_agent;
  std::string_view tls_cipher;
  std::string_view tls_protocol;
  std::string_view trace_id;
};

// One line, without the line break. Quotes, backslashes and control characters of the client's
// texts are escaped as \xHH, so that a line always has the same number of fields.
std::string format_alb_line(const AccessEntry& entry, std::string_view region,
                            std::string_view account);
// The same, behind what `out` holds.
void append_alb_line(std::string& out, const AccessEntry& entry, std::string_view region,
                     std::string_view account);

// Object key of a delivered file, as the load balancer names it:
// [prefix/]AWSLogs/<account>/elasticloadbalancing/<region>/yyyy/mm/dd/
// <account>_elasticloadbalancing_<region>_app.suiro.<id>_<end>_<ip>_<random>.log.gz
std::string delivered_key(std::string_view prefix, std::string_view account,
                          std::string_view region, TimePoint end, std::string_view address,
                          std::string_view random);

class AccessLog {
 public:
  // Puts an object; the server wires it to the S3 service's own operation.
  using Put = std::function<Task<Result<void>>(std::string bucket, std::string key, Bytes body)>;
  struct Config {
    std::filesystem::path directory;  // <data>/log
    std::string region;
    std::string account;
    std::string address;  // the server's, for the key
    std::string bucket;   // empty: no delivery
    std::string prefix;
    std::chrono::minutes interval{5};
  };
  AccessLog(Shards& shards, Clock& clock, Config config, Put put);
  ~AccessLog();

  // Opens the file and starts the loops. Errors: the system's.
  Result<void> start();
  // Writes what is pending; leaves the file for the next start or delivery.
  Task<void> stop();
  void add(const AccessEntry& entry);

 private:
  Task<void> write_loop();
  Task<void> deliver_loop();
  void write_pending();
  void rotate();
  void drop_oldest();
  Task<void> deliver_closed_files();
  Task<Result<void>> deliver(std::filesystem::path file);
  Result<void> open_file();

  Shards& shards_;
  Clock& clock_;
  Config config_;
  Put put_;
  TaskScope scope_;
  Signal wake_;
  int fd_ = -1;
  uint64_t file_bytes_ = 0;
  std::vector<std::string> pending_;  // one a shard; touched on that shard only
  std::atomic<uint64_t> pending_bytes_ = 0;
  std::atomic<uint64_t> dropped_ = 0;
  std::string collected_;  // on shard 0
};

}  // namespace suiro::server
