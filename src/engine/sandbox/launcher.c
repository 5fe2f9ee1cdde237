// SPDX-License-Identifier: Apache-2.0
// launcher: the two small steps around bubblewrap that need a process of their own. Linked
// statically and embedded in Suiro's binary; it runs twice for a sandbox.
//
//   launcher launch [--cgroup PROCS_FILE]... [--map-uid HOST_UID] [--data-limit BYTES]
//           [--chdir DIRECTORY] -- PROGRAM ARG...
//     Outside, before bubblewrap: joins the control groups, binds its life to Suiro's, and, where
//     Suiro runs as root, makes the user namespace in which uid 1000 is HOST_UID, so that the
//     function is nobody on the machine. An argument "@userns@" of PROGRAM becomes the namespace's
//     descriptor.
//   launcher init CONTROL_FD API_PORT ENDPOINT_PORT UID PROGRAM ARG...
//     Inside, before the runtime: opens the listening sockets in the sandbox's network namespace,
//     hands them to Suiro over CONTROL_FD (one byte with two descriptors), names them in the
//     environment, becomes UID (0: stays what it is) and executes the runtime. A port 0 means any
//     free port; an ENDPOINT_PORT of "-" means no endpoint.
//
// Failure: one line on stderr and exit status 125.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kUidInside = 1000, kOpenFilesMax = 1024, kBacklog = 64, kFailed = 125, kFirstForeign = 7 };

static void die(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  dprintf(2, "sandbox launcher: %s: %s\n", text, strerror(errno));
  _exit(kFailed);
}

static void write_file(const char* path, const char* text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) die("open %s", path);
  if (write(file, text, strlen(text)) < 0) die("write %s", path);
  close(file);
}

// Returns a descriptor of a user namespace in which 0 is this user and kUidInside is `host_uid`.
static int make_user_namespace(unsigned host_uid) {
  int ready[2], done[2];
  if (pipe2(ready, O_CLOEXEC) != 0 || pipe2(done, O_CLOEXEC) != 0) die("pipe");
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    char byte = 0;
    close(done[1]);
    if (unshare(CLONE_NEWUSER) != 0) die("unshare of a user namespace");
    if (write(ready[1], "r", 1) != 1) _exit(kFailed);
    _exit(read(done[0], &byte, 1) < 0 ? kFailed : 0);  // ends when the parent closes its end
  }
  close(ready[1]);
  char byte = 0;
  if (read(ready[0], &byte, 1) != 1) die("the user namespace was not made");
  char path[64], map[64];
  snprintf(map, sizeof map, "0 0 1\n%d %u 1\n", kUidInside, host_uid);
  snprintf(path, sizeof path, "/proc/%d/uid_map", child);
  write_file(path, map);
  snprintf(path, sizeof path, "/proc/%d/gid_map", child);
  write_file(path, map);
  snprintf(path, sizeof path, "/proc/%d/ns/user", child);
  int descriptor = open(path, O_RDONLY);
  if (descriptor < 0) die("open %s", path);
  close(done[1]);
  while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
  }
  close(done[0]);
  close(ready[0]);
  return descriptor;
}

static void limit(int resource, rlim_t value) {
  struct rlimit now;
  if (getrlimit(resource, &now) != 0) die("getrlimit");
  if (now.rlim_max < value) value = now.rlim_max;
  struct rlimit wanted = {value, value};
  if (setrlimit(resource, &wanted) != 0) die("setrlimit");
}

static void launch(char** argument) {
  pid_t suiro = getppid();
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) die("prctl");
  if (getppid() != suiro || suiro == 1) _exit(kFailed);  // Suiro ended before the line above
  if (setsid() < 0) die("setsid");
  // What Suiro hands over has fixed numbers; nothing else of it may reach a function.
  if (syscall(SYS_close_range, (unsigned)kFirstForeign, ~0U, 0U) != 0) die("close_range");
  int namespace_descriptor = -1;
  for (; *argument != NULL && strcmp(*argument, "--") != 0; argument += 2) {
    const char* value = argument[1];
    if (value == NULL) die("%s needs a value", *argument);
    if (strcmp(*argument, "--cgroup") == 0) {
      write_file(value, "0");
    } else if (strcmp(*argument, "--map-uid") == 0) {
      namespace_descriptor = make_user_namespace((unsigned)strtoul(value, NULL, 10));
    } else if (strcmp(*argument, "--data-limit") == 0) {
      limit(RLIMIT_DATA, strtoull(value, NULL, 10));
    } else if (strcmp(*argument, "--chdir") == 0) {
      if (chdir(value) != 0) die("chdir %s", value);
    } else {
      die("unknown option %s", *argument);
    }
  }
  if (*argument == NULL || argument[1] == NULL) die("no program");
  char** program = argument + 1;
  char number[16];
  snprintf(number, sizeof number, "%d", namespace_descriptor);
  for (char** word = program; *word != NULL; ++word) {
    if (strcmp(*word, "@userns@") == 0) *word = number;
  }
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_NOFILE, kOpenFilesMax);
  // The machine's memory killer takes a function before it takes Suiro. Best effort: a container
  // may forbid it, and the groups' own limits do not depend on it.
  int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score >= 0) {
    ssize_t ignored = write(score, "500", 3);
    (void)ignored;
    close(score);
  }
  execv(program[0], program);
  die("execute %s", program[0]);
}

// Opens a listening socket on 127.0.0.1 and stores the port that it got.
static int listen_on(unsigned* port) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)*port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) die("socket");
  int on = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(descriptor, (struct sockaddr*)&address, sizeof address) != 0) die("bind %u", *port);
  if (listen(descriptor, kBacklog) != 0) die("listen %u", *port);
  socklen_t size = sizeof address;
  if (getsockname(descriptor, (struct sockaddr*)&address, &size) != 0) die("getsockname");
  *port = ntohs(address.sin_port);
  return descriptor;
}

static void hand_over(int control, const int* descriptors, int count) {
  char byte = (char)count;
  struct iovec part = {&byte, 1};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(2 * sizeof(int))];
  } ancillary;
  memset(&ancillary, 0, sizeof ancillary);
  size_t length = sizeof(int) * (size_t)count;
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = ancillary.space,
                           .msg_controllen = CMSG_SPACE(length)};
  struct cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(length);
  memcpy(CMSG_DATA(header), descriptors, length);
  if (sendmsg(control, &message, MSG_NOSIGNAL) != 1) die("hand over the listeners");
}

static void init(char** argument) {
  for (int i = 0; i < 5; ++i) {
    if (argument[i] == NULL) die("init needs five arguments");
  }
  int control = atoi(argument[0]);
  unsigned api_port = (unsigned)atoi(argument[1]);
  int descriptors[2], count = 0;
  char text[64];
  descriptors[count++] = listen_on(&api_port);
  snprintf(text, sizeof text, "127.0.0.1:%u", api_port);
  setenv("AWS_LAMBDA_RUNTIME_API", text, 1);
  if (strcmp(argument[2], "-") != 0) {
    unsigned endpoint_port = (unsigned)atoi(argument[2]);
    descriptors[count++] = listen_on(&endpoint_port);
    snprintf(text, sizeof text, "http://127.0.0.1:%u", endpoint_port);
    setenv("AWS_ENDPOINT_URL", text, 1);
  }
  hand_over(control, descriptors, count);
  unsigned uid = (unsigned)atoi(argument[3]);
  if (uid != 0 &&
      (setgroups(0, NULL) != 0 || setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0)) {
    die("become uid %u", uid);
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die("prctl");
  if (syscall(SYS_close_range, 3U, ~0U, 0U) != 0) die("close_range");
  execvp(argument[4], argument + 4);
  die("execute %s", argument[4]);
}

int main(int count, char** argument) {
  if (count >= 2 && strcmp(argument[1], "launch") == 0) launch(argument + 2);
  if (count >= 2 && strcmp(argument[1], "init") == 0) init(argument + 2);
  errno = EINVAL;
  die("usage: launcher launch|init");
}
