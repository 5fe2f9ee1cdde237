// SPDX-License-Identifier: Apache-2.0
// `supervisor run`: the containers of one task.
//
//   idle --"start": begin()--> starting --runc ended: started()--> running
//        starting --runc failed: ended()--> idle        (file exit with "failed")
//        running --first process ended: ended()--> idle (file exit), "runc delete" behind it
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor.h"

enum { kStrangersMax = 64, kPlanBytesMax = 256 * 1024, kCommandBytesMax = 4096 };

struct container {
  pid_t starter;  // runc, while it starts the container
  pid_t process;  // the first process inside
  pid_t deleter;  // runc, while it takes away what it keeps of the container
  int mounted;
  unsigned attempt;
  uint64_t started_ms;
  struct output output;
  int watch;
  char directory[kPathMax];
  char id[128];
  char oom_file[kPathMax], peak_file[kPathMax], cpu_file[kPathMax];
};

// Children that ended before the file that names them was read.
struct stranger {
  pid_t process;
  int status;
};

static struct options options;
static struct container containers[kContainersMax];
static struct stranger strangers[kStrangersMax];
static int stranger_next = 0;
static int quitting = 0;
static sigset_t signals;

static void complain(const char* what) {
  dprintf(2, "task supervisor: %s: %s\n", what, strerror(errno));
}

static pid_t start_runc(char** words, int output) {
  pid_t child = fork();
  if (child != 0) return child;
  int null = open("/dev/null", O_RDWR);
  dup2(null, 0);
  dup2(output >= 0 ? output : null, 1);
  dup2(output >= 0 ? output : null, 2);
  syscall(SYS_close_range, 3U, ~0U, 0U);
  sigprocmask(SIG_UNBLOCK, &signals, NULL);
  execv(words[0], words);
  _exit(kFailed);
}

// --- the end of a container

static uint64_t counter(const char* path, const char* key) {
  char text[4096];
  return read_text(path, text, sizeof text) > 0 ? number_after(text, key) : 0;
}

static uint64_t processor_us(const struct container* container) {
  if (strstr(container->cpu_file, "cpu.stat") != NULL) {
    return counter(container->cpu_file, "usage_usec ");
  }
  return counter(container->cpu_file, "") / 1000;
}

static void forget(struct container* container) {
  char* words[] = {(char*)options.runc, "--root", (char*)options.runc_root, "delete", "--force",
                   container->id,       NULL};
  container->deleter = start_runc(words, -1);
  if (container->deleter < 0) complain("start runc delete");
}

// how: "exit N", "signal N", "failed N" (runc's status).
static void ended(struct container* container, const char* how, int number) {
  struct output* output = &container->output;
  output_finish(output, options.waiting_max);
  char text[1024];
  snprintf(text, sizeof text,
           "attempt %u\n%s %d\nstarted %llu\nended %llu\noom %llu\npeak %llu\ncpu %llu\n"
           "position %llu\n",
           container->attempt, how, number, (unsigned long long)container->started_ms,
           (unsigned long long)now_ms(),
           (unsigned long long)counter(container->oom_file, "oom_kill "),
           (unsigned long long)counter(container->peak_file, ""),
           (unsigned long long)processor_us(container), (unsigned long long)output->position);
  if (publish(container->directory, "exit", text, kSynced) != 0)
    complain("write how a container ended");
  container->process = 0;
  container->starter = 0;
  forget(container);
}

static void process_ended(struct container* container, int status) {
  if (WIFEXITED(status)) return ended(container, "exit", WEXITSTATUS(status));
  ended(container, "signal", WTERMSIG(status));
}

// --- the start of a container

// Lines "id ID", "oom FILE", "peak FILE", "cpu FILE", "layer DIRECTORY" (lowest first).
static int read_plan(struct container* container, char* plan, char** layers) {
  int count = 0;
  for (char* line = strtok(plan, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    char* value = strchr(line, ' ');
    if (value == NULL) continue;
    *value++ = '\0';
    if (strcmp(line, "id") == 0) {
      snprintf(container->id, sizeof container->id, "%s", value);
    } else if (strcmp(line, "oom") == 0) {
      snprintf(container->oom_file, kPathMax, "%s", value);
    } else if (strcmp(line, "peak") == 0) {
      snprintf(container->peak_file, kPathMax, "%s", value);
    } else if (strcmp(line, "cpu") == 0) {
      snprintf(container->cpu_file, kPathMax, "%s", value);
    } else if (strcmp(line, "layer") == 0) {
      if (count == kLayersMax) return errno = E2BIG, -1;
      layers[count++] = value;
    }
  }
  return count;
}

static int prepare(struct container* container, int number) {
  static char plan[kPlanBytesMax];
  char path[kPathMax + 16];
  char* layers[kLayersMax];
  snprintf(path, sizeof path, "%s/plan", container->directory);
  if (read_text(path, plan, sizeof plan) <= 0) return -1;
  int count = read_plan(container, plan, layers);
  if (count < 0) return -1;
  if (container->mounted) return 0;
  if (mount_root(&options, number, layers, count) != 0) return -1;
  container->mounted = 1;
  return 0;
}

// A command that comes again, because Suiro does not know whether it came, is done once.
static void begin(int number, unsigned attempt, int drop, int inotify) {
  struct container* container = &containers[number];
  if (attempt <= container->attempt || quitting) return;
  if (container->starter != 0 || container->process != 0) return;
  char pid_file[kPathMax + 16], log_file[kPathMax + 16], *directory = container->directory;
  snprintf(directory, kPathMax, "%s/c/%d", options.task, number);
  snprintf(log_file, sizeof log_file, "%s/runc.log", directory);
  unlink(log_file);
  container->attempt = attempt;
  container->started_ms = now_ms();
  container->output.drop = drop;
  if (prepare(container, number) != 0) {
    char text[256];
    snprintf(text, sizeof text, "level=error msg=\"mount its root: %s\"\n", strerror(errno));
    if (publish(directory, "runc.log", text, kUnsynced) != 0) complain("write runc.log");
    return ended(container, "failed", kFailed);
  }
  int writing = output_open(&container->output, directory);
  if (writing < 0) return ended(container, "failed", errno);
  if (container->watch < 0) container->watch = inotify_add_watch(inotify, directory, IN_DELETE);
  snprintf(pid_file, sizeof pid_file, "%s/pid", directory);
  unlink(pid_file);
  char* words[] = {(char*)options.runc,
                   "--root",
                   (char*)options.runc_root,
                   "--log",
                   log_file,
                   "run",
                   "--detach",
                   "--bundle",
                   directory,
                   "--pid-file",
                   pid_file,
                   container->id,
                   NULL};
  container->starter = start_runc(words, writing);
  close(writing);
  if (container->starter < 0) ended(container, "failed", errno);
}

static void started(struct container* container, int status) {
  char path[kPathMax + 16], text[128];
  container->starter = 0;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return ended(container, "failed", WIFEXITED(status) ? WEXITSTATUS(status) : kFailed);
  }
  snprintf(path, sizeof path, "%s/pid", container->directory);
  if (read_text(path, text, sizeof text) <= 0) return ended(container, "failed", kFailed);
  container->process = (pid_t)strtol(text, NULL, 10);
  container->started_ms = now_ms();
  snprintf(text, sizeof text, "attempt %u\npid %d\nstarted %llu\n", container->attempt,
           container->process, (unsigned long long)container->started_ms);
  if (publish(container->directory, "started", text, kUnsynced) != 0) complain("write a start");
  if (quitting) kill(container->process, SIGKILL);
  for (int i = 0; i < kStrangersMax; ++i) {
    if (strangers[i].process != container->process) continue;
    strangers[i].process = 0;
    return process_ended(container, strangers[i].status);
  }
}

static void reap(void) {
  for (;;) {
    int status = 0, known = 0;
    pid_t child = waitpid(-1, &status, WNOHANG);
    if (child <= 0) return;
    for (int i = 0; i < kContainersMax && !known; ++i) {
      struct container* container = &containers[i];
      known = 1;
      if (container->starter == child) {
        started(container, status);
      } else if (container->process == child) {
        process_ended(container, status);
      } else if (container->deleter == child) {
        container->deleter = 0;
      } else {
        known = 0;
      }
    }
    if (known) continue;
    strangers[stranger_next] = (struct stranger){child, status};
    stranger_next = (stranger_next + 1) % kStrangersMax;
  }
}

// --- commands

static void quit(void) {
  quitting = 1;
  for (int i = 0; i < kContainersMax; ++i) {
    if (containers[i].process > 0) kill(containers[i].process, SIGKILL);
  }
}

static void obey(const char* line, int inotify) {
  int number = -1, value = 0;
  unsigned attempt = 0;
  if (strcmp(line, "quit") == 0) {
    quit();
  } else if (sscanf(line, "signal %d %d", &number, &value) == 2) {
    if (number < 0 || number >= kContainersMax || containers[number].process <= 0) return;
    if (kill(containers[number].process, value) != 0) complain("signal");
  } else if (sscanf(line, "start %d %u %d", &number, &attempt, &value) == 3) {
    if (number >= 0 && number < kContainersMax) begin(number, attempt, value, inotify);
  } else {
    dprintf(2, "task supervisor: unknown command %s\n", line);
  }
}

static void read_commands(int control, int inotify) {
  static char held[kCommandBytesMax];
  static size_t have = 0;
  ssize_t count = read(control, held + have, sizeof held - 1 - have);
  if (count <= 0) return;
  have += (size_t)count;
  held[have] = '\0';
  char* line = held;
  for (char* end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
    *end = '\0';
    obey(line, inotify);
  }
  have = strlen(line);
  memmove(held, line, have + 1);
  if (have == sizeof held - 1) have = 0;
}

// --- life

static void parse(char** argument) {
  const char* volume_root = "";
  for (; argument[0] != NULL; argument += 2) {
    const char* name = argument[0];
    const char* value = argument[1];
    if (value == NULL) die("%s needs a value", name);
    if (strcmp(name, "--task") == 0)
      options.task = value;
    else if (strcmp(name, "--runc") == 0)
      options.runc = value;
    else if (strcmp(name, "--runc-root") == 0)
      options.runc_root = value;
    else if (strcmp(name, "--stage") == 0)
      options.stage = value;
    else if (strcmp(name, "--id-base") == 0)
      options.id_base = (unsigned)strtoul(value, NULL, 10);
    else if (strcmp(name, "--port") == 0)
      options.port = (unsigned)strtoul(value, NULL, 10);
    else if (strcmp(name, "--network") == 0)
      options.own_network = strcmp(value, "own") == 0;
    else if (strcmp(name, "--waiting-max") == 0)
      options.waiting_max = strtoull(value, NULL, 10);
    else if (strcmp(name, "--cgroup") == 0 && options.cgroup_count < 8)
      options.cgroups[options.cgroup_count++] = value;
    else if (strcmp(name, "--volume") == 0 && options.volume_count < kVolumesMax)
      options.volumes[options.volume_count++] = (struct volume){volume_root, value};
    else if (strcmp(name, "--volume-root") == 0)
      volume_root = value;
    else
      die("unknown option %s", name);
  }
  if (!options.task || !options.runc || !options.runc_root || !options.stage) die("options");
}

static int become(void) {
  char path[kPathMax];
  if (setsid() < 0) die("setsid");
  umask(022);
  if (chdir("/") != 0) die("chdir");
  syscall(SYS_close_range, 3U, ~0U, 0U);
  snprintf(path, sizeof path, "%s/log", options.task);
  int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0 || dup2(log, 2) < 0) die("open %s", path);
  close(log);
  // Who started this program took the lock: it is held without a gap, even if that one is killed.
  if (flock(0, LOCK_EX | LOCK_NB) != 0) die("standard input is not the task's lock");
  if (dup3(0, kLock, O_CLOEXEC) < 0) die("dup of the lock");
  for (int i = 0; i < options.cgroup_count; ++i) {
    if (write_text(options.cgroups[i], "0") != 0) die("join %s", options.cgroups[i]);
  }
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) die("subreaper");
  prctl(PR_SET_NAME, "suiro-task");
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  snprintf(path, sizeof path, "%s/control", options.task);
  if (mkfifo(path, 0600) != 0 && errno != EEXIST) die("create %s", path);
  int control = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (control < 0) die("open %s", path);
  return control;
}

static int busy(void) {
  for (int i = 0; i < kContainersMax; ++i) {
    const struct container* at = &containers[i];
    if (at->starter > 0 || at->process > 0 || at->deleter > 0) return 1;
  }
  return 0;
}

static void pump(struct pollfd* polled, int count, const int* owner) {
  for (int i = 3; i < count; ++i) {
    struct output* output = &containers[owner[i]].output;
    if (polled[i].revents == 0 || output->pipe < 0) continue;
    if (output_take(output, options.waiting_max) != kEnded) continue;
    close(output->pipe);
    output->pipe = -1;
  }
}

static void loop(int control, int inotify, int children) {
  while (!quitting || busy()) {
    struct pollfd polled[3 + kContainersMax] = {
        {control, POLLIN, 0}, {inotify, POLLIN, 0}, {children, POLLIN, 0}};
    int owner[3 + kContainersMax], count = 3;
    for (int i = 0; i < kContainersMax; ++i) {
      const struct output* output = &containers[i].output;
      if (output->pipe < 0) continue;
      if (!output->drop && output_full(output, options.waiting_max)) continue;
      owner[count] = i;
      polled[count++] = (struct pollfd){output->pipe, POLLIN, 0};
    }
    if (poll(polled, (nfds_t)count, -1) < 0) continue;
    if (polled[1].revents != 0) {
      static char events[4096];
      while (read(inotify, events, sizeof events) > 0) {
      }
      for (int i = 0; i < kContainersMax; ++i) {
        if (containers[i].watch >= 0) output_recount(&containers[i].output);
      }
    }
    pump(polled, count, owner);
    if (polled[2].revents != 0) {
      struct signalfd_siginfo info;
      while (read(children, &info, sizeof info) > 0) {
      }
      reap();
    }
    if (polled[0].revents != 0) read_commands(control, inotify);
  }
}

int supervise(char** argument) {
  parse(argument);
  die_on_stdout(1);
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child > 0) _exit(0);
  int control = become();
  make_namespaces(&options);
  make_mounts(&options);
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  int children = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  int inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (children < 0 || inotify < 0) die("signalfd, inotify");
  for (int i = 0; i < kContainersMax; ++i) {
    containers[i].watch = -1;
    containers[i].output.pipe = -1;
    containers[i].output.segment = -1;
  }
  char text[32];
  snprintf(text, sizeof text, "%d\n", getpid());
  if (publish(options.task, "supervisor", text, kUnsynced) != 0)
    die("write the supervisor's number");
  dprintf(1, "ready %d\n", getpid());
  die_on_stdout(0);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(null, 0);
  dup2(null, 1);
  loop(control, inotify, children);
  return 0;
}

int main(int count, char** argument) {
  if (count >= 2 && strcmp(argument[1], "run") == 0) return supervise(argument + 2);
  if (count >= 2 && strcmp(argument[1], "check") == 0) return health_check(argument + 2);
  if (count >= 2 && strcmp(argument[1], "init") == 0) return container_init(argument + 2);
  if (count >= 2 && strcmp(argument[1], "inside") == 0) return tell_inside();
  errno = EINVAL;
  die("usage: supervisor run|check|init|inside");
}
