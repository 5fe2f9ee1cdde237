// SPDX-License-Identifier: Apache-2.0
// The task runner of a Kubernetes cluster: one task is one Job with one Pod, over the cluster's
// HTTP API (Kubernetes documentation: "Jobs", "Kubernetes API Concepts"; batch/v1 and v1).
//
//   run() ──► submitting ──POST Job──► submitted ──Pod ends, output taken──► ended ──► forget():
//                                          └──stop(), an essential container ended──► DELETE Job
//
// Invariants:
//  1. A Job's name is its task's id: it is made once. The cluster keeps everything that a restart
//     needs (labels, annotations); nothing is kept on this machine.
//  2. One loop speaks with the cluster, one request after the other; what fails for want of the
//     cluster is tried again with a growing pause and told in the log once.
//  3. What a Job cannot do as ECS means it is refused by name, not approximated (README.md).
// Thread: as task_runner.h says. Failure: an unreachable cluster is no error of start() or run().
#pragma once

#include <memory>

#include "base/clock.h"
#include "engine/container/task_runner.h"

namespace suiro::container {

struct KubernetesConfig {
  std::string url;         // of the API server: "https://10.0.0.1:6443"
  std::string token;       // of a service account; or
  std::string token_file;  // read before each round of requests: tokens rotate
  std::string ca_file;     // PEM; empty: the system's
  std::string name_space = "default";
  std::string image_pull_secret;  // a Secret of the namespace; empty: none
  std::string endpoint;           // where pods reach Suiro; empty: they are not told
  std::string instance;           // label value: whose Jobs these are
  Millis poll = std::chrono::seconds(2);
  uint32_t tasks_max = 1000;
};

std::unique_ptr<TaskRunner> make_kubernetes_runner(KubernetesConfig config, Clock& clock);

}  // namespace suiro::container
