// SPDX-License-Identifier: Apache-2.0
// Short programs that are run to their end. Blocking; any thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "engine/sandbox/files.h"

namespace suiro::container {

// Starts a program with `input` as its standard input (none: -1); its standard output is the read
// end in `output` (errors too, where asked). Signals are as in a fresh process. Errors: kInternal.
enum class Errors { kDiscard, kWithOutput };
struct Started {
  pid_t process = -1;
  sandbox::Descriptor pidfd;
  sandbox::Descriptor output;
};
Result<Started> start_process(const std::vector<std::string>& words, Errors errors, int input = -1);

struct Finished {
  int status = -1;  // exit status; 128 + signal; -1: it did not end in time and was killed
  std::string output;
};
inline constexpr size_t kOutputOfProcessMax = 64 * 1024;
Result<Finished> run_process(const std::vector<std::string>& words, Errors errors, int timeout_ms,
                             int input = -1);

}  // namespace suiro::container
