// SPDX-License-Identifier: Apache-2.0
// survivor ROOT [NUMBER SCRIPT [early]]: a runner over a folder, that runs a task and waits to be
// killed. It says "up" when the task was taken, or before that.
#include <unistd.h>

#include "engine/container/testing/bed.h"

int main(int count, char** argument) {
  using namespace suiro::container;
  Bed bed(argument[1]);
  bed.collector.folder = std::string(argument[1]) + "/lines";
  if (!bed.start()) return 1;
  auto say = [] { return ::write(1, "up\n", 3) == 3; };
  if (count == 5 && !say()) return 3;
  if (count >= 4) {
    auto spec = shell_task(static_cast<unsigned>(std::stoul(argument[2])), argument[3]);
    if (!bed.wait(bed.runner->run(spec))) return 2;
  }
  if (count < 5 && !say()) return 3;
  for (;;) ::pause();
}
