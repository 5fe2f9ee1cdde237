// SPDX-License-Identifier: Apache-2.0
#include "services/s3/service.h"

#include <fmt/format.h>

#include "services/s3/api_common.h"

namespace suiro::s3 {
namespace {

// An object's bytes as one blob, whatever it is made of.
class ObjectBytes final : public store::BlobReader {
 public:
  ObjectBytes(Logic& logic, Found found) : logic_(logic), found_(std::move(found)) {}
  uint64_t size_bytes() const override { return found_.record.size_bytes; }
  Task<Result<Bytes>> read(uint64_t offset, size_t length) override {
    const uint64_t size = size_bytes();
    if (offset >= size) co_return Bytes();
    ByteRange range{offset, std::min<uint64_t>(length, size - offset)};
    CO_TRY(auto body, co_await logic_.open(found_, range));
    co_return co_await shapes::read_all(*body, range.length);
  }

 private:
  Logic& logic_;
  Found found_;
};

}  // namespace

Service::Service(event::Kernel& kernel, Config config) : logic_(kernel, config), api_(logic_) {
  kernel.objects = this;
  kernel.lake = this;
  kernel.timers.handle("s3.lifecycle", [this](event::Timer timer, store::Batch consume) {
    return logic_.run_lifecycle(std::move(timer), std::move(consume));
  });
}

Task<Result<event::ObjectReader::Object>> Service::read(std::string bucket, std::string key,
                                                        std::string version) {
  ReadRequest request{.bucket = std::move(bucket), .key = std::move(key)};
  CO_TRY(request.version,
         version_of(version.empty() ? std::nullopt : std::optional<std::string>(version)));
  CO_TRY(Found found, co_await logic_.find(std::move(request)));
  std::string etag = found.record.etag, name = found.version().value_or("");
  co_return Object{std::make_unique<ObjectBytes>(logic_, std::move(found)), std::move(etag),
                   std::move(name)};
}

Task<Result<void>> Service::write(ObjectToWrite object, store::Batch also, TraceContext cause) {
  event::Kernel& kernel = logic_.kernel();
  PutRequest request{.bucket = std::move(object.bucket), .key = std::move(object.key)};
  Requester& requester = request.requester;
  requester.start = kernel.clock.now();
  requester.request_id = kernel.random.uuid();
  requester.caused_by = cause.span_id;
  requester.trace = cause.trace_id.empty() ? TraceContext::begin(requester.start, kernel.random)
                                           : std::move(cause);
  requester.trace.span_id = new_span_id(kernel.random);
  requester.principal = fmt::format("arn:aws:iam::{}:root", kernel.account);
  requester.source_ip = "127.0.0.1";
  Metadata& metadata = request.metadata;
  metadata.system.emplace_back(SystemHeader::kContentType, std::move(object.content_type));
  if (!object.content_encoding.empty()) {
    metadata.system.emplace_back(SystemHeader::kContentEncoding,
                                 std::move(object.content_encoding));
  }
  request.also = std::make_shared<const store::Batch>(std::move(also));
  CO_TRY_VOID(co_await logic_.put(std::move(request), shapes::body_of(std::move(object.data))));
  co_return ok();
}

}  // namespace suiro::s3
