// SPDX-License-Identifier: Apache-2.0
#include "server/app.h"

#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel/store/encryption.h"
#include "server/block_on.h"
#include "server/listen.h"
#include "server/parts.h"
#include "server/remote.h"

namespace suiro::server {
namespace {

namespace fs = std::filesystem;

// Requests that are in progress when the drain begins have this long.
constexpr Millis kDrainMax = std::chrono::seconds(10);
constexpr std::string_view kEncryptionKeyName = "encryption.key";

Result<void> make_private_directory(const fs::path& path) {
  std::error_code error;
  bool made = fs::create_directories(path, error);
  if (!error && made) fs::permissions(path, fs::perms::owner_all, error);
  if (!error) return ok();
  return fail(codes::kInvalidArgument,
              fmt::format("cannot make {}: {}", path.string(), error.message()));
}

// The soft limit of open files is 1,024 on many systems; store, connections and sandboxes need
// more. Where the hard limit is low too, that is what there is.
void raise_open_files_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) log::warning("the limit of open files stays low");
}

}  // namespace

App::App(const Settings& settings) : settings_(settings) {}
App::~App() = default;

Result<std::unique_ptr<App>> App::make(const Settings& settings) {
  raise_open_files_limit();
  std::unique_ptr<App> app(new App(settings));
  TRY_VOID(make_private_directory(settings.data));
  TRY_VOID(app->open_store());
  return app;
}

Result<void> App::open_store() {
  store::StoreOptions options{.directory = (settings_.data / "store").string()};
  if (settings_.encryption) {
    options.key_file = settings_.encryption_key_file.empty()
                           ? (settings_.data / kEncryptionKeyName).string()
                           : settings_.encryption_key_file;
    if (!fs::exists(options.key_file)) TRY_VOID(store::make_key_file(options.key_file));
  }
  if (settings_.accept_data_loss) options.damage = store::StoreOptions::Damage::kGiveUp;
  TRY(store_, store::RocksStore::open(std::move(options)));
  return ok();
}

Result<void> App::start() {
  TRY(KeyPair root, load_or_make_root(settings_.data, random_));
  TRY(Address address, parse_address(settings_.listen));
  TRY(Listener listener, listen_on(address));
  std::string host =
      address.host.find(':') == std::string::npos ? address.host : "[" + address.host + "]";
  if (host == "0.0.0.0" || host == "[::]") host = "127.0.0.1";
  endpoint_ =
      fmt::format("{}://{}:{}", settings_.tls_key.empty() ? "http" : "https", host, listener.port);

  size_t cores = std::max(1u, std::thread::hardware_concurrency());
  shards_ = std::make_unique<Shards>(settings_.shards == 0 ? cores : settings_.shards);
  runtime_ = std::make_unique<event::KernelRuntime>(
      event::KernelRuntime::Options{.shards = *shards_,
                                    .clock = clock_,
                                    .random = random_,
                                    .store = *store_,
                                    .region = settings_.region,
                                    .account = settings_.account,
                                    .endpoint = endpoint_});
  parts_ = std::make_unique<Parts>(Parts::Options{settings_, *shards_, clock_, random_,
                                                  runtime_->kernel(), root, listener.port});
  http::ListenOptions options;
  if (!settings_.tls_key.empty()) {
    TRY(options.tls, http::load_tls({settings_.tls_certificate, settings_.tls_key}));
  }
  shards_->start();
  started_ = true;
  Executor first = shards_->executor(0);
  TRY_VOID(block_on(first, runtime_->prepare()));
  TRY_VOID(block_on(first, parts_->start()));
  TRY_VOID(block_on(first, runtime_->start()));
  TRY_VOID(parts_->access_log.start());
  TRY_VOID(parts_->http.adopt(listener.fd, options));
  return write_endpoint_file(settings_.data, {endpoint_, settings_.region, settings_.account});
}

void App::stop() {
  if (!started_) return;
  Executor first = shards_->executor(0);
  block_on(first, parts_->http.drain(kDrainMax));
  block_on(first, runtime_->stop());
  block_on(first, parts_->stop_services());
  block_on(first, parts_->http.close());
  block_on(first, parts_->stop_sandboxes());
  block_on(first, parts_->access_log.stop());
  block_on(first, runtime_->finish());
  shards_->stop();
  parts_.reset();
  runtime_.reset();
  store_.reset();
  started_ = false;
}

}  // namespace suiro::server
