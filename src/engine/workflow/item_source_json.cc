// SPDX-License-Identifier: Apache-2.0
// Items of JSON files: the elements of an array, the members of an object, or a value a line. A
// document is walked byte by byte to where ItemsPointer points; only one item at a time is built.

#include "engine/workflow/item_source.h"

namespace suiro::workflow {
namespace {

constexpr size_t kPointerTokensMax = 100;
constexpr size_t kMemberNameBytesMax = 1 << 20;

std::unexpected<Error> wrong(std::string message) {
  return fail(kItemReaderFailed, std::move(message));
}

bool is_blank(char byte) {
  return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

// Finds where a value ends.
class ValueEnd {
 public:
  enum class Step : uint8_t { kGoOn, kEnded, kEndedBefore };
  Step take(char byte) {
    if (in_text_) {
      if (escaped_) {
        escaped_ = false;
      } else if (byte == '\\') {
        escaped_ = true;
      } else if (byte == '"') {
        in_text_ = false;
        if (depth_ == 0) return Step::kEnded;
      }
      return Step::kGoOn;
    }
    if (byte == '"' && !in_word_) {
      in_text_ = true;
      return Step::kGoOn;
    }
    if (byte == '{' || byte == '[') {
      ++depth_;
      return Step::kGoOn;
    }
    if (depth_ > 0) {
      if (byte == '}' || byte == ']') return --depth_ == 0 ? Step::kEnded : Step::kGoOn;
      return Step::kGoOn;
    }
    if (is_blank(byte) || byte == ',' || byte == ']' || byte == '}') return Step::kEndedBefore;
    in_word_ = true;  // a number, true, false or null
    return Step::kGoOn;
  }

 private:
  size_t depth_ = 0;
  bool in_text_ = false;
  bool escaped_ = false;
  bool in_word_ = false;
};

class JsonParser final : public ItemParser {
 public:
  explicit JsonParser(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {}

  Result<void> feed(ByteView chunk, std::vector<Item>& out) override {
    for (size_t at = 0; at < chunk.size();) {
      TRY(bool taken, take(chunk[at], out));
      if (taken) ++at;
    }
    return ok();
  }

  Result<void> finish(std::vector<Item>&) override {
    if (at_ == At::kPassed) return ok();
    if (at_ == At::kStart) return wrong("The JSON file is empty.");
    return wrong("The JSON file ends before its document does.");
  }

 private:
  enum class At : uint8_t {
    kStart,    // before the document
    kFirst,    // behind "[" or "{"
    kName,     // a member's name is wanted
    kInName,   //
    kColon,    //
    kValue,    // a value is wanted
    kInValue,  // of an item, or of what lies beside the path
    kAfter,    // behind a value: "," or the end
    kPassed,   // the items are over
  };

  // Whether the byte was taken; a byte that ends a number is looked at once more.
  Result<bool> take(char byte, std::vector<Item>& out) {
    if (at_ == At::kPassed) return pass(byte);
    if (at_ == At::kInName) return take_in_name(byte);
    if (at_ == At::kInValue) return take_in_value(byte, out);
    if (is_blank(byte)) return true;
    if (at_ == At::kStart && start_bytes_ < 3 && mark_byte(byte)) return true;
    switch (at_) {
      case At::kFirst:
        if (byte == (is_object_ ? '}' : ']')) return close();
        at_ = is_object_ ? At::kName : At::kValue;
        return false;
      case At::kName:
        if (byte != '"') return malformed("a member's name");
        name_ = "\"";
        escaped_ = false;
        at_ = At::kInName;
        return true;
      case At::kColon:
        if (byte != ':') return malformed("':'");
        at_ = At::kValue;
        return true;
      case At::kAfter:
        if (byte == ',') {
          at_ = is_object_ ? At::kName : At::kValue;
          return true;
        }
        if (byte == (is_object_ ? '}' : ']')) return close();
        return malformed("',' or the end");
      default:
        return begin_value(byte);
    }
  }

  // UTF-8's byte order mark.
  bool mark_byte(char byte) { return byte == "\xEF\xBB\xBF"[start_bytes_] && ++start_bytes_ > 0; }

  Result<bool> begin_value(char byte) {
    const bool on_path = at_ == At::kStart || (!in_items_ && is_wanted());
    if (on_path) {
      if (byte != '[' && byte != '{') return wrong("Attempting to map over non-iterable node.");
      is_object_ = byte == '{';
      in_items_ = depth_ == tokens_.size();
      if (!in_items_) ++depth_;
      index_ = 0;
      at_ = At::kFirst;
      return true;
    }
    value_.clear();
    end_ = ValueEnd();
    at_ = At::kInValue;
    return false;
  }

  // Whether the value that begins is what the pointer's token names.
  bool is_wanted() const {
    const std::string& token = tokens_[depth_ - 1];
    if (is_object_) return member_ == token;
    return std::to_string(index_) == token;
  }

  Result<bool> take_in_name(char byte) {
    name_.push_back(byte);
    if (name_.size() > kMemberNameBytesMax) return wrong("A name in the JSON file is too long.");
    if (escaped_) {
      escaped_ = false;
    } else if (byte == '\\') {
      escaped_ = true;
    } else if (byte == '"') {
      auto name = json::parse(name_);
      if (!name) return malformed("a member's name");
      member_ = name->as_string();
      at_ = At::kColon;
    }
    return true;
  }

  Result<bool> take_in_value(char byte, std::vector<Item>& out) {
    const auto step = end_.take(byte);
    if (step != ValueEnd::Step::kEndedBefore && in_items_) {
      value_.push_back(byte);
      if (value_.size() > kItemBytesMax) {
        return wrong("An item of the JSON file is larger than 8 MiB.");
      }
    }
    if (step == ValueEnd::Step::kGoOn) return true;
    if (in_items_) TRY_VOID(emit(out));
    ++index_;
    at_ = At::kAfter;
    return step == ValueEnd::Step::kEnded;
  }

  Result<void> emit(std::vector<Item>& out) {
    auto value = json::parse(value_);
    if (!value) {
      return wrong("The JSON file is malformed: " + value.error().message);
    }
    Item item{*std::move(value), std::nullopt};
    if (is_object_) item.key = member_;
    out.push_back(std::move(item));
    return ok();
  }

  // The array or object that is walked ends.
  Result<bool> close() {
    if (!in_items_) {
      return wrong("The ItemsPointer does not point to anything in the JSON file.");
    }
    at_ = At::kPassed;
    return true;
  }

  // Behind the items: of a whole document nothing may follow; of a part, the rest is not looked at.
  Result<bool> pass(char byte) {
    if (tokens_.empty() && !is_blank(byte)) return malformed("the end of the file");
    return true;
  }

  static std::unexpected<Error> malformed(std::string_view wanted) {
    return wrong("The JSON file is malformed: " + std::string(wanted) + " is missing.");
  }

  std::vector<std::string> tokens_;
  At at_ = At::kStart;
  size_t start_bytes_ = 0;
  bool is_object_ = false;
  bool in_items_ = false;
  size_t depth_ = 0;    // tokens that were followed, and the one that is looked for
  uint64_t index_ = 0;  // of the value in its array
  bool escaped_ = false;
  std::string name_;  // as written
  std::string member_;
  std::string value_;
  ValueEnd end_;
};

Result<std::vector<std::string>> pointer_tokens(std::string_view pointer) {
  std::vector<std::string> tokens;
  if (pointer.empty()) return tokens;
  if (pointer[0] != '/') return wrong("ItemsPointer must be a JSON Pointer: it begins with '/'.");
  for (size_t at = 1; at <= pointer.size();) {
    const size_t end = std::min(pointer.find('/', at), pointer.size());
    std::string token;
    for (size_t i = at; i < end; ++i) {
      if (pointer[i] != '~') {
        token.push_back(pointer[i]);
        continue;
      }
      if (++i >= end || (pointer[i] != '0' && pointer[i] != '1')) {
        return wrong("ItemsPointer must be a JSON Pointer: '~' is followed by 0 or 1.");
      }
      token.push_back(pointer[i] == '0' ? '~' : '/');
    }
    tokens.push_back(std::move(token));
    at = end + 1;
  }
  if (tokens.size() > kPointerTokensMax) return wrong("ItemsPointer is too deep.");
  return tokens;
}

class JsonLinesParser final : public ItemParser {
 public:
  Result<void> feed(ByteView chunk, std::vector<Item>& out) override {
    while (!chunk.empty()) {
      const size_t end = chunk.find('\n');
      line_.append(chunk.substr(0, end));
      if (line_.size() > kItemBytesMax) {
        return wrong("A line of the JSON Lines file is larger than 8 MiB.");
      }
      if (end == ByteView::npos) return ok();
      TRY_VOID(emit(out));
      chunk.remove_prefix(end + 1);
    }
    return ok();
  }
  Result<void> finish(std::vector<Item>& out) override { return emit(out); }

 private:
  Result<void> emit(std::vector<Item>& out) {
    ++number_;
    std::string_view line = line_;
    if (number_ == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    line = trim(line);
    if (!line.empty()) {
      auto value = json::parse(line);
      if (!value) {
        return wrong("Line " + std::to_string(number_) +
                     " of the JSON Lines file is malformed: " + value.error().message);
      }
      out.push_back({*std::move(value), std::nullopt});
    }
    line_.clear();
    return ok();
  }

  std::string line_;
  uint64_t number_ = 0;
};

}  // namespace

json::Value item_as_input(const Item& item) {
  if (!item.key) return item.value;
  json::Object pair;
  pair.set("Key", *item.key);
  pair.set("Value", item.value);
  return pair;
}

Result<std::unique_ptr<ItemParser>> json_items(std::string_view pointer) {
  TRY(auto tokens, pointer_tokens(pointer));
  return std::make_unique<JsonParser>(std::move(tokens));
}

std::unique_ptr<ItemParser> json_lines_items() {
  return std::make_unique<JsonLinesParser>();
}

}  // namespace suiro::workflow
