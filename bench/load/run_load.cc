// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bench/load/dialogue.h"

namespace suiro::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr size_t kReadBytes = 256 << 10;
constexpr int kEventsMax = 256;

struct Connection {
  int fd = -1;
  std::unique_ptr<Dialogue> dialogue;
  std::string in, out;
  size_t sent = 0;
  SteadyClock::time_point cycle_began;
  bool wants_write = false;
  ~Connection() {
    if (fd >= 0) ::close(fd);
  }
};

class Load {
 public:
  Load(const LoadOptions& options, const MakeDialogue& make)
      : options_(options),
        make_(make),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        buffer_(kReadBytes) {}
  ~Load() { ::close(epoll_); }

  LoadResult run() {
    for (size_t i = 0; i < options_.connections && result_.error.empty(); ++i) {
      connections_.push_back(std::make_unique<Connection>());
      connections_.back()->dialogue = make_(i);
      open(*connections_.back());
    }
    auto began = SteadyClock::now();
    counted_from_ = began + options_.warm_up;
    auto end = counted_from_ + options_.duration;
    for (auto& connection : connections_) {
      connection->cycle_began = began;
      connection->dialogue->begin(connection->out);
      flush(*connection);
    }
    auto now = began;
    while (result_.error.empty() && now < end && result_.cycles < options_.cycles_max) {
      wait(end - now);
      now = SteadyClock::now();
    }
    result_.seconds = std::chrono::duration<double>(now - counted_from_).count();
    std::sort(result_.latencies_us.begin(), result_.latencies_us.end());
    return std::move(result_);
  }

 private:
  void open(Connection& connection) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.port);
    if (::inet_pton(AF_INET, options_.host.c_str(), &address.sin_addr) != 1 ||
        !options_.host.starts_with("127.")) {
      result_.error = fmt::format("{} is not a loopback address", options_.host);
      return;
    }
    connection.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    ::setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (::connect(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      result_.error = fmt::format("connect to port {}: {}", options_.port, std::strerror(errno));
      return;
    }
    epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = &connection}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
  }

  // The server closes after each reply (HTTP's "Connection: close"): its clients pay for that.
  void open_again(Connection& connection) {
    ::close(connection.fd);
    connection.in.clear();
    connection.wants_write = false;
    open(connection);
  }

  void wait(SteadyClock::duration left) {
    epoll_event events[kEventsMax];
    auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(left).count() + 1;
    int ready = ::epoll_wait(epoll_, events, kEventsMax, static_cast<int>(millis));
    for (int i = 0; i < ready && result_.error.empty(); ++i) {
      auto& connection = *static_cast<Connection*>(events[i].data.ptr);
      if (events[i].events & EPOLLOUT) flush(connection);
      if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(connection);
    }
  }

  void flush(Connection& c) {
    while (c.sent < c.out.size()) {
      ssize_t wrote =
          ::send(c.fd, c.out.data() + c.sent, c.out.size() - c.sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (wrote < 0 && errno != EAGAIN) {
        result_.error = fmt::format("send: {}", std::strerror(errno));
        return;
      }
      if (wrote < 0) break;
      c.sent += static_cast<size_t>(wrote);
    }
    if (c.sent == c.out.size()) {
      c.out.clear();
      c.sent = 0;
    }
    bool wants_write = !c.out.empty();
    if (wants_write == c.wants_write) return;
    c.wants_write = wants_write;
    epoll_event event{.events = EPOLLIN | EPOLLET | (wants_write ? EPOLLOUT : 0u),
                      .data = {.ptr = &c}};
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &event);
  }

  // Edge triggered: read until less came than there was room for.
  void receive(Connection& c) {
    while (result_.error.empty() && receive_piece(c) == buffer_.size()) {
    }
  }

  // Bytes that came.
  size_t receive_piece(Connection& c) {
    ssize_t got = ::recv(c.fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return 0;
    if (got <= 0) {
      result_.error = got == 0 ? "the server closed the connection" : std::strerror(errno);
      return 0;
    }
    c.in.append(buffer_.data(), static_cast<size_t>(got));
    for (;;) {
      auto step = c.dialogue->reply(c.in, c.out);
      if (step == Dialogue::Step::kIncomplete) break;
      if (step == Dialogue::Step::kFailed) {
        result_.error = c.dialogue->error();
        return 0;
      }
      if (step == Dialogue::Step::kCycle) count(c);
      if (step != Dialogue::Step::kCycleClosed) continue;
      count(c);
      open_again(c);
      break;
    }
    if (result_.error.empty()) flush(c);
    return static_cast<size_t>(got);
  }

  void count(Connection& c) {
    auto now = SteadyClock::now();
    if (now >= counted_from_) {
      ++result_.cycles;
      result_.latencies_us.push_back(static_cast<uint32_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(now - c.cycle_began).count()));
    }
    c.cycle_began = now;
  }

  const LoadOptions& options_;
  const MakeDialogue& make_;
  int epoll_;
  std::vector<char> buffer_;
  std::vector<std::unique_ptr<Connection>> connections_;
  SteadyClock::time_point counted_from_;
  LoadResult result_;
};

}  // namespace

double LoadResult::percentile_ms(double share) const {
  if (latencies_us.empty()) return 0;
  auto rank = static_cast<size_t>(share * static_cast<double>(latencies_us.size() - 1));
  return latencies_us[rank] / 1000.0;
}

LoadResult run_load(const LoadOptions& options, const MakeDialogue& make) {
  return Load(options, make).run();
}

}  // namespace suiro::bench
