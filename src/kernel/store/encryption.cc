// SPDX-License-Identifier: Apache-2.0
#include "kernel/store/encryption.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <rocksdb/env_encryption.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "base/check.h"
#include "base/digest.h"

namespace suiro::store {
namespace {

constexpr std::string_view kMagic = "SUIROENC";
constexpr char kFileFormat = 1;
constexpr size_t kPrefixBytes = 64;
constexpr size_t kCounterAt = 16;
constexpr size_t kBlockBytes = 16;
constexpr std::string_view kCheckText = "suiro-store check 1";
// EVP takes lengths as int.
constexpr size_t kPieceBytesMax = 1 << 30;

using Counter = std::array<uint8_t, kBlockBytes>;

// counter + blocks, as one 128-bit big-endian number.
Counter advance(Counter counter, uint64_t blocks) {
  uint64_t carry = 0;
  for (size_t i = kBlockBytes; i-- > 0;) {
    uint64_t sum = counter[i] + (blocks & 0xFF) + carry;
    counter[i] = static_cast<uint8_t>(sum);
    carry = sum >> 8;
    blocks >>= 8;
  }
  return counter;
}

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

class CounterStream final : public rocksdb::BlockAccessCipherStream {
 public:
  CounterStream(ByteView key, Counter counter) : key_(key), counter_(counter) {}
  size_t BlockSize() override { return kBlockBytes; }

  // Concurrent reads of one file share the stream: the cipher's state is the thread's.
  rocksdb::Status Encrypt(uint64_t offset, char* data, size_t size) override {
    thread_local std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> cipher(EVP_CIPHER_CTX_new());
    Counter start = advance(counter_, offset / kBlockBytes);
    auto* key = reinterpret_cast<const uint8_t*>(key_.data());
    if (EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_ctr(), nullptr, key, start.data()) != 1) {
      return rocksdb::Status::IOError("the cipher cannot be set up");
    }
    uint8_t skipped[kBlockBytes] = {};
    int out = 0;
    int skip = static_cast<int>(offset % kBlockBytes);
    if (skip != 0 && EVP_EncryptUpdate(cipher.get(), skipped, &out, skipped, skip) != 1) {
      return rocksdb::Status::IOError("the cipher failed");
    }
    auto* bytes = reinterpret_cast<uint8_t*>(data);
    for (size_t done = 0; done < size;) {
      int piece = static_cast<int>(std::min(size - done, kPieceBytesMax));
      if (EVP_EncryptUpdate(cipher.get(), bytes + done, &out, bytes + done, piece) != 1) {
        return rocksdb::Status::IOError("the cipher failed");
      }
      done += static_cast<size_t>(piece);
    }
    return rocksdb::Status::OK();
  }

  rocksdb::Status Decrypt(uint64_t offset, char* data, size_t size) override {
    return Encrypt(offset, data, size);
  }

 protected:
  void AllocateScratch(std::string&) override {}
  rocksdb::Status EncryptBlock(uint64_t block, char* data, char*) override {
    return Encrypt(block * kBlockBytes, data, kBlockBytes);
  }
  rocksdb::Status DecryptBlock(uint64_t block, char* data, char*) override {
    return Encrypt(block * kBlockBytes, data, kBlockBytes);
  }

 private:
  ByteView key_;  // the provider's
  Counter counter_;
};

class CounterProvider final : public rocksdb::EncryptionProvider {
 public:
  explicit CounterProvider(Bytes key) : key_(std::move(key)) {}
  const char* Name() const override { return "SuiroAes256Ctr"; }
  size_t GetPrefixLength() const override { return kPrefixBytes; }

  rocksdb::Status CreateNewPrefix(const std::string&, char* prefix, size_t size) const override {
    CHECK(size == kPrefixBytes);
    std::memset(prefix, 0, size);
    std::memcpy(prefix, kMagic.data(), kMagic.size());
    prefix[kMagic.size()] = kFileFormat;
    auto* counter = reinterpret_cast<uint8_t*>(prefix + kCounterAt);
    if (RAND_bytes(counter, kBlockBytes) != 1) return rocksdb::Status::IOError("no random bytes");
    return rocksdb::Status::OK();
  }

  rocksdb::Status AddCipher(const std::string&, const char*, size_t, bool) override {
    return rocksdb::Status::NotSupported("one key a store");
  }

  rocksdb::Status CreateCipherStream(
      const std::string& name, const rocksdb::EnvOptions&, rocksdb::Slice& prefix,
      std::unique_ptr<rocksdb::BlockAccessCipherStream>* result) override {
    if (prefix.size() < kPrefixBytes || ByteView(prefix.data(), kMagic.size()) != kMagic ||
        prefix[kMagic.size()] != kFileFormat) {
      return rocksdb::Status::Corruption(name + " is not an encrypted file of a store");
    }
    Counter counter;
    std::memcpy(counter.data(), prefix.data() + kCounterAt, kBlockBytes);
    *result = std::make_unique<CounterStream>(key_, counter);
    return rocksdb::Status::OK();
  }

 private:
  const Bytes key_;
};

class EmptyFile final : public rocksdb::FSSequentialFile {
 public:
  rocksdb::IOStatus Read(size_t, const rocksdb::IOOptions&, rocksdb::Slice* result, char* scratch,
                         rocksdb::IODebugContext*) override {
    *result = {scratch, 0};
    return rocksdb::IOStatus::OK();
  }
  rocksdb::IOStatus Skip(uint64_t) override { return rocksdb::IOStatus::OK(); }
};

// Corrects RocksDB's encrypted layer, for files that a power cut left behind:
//  - A file shorter than its prefix is an empty file, for nothing was written to it durably.
//  RocksDB
//    takes it for a bug and ends the process.
//  - A file that is opened again goes on with its own prefix. RocksDB appends a second one.
class CorrectedEncryption final : public rocksdb::FileSystemWrapper {
 public:
  CorrectedEncryption(std::shared_ptr<rocksdb::FileSystem> below,
                      std::shared_ptr<CounterProvider> provider)
      : FileSystemWrapper(rocksdb::NewEncryptedFS(below, provider)),
        below_(std::move(below)),
        provider_(std::move(provider)) {}
  const char* Name() const override { return "SuiroEncryptedFs"; }

  rocksdb::IOStatus GetFileSize(const std::string& name, const rocksdb::IOOptions& options,
                                uint64_t* size, rocksdb::IODebugContext* debug) override {
    auto status = below_->GetFileSize(name, options, size, debug);
    if (status.ok()) *size -= std::min<uint64_t>(*size, kPrefixBytes);
    return status;
  }

  rocksdb::IOStatus NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                      rocksdb::IODebugContext* debug) override {
    uint64_t size = 0;
    auto status = below_->GetFileSize(name, options.io_options, &size, debug);
    if (!status.ok()) return status;
    if (size >= kPrefixBytes) return target()->NewSequentialFile(name, options, file, debug);
    *file = std::make_unique<EmptyFile>();
    return status;
  }

  rocksdb::IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       rocksdb::IODebugContext* debug) override {
    uint64_t size = 0;
    auto status = below_->GetFileSize(name, options.io_options, &size, debug);
    if (!status.ok() || size < kPrefixBytes) {
      return target()->NewWritableFile(name, options, file, debug);
    }
    char scratch[kPrefixBytes];
    rocksdb::Slice prefix;
    std::unique_ptr<rocksdb::FSSequentialFile> reader;
    status = below_->NewSequentialFile(name, options, &reader, debug);
    if (status.ok()) {
      status = reader->Read(kPrefixBytes, options.io_options, &prefix, scratch, debug);
    }
    if (!status.ok()) return status;
    std::unique_ptr<rocksdb::BlockAccessCipherStream> stream;
    auto made = provider_->CreateCipherStream(name, options, prefix, &stream);
    if (!made.ok()) return rocksdb::status_to_io_status(std::move(made));
    std::unique_ptr<rocksdb::FSWritableFile> plain;
    status = below_->ReopenWritableFile(name, options, &plain, debug);
    if (!status.ok()) return status;
    *file = std::make_unique<rocksdb::EncryptedWritableFile>(std::move(plain), std::move(stream),
                                                             kPrefixBytes);
    return status;
  }

 private:
  std::shared_ptr<rocksdb::FileSystem> below_;
  std::shared_ptr<CounterProvider> provider_;
};

}  // namespace

Result<void> make_key_file(const std::string& path) {
  uint8_t key[kEncryptionKeyBytes];
  if (RAND_bytes(key, sizeof key) != 1) return fail(codes::kInternal, "no random bytes");
  int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  bool good =
      file >= 0 && ::write(file, key, sizeof key) == ssize_t{sizeof key} && ::fsync(file) == 0;
  int error = errno;
  if (file >= 0) ::close(file);
  if (good) return ok();
  return fail(codes::kUnavailable, "cannot make the key file " + path + ": " + strerror(error));
}

Result<Bytes> read_key_file(const std::string& path) {
  struct stat info = {};
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 || ::fstat(file, &info) != 0) {
    int error = errno;
    if (file >= 0) ::close(file);
    return fail(codes::kInvalidArgument,
                "cannot open the key file " + path + ": " + strerror(error));
  }
  Bytes key(kEncryptionKeyBytes + 1, '\0');
  ssize_t got = ::read(file, key.data(), key.size());
  ::close(file);
  if ((info.st_mode & 077) != 0) {
    return fail(codes::kInvalidArgument,
                "the key file " + path + " can be read by others; run chmod 600 on it");
  }
  if (got != ssize_t{kEncryptionKeyBytes}) {
    return fail(codes::kInvalidArgument, "the key file " + path + " does not have 32 bytes");
  }
  key.resize(kEncryptionKeyBytes);
  return key;
}

std::string key_check_value(ByteView key) {
  return hex_encode(ByteView(hmac_sha256(key, kCheckText)).substr(0, 16));
}

std::shared_ptr<rocksdb::FileSystem> encrypted_layer(std::shared_ptr<rocksdb::FileSystem> below,
                                                     Bytes key) {
  CHECK(key.size() == kEncryptionKeyBytes);
  auto provider = std::make_shared<CounterProvider>(std::move(key));
  return std::make_shared<CorrectedEncryption>(std::move(below), std::move(provider));
}

}  // namespace suiro::store
