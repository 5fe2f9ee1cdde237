// SPDX-License-Identifier: Apache-2.0
#include "services/s3/copy_source.h"

namespace suiro::s3 {

std::optional<CopySourceText> parse_copy_source(std::string_view text) {
  if (text.starts_with("arn:")) return std::nullopt;
  if (text.starts_with('/')) text.remove_prefix(1);
  CopySourceText out;
  // The version stands behind the first "?versionId="; a '?' of the key is encoded.
  if (size_t at = text.find("?versionId="); at != text.npos) {
    out.version = text.substr(at + 11);
    text = text.substr(0, at);
  }
  auto decoded = percent_decode(text, Plus::kLiteral);
  if (!decoded) return std::nullopt;
  // Some clients encode the first slash too.
  ByteView path = *decoded;
  if (path.starts_with('/')) path.remove_prefix(1);
  size_t slash = path.find('/');
  if (slash == path.npos || slash == 0 || slash + 1 == path.size()) return std::nullopt;
  out.bucket = path.substr(0, slash);
  out.key = path.substr(slash + 1);
  return out;
}

}  // namespace suiro::s3
