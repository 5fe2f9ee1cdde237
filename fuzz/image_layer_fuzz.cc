// SPDX-License-Identifier: Apache-2.0
// Layers of images: whatever the archive holds, nothing is made or changed outside of its
// directory.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>

#include "base/check.h"
#include "engine/image/unpack.h"

namespace {

namespace fs = std::filesystem;

fs::path workplace() {
  fs::path memory = "/dev/shm";
  fs::path parent = fs::is_directory(memory) ? memory : fs::temp_directory_path();
  return parent / ("suiro-layer-fuzz-" + std::to_string(::getpid()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fs::path place = workplace();
  CHECK(suiro::image::remove_tree(place.string()));
  fs::create_directories(place / "a" / "out");
  fs::create_directories(place / "beside");
  std::ofstream(place / "beside" / "kept") << "kept";
  fs::path layer = place / "layer";
  std::ofstream(layer, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  auto done = suiro::image::unpack_layer(
      layer.string(), (place / "a" / "out").string(),
      {.bytes_max = 1 << 20, .entries_max = 64, .path_bytes_max = 256, .attribute_bytes_max = 256});
  CHECK(!done || done->tar_bytes <= (1 << 20));
  auto count = [](const fs::path& path) {
    return std::distance(fs::directory_iterator(path), fs::directory_iterator());
  };
  CHECK(count(place) == 3 && count(place / "a") == 1 && count(place / "beside") == 1,
        "something was made outside");
  std::string kept;
  std::ifstream(place / "beside" / "kept") >> kept;
  CHECK(kept == "kept", "something was changed outside");
  CHECK(suiro::image::remove_tree(place.string()));
  return 0;
}
