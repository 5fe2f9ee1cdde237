// SPDX-License-Identifier: Apache-2.0
// Access to the members, lists and maps of generated structs without knowing their types: what the
// tables of shapes/shape.h point to. Instantiated by generated code only.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "shapes/box.h"

namespace suiro::shapes {

// A member's place: T, std::optional<T>, Box<T> or std::optional<Box<T>>.
struct Slot {
  const void* (*get)(const void* slot);  // nullptr: absent
  void* (*emplace)(void* slot);
};

template <class T>
struct SlotOf {
  static const void* get(const void* slot) { return slot; }
  static void* emplace(void* slot) { return slot; }
};
template <class T>
struct SlotOf<Box<T>> {
  static const void* get(const void* slot) { return &**static_cast<const Box<T>*>(slot); }
  static void* emplace(void* slot) { return &**static_cast<Box<T>*>(slot); }
};
template <class T>
struct SlotOf<std::optional<T>> {
  static const void* get(const void* slot) {
    const auto& value = *static_cast<const std::optional<T>*>(slot);
    return value ? SlotOf<T>::get(&*value) : nullptr;
  }
  static void* emplace(void* slot) {
    auto& value = *static_cast<std::optional<T>*>(slot);
    if (!value) value.emplace();
    return SlotOf<T>::emplace(&*value);
  }
};
template <class T>
inline constexpr Slot kSlot = {&SlotOf<T>::get, &SlotOf<T>::emplace};

struct ListOps {
  size_t (*size)(const void* list);
  const void* (*at)(const void* list, size_t index);
  void* (*append)(void* list);  // a new element with its default value
};
template <class L>
struct ListOf {
  static size_t size(const void* list) { return static_cast<const L*>(list)->size(); }
  static const void* at(const void* list, size_t index) {
    return &(*static_cast<const L*>(list))[index];
  }
  static void* append(void* list) { return &static_cast<L*>(list)->emplace_back(); }
};
template <class L>
inline constexpr ListOps kList = {&ListOf<L>::size, &ListOf<L>::at, &ListOf<L>::append};

struct MapOps {
  using Visit = void (*)(void* context, std::string_view key, const void* value);
  size_t (*size)(const void* map);
  void (*each)(const void* map, void* context, Visit visit);
  void* (*insert)(void* map, std::string_view key);  // the value of the key, made where absent
};
template <class T>
struct MapOf {
  using M = std::map<std::string, T>;
  static size_t size(const void* map) { return static_cast<const M*>(map)->size(); }
  static void each(const void* map, void* context, MapOps::Visit visit) {
    for (const auto& [key, value] : *static_cast<const M*>(map)) visit(context, key, &value);
  }
  static void* insert(void* map, std::string_view key) {
    return &(*static_cast<M*>(map))[std::string(key)];
  }
};
template <class T>
inline constexpr MapOps kMap = {&MapOf<T>::size, &MapOf<T>::each, &MapOf<T>::insert};

template <class T>
void* create() {
  return new T();
}
template <class T>
void destroy(void* value) {
  delete static_cast<T*>(value);
}

}  // namespace suiro::shapes
