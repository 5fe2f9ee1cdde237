// SPDX-License-Identifier: Apache-2.0
// S3: stored records, keys as they lie in the store, and the texts of headers. What is read of the
// disk is written as it was. The first byte chooses.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "engine/policy/policy.h"
#include "services/s3/api_common.h"
#include "services/s3/codec.h"
#include "services/s3/policy_rules.h"
#include "services/s3/storage.h"

namespace {

using namespace suiro;
using namespace suiro::s3;

// Records that encode() would write otherwise are read too: what it writes of them is stable.
template <class Record>
void stable(ByteView bytes) {
  auto first = decode<Record>(bytes);
  if (!first) return;
  const Bytes written = encode(*first);
  auto second = decode<Record>(written);
  CHECK(second && encode(*second) == written, "a record that was read changed");
}

void keys_of(ByteView bytes) {
  auto found = keys::unescape(bytes);
  if (!found) return;
  const Bytes again = keys::escape(found->key);
  CHECK(bytes.starts_with(again), "a key that was read changed");
}

// What is taken is understood, and is its own normal form.
void policy_of(ByteView bytes) {
  if (!check_policy(bytes, "lake")) return;
  auto normal = normal_policy(bytes);
  CHECK(normal && policy::Policy::parse(*normal, policy::Form::kBucket),
        "a policy that was taken is not understood");
  CHECK(normal_policy(*normal).value() == *normal, "a normal policy has another normal form");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 13) {
    case 0:
      stable<BucketRecord>(text);
      break;
    case 1:
      stable<ObjectRecord>(text);
      break;
    case 2:
      stable<UploadRecord>(text);
      break;
    case 3:
      stable<PartRecord>(text);
      break;
    case 4:
      stable<CompletedRecord>(text);
      break;
    case 5:
      stable<std::vector<PartEntry>>(text);
      break;
    case 6:
      keys_of(text);
      break;
    case 7:
      if (auto source = copy_source_of(text)) CHECK(!source->bucket.empty());
      break;
    case 8:
      (void)tags_of_header(text);
      break;
    case 9:
      (void)version_of(std::string(text));
      break;
    case 10:
      if (auto range = parse_range(std::string(text), 1000); range && *range) {
        CHECK((*range)->first + (*range)->length <= 1000 && (*range)->length > 0);
      }
      break;
    case 11:
      (void)raw_md5(std::string(text));
      (void)raw_checksum(ChecksumKind::kCrc32, std::string(text));
      break;
    case 12:
      policy_of(text);
      break;
  }
  return 0;
}
