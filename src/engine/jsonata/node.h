// SPDX-License-Identifier: Apache-2.0
// Node: of the syntax tree. The parser makes the operators as they are written; arrange() turns
// them into paths of steps, and resolve() gives variables their slots.
//
// Immutable once compiled. A Program owns its nodes; a tree is at most kHeightMax high.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "engine/jsonata/signature.h"
#include "engine/jsonata/value.h"

namespace re2 {
class RE2;
}

namespace suiro::jsonata {

// Of syntax trees; deeper texts are refused.
inline constexpr int kHeightMax = 500;

enum class NodeKind : uint8_t {
  // As parsed.
  kName,
  kLiteral,  // text, number, true, false, null
  kVariable,
  kRegex,
  kWildcard,
  kDescendant,
  kParent,
  kBinary,
  kNegate,
  kArray,   // children: the elements
  kObject,  // children: names and values in turn
  kBlock,
  kCall,     // left: the function; children: the arguments
  kPartial,  // the same with placeholders
  kPlaceholder,
  kLambda,  // left: the body; children: the parameters (variables)
  kCondition,
  kDefault,   // left ?: right
  kCoalesce,  // left ?? right
  kBind,      // left: the variable
  kApply,     // left ~> right
  kTransform,
  kDot,
  kFilter,
  kGroup,  // left { children }
  kOrder,  // left ^( children )
  kFocus,  // left @ right
  kIndex,  // left # right
  kKeyword,
  kEnd,
  // Made by arrange().
  kPath,  // children: the steps
  kSort,
};

enum class Operator : uint8_t {
  kNone,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kConcatenate,
  kRange,
  kIn,
  kAnd,
  kOr,
};
std::string_view text_of(Operator op);

class Node;

// What a `%` looks for: so many levels up, the context is bound to `symbol`.
struct Ancestor {
  int symbol = -1;
  int level = 1;
  size_t number = 0;
};

// Behind a step: a predicate, or where `#$i` counts what the predicates before it left.
struct Stage {
  const Node* filter = nullptr;
  int index_symbol = -1;
};

// Where a variable's value may be.
struct Place {
  uint16_t frames_up = 0;
  bool in_tuple = false;
  int slot = 0;  // or symbol
};

class Node {
 public:
  NodeKind kind = NodeKind::kEnd;
  Operator op = Operator::kNone;
  bool keep_array = false;            // x[]
  bool keep_singleton_array = false;  // of a path
  bool tuple = false;                 // the step (or path) makes tuples
  bool constructed = false;           // an array constructor that is a step
  bool tail = false;                  // a call whose result is the function's
  bool descending = false;            // of a term of order-by
  bool plain_steps = false;           // a path of names alone
  int height = 1;
  uint32_t position = 0;  // byte offset behind its token

  std::string text;  // name, variable, operator, source of a regex
  Value constant;    // of a literal
  Node* left = nullptr;
  Node* right = nullptr;
  Node* third = nullptr;
  std::vector<Node*> children;

  std::vector<Stage> stages;      // of a step
  std::vector<Stage> predicates;  // of what is no step
  Node* group = nullptr;          // a kGroup with its children

  int focus_symbol = -1;
  int index_symbol = -1;
  Ancestor* ancestor = nullptr;                // of `%`: its own; of a step: whose context it keeps
  std::vector<Ancestor*> seeking;              // `%` within that have not found their step yet
  std::unique_ptr<const Signature> signature;  // of a lambda
  std::shared_ptr<const re2::RE2> regex;

  // Of variables, in the order in which they are asked; then the global.
  std::vector<Place> places;
  int global = -1;
  // Of calls and partial calls by a plain name: the variable of that name ("did you mean").
  Node* meant = nullptr;
  // Of lambdas, blocks and the root: variables bound in it.
  std::vector<std::string> slots;
  bool has_frame = false;
};

// A compiled text.
class Program {
 public:
  Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  std::string text;
  const Node* root = nullptr;
  std::vector<std::string> globals;  // names that no binding of the text answers for sure
  std::vector<std::string> slots;    // bound outside of any block
  std::vector<std::string> symbols;  // of tuples: names; empty: an ancestor

  Node* add(NodeKind kind, uint32_t position) {
    Node& node = nodes_.emplace_back();
    node.kind = kind;
    node.position = position;
    return &node;
  }
  Ancestor* add_ancestor() { return &ancestors_.emplace_back(); }
  std::string_view keep(std::string kept) { return texts_.emplace_back(std::move(kept)); }
  int symbol(std::string_view name);
  int new_symbol();

 private:
  std::deque<Node> nodes_;
  std::deque<Ancestor> ancestors_;
  std::deque<std::string> texts_;
};

}  // namespace suiro::jsonata
