// SPDX-License-Identifier: Apache-2.0
#include "engine/sandbox/process_sandbox.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/redirect_error.hpp>
#include <cstring>
#include <filesystem>

#include "base/check.h"
#include "base/log.h"
#include "engine/sandbox/report.h"

namespace suiro::sandbox {

namespace {

constexpr size_t kOutputReadBytes = 64 * 1024;
// One drain takes what the pipe can hold and a little of what is printed meanwhile.
constexpr size_t kDrainBytesMax = 256 * 1024;
constexpr Millis kMemorySampleInterval{100};
constexpr Millis kListenersTimeout{10'000};
constexpr uint64_t kMegabyte = 1024 * 1024;

uint64_t megabytes_up(uint64_t bytes) {
  return (bytes + kMegabyte - 1) / kMegabyte;
}

}  // namespace

ProcessSandbox::ProcessSandbox(Executor executor, SandboxSetting setting, Spec spec,
                               Launched launched, std::unique_ptr<Cgroup> group, Micros launched_at)
    : executor_(executor),
      setting_(std::move(setting)),
      spec_(std::move(spec)),
      launched_(std::move(launched)),
      group_(std::move(group)),
      launched_at_(launched_at),
      scope_(executor),
      changed_(executor),
      pidfd_(executor, ::dup(launched_.pidfd.get())),
      output_(executor, launched_.output.release()),
      control_(executor, launched_.control.release()),
      api_(scope_, *this),
      logs_(executor, setting_.clock, spec_.logs),
      idle_since_(setting_.clock.now()) {
  scope_.spawn(watch_exit());
  scope_.spawn(pump());
  scope_.spawn(logs_.run());
}

ProcessSandbox::~ProcessSandbox() {
  CHECK(closed_, "a sandbox was destroyed before it was closed");
}

// --- start ---

Task<Result<void>> ProcessSandbox::start() {
  auto received = co_await receive_listeners();
  find_inner(launched_);
  if (received) {
    launched_.info.reset();
    logs_.add("INIT_START Runtime Version: " + spec_.runtime);
    co_return received;
  }
  co_await kill();
  drain();
  std::string said = logs_.tail();
  co_return fail(codes::kInternal,
                 fmt::format("the sandbox did not start: {}",
                             said.empty() ? received.error().message : trim(said)));
}

Task<Result<void>> ProcessSandbox::receive_listeners() {
  auto expiry = setting_.clock.alarm(executor_, setting_.clock.now() + kListenersTimeout,
                                     [this] { control_.cancel(); });
  boost::system::error_code error;
  co_await control_.async_wait(Stream::wait_read, asio::redirect_error(use_task, error));
  expiry.reset();
  if (error) co_return fail(codes::kTimeout, "no word from the launcher");
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char space[CMSG_SPACE(2 * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  if (::recvmsg(control_.native_handle(), &message, MSG_CMSG_CLOEXEC) != 1) {
    co_return fail(codes::kInternal, "the launcher ended");
  }
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) {
    co_return fail(codes::kInternal, "no listeners from the launcher");
  }
  int values[2] = {-1, -1};
  std::memcpy(values, CMSG_DATA(header), std::min(header->cmsg_len - CMSG_LEN(0), sizeof values));
  Descriptor api(values[0]), endpoint(values[1]);
  control_.close(error);
  CO_TRY_VOID(api_.start(std::move(api)));
  if (endpoint && setting_.serve_endpoint) {
    stop_endpoint_ = setting_.serve_endpoint(endpoint.release(), spec_.function_arn);
  }
  co_return ok();
}

Task<void> ProcessSandbox::watch_exit() {
  siginfo_t info{};
  while (info.si_pid == 0) {
    boost::system::error_code error;
    co_await pidfd_.async_wait(Stream::wait_read, asio::redirect_error(use_task, error));
    CHECK(!error, "the process's descriptor failed");
    int waited =
        ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.native_handle()), &info, WEXITED | WNOHANG);
    CHECK(waited == 0 || errno == EINTR, "waitid");
  }
  // A namespace's outermost process reports a signal inside as 128 + signal already.
  exit_status_ = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
  exited_ = true;
  changed_.notify_all();
}

// --- output ---

Task<void> ProcessSandbox::pump() {
  std::string bytes(kOutputReadBytes, '\0');
  for (;;) {
    boost::system::error_code error;
    size_t count = co_await output_.async_read_some(asio::buffer(bytes),
                                                    asio::redirect_error(use_task, error));
    if (error) break;  // every process that could print has ended
    logs_.add_all(splitter_.feed(std::string_view(bytes).substr(0, count)));
    co_await logs_.wait_for_space();
  }
}

// Takes what was printed until now, so that it stands before END.
void ProcessSandbox::drain() {
  std::string bytes(kOutputReadBytes, '\0');
  for (size_t total = 0; total < kDrainBytesMax && output_.is_open();) {
    ssize_t count = ::read(output_.native_handle(), bytes.data(), bytes.size());
    if (count <= 0) break;
    total += static_cast<size_t>(count);
    logs_.add_all(splitter_.feed(std::string_view(bytes).substr(0, static_cast<size_t>(count))));
  }
  if (auto line = splitter_.flush(); !line.empty()) logs_.add(std::move(line));
}

// --- what the runtime calls ---

Task<std::optional<RuntimeCalls::Work>> ProcessSandbox::next() {
  if (!init_duration_) {
    init_duration_ = setting_.clock.steady() - launched_at_;
    changed_.notify_all();
  }
  while (!closing_ && !killed_ && !(running_ && !running_->dispatched)) co_await changed_.wait();
  if (closing_ || killed_) co_return std::nullopt;
  running_->dispatched = true;
  running_->dispatched_at = setting_.clock.steady();
  co_return work_of(running_->invocation);
}

RuntimeCalls::Work ProcessSandbox::work_of(const Invocation& invocation) {
  TimePoint deadline = setting_.clock.now() + spec_.timeout;
  Work work;
  work.headers = {
      {"Lambda-Runtime-Aws-Request-Id", invocation.request_id},
      {"Lambda-Runtime-Deadline-Ms", fmt::format("{}", deadline.time_since_epoch().count())},
      {"Lambda-Runtime-Invoked-Function-Arn", invocation.invoked_arn},
      {"Lambda-Runtime-Trace-Id", invocation.trace_header}};
  if (!invocation.client_context.empty()) {
    work.headers.emplace_back("Lambda-Runtime-Client-Context", invocation.client_context);
  }
  if (!invocation.cognito_identity.empty()) {
    work.headers.emplace_back("Lambda-Runtime-Cognito-Identity", invocation.cognito_identity);
  }
  work.payload = invocation.payload;
  return work;
}

bool ProcessSandbox::is_running(std::string_view request_id) const {
  return running_ && running_->dispatched && !running_->over() &&
         running_->invocation.request_id == request_id;
}

bool ProcessSandbox::returned(std::string_view request_id, Bytes payload) {
  if (!is_running(request_id)) return false;
  running_->returned = std::move(payload);
  changed_.notify_all();
  return true;
}

bool ProcessSandbox::raised(std::string_view request_id, std::string error_type, Bytes document) {
  if (!is_running(request_id)) return false;
  running_->error = ErrorReport{std::move(error_type), std::move(document)};
  changed_.notify_all();
  return true;
}

bool ProcessSandbox::response_too_large(std::string_view request_id) {
  if (!is_running(request_id)) return false;
  running_->too_large = true;
  changed_.notify_all();
  return true;
}

bool ProcessSandbox::init_raised(std::string error_type, Bytes document) {
  if (init_duration_ || init_error_) return false;
  init_duration_ = setting_.clock.steady() - launched_at_;
  init_error_ = ErrorReport{std::move(error_type), std::move(document)};
  changed_.notify_all();
  return true;
}

// --- freezing and memory ---

void ProcessSandbox::freeze() {
  if (busy_ || closing_ || exited_ || !group_) return;
  frozen_ = group_->freeze();
}

void ProcessSandbox::thaw() {
  freeze_alarm_.reset();
  if (frozen_ && group_) group_->thaw();
  frozen_ = false;
}

void ProcessSandbox::become_idle() {
  idle_since_ = setting_.clock.now();
  freeze_alarm_ =
      setting_.clock.alarm(executor_, idle_since_ + setting_.freeze_after, [this] { freeze(); });
}

void ProcessSandbox::sample_memory() {
  if (!group_) return;
  memory_sampled_at_ = setting_.clock.steady();
  auto use = group_->use();
  memory_peak_bytes_ = std::max(memory_peak_bytes_, use.anonymous_bytes);
  bool over = use.anonymous_bytes > spec_.memory_mb * kMegabyte;
  if (!over && (use.out_of_memory_kills == 0 || !exited_)) return;
  memory_exceeded_ = true;
  memory_peak_bytes_ = spec_.memory_mb * kMegabyte;
  changed_.notify_all();
}

// The group's hard limit leaves room for /tmp, which is memory too; what the function itself
// allocates is held to memory_mb by looking (decision 052).
void ProcessSandbox::watch_memory() {
  memory_alarm_ =
      setting_.clock.alarm(executor_, setting_.clock.now() + kMemorySampleInterval, [this] {
        if (!busy_ || exited_) return;
        sample_memory();
        watch_memory();
      });
}

// --- invocation ---

Task<Result<Outcome>> ProcessSandbox::invoke(Invocation invocation) {
  CHECK(!busy_, "a sandbox runs one invocation at a time");
  if (invocation.payload.size() > kPayloadBytesMax) {
    co_return fail(codes::kTooLarge, "the payload is larger than 6 MiB");
  }
  bool first = !invoked_;
  // The first invocation gets the answer even of a start that has failed already.
  if (closing_ || killed_ || (!first && !alive())) {
    co_return fail(codes::kClosed, "the sandbox has ended", Retry::kLater);
  }
  busy_ = invoked_ = true;
  thaw();
  if (!first) logs_.start_tail();
  watch_memory();
  TimePoint now = setting_.clock.now();
  logs_.add(start_line(invocation.request_id, spec_.version));
  running_.emplace(Running{std::move(invocation)});
  co_await wait_for_start(now + kInitTimeout + spec_.timeout);
  if (init_duration_ && !init_error_) {
    TimePoint deadline = setting_.clock.now() + spec_.timeout;
    changed_.notify_all();
    while (!running_->over() && !exited_ && !memory_exceeded_ && !closing_ && !timed_out_) {
      timed_out_ =
          co_await changed_.wait_until(setting_.clock, deadline) == Signal::Wake::kTimeout &&
          !running_->over();
    }
  }
  Outcome outcome = co_await finish(first);
  memory_alarm_.reset();
  running_.reset();
  busy_ = false;
  become_idle();
  changed_.notify_all();
  co_return outcome;
}

Task<void> ProcessSandbox::wait_for_start(TimePoint deadline) {
  while (!init_duration_ && !exited_ && !memory_exceeded_ && !closing_ && !timed_out_) {
    timed_out_ = co_await changed_.wait_until(setting_.clock, deadline) == Signal::Wake::kTimeout &&
                 !init_duration_;
  }
}

Task<Outcome> ProcessSandbox::finish(bool first) {
  Micros now = setting_.clock.steady();
  Outcome outcome;
  outcome.duration = running_->dispatched ? now - running_->dispatched_at : Micros(0);
  if (first) outcome.init_duration = init_duration_.value_or(now - launched_at_);
  bool fine = running_->over() || init_error_;
  if (!fine) co_await kill();
  drain();
  if (!fine || now - memory_sampled_at_ > kMemorySampleInterval) sample_memory();
  if (running_->returned) {
    outcome.payload = std::move(*running_->returned);
  } else if (fine) {
    fill_error(outcome);
  } else {
    fill_exit(outcome);
  }
  outcome.billed = billed_time(outcome);
  outcome.memory_used_mb = static_cast<uint32_t>(megabytes_up(memory_peak_bytes_));
  const std::string& id = running_->invocation.request_id;
  logs_.add(end_line(id));
  logs_.add(report_line(id, outcome, spec_.memory_mb));
  outcome.log_tail = logs_.tail();
  co_return outcome;
}

// The function or its start told of an error.
void ProcessSandbox::fill_error(Outcome& outcome) {
  outcome.end = Outcome::End::kFunctionError;
  if (running_->too_large) {
    outcome.error_type = "Function.ResponseSizeTooLarge";
    outcome.error_message =
        fmt::format("Response payload size exceeded maximum allowed payload size ({} bytes).",
                    kResponseBytesMax);
    outcome.payload = error_document(outcome.error_type, outcome.error_message);
    return;
  }
  ErrorReport& report = running_->error ? *running_->error : *init_error_;
  auto [type, message] = read_error(report.document);
  outcome.error_type = type.empty() ? report.type : type;
  outcome.error_message = message;
  outcome.payload = report.document;
  if (!outcome.payload.empty()) return;
  outcome.payload = error_document(outcome.error_type, outcome.error_message);
}

// The runtime was killed or ended.
void ProcessSandbox::fill_exit(Outcome& outcome) {
  const std::string& id = running_->invocation.request_id;
  if (timed_out_) {
    double seconds = static_cast<double>(spec_.timeout.count()) / 1000.0;
    std::string text = fmt::format("Task timed out after {:.2f} seconds", seconds);
    outcome.end = Outcome::End::kTimeout;
    outcome.duration = spec_.timeout;
    outcome.error_type = "Sandbox.Timedout";
    outcome.error_message = fmt::format("RequestId: {} Error: {}", id, text);
    logs_.add(fmt::format("{} {} {}", format_iso8601(setting_.clock.now()), id, text));
  } else {
    bool silent = !memory_exceeded_ && exit_status_ == 0;
    outcome.end = memory_exceeded_ ? Outcome::End::kOutOfMemory : Outcome::End::kExited;
    outcome.error_type = "Runtime.ExitError";
    outcome.error_message = fmt::format(
        "RequestId: {} Error: Runtime exited {}", id,
        silent ? "without providing a reason" : "with error: " + exit_reason(exit_status_));
    logs_.add(outcome.error_message);
    logs_.add("Runtime.ExitError");
  }
  outcome.payload = error_document(outcome.error_type, outcome.error_message);
}

// --- the end ---

Task<void> ProcessSandbox::kill() {
  killed_ = true;
  changed_.notify_all();
  if (!exited_) {
    find_inner(launched_);
    kill_all(launched_, setting_.isolation);
    // A process that a version-1 freezer holds dies when it is let go.
    if (group_) group_->thaw();
    frozen_ = false;
  }
  while (!exited_) co_await changed_.wait();
}

Task<void> ProcessSandbox::close() {
  if (closing_) co_return;
  closing_ = true;
  freeze_alarm_.reset();
  changed_.notify_all();
  co_await kill();
  while (busy_) co_await changed_.wait();
  freeze_alarm_.reset();
  if (stop_endpoint_) stop_endpoint_();
  api_.stop();
  auto* group = group_.get();
  std::string tmp = setting_.tmp_directory;
  auto cleaning = [group, tmp]() -> Task<Result<void>> {
    Result<void> result;
    if (group != nullptr) result = group->remove();
    std::error_code ignored;
    if (!tmp.empty()) std::filesystem::remove_all(tmp, ignored);
    co_return result;
  };
  if (auto cleaned = co_await run_on(setting_.launcher, cleaning); !cleaned) {
    log::warning("sandbox: {}", cleaned.error().message);
  }
  // Without namespaces a process that left the session may still hold the pipe.
  drain();
  boost::system::error_code ignored;
  output_.close(ignored);
  logs_.close();
  co_await scope_.close();
  setting_.freed();
  closed_ = true;
  changed_.notify_all();
}

}  // namespace suiro::sandbox
