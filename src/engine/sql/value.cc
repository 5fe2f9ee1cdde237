// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/value.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>

namespace suiro::sql {
namespace {

constexpr size_t kBlockBytes = size_t{64} << 10;
constexpr size_t kBlocksKept = 16;  // after clear(): a peak does not stay for ever

size_t aligned(size_t bytes) {
  return (bytes + alignof(Value) - 1) / alignof(Value) * alignof(Value);
}

}  // namespace

struct Arena::Impl {
  struct Block {
    std::unique_ptr<char[]> bytes;
    size_t size = 0;
  };
  std::vector<Block> blocks;
  std::string scratch;
  size_t current = 0;  // the block that is being filled
  size_t used = 0;     // of it

  char* take(size_t bytes) {
    bytes = aligned(std::max<size_t>(bytes, 1));
    while (current < blocks.size() && blocks[current].size - used < bytes) {
      ++current;
      used = 0;
    }
    if (current == blocks.size()) {
      const size_t size = std::max(bytes, kBlockBytes);
      blocks.push_back({std::make_unique_for_overwrite<char[]>(size), size});
    }
    char* out = blocks[current].bytes.get() + used;
    used += bytes;
    return out;
  }
};

Arena::Arena() : impl_(std::make_unique<Impl>()) {}
Arena::~Arena() = default;
Arena::Arena(Arena&&) noexcept = default;
Arena& Arena::operator=(Arena&&) noexcept = default;

std::string_view Arena::keep(std::string_view text) {
  if (text.empty()) return {};
  char* out = impl_->take(text.size());
  std::memcpy(out, text.data(), text.size());
  return {out, text.size()};
}

char* Arena::room(size_t bytes) {
  return impl_->take(bytes);
}

Value* Arena::values(size_t count) {
  char* room = impl_->take(count * sizeof(Value));
  auto* out = reinterpret_cast<Value*>(room);
  for (size_t i = 0; i < count; ++i) new (out + i) Value();
  return out;
}

std::string& Arena::scratch() {
  impl_->scratch.clear();
  return impl_->scratch;
}

void Arena::clear() {
  auto& blocks = impl_->blocks;
  std::erase_if(blocks, [](const auto& block) { return block.size > kBlockBytes; });
  if (blocks.size() > kBlocksKept) blocks.resize(kBlocksKept);
  if (impl_->scratch.capacity() > kBlockBytes) impl_->scratch = std::string();
  impl_->current = impl_->used = 0;
}

size_t Arena::size_bytes() const {
  size_t out = impl_->scratch.capacity();
  for (const auto& block : impl_->blocks) out += block.size;
  return out;
}

size_t Vector::size() const {
  switch (lane) {
    case Lane::kInteger:
      return integers.size();
    case Lane::kReal:
      return reals.size();
    case Lane::kText:
      return texts.size();
    case Lane::kNone:
      return nulls.size();
  }
  return 0;
}

Value Vector::at(size_t row) const {
  Value out;
  if (lane == Lane::kNone || (!nulls.empty() && nulls[row] != 0)) return out;
  out.null = false;
  switch (lane) {
    case Lane::kInteger:
      out.integer = integers[row];
      break;
    case Lane::kReal:
      out.real = reals[row];
      break;
    default:
      out.text = texts[row];
  }
  return out;
}

void Vector::push(const Value& value) {
  const size_t before = size();
  switch (lane) {
    case Lane::kInteger:
      integers.push_back(value.null ? 0 : value.integer);
      break;
    case Lane::kReal:
      reals.push_back(value.null ? 0 : value.real);
      break;
    case Lane::kText:
      texts.push_back(value.null ? std::string_view() : value.text);
      break;
    case Lane::kNone:
      nulls.push_back(1);
      return;
  }
  if (!nulls.empty() || value.null) {
    nulls.resize(before, 0);
    nulls.push_back(value.null ? 1 : 0);
  }
}

int compare_padded(std::string_view a, std::string_view b) {
  const size_t common = std::min(a.size(), b.size());
  if (const int order = std::memcmp(a.data(), b.data(), common); order != 0) return order;
  const auto rest = a.size() > b.size() ? a.substr(common) : b.substr(common);
  for (const char c : rest) {
    if (c == ' ') continue;
    const bool rest_is_less = static_cast<unsigned char>(c) < ' ';
    return rest_is_less == (a.size() > b.size()) ? -1 : 1;
  }
  return 0;
}

int compare_values(Lane lane, const Value& a, const Value& b) {
  switch (lane) {
    case Lane::kInteger:
      return a.integer < b.integer ? -1 : a.integer > b.integer ? 1 : 0;
    case Lane::kReal: {
      // NaN equals itself and is above everything, so that an order exists.
      const bool x = std::isnan(a.real);
      const bool y = std::isnan(b.real);
      if (x || y) return static_cast<int>(x) - static_cast<int>(y);
      return a.real < b.real ? -1 : a.real > b.real ? 1 : 0;
    }
    case Lane::kText:
      return a.text.compare(b.text);
    case Lane::kNone:
      return 0;
  }
  return 0;
}

}  // namespace suiro::sql
