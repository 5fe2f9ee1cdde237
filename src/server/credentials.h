// SPDX-License-Identifier: Apache-2.0
// Who may call: the root credentials of the account, and the temporary ones of running functions.
//
// Invariants:
//  1. The root key pair is made at the first start and kept in <data>/credentials (mode 0600), in
//  the
//     form of the AWS shared credentials file.
//  2. Temporary credentials live in memory and die with their holder: after a restart no sandbox of
//     the earlier process is alive.
// Threads: any.
#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "base/random.h"
#include "base/result.h"
#include "server/session_tokens.h"

namespace suiro::server {

struct KeyPair {
  std::string access_key_id;
  std::string secret_access_key;
};

// Reads <data>/credentials, or makes it. Errors: kInvalidArgument when it cannot be read or
// written.
Result<KeyPair> load_or_make_root(const std::filesystem::path& data, Random& random);
// Errors: kNotFound when there is none: Suiro was never started on this directory.
Result<KeyPair> load_root(const std::filesystem::path& data);

// Creates `file` with mode 0600 and the text, through a synced temporary file. Errors: the
// system's.
Result<void> write_private_file(const std::filesystem::path& file, std::string_view text);

struct TemporaryKey {
  KeyPair pair;
  std::string session_token;
  SessionClaims claims;
};

class KeyRing {
 public:
  explicit KeyRing(KeyPair root) : root_(std::move(root)) {}
  const KeyPair& root() const { return root_; }
  // A fresh temporary key of the session.
  TemporaryKey issue(SessionClaims claims, Random& random);
  void revoke(const std::string& access_key_id);
  // Nullptr when unknown.
  std::shared_ptr<const TemporaryKey> temporary(const std::string& access_key_id) const;

 private:
  using Map = std::map<std::string, std::shared_ptr<const TemporaryKey>>;
  template <class Change>
  void update(Change change);

  KeyPair root_;
  std::atomic<std::shared_ptr<const Map>> temporary_{std::make_shared<const Map>()};
};

}  // namespace suiro::server
