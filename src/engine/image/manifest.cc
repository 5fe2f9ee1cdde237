// SPDX-License-Identifier: Apache-2.0
#include "engine/image/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>

#include "engine/image/reference.h"

namespace suiro::image {
namespace {

namespace json = boost::json;

constexpr size_t kNestingMax = 64;

std::unexpected<Error> bad(std::string_view what) {
  return fail(kImageInvalid, std::string(what));
}

Result<json::object> parse_object(std::string_view bytes, std::string_view what, size_t max) {
  if (bytes.size() > max) return bad(fmt::format("{} is larger than {} bytes", what, max));
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = kNestingMax;
  json::value value = json::parse(bytes, error, {}, options);
  if (error || !value.is_object()) return bad(fmt::format("{} is not a JSON object", what));
  return std::move(value.as_object());
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return std::string(value->as_string());
}

const json::object* object_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

// A list of strings; absent and null are an empty one.
Result<std::vector<std::string>> texts_of(const json::object& object, std::string_view name) {
  std::vector<std::string> out;
  const json::value* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return out;
  if (!value->is_array()) return bad(fmt::format("{} is not a list", name));
  for (const json::value& one : value->as_array()) {
    if (!one.is_string()) return bad(fmt::format("{} holds what is not a string", name));
    out.emplace_back(one.as_string());
  }
  return out;
}

Result<Descriptor> read_descriptor(const json::value& value, std::string_view what) {
  if (!value.is_object()) return bad(fmt::format("{} is not a descriptor", what));
  const json::object& object = value.as_object();
  Descriptor out;
  out.media_type = text_of(object, "mediaType");
  out.digest = text_of(object, "digest");
  if (!is_digest(out.digest)) return bad(fmt::format("{}: its digest is not a sha256", what));
  const json::value* size = object.if_contains("size");
  bool is_size = size != nullptr && (size->is_int64() || size->is_uint64());
  if (!is_size || (size->is_int64() && size->as_int64() < 0)) {
    return bad(fmt::format("{}: its size is not a number of bytes", what));
  }
  out.size_bytes = size->is_int64() ? static_cast<uint64_t>(size->as_int64()) : size->as_uint64();
  const json::value* urls = object.if_contains("urls");
  bool has_urls = urls != nullptr && urls->is_array() && !urls->as_array().empty();
  out.is_foreign = has_urls && out.media_type.find("foreign") != std::string::npos;
  out.is_foreign |= has_urls && out.media_type.find("nondistributable") != std::string::npos;
  if (const json::object* platform = object_of(object, "platform")) {
    out.architecture = text_of(*platform, "architecture");
    out.os = text_of(*platform, "os");
    out.variant = text_of(*platform, "variant");
  }
  return out;
}

Result<std::vector<Descriptor>> read_list(const json::object& document, std::string_view name,
                                          size_t entries_max) {
  const json::value* value = document.if_contains(name);
  if (value == nullptr || !value->is_array()) return bad(fmt::format("{} is not a list", name));
  const json::array& list = value->as_array();
  if (list.size() > entries_max) {
    return bad(fmt::format("{} has more than {} entries", name, entries_max));
  }
  std::vector<Descriptor> out;
  for (const json::value& one : list) {
    TRY(Descriptor descriptor, read_descriptor(one, name));
    out.push_back(std::move(descriptor));
  }
  return out;
}

Millis nanoseconds_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_int64() || value->as_int64() < 0) return Millis(0);
  return Millis(value->as_int64() / 1'000'000);
}

Result<void> read_health_check(const json::object& process, ImageConfig& config) {
  const json::object* check = object_of(process, "Healthcheck");
  if (check == nullptr) return ok();
  HealthCheck out;
  TRY(out.test, texts_of(*check, "Test"));
  out.interval = nanoseconds_of(*check, "Interval");
  out.timeout = nanoseconds_of(*check, "Timeout");
  out.start_period = nanoseconds_of(*check, "StartPeriod");
  const json::value* retries = check->if_contains("Retries");
  if (retries != nullptr && retries->is_int64() && retries->as_int64() > 0 &&
      retries->as_int64() < 1000) {
    out.retries = static_cast<int>(retries->as_int64());
  }
  config.health_check = std::move(out);
  return ok();
}

Result<void> read_process(const json::object& process, ImageConfig& config) {
  TRY(config.entrypoint, texts_of(process, "Entrypoint"));
  TRY(config.cmd, texts_of(process, "Cmd"));
  TRY(config.env, texts_of(process, "Env"));
  config.user = text_of(process, "User");
  config.working_dir = text_of(process, "WorkingDir");
  config.stop_signal = text_of(process, "StopSignal");
  if (const json::object* volumes = object_of(process, "Volumes")) {
    for (const auto& entry : *volumes) config.volumes.emplace_back(entry.key());
    std::ranges::sort(config.volumes);
  }
  if (const json::object* labels = object_of(process, "Labels")) {
    for (const auto& entry : *labels) {
      if (entry.value().is_string()) {
        config.labels.emplace(entry.key(), std::string(entry.value().as_string()));
      }
    }
  }
  return read_health_check(process, config);
}

}  // namespace

Result<Manifest> parse_manifest(std::string_view bytes, std::string_view media_type) {
  TRY(json::object document, parse_object(bytes, "the manifest", kManifestBytesMax));
  const json::value* version = document.if_contains("schemaVersion");
  if (version == nullptr || !version->is_int64() || version->as_int64() != 2) {
    return bad("schemaVersion of the manifest is not 2");
  }
  Manifest out;
  out.media_type = text_of(document, "mediaType");
  if (!media_type.empty() && !out.media_type.empty() && media_type != out.media_type) {
    return bad(
        fmt::format("the manifest's mediaType is {} and not {}", out.media_type, media_type));
  }
  bool has_entries = document.contains("manifests");
  if (has_entries && (document.contains("layers") || document.contains("config"))) {
    return bad("the manifest is both an image and an index");
  }
  if (out.media_type.empty()) out.media_type = media_type;
  if (out.media_type.empty()) out.media_type = has_entries ? kOciIndex : kOciManifest;
  out.is_index = out.media_type == kOciIndex || out.media_type == kDockerList;
  if (!out.is_index && out.media_type != kOciManifest && out.media_type != kDockerManifest) {
    return bad(fmt::format("manifests of type {} are not supported", out.media_type));
  }
  out.artifact_type = text_of(document, "artifactType");
  if (const json::value* subject = document.if_contains("subject")) {
    TRY(Descriptor descriptor, read_descriptor(*subject, "subject"));
    out.subject = std::move(descriptor.digest);
  }
  if (out.is_index) {
    TRY(out.manifests, read_list(document, "manifests", kIndexEntriesMax));
    return out;
  }
  const json::value* config = document.if_contains("config");
  if (config == nullptr) return bad("the manifest has no config");
  TRY(out.config, read_descriptor(*config, "config"));
  TRY(out.layers, read_list(document, "layers", kLayersMax));
  if (out.artifact_type.empty() && out.config.media_type.find("config") == std::string::npos) {
    out.artifact_type = out.config.media_type;
  }
  return out;
}

Result<ParsedConfig> parse_config(std::string_view bytes) {
  TRY(json::object document, parse_object(bytes, "the config", kConfigBytesMax));
  ParsedConfig out;
  out.config.architecture = text_of(document, "architecture");
  out.config.os = text_of(document, "os");
  const json::object* rootfs = object_of(document, "rootfs");
  if (rootfs == nullptr) return bad("the config has no rootfs");
  TRY(out.diff_ids, texts_of(*rootfs, "diff_ids"));
  if (out.diff_ids.size() > kLayersMax) {
    return bad(fmt::format("diff_ids has more than {} entries", kLayersMax));
  }
  for (const std::string& id : out.diff_ids) {
    if (!is_digest(id)) return bad("diff_ids holds what is not a sha256 digest");
  }
  if (const json::object* process = object_of(document, "config")) {
    TRY_VOID(read_process(*process, out.config));
  }
  return out;
}

Result<Descriptor> choose_platform(const Manifest& index, std::string_view architecture) {
  const Descriptor* found = nullptr;
  for (const Descriptor& entry : index.manifests) {
    if (entry.os == "linux" && entry.architecture == architecture) {
      // The plain one fits everywhere; else the first.
      if (found == nullptr || entry.variant.empty()) found = &entry;
    }
  }
  // An index of a single image that names no platform is that image.
  if (found == nullptr && index.manifests.size() == 1 && index.manifests[0].os.empty()) {
    found = &index.manifests[0];
  }
  if (found == nullptr) {
    return fail(kImageNotFound,
                fmt::format("no matching manifest for linux/{} in the manifest list "
                            "entries",
                            architecture));
  }
  return *found;
}

std::string_view machine_architecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#else
#error "name this machine as Go's GOARCH does"
#endif
}

}  // namespace suiro::image
