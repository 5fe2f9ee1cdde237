// SPDX-License-Identifier: Apache-2.0
// What a Kubernetes cluster answers: logs, Jobs, Pods. The first byte chooses.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "engine/container/kubernetes_task.h"

namespace {

using namespace suiro;
using namespace suiro::container;

void log(std::string_view text, kubernetes::Last last) {
  auto all = kubernetes::read_log(text, 0, last);
  CHECK(kubernetes::read_log(text, all.to, last).lines.empty(), "no line comes twice");
  for (const auto& line : all.lines) CHECK(line.text.size() <= kOutputLineBytesMax);
  (void)kubernetes::since_of(all.to);
  // A log that is cut anywhere and read on gives the same lines.
  auto begin = kubernetes::read_log(text.substr(0, text.size() / 2), 0, kubernetes::Last::kNo);
  auto rest = kubernetes::read_log(text, begin.to, last);
  CHECK(begin.lines.size() + rest.lines.size() == all.lines.size(), "read otherwise in pieces");
}

void pod(const boost::json::value& value, kubernetes::KubernetesTask& task) {
  (void)kubernetes::apply(value, task.parts, task.report);
  CHECK(task.report.containers.size() == task.parts.size(), "a Pod adds no container");
  auto view = kubernetes::view_of(value);
  task.judge(&view, TimePoint{});
  if (view.phase == kubernetes::PodPhase::kEnded) task.conclude(TimePoint{});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  char kind = static_cast<char>(data[0]);
  if (kind == 'l' || kind == 'L') {
    log(text, kind == 'L' ? kubernetes::Last::kYes : kubernetes::Last::kNo);
    return 0;
  }
  boost::system::error_code error;
  auto value = boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
  if (error) return 0;
  if (kind == 'j') {
    if (auto parts = kubernetes::parts_of(value)) {
      kubernetes::KubernetesTask task("0", *std::move(parts));
      pod(value, task);
    }
    return 0;
  }
  kubernetes::KubernetesTask task("0", {{"main", "main", true, false}, {"i", "i", false, true}});
  pod(value, task);
  return 0;
}
