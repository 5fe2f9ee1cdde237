// SPDX-License-Identifier: Apache-2.0
// From operators to paths. A path is a list of steps; what stands in brackets behind a step is one
// of its stages. A `%` within a step needs the context of an earlier step: that one is marked to
// make tuples that carry its context under the symbol of the `%`.
//
//   parsed:    a . b [ % . c = 1 ]         kDot(a, kFilter(b, ...))
//   arranged:  kPath{ a, b }, b.stages = { % . c = 1 }, b.ancestor = the one of `%`

#include "engine/jsonata/parser.h"

namespace suiro::jsonata {
namespace {

std::unexpected<Fault> refuse(std::string_view code, const Node& node) {
  return std::unexpected(
      Fault{.code = std::string(code), .position = node.position}.with_token(node.text));
}

class Arranger {
 public:
  explicit Arranger(Program& program) : program_(program) {}

  Parsed<Node*> arrange(Node* node) {
    TRY(Node * out, arrange_kind(node));
    if (node->keep_array) out->keep_array = true;
    return out;
  }

 private:
  Parsed<Node*> arrange_kind(Node* node);
  Parsed<Node*> dot(Node* node);
  Parsed<Node*> filter(Node* node);
  Parsed<Node*> group(Node* node);
  Parsed<Node*> order(Node* node);
  Parsed<Node*> focus(Node* node);
  Parsed<Node*> index(Node* node);
  Parsed<Node*> block(Node* node);
  Parsed<Node*> parts(Node* node);
  Parsed<Node*> negate(Node* node);

  enum class Seek : uint8_t { kInherit, kLeave };
  Parsed<void> part(Node* owner, Node*& child, Seek seek = Seek::kInherit) {
    if (child == nullptr) return {};
    TRY(child, arrange(child));
    if (seek == Seek::kInherit) inherit(owner, child);
    return {};
  }

  // What `value` still seeks, `owner` seeks.
  static void inherit(Node* owner, const Node* value) {
    if (value->kind == NodeKind::kParent) {
      owner->seeking.push_back(value->ancestor);
    } else {
      owner->seeking.insert(owner->seeking.end(), value->seeking.begin(), value->seeking.end());
    }
  }
  // The step that an ancestor names, at or above `node`.
  Parsed<void> find_step(Node* node, Ancestor* ancestor);
  Parsed<void> settle(Node* path);
  Node* path_of(Node* node) {
    if (node->kind == NodeKind::kPath) return node;
    Node* path = program_.add(NodeKind::kPath, node->position);
    path->children.push_back(node);
    path->height = node->height + 1;
    return path;
  }

  Program& program_;
  std::vector<Ancestor*> ancestors_;
};

void mark_tail(Node* node) {
  if (!node->predicates.empty() || node->group != nullptr || node->keep_array) return;
  switch (node->kind) {
    case NodeKind::kCall:
      node->tail = true;
      break;
    case NodeKind::kCondition:
      mark_tail(node->right);
      if (node->third != nullptr) mark_tail(node->third);
      break;
    case NodeKind::kDefault:
    case NodeKind::kCoalesce:
      mark_tail(node->right);
      break;
    case NodeKind::kBlock:
      if (!node->children.empty()) mark_tail(node->children.back());
      break;
    default:
      break;
  }
}

Parsed<void> Arranger::find_step(Node* node, Ancestor* ancestor) {
  switch (node->kind) {
    case NodeKind::kName:
    case NodeKind::kWildcard:
      if (--ancestor->level == 0) {
        // Two that name the same step share its symbol.
        if (node->ancestor != nullptr) {
          ancestors_[ancestor->number]->symbol = node->ancestor->symbol;
        }
        node->ancestor = ancestor;
        node->tuple = true;
      }
      return {};
    case NodeKind::kParent:
      ++ancestor->level;
      return {};
    case NodeKind::kBlock:
      if (node->children.empty()) return {};
      node->tuple = true;
      return find_step(node->children.back(), ancestor);
    case NodeKind::kPath: {
      node->tuple = true;
      size_t at = node->children.size();
      do {
        TRY_VOID(find_step(node->children[--at], ancestor));
      } while (ancestor->level > 0 && at > 0);
      return {};
    }
    default:
      return refuse("S0217", *node);
  }
}

// Finds the steps of this path that its last step's `%` name; the others remain the path's.
Parsed<void> Arranger::settle(Node* path) {
  auto& steps = path->children;
  const Node* last = steps.back();
  std::vector<Ancestor*> open = last->seeking;
  if (last->kind == NodeKind::kParent) open.push_back(last->ancestor);
  for (Ancestor* ancestor : open) {
    size_t before = steps.size() - 1;
    while (ancestor->level > 0) {
      if (before == 0) {
        path->seeking.push_back(ancestor);
        break;
      }
      Node* step = steps[--before];
      // Steps that bind a focus share one context.
      while (before > 0 && step->focus_symbol >= 0 && steps[before - 1]->focus_symbol >= 0) {
        step = steps[--before];
      }
      TRY_VOID(find_step(step, ancestor));
    }
  }
  return {};
}

Parsed<Node*> Arranger::dot(Node* node) {
  TRY(Node * first, arrange(node->left));
  Node* path = path_of(first);
  path->height = node->height + 1;
  if (first->kind == NodeKind::kParent) path->seeking = {first->ancestor};
  TRY(Node * rest, arrange(node->right));
  if (rest->kind == NodeKind::kPath) {
    path->children.insert(path->children.end(), rest->children.begin(), rest->children.end());
  } else {
    rest->stages.insert(rest->stages.begin(), rest->predicates.begin(), rest->predicates.end());
    rest->predicates.clear();
    path->children.push_back(rest);
  }
  for (Node* step : path->children) {
    if (step->kind == NodeKind::kLiteral) {
      if (!step->constant.is_string()) {
        return std::unexpected(
            Fault{.code = "S0213", .position = step->position, .value = step->text});
      }
      step->kind = NodeKind::kName;
    }
    if (step->keep_array) path->keep_singleton_array = true;
  }
  for (Node* end : {path->children.front(), path->children.back()}) {
    if (end->kind == NodeKind::kArray) end->constructed = true;
  }
  TRY_VOID(settle(path));
  return path;
}

Parsed<Node*> Arranger::filter(Node* node) {
  TRY(Node * out, arrange(node->left));
  const bool is_path = out->kind == NodeKind::kPath;
  Node* step = is_path ? out->children.back() : out;
  if (step->group != nullptr) return refuse("S0209", *node);
  TRY(Node * predicate, arrange(node->right));
  if (!predicate->seeking.empty()) {
    for (Ancestor* ancestor : predicate->seeking) {
      if (ancestor->level == 1) {
        TRY_VOID(find_step(step, ancestor));
      } else {
        --ancestor->level;
      }
    }
    inherit(step, predicate);
  }
  (is_path ? step->stages : step->predicates).push_back({.filter = predicate});
  return out;
}

Parsed<Node*> Arranger::group(Node* node) {
  TRY(Node * out, arrange(node->left));
  if (out->group != nullptr) return refuse("S0210", *node);
  for (Node*& child : node->children) TRY_VOID(part(node, child, Seek::kLeave));
  out->group = node;
  return out;
}

Parsed<Node*> Arranger::order(Node* node) {
  TRY(Node * first, arrange(node->left));
  Node* path = path_of(first);
  path->height = node->height + 1;
  Node* sort = program_.add(NodeKind::kSort, node->position);
  for (Node* term : node->children) {
    TRY_VOID(part(sort, term->left));
    sort->children.push_back(term);
  }
  path->children.push_back(sort);
  TRY_VOID(settle(path));
  return path;
}

Parsed<Node*> Arranger::focus(Node* node) {
  TRY(Node * out, arrange(node->left));
  Node* step = out->kind == NodeKind::kPath ? out->children.back() : out;
  if (!step->stages.empty() || !step->predicates.empty()) return refuse("S0215", *node);
  if (step->kind == NodeKind::kSort) return refuse("S0216", *node);
  if (node->keep_array) step->keep_array = true;
  step->focus_symbol = program_.symbol(node->right->text);
  step->tuple = true;
  return out;
}

Parsed<Node*> Arranger::index(Node* node) {
  TRY(Node * out, arrange(node->left));
  Node* step = out;
  if (out->kind == NodeKind::kPath) {
    step = out->children.back();
  } else {
    out = path_of(out);
    step->stages = std::move(step->predicates);
    step->predicates.clear();
  }
  const int symbol = program_.symbol(node->right->text);
  if (step->stages.empty()) {
    step->index_symbol = symbol;
  } else {
    step->stages.push_back({.index_symbol = symbol});
  }
  step->tuple = true;
  return out;
}

Parsed<Node*> Arranger::block(Node* node) {
  for (Node*& child : node->children) {
    TRY_VOID(part(node, child));
    if (child->constructed ||
        (child->kind == NodeKind::kPath && child->children.front()->constructed)) {
      node->constructed = true;
    }
  }
  return node;
}

Parsed<Node*> Arranger::negate(Node* node) {
  TRY_VOID(part(node, node->left));
  Node* inner = node->left;
  if (inner->kind != NodeKind::kLiteral || !inner->constant.is_number()) return node;
  inner->constant = Value(-inner->constant.number());
  inner->text = inner->text.starts_with('-') ? inner->text.substr(1) : "-" + inner->text;
  return inner;
}

Parsed<Node*> Arranger::parts(Node* node) {
  TRY_VOID(part(node, node->left));
  TRY_VOID(part(node, node->right));
  TRY_VOID(part(node, node->third));
  for (Node*& child : node->children) TRY_VOID(part(node, child));
  return node;
}

Parsed<Node*> Arranger::arrange_kind(Node* node) {
  switch (node->kind) {
    case NodeKind::kDot:
      return dot(node);
    case NodeKind::kFilter:
      return filter(node);
    case NodeKind::kGroup:
      return group(node);
    case NodeKind::kOrder:
      return order(node);
    case NodeKind::kFocus:
      return focus(node);
    case NodeKind::kIndex:
      return index(node);
    case NodeKind::kBlock:
      return block(node);
    case NodeKind::kNegate:
      return negate(node);
    case NodeKind::kKeyword:
      node->kind = NodeKind::kName;
      [[fallthrough]];
    case NodeKind::kName: {
      Node* path = path_of(node);
      path->keep_singleton_array = node->keep_array;
      return path;
    }
    case NodeKind::kParent:
      node->ancestor = program_.add_ancestor();
      node->ancestor->symbol = program_.new_symbol();
      node->ancestor->number = ancestors_.size();
      ancestors_.push_back(node->ancestor);
      return node;
    case NodeKind::kEnd:
      return refuse("S0207", *node);
    case NodeKind::kLambda: {
      TRY_VOID(part(node, node->left, Seek::kLeave));
      mark_tail(node->left);
      return node;
    }
    case NodeKind::kApply: {
      TRY_VOID(part(node, node->left, Seek::kLeave));
      TRY_VOID(part(node, node->right, Seek::kLeave));
      node->keep_array = node->left->keep_array || node->right->keep_array;
      return node;
    }
    case NodeKind::kTransform:
      TRY_VOID(part(node, node->left, Seek::kLeave));
      TRY_VOID(part(node, node->right, Seek::kLeave));
      TRY_VOID(part(node, node->third, Seek::kLeave));
      return node;
    case NodeKind::kCall:
    case NodeKind::kPartial:
      TRY_VOID(part(node, node->left, Seek::kLeave));
      for (Node*& child : node->children) TRY_VOID(part(node, child));
      return node;
    default:
      return parts(node);
  }
}

}  // namespace

Parsed<Node*> arrange(Program& program, Node* root) {
  TRY(Node * out, Arranger(program).arrange(root));
  if (out->kind == NodeKind::kParent || !out->seeking.empty()) return refuse("S0217", *out);
  return out;
}

}  // namespace suiro::jsonata
