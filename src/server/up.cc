// SPDX-License-Identifier: Apache-2.0
#include "server/up.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/log.h"
#include "server/app.h"
#include "server/commands.h"

namespace suiro::server {
namespace {

log::Level level_of(std::string_view name) {
  if (name == "debug") return log::Level::kDebug;
  if (name == "warning") return log::Level::kWarning;
  if (name == "error") return log::Level::kError;
  return log::Level::kInfo;
}

// Blocks the signals in every thread that is started later; the main thread waits for them.
sigset_t block_stop_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  return stop;
}

}  // namespace

Result<void> up(const Settings& settings) {
  log::set_level(level_of(settings.log_level));
  sigset_t stop = block_stop_signals();
  TRY(auto app, App::make(settings));
  if (auto started = app->start(); !started) {
    // Threads may run already. The store recovers from any end; unwinding half a start would not
    // make it safer.
    fmt::print(stderr, "suiro: {}\n", started.error().message);
    std::fflush(stderr);
    std::_Exit(1);
  }
  if (settings.auth == Auth::kOff) {
    log::warning("signatures are not checked (auth is off): whoever reaches {} is root",
                 app->endpoint());
  }
  fmt::print("suiro {} ready: {} (region {}, account {}, data {})\n", kVersion, app->endpoint(),
             settings.region, settings.account, settings.data.string());
  std::fflush(stdout);

  int received = 0;
  sigwait(&stop, &received);
  log::info("{}: draining", received == SIGTERM ? "SIGTERM" : "SIGINT");
  // A second signal ends the process: what is in flight resumes at the next start.
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &stop, nullptr);
  app->stop();
  log::info("stopped");
  return ok();
}

}  // namespace suiro::server
