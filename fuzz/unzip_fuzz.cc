// SPDX-License-Identifier: Apache-2.0
// Zips of functions. Whatever the bytes are, nothing is made but the directory itself, nothing in
// it leads outside, and a refused one leaves nothing.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>

#include "base/check.h"
#include "services/lambda/unzip.h"

namespace {

namespace fs = std::filesystem;

fs::path workplace() {
  fs::path memory = "/dev/shm";
  fs::path parent = fs::is_directory(memory) ? memory : fs::temp_directory_path();
  fs::path place = parent / ("suiro-unzip-fuzz-" + std::to_string(::getpid()));
  fs::remove_all(place);
  fs::create_directories(place);
  return place;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fs::path place = workplace();
  fs::path zip = place / "in.zip";
  fs::path out = place / "a" / "out";
  fs::create_directories(out.parent_path());
  std::ofstream(zip, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  auto done = suiro::lambda::unzip(zip.string(), out.string(), {1 << 20, 64, 256});
  CHECK(done.has_value() == fs::exists(out));
  size_t beside = 0;
  for (const auto& entry : fs::recursive_directory_iterator(place)) {
    std::string path = entry.path().string();
    if (path == zip || path == out.parent_path() || path.starts_with(out.string())) continue;
    ++beside;
  }
  CHECK(beside == 0, "something was made outside");
  if (done) {
    fs::path home = fs::canonical(out);
    for (const auto& entry : fs::recursive_directory_iterator(out)) {
      std::error_code dangling;
      fs::path end = fs::canonical(entry.path(), dangling);
      CHECK(dangling || end.string().starts_with(home.string()), "something leads outside");
    }
  }
  fs::remove_all(place);
  return 0;
}
