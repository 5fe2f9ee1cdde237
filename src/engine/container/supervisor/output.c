// SPDX-License-Identifier: Apache-2.0
// A container's output on disk: segments out.POSITION of frames (docs/formats/task-directories.md).
// What was taken is deleted by Suiro, a whole segment at a time.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "supervisor.h"

enum { kReadBytes = 64 * 1024, kPipeBytesMax = 1024 * 1024, kSegmentBytesMax = 1024 * 1024 };
static const uint32_t kMagic = 0x314f5553;  // "SUO1"

// Little-endian, as the machines are that Suiro runs on.
struct frame {
  uint32_t magic;
  uint32_t length;
  uint64_t time_ms;
  uint64_t position;
};

void output_recount(struct output* output) {
  DIR* folder = opendir(output->directory);
  if (folder == NULL) return;
  uint64_t waiting = 0;
  struct dirent* entry;
  while ((entry = readdir(folder)) != NULL) {
    struct stat status;
    if (strncmp(entry->d_name, "out.", 4) != 0) continue;
    if (fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    waiting += (uint64_t)status.st_size;
  }
  closedir(folder);
  output->waiting = waiting;
}

int output_open(struct output* output, const char* directory) {
  snprintf(output->directory, sizeof output->directory, "%s", directory);
  output_recount(output);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  output->pipe = ends[0];
  return ends[1];
}

int output_full(const struct output* output, uint64_t waiting_max) {
  return output->waiting >= waiting_max;
}

static int open_segment(struct output* output) {
  if (output->segment >= 0 && output->segment_bytes < kSegmentBytesMax) return 0;
  if (output->segment >= 0) close(output->segment);
  char path[kPathMax + 32];
  snprintf(path, sizeof path, "%s/out.%020llu", output->directory,
           (unsigned long long)output->position);
  output->segment = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  output->segment_bytes = 0;
  return output->segment < 0 ? -1 : 0;
}

// A frame that the disk does not take whole is taken back: it is lost, and seen by the gap of
// positions.
static void append(struct output* output, char* bytes, size_t length) {
  struct frame frame = {kMagic, (uint32_t)length, now_ms(), output->position};
  if (open_segment(output) == 0) {
    struct iovec parts[2] = {{&frame, sizeof frame}, {bytes, length}};
    ssize_t whole = (ssize_t)(sizeof frame + length);
    ssize_t done = writev(output->segment, parts, 2);
    if (done == whole) {
      output->segment_bytes += (uint64_t)whole;
      output->waiting += (uint64_t)whole;
    } else if (done > 0 && ftruncate(output->segment, (off_t)output->segment_bytes) != 0) {
      close(output->segment);  // the reader skips a torn end; go on in another segment
      output->segment = -1;
    }
  }
  output->position += length;
}

enum output_state output_take(struct output* output, uint64_t waiting_max) {
  static char bytes[kReadBytes];
  if (output->pipe < 0) return kEnded;
  ssize_t count = read(output->pipe, bytes, sizeof bytes);
  if (count < 0) return errno == EAGAIN || errno == EINTR ? kEmpty : kEnded;
  if (count == 0) return kEnded;
  if (output->drop && output_full(output, waiting_max)) {
    output->position += (uint64_t)count;
  } else {
    append(output, bytes, (size_t)count);
  }
  return kOpen;
}

void output_finish(struct output* output, uint64_t waiting_max) {
  if (output->pipe < 0) return;
  int capacity = fcntl(output->pipe, F_GETPIPE_SZ);
  if (capacity <= 0 || capacity > kPipeBytesMax) capacity = kPipeBytesMax;
  uint64_t end = output->position + (uint64_t)capacity;
  if (!output->drop) waiting_max += kPipeBytesMax;
  output->drop = 1;
  while (output->position < end && output_take(output, waiting_max) == kOpen) {
  }
  close(output->pipe);
  output->pipe = -1;
}
