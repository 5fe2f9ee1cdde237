// SPDX-License-Identifier: Apache-2.0
// Documents: events as JSON, values out of them by path, and text with values put into it
// (Amazon EventBridge User Guide, "Amazon EventBridge input transformation").
// Thread: any; what is compiled is immutable.
#pragma once

#include <boost/json/value.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace suiro::events {

inline constexpr size_t kPathBytesMax = 256;
inline constexpr size_t kPathStepsMax = 64;
// What a template may become: as much as an event may have.
inline constexpr size_t kInputBytesMax = 256 * 1024;
inline constexpr std::string_view kInputTooLarge = "InputTooLarge";

// "2015-11-11T21:29:54Z"
std::string second_text(TimePoint time);

// JSON text; a double keeps its point, as in 1.0.
std::string json_text(const boost::json::value& value);
// The text without quotes where it is a string.
std::string plain_text(const boost::json::value& value);

// What stands around "detail" in an event.
struct Envelope {
  std::string id;
  std::string detail_type;
  std::string source;
  std::string account;
  std::string time;
  std::string region;
  std::vector<std::string> resources;
};
// `detail`: JSON text; it goes in as it is.
std::string event_text(const Envelope& envelope, std::string_view detail);

// "$.detail.items[0].name", "$.a[*].b", "$['a']", "$".
class JsonPath {
 public:
  // Errors: kInvalidArgument.
  static Result<JsonPath> compile(std::string_view text);
  // What stands there; a path with a star gives an array. nullopt: nothing does.
  std::optional<boost::json::value> of(const boost::json::value& document) const;

 private:
  struct Step {
    enum class Kind : uint8_t { kName, kIndex, kAll } kind;
    std::string name;
    size_t index = 0;
  };
  std::vector<Step> steps_;
};

// What the reserved variables stand for.
struct Reserved {
  std::string rule_arn;
  std::string rule_name;
  std::string ingestion_time;
};

class Template {
 public:
  // Errors: kInvalidArgument: a path or a placeholder that is none.
  static Result<Template> compile(const std::map<std::string, std::string>& paths,
                                  std::string_view text);
  // A value between quotes goes in as text, elsewhere as JSON. One that is not there is an empty
  // text. A template that begins neither with a bracket nor a quote nor a variable is plain text.
  // Errors: kInputTooLarge.
  Result<std::string> fill(const boost::json::value& document, std::string_view document_text,
                           const Reserved& reserved) const;

 private:
  struct Piece {
    std::string text;      // before the variable
    std::string variable;  // empty: none; the template's end
    // Where it stands: among JSON, between its quotes, or in a template that is not JSON.
    enum class Where : uint8_t { kJson, kQuoted, kText } where = Where::kJson;
  };
  std::string value_of(const Piece& piece, const boost::json::value& document,
                       std::string_view document_text, const Reserved& reserved) const;

  std::map<std::string, JsonPath> paths_;
  std::vector<Piece> pieces_;
};

}  // namespace suiro::events
