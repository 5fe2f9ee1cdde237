// SPDX-License-Identifier: Apache-2.0
// Definition files: any bytes give a document or an error that names its place.
#include "base/check.h"
#include "engine/definition/document.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  auto document = suiro::definition::parse({{"f.yaml", std::move(text)}});
  if (!document) CHECK(!document.error().message.empty());
  return 0;
}
