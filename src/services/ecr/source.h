// SPDX-License-Identifier: Apache-2.0
// Source: this registry as a source of images for containers of the same process: no socket, no
// password. Threads: any.
#pragma once

#include "engine/image/image.h"
#include "services/ecr/logic.h"

namespace suiro::ecr {

class Source final : public image::ImageSource {
 public:
  Source(event::Kernel& kernel, Logic& logic) : kernel_(kernel), logic_(logic) {}

  // "ACCOUNT.dkr.ecr.REGION.amazonaws.com/..." of this account and region, the endpoint's own host
  // and port, and the loopback's names with that port.
  bool serves(const std::string& reference) const override;
  Task<Result<image::ResolvedManifest>> resolve(image::ImageRequest request) override;
  Task<Result<image::ResolvedManifest>> manifest(image::ImageRequest request,
                                                 std::string digest) override;
  Task<Result<std::unique_ptr<image::BlobStream>>> open_blob(image::ImageRequest request,
                                                             std::string digest) override;

 private:
  event::Kernel& kernel_;
  Logic& logic_;
};

}  // namespace suiro::ecr
