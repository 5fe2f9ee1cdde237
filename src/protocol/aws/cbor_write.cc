// SPDX-License-Identifier: Apache-2.0
#include <bit>

#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include "protocol/aws/cbor.h"

namespace suiro::aws {
namespace {

using shapes::Kind;
using shapes::Member;
using shapes::Shape;

class Writer {
 public:
  explicit Writer(std::string& out, CborTime time = CborTime::kSeconds) : out_(out), time_(time) {}

  void head(uint8_t major, uint64_t argument) {
    const auto type = static_cast<uint8_t>(major << 5);
    if (argument < 24) {
      byte(type | static_cast<uint8_t>(argument));
    } else if (argument <= UINT8_MAX) {
      byte(type | 24);
      byte(static_cast<uint8_t>(argument));
    } else if (argument <= UINT16_MAX) {
      byte(type | 25);
      append_be16(out_, static_cast<uint16_t>(argument));
    } else if (argument <= UINT32_MAX) {
      byte(type | 26);
      append_be32(out_, static_cast<uint32_t>(argument));
    } else {
      byte(type | 27);
      append_be64(out_, argument);
    }
  }

  void text(std::string_view value) {
    head(3, value.size());
    out_ += value;
  }

  void structure(const Shape& shape, const void* value, std::string_view type) {
    size_t present = type.empty() ? 0 : 1;
    for (const Member& member : shape.members) present += member.get(value) != nullptr ? 1 : 0;
    head(5, present);
    if (!type.empty()) {
      text("__type");
      text(type);
    }
    for (const Member& member : shape.members) {
      const void* held = member.get(value);
      if (held == nullptr) continue;
      text(member.name);
      any(*member.shape, held);
    }
  }

 private:
  void byte(int value) { out_ += static_cast<char>(value); }

  void any(const Shape& shape, const void* value) {
    switch (shape.kind) {
      case Kind::kString:
        return text(*static_cast<const std::string*>(value));
      case Kind::kBlob: {
        const auto& bytes = *static_cast<const Bytes*>(value);
        head(2, bytes.size());
        out_ += bytes;
        return;
      }
      case Kind::kInteger:
        return integer(*static_cast<const int32_t*>(value));
      case Kind::kLong:
        return integer(*static_cast<const int64_t*>(value));
      case Kind::kBoolean:
        return byte(*static_cast<const bool*>(value) ? 0xF5 : 0xF4);
      case Kind::kDouble:
        return real(*static_cast<const double*>(value));
      case Kind::kTimestamp:
        return timestamp(*static_cast<const TimePoint*>(value));
      case Kind::kList:
        head(4, shape.list->size(value));
        for (size_t i = 0; i < shape.list->size(value); ++i) {
          any(*shape.element, shape.list->at(value, i));
        }
        return;
      case Kind::kMap:
        return map(shape, value);
      case Kind::kStructure:
        return structure(shape, value, {});
      case Kind::kDocument:
      case Kind::kStream:
      case Kind::kEvents:
        CHECK(false, "a document or stream in CBOR");
    }
  }

  void integer(int64_t number) {
    if (number >= 0) {
      head(0, static_cast<uint64_t>(number));
    } else {
      head(1, static_cast<uint64_t>(-1 - number));
    }
  }

  void real(double number) {
    byte(0xFB);
    append_be64(out_, std::bit_cast<uint64_t>(number));
  }

  void timestamp(TimePoint when) {
    head(6, 1);
    const int64_t millis = when.time_since_epoch().count();
    if (time_ == CborTime::kMillis) {
      integer(millis);
    } else if (millis % 1000 == 0) {
      integer(millis / 1000);
    } else {
      real(static_cast<double>(millis) / 1000);
    }
  }

  void map(const Shape& shape, const void* value) {
    struct Context {
      Writer* writer;
      const Shape* element;
    } context{this, shape.element};
    head(5, shape.map->size(value));
    shape.map->each(value, &context, [](void* at, std::string_view key, const void* held) {
      auto& [writer, element] = *static_cast<Context*>(at);
      writer->text(key);
      writer->any(*element, held);
    });
  }

  std::string& out_;
  const CborTime time_;
};

}  // namespace

void write_cbor(std::string& out, const Shape& shape, const void* value, std::string_view type,
                CborTime time) {
  Writer(out, time).structure(shape, value, type);
}

void append_cbor_text(std::string& out, std::string_view text) {
  Writer(out).text(text);
}

void append_cbor_map(std::string& out, size_t pairs) {
  Writer(out).head(5, pairs);
}

}  // namespace suiro::aws
