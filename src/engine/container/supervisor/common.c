// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "supervisor.h"

static int on_stdout = 0;

void die_on_stdout(int on) {
  on_stdout = on;
}

void die(const char* format, ...) {
  char text[512];
  const char* why = strerror(errno);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (on_stdout) dprintf(1, "failed %s: %s\n", text, why);
  dprintf(2, "task supervisor: %s: %s\n", text, why);
  _exit(kFailed);
}

uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int write_text(const char* path, const char* text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return -1;
  ssize_t done = write(file, text, strlen(text));
  int why = errno;
  close(file);
  errno = why;
  return done < 0 ? -1 : 0;
}

ssize_t read_text(const char* path, char* text, size_t size) {
  text[0] = '\0';
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  size_t have = 0;
  while (have + 1 < size) {
    ssize_t count = read(file, text + have, size - 1 - have);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    have += (size_t)count;
  }
  close(file);
  text[have] = '\0';
  return (ssize_t)have;
}

int publish(const char* directory, const char* name, const char* text, enum sync sync) {
  char aside[kPathMax], path[kPathMax];
  snprintf(aside, sizeof aside, "%s/%s.new", directory, name);
  snprintf(path, sizeof path, "%s/%s", directory, name);
  int file = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return -1;
  size_t length = strlen(text);
  int good = write(file, text, length) == (ssize_t)length;
  if (good && sync == kSynced) good = fsync(file) == 0;
  close(file);
  if (!good || rename(aside, path) != 0) return -1;
  if (sync == kUnsynced) return 0;
  int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return -1;
  int synced = fsync(folder);
  close(folder);
  return synced;
}

uint64_t number_after(const char* text, const char* key) {
  size_t length = strlen(key);
  for (const char* line = text; line != NULL && *line != '\0';) {
    if (strncmp(line, key, length) == 0) return strtoull(line + length, NULL, 10);
    line = strchr(line, '\n');
    if (line != NULL) ++line;
  }
  return 0;
}

void fixed_descriptor(int from, int number) {
  if (from == number) return;
  if (dup3(from, number, O_CLOEXEC) < 0) die("dup of a descriptor");
  close(from);
}
