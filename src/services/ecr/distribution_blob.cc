// SPDX-License-Identifier: Apache-2.0
// Blobs: reading them, whole and in ranges, and the ways in which they come in.
#include <charconv>

#include "engine/image/reference.h"
#include "services/ecr/distribution_route.h"

namespace suiro::ecr {
namespace {

// The bytes of a layer from `at` on.
class BlobBody final : public shapes::ByteSource {
 public:
  BlobBody(std::unique_ptr<store::BlobReader> reader, uint64_t at, uint64_t length)
      : reader_(std::move(reader)), at_(at), end_(at + length), length_(length) {}

  Task<Result<Bytes>> read(size_t bytes_max) override {
    size_t size = std::min<uint64_t>({bytes_max, Distribution::kPieceBytes, end_ - at_});
    if (size == 0) co_return Bytes();
    CO_TRY(Bytes bytes, co_await reader_->read(at_, size));
    at_ += bytes.size();
    co_return bytes;
  }
  std::optional<uint64_t> length() const override { return length_; }

 private:
  std::unique_ptr<store::BlobReader> reader_;
  uint64_t at_;
  uint64_t end_;
  uint64_t length_;
};

bool to_number(std::string_view text, uint64_t& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

struct Range {
  uint64_t first = 0;
  uint64_t length = 0;
};

// One range of bytes; nullopt where the header is not understood, which is then ignored (RFC 9110,
// "Range"). Errors: RANGE_INVALID behind the end.
Result<std::optional<Range>> parse_range(std::string_view text, uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  using Answer = std::optional<Range>;
  if (!text.starts_with(kUnit)) return Answer();
  text.remove_prefix(kUnit.size());
  size_t dash = text.find('-');
  if (dash == text.npos) return Answer();
  uint64_t first = 0;
  uint64_t last = 0;
  if (dash == 0) {
    if (!to_number(text.substr(1), last)) return Answer();
    if (last == 0 || size == 0) return spec_error("RANGE_INVALID", "the range is empty");
    first = size - std::min(last, size);
    return Answer({first, size - first});
  }
  if (!to_number(text.substr(0, dash), first)) return Answer();
  bool is_open = dash + 1 == text.size();
  if (!is_open && (!to_number(text.substr(dash + 1), last) || last < first)) return Answer();
  if (first >= size) return spec_error("RANGE_INVALID", "the range begins behind the end");
  last = is_open ? size - 1 : std::min(last, size - 1);
  return Answer({first, last - first + 1});
}

std::string location_of(const std::string& repository, const std::string& digest) {
  return fmt::format("/v2/{}/blobs/{}", repository, digest);
}

WireResponse created(const std::string& repository, const std::string& digest) {
  WireResponse out;
  out.status = 201;
  out.headers.emplace_back("location", location_of(repository, digest));
  out.headers.emplace_back("docker-content-digest", digest);
  return out;
}

}  // namespace

Distribution::Answer Distribution::get_blob(WireRequest request, Route route) {
  const Digest& digest = route.reference;
  if (!image::is_digest(digest))
    co_return spec_error("DIGEST_INVALID", "invalid digest: " + digest);
  WireResponse out;
  out.headers.emplace_back("content-type", "application/octet-stream");
  out.headers.emplace_back("docker-content-digest", digest);
  out.headers.emplace_back("accept-ranges", "bytes");
  if (request.method == "HEAD") {
    CO_TRY(auto size, co_await logic_.layer_size(route.repository, digest));
    if (!size) co_return fail(kLayerInaccessible, "blob unknown to registry");
    out.headers.emplace_back("content-length", std::to_string(*size));
    co_return out;
  }
  CO_TRY(auto reader, co_await logic_.open_layer(route.repository, digest));
  uint64_t size = reader->size_bytes();
  Range range{0, size};
  if (const std::string* wanted = header(request.headers, "range")) {
    CO_TRY(auto part, parse_range(*wanted, size));
    if (part) {
      range = *part;
      out.status = 206;
      out.headers.emplace_back("content-range", fmt::format("bytes {}-{}/{}", range.first,
                                                            range.first + range.length - 1, size));
    }
  }
  out.body = std::make_unique<BlobBody>(std::move(reader), range.first, range.length);
  co_return out;
}

WireResponse Distribution::accepted(const Route& route, uint64_t size) const {
  WireResponse out;
  out.status = 202;
  out.headers.emplace_back(
      "location", fmt::format("/v2/{}/blobs/uploads/{}", route.repository, route.reference));
  out.headers.emplace_back("range", fmt::format("0-{}", size == 0 ? 0 : size - 1));
  out.headers.emplace_back("docker-upload-uuid", route.reference);
  return out;
}

Distribution::Answer Distribution::begin_upload(WireRequest request, Route route) {
  std::string mounted = route.parameter("mount");
  std::string digest = route.parameter("digest");
  if ((!mounted.empty() && !image::is_digest(mounted)) ||
      (!digest.empty() && !image::is_digest(digest))) {
    co_return spec_error("DIGEST_INVALID", "only sha256 digests are supported");
  }
  if (!mounted.empty() && !route.parameter("from").empty()) {
    auto done = co_await logic_.mount(route.repository, mounted, route.parameter("from"));
    if (done) co_return created(route.repository, mounted);
    // A source without the layer is no error: the client uploads it.
    bool is_source =
        done.error().code == kLayersNotFound || done.error().code == kRepositoryNotFound;
    if (!is_source) co_return fail(std::move(done).error());
  }
  CO_TRY(route.reference, co_await uploads_.begin(route.repository));
  if (digest.empty()) co_return accepted(route, 0);
  CO_TRY_VOID(co_await receive(request, route));
  co_return co_await finish(std::move(route));
}

// Appends the request's body to the upload.
Task<Result<uint64_t>> Distribution::receive(WireRequest& request, const Route& route) {
  std::optional<uint64_t> first;
  if (const std::string* range = header(request.headers, "content-range")) {
    std::string_view text = *range;
    if (text.starts_with("bytes ")) text.remove_prefix(6);
    text = text.substr(0, text.find('/'));
    uint64_t number = 0;
    if (!to_number(text.substr(0, text.find('-')), number)) {
      co_return spec_error("BLOB_UPLOAD_INVALID", "invalid Content-Range");
    }
    first = number;
  }
  uint64_t size = 0;
  bool is_first = true;
  for (;;) {
    CO_TRY(Bytes piece, co_await request.body->read(kPieceBytes));
    if (piece.empty() && !is_first) co_return size;
    bool is_end = piece.empty();
    Uploads::Part part{route.repository, route.reference, std::move(piece),
                       is_first ? first : std::nullopt};
    CO_TRY(size, co_await uploads_.append(std::move(part)));
    if (is_end) co_return size;
    is_first = false;
  }
}

Distribution::Answer Distribution::patch_upload(WireRequest request, Route route) {
  CO_TRY(uint64_t size, co_await receive(request, route));
  co_return accepted(route, size);
}

Distribution::Answer Distribution::put_upload(WireRequest request, Route route) {
  if (!image::is_digest(route.parameter("digest"))) {
    co_return spec_error("DIGEST_INVALID", "provided digest is not a sha256 digest");
  }
  CO_TRY_VOID(co_await receive(request, route));
  co_return co_await finish(std::move(route));
}

Distribution::Answer Distribution::finish(Route route) {
  std::string digest = route.parameter("digest");
  CO_TRY_VOID(
      co_await uploads_.finish(route.repository, route.reference, digest, Uploads::Empty::kAllow));
  co_return created(route.repository, digest);
}

Distribution::Answer Distribution::get_upload(Route route) {
  CO_TRY(uint64_t size, co_await uploads_.size(route.repository, route.reference));
  WireResponse out = accepted(route, size);
  out.status = 204;
  co_return out;
}

Distribution::Answer Distribution::delete_upload(Route route) {
  CO_TRY_VOID(co_await uploads_.cancel(route.repository, route.reference));
  WireResponse out;
  out.status = 204;
  co_return out;
}

}  // namespace suiro::ecr
