// SPDX-License-Identifier: Apache-2.0
// Texts and records of the tasks service. The first byte chooses: environment files, time formats
// of logs, sizes and names, or one of the records of the store.
#include "base/check.h"
#include "services/ecs/context.h"
#include "services/ecs/environment.h"
#include "services/ecs/log_options.h"
#include "services/ecs/storage.h"
#include "services/ecs/validate.h"

namespace {

using namespace suiro;

// What was read is written in a form that reads as the same.
template <class Decode>
void round_trip(ByteView bytes, Decode decode) {
  auto first = decode(bytes);
  if (!first) return;
  Bytes written = ecs::storage::encode(*first);
  auto second = decode(written);
  CHECK(second);
  CHECK(ecs::storage::encode(*second) == written);
}

void texts(ByteView text) {
  for (const auto& variable : ecs::parse_environment_file(text)) CHECK(!variable.name.empty());
  static_cast<void>(ecs::datetime_pattern(text));
  static_cast<void>(ecs::task_cpu(text));
  static_cast<void>(ecs::task_memory(text));
  static_cast<void>(ecs::definition_ref(text));
  static_cast<void>(ecs::cluster_name(text));
  static_cast<void>(ecs::task_id(text));
  static_cast<void>(ecs::service_name(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  ByteView bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  namespace storage = suiro::ecs::storage;
  switch (data[0] % 7) {
    case 0:
      texts(bytes);
      break;
    case 1:
      round_trip(bytes, storage::decode_cluster);
      break;
    case 2:
      round_trip(bytes, storage::decode_definition);
      break;
    case 3:
      round_trip(bytes, storage::decode_task);
      break;
    case 4:
      round_trip(bytes, storage::decode_service);
      break;
    case 5:
      round_trip(bytes, storage::decode_output);
      break;
    default:
      round_trip(bytes, storage::decode_token);
      break;
  }
  return 0;
}
