// SPDX-License-Identifier: Apache-2.0
// LayerRoot: makes files, directories, links and whiteouts below one directory and never outside
// it. Internal to engine/image; the invariants are those of unpack.h. Thread: one at a time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace suiro::image {

// A file descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd();
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct Attributes {
  uint32_t mode = 0755;
  uid_t uid = 0;
  gid_t gid = 0;
  int64_t modified_s = 0;
  long modified_ns = 0;
  std::vector<std::pair<std::string, std::string>> extended = {};
};

class LayerRoot {
 public:
  static Result<LayerRoot> open(const std::string& directory);

  // Paths are relative, clean and without "..". Parents that are missing are made (0755).
  // What is in the way is replaced, but a directory by a directory.
  Result<void> make_directory(const std::string& path, const Attributes& attributes);
  // An empty file to be written; finish_file() gives it its attributes.
  Result<Fd> make_file(const std::string& path);
  Result<void> finish_file(const Fd& file, const std::string& path, const Attributes& attributes);
  Result<void> make_link(const std::string& path, const std::string& target,
                         const Attributes& attributes);
  // `target` as the archive names it, below the root. Errors: kImageInvalid where it is not there.
  Result<void> make_hard_link(const std::string& path, const std::string& target);
  Result<void> make_pipe(const std::string& path, const Attributes& attributes);
  // Hides what lower layers have there.
  Result<void> hide(const std::string& path);
  Result<void> hide_below(const std::string& directory);
  // Gives a directory its attributes after all else was made below it; "" is the root. Does nothing
  // where the path is no longer a directory.
  Result<void> finish_directory(const std::string& path, const Attributes& attributes);
  Result<void> sync();

 private:
  struct Place {
    Fd parent;
    std::string name;
  };
  explicit LayerRoot(Fd root);
  Result<Fd> open_directory(const std::string& path);
  Result<Fd> reach_directory(const std::string& path);
  Result<Place> place_of(const std::string& path);
  // Takes away what is there; says whether it was a whiteout.
  enum class Found { kNothing, kWhiteout, kDirectory, kOther };
  Result<Found> look(const Place& place) const;
  Result<void> clear(const Place& place, const std::string& path);
  Result<void> set_opaque(int fd, const std::string& path) const;
  Result<void> apply(int fd, const std::string& path, const Attributes& attributes) const;

  Fd root_;
  bool is_privileged_;
};

}  // namespace suiro::image
