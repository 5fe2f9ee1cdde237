// SPDX-License-Identifier: Apache-2.0
// The command line: parses arguments and runs one command. Results on stdout, what went wrong on
// stderr. Exit status: 0 done, 1 failed, 2 the arguments are wrong,
// 3 `suiro plan` found something to change.
#pragma once

namespace suiro::server {
int run_command_line(int argc, char** argv);
}  // namespace suiro::server
