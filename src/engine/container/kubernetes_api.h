// SPDX-License-Identifier: Apache-2.0
// Api: the requests that the runner sends to the cluster, and their failures as Errors.
//
// Failure: kUnavailable with Retry::kLater for what can pass (no connection, 401, 403, 408, 429,
// 5xx, answers that are no JSON); kNotFound, kConditionFailed (409) and kInvalidArgument (other
// 4xx) with the cluster's message. Thread: one at a time.
#pragma once

#include <boost/json.hpp>

#include "engine/container/kubernetes_runner.h"
#include "engine/http_out/client.h"

namespace suiro::container::kubernetes {

inline constexpr Millis kRequestTimeout = std::chrono::seconds(30);
inline constexpr size_t kReplyBytesMax = 64 * 1024 * 1024;
inline constexpr size_t kPageItems = 500;  // "Retrieving large results sets in chunks"
inline constexpr size_t kPagesMax = 200;
inline constexpr size_t kLogBytes = 4 * 1024 * 1024;  // of one request for a log

class Api {
 public:
  explicit Api(KubernetesConfig config);
  // Jobs or Pods of this instance.
  Task<Result<std::vector<boost::json::value>>> jobs();
  Task<Result<std::vector<boost::json::value>>> pods();
  Task<Result<void>> make_job(boost::json::object job);
  // Nothing where it is unknown.
  Task<Result<void>> remove_job(std::string name);
  // With timestamps, at most kLogBytes. Nothing where the container has not started.
  Task<Result<std::string>> log(std::string pod, std::string container, std::string since);
  void close() { client_.close(); }

 private:
  Task<Result<std::vector<boost::json::value>>> list(std::string path);
  Task<Result<std::string>> send(std::string method, std::string path, std::string body);
  Result<std::string> token() const;

  KubernetesConfig config_;
  http_out::Client client_;
};

}  // namespace suiro::container::kubernetes
