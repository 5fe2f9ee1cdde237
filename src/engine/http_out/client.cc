// SPDX-License-Identifier: Apache-2.0
#include "engine/http_out/client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
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
using Done = std::move_only_function<void(Outcome)>;

struct Transfer {
  Request request;
  Done done;
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

bool is_link_local(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(*address);
    return ntohl(v4.sin_addr.s_addr) >> 16 == 0xA9FE;
  }
  if (address->sa_family != AF_INET6) return false;
  const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(*address).sin6_addr;
  bool is_mapped = IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 169 && v6.s6_addr[13] == 254;
  return IN6_IS_ADDR_LINKLOCAL(&v6) || is_mapped;
}

curl_socket_t open_socket(void* context, curlsocktype, curl_sockaddr* address) {
  if (is_link_local(&address->addr)) {
    static_cast<Transfer*>(context)->refused = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

void refuse_link_local(Transfer& transfer) {
  curl_easy_setopt(transfer.easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(transfer.easy, CURLOPT_OPENSOCKETDATA, &transfer);
  curl_easy_setopt(transfer.easy, CURLOPT_NOPROXY,
                   "localhost,127.0.0.1,::1,169.254.0.0/16,fe80::/10");
}

Error error_of(CURLcode code, const Transfer& transfer) {
  if (transfer.refused && code == CURLE_COULDNT_CONNECT) {
    return {std::string(codes::kInvalidArgument),
            fmt::format("{}: link-local addresses are refused", transfer.request.url)};
  }
  std::string text = transfer.error[0] != 0 ? transfer.error : curl_easy_strerror(code);
  std::string message = fmt::format("{}: {}", transfer.request.url, text);
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
    transfer.headers =
        curl_slist_append(transfer.headers, fmt::format("{}: {}", name, value).c_str());
  }
  if (request.signer) sign(transfer, *request.signer);
  transfer.headers = curl_slist_append(transfer.headers, "Expect:");
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  if (request.method != "GET" || !request.body.empty()) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(kConnectTimeout.count()));
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!config.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, config.ca_file.c_str());
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
  if (config.link_local == LinkLocal::kRefuse) refuse_link_local(transfer);
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
    transfer->request = std::move(request);
    transfer->done = std::move(done);
    std::unique_lock lock(mutex_);
    bool full = count_ >= kQueuedMax;
    if (closing_ || full) {
      lock.unlock();
      transfer->done(full ? Outcome(fail(codes::kThrottled, "too many requests", Retry::kLater))
                          : Outcome(closed()));
      return;
    }
    ++count_;
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
  void run() {
    while (take_incoming()) {
      int running = 0;
      curl_multi_perform(multi_, &running);
      finish_ended();
      curl_multi_poll(multi_, nullptr, 0, kPollMs, nullptr);
    }
    for (auto& [easy, transfer] : transfers_) {
      curl_multi_remove_handle(multi_, easy);
      transfer->done(closed());
    }
    transfers_.clear();
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
    for (auto& transfer : taken) {
      set_up(*transfer, config_);
      CURL* easy = transfer->easy;
      curl_multi_add_handle(multi_, easy);
      transfers_[easy] = std::move(transfer);
    }
    return open;
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
      {
        std::lock_guard lock(mutex_);
        --count_;
      }
      transfer->done(outcome_of(code, *transfer));
    }
  }

  static Outcome outcome_of(CURLcode code, Transfer& transfer) {
    if (transfer.too_large) {
      return fail(codes::kTooLarge,
                  fmt::format("{}: the reply is too large", transfer.request.url));
    }
    if (code != CURLE_OK) return fail(error_of(code, transfer));
    long status = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    transfer.reply.status = static_cast<int>(status);
    return std::move(transfer.reply);
  }

  const Config config_;
  CURLM* multi_;
  std::map<CURL*, std::unique_ptr<Transfer>> transfers_;  // the thread's
  std::mutex mutex_;                                      // guards what follows
  std::vector<std::unique_ptr<Transfer>> incoming_;
  size_t count_ = 0;
  bool closing_ = false;
  std::thread thread_;
};

Client::Client(Config config) : worker_(std::make_unique<Worker>(std::move(config))) {}
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
