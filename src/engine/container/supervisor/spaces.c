// SPDX-License-Identifier: Apache-2.0
// Namespaces and mounts of a task. The mounts are made in the machine's user namespace (overlayfs
// and loop devices ask for that); the containers' ids are shifted by id-mapped clones of what is
// mounted, so that a layer or a volume that belongs to root on the machine belongs to the
// container's root inside, which is nobody outside.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor.h"

// <sys/mount.h> and <linux/mount.h> of Debian 12 do not go together.
int mount(const char*, const char*, const char*, unsigned long, const void*);
enum { kNoSuid = 2, kNoDev = 4, kNoAtime = 1024, kRecursive = 16384, kSlave = 1 << 19 };

enum { kIds = 65536, kBacklog = 64, kLoopTries = 64 };

static int open_namespace(pid_t process, const char* kind) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/%s", process, kind);
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) die("open %s", path);
  return descriptor;
}

static void raise_loopback(void) {
  int handle = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request;
  memset(&request, 0, sizeof request);
  strcpy(request.ifr_name, "lo");
  if (handle < 0 || ioctl(handle, SIOCGIFFLAGS, &request) != 0) die("find loopback");
  request.ifr_flags |= IFF_UP;
  if (ioctl(handle, SIOCSIFFLAGS, &request) != 0) die("raise loopback");
  close(handle);
}

static void listen_on(unsigned port) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((unsigned short)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int handle = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;
  if (handle < 0) die("socket");
  setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(handle, (struct sockaddr*)&address, sizeof address) != 0) die("bind port %u", port);
  if (listen(handle, kBacklog) != 0) die("listen");
  fixed_descriptor(handle, kListener);
}

// In a process of its own: the namespaces live on by the descriptors that the supervisor opens.
static void be_namespaces(const struct options* options, int ready, int go) {
  char byte = 'r';
  if (options->id_base != 0 && unshare(CLONE_NEWUSER) != 0) die("user namespace");
  if (write(ready, &byte, 1) != 1 || read(go, &byte, 1) != 1) _exit(kFailed);
  if (options->own_network) {
    if (unshare(CLONE_NEWNET) != 0) die("network namespace");
    raise_loopback();
    if (options->port != 0) listen_on(options->port);
  }
  if (write(ready, &byte, 1) != 1) _exit(kFailed);
  if (read(go, &byte, 1) < 0) _exit(kFailed);
  _exit(0);
}

static void map_ids(pid_t process, unsigned id_base) {
  char path[64], map[64];
  snprintf(map, sizeof map, "0 %u %d\n", id_base, kIds);
  snprintf(path, sizeof path, "/proc/%d/uid_map", process);
  if (write_text(path, map) != 0) die("write %s", path);
  snprintf(path, sizeof path, "/proc/%d/gid_map", process);
  if (write_text(path, map) != 0) die("write %s", path);
}

static void take_listener(pid_t process) {
  int handle = (int)syscall(SYS_pidfd_open, process, 0);
  int listener = handle < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, handle, kListener, 0);
  if (listener < 0) die("take the endpoint's listener");
  close(handle);
  fixed_descriptor(listener, kListener);
}

void make_namespaces(const struct options* options) {
  int ready[2], go[2];
  char byte = 'g';
  if (pipe2(ready, O_CLOEXEC) != 0 || pipe2(go, O_CLOEXEC) != 0) die("pipe");
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    close(ready[0]);
    close(go[1]);
    be_namespaces(options, ready[1], go[0]);
  }
  close(ready[1]);
  close(go[0]);
  if (read(ready[0], &byte, 1) != 1) _exit(kFailed);  // the child has said why
  if (options->id_base != 0) {
    map_ids(child, options->id_base);
    fixed_descriptor(open_namespace(child, "user"), kUserNamespace);
  }
  if (write(go[1], &byte, 1) != 1 || read(ready[0], &byte, 1) != 1) _exit(kFailed);
  if (options->own_network) {
    fixed_descriptor(open_namespace(child, "net"), kNetworkNamespace);
    if (options->port != 0) take_listener(child);
  }
  close(go[1]);
  while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
  }
  close(ready[0]);
}

// A clone of what is mounted at `path`, with shifted ids where the task has a user namespace.
static int clone_mount(const struct options* options, int at, const char* path) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
  int tree = (int)syscall(SYS_open_tree, at, path, flags);
  if (tree < 0) return -1;
  struct mount_attr attributes = {.attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID};
  if (options->id_base != 0) {
    attributes.attr_set |= MOUNT_ATTR_IDMAP;
    attributes.userns_fd = kUserNamespace;
  }
  if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) {
    int why = errno;
    close(tree);
    errno = why;
    return -1;
  }
  return tree;
}

static int clone_volume(const struct options* options, const struct volume* volume) {
  int root = open(volume->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return -1;
  struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
  int folder = (int)syscall(SYS_openat2, root, volume->path, &how, sizeof how);
  close(root);
  if (folder < 0) return -1;
  int tree = clone_mount(options, folder, "");
  int why = errno;
  close(folder);
  errno = why;
  return tree;
}

static int attach(int tree, const char* place) {
  if (mkdir(place, 0755) != 0 && errno != EEXIST) return -1;
  int done = (int)syscall(SYS_move_mount, tree, "", AT_FDCWD, place, MOVE_MOUNT_F_EMPTY_PATH);
  close(tree);
  return done;
}

// The image goes when its mount goes.
static void mount_disk(const struct options* options, const char* place) {
  char image[kPathMax], device[32];
  snprintf(image, sizeof image, "%s/disk.img", options->task);
  int file = open(image, O_RDWR | O_CLOEXEC);
  if (file < 0) die("open %s", image);
  int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) die("open /dev/loop-control");
  for (int i = 0; i < kLoopTries; ++i) {  // another task may take the free one first
    int number = ioctl(control, LOOP_CTL_GET_FREE);
    if (number < 0) die("no free loop device");
    snprintf(device, sizeof device, "/dev/loop%d", number);
    int loop = open(device, O_RDWR | O_CLOEXEC);
    if (loop < 0) die("open %s", device);
    struct loop_config config;
    memset(&config, 0, sizeof config);
    config.fd = (unsigned)file;
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (ioctl(loop, LOOP_CONFIGURE, &config) == 0) {
      if (mount(device, place, "ext4", kNoSuid | kNoDev | kNoAtime, "discard") != 0) {
        die("mount the task's disk");
      }
      close(loop);
      close(file);
      close(control);
      return;
    }
    int busy = errno == EBUSY;
    close(loop);
    if (!busy) die("configure %s", device);
  }
  die("no free loop device");
}

static int make_owned(const struct options* options, const char* path, unsigned mode) {
  if (mkdir(path, mode) != 0 && errno != EEXIST) return -1;
  if (chmod(path, mode) != 0) return -1;
  return options->id_base == 0 ? 0 : chown(path, options->id_base, options->id_base);
}

void make_mounts(const struct options* options) {
  if (unshare(CLONE_NEWNS) != 0) die("mount namespace");
  if (mount("none", "/", NULL, kSlave | kRecursive, NULL) != 0) die("set propagation");
  int trees[kVolumesMax];
  for (int i = 0; i < options->volume_count; ++i) {
    trees[i] = -1;
    const struct volume* volume = &options->volumes[i];
    if (volume->root[0] == '\0') continue;
    trees[i] = clone_volume(options, volume);
    if (trees[i] < 0) die("open volume %s of %s", volume->path, volume->root);
  }
  char path[kPathMax];
  if (mount("suiro-task", options->stage, "tmpfs", kNoSuid | kNoDev, "mode=0755,size=1m") != 0) {
    die("mount a stage on %s", options->stage);
  }
  static const char* const kPlaces[] = {"disk", "layers", "roots", "volumes"};
  for (int i = 0; i < 4; ++i) {
    snprintf(path, sizeof path, "%s/%s", options->stage, kPlaces[i]);
    if (mkdir(path, 0755) != 0) die("create %s", path);
  }
  snprintf(path, sizeof path, "%s/disk", options->stage);
  mount_disk(options, path);
  for (int i = 0; i < options->volume_count; ++i) {
    if (trees[i] >= 0) {
      snprintf(path, sizeof path, "%s/volumes/%d", options->stage, i);
      if (attach(trees[i], path) != 0) die("mount volume %d", i);
    } else {
      snprintf(path, sizeof path, "%s/disk/volume%d", options->stage, i);
      if (make_owned(options, path, 0777) != 0) die("create %s", path);
    }
  }
}

int mount_root(const struct options* options, int number, char** layers, int layer_count) {
  char path[kPathMax], upper[kPathMax], work[kPathMax];
  static char lower[kLayersMax * 64], data[sizeof lower + 2 * kPathMax + 64];
  snprintf(path, sizeof path, "%s/layers/%d", options->stage, number);
  if (mkdir(path, 0755) != 0) return -1;
  size_t used = 0;
  for (int i = layer_count - 1; i >= 0; --i) {  // overlayfs wants the highest first
    int tree = clone_mount(options, AT_FDCWD, layers[i]);
    if (tree < 0) return -1;
    snprintf(path, sizeof path, "%s/layers/%d/%d", options->stage, number, i);
    if (attach(tree, path) != 0) return -1;
    used += (size_t)snprintf(lower + used, sizeof lower - used, "%s%s", used == 0 ? "" : ":", path);
    if (used >= sizeof lower) return errno = E2BIG, -1;
  }
  snprintf(upper, sizeof upper, "%s/disk/upper%d", options->stage, number);
  snprintf(work, sizeof work, "%s/disk/work%d", options->stage, number);
  if (make_owned(options, upper, 0755) != 0 || make_owned(options, work, 0755) != 0) return -1;
  snprintf(path, sizeof path, "%s/roots/%d", options->stage, number);
  if (mkdir(path, 0755) != 0) return -1;
  // Nobody reads the upper folder after a crash of the machine: no need to sync it.
  snprintf(data, sizeof data, "lowerdir=%s,upperdir=%s,workdir=%s,volatile", lower, upper, work);
  return mount("suiro-root", path, "overlay", kNoSuid | kNoDev, data);
}
