// SPDX-License-Identifier: Apache-2.0
// The command line's side of Suiro's own operations (model/suiro.json): one signed JSON request to
// the server that runs on a data directory. Blocking; used by short-lived commands only.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace suiro::server {

// Of one PutObject.
inline constexpr uint64_t kPutBytesMax = 5ull << 30;

// Which server a command speaks to, and as whom.
struct ServerAddress {
  // Where endpoint and keys come from: those of root in the data directory, or, where the variables
  // that AWS SDKs read name a server, region and keys, from these (a task has them of its role).
  enum class From { kData, kEnvironmentFirst };

  std::filesystem::path data;
  std::string endpoint;  // empty: as the environment or the data directory tells
  From from = From::kData;
};

class Remote {
 public:
  // Errors: kNotFound when no server runs on the data directory and the environment names none.
  static Result<Remote> connect(const ServerAddress& address);

  // Calls an operation with a JSON input; returns the JSON output. Errors: the server's own, or
  // kUnavailable when it cannot be reached.
  Result<std::string> call(const std::string& operation, const std::string& input) const;
  // An object of the lake that holds the files' bytes, one after the other. At most kPutBytesMax.
  // Errors: kTooLarge, kNotFound (a file), the server's own.
  Result<void> put_object(const std::string& bucket, const std::string& key,
                          const std::vector<std::string>& files) const;
  // Also of one that is not there.
  Result<void> delete_object(const std::string& bucket, const std::string& key) const;

 private:
  struct Easy;
  static std::optional<Remote> from_environment(const std::string& endpoint);
  Result<void> take_keys_of_task();
  // Signs as `service`; call it when the other headers are there.
  void sign(Easy& easy, std::string_view service) const;
  // The request that was prepared but for its URL and signature.
  Result<void> send_to_object(Easy& easy, const std::string& bucket, const std::string& key) const;

  std::string endpoint_;
  std::string region_;
  std::string user_password_;  // "key:secret" as libcurl's SigV4 signer takes it
  std::string session_token_;  // of temporary keys; else empty
};

// What `suiro up` tells the commands of the same data directory.
struct EndpointFile {
  std::string endpoint;
  std::string region;
  std::string account;
};
Result<void> write_endpoint_file(const std::filesystem::path& data, const EndpointFile& content);
Result<EndpointFile> read_endpoint_file(const std::filesystem::path& data);

}  // namespace suiro::server
