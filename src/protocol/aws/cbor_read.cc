// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <bit>
#include <bitset>
#include <cmath>
#include <limits>

#include "base/bytes.h"
#include "protocol/aws/cbor.h"
#include "shapes/json.h"
#include "shapes/scalar.h"

namespace suiro::aws {
namespace {

using shapes::kDepthMax;
using shapes::Kind;
using shapes::Member;
using shapes::Shape;

enum Major : uint8_t { kUnsigned, kNegative, kBytes, kText, kArray, kMap, kTag, kSimple };

constexpr uint8_t kBreak = 0xFF;
constexpr uint64_t kTagEpoch = 1;

// The first byte of an item and its argument.
struct Head {
  Major major = kSimple;
  uint8_t info = 0;
  uint64_t argument = 0;
  bool indefinite = false;
};

double half_to_double(uint16_t half) {
  const int exponent = (half >> 10) & 0x1F;
  const int mantissa = half & 0x3FF;
  double value = 0;
  if (exponent == 0) {
    value = std::ldexp(mantissa, -24);
  } else if (exponent == 31) {
    value = mantissa == 0 ? std::numeric_limits<double>::infinity()
                          : std::numeric_limits<double>::quiet_NaN();
  } else {
    value = std::ldexp(mantissa + 1024, exponent - 25);
  }
  return (half & 0x8000) != 0 ? -value : value;
}

class Reader {
 public:
  Reader(std::string_view bytes, shapes::Violations& violations, CborTime time)
      : bytes_(bytes), violations_(violations), time_(time) {}

  Result<void> document(const Shape& shape, void* value) {
    TRY_VOID(any(shape, value));
    if (!bytes_.empty()) return bad("one CBOR item");
    return ok();
  }

 private:
  std::unexpected<Error> bad(std::string_view expected) const {
    return fail(shapes::kSerialization,
                violations_.path.empty()
                    ? fmt::format("Expected {}.", expected)
                    : fmt::format("Expected {} at '{}'.", expected, violations_.path));
  }

  Result<Head> head() {
    if (bytes_.empty()) return bad("more bytes");
    const auto first = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    Head head{.major = static_cast<Major>(first >> 5), .info = static_cast<uint8_t>(first & 31)};
    if (head.info < 24) {
      head.argument = head.info;
    } else if (head.info <= 27) {
      const size_t size = size_t{1} << (head.info - 24);
      if (bytes_.size() < size) return bad("more bytes");
      for (size_t i = 0; i < size; ++i) {
        head.argument = head.argument << 8 | static_cast<uint8_t>(bytes_[i]);
      }
      bytes_.remove_prefix(size);
    } else if (head.info == 31 && head.major >= kBytes && head.major != kTag) {
      head.indefinite = true;
    } else {
      return bad("CBOR");
    }
    return head;
  }

  bool at_break() {
    if (bytes_.empty() || static_cast<uint8_t>(bytes_.front()) != kBreak) return false;
    bytes_.remove_prefix(1);
    return true;
  }

  bool is_null() const {
    if (bytes_.empty()) return false;
    const auto first = static_cast<uint8_t>(bytes_.front());
    return first == 0xF6 || first == 0xF7;
  }

  Result<void> any(const Shape& shape, void* value) {
    if (++depth_ > kDepthMax) return bad("less nesting");
    Result<void> done = shape.kind == Kind::kStructure ? structure(shape, value)
                        : shape.kind == Kind::kList    ? list(shape, value)
                        : shape.kind == Kind::kMap     ? map(shape, value)
                                                       : scalar(shape, value);
    --depth_;
    return done;
  }

  // Calls `each` for every element of an array or pair of a map. Every element takes at least one
  // byte, so the loop ends with the input.
  template <class Each>
  Result<void> elements(const Head& head, Each each) {
    for (uint64_t i = 0; head.indefinite || i < head.argument; ++i) {
      if (head.indefinite && at_break()) return ok();
      TRY_VOID(each());
    }
    return ok();
  }

  Result<std::string> text(Major major) {
    TRY(const Head first, head());
    if (first.major != major) return bad(major == kText ? "a text string" : "a byte string");
    if (!first.indefinite) return piece(first, major);
    std::string all;
    while (!at_break()) {
      TRY(const Head next, head());
      if (next.major != major || next.indefinite) return bad("a piece of a string");
      TRY(const std::string part, piece(next, major));
      all += part;
    }
    return all;
  }

  Result<std::string> piece(const Head& head, Major major) {
    if (head.argument > bytes_.size()) return bad("more bytes");
    std::string part(bytes_.substr(0, head.argument));
    bytes_.remove_prefix(head.argument);
    if (major == kText && !is_valid_utf8(part)) return bad("UTF-8");
    return part;
  }

  Result<void> structure(const Shape& shape, void* value) {
    TRY(const Head first, head());
    if (first.major != kMap) return bad("a map");
    std::bitset<256> seen;
    const size_t base = violations_.path.size();
    TRY_VOID(elements(first, [&]() -> Result<void> {
      TRY(const std::string key, text(kText));
      const Member* member = shape.find(key);
      if (member == nullptr || is_null()) return skip();
      seen.set(static_cast<size_t>(member - shape.members.data()));
      violations_.push(member->name);
      TRY_VOID(any(*member->shape, member->emplace(value)));
      violations_.path.resize(base);
      return ok();
    }));
    for (size_t i = 0; i < shape.members.size(); ++i) {
      if (shape.members[i].required && !seen[i]) violations_.missing(shape.members[i].name);
    }
    return ok();
  }

  Result<void> list(const Shape& shape, void* value) {
    TRY(const Head first, head());
    if (first.major != kArray) return bad("an array");
    const size_t base = violations_.path.size();
    size_t index = 0;
    return elements(first, [&]() -> Result<void> {
      ++index;
      if (is_null()) return skip();
      TRY_VOID(count_element());
      violations_.push_index(index);
      TRY_VOID(any(*shape.element, shape.list->append(value)));
      violations_.path.resize(base);
      return ok();
    });
  }

  Result<void> count_element() {
    if (++elements_ <= shapes::kElementsMax) return ok();
    return fail(shapes::kSerialization, "The document has too many elements.");
  }

  Result<void> map(const Shape& shape, void* value) {
    TRY(const Head first, head());
    if (first.major != kMap) return bad("a map");
    const size_t base = violations_.path.size();
    return elements(first, [&]() -> Result<void> {
      TRY(const std::string key, text(kText));
      if (is_null()) return skip();
      TRY_VOID(count_element());
      violations_.push_key(key);
      TRY_VOID(any(*shape.element, shape.map->insert(value, key)));
      violations_.path.resize(base);
      return ok();
    });
  }

  Result<void> scalar(const Shape& shape, void* value) {
    switch (shape.kind) {
      case Kind::kString: {
        TRY(*static_cast<std::string*>(value), text(kText));
        return ok();
      }
      case Kind::kBlob: {
        TRY(*static_cast<Bytes*>(value), text(kBytes));
        return ok();
      }
      case Kind::kBoolean: {
        TRY(const Head first, head());
        if (first.major != kSimple || (first.info != 20 && first.info != 21)) {
          return bad("true or false");
        }
        *static_cast<bool*>(value) = first.info == 21;
        return ok();
      }
      case Kind::kInteger:
      case Kind::kLong:
        return integer(shape, value);
      case Kind::kDouble: {
        TRY(*static_cast<double*>(value), number());
        return ok();
      }
      case Kind::kTimestamp:
        return timestamp(value);
      default:
        return bad("a type that CBOR carries");
    }
  }

  Result<void> integer(const Shape& shape, void* value) {
    TRY(const Head first, head());
    if (first.major > kNegative || first.argument > INT64_MAX) return bad("an integer");
    auto number = static_cast<int64_t>(first.argument);
    if (first.major == kNegative) number = -1 - number;
    if (shape.kind == Kind::kLong) {
      *static_cast<int64_t*>(value) = number;
      return ok();
    }
    if (number < INT32_MIN || number > INT32_MAX) return bad("an integer");
    *static_cast<int32_t*>(value) = static_cast<int32_t>(number);
    return ok();
  }

  Result<double> number() {
    TRY(const Head first, head());
    if (first.major == kUnsigned) return static_cast<double>(first.argument);
    if (first.major == kNegative) return -1.0 - static_cast<double>(first.argument);
    if (first.major != kSimple) return bad("a number");
    if (first.info == 25) return half_to_double(static_cast<uint16_t>(first.argument));
    if (first.info == 26) return std::bit_cast<float>(static_cast<uint32_t>(first.argument));
    if (first.info == 27) return std::bit_cast<double>(first.argument);
    return bad("a number");
  }

  Result<void> timestamp(void* value) {
    TRY(const Head first, head());
    if (first.major != kTag || first.argument != kTagEpoch) return bad("a timestamp");
    TRY(double seconds, number());
    if (time_ == CborTime::kMillis) seconds /= 1000;
    TRY(*static_cast<TimePoint*>(value), shapes::time_of_seconds(seconds));
    return ok();
  }

  Result<void> skip() {
    if (++depth_ > kDepthMax) return bad("less nesting");
    TRY(const Head first, head());
    Result<void> done = ok();
    switch (first.major) {
      case kBytes:
      case kText:
        done = skip_text(first);
        break;
      case kArray:
        done = elements(first, [&] { return skip(); });
        break;
      case kMap:
        done = elements(first, [&]() -> Result<void> {
          TRY_VOID(skip());
          return skip();
        });
        break;
      case kTag:
        done = skip();
        break;
      case kSimple:
        if (first.indefinite) return bad("a value");
        break;
      default:
        break;
    }
    --depth_;
    return done;
  }

  Result<void> skip_text(const Head& first) {
    if (first.indefinite) return elements(first, [&] { return skip(); });
    if (first.argument > bytes_.size()) return bad("more bytes");
    bytes_.remove_prefix(first.argument);
    return ok();
  }

  std::string_view bytes_;
  shapes::Violations& violations_;
  const CborTime time_;
  int depth_ = 0;
  size_t elements_ = 0;
};

}  // namespace

Result<void> read_cbor(std::string_view bytes, const Shape& shape, void* value,
                       shapes::Violations& violations, CborTime time) {
  return Reader(bytes, violations, time).document(shape, value);
}

}  // namespace suiro::aws
