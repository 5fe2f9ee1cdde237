// SPDX-License-Identifier: Apache-2.0
// Definition files: what a team wants to run, as one readable YAML document, and what it means:
// resources with named properties.
//
//   name: webshop
//   timezone: Asia/Tokyo
//   tasks:
//     nightly-report:
//       description: Adds up yesterday's sales and mails them.
//       image: batch/report:latest
//       cpu: 256
//       memory: 512
//       schedules:
//         - expression: cron(0 3 * * ? *)
//           overlap: forbid
//
// Place: `suiro plan` and `suiro apply` parse files, compare them with what runs (plan.h) and
// simulate their schedules (forecast.h). Described for users in docs/definitions.md.
//
// Invariants:
//  1. A file is taken whole or not at all; an error names file, line, column and what was expected.
//  2. Properties are normalised: durations are whole seconds, defaults are filled in, names of
//  other
//     resources stay names. Two files that mean the same give equal properties.
// Thread: any; nothing is shared.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace suiro::definition {

namespace json = boost::json;

inline constexpr size_t kFileBytesMax = 4 << 20;
inline constexpr size_t kResourcesMax = 5000;

// In the order in which they are made; they go in the reverse.
enum class Kind { kBucket, kQueue, kStream, kFunction, kTask, kApplication, kSchedule };
inline constexpr size_t kKinds = 7;
std::string_view kind_name(Kind kind);     // "bucket"
std::string_view section_name(Kind kind);  // "buckets"

struct Resource {
  Kind kind;
  std::string name;
  json::object properties;  // by field name, sorted; every field of the kind that has a value
};

// How a resource came into a definition's record.
enum class Origin {
  kMade,      // the definition made it, and may remove it
  kIntended,  // it was about to be made when the record was written
  kFound,     // it was there before: somebody else's, never removed
};

struct Document {
  std::string name;
  std::vector<Resource> resources;  // in the order of Kind, then of the files
};

struct SourceFile {
  std::string path;  // for messages, and what relative paths in it start from
  std::string text;
};

// Errors: kInvalidArgument "FILE:LINE:COLUMN: ...".
Result<Document> parse(const std::vector<SourceFile>& files);

}  // namespace suiro::definition
