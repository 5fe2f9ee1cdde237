// SPDX-License-Identifier: Apache-2.0
#include "server/command_line.h"

int main(int argc, char** argv) {
  return suiro::server::run_command_line(argc, argv);
}
