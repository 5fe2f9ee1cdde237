// SPDX-License-Identifier: Apache-2.0
#include "engine/container/folder_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <boost/asio/redirect_error.hpp>

#include "engine/sandbox/files.h"

namespace suiro::container {

Result<void> FolderWatch::start(TaskScope& scope) {
  int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (descriptor < 0) return fail(sandbox::errno_error("inotify"));
  stream_.assign(descriptor);
  scope.spawn(run());
  return ok();
}

void FolderWatch::stop() {
  boost::system::error_code ignored;
  stream_.close(ignored);
  watches_.clear();
}

Result<int> FolderWatch::add(const std::string& folder, std::function<void()> changed) {
  int watch = ::inotify_add_watch(stream_.native_handle(), folder.c_str(),
                                  IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
  if (watch < 0) return fail(sandbox::errno_error("watch " + folder));
  watches_[watch] = std::move(changed);
  return watch;
}

void FolderWatch::remove(int watch) {
  if (watches_.erase(watch) > 0) ::inotify_rm_watch(stream_.native_handle(), watch);
}

Task<void> FolderWatch::run() {
  alignas(inotify_event) char events[16 * 1024];
  for (;;) {
    boost::system::error_code error;
    co_await stream_.async_wait(asio::posix::stream_descriptor::wait_read,
                                asio::redirect_error(use_task, error));
    if (error || !stream_.is_open()) co_return;
    ssize_t count = ::read(stream_.native_handle(), events, sizeof events);
    bool lost = false;
    for (ssize_t at = 0; at < count;) {
      auto* event = reinterpret_cast<inotify_event*>(events + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      lost = lost || (event->mask & IN_Q_OVERFLOW) != 0;
      auto found = watches_.find(event->wd);
      if (found != watches_.end()) found->second();
    }
    if (!lost) continue;
    for (auto& [watch, changed] : watches_) changed();
  }
}

}  // namespace suiro::container
