// SPDX-License-Identifier: Apache-2.0
#include "services/s3/errors.h"

#include <fmt/format.h>

namespace suiro::s3 {
namespace {

Failure make(std::string_view code, std::string message,
             std::vector<std::pair<std::string, std::string>> details = {}) {
  return Failure(Error{std::string(code), std::move(message), Retry::kNever, std::move(details)});
}

}  // namespace

Failure no_such_bucket(std::string bucket) {
  return make("NoSuchBucket", "The specified bucket does not exist",
              {{"BucketName", std::move(bucket)}});
}

Failure no_such_key(std::string key) {
  return make("NoSuchKey", "The specified key does not exist.", {{"Key", std::move(key)}});
}

Failure no_such_version(std::string key, std::string version) {
  return make("NoSuchVersion", "The specified version does not exist.",
              {{"Key", std::move(key)}, {"VersionId", std::move(version)}});
}

Failure no_such_upload(std::string upload) {
  return make(
      "NoSuchUpload",
      "The specified upload does not exist. The upload ID may be invalid, or the upload may "
      "have been aborted or completed.",
      {{"UploadId", std::move(upload)}});
}

Failure precondition_failed(std::string condition) {
  return make("PreconditionFailed", "At least one of the pre-conditions you specified did not hold",
              {{"Condition", std::move(condition)}});
}

Failure not_modified() {
  return make("NotModified", "Not Modified");
}

Failure invalid_range(std::string range, uint64_t size_bytes) {
  return make(
      "InvalidRange", "The requested range is not satisfiable",
      {{"RangeRequested", std::move(range)}, {"ActualObjectSize", fmt::to_string(size_bytes)}});
}

Failure invalid_argument(std::string message, std::string name, std::string value) {
  return make("InvalidArgument", std::move(message),
              {{"ArgumentName", std::move(name)}, {"ArgumentValue", std::move(value)}});
}

Failure not_implemented(std::string header) {
  return make("NotImplemented",
              "A header you provided implies functionality that is not implemented",
              {{"Header", std::move(header)}});
}

Failure bad_digest(std::string message) {
  return make("BadDigest", std::move(message));
}

Failure malformed_xml() {
  return make("MalformedXML",
              "The XML you provided was not well-formed or did not validate against our published "
              "schema");
}

Failure conflict() {
  auto out = make("OperationAborted",
                  "A conflicting conditional operation is currently in progress against this "
                  "resource. Please try again.");
  out.error().retry = Retry::kLater;
  return out;
}

Failure conditional_conflict(std::string key) {
  auto out = make("ConditionalRequestConflict",
                  "The conditional request cannot succeed due to a conflicting operation against "
                  "this resource.",
                  {{"Key", std::move(key)}});
  out.error().retry = Retry::kLater;
  return out;
}

}  // namespace suiro::s3
