// SPDX-License-Identifier: Apache-2.0
// The picture of a trace for a person: spans as an indented tree.
//
//   s3:PutObject arn:aws:s3:::lake/raw/a.gz  12 ms  ok
//     event s3:ObjectCreated:Put -> arn:aws:lambda:...:function:parse  +13 ms  2 ms  ok
//       lambda:Invoke arn:aws:lambda:...:function:parse  +15 ms  85 ms  ok (cold start 61 ms)
#pragma once

#include <string>
#include <vector>

#include "kernel/event/journal.h"

namespace suiro::event {

// One line a span, with a newline each: kind, resource, offset from the trace's first start,
// duration, status, reason. Spans whose parent is not among them are roots. Any order of input.
std::string format_tree(std::vector<Span> spans);

// "85 ms", "1.250 s", "2 min 5 s", "3 h 2 min".
std::string format_duration(Millis duration);

}  // namespace suiro::event
