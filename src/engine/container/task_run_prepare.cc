// SPDX-License-Identifier: Apache-2.0
// TaskRun: images, folders, groups and the supervisor.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>

#include "base/blocking.h"
#include "base/log.h"
#include "engine/container/image_user.h"
#include "engine/container/task_run.h"

namespace suiro::container {

namespace {
constexpr Millis kPullPause{1000};
}

std::string TaskRun::container_directory(size_t index) const {
  return fmt::format("{}/c/{}", directory(), index);
}

std::string TaskRun::runtime_id(size_t index, uint32_t attempt) const {
  return fmt::format("{}-{}-{}", spec_.id, index, attempt);
}

// Containers of one reference share what the first of them holds.
std::string TaskRun::holder(size_t index) const {
  const auto& wanted = spec_.containers[index].image;
  auto first = std::ranges::find(spec_.containers, wanted, &ContainerSpec::image);
  return fmt::format("{}/{}", spec_.id, first - spec_.containers.begin());
}

Task<bool> TaskRun::pull() {
  auto& report = state_.report;
  report.pull_started = setting_.clock.now();
  for (auto& container : report.containers) container.state = ContainerState::kPulling;
  changed();
  std::map<std::string, image::Image> pulled;
  for (size_t i = 0; i < spec_.containers.size(); ++i) {
    const auto& container = spec_.containers[i];
    if (!pulled.contains(container.image)) {
      image::ImageRequest request{.reference = container.image};
      if (const auto& known = container.registry_credentials) {
        request.credentials = image::PullCredentials{known->user, known->password};
      }
      auto image = co_await setting_.images.ensure(request, holder(i));
      while (!image && image.error().code == codes::kThrottled && !closing_ && !report.stopping) {
        co_await pause(kPullPause);  // other tasks pull
        image = co_await setting_.images.ensure(request, holder(i));
      }
      if (!image && report.stopping) co_return false;
      if (!image && image.error().code == codes::kClosed) {
        while (!closing_) co_await changed_.wait();  // Suiro ends: the next one begins anew
        co_return false;
      }
      if (!image) {
        std::string reason = "CannotPullContainerError: " + image.error().message;
        report.containers[i].reason = reason;
        begin_stop(TaskReport::StopCode::kTaskFailedToStart, reason);
        co_return false;
      }
      pulled[container.image] = std::move(*image);
    }
    images_.push_back(pulled[container.image]);
    report.containers[i].image_digest = images_.back().digest;
  }
  report.pull_stopped = setting_.clock.now();
  for (auto& container : report.containers) container.state = ContainerState::kPending;
  changed();
  co_return !closing_ && !report.stopping;
}

Task<bool> TaskRun::find_images() {
  for (size_t i = 0; i < spec_.containers.size(); ++i) {
    auto image = co_await setting_.images.held(holder(i));
    if (!image) {
      log::error("task {}: its image is gone: {}", spec_.id, image.error().message);
      co_return false;
    }
    images_.push_back(std::move(*image));
  }
  co_return true;
}

Task<bool> TaskRun::prepare() {
  if (!co_await pull()) co_return false;
  auto working = [this] { return prepare_machine(); };
  auto supervisor = co_await on_pool(&setting_.pool, working);
  if (!supervisor) {
    begin_stop(TaskReport::StopCode::kTaskFailedToStart,
               "ResourceInitializationError: " + supervisor.error().message);
    co_return false;
  }
  state_.phase = Phase::kSupervised;
  state_.boot_id = setting_.boot;
  co_await save();
  co_return co_await connect();
}

Result<void> TaskRun::write_files() {
  std::string files = directory() + "/etc";
  TRY_VOID(sandbox::make_directory(files, 0755));
  TRY_VOID(sandbox::make_directory(directory() + "/c", 0700));
  std::string resolver;
  if (spec_.network == NetworkMode::kHost) {
    if (auto text = sandbox::read_small_file("/etc/resolv.conf")) resolver = *text;
  }
  TRY_VOID(sandbox::write_file(files + "/resolv.conf", resolver, 0644));
  for (size_t i = 0; i < spec_.containers.size(); ++i) {
    const auto& container = spec_.containers[i];
    TRY_VOID(sandbox::make_directory(container_directory(i), 0700));
    TRY_VOID(sandbox::write_file(fmt::format("{}/hosts.{}", files, i), hosts_file(spec_, container),
                                 0644));
    TRY_VOID(sandbox::write_file(fmt::format("{}/hostname.{}", files, i),
                                 hostname_of(spec_, container) + "\n", 0644));
  }
  return ok();
}

Result<pid_t> TaskRun::prepare_machine() {
  // A predecessor may have come as far as here, and its supervisor may be about to mount the disk;
  // it had started no container.
  TRY(sandbox::Descriptor lock, claim_task(directory()));
  TRY_VOID(write_files());
  const auto& config = setting_.config;
  uint32_t disk = spec_.disk_mb != 0 ? spec_.disk_mb : config.disk_mb;
  TRY_VOID(setting_.disks.make(directory() + "/disk.img", disk));
  uint32_t processes = spec_.processes_max != 0 ? spec_.processes_max : config.processes_max;
  TRY_VOID(setting_.groups.make(
      spec_.id,
      {.memory_mb = spec_.memory_mb, .cpu_units = spec_.cpu_units, .processes = processes}));
  bool endpoint = config.serve_task && spec_.network != NetworkMode::kHost;
  SupervisorStart start{.lock = lock.get(),
                        .program = setting_.program,
                        .task_directory = directory(),
                        .runc = config.runc,
                        .runc_root = setting_.runc_root,
                        .stage = setting_.stage,
                        .id_base = state_.id_base,
                        .port = endpoint ? config.endpoint_port : uint16_t{0},
                        .network = spec_.network,
                        .cgroup_procs = setting_.groups.supervisor_procs()};
  for (const auto& volume : spec_.volumes) {
    HostFolder folder;
    if (!volume.host_path.empty()) {
      TRY(folder, host_folder(volume.host_path, config.allowances.host_volumes));
    }
    start.volumes.push_back(folder);
  }
  return start_supervisor(start);
}

Result<void> TaskRun::write_bundle(size_t index, uint32_t attempt) {
  const auto& container = spec_.containers[index];
  const auto& image = images_[index];
  const auto& config = setting_.config;
  std::string name = container.user.empty() ? image.config.user : container.user;
  TRY(ImageUser user, user_of_image(image.layer_directories, name));
  if (command_of(container, image.config).empty()) {
    return fail(codes::kInvalidArgument, "no command specified");
  }
  bool endpoint = config.serve_task && spec_.network != NetworkMode::kHost;
  TaskPlaces places{
      .supervisor = supervisor_,
      .stage = setting_.stage,
      .id_base = state_.id_base,
      .cgroup = setting_.groups.path_of(spec_.id),
      .limits_swap = setting_.groups.limits_swap(),
      .files = directory() + "/etc",
      .init_program = setting_.program,
      .endpoint_port = endpoint ? config.endpoint_port : uint16_t{0},
      .processes_max = spec_.processes_max != 0 ? spec_.processes_max : config.processes_max,
      .open_files = open_files_here()};
  std::string folder = container_directory(index);
  TRY_VOID(sandbox::write_file(folder + "/config.json",
                               bundle_config(spec_, index, image.config, user, places), 0600));
  auto accounting = setting_.groups.accounting(spec_.id, index);
  std::string plan =
      fmt::format("id {}\noom {}\npeak {}\ncpu {}\n", runtime_id(index, attempt),
                  accounting.out_of_memory, accounting.memory_peak, accounting.processor);
  for (const auto& layer : image.layer_directories) plan += "layer " + layer + "\n";
  return sandbox::write_file(folder + "/plan", plan, 0600);
}

Task<bool> TaskRun::connect() {
  auto finding = [folder = directory()] { return find_supervisor(folder); };
  auto supervisor = co_await on_pool(&setting_.pool, finding);
  if (!supervisor) co_return false;
  if (setting_.config.serve_task && spec_.network != NetworkMode::kHost) {
    if (auto listener = take_listener(*supervisor)) {
      stop_endpoint_ = setting_.config.serve_task(listener->release(), spec_.arn);
    } else {
      log::error("task {}: {}", spec_.id, listener.error().message);
    }
  }
  supervisor_ = supervisor->process;
  pidfd_.emplace(setting_.executor, supervisor->pidfd.release());
  scope_.spawn(watch_supervisor());
  for (size_t i = 0; i < spec_.containers.size(); ++i) {
    auto watch = setting_.watch.add(container_directory(i), [this] {
      ++hints_;
      changed_.notify_all();
    });
    if (watch) {
      watches_.push_back(*watch);
    } else {
      log::error("task {}: {}", spec_.id, watch.error().message);
      co_return false;
    }
  }
  co_return true;
}

void TaskRun::stop_endpoint() {
  if (stop_endpoint_) std::exchange(stop_endpoint_, {})();
}

Task<void> TaskRun::watch_supervisor() {
  boost::system::error_code error;
  co_await pidfd_->async_wait(Stream::wait_read, asio::redirect_error(use_task, error));
  if (!error && !closing_ && !quitting_) co_await lose_supervisor();
}

Task<void> TaskRun::lose_supervisor() {
  if (state_.boot_id != setting_.boot) {
    lost_reason_ = "The machine was restarted while the task ran";
  } else if (images_.size() < spec_.containers.size()) {
    lost_reason_ = "The task's image was taken away; its containers were ended";
  } else {
    lost_reason_ = "The task's supervisor ended unexpectedly; its containers were ended";
  }
  auto ending = [this] { return setting_.groups.remove(spec_.id); };
  if (auto ended = co_await on_pool(&setting_.pool, ending); !ended) {
    log::error("task {}: {}", spec_.id, ended.error().message);
  }
  lost_ = true;
  ++hints_;
  changed_.notify_all();
}

}  // namespace suiro::container
