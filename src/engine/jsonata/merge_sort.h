// SPDX-License-Identifier: Apache-2.0
// merge_sort: stable, and safe whatever the order says (a function of the user may contradict
// itself).
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace suiro::jsonata {

// `after(left, right)`: right comes first. Not called any more for no reason but that.
template <class T, class After>
void merge_sort(std::vector<T>& items, After after) {
  std::vector<T> other(items.size());
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t begin = 0; begin < items.size(); begin += 2 * width) {
      const size_t middle = std::min(begin + width, items.size());
      const size_t end = std::min(begin + 2 * width, items.size());
      size_t left = begin, right = middle;
      for (size_t at = begin; at < end; ++at) {
        const bool take_right = left == middle || (right < end && after(items[left], items[right]));
        other[at] = items[take_right ? right++ : left++];
      }
    }
    std::swap(items, other);
  }
}

}  // namespace suiro::jsonata
