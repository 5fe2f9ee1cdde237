// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/key_table.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace suiro::sql {
namespace {

constexpr size_t kSlotsInitial = 64;
constexpr size_t kSlotsKeptMax = size_t{1} << 20;  // after clear()
constexpr uint64_t kSeed = 0x9E3779B97F4A7C15;
constexpr uint64_t kNullHash = 0xD6E8FEB86659FD93;

uint64_t mix(uint64_t a, uint64_t b) {
  unsigned __int128 product = static_cast<unsigned __int128>(a ^ kSeed) * (b ^ kNullHash);
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint64_t load(const char* at, size_t size) {
  uint64_t word = 0;
  std::memcpy(&word, at, size);
  return word;
}

uint64_t hash_text(std::string_view text, uint64_t seed) {
  const char* at = text.data();
  size_t left = text.size();
  uint64_t hash = mix(seed, text.size());
  for (; left > 8; left -= 8, at += 8) hash = mix(hash, load(at, 8));
  if (left >= 4) {
    hash = mix(hash, load(at, 4) << 32 | load(at + left - 4, 4));
  } else if (left > 0) {
    hash = mix(hash, load(at, 1) << 16 | load(at + left / 2, 1) << 8 | load(at + left - 1, 1));
  }
  return hash;
}

uint64_t real_bits(double value) {
  if (std::isnan(value)) return kNullHash;
  return std::bit_cast<uint64_t>(value == 0 ? 0.0 : value);
}

bool null_at(const Vector& column, size_t row) {
  return !column.nulls.empty() && column.nulls[row] != 0;
}

uint64_t hash_value(const Vector& column, uint32_t row, uint64_t seed) {
  if (null_at(column, row)) return mix(seed, kNullHash);
  switch (column.lane) {
    case Lane::kInteger:
      return mix(seed, static_cast<uint64_t>(column.integers[row]));
    case Lane::kReal:
      return mix(seed, real_bits(column.reals[row]));
    case Lane::kText:
      return hash_text(column.texts[row], seed);
    case Lane::kNone:
      return seed;
  }
  return seed;
}

bool equal_value(const Vector& a, uint32_t row, const Vector& b, uint32_t number) {
  const bool null = null_at(a, row);
  if (null != null_at(b, number)) return false;
  if (null) return true;
  switch (a.lane) {
    case Lane::kInteger:
      return a.integers[row] == b.integers[number];
    case Lane::kReal:
      return real_bits(a.reals[row]) == real_bits(b.reals[number]);
    case Lane::kText:
      return a.texts[row] == b.texts[number];
    case Lane::kNone:
      return true;
  }
  return true;
}

}  // namespace

KeyTable::KeyTable(std::vector<Lane> lanes) : lanes_(std::move(lanes)) {
  slots_.resize(kSlotsInitial);
  clear();
}

void KeyTable::clear() {
  if (slots_.size() > kSlotsKeptMax) slots_.resize(kSlotsInitial);
  std::fill(slots_.begin(), slots_.end(), Slot{});
  mask_ = slots_.size() - 1;
  hashes_.clear();
  columns_ = empty_rows(lanes_).columns;
  arena_ = std::make_shared<Arena>();
  bytes_ = 0;
}

std::vector<Vector> KeyTable::take(std::shared_ptr<const void>& owner) {
  std::vector<Vector> out = std::move(columns_);
  owner = arena_;
  clear();
  return out;
}

void KeyTable::hash(std::span<const Vector* const> keys, std::span<const uint32_t> selection,
                    std::vector<uint64_t>& hashes) const {
  for (uint32_t row : selection) hashes[row] = kSeed;
  for (const Vector* key : keys) {
    for (uint32_t row : selection) hashes[row] = hash_value(*key, row, hashes[row]);
  }
}

uint64_t KeyTable::hash_of(std::span<const Vector* const> keys, uint32_t row) const {
  uint64_t hash = kSeed;
  for (const Vector* key : keys) hash = hash_value(*key, row, hash);
  return hash;
}

bool KeyTable::equal(std::span<const Vector* const> keys, uint32_t row, uint32_t number) const {
  for (size_t c = 0; c < keys.size(); ++c) {
    if (!equal_value(*keys[c], row, columns_[c], number)) return false;
  }
  return true;
}

uint32_t KeyTable::find(std::span<const Vector* const> keys, uint32_t row, uint64_t hash) const {
  const auto tag = static_cast<uint32_t>(hash >> 32);
  for (uint64_t at = hash & mask_;; at = (at + 1) & mask_) {
    const Slot& slot = slots_[at];
    if (slot.number == 0) return kNone;
    if (slot.tag == tag && equal(keys, row, slot.number - 1)) return slot.number - 1;
  }
}

size_t KeyTable::key_bytes(std::span<const Vector* const> keys, uint32_t row) const {
  size_t bytes = kEntryBytes;
  for (const Vector* key : keys) {
    bytes += 8;
    if (key->lane == Lane::kText) bytes += 8 + key->texts[row].size();
  }
  return bytes;
}

uint32_t KeyTable::insert(std::span<const Vector* const> keys, uint32_t row, uint64_t hash) {
  if ((hashes_.size() + 1) * 2 > slots_.size()) grow();
  bytes_ += key_bytes(keys, row);
  for (size_t c = 0; c < keys.size(); ++c) {
    Value value = value_at(*keys[c], row);
    if (lanes_[c] == Lane::kText && !value.null) value.text = arena_->keep(value.text);
    columns_[c].push(value);
  }
  hashes_.push_back(hash);
  place(hash, static_cast<uint32_t>(hashes_.size()));
  return static_cast<uint32_t>(hashes_.size() - 1);
}

void KeyTable::place(uint64_t hash, uint32_t number) {
  uint64_t at = hash & mask_;
  while (slots_[at].number != 0) at = (at + 1) & mask_;
  slots_[at] = {static_cast<uint32_t>(hash >> 32), number};
}

void KeyTable::grow() {
  slots_.assign(slots_.size() * 2, Slot{});
  mask_ = slots_.size() - 1;
  for (size_t i = 0; i < hashes_.size(); ++i) place(hashes_[i], static_cast<uint32_t>(i + 1));
}

}  // namespace suiro::sql
