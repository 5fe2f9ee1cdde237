// SPDX-License-Identifier: Apache-2.0
// The small programs: a health check from outside, the first process and the probe from inside.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "supervisor.h"

enum { kTimedOut = 124, kSignalled = 128 };

static int code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled + WTERMSIG(status);
}

// --- check

// Waits for the end of `process`, at most until `deadline_ms`; -1 when it did not end.
static int wait_until(pid_t process, uint64_t deadline_ms, const sigset_t* child_ended) {
  for (;;) {
    int status = 0;
    pid_t ended = waitpid(process, &status, WNOHANG);
    if (ended == process) return code_of(status);
    if (ended < 0 && errno != EINTR) return kFailed;
    uint64_t now = now_ms();
    if (now >= deadline_ms) return -1;
    struct timespec left = {(time_t)((deadline_ms - now) / 1000),
                            (long)((deadline_ms - now) % 1000) * 1000000};
    sigtimedwait(child_ended, NULL, &left);
  }
}

// The program becomes this process's child when runc ends, so that it can be waited for and ended
// without a doubt about whose number it is.
int health_check(char** argument) {
  for (int i = 0; i < 4; ++i) {
    if (argument[i] == NULL) die("check: arguments");
  }
  uint64_t deadline = now_ms() + strtoull(argument[0], NULL, 10) * 1000;
  // runc goes to the container's root, which is there in the supervisor's mounts alone.
  char path[64];
  snprintf(path, sizeof path, "/proc/%s/ns/mnt", argument[1]);
  int mounts = open(path, O_RDONLY | O_CLOEXEC);
  if (mounts < 0 || setns(mounts, CLONE_NEWNS) != 0) die("enter the task's mounts");
  ++argument;
  sigset_t child_ended;
  sigemptyset(&child_ended);
  sigaddset(&child_ended, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child_ended, NULL);
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) die("subreaper");
  unlink(argument[1]);
  pid_t runc = fork();
  if (runc < 0) die("fork");
  if (runc == 0) {
    sigprocmask(SIG_UNBLOCK, &child_ended, NULL);
    int null = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3; ++i) dup2(null, i);
    execv(argument[2], argument + 2);
    die("execute %s", argument[2]);
  }
  int code = wait_until(runc, deadline, &child_ended);
  if (code < 0) kill(runc, SIGKILL);
  char text[32];
  pid_t inside = 0;
  if (read_text(argument[1], text, sizeof text) > 0) inside = (pid_t)strtol(text, NULL, 10);
  if (code != 0 && inside <= 1) return code < 0 ? kTimedOut : kFailed;
  code = wait_until(inside, deadline, &child_ended);
  if (code >= 0) return code;
  kill(inside, SIGKILL);
  waitpid(inside, NULL, 0);
  return kTimedOut;
}

// --- init

static pid_t main_child = 0;

static void forward(int number) {
  if (main_child > 0) kill(main_child, number);
}

int container_init(char** argument) {
  if (argument[0] == NULL) die("init: no program");
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &before);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = forward;
  for (int number = 1; number < NSIG; ++number) {
    if (number != SIGCHLD && number != SIGKILL && number != SIGSTOP) {
      sigaction(number, &action, NULL);
    }
  }
  main_child = fork();
  if (main_child < 0) die("fork");
  if (main_child == 0) {
    for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    setsid();
    execvp(argument[0], argument);
    dprintf(2, "%s: %s\n", argument[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
  }
  sigprocmask(SIG_SETMASK, &before, NULL);
  for (;;) {
    int status = 0;
    pid_t ended = waitpid(-1, &status, 0);
    if (ended == main_child) return code_of(status);  // and with it everything else
    if (ended < 0 && errno != EINTR) return kFailed;
  }
}

// --- inside

static void tell_status_line(const char* status, const char* key) {
  const char* at = strstr(status, key);
  if (at != NULL) printf("%.*s\n", (int)strcspn(at, "\n"), at);
}

int tell_inside(void) {
  static char text[16384];
  if (read_text("/proc/self/status", text, sizeof text) > 0) {
    tell_status_line(text, "CapBnd:");
    tell_status_line(text, "NoNewPrivs:");
    tell_status_line(text, "Seccomp:");
  }
  if (read_text("/proc/self/uid_map", text, sizeof text) > 0) printf("UidMap: %s", text);
  printf("Pid: %d\n", (int)getpid());
  int refused = mount("none", "/tmp", "tmpfs", 0, NULL) != 0;
  printf("Mount: %s\n", refused ? "refused" : "possible");
  if (read_text("/proc/net/dev", text, sizeof text) > 0) {
    int devices = -2;  // two lines of headings
    for (const char* at = text; (at = strchr(at, '\n')) != NULL; ++at) ++devices;
    printf("Devices: %d\n", devices);
  }
  int masked = read_text("/proc/kcore", text, 64) <= 0 && read_text("/proc/keys", text, 64) <= 0;
  printf("Masked: %s\n", masked ? "yes" : "no");
  fflush(stdout);
  return 0;
}
