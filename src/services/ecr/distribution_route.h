// SPDX-License-Identifier: Apache-2.0
// What a request of the distribution API means, and the form of its errors. Internal to
// services/ecr.
#pragma once

#include "services/ecr/distribution.h"

namespace suiro::ecr {

struct Distribution::Route {
  enum class Kind { kBase, kCatalog, kTags, kReferrers, kManifest, kBlob, kUploads, kUpload } kind;
  std::string repository;
  std::string reference;  // tag, digest or id of an upload
  std::map<std::string, std::string> query;

  std::string parameter(const std::string& name) const {
    auto found = query.find(name);
    return found == query.end() ? std::string() : found->second;
  }
};

const std::string* header(const Headers& headers, std::string_view name);
// The error document of the specification, with the status that belongs to the error.
WireResponse error_response(const Error& error);
// An error with a code of the specification ("DIGEST_INVALID").
std::unexpected<Error> spec_error(std::string_view code, std::string message);

}  // namespace suiro::ecr
