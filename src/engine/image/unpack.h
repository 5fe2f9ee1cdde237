// SPDX-License-Identifier: Apache-2.0
// Unpacks a layer (tar, plain or compressed with gzip or zstd) into a directory that overlayfs
// takes as a lower layer, trusting nothing in it.
//
//   file -> decompress -> count, hash -> tar entries -> openat2 below the directory
//
// Invariants:
//  1. Nothing is made, changed or removed outside the directory: every parent is opened with
//     openat2(RESOLVE_IN_ROOT), every last part of a name without following links; names with ".."
//     are refused.
//  2. Whiteouts (".wh.NAME") become character devices 0/0, opaque directories (".wh..wh..opq") the
//     attribute trusted.overlay.opaque (user.overlay.opaque without privileges), as overlayfs
//     wants.
//  3. A layer cannot make either by itself: device nodes and attributes of overlayfs in the archive
//     are refused; device nodes below dev/ are left out, because containers get a /dev of their
//     own.
//  4. Bytes that come out of the decompressor, entries and names are bounded by UnpackLimits.
//  5. On success everything is synced. On an error what was made stays, for the caller to remove.
// Owners are kept where the process is privileged, else they are the process's. Thread: any;
// blocking. Rules: OCI Image Specification, "Image Layer Filesystem Changeset".
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace suiro::image {

struct UnpackLimits {
  uint64_t bytes_max = uint64_t{16} << 30;  // of the tar archive
  size_t entries_max = 1'000'000;
  size_t path_bytes_max = 4095;
  size_t attribute_bytes_max = 64 << 10;  // names and values of one entry
};

struct Unpacked {
  std::string diff_id;  // digest of the tar archive
  uint64_t tar_bytes = 0;
  size_t entries = 0;
};

// Unpacks the file `layer` into the existing, empty directory `to`.
// Errors: kImageInvalid and kImageTooLarge, naming the entry; codes::kUnavailable for the disk.
Result<Unpacked> unpack_layer(const std::string& layer, const std::string& to, UnpackLimits limits);

// Removes a directory and what is below it, never following links. Errors: codes::kUnavailable.
Result<void> remove_tree(const std::string& path);

}  // namespace suiro::image
