// SPDX-License-Identifier: Apache-2.0
// Manifests, configs, references and lifecycle policies: whatever the bytes are, what is read keeps
// the promises of its header.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "engine/image/manifest.h"
#include "engine/image/reference.h"
#include "services/ecr/lifecycle.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace suiro::image;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto manifest = parse_manifest(text, "")) {
    CHECK(manifest->layers.size() <= kLayersMax);
    CHECK(manifest->manifests.size() <= kIndexEntriesMax);
    for (const auto& layer : manifest->layers) CHECK(is_digest(layer.digest));
    for (const auto& entry : manifest->manifests) CHECK(is_digest(entry.digest));
    CHECK(manifest->is_index || is_digest(manifest->config.digest));
    (void)choose_platform(*manifest, machine_architecture());
  }
  if (auto config = parse_config(text)) {
    for (const auto& id : config->diff_ids) CHECK(is_digest(id));
  }
  if (auto reference = parse_reference(text)) {
    CHECK(is_repository(reference->repository));
    CHECK(!reference->name().empty());
    CHECK(reference->repository.find("..") == std::string::npos);
  }
  if (auto rules = suiro::ecr::parse_lifecycle(text)) {
    suiro::ecr::Image image;
    image.tags = {"a", "v1"};
    CHECK(suiro::ecr::evaluate(*rules, {image, image}, suiro::TimePoint()).size() <= 2);
  }
  return 0;
}
