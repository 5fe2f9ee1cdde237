// SPDX-License-Identifier: Apache-2.0
#include "engine/parquet/thrift.h"

namespace suiro::parquet {

uint8_t ThriftReader::byte() {
  const ByteView one = take(1);
  return one.empty() ? 0 : static_cast<uint8_t>(one[0]);
}

ByteView ThriftReader::take(size_t size) {
  if (!ok_) return {};
  if (size > bytes_.size() - at_) {
    ok_ = false;
    cut_ = true;
    return {};
  }
  at_ += size;
  return bytes_.substr(at_ - size, size);
}

uint64_t ThriftReader::varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const uint8_t part = byte();
    value |= uint64_t{part & 0x7FU} << shift;
    if ((part & 0x80) == 0) return value;
  }
  wrong();
  return 0;
}

int64_t ThriftReader::zigzag() {
  const uint64_t value = varint();
  return static_cast<int64_t>((value >> 1) ^ (0 - (value & 1)));
}

bool ThriftReader::next_field(Field& field) {
  const uint8_t head = byte();
  if (!ok_ || head == 0) return false;
  const int step = head >> 4;
  const int64_t id = step == 0 ? zigzag() : field.id + step;
  if ((head & 0x0F) > static_cast<int>(Type::kStruct) || (head & 0x0F) == 0 || id < 0 ||
      id > INT16_MAX) {
    wrong();
  }
  field = {static_cast<int16_t>(id), static_cast<Type>(head & 0x0F)};
  return ok_;
}

bool ThriftReader::boolean(const Field& field) {
  if (field.type != Type::kTrue && field.type != Type::kFalse) wrong();
  return field.type == Type::kTrue;
}

int64_t ThriftReader::integer(const Field& field) {
  if (field.type == Type::kByte) return static_cast<int8_t>(byte());
  if (field.type != Type::kInt16 && field.type != Type::kInt32 && field.type != Type::kInt64) {
    wrong();
    return 0;
  }
  return zigzag();
}

ByteView ThriftReader::binary(const Field& field) {
  if (field.type != Type::kBinary) wrong();
  return take(varint());
}

ThriftReader::List ThriftReader::list() {
  const uint8_t head = byte();
  const uint64_t size = (head >> 4) == 15 ? varint() : head >> 4;
  if ((head & 0x0F) > static_cast<int>(Type::kStruct) || (head & 0x0F) == 0) wrong();
  if (ok_ && size > bytes_.size() - at_) take(size);
  return ok_ ? List{static_cast<Type>(head & 0x0F), size} : List{};
}

size_t ThriftReader::structs(const Field& field) {
  if (field.type != Type::kList) wrong();
  const List found = list();
  if (found.size > 0 && found.type != Type::kStruct) wrong();
  return ok_ ? found.size : 0;
}

bool ThriftReader::enter(const Field& field) {
  if (field.type != Type::kStruct) wrong();
  return ok_;
}

void ThriftReader::skip_list(int depth) {
  const List found = list();
  for (size_t index = 0; ok_ && index < found.size; ++index) {
    if (found.type == Type::kTrue || found.type == Type::kFalse) {
      byte();
    } else {
      skip(found.type, depth + 1);
    }
  }
}

void ThriftReader::skip_map(int depth) {
  const uint64_t size = varint();
  if (size == 0) return;
  const uint8_t types = byte();
  for (uint64_t index = 0; ok_ && index < size; ++index) {
    for (const int type : {types >> 4, types & 0x0F}) {
      if (type == 1 || type == 2) {
        byte();
      } else {
        skip(static_cast<Type>(type), depth + 1);
      }
    }
  }
}

void ThriftReader::skip(Type type, int depth) {
  if (depth > kThriftDepthMax) wrong();
  if (!ok_) return;
  switch (type) {
    case Type::kTrue:
    case Type::kFalse:
      return;
    case Type::kByte:
      byte();
      return;
    case Type::kInt16:
    case Type::kInt32:
    case Type::kInt64:
      varint();
      return;
    case Type::kDouble:
      take(8);
      return;
    case Type::kBinary:
      take(varint());
      return;
    case Type::kList:
    case Type::kSet:
      return skip_list(depth);
    case Type::kMap:
      return skip_map(depth);
    case Type::kStruct:
      for (Field field; next_field(field);) skip(field.type, depth + 1);
      return;
    case Type::kStop:
      break;
  }
  wrong();
}

}  // namespace suiro::parquet
