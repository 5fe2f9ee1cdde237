// SPDX-License-Identifier: Apache-2.0
#include "engine/http_out/client.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "base/check.h"

namespace suiro::http_out {
namespace {

constexpr int kPollMs = 1000;  // a wakeup comes earlier
constexpr size_t kHeaderBytesMax = 64 << 10;

using Outcome = Result<Reply>;
using SteadyTime = std::chrono::steady_clock::time_point;
using Done = std::move_only_function<void(Outcome)>;

struct Transfer {
  Request request;
  Done done;
  std::string host;  // where hosts are limited
  SteadyTime deadline;
  Reach reach = Reach::kAnywhere;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  Reply reply;
  size_t header_bytes = 0;
  bool too_large = false;
  bool refused = false;  // the address
  char error[CURL_ERROR_SIZE] = {};

  ~Transfer() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
  }
};

size_t take_body(char* bytes, size_t, size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (transfer.reply.body.size() + count > transfer.request.reply_bytes_max) {
    transfer.too_large = true;
    return 0;
  }
  transfer.reply.body.append(bytes, count);
  return count;
}

size_t take_header(char* bytes, size_t, size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  transfer.header_bytes += count;
  if (transfer.header_bytes > kHeaderBytesMax) {
    transfer.too_large = true;
    return 0;
  }
  std::string_view line(bytes, count);
  if (line.starts_with("HTTP/")) transfer.reply.headers.clear();  // 100 Continue came before
  size_t colon = line.find(':');
  if (colon != line.npos) {
    transfer.reply.headers.emplace_back(to_lower(line.substr(0, colon)),
                                        std::string(trim(line.substr(colon + 1))));
  }
  return count;
}

curl_socket_t open_socket(void* context, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (!is_within(transfer.reach, &address->addr)) {
    transfer.refused = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

void limit_reach(Transfer& transfer) {
  CURL* easy = transfer.easy;
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &transfer);
  if (transfer.reach == Reach::kPublic) {
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
  } else {
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1,169.254.0.0/16,fe80::/10");
  }
}

// Whose share a request takes: "h:443". Empty: the URL is none, which libcurl tells.
std::string host_of(const std::string& url) {
  std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), curl_url_cleanup);
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return {};
  auto part = [&](CURLUPart which) {
    char* text = nullptr;
    std::string out;
    if (curl_url_get(parsed.get(), which, &text, CURLU_DEFAULT_PORT) == CURLUE_OK) out = text;
    curl_free(text);
    return out;
  };
  return fmt::format("{}:{}", to_lower(part(CURLUPART_HOST)), part(CURLUPART_PORT));
}

// A URL as errors tell it: who asks and the query may hold secrets, and errors are kept.
std::string told_url(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  size_t host = url.find("://");
  host = host == url.npos ? 0 : host + 3;
  const size_t at = url.substr(0, url.find('/', host)).rfind('@');
  if (at == url.npos || at < host) return std::string(url);
  return fmt::format("{}{}", url.substr(0, host), url.substr(at + 1));
}

Error error_of(CURLcode code, const Transfer& transfer) {
  if (transfer.refused && code == CURLE_COULDNT_CONNECT) {
    return {std::string(codes::kInvalidArgument),
            fmt::format("{}: {}", told_url(transfer.request.url), rule_of(transfer.reach))};
  }
  std::string text = transfer.error[0] != 0 ? transfer.error : curl_easy_strerror(code);
  std::string message = fmt::format("{}: {}", told_url(transfer.request.url), text);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return {std::string(codes::kTimeout), message, Retry::kLater};
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return {std::string(codes::kInvalidArgument), message};
    default:
      return {std::string(codes::kUnavailable), message, Retry::kLater};
  }
}

// libcurl signs the host, the date, the body and the headers that are set by then.
void sign(Transfer& transfer, const AwsSigner& signer) {
  CURL* easy = transfer.easy;
  if (!signer.session_token.empty()) {
    auto token = fmt::format("X-Amz-Security-Token: {}", signer.session_token);
    transfer.headers = curl_slist_append(transfer.headers, token.c_str());
  }
  auto provider = fmt::format("aws:amz:{}:{}", signer.region, signer.service);
  auto keys = fmt::format("{}:{}", signer.access_key_id, signer.secret_access_key);
  curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, provider.c_str());
  curl_easy_setopt(easy, CURLOPT_USERPWD, keys.c_str());
}

void set_up(Transfer& transfer, const Config& config) {
  transfer.easy = curl_easy_init();
  CHECK(transfer.easy != nullptr, "out of memory");
  CURL* easy = transfer.easy;
  const Request& request = transfer.request;
  for (const auto& [name, value] : request.headers) {
    // libcurl's form of a header without a value; "Name:" would take the header away.
    std::string line = value.empty() ? name + ";" : fmt::format("{}: {}", name, value);
    transfer.headers = curl_slist_append(transfer.headers, line.c_str());
  }
  if (request.signer) sign(transfer, *request.signer);
  transfer.headers = curl_slist_append(transfer.headers, "Expect:");
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  const bool is_clear_allowed = transfer.reach != Reach::kPublic;
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, is_clear_allowed ? "http,https" : "https");
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);  // else it waits for what Content-Length announces
  } else if (request.method != "GET" || !request.body.empty()) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers);
  const auto left = std::chrono::ceil<Millis>(transfer.deadline - std::chrono::steady_clock::now());
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max(left, Millis(1)).count()));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(kConnectTimeout.count()));
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!config.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, config.ca_file.c_str());
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
  if (transfer.reach != Reach::kAnywhere) limit_reach(transfer);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer.error);
}

std::unexpected<Error> closed() {
  return fail(codes::kClosed, "the client is closed", Retry::kLater);
}

}  // namespace

void set_header(Headers& headers, std::string name, std::string value) {
  auto found = std::ranges::find_if(
      headers, [&](const auto& header) { return equal_ignore_case(header.first, name); });
  if (found != headers.end()) {
    found->second = std::move(value);
  } else {
    headers.emplace_back(std::move(name), std::move(value));
  }
}

bool is_header_name(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  auto fits = [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != kMarks.npos;
  };
  return !name.empty() && std::ranges::all_of(name, fits);
}

const std::string* Reply::header(std::string_view name) const {
  for (const auto& [known, value] : headers) {
    if (known == name) return &value;
  }
  return nullptr;
}

class Client::Worker {
 public:
  explicit Worker(Config config) : config_(std::move(config)), multi_(curl_multi_init()) {
    CHECK(multi_ != nullptr, "out of memory");
    auto most = static_cast<long>(config_.connections_max);
    curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, most);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, most);
    thread_ = std::thread([this] { run(); });
  }
  ~Worker() { curl_multi_cleanup(multi_); }

  void start(Request request, Done done) {
    auto transfer = std::make_unique<Transfer>();
    transfer->deadline = std::chrono::steady_clock::now() + request.timeout;
    transfer->reach = config_.reach;
    if (config_.running_per_host_max > 0) transfer->host = host_of(request.url);
    transfer->request = std::move(request);
    transfer->done = std::move(done);
    std::unique_lock lock(mutex_);
    if (auto refused = take_place(transfer->host)) {
      lock.unlock();
      transfer->done(std::move(*refused));
      return;
    }
    incoming_.push_back(std::move(transfer));
    lock.unlock();
    curl_multi_wakeup(multi_);
  }

  void close() {
    {
      std::lock_guard lock(mutex_);
      closing_ = true;
    }
    curl_multi_wakeup(multi_);
    if (thread_.joinable()) thread_.join();
  }

 private:
  using Clock = std::chrono::steady_clock;
  // Requests to one host, where hosts are limited.
  struct Host {
    size_t running = 0;
    std::deque<std::unique_ptr<Transfer>> waiting;
  };

  // Under the mutex. What it refuses with.
  std::optional<Outcome> take_place(const std::string& host) {
    if (closing_) return closed();
    if (count_ >= kQueuedMax) return too_many("too many requests");
    if (config_.running_per_host_max > 0 && ++queued_[host] > kQueuedPerHostMax) {
      --queued_[host];
      return too_many(fmt::format("too many requests to {}", host));
    }
    ++count_;
    return std::nullopt;
  }
  static Outcome too_many(std::string what) {
    return fail(codes::kThrottled, std::move(what), Retry::kLater);
  }
  void give_place_back(const std::string& host) {
    std::lock_guard lock(mutex_);
    --count_;
    if (config_.running_per_host_max == 0) return;
    auto queued = queued_.find(host);
    if (--queued->second == 0) queued_.erase(queued);
  }

  void run() {
    while (take_incoming()) {
      int running = 0;
      curl_multi_perform(multi_, &running);
      finish_ended();
      if (Clock::now() >= next_sweep_) end_waiting_late();
      curl_multi_poll(multi_, nullptr, 0, kPollMs, nullptr);
    }
    for (auto& [easy, transfer] : transfers_) {
      curl_multi_remove_handle(multi_, easy);
      transfer->done(closed());
    }
    transfers_.clear();
    for (auto& [name, host] : hosts_) {
      for (auto& transfer : host.waiting) transfer->done(closed());
    }
    hosts_.clear();
  }

  // False when the client closes.
  bool take_incoming() {
    std::vector<std::unique_ptr<Transfer>> taken;
    bool open = true;
    {
      std::lock_guard lock(mutex_);
      taken.swap(incoming_);
      open = !closing_;
    }
    for (auto& transfer : taken) begin_or_wait(std::move(transfer));
    return open;
  }

  void begin_or_wait(std::unique_ptr<Transfer> transfer) {
    if (config_.running_per_host_max > 0) {
      Host& host = hosts_[transfer->host];
      if (host.running >= config_.running_per_host_max) {
        host.waiting.push_back(std::move(transfer));
        return;
      }
      ++host.running;
    }
    begin(std::move(transfer));
  }

  void begin(std::unique_ptr<Transfer> transfer) {
    set_up(*transfer, config_);
    CURL* easy = transfer->easy;
    curl_multi_add_handle(multi_, easy);
    transfers_[easy] = std::move(transfer);
  }

  // Whoever waits for this host has its turn.
  void begin_next(const std::string& name) {
    if (config_.running_per_host_max == 0) return;
    auto found = hosts_.find(name);
    CHECK(found != hosts_.end());
    Host& host = found->second;
    --host.running;
    if (!host.waiting.empty()) {
      std::unique_ptr<Transfer> next = std::move(host.waiting.front());
      host.waiting.pop_front();
      ++host.running;
      begin(std::move(next));
    } else if (host.running == 0) {
      hosts_.erase(found);
    }
  }

  void finish(std::unique_ptr<Transfer> transfer, Outcome outcome) {
    give_place_back(transfer->host);
    transfer->done(std::move(outcome));
  }

  // Requests whose time ends while they wait; libcurl ends the others.
  void end_waiting_late() {
    const SteadyTime now = Clock::now();
    next_sweep_ = now + std::chrono::milliseconds(kPollMs);
    for (auto& [name, host] : hosts_) {
      std::deque<std::unique_ptr<Transfer>> left;
      for (auto& transfer : host.waiting) {
        if (transfer->deadline > now) {
          left.push_back(std::move(transfer));
          continue;
        }
        auto text = fmt::format("{}: timed out behind other requests to this host",
                                told_url(transfer->request.url));
        finish(std::move(transfer), fail(codes::kTimeout, std::move(text), Retry::kLater));
      }
      host.waiting = std::move(left);
    }
  }

  void finish_ended() {
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURLcode code = message->data.result;
      auto found = transfers_.find(message->easy_handle);
      CHECK(found != transfers_.end());
      std::unique_ptr<Transfer> transfer = std::move(found->second);
      transfers_.erase(found);
      curl_multi_remove_handle(multi_, transfer->easy);
      begin_next(transfer->host);
      Outcome outcome = outcome_of(code, *transfer);
      finish(std::move(transfer), std::move(outcome));
    }
  }

  static Outcome outcome_of(CURLcode code, Transfer& transfer) {
    if (transfer.too_large) {
      return fail(codes::kTooLarge,
                  fmt::format("{}: the reply is too large", told_url(transfer.request.url)));
    }
    if (code != CURLE_OK) return fail(error_of(code, transfer));
    long status = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    transfer.reply.status = static_cast<int>(status);
    return std::move(transfer.reply);
  }

  const Config config_;
  CURLM* multi_;
  std::map<CURL*, std::unique_ptr<Transfer>> transfers_;  // the thread's, as the next two
  std::map<std::string, Host> hosts_;
  SteadyTime next_sweep_;
  std::mutex mutex_;  // guards what follows
  std::vector<std::unique_ptr<Transfer>> incoming_;
  size_t count_ = 0;
  std::map<std::string, size_t> queued_;  // of count_, those of each host
  bool closing_ = false;
  std::thread thread_;
};

Client::Client(Config config)
    : reach_(config.reach), worker_(std::make_unique<Worker>(std::move(config))) {}
Client::~Client() {
  close();
}

void Client::close() {
  worker_->close();
}

Task<Result<Reply>> Client::send(Request request) {
  auto start = [worker = worker_.get()](auto handler, Request wanted) {
    auto executor = asio::prefer(asio::get_associated_executor(handler),
                                 asio::execution::outstanding_work.tracked);
    worker->start(std::move(wanted), [executor,
                                      handler = std::move(handler)](Outcome outcome) mutable {
      asio::post(executor, [handler = std::move(handler), outcome = std::move(outcome)]() mutable {
        std::move(handler)(std::move(outcome));
      });
    });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<Executor>, void(Outcome)>(
      start, use_task, std::move(request));
}

}  // namespace suiro::http_out
