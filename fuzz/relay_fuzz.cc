// SPDX-License-Identifier: Apache-2.0
// What relays read: replies of PutRecords, credentials, checkpoints. Input: a byte that chooses,
// then the text.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "services/relay/storage.h"
#include "services/relay/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace suiro;
  using namespace suiro::relay;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 0) {
    const int status = data[0] % 2 == 0 ? 200 : 400;
    auto reply = parse_call_reply({status, {}, std::string(text)}, 2);
    CHECK(!reply || reply->failed.size() <= 2);
  } else if (data[0] % 3 == 1) {
    auto keys = parse_credentials(text, "default");
    CHECK(!keys || !keys->secret_access_key.empty());
  } else {
    auto read = decode_checkpoint(text);
    CHECK(!read || !encode(*read).empty());
    auto origin = decode_origin(text);
    CHECK(!origin || encode(*origin) == text);
  }
  return 0;
}
