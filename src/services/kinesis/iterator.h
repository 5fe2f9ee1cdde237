// SPDX-License-Identifier: Apache-2.0
// Shard iterators and tokens of lists as text: opaque for clients, self-contained, checked.
// Thread: pure functions.
#pragma once

#include "services/kinesis/types.h"

namespace suiro::kinesis {

struct Iterator {
  std::string stream;
  StreamId id;
  ShardIndex shard;
  Offset offset = 0;
  TimePoint made;
};
std::string iterator_text(const Iterator& iterator);
// nullopt: not one of ours.
std::optional<Iterator> parse_iterator(std::string_view text);

// Where a list goes on, of which stream, and from when.
struct NextToken {
  std::string stream;
  StreamId id;
  std::string after;
  std::string filter;  // what the first request asked for, to be the same on each page
  TimePoint made;
};
std::string token_text(const NextToken& token);
std::optional<NextToken> parse_token(std::string_view text);

}  // namespace suiro::kinesis
