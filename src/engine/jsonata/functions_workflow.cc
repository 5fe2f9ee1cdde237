// SPDX-License-Identifier: Apache-2.0
#include "engine/jsonata/evaluator.h"
namespace suiro::jsonata {
std::span<const NativeEntry> workflow_functions() {
  return {};
}
std::span<const NativeEntry> encoding_functions() {
  return {};
}
std::span<const NativeEntry> picture_functions() {
  return {};
}
}  // namespace suiro::jsonata
