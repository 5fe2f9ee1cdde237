// SPDX-License-Identifier: Apache-2.0
// What the task runner reads back from disk, and an image's passwd file. The first byte chooses.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "engine/container/image_user.h"
#include "engine/container/output_reader.h"
#include "engine/container/records.h"
#include "engine/container/supervisor_link.h"

namespace {

using namespace suiro;
using namespace suiro::container;

void frames(std::string_view bytes) {
  LineCutter cutter(0);
  Frame frame;
  while (take_frame(bytes, frame) == FrameEnd::kWhole) {
    uint64_t before = cutter.committed();
    cutter.feed(frame);
    CHECK(cutter.committed() >= before, "positions go forward");
  }
  cutter.finish();
  for (const auto& line : cutter.take_lines()) CHECK(line.text.size() <= kOutputLineBytesMax);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      frames(text);
      break;
    case 1:
      if (auto spec = decode_spec(text)) {
        Bytes written = encode_spec(*spec);
        CHECK(encode_spec(*decode_spec(written)) == written, "read otherwise than written");
      }
      break;
    case 2:
      if (auto state = decode_state(text)) {
        Bytes written = encode_state(*state);
        CHECK(encode_state(*decode_state(written)) == written, "read otherwise than written");
      }
      break;
    case 3:
      (void)parse_end(text);
      break;
    default:
      (void)find_user("worker:renders", text, text);
      break;
  }
  return 0;
}
