// SPDX-License-Identifier: Apache-2.0
// Byte strings and their text forms. Bytes is std::string: it moves cheaply, is what RocksDB, Asio
// and OpenSSL take, and keeps short values without an allocation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace suiro {

using Bytes = std::string;
using ByteView = std::string_view;

// Lower-case hexadecimal, two digits a byte.
std::string hex_encode(ByteView bytes);
// Errors: kInvalidArgument for an odd length or another character.
Result<Bytes> hex_decode(std::string_view text);

// RFC 4648 base64 with padding.
std::string base64_encode(ByteView bytes);
// Accepts padded base64 only. Errors: kInvalidArgument.
Result<Bytes> base64_decode(std::string_view text);

// Percent-encodes everything but A-Z a-z 0-9 - . _ ~ ; slashes are kept where asked (the canonical
// URI of SigV4 for S3).
enum class Slash { kEncode, kKeep };
std::string percent_encode(ByteView bytes, Slash slash = Slash::kEncode);
// Errors: kInvalidArgument for a '%' without two hexadecimal digits.
enum class Plus { kLiteral, kSpace };
Result<Bytes> percent_decode(std::string_view text, Plus plus = Plus::kLiteral);

bool is_valid_utf8(ByteView bytes);

// Compares in time that depends on the lengths alone.
bool equal_constant_time(ByteView a, ByteView b);

// ASCII only.
std::string to_lower(std::string_view text);
bool equal_ignore_case(std::string_view a, std::string_view b);
std::string_view trim(std::string_view text);

// Big-endian fixed-width integers, as they stand in keys.
void append_be64(Bytes& out, uint64_t value);
void append_be32(Bytes& out, uint32_t value);
void append_be16(Bytes& out, uint16_t value);
// bytes.size() must be at least 8, 4, 2.
uint64_t read_be64(ByteView bytes);
uint32_t read_be32(ByteView bytes);
uint16_t read_be16(ByteView bytes);

}  // namespace suiro
