// SPDX-License-Identifier: Apache-2.0
// A load generator for every system that is compared: one thread, epoll, N connections, each with
// one request in flight. What is sent and how a reply ends is a Dialogue's knowledge; waiting,
// counting and timing is the same for all.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace suiro::bench {

// The talk on one connection: steps of request and reply; some steps close a cycle (one put; one
// send + receive + delete).
class Dialogue {
 public:
  virtual ~Dialogue() = default;
  // Appends the first request.
  virtual void begin(std::string& out) = 0;
  // kCycleClosed: a cycle, after which the server closes; the next request needs a connection anew.
  enum class Step { kIncomplete, kContinue, kCycle, kCycleClosed, kFailed };
  // Looks at what has arrived. A whole reply is removed from `in`, and the next request appended to
  // `out`. On kFailed, error() tells why.
  virtual Step reply(std::string& in, std::string& out) = 0;
  const std::string& error() const { return error_; }

 protected:
  std::string error_;
};

using MakeDialogue = std::function<std::unique_ptr<Dialogue>(size_t connection)>;

struct LoadOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  size_t connections = 1;
  std::chrono::milliseconds warm_up{300};
  std::chrono::milliseconds duration{3000};
  uint64_t cycles_max = UINT64_MAX;  // the run ends when so many are counted
};

struct LoadResult {
  uint64_t cycles = 0;
  double seconds = 0;
  std::vector<uint32_t> latencies_us;  // of cycles, sorted
  std::string error;                   // not empty: the run is void

  double per_second() const { return seconds > 0 ? static_cast<double>(cycles) / seconds : 0; }
  double percentile_ms(double share) const;
};

// Runs for the given time and stops by itself. Loopback addresses only.
LoadResult run_load(const LoadOptions& options, const MakeDialogue& make);

}  // namespace suiro::bench
