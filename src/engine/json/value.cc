// SPDX-License-Identifier: Apache-2.0
#include "engine/json/value.h"

#include "base/check.h"

namespace suiro::json {
namespace {

// Up to so many members a search from the front is fastest.
constexpr size_t kLinearMax = 16;

}  // namespace

size_t Object::place(std::string_view name) const {
  if (members_.size() > kLinearMax) {
    auto found = index_.find(name);
    return found == index_.end() ? members_.size() : found->second;
  }
  size_t at = 0;
  while (at < members_.size() && members_[at].first != name) ++at;
  return at;
}

const Value* Object::find(std::string_view name) const {
  size_t at = place(name);
  return at == members_.size() ? nullptr : &members_[at].second;
}

Value* Object::find(std::string_view name) {
  size_t at = place(name);
  return at == members_.size() ? nullptr : &members_[at].second;
}

void Object::set(std::string name, Value value) {
  if (Value* found = find(name)) {
    *found = std::move(value);
    return;
  }
  members_.emplace_back(std::move(name), std::move(value));
  if (members_.size() <= kLinearMax) return;
  if (index_.empty()) {
    for (size_t at = 0; at < members_.size(); ++at) index_[members_[at].first] = at;
  } else {
    index_[members_.back().first] = members_.size() - 1;
  }
}

bool Object::erase(std::string_view name) {
  size_t at = place(name);
  if (at == members_.size()) return false;
  members_.erase(members_.begin() + static_cast<ptrdiff_t>(at));
  index_.clear();
  if (members_.size() > kLinearMax) {
    for (size_t i = 0; i < members_.size(); ++i) index_[members_[i].first] = i;
  }
  return true;
}

bool Value::as_bool() const {
  CHECK(is_bool());
  return std::get<bool>(data_);
}

int64_t Value::as_integer() const {
  CHECK(is_integer());
  return std::get<int64_t>(data_);
}

double Value::as_double() const {
  CHECK(is_number());
  return is_integer() ? static_cast<double>(std::get<int64_t>(data_)) : std::get<double>(data_);
}

const std::string& Value::as_string() const {
  CHECK(is_string());
  return *std::get<std::shared_ptr<const std::string>>(data_);
}

const Array& Value::as_array() const {
  CHECK(is_array());
  return *std::get<std::shared_ptr<Array>>(data_);
}

const Object& Value::as_object() const {
  CHECK(is_object());
  return *std::get<std::shared_ptr<Object>>(data_);
}

Array& Value::edit_array() {
  CHECK(is_array());
  auto& held = std::get<std::shared_ptr<Array>>(data_);
  if (held.use_count() > 1) held = std::make_shared<Array>(*held);
  return *held;
}

Object& Value::edit_object() {
  CHECK(is_object());
  auto& held = std::get<std::shared_ptr<Object>>(data_);
  if (held.use_count() > 1) held = std::make_shared<Object>(*held);
  return *held;
}

const Value* Value::find(std::string_view name) const {
  return is_object() ? as_object().find(name) : nullptr;
}

bool Value::same(const Value& other) const {
  return data_ == other.data_;
}

bool operator==(const Value& left, const Value& right) {
  if (left.is_number() && right.is_number()) {
    return left.is_integer() && right.is_integer() ? left.as_integer() == right.as_integer()
                                                   : left.as_double() == right.as_double();
  }
  if (left.kind() != right.kind()) return false;
  if (left.same(right)) return true;
  switch (left.kind()) {
    case Kind::kString:
      return left.as_string() == right.as_string();
    case Kind::kArray:
      return left.as_array() == right.as_array();
    case Kind::kObject: {
      const Object& a = left.as_object();
      const Object& b = right.as_object();
      if (a.size() != b.size()) return false;
      for (const auto& [name, value] : a) {
        const Value* other = b.find(name);
        if (other == nullptr || !(value == *other)) return false;
      }
      return true;
    }
    default:
      return false;
  }
}

}  // namespace suiro::json
