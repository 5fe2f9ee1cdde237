// SPDX-License-Identifier: Apache-2.0
#include "services/states/test_state_live.h"

#include <fmt/format.h>

#include "engine/http_out/client.h"
#include "services/states/limits.h"

namespace suiro::states {
namespace {

std::string protocol_of(std::string_view url) {
  return std::string(url.substr(0, url.find(':')));
}

// "[name: value, name: value]", as AWS shows them.
std::string shown(const http_out::Headers& headers) {
  std::string out = "[";
  for (const auto& [name, value] : headers) {
    if (out.size() > 1) out += ", ";
    out += fmt::format("{}: {}", name, value);
  }
  return out + "]";
}

std::string text_of(const Bytes& body) {
  return is_valid_utf8(body) ? std::string(body) : base64_encode(body);
}

}  // namespace

LiveTest::LiveTest(Parts parts, std::unique_ptr<workflow::TestRun> run, TaskCall call,
                   Secrets secrets)
    : kernel_(parts.kernel),
      performer_(parts.performer),
      scope_(parts.scope),
      run_(std::move(run)),
      call_(std::move(call)),
      secrets_(secrets),
      wake_(parts.scope.executor()) {}

Task<Result<void>> LiveTest::run(std::shared_ptr<LiveTest> test,
                                 std::shared_ptr<Cancellation> caller) {
  auto driven = co_await drive(test, std::move(caller));
  test->cancellation_->cancel();
  test->wake_.notify_all();
  co_return driven;
}

Task<Result<void>> LiveTest::drive(std::shared_ptr<LiveTest> test,
                                   std::shared_ptr<Cancellation> caller) {
  LiveTest& self = *test;
  Clock& clock = self.kernel_.clock;
  const TimePoint end = clock.now() + kTestDurationMax;
  std::unique_ptr<Cancellation::Subscription> watch;
  if (caller) {
    watch = caller->subscribe(self.scope_.executor(), [test] { test->wake_.notify_all(); });
  }
  self.inbox_.push_back(workflow::Started{});
  while (!self.run_->answer()) {
    if (caller && caller->cancelled()) co_return fail(codes::kClosed, "nobody waits any more");
    const TimePoint now = clock.now();
    if (now >= end) {
      self.run_->time_out();
      break;
    }
    const auto timer = self.run_->next_timer();
    if (self.inbox_.empty() && timer && timer->due <= now) {
      self.inbox_.push_back(workflow::TimerFired{timer->id});
    }
    if (self.inbox_.empty()) {
      co_await self.wake_.wait_until(clock, timer ? std::min(timer->due, end) : end);
      continue;
    }
    workflow::Occurrence next = std::move(self.inbox_.front());
    self.inbox_.pop_front();
    CO_TRY_VOID(self.run_->step(std::move(next), now));
    if (auto effect = self.run_->take_task()) {
      self.scope_.spawn(perform(test, *std::move(effect)));
    }
  }
  co_return ok();
}

Task<void> LiveTest::perform(std::shared_ptr<LiveTest> test, workflow::TaskEffect effect) {
  TaskCall call = test->call_;
  call.effect = std::move(effect);
  co_await test->performer_.perform(std::move(call), *test);
}

Task<Result<void>> LiveTest::report(workflow::Occurrence occurrence) {
  if (cancelled()) co_return fail(codes::kClosed, "nobody waits for this task any more");
  inbox_.push_back(std::move(occurrence));
  wake_.notify_all();
  co_return ok();
}

// Nothing of a test survives.
Task<Result<void>> LiveTest::save(Bytes) {
  co_return ok();
}

Task<Result<void>> LiveTest::report_and_save(workflow::Occurrence occurrence, Bytes) {
  return report(std::move(occurrence));
}

Task<void> LiveTest::wait(Millis duration) {
  const TimePoint due = kernel_.clock.now() + duration;
  while (!cancelled() && kernel_.clock.now() < due) co_await wake_.wait_until(kernel_.clock, due);
}

void LiveTest::sent(const http_out::Request& request) {
  auto& told = http_.request.emplace();
  told.protocol = protocol_of(request.url);
  told.method = request.method;
  told.url = request.url;
  told.headers = shown(request.headers);
  told.body = text_of(request.body);
}

void LiveTest::got(const http_out::Reply& reply, std::string_view reason) {
  auto& told = http_.response.emplace();
  if (http_.request) told.protocol = http_.request->protocol;
  told.status_code = fmt::format("{}", reply.status);
  told.status_message = std::string(reason);
  told.headers = shown(reply.headers);
  told.body = text_of(reply.body);
}

}  // namespace suiro::states
