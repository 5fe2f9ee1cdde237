// SPDX-License-Identifier: Apache-2.0
// Sandboxes: processes of functions, each in its own namespaces and control groups.
//
// Place: services/lambda decides when a sandbox is made, used and closed; this folder starts the
// runtime (our own client for Python and Node, or the function's bootstrap), speaks the Lambda
// runtime API with it, captures its output, meters it and ends it. README.md tells what is
// protected.
//
// Invariants:
//  1. A sandbox runs one invocation at a time.
//  2. No process of a sandbox outlives close(), the process of Suiro (kill -9 included), or the
//     invocation that timed out, ran out of memory or exited: such a sandbox is dead and answers no
//     further invocation.
//  3. Nothing of the machine is visible in a sandbox but the read-only system (/usr), the
//  function's
//     code (read-only), its runtime client and its own /tmp; nothing of the network but the two
//     loopback ports that Suiro itself serves.
//  4. Every protection of 2 and 3 that the machine forbids is named by Host::probe(); without
//     Unsandboxed::kAllow create() then refuses.
//
// Thread: a Host is used from any shard between start() and stop(); a Sandbox belongs to the
// executor on which create() was called, and calls its consumers there. Blocking system calls run
// on the host's own launcher thread. Failure: what the function does wrong is an Outcome; an Error
// is Suiro's or the machine's failure.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/task.h"

namespace suiro::sandbox {

// Lambda quotas ("Lambda quotas", AWS Lambda Developer Guide).
inline constexpr size_t kPayloadBytesMax = 6 * 1024 * 1024;
inline constexpr uint32_t kMemoryMbMin = 128;
inline constexpr uint32_t kMemoryMbMax = 10'240;
inline constexpr Millis kTimeoutMax{900'000};
inline constexpr Millis kInitTimeout{10'000};
inline constexpr size_t kLogTailBytes = 4096;
inline constexpr size_t kLogLineBytesMax =
    256 * 1024;  // longer lines are cut into lines of this size

struct LogLine {
  TimePoint time;
  std::string text;  // without the newline; may hold any bytes
};
// Takes lines in order (START, the function's output, END, REPORT). Awaited before further lines
// are handed over, so that a slow consumer slows the function's writes and nothing piles up.
using LogConsumer = std::function<Task<void>(std::vector<LogLine>)>;

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // may be empty
};

// What a function is to its sandbox.
struct Spec {
  std::string runtime;         // python3.11, nodejs18.x, nodejs20.x, provided.al2023
  std::string code_directory;  // host path; seen at /var/task, read-only; must outlive the sandbox
  std::string handler;         // module.function; anything for provided.al2023 (_HANDLER)
  std::vector<std::pair<std::string, std::string>> environment;
  uint32_t memory_mb = 128;
  uint32_t ephemeral_storage_mb = 512;  // size of /tmp
  Millis timeout{3'000};
  std::string function_name;
  std::string function_arn;  // unqualified
  std::string version = "$LATEST";
  std::string account;
  std::string region;
  std::string log_group;
  std::string log_stream;
  Credentials credentials;
  LogConsumer logs;  // may be empty: lines are dropped, the tail is kept
};

struct Invocation {
  Bytes payload;  // JSON; at most kPayloadBytesMax
  std::string request_id;
  std::string invoked_arn;
  std::string trace_header;    // X-Amzn-Trace-Id
  std::string client_context;  // decoded JSON; may be empty
  std::string cognito_identity;
};

struct Outcome {
  enum class End {
    kReturned,       // payload is the function's result
    kFunctionError,  // the function or its start raised; payload is the error document
    kTimeout,        // killed at its timeout
    kOutOfMemory,    // killed: more than memory_mb
    kExited,         // the runtime process ended
  };
  End end = End::kReturned;
  // The result, or the error document {"errorMessage", "errorType", "stackTrace", "requestId"} as
  // Invoke answers it with X-Amz-Function-Error: Unhandled.
  Bytes payload;
  std::string error_type;               // empty when returned
  std::string error_message;            // as in the document
  Micros duration{0};                   // of the invocation alone
  std::optional<Micros> init_duration;  // present where this invocation paid the cold start
  Millis billed{0};                     // duration + init duration, rounded up to a millisecond
  uint32_t memory_used_mb = 0;          // highest seen in the life of the sandbox
  std::string log_tail;                 // last kLogTailBytes of the invocation's log
};

class Sandbox {
 public:
  virtual ~Sandbox() = default;  // close() must have been awaited
  // Runs one invocation. The first waits for the runtime's start (at most kInitTimeout, and then
  // the function's timeout). Thaws first where frozen. Errors: kClosed when the sandbox is dead or
  // closing, kTooLarge for the payload.
  virtual Task<Result<Outcome>> invoke(Invocation invocation) = 0;
  // False once the runtime has ended for any reason: close it and make another. May turn false
  // between invocations.
  virtual bool alive() const = 0;
  // The runtime has come up: it asked for its first invocation, or it failed to start.
  virtual bool started() const = 0;
  // No invocation runs.
  virtual bool idle() const = 0;
  virtual TimePoint idle_since() const = 0;
  virtual bool frozen() const = 0;
  // Ends every process, waits for their end, hands the last lines to the log consumer and removes
  // what the sandbox left. An invocation in flight ends with kExited. Awaited by one; further
  // calls do nothing.
  virtual Task<void> close() = 0;
};

// What the machine allows. A line per protection for the start-up log: "memory limit: cgroup v1" or
// "memory limit: MISSING (…why, and what would give it)".
struct Probe {
  struct Line {
    std::string protection;
    bool present = false;
    std::string detail;
    std::string str() const;
  };
  std::vector<Line> lines;
  // "python3.11: /usr/bin/python3.11", "nodejs20.x: no node found"; not protections.
  std::vector<std::string> runtimes;
  bool complete() const;                     // every line is present
  std::vector<std::string> missing() const;  // str() of those that are not
};

enum class Unsandboxed { kRefuse, kAllow };

// The server's end of a sandbox's AWS endpoint: takes ownership of `listener`, a listening TCP
// socket inside the sandbox's network namespace, and serves it until the returned function is
// called. Both run on the sandbox's executor.
using ServeEndpoint =
    std::function<std::move_only_function<void()>(int listener, const std::string& function_arn)>;

struct Config {
  // Private to Suiro (made with mode 0700): runtime clients and the sandboxes' folders.
  std::string run_directory;
  // Names the control groups; stable over restarts of one data directory and different between
  // servers of one machine, so that a start removes what a killed predecessor left, and only that.
  std::string instance;
  Unsandboxed unsandboxed = Unsandboxed::kRefuse;
  uint32_t sandboxes_max = 256;
  uint16_t endpoint_port = 4566;  // in the sandbox
  ServeEndpoint serve_endpoint;   // empty: sandboxes have no AWS endpoint
  // An idle sandbox is frozen after this time; until then background threads go on.
  Millis freeze_after{100};
  // Programs; empty: looked up in /usr/bin and /usr/local/bin.
  std::string bwrap;
  std::string python;
  std::string node;
};

class Host {
 public:
  virtual ~Host() = default;  // stop() must have been awaited
  // Removes what a killed predecessor left, writes the runtime clients, probes the machine.
  // Errors: the run directory cannot be written (stop() is still due). Missing protections are no
  // error.
  virtual Task<Result<void>> start() = 0;
  // After start(); constant.
  virtual const Probe& probe() const = 0;
  // nullopt when functions of this runtime can be started; else why not, for CreateFunction's and
  // Invoke's error (interpreter absent, protection missing and not allowed, unknown runtime).
  virtual std::optional<std::string> refusal(std::string_view runtime) const = 0;
  // Starts a runtime; its own initialisation goes on while this returns.
  // Errors: kInvalidArgument (runtime unknown), kUnavailable (refusal()), kThrottled
  // (sandboxes_max), kInternal (the machine refused).
  virtual Task<Result<std::unique_ptr<Sandbox>>> create(Spec spec) = 0;
  // Every sandbox must be closed before.
  virtual Task<void> stop() = 0;
};

std::unique_ptr<Host> make_host(Config config, Clock& clock);

}  // namespace suiro::sandbox
