// SPDX-License-Identifier: Apache-2.0
// supervisor: the process that stays with a task while Suiro comes and goes. Linked statically and
// embedded in Suiro's binary.
//
//   supervisor run OPTION...          one a task: makes its namespaces and mounts, starts its
//                                     containers through runc, keeps their output on disk, notes
//                                     how they ended (README.md shows the tree)
//   supervisor check SECONDS SUPERVISOR PIDFILE RUNC ARG...
//                                     one health check: a program inside, with a time limit
//   supervisor init PROGRAM ARG...    the first process of a container that asks for one
//   supervisor inside                 tells what a container may do, for the probe
//
// Invariants of `run`:
//  1. Its standard input is TASK/lock, locked by who starts it, and it holds that to its end: who
//     gets the lock knows that no supervisor lives or is about to. It is nobody's child and ends by
//     "quit" alone.
//  2. Mounts and namespaces are its own: they go when it and its containers go, however they do.
//  3. A container's first process is its child, not reaped before its end was noted: a signal
//     never reaches a process that got its number later.
//  4. Files `started` and `exit` appear whole (written aside, renamed); `exit` is synced.
// Files: docs/formats/task-directories.md. Failure: one line on stdout ("failed TEXT") before
// "ready", then lines in TASK/log.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
  kContainersMax = 32,
  kVolumesMax = 64,
  kLayersMax = 127,
  kPathMax = 4096,
  kFailed = 125,
  // Descriptors with fixed numbers, so that they have names in /proc/PID/fd.
  kUserNamespace = 10,
  kNetworkNamespace = 11,
  kListener = 12,
  kLock = 13,
};

// A folder of the machine: `path`, relative to `root`, without links on the way, so that no
// container can lead another astray. Both "": a folder of the task.
struct volume {
  const char* root;
  const char* path;
};

struct options {
  const char* task;  // the task's directory
  const char* runc;  // host paths
  const char* runc_root;
  const char* stage;  // an empty place for mounts, in the supervisor's namespace only
  unsigned id_base;   // first id outside of the containers' 65,536; 0: no user namespace
  unsigned port;      // of Suiro's endpoint; 0: none
  int own_network;
  uint64_t waiting_max;    // bytes of output on disk that nobody has taken yet
  const char* cgroups[8];  // cgroup.procs files that this process joins
  int cgroup_count;
  struct volume volumes[kVolumesMax];
  int volume_count;
};

struct output {
  int pipe;           // read end; -1: none
  int segment;        // being written; -1: none
  uint64_t position;  // bytes that the container has written
  uint64_t segment_bytes;
  int drop;          // what does not fit is dropped
  uint64_t waiting;  // bytes of segments on disk, as far as known
  char directory[kPathMax];
};

// --- common.c
void die(const char* format, ...) __attribute__((noreturn, format(printf, 1, 2)));
// From now on die() says "failed TEXT" on stdout too.
void die_on_stdout(int on);
uint64_t now_ms(void);
int write_text(const char* path, const char* text);  // to an existing file of the kernel
// Reads at most size - 1 bytes; -1 where it cannot.
ssize_t read_text(const char* path, char* text, size_t size);
// Whole or not at all, also for a reader beside; synced: after a crash of the machine too.
enum sync { kUnsynced, kSynced };
int publish(const char* directory, const char* name, const char* text, enum sync sync);
// The number after `key` at the start of a line, or of the text where key is "".
uint64_t number_after(const char* text, const char* key);
void fixed_descriptor(int from, int number);

// --- spaces.c
void make_namespaces(const struct options* options);
void make_mounts(const struct options* options);
// Mounts the root of container `number` from its layers; 0, or -1 with errno.
int mount_root(const struct options* options, int number, char** layers, int layer_count);

// --- output.c
int output_open(struct output* output, const char* directory);
int output_full(const struct output* output, uint64_t waiting_max);
enum output_state { kOpen, kEmpty, kEnded };
// Takes what is in the pipe, one read. Where output is dropped, so is what is beyond the limit.
enum output_state output_take(struct output* output, uint64_t waiting_max);
// The container has ended: takes what it left in the pipe, which is no more than a pipe holds,
// though another process may have been given the writing end and go on. What is beyond the limit by
// more than a pipe is dropped. Closes the pipe.
void output_finish(struct output* output, uint64_t waiting_max);
// Segments may be gone: counts again.
void output_recount(struct output* output);

// --- programs
int supervise(char** argument);
int health_check(char** argument);
int container_init(char** argument);
int tell_inside(void);
