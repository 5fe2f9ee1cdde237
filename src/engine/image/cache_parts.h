// SPDX-License-Identifier: Apache-2.0
// What cache*.cc share. Internal to engine/image. Files and their content: docs/formats/images.md.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"

namespace suiro::image {

inline constexpr std::string_view kLayers = "layers";
inline constexpr std::string_view kImages = "images";
inline constexpr std::string_view kReferences = "references";
inline constexpr std::string_view kHolders = "holders";
inline constexpr std::string_view kTemporary = "tmp";
// Of a layer's directory: its files, and what is known of them.
inline constexpr std::string_view kLayerFiles = "fs";
inline constexpr std::string_view kLayerFacts = "layer.json";

// "sha256-0123...": a digest as a file's name.
std::string file_name_of(std::string_view digest);
// Any name as a file's name.
std::string hash_name(std::string_view name);
// Sets the time of the file's last use; a file that is gone is left alone.
void touch(const std::string& file, TimePoint time);

// Blocking, durable when they return. Errors: codes::kUnavailable.
Result<void> write_durably(const std::string& temporary, const std::string& path,
                           const Bytes& content);
Result<void> sync_directory(const std::string& directory);
Result<void> rename_durably(const std::string& from, const std::string& to);
Result<Bytes> read_whole(const std::string& path, size_t bytes_max);
Result<void> make_directory(const std::string& path);

}  // namespace suiro::image
