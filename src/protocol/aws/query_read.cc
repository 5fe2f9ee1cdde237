// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/bytes.h"
#include "protocol/aws/query_shape.h"
#include "shapes/json.h"
#include "shapes/scalar.h"

namespace suiro::aws {
namespace {

using shapes::Kind;
using shapes::Member;
using shapes::Shape;

class Reader {
 public:
  // `parameters` are sorted by name.
  Reader(const Pairs& parameters, shapes::Violations& violations)
      : parameters_(parameters), violations_(violations) {}

  // `prefix` is empty or ends with a dot.
  Result<void> structure(const std::string& prefix, const Shape& shape, void* value) {
    const size_t base = violations_.path.size();
    for (const Member& member : shape.members) {
      const std::string name = prefix + std::string(member.xml_name);
      if (!is_present(name)) {
        // A list without elements has no parameter: the service tells what an empty one means.
        bool is_empty_list = member.flattened && member.shape->kind == Kind::kList;
        if (member.required && !is_empty_list) violations_.missing(member.name);
        continue;
      }
      violations_.push(member.name);
      TRY_VOID(any(name, *member.shape, member.flattened, member.emplace(value)));
      violations_.path.resize(base);
    }
    return ok();
  }

 private:
  // The first parameter not before `name`.
  Pairs::const_iterator from(const std::string& name) const {
    return std::ranges::lower_bound(parameters_, name, {}, &Pairs::value_type::first);
  }

  const std::string* text(const std::string& name) const {
    auto at = from(name);
    return at != parameters_.end() && at->first == name ? &at->second : nullptr;
  }

  // Whether there is a parameter `name` or one below it.
  bool is_present(const std::string& name) const {
    if (text(name) != nullptr) return true;
    auto at = from(name + '.');
    return at != parameters_.end() && at->first.starts_with(name) && at->first[name.size()] == '.';
  }

  Result<void> any(const std::string& name, const Shape& shape, bool flattened, void* value) {
    if (++depth_ > shapes::kDepthMax) return fail("MalformedInput", "Parameters nest too deeply.");
    Result<void> done = ok();
    if (shape.kind == Kind::kStructure) {
      done = structure(name + '.', shape, value);
    } else if (shape.kind == Kind::kList) {
      done = list(flattened ? name : fmt::format("{}.{}", name, shape.element_name), shape, value);
    } else if (shape.kind == Kind::kMap) {
      done = map(flattened ? name : name + ".entry", shape, value);
    } else {
      done = scalar(name, shape, value);
    }
    --depth_;
    return done;
  }

  // The numbers that follow "name." in ascending order.
  Result<std::vector<uint32_t>> numbers(const std::string& name) const {
    std::vector<uint32_t> found;
    const std::string prefix = name + '.';
    for (auto at = from(prefix); at != parameters_.end() && at->first.starts_with(prefix); ++at) {
      const char* begin = at->first.data() + prefix.size();
      const char* end = at->first.data() + at->first.size();
      uint32_t number = 0;
      auto [rest, error] = std::from_chars(begin, end, number);
      if (error != std::errc() || (rest != end && *rest != '.')) continue;
      if (found.empty() || found.back() != number) found.push_back(number);
      if (found.size() > kQueryElementsMax) {
        return fail("InvalidParameterValue", fmt::format("{} has too many elements.", name));
      }
    }
    std::ranges::sort(found);
    auto twice = std::ranges::unique(found);
    found.erase(twice.begin(), twice.end());
    return found;
  }

  Result<void> list(const std::string& name, const Shape& shape, void* value) {
    TRY(const auto found, numbers(name));
    const size_t base = violations_.path.size();
    size_t index = 0;
    for (uint32_t number : found) {
      violations_.push_index(++index);
      TRY_VOID(any(fmt::format("{}.{}", name, number), *shape.element, false,
                   shape.list->append(value)));
      violations_.path.resize(base);
    }
    return ok();
  }

  Result<void> map(const std::string& name, const Shape& shape, void* value) {
    TRY(const auto found, numbers(name));
    const size_t base = violations_.path.size();
    for (uint32_t number : found) {
      const std::string entry = fmt::format("{}.{}.", name, number);
      const std::string* key = text(entry + std::string(shape.key_name));
      const std::string held = entry + std::string(shape.element_name);
      if (key == nullptr) {
        return fail("MissingParameter", fmt::format("The request must contain the parameter {}{}.",
                                                    entry, shape.key_name));
      }
      violations_.push_key(*key);
      void* place = shape.map->insert(value, *key);
      if (is_present(held)) TRY_VOID(any(held, *shape.element, false, place));
      violations_.path.resize(base);
    }
    return ok();
  }

  Result<void> scalar(const std::string& name, const Shape& shape, void* value) {
    const std::string* given = text(name);
    if (given == nullptr) return ok();
    if (shapes::read_scalar(*given, shape, value)) return ok();
    return fail("MalformedInput",
                fmt::format("The value of the parameter {} is not valid: {}", name, *given));
  }

  const Pairs& parameters_;
  shapes::Violations& violations_;
  int depth_ = 0;
};

}  // namespace

Result<void> read_query(Pairs parameters, const Shape& shape, void* value,
                        shapes::Violations& violations) {
  std::ranges::sort(parameters);
  return Reader(parameters, violations).structure("", shape, value);
}

}  // namespace suiro::aws
