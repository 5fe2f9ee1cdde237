// SPDX-License-Identifier: Apache-2.0
#include "engine/sql/automaton.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "engine/sql/utf8.h"

namespace suiro::sql {

// Expressions as nodes that exist once each, so that equal derivatives are one state.
class Builder {
 public:
  Builder() {
    nothing_ = intern({.kind = Kind::kNothing});
    empty_ = intern({.kind = Kind::kConcat});
  }

  Result<Automaton> build(const std::vector<FastRegexPtr>& sequence) {
    Automaton out;
    std::set<uint32_t> starts = {0};
    for (const auto& item : sequence) collect(*item, starts);
    starts.erase(kCodePointMax + 1);
    out.starts_.assign(starts.begin(), starts.end());
    uint32_t root = empty_;
    for (auto item = sequence.rbegin(); item != sequence.rend(); ++item) {
      root = concat(node_of(**item), root);
    }
    TRY_VOID(explore(out, root));
    for (uint32_t c = 0; c < 128; ++c) {
      const auto above = std::ranges::upper_bound(out.starts_, c);
      out.ascii_.push_back(static_cast<uint16_t>(above - out.starts_.begin() - 1));
    }
    return out;
  }

 private:
  using Kind = FastRegex::Kind;
  struct Node {
    Kind kind;
    std::vector<CharRange> ranges = {};
    std::vector<uint32_t> items = {};
    uint32_t least = 0;
    uint32_t most = 0;
    auto key() const { return std::tie(kind, ranges, items, least, most); }
    bool operator<(const Node& other) const { return key() < other.key(); }
  };
  static constexpr size_t kNodesMax = 50'000;

  uint32_t intern(Node node) {
    auto [at, added] = ids_.try_emplace(std::move(node), static_cast<uint32_t>(nodes_.size()));
    if (added) {
      nodes_.push_back(&at->first);
      nullable_.push_back(is_nullable(at->first));
    }
    return at->second;
  }

  bool is_nullable(const Node& node) const {
    const auto nullable = [this](uint32_t id) { return static_cast<bool>(nullable_[id]); };
    switch (node.kind) {
      case Kind::kConcat:
      case Kind::kIntersect:
        return std::ranges::all_of(node.items, nullable);
      case Kind::kUnion:
        return std::ranges::any_of(node.items, nullable);
      case Kind::kRepeat:
        return node.least == 0 || nullable(node.items[0]);
      default:
        return false;
    }
  }

  uint32_t node_of(const FastRegex& regex) {
    std::vector<uint32_t> items;
    for (const auto& item : regex.items) items.push_back(node_of(*item));
    switch (regex.kind) {
      case Kind::kNothing:
        return nothing_;
      case Kind::kSet:
        return intern({.kind = Kind::kSet, .ranges = regex.ranges});
      case Kind::kGroup:
        return items[0];
      case Kind::kConcat: {
        uint32_t out = empty_;
        for (auto item = items.rbegin(); item != items.rend(); ++item) out = concat(*item, out);
        return out;
      }
      case Kind::kRepeat:
        return repeat(items[0], regex.least, regex.most);
      default:
        return set_operation(regex.kind, std::move(items));
    }
  }

  uint32_t concat(uint32_t a, uint32_t b) {
    if (a == nothing_ || b == nothing_) return nothing_;
    if (a == empty_) return b;
    if (b == empty_) return a;
    const Node& left = *nodes_[a];
    if (left.kind == Kind::kConcat) {  // to the right, so that equal texts are equal nodes
      return concat(left.items[0], concat(left.items[1], b));
    }
    return intern({.kind = Kind::kConcat, .items = {a, b}});
  }

  uint32_t repeat(uint32_t item, uint32_t least, uint32_t most) {
    if (most == 0 || item == empty_) return empty_;
    if (item == nothing_) return least == 0 ? empty_ : nothing_;
    if (least == 1 && most == 1) return item;
    return intern({.kind = Kind::kRepeat, .items = {item}, .least = least, .most = most});
  }

  // | and &: sorted, without repetitions, without neutral members.
  uint32_t set_operation(Kind kind, const std::vector<uint32_t>& members) {
    std::set<uint32_t> items;
    for (const uint32_t member : members) {
      if (nodes_[member]->kind == kind) {
        items.insert(nodes_[member]->items.begin(), nodes_[member]->items.end());
      } else {
        items.insert(member);
      }
    }
    if (kind == Kind::kUnion) items.erase(nothing_);
    if (kind == Kind::kIntersect && items.contains(nothing_)) return nothing_;
    if (items.empty()) return nothing_;
    if (items.size() == 1) return *items.begin();
    return intern({.kind = kind, .items = {items.begin(), items.end()}});
  }

  uint32_t derive(uint32_t id, uint32_t code) {
    const auto known = derived_.find({id, code});
    if (known != derived_.end()) return known->second;
    const uint32_t out = derive_new(*nodes_[id], code);
    derived_[{id, code}] = out;
    return out;
  }

  uint32_t derive_new(const Node& node, uint32_t code) {
    switch (node.kind) {
      case Kind::kSet: {
        const bool in = std::ranges::any_of(node.ranges, [code](const CharRange& range) {
          return range.first <= code && code <= range.last;
        });
        return in ? empty_ : nothing_;
      }
      case Kind::kConcat: {
        if (node.items.empty()) return nothing_;
        const uint32_t rest = node.items[1];
        const uint32_t first = concat(derive(node.items[0], code), rest);
        if (!nullable_[node.items[0]]) return first;
        return set_operation(Kind::kUnion, {first, derive(rest, code)});
      }
      case Kind::kRepeat: {
        const uint32_t least = node.least == 0 ? 0 : node.least - 1;
        const uint32_t most = node.most == kUnbounded ? kUnbounded : node.most - 1;
        const uint32_t rest = repeat(node.items[0], least, most);
        return concat(derive(node.items[0], code), rest);
      }
      case Kind::kUnion:
      case Kind::kIntersect: {
        std::vector<uint32_t> items;
        for (const uint32_t item : node.items) items.push_back(derive(item, code));
        return set_operation(node.kind, items);
      }
      default:
        return nothing_;
    }
  }

  Result<void> explore(Automaton& out, uint32_t root) {
    std::map<uint32_t, uint32_t> states = {{nothing_, Automaton::kDead}};
    std::vector<uint32_t> queue = {nothing_};
    if (root != nothing_) {
      states[root] = 1;
      queue.push_back(root);
    } else {
      queue.push_back(nothing_);  // state 1 begins; it is dead, too
    }
    for (size_t i = 0; i < queue.size(); ++i) {
      const uint32_t node = queue[i];
      out.accepting_.push_back(nullable_[node]);
      for (const uint32_t code : out.starts_) {
        const uint32_t next = derive(node, code);
        auto [at, added] = states.try_emplace(next, static_cast<uint32_t>(queue.size()));
        if (added) queue.push_back(next);
        out.next_.push_back(at->second);
      }
      if (queue.size() > kAutomatonStatesMax || nodes_.size() > kNodesMax) {
        return fail(codes::kInvalidArgument, "the pattern is too complex: split it into groups");
      }
    }
    return ok();
  }

  static void collect(const FastRegex& regex, std::set<uint32_t>& starts) {
    for (const auto& range : regex.ranges) {
      starts.insert(range.first);
      starts.insert(range.last + 1);
    }
    for (const auto& item : regex.items) collect(*item, starts);
  }

  std::map<Node, uint32_t> ids_;
  std::vector<const Node*> nodes_;
  std::vector<bool> nullable_;
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> derived_;
  uint32_t nothing_ = 0;
  uint32_t empty_ = 0;
};

Result<Automaton> Automaton::compile(const std::vector<FastRegexPtr>& sequence) {
  return Builder().build(sequence);
}

uint32_t Automaton::class_of(uint32_t code) const {
  if (code < 128) return ascii_[code];
  return static_cast<uint32_t>(std::ranges::upper_bound(starts_, code) - starts_.begin() - 1);
}

uint32_t Automaton::step(uint32_t state, std::string_view character) const {
  return next_[state * starts_.size() + class_of(utf8_code(character))];
}

std::optional<size_t> Automaton::shortest(std::string_view text) const {
  uint32_t state = 1;
  size_t at = 0;
  while (!accepting_[state]) {
    const auto character = utf8_first(text.substr(at));
    if (character.empty()) return std::nullopt;
    state = step(state, character);
    if (state == kDead) return std::nullopt;
    at += character.size();
  }
  return at;
}

std::optional<size_t> Automaton::longest(std::string_view text) const {
  std::optional<size_t> out;
  uint32_t state = 1;
  for (size_t at = 0; state != kDead;) {
    if (accepting_[state]) out = at;
    const auto character = utf8_first(text.substr(at));
    if (character.empty()) break;
    state = step(state, character);
    at += character.size();
  }
  return out;
}

bool Automaton::matches(std::string_view text) const {
  uint32_t state = 1;
  while (!text.empty() && state != kDead) {
    const auto character = utf8_first(text);
    state = step(state, character);
    text.remove_prefix(character.size());
  }
  return state != kDead && accepting_[state];
}

}  // namespace suiro::sql
