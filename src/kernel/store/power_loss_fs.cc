// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/power_loss_fs.h"

#include <algorithm>

namespace suiro::store {
namespace {

using rocksdb::IOStatus;

constexpr size_t kSectorBytes = 512;

IOStatus no_power() {
  return IOStatus::IOError("the power is off");
}
IOStatus absent(const std::string& name) {
  return IOStatus::PathNotFound(name);
}

std::string clean(const std::string& name) {
  std::string out;
  for (char c : name) {
    if (c != '/' || out.empty() || out.back() != '/') out += c;
  }
  if (out.size() > 1 && out.back() == '/') out.pop_back();
  return out;
}

std::string parent_of(const std::string& name) {
  size_t slash = name.find_last_of('/');
  if (slash == std::string::npos) return "";
  return slash == 0 ? "/" : name.substr(0, slash);
}

class SilentLogger final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
  size_t GetLogFileSize() const override { return 0; }
};

}  // namespace

class PowerLossFs::Sequential final : public rocksdb::FSSequentialFile {
 public:
  Sequential(PowerLossFs& fs, std::string name, NodePtr node)
      : fs_(fs), name_(std::move(name)), node_(std::move(node)) {}
  IOStatus Read(size_t n, const Options&, rocksdb::Slice* result, char* scratch, Debug*) override {
    std::lock_guard lock(fs_.mutex_);
    if (auto status = fs_.begin(Kind::kRead, name_); !status.ok()) return status;
    size_t got = std::min(n, node_->data.size() - std::min(at_, node_->data.size()));
    std::copy_n(node_->data.data() + std::min(at_, node_->data.size()), got, scratch);
    at_ += got;
    *result = {scratch, got};
    return IOStatus::OK();
  }
  IOStatus Skip(uint64_t n) override {
    at_ += n;
    return IOStatus::OK();
  }

 private:
  PowerLossFs& fs_;
  std::string name_;
  NodePtr node_;
  size_t at_ = 0;
};

class PowerLossFs::RandomAccess final : public rocksdb::FSRandomAccessFile {
 public:
  RandomAccess(PowerLossFs& fs, std::string name, NodePtr node)
      : fs_(fs), name_(std::move(name)), node_(std::move(node)) {}
  IOStatus Read(uint64_t offset, size_t n, const Options&, rocksdb::Slice* result, char* scratch,
                Debug*) const override {
    std::lock_guard lock(fs_.mutex_);
    if (auto status = fs_.begin(Kind::kRead, name_); !status.ok()) return status;
    size_t at = std::min<size_t>(offset, node_->data.size());
    size_t got = std::min(n, node_->data.size() - at);
    std::copy_n(node_->data.data() + at, got, scratch);
    *result = {scratch, got};
    return IOStatus::OK();
  }

 private:
  PowerLossFs& fs_;
  std::string name_;
  NodePtr node_;
};

class PowerLossFs::Writable final : public rocksdb::FSWritableFile {
 public:
  Writable(PowerLossFs& fs, std::string name, NodePtr node)
      : fs_(fs), name_(std::move(name)), node_(std::move(node)), at_(node_->data.size()) {}
  using rocksdb::FSWritableFile::Append;
  using rocksdb::FSWritableFile::PositionedAppend;
  IOStatus Append(const rocksdb::Slice& bytes, const Options&, Debug*) override {
    std::lock_guard lock(fs_.mutex_);
    auto status = fs_.append(*node_, name_, at_, {bytes.data(), bytes.size()});
    if (status.ok()) at_ += bytes.size();
    return status;
  }
  IOStatus PositionedAppend(const rocksdb::Slice& bytes, uint64_t offset, const Options&,
                            Debug*) override {
    std::lock_guard lock(fs_.mutex_);
    auto status = fs_.append(*node_, name_, offset, {bytes.data(), bytes.size()});
    if (status.ok()) at_ = offset + bytes.size();
    return status;
  }
  IOStatus Truncate(uint64_t size, const Options&, Debug*) override {
    std::lock_guard lock(fs_.mutex_);
    if (auto status = fs_.begin(Kind::kWrite, name_); !status.ok()) return status;
    node_->data.resize(size);
    at_ = std::min<size_t>(at_, size);
    return IOStatus::OK();
  }
  IOStatus Close(const Options&, Debug*) override { return IOStatus::OK(); }
  IOStatus Flush(const Options&, Debug*) override { return IOStatus::OK(); }
  IOStatus Sync(const Options&, Debug*) override {
    std::lock_guard lock(fs_.mutex_);
    return fs_.sync(*node_, name_);
  }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize(const Options&, Debug*) override {
    std::lock_guard lock(fs_.mutex_);
    return at_;
  }

 private:
  PowerLossFs& fs_;
  std::string name_;
  NodePtr node_;
  size_t at_;
};

class PowerLossFs::Directory final : public rocksdb::FSDirectory {
 public:
  Directory(PowerLossFs& fs, std::string name) : fs_(fs), name_(std::move(name)) {}
  IOStatus Fsync(const Options&, Debug*) override {
    std::lock_guard lock(fs_.mutex_);
    return fs_.sync_directory(name_);
  }

 private:
  PowerLossFs& fs_;
  std::string name_;
};

class PowerLossFs::Lock final : public rocksdb::FileLock {
 public:
  explicit Lock(std::string name) : name_(std::move(name)) {}
  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

PowerLossFs::PowerLossFs(uint64_t seed) : random_(seed) {
  auto root = std::make_shared<Node>();
  root->is_directory = true;
  names_["/"] = durable_names_["/"] = root;
}

PowerLossFs::~PowerLossFs() = default;

void PowerLossFs::cut_power() {
  std::lock_guard lock(mutex_);
  if (power_) lose_power();
}

void PowerLossFs::cut_power_after(uint64_t operations) {
  std::lock_guard lock(mutex_);
  cut_at_ = operations_ + operations;
}

bool PowerLossFs::has_power() const {
  std::lock_guard lock(mutex_);
  return power_;
}

void PowerLossFs::restore_power() {
  std::lock_guard lock(mutex_);
  power_ = true;
  cut_at_.reset();
  locks_.clear();
}

void PowerLossFs::inject(Fault fault) {
  std::lock_guard lock(mutex_);
  faults_.push_back(std::move(fault));
}

void PowerLossFs::heal() {
  std::lock_guard lock(mutex_);
  faults_.clear();
}

void PowerLossFs::set_capacity(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  capacity_ = bytes;
}

uint64_t PowerLossFs::operations() const {
  std::lock_guard lock(mutex_);
  return operations_;
}

std::vector<std::string> PowerLossFs::files() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (auto& [name, node] : names_) {
    if (!node->is_directory) out.push_back(name);
  }
  return out;
}

// Files get new nodes: handles from before the cut write into nothing.
void PowerLossFs::lose_power() {
  power_ = false;
  if (!pending_.empty() && random_.below(2) == 0) {
    size_t kept = random_.below(pending_.size() + 1);
    for (size_t i = 0; i < kept; ++i) apply(pending_[i], durable_names_);
  }
  pending_.clear();
  std::map<Node*, NodePtr> survivors;
  names_.clear();
  for (auto& [name, node] : durable_names_) {
    auto parent = names_.find(parent_of(name));
    if (name != "/" && parent == names_.end()) continue;  // its directory did not survive
    NodePtr& survivor = survivors[node.get()];
    if (!survivor) {
      survivor = std::make_shared<Node>(*node);
      tear(*survivor);
    }
    names_[name] = survivor;
  }
  durable_names_ = names_;
}

void PowerLossFs::tear(Node& node) {
  Bytes survived = node.durable;
  if (node.data.size() < survived.size()) survived.resize(node.data.size());
  size_t end = std::min({node.dirty_end, survived.size(), node.data.size()});
  for (size_t at = node.dirty_begin; at < end;
       at = at / kSectorBytes * kSectorBytes + kSectorBytes) {
    size_t length = std::min(end - at, kSectorBytes - at % kSectorBytes);
    if (random_.below(2) == 0) std::copy_n(node.data.data() + at, length, survived.data() + at);
  }
  if (node.data.size() > survived.size()) {
    size_t appended = node.data.size() - survived.size();
    uint64_t choice = random_.below(3);
    size_t kept = choice == 0 ? 0 : choice == 1 ? appended : random_.below(appended + 1);
    survived += node.data.substr(survived.size(), kept);
  }
  node = Node{.is_directory = node.is_directory, .data = survived, .durable = survived};
}

bool PowerLossFs::hits(Kind kind, const std::string& name) {
  bool hit = false;
  for (Fault& fault : faults_) {
    if (fault.kind != kind || name.find(fault.name_part) == std::string::npos) continue;
    if (fault.operations > 1) {
      --fault.operations;
    } else if (fault.times > 0) {
      --fault.times;
      hit = true;
    }
  }
  return hit;
}

// Counts the operation. *last: the power goes during it.
IOStatus PowerLossFs::begin(Kind kind, const std::string& name, bool* last) {
  if (!power_) return no_power();
  if (hits(kind, name)) return IOStatus::IOError("injected into " + name);
  if (kind == Kind::kRead) return IOStatus::OK();
  ++operations_;
  if (!cut_at_ || operations_ < *cut_at_) return IOStatus::OK();
  if (last != nullptr) {
    *last = true;
    return IOStatus::OK();
  }
  lose_power();
  return no_power();
}

PowerLossFs::NodePtr PowerLossFs::find(const std::string& name) const {
  auto at = names_.find(name);
  return at == names_.end() ? nullptr : at->second;
}

void PowerLossFs::apply(const Change& change, Names& names) {
  for (const std::string& name : change.removed) names.erase(name);
  for (auto& [name, node] : change.added) names[name] = node;
}

void PowerLossFs::change(Change change) {
  apply(change, names_);
  pending_.push_back(std::move(change));
}

IOStatus PowerLossFs::sync_directory(const std::string& name) {
  if (auto status = begin(Kind::kSync, name); !status.ok()) return status;
  std::erase_if(pending_, [&](const Change& change) {
    auto inside = [&](const std::string& path) { return parent_of(path) == name; };
    bool touched = std::ranges::any_of(change.removed, inside) ||
                   std::ranges::any_of(change.added, [&](auto& one) { return inside(one.first); });
    if (touched) apply(change, durable_names_);
    return touched;
  });
  return IOStatus::OK();
}

IOStatus PowerLossFs::append(Node& node, const std::string& name, size_t position, ByteView bytes) {
  bool last = false;
  auto status = begin(Kind::kWrite, name, &last);
  if (!power_) return status;
  uint64_t used = 0;
  if (capacity_ != UINT64_MAX) {
    for (auto& [path, file] : names_) used += file->data.size();
    if (used + bytes.size() > capacity_) return IOStatus::NoSpace(name);
  }
  if (status.ok() && !last) {
    write(node, position, bytes);
    return status;
  }
  write(node, position, bytes.substr(0, random_.below(bytes.size() + 1)));
  if (!last) return status;
  lose_power();
  return no_power();
}

void PowerLossFs::write(Node& node, size_t position, ByteView bytes) {
  if (node.data.size() < position + bytes.size()) node.data.resize(position + bytes.size());
  std::ranges::copy(bytes, node.data.begin() + static_cast<ptrdiff_t>(position));
  node.dirty_begin = std::min(node.dirty_begin, position);
  node.dirty_end = std::max(node.dirty_end, position + bytes.size());
}

IOStatus PowerLossFs::sync(Node& node, const std::string& name) {
  if (auto status = begin(Kind::kSync, name); !status.ok()) return status;
  node.durable.resize(node.data.size());
  size_t end = std::min(node.dirty_end, node.data.size());
  for (size_t at = node.dirty_begin; at < end; ++at) node.durable[at] = node.data[at];
  node.dirty_begin = SIZE_MAX;
  node.dirty_end = 0;
  return IOStatus::OK();
}

IOStatus PowerLossFs::NewSequentialFile(const std::string& raw, const rocksdb::FileOptions&,
                                        std::unique_ptr<rocksdb::FSSequentialFile>* file, Debug*) {
  std::lock_guard lock(mutex_);
  std::string name = clean(raw);
  if (auto status = begin(Kind::kRead, name); !status.ok()) return status;
  auto node = find(name);
  if (!node || node->is_directory) return absent(name);
  *file = std::make_unique<Sequential>(*this, name, node);
  return IOStatus::OK();
}

IOStatus PowerLossFs::NewRandomAccessFile(const std::string& raw, const rocksdb::FileOptions&,
                                          std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                          Debug*) {
  std::lock_guard lock(mutex_);
  std::string name = clean(raw);
  if (auto status = begin(Kind::kRead, name); !status.ok()) return status;
  auto node = find(name);
  if (!node || node->is_directory) return absent(name);
  *file = std::make_unique<RandomAccess>(*this, name, node);
  return IOStatus::OK();
}

// A file of that name is replaced, as O_TRUNC does; its old bytes are gone at once, the harsher
// case.
IOStatus PowerLossFs::NewWritableFile(const std::string& raw, const rocksdb::FileOptions&,
                                      std::unique_ptr<rocksdb::FSWritableFile>* file, Debug*) {
  std::lock_guard lock(mutex_);
  std::string name = clean(raw);
  if (auto status = begin(Kind::kMake, name); !status.ok()) return status;
  if (!find(parent_of(name))) return absent(name);
  auto node = find(name);
  if (node) {
    *node = Node();
  } else {
    node = std::make_shared<Node>();
    change({.removed = {}, .added = {{name, node}}});
  }
  *file = std::make_unique<Writable>(*this, name, node);
  return IOStatus::OK();
}

IOStatus PowerLossFs::ReopenWritableFile(const std::string& raw,
                                         const rocksdb::FileOptions& options,
                                         std::unique_ptr<rocksdb::FSWritableFile>* file,
                                         Debug* debug) {
  {
    std::lock_guard lock(mutex_);
    std::string name = clean(raw);
    if (!power_) return no_power();
    if (auto node = find(name)) {
      *file = std::make_unique<Writable>(*this, name, node);
      return IOStatus::OK();
    }
  }
  return NewWritableFile(raw, options, file, debug);
}

IOStatus PowerLossFs::NewDirectory(const std::string& raw, const Options&,
                                   std::unique_ptr<rocksdb::FSDirectory>* directory, Debug*) {
  std::lock_guard lock(mutex_);
  std::string name = clean(raw);
  if (!power_) return no_power();
  auto node = find(name);
  if (!node || !node->is_directory) return absent(name);
  *directory = std::make_unique<Directory>(*this, name);
  return IOStatus::OK();
}

IOStatus PowerLossFs::FileExists(const std::string& name, const Options&, Debug*) {
  std::lock_guard lock(mutex_);
  if (!power_) return no_power();
  return find(clean(name)) ? IOStatus::OK() : IOStatus::NotFound();
}

IOStatus PowerLossFs::GetChildren(const std::string& raw, const Options&,
                                  std::vector<std::string>* names, Debug*) {
  std::lock_guard lock(mutex_);
  std::string directory = clean(raw);
  if (!power_) return no_power();
  names->clear();
  if (!find(directory)) return absent(directory);
  for (auto& [name, node] : names_) {
    if (name != "/" && parent_of(name) == directory) {
      names->push_back(name.substr(name.find_last_of('/') + 1));
    }
  }
  return IOStatus::OK();
}

IOStatus PowerLossFs::DeleteFile(const std::string& raw, const Options&, Debug*) {
  std::lock_guard lock(mutex_);
  std::string name = clean(raw);
  if (auto status = begin(Kind::kMake, name); !status.ok()) return status;
  auto node = find(name);
  if (!node || node->is_directory) return absent(name);
  change({.removed = {name}, .added = {}});
  return IOStatus::OK();
}

IOStatus PowerLossFs::make_directory(const std::string& name) {
  if (auto status = begin(Kind::kMake, name); !status.ok()) return status;
  if (!find(parent_of(name))) return absent(name);
  auto node = std::make_shared<Node>();
  node->is_directory = true;
  change({.removed = {}, .added = {{name, node}}});
  return IOStatus::OK();
}

IOStatus PowerLossFs::CreateDir(const std::string& raw, const Options&, Debug*) {
  std::lock_guard lock(mutex_);
  std::string name = clean(raw);
  if (find(name)) return IOStatus::IOError(name + " exists");
  return make_directory(name);
}

IOStatus PowerLossFs::CreateDirIfMissing(const std::string& raw, const Options&, Debug*) {
  std::lock_guard lock(mutex_);
  std::string name = clean(raw);
  auto node = find(name);
  if (!node) return make_directory(name);
  return node->is_directory ? IOStatus::OK() : IOStatus::IOError(name + " is a file");
}

IOStatus PowerLossFs::DeleteDir(const std::string& raw, const Options&, Debug*) {
  std::lock_guard lock(mutex_);
  std::string name = clean(raw);
  if (auto status = begin(Kind::kMake, name); !status.ok()) return status;
  if (!find(name)) return absent(name);
  auto inside = [&](auto& one) { return parent_of(one.first) == name; };
  if (std::ranges::any_of(names_, inside)) return IOStatus::IOError(name + " is not empty");
  change({.removed = {name}, .added = {}});
  return IOStatus::OK();
}

IOStatus PowerLossFs::GetFileSize(const std::string& name, const Options&, uint64_t* size, Debug*) {
  std::lock_guard lock(mutex_);
  if (!power_) return no_power();
  auto node = find(clean(name));
  if (!node) return absent(name);
  *size = node->data.size();
  return IOStatus::OK();
}

IOStatus PowerLossFs::GetFileModificationTime(const std::string&, const Options&, uint64_t* time,
                                              Debug*) {
  *time = 0;
  return IOStatus::OK();
}

IOStatus PowerLossFs::RenameFile(const std::string& raw_from, const std::string& raw_to,
                                 const Options&, Debug*) {
  std::lock_guard lock(mutex_);
  std::string from = clean(raw_from), to = clean(raw_to);
  if (auto status = begin(Kind::kRename, from); !status.ok()) return status;
  auto node = find(from);
  if (!node || !find(parent_of(to))) return absent(from);
  Change renamed{.removed = {from}, .added = {{to, node}}};
  for (auto& [name, inner] : names_) {
    if (!name.starts_with(from + "/")) continue;
    renamed.removed.push_back(name);
    renamed.added.emplace_back(to + name.substr(from.size()), inner);
  }
  change(std::move(renamed));
  return IOStatus::OK();
}

IOStatus PowerLossFs::LinkFile(const std::string& from, const std::string& raw_to, const Options&,
                               Debug*) {
  std::lock_guard lock(mutex_);
  std::string to = clean(raw_to);
  if (auto status = begin(Kind::kMake, to); !status.ok()) return status;
  auto node = find(clean(from));
  if (!node || !find(parent_of(to))) return absent(from);
  if (find(to)) return IOStatus::IOError(to + " exists");
  change({.removed = {}, .added = {{to, node}}});
  return IOStatus::OK();
}

IOStatus PowerLossFs::LockFile(const std::string& raw, const Options&, rocksdb::FileLock** lock,
                               Debug*) {
  std::lock_guard guard(mutex_);
  std::string name = clean(raw);
  if (!power_) return no_power();
  if (!locks_.insert(name).second) return IOStatus::IOError(name + " is locked");
  if (!find(name)) change({.removed = {}, .added = {{name, std::make_shared<Node>()}}});
  *lock = new Lock(name);
  return IOStatus::OK();
}

IOStatus PowerLossFs::UnlockFile(rocksdb::FileLock* lock, const Options&, Debug*) {
  std::lock_guard guard(mutex_);
  std::unique_ptr<Lock> owned(static_cast<Lock*>(lock));
  locks_.erase(owned->name());
  return IOStatus::OK();
}

IOStatus PowerLossFs::GetTestDirectory(const Options&, std::string* path, Debug*) {
  *path = "/test";
  return IOStatus::OK();
}

IOStatus PowerLossFs::NewLogger(const std::string&, const Options&,
                                std::shared_ptr<rocksdb::Logger>* logger, Debug*) {
  *logger = std::make_shared<SilentLogger>();
  return IOStatus::OK();
}

IOStatus PowerLossFs::GetAbsolutePath(const std::string& path, const Options&, std::string* out,
                                      Debug*) {
  *out = path;
  return IOStatus::OK();
}

IOStatus PowerLossFs::IsDirectory(const std::string& path, const Options&, bool* is_directory,
                                  Debug*) {
  std::lock_guard lock(mutex_);
  if (!power_) return no_power();
  auto node = find(clean(path));
  if (!node) return absent(path);
  *is_directory = node->is_directory;
  return IOStatus::OK();
}

}  // namespace suiro::store
