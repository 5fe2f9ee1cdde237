// SPDX-License-Identifier: Apache-2.0
#include "server/credentials.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "base/bytes.h"

namespace suiro::server {
namespace {

constexpr std::string_view kKeyAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
constexpr std::string_view kSecretAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

KeyPair make_pair(std::string_view prefix, Random& random) {
  return {std::string(prefix) + random.text(16, kKeyAlphabet), random.text(40, kSecretAlphabet)};
}

std::unexpected<Error> system_failure(std::string_view what, const std::filesystem::path& file) {
  return fail(codes::kInvalidArgument,
              fmt::format("{} {}: {}", what, file.string(), std::strerror(errno)));
}

Result<void> write_all(int fd, std::string_view text, const std::filesystem::path& file) {
  while (!text.empty()) {
    ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0) return system_failure("cannot write", file);
    text.remove_prefix(static_cast<size_t>(wrote));
  }
  return ::fsync(fd) == 0 ? Result<void>(ok()) : system_failure("cannot sync", file);
}

}  // namespace

Result<void> write_private_file(const std::filesystem::path& file, std::string_view text) {
  std::filesystem::path fresh = file;
  fresh += ".new";
  int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return system_failure("cannot create", fresh);
  ::fchmod(fd, 0600);
  Result<void> written = write_all(fd, text, fresh);
  ::close(fd);
  TRY_VOID(std::move(written));
  if (::rename(fresh.c_str(), file.c_str()) != 0) return system_failure("cannot rename to", file);
  int directory = ::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return system_failure("cannot open", file.parent_path());
  int synced = ::fsync(directory);
  ::close(directory);
  return synced == 0 ? Result<void>(ok()) : system_failure("cannot sync", file.parent_path());
}

Result<KeyPair> load_root(const std::filesystem::path& data) {
  auto file = data / "credentials";
  std::ifstream in(file);
  if (!in) {
    return fail(codes::kNotFound,
                fmt::format("{} cannot be read: no Suiro was started on this data directory, or it "
                            "belongs to another user (--data names another one)",
                            file.string()));
  }
  KeyPair pair;
  for (std::string line; std::getline(in, line);) {
    size_t equals = line.find('=');
    if (equals == line.npos) continue;
    auto name = trim(std::string_view(line).substr(0, equals));
    auto value = trim(std::string_view(line).substr(equals + 1));
    if (name == "aws_access_key_id") pair.access_key_id = value;
    if (name == "aws_secret_access_key") pair.secret_access_key = value;
  }
  if (pair.access_key_id.empty() || pair.secret_access_key.empty()) {
    return fail(
        codes::kInvalidArgument,
        fmt::format("{} holds no aws_access_key_id and aws_secret_access_key", file.string()));
  }
  return pair;
}

Result<KeyPair> load_or_make_root(const std::filesystem::path& data, Random& random) {
  auto file = data / "credentials";
  if (std::filesystem::exists(file)) return load_root(data);
  KeyPair pair = make_pair("AKIA", random);
  TRY_VOID(write_private_file(
      file, fmt::format("[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
                        pair.access_key_id, pair.secret_access_key)));
  return pair;
}

template <class Change>
void KeyRing::update(Change change) {
  auto current = temporary_.load();
  std::shared_ptr<const Map> next;
  do {
    auto changed = std::make_shared<Map>(*current);
    change(*changed);
    next = std::move(changed);
  } while (!temporary_.compare_exchange_weak(current, next));
}

TemporaryKey KeyRing::issue(SessionClaims claims, Random& random) {
  TemporaryKey key{make_pair("ASIA", random), base64_encode(random.bytes(96)), std::move(claims)};
  auto shared = std::make_shared<const TemporaryKey>(key);
  update([&](Map& map) { map[key.pair.access_key_id] = shared; });
  return key;
}

void KeyRing::revoke(const std::string& access_key_id) {
  update([&](Map& map) { map.erase(access_key_id); });
}

std::shared_ptr<const TemporaryKey> KeyRing::temporary(const std::string& access_key_id) const {
  auto map = temporary_.load();
  auto found = map->find(access_key_id);
  return found == map->end() ? nullptr : found->second;
}

}  // namespace suiro::server
