// SPDX-License-Identifier: Apache-2.0
// Value: an owned instance of any generated struct, with its shape.
#pragma once

#include <utility>

#include "base/check.h"
#include "shapes/shape.h"

namespace suiro::shapes {

class Value {
 public:
  // A default instance of a structure.
  explicit Value(const Shape& shape) : shape_(&shape), data_(shape.create()) {}
  template <class T>
  static Value of(T value) {
    return Value(T::shape(), new T(std::move(value)));
  }
  Value(Value&& other) noexcept
      : shape_(other.shape_), data_(std::exchange(other.data_, nullptr)) {}
  Value& operator=(Value&& other) noexcept {
    std::swap(shape_, other.shape_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~Value() {
    if (data_ != nullptr) shape_->destroy(data_);
  }

  const Shape& shape() const { return *shape_; }
  void* data() { return data_; }
  const void* data() const { return data_; }
  // CHECKs that the value is a T.
  template <class T>
  T& as() {
    CHECK(shape_ == &T::shape());
    return *static_cast<T*>(data_);
  }

 private:
  Value(const Shape& shape, void* data) : shape_(&shape), data_(data) {}
  const Shape* shape_;
  void* data_;
};

}  // namespace suiro::shapes
