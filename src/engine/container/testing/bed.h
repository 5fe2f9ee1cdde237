// SPDX-License-Identifier: Apache-2.0
// What tests of the runc runner stand on: an image of busybox, an observer that keeps what it is
// told, and a loop that runs on a thread.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/use_future.hpp>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <set>

#include "base/check.h"
#include "base/shard.h"
#include "engine/container/runc_runner.h"

namespace suiro::container {

// Images that lie unpacked in a folder: "name:tag" is the folder name/tag.
class FolderImages final : public image::ImageCache {
 public:
  explicit FolderImages(std::string root) : root_(std::move(root)) {}
  // Makes an image with busybox and what `add` puts beside it.
  void make(const std::string& name, const std::function<void(const std::string&)>& add = {}) {
    std::string layer = root_ + "/" + name;
    for (const char* folder : {"bin", "etc", "proc", "sys", "dev", "root", "usr"}) {
      std::filesystem::create_directories(layer + "/" + folder);
    }
    std::filesystem::create_directories(layer + "/tmp");
    ::chmod((layer + "/tmp").c_str(), 01777);
    std::filesystem::copy_file("/bin/busybox", layer + "/bin/busybox");
    for (const char* applet :
         {"sh",    "cat",   "echo",  "id",     "ls",       "sleep", "kill",  "mount",
          "mkdir", "dd",    "df",    "env",    "hostname", "yes",   "head",  "seq",
          "test",  "true",  "false", "touch",  "wget",     "mknod", "ps",    "unshare",
          "rm",    "chmod", "nc",    "wc",     "usleep",   "tail",  "date",  "ulimit",
          "stat",  "find",  "sync",  "chroot", "ip",       "pwd",   "printf"}) {
      std::filesystem::create_symlink("busybox", layer + "/bin/" + applet);
    }
    std::ofstream(layer + "/etc/passwd") << "root:x:0:0:root:/root:/bin/sh\n"
                                            "worker:x:1000:1000::/tmp:/bin/sh\n";
    std::ofstream(layer + "/etc/group") << "root:x:0:\nworker:x:1000:\nrenders:x:2000:worker\n";
    if (add) add(layer);
  }
  image::ImageConfig config;

  Task<Result<void>> start() override { co_return ok(); }
  Task<void> stop() override { co_return; }
  Task<Result<image::Image>> ensure(image::ImageRequest request, std::string holder,
                                    image::Pull) override {
    {
      std::lock_guard lock(mutex_);
      held_[holder] = request.reference;
    }
    co_return find(request.reference);
  }
  Task<Result<image::Image>> held(std::string holder) override {
    // Another process may have asked: every reference of the tests is "busybox".
    std::string reference = "busybox";
    {
      std::lock_guard lock(mutex_);
      if (auto at = held_.find(holder); at != held_.end()) reference = at->second;
    }
    co_return find(reference);
  }
  Task<Result<void>> release(std::string holder) override {
    std::lock_guard lock(mutex_);
    held_.erase(holder);
    co_return ok();
  }
  Task<Result<std::vector<std::string>>> holders() override {
    std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [holder, reference] : held_) names.push_back(holder);
    co_return names;
  }

 private:
  Result<image::Image> find(const std::string& reference) {
    std::string layer = root_ + "/" + reference;
    if (!std::filesystem::exists(layer)) {
      return fail(image::kImageNotFound, "name unknown: " + reference);
    }
    image::Image found;
    found.digest = "sha256:" + std::string(64, '1');
    found.config = config;
    found.layer_directories = {layer};
    return found;
  }
  std::string root_;
  std::mutex mutex_;
  std::map<std::string, std::string> held_;
};

class Collector final : public Observer {
 public:
  // Lines and positions are committed to this folder, together, where it is given.
  std::string folder;
  std::atomic<bool> refuses = false;  // lines

  Task<Result<void>> changed(TaskReport report) override {
    std::lock_guard lock(mutex_);
    reports_[report.id] = report;
    news_.notify_all();
    co_return ok();
  }
  Task<Result<void>> write(Output output) override {
    std::lock_guard lock(mutex_);
    if (refuses) co_return fail(codes::kUnavailable, "not now");
    std::string key = output.task_id + "." + output.container;
    if (!folder.empty()) {
      std::string text;
      for (const auto& line : output.lines) text += line.text + "\n";
      std::ofstream(fmt::format("{}/{}.{:020}", folder, key, output.from)) << text;
      std::string aside = folder + "/" + key + ".to.new";
      std::ofstream(aside) << output.to;
      std::filesystem::rename(aside, folder + "/" + key + ".to");
    }
    if (output.from != to_[key] && to_.contains(key) && folder.empty()) gaps_.insert(key);
    to_[key] = output.to;
    auto& kept = lines_[key];
    kept.insert(kept.end(), output.lines.begin(), output.lines.end());
    news_.notify_all();
    co_return ok();
  }
  Task<Result<uint64_t>> resume_at(std::string task_id, std::string container) override {
    uint64_t position = 0;
    if (!folder.empty())
      std::ifstream(folder + "/" + task_id + "." + container + ".to") >> position;
    std::lock_guard lock(mutex_);
    co_return position;
  }

  // Waits until what is known of the task satisfies `good`; false after half a minute.
  bool wait(const std::string& id, const std::function<bool(const TaskReport&)>& good) {
    std::unique_lock lock(mutex_);
    return news_.wait_for(lock, std::chrono::seconds(30),
                          [&] { return reports_.contains(id) && good(reports_[id]); });
  }
  bool wait_line(const std::string& key, const std::string& text) {
    std::unique_lock lock(mutex_);
    return news_.wait_for(lock, std::chrono::seconds(30), [&] {
      for (const auto& line : lines_[key]) {
        if (line.text.contains(text)) return true;
      }
      return false;
    });
  }
  TaskReport report(const std::string& id) {
    std::lock_guard lock(mutex_);
    return reports_[id];
  }
  bool knows(const std::string& id) {
    std::lock_guard lock(mutex_);
    return reports_.contains(id);
  }
  std::vector<OutputLine> lines(const std::string& key) {
    std::lock_guard lock(mutex_);
    return lines_[key];
  }
  std::string text(const std::string& key) {
    std::string all;
    for (const auto& line : lines(key)) all += line.text + "\n";
    return all;
  }
  bool has_gap(const std::string& key) {
    std::lock_guard lock(mutex_);
    return gaps_.contains(key);
  }

 private:
  std::mutex mutex_;
  std::condition_variable news_;
  std::map<std::string, TaskReport> reports_;
  std::map<std::string, std::vector<OutputLine>> lines_;
  std::map<std::string, uint64_t> to_;
  std::set<std::string> gaps_;
};

// A runner and its loop, over a folder that may have been another's before.
class Bed {
 public:
  explicit Bed(std::string root, const std::function<void(RuncConfig&)>& adjust = {})
      : root_(std::move(root)), shards_(1), images(root_ + "/images") {
    shards_.start();
    RuncConfig config;
    config.run_directory = root_ + "/data/run";
    config.instance = "test-" + std::filesystem::path(root_).filename().string();
    config.disk_mb = 64;
    if (adjust) adjust(config);
    runner = make_runc_runner(std::move(config), images, clock_);
  }
  ~Bed() { close(); }
  Result<void> start() { return wait(runner->start(&collector)); }
  void close() {
    if (!runner) return;
    wait_void(runner->detach());
    runner.reset();
    shards_.stop();
  }
  template <class T>
  std::future<T> begin(Task<T> task) {
    return asio::co_spawn(shards_.executor(0), std::move(task), asio::use_future);
  }
  template <class T>
  T wait(Task<T> task) {
    return begin(std::move(task)).get();
  }
  void wait_void(Task<void> task) {
    asio::co_spawn(shards_.executor(0), std::move(task), asio::use_future).get();
  }
  const std::string& root() const { return root_; }

 private:
  std::string root_;
  RealClock clock_;
  Shards shards_;

 public:
  FolderImages images;
  Collector collector;
  std::unique_ptr<TaskRunner> runner;
};

inline std::string test_id(unsigned number) {
  return fmt::format("{:032x}", number);
}
inline TaskSpec shell_task(unsigned number, std::string script) {
  TaskSpec spec;
  spec.id = test_id(number);
  spec.arn = "arn:aws:ecs:us-east-1:000000000000:task/c/" + spec.id;
  spec.family = "test";
  spec.memory_mb = 64;
  ContainerSpec container;
  container.name = "main";
  container.image = "busybox";
  container.entry_point = {"/bin/sh", "-c"};
  container.command = {std::move(script)};
  container.stop_timeout = std::chrono::seconds(5);
  spec.containers.push_back(std::move(container));
  return spec;
}

}  // namespace suiro::container
