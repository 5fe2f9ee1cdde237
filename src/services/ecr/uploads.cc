// SPDX-License-Identifier: Apache-2.0
#include "services/ecr/uploads.h"

namespace suiro::ecr {

Uploads::Uploads(event::Kernel& kernel, Logic& logic)
    : kernel_(kernel), logic_(logic), tables_(kernel.shards.size()) {}

Uploads::~Uploads() = default;

std::unexpected<Error> Uploads::unknown(const std::string& repository,
                                        const std::string& id) const {
  return fail(kUploadNotFound,
              fmt::format("The upload with id '{}' does not exist in the repository with name '{}' "
                          "in the registry with id '{}'",
                          id, repository, kernel_.account));
}

Task<void> Uploads::stop() {
  for (size_t i = 0; i < tables_.size(); ++i) {
    co_await run_on(kernel_.shards.executor(i), [this]() -> Task<void> {
      table().clear();
      co_return;
    });
  }
}

void Uploads::drop_idle(Table& table) {
  TimePoint oldest = kernel_.clock.now() - kUploadIdleMax;
  std::erase_if(table, [&](const auto& entry) {
    return !entry.second->is_busy && entry.second->touched < oldest;
  });
}

Task<Result<std::string>> Uploads::begin(std::string repository) {
  CO_TRY_VOID(co_await logic_.repository(repository));
  std::string id = kernel_.random.uuid();
  co_return co_await run_on(
      kernel_.shards.owner(id), [this, repository, id]() -> Task<Result<std::string>> {
        Table& uploads = table();
        if (uploads.size() >= kUploadsMax) drop_idle(uploads);
        if (uploads.size() >= kUploadsMax) {
          co_return fail(kLimitExceeded, "Too many uploads of layers are under way", Retry::kLater);
        }
        auto upload = std::make_unique<Upload>();
        upload->repository = repository;
        upload->writer = kernel_.store.write_blob();
        upload->touched = kernel_.clock.now();
        uploads.emplace(id, std::move(upload));
        co_return id;
      });
}

// The upload, which the caller gives back by is_busy = false.
Result<Uploads::Upload*> Uploads::take(const std::string& repository, const std::string& id) {
  Table& uploads = table();
  drop_idle(uploads);
  auto found = uploads.find(id);
  if (found == uploads.end() || found->second->repository != repository) {
    return unknown(repository, id);
  }
  Upload* upload = found->second.get();
  if (upload->is_busy) {
    return fail(kInvalidLayerPart, "Another part of this upload is being received");
  }
  upload->touched = kernel_.clock.now();
  upload->is_busy = true;
  return upload;
}

Task<Result<uint64_t>> Uploads::append(Part part) {
  Executor owner = kernel_.shards.owner(part.id);
  co_return co_await run_on(
      owner, [this, part = std::move(part)]() mutable { return append_here(std::move(part)); });
}

Task<Result<uint64_t>> Uploads::append_here(Part part) {
  CO_TRY(Upload * upload, take(part.repository, part.id));
  if (part.first_byte && *part.first_byte != upload->size_bytes) {
    upload->is_busy = false;
    Error error{std::string(kInvalidLayerPart),
                fmt::format("The layer part of the upload with id '{}' begins at byte {}, but {} "
                            "bytes were received",
                            part.id, *part.first_byte, upload->size_bytes)};
    uint64_t last = upload->size_bytes == 0 ? 0 : upload->size_bytes - 1;
    error.details.emplace_back("lastValidByteReceived", std::to_string(last));
    co_return fail(std::move(error));
  }
  if (upload->size_bytes + part.bytes.size() > kLayerBytesMax) {
    upload->is_busy = false;
    co_return fail(kInvalidLayer, fmt::format("A layer has at most {} bytes", kLayerBytesMax));
  }
  upload->hash.update(part.bytes);
  uint64_t size = upload->size_bytes += part.bytes.size();
  auto appended = co_await upload->writer->append(std::move(part.bytes));
  upload->is_busy = false;
  if (!appended) {
    // What was written is not known: the bytes and their digest no longer fit.
    table().erase(part.id);
    co_return fail(std::move(appended).error());
  }
  co_return size;
}

Task<Result<uint64_t>> Uploads::size(std::string repository, std::string id) {
  co_return co_await run_on(kernel_.shards.owner(id),
                            [this, repository, id]() -> Task<Result<uint64_t>> {
                              CO_TRY(Upload * upload, take(repository, id));
                              upload->is_busy = false;
                              co_return upload->size_bytes;
                            });
}

Task<Result<void>> Uploads::cancel(std::string repository, std::string id) {
  co_return co_await run_on(kernel_.shards.owner(id),
                            [this, repository, id]() -> Task<Result<void>> {
                              CO_TRY_VOID(take(repository, id));
                              table().erase(id);
                              co_return ok();
                            });
}

Task<Result<uint64_t>> Uploads::finish(std::string repository, std::string id, Digest digest,
                                       Empty empty) {
  co_return co_await run_on(kernel_.shards.owner(id), [this, repository, id, digest, empty] {
    return finish_here(repository, id, digest, empty);
  });
}

Task<Result<uint64_t>> Uploads::finish_here(std::string repository, std::string id, Digest digest,
                                            Empty empty) {
  CO_TRY(Upload * found, take(repository, id));
  if (found->size_bytes == 0 && empty == Empty::kRefuse) {
    found->is_busy = false;
    co_return fail(kEmptyUpload, fmt::format("The upload with id '{}' has no parts", id));
  }
  auto node = table().extract(id);
  std::unique_ptr<Upload> upload = std::move(node.mapped());
  Digest actual = "sha256:" + hex_encode(upload->hash.finish());
  if (actual != digest) {
    co_return fail(kInvalidLayer,
                   fmt::format("The layer digest {} does not match the digest {} of what was "
                               "received",
                               digest, actual));
  }
  CO_TRY(store::PendingBlob blob, co_await upload->writer->finish());
  CO_TRY_VOID(co_await logic_.add_layer(repository, digest, std::move(blob)));
  co_return upload->size_bytes;
}

}  // namespace suiro::ecr
