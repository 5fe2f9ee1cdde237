// SPDX-License-Identifier: Apache-2.0
// The task runner of this machine: containers through runc, each task under a supervisor that
// outlives Suiro. README.md tells how a task is built and what is protected.
#pragma once

#include <functional>
#include <memory>

#include "base/clock.h"
#include "engine/container/bundle.h"
#include "engine/container/task_runner.h"
#include "engine/image/image.h"

namespace suiro::container {

enum class Unprotected { kRefuse, kAllow };

// Serves a listening TCP socket inside a task's network namespace, on which only that task can
// connect, until the returned function is called. Takes ownership of `listener`. Both run on the
// executor of start().
using ServeTask =
    std::function<std::move_only_function<void()>(int listener, const std::string& task_arn)>;

struct RuncConfig {
  // On a local file system, of root alone (made with mode 0700): tasks, their disks and output.
  std::string run_directory;
  // Names the control groups: different between servers of one machine, the same after a restart.
  std::string instance;
  Unprotected unprotected = Unprotected::kRefuse;
  Allowances allowances;
  ServeTask serve_task;  // empty: tasks have no AWS endpoint
  uint16_t endpoint_port = 4566;
  uint32_t tasks_max = 1000;
  uint32_t disk_mb = 4096;  // of a task that does not say
  uint32_t processes_max = kProcessesDefault;
  // Programs; empty: looked up where Debian has them.
  std::string runc;
  std::string mkfs;
};

// `images` outlives the runner and is started before it.
std::unique_ptr<TaskRunner> make_runc_runner(RuncConfig config, image::ImageCache& images,
                                             Clock& clock);

}  // namespace suiro::container
