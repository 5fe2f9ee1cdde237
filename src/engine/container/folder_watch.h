// SPDX-License-Identifier: Apache-2.0
// FolderWatch: tells when files of folders change (inotify). A hint, never the truth: who is told
// looks at the files. Thread: one executor. Failure: kInternal of start() and add().
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <map>
#include <string>

#include "base/result.h"
#include "base/task.h"

namespace suiro::container {

class FolderWatch {
 public:
  explicit FolderWatch(Executor executor) : stream_(executor) {}
  Result<void> start(TaskScope& scope);
  void stop();  // the coroutine in the scope ends soon after
  // Calls `changed` after files were written, made, renamed or the like. Returns the watch's
  // number.
  Result<int> add(const std::string& folder, std::function<void()> changed);
  void remove(int watch);

 private:
  Task<void> run();
  asio::posix::basic_stream_descriptor<Executor> stream_;
  std::map<int, std::function<void()>> watches_;
};

}  // namespace suiro::container
