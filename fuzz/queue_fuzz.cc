// SPDX-License-Identifier: Apache-2.0
// Stored values of queues, receipt handles, policies, redrive policies: what is not ours is
// refused, what is read is written as it was. The first byte chooses.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "services/sqs/settings.h"
#include "services/sqs/storage.h"

namespace {

using namespace suiro;
using namespace suiro::sqs;

template <class Decoded>
void same(const Decoded& decoded, std::string_view bytes) {
  if (decoded) CHECK(storage::encode(*decoded) == bytes, "written otherwise than read");
}

// Values that encode() would write otherwise are read too (an attribute twice): what it writes of
// them is stable.
template <class Decode>
void stable(Decode decode, std::string_view bytes) {
  auto first = decode(bytes);
  if (!first) return;
  auto second = decode(storage::encode(*first));
  CHECK(second && *second == *first, "read otherwise than written");
}

void decide(std::string_view text) {
  auto policy = policy::Policy::parse(text);
  if (!policy) return;
  policy::Request request;
  request.caller.account = "000000000000";
  request.action = "sqs:SendMessage";
  request.resource = "arn:aws:sqs:r:000000000000:q";
  request.context = {{"aws:sourcearn", "arn:aws:s3:::b"}};
  CHECK(policy->decide(request) == policy->decide(request));
}

void set(const std::string& name, std::string_view text) {
  Attributes changes = {{name, std::string(text)}};
  auto changed = changed_attributes({}, changes, QueueKind::kStandard, When::kSet);
  if (changed) (void)settings_of(*changed, QueueKind::kStandard);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 9) {
    case 0:
      stable(storage::decode_message, text);
      break;
    case 1:
      stable(storage::decode_state, text);
      break;
    case 2:
      stable(storage::decode_queue, text);
      break;
    case 3:
      same(storage::decode_dedup(text), text);
      break;
    case 4:
      same(storage::decode_task(text), text);
      break;
    case 5:
      if (auto handle = ReceiptHandle::parse(text)) {
        auto again = ReceiptHandle::parse(handle->str());
        CHECK(again && again->sequence == handle->sequence && again->nonce == handle->nonce);
      }
      break;
    case 6:
      decide(text);
      break;
    case 7:
      set("RedrivePolicy", text);
      break;
    case 8:
      set("RedriveAllowPolicy", text);
      break;
  }
  return 0;
}
