// SPDX-License-Identifier: Apache-2.0
// Variables get the places where their values may be: slots of the frames of blocks and lambdas
// around them, tuples of the paths around them, and last a global. A slot that is not bound yet
// when it is asked gives way to the next place, as the frames of the reference do.
#include <algorithm>

#include "engine/jsonata/functions.h"
#include "engine/jsonata/merge_sort.h"
#include "engine/jsonata/parser.h"

namespace suiro::jsonata {
namespace {

struct Scope {
  Node* owner;        // null: the tuples of a path's steps
  size_t parameters;  // slots that are bound from the begin
};

class Resolver {
 public:
  explicit Resolver(Program& program) : program_(program) {}

  Uses run(Node* root) {
    Node* top = program_.add(NodeKind::kEnd, 0);
    collect(root, top->slots);
    top->has_frame = !top->slots.empty();
    program_.slots = top->slots;
    scopes_.push_back({top, 0});
    walk(root, Context::kInput);
    merge_sort(found_, [](const Found& left, const Found& right) {
      return left.position > right.position;
    });
    for (Found& found : found_) uses_.references.push_back(std::move(found.reference));
    return std::move(uses_);
  }

 private:
  enum class Context : uint8_t { kInput, kOther };
  struct Found {
    uint32_t position;
    Reference reference;
  };

  // Names that are bound in the frame around `node`, not in one of its own.
  void collect(const Node* node, std::vector<std::string>& names);
  void collect_parts(const Node* node, std::vector<std::string>& names);
  void walk(Node* node, Context context);
  void walk_path(Node* path, Context context);
  void walk_around(Node* node);
  void place(Node* variable);
  void note(const Node* variable, const Node* path);
  void note_input(const Node* node);

  void enter_tuples() {
    if (!program_.symbols.empty()) scopes_.push_back({nullptr, 0});
  }
  void leave_tuples() {
    if (!program_.symbols.empty()) scopes_.pop_back();
  }

  Program& program_;
  std::vector<Scope> scopes_;
  std::vector<Found> found_;
  Uses uses_;
};

void Resolver::collect_parts(const Node* node, std::vector<std::string>& names) {
  for (const Node* part : {node->left, node->right, node->third}) collect(part, names);
  for (const Node* child : node->children) collect(child, names);
}

void Resolver::collect(const Node* node, std::vector<std::string>& names) {
  if (node == nullptr) return;
  if (node->kind == NodeKind::kBind && std::ranges::find(names, node->left->text) == names.end()) {
    names.push_back(node->left->text);
  }
  if (node->kind != NodeKind::kBlock && node->kind != NodeKind::kLambda) {
    collect_parts(node, names);
  }
  for (const auto* list : {&node->stages, &node->predicates}) {
    for (const Stage& stage : *list) collect(stage.filter, names);
  }
  if (node->group != nullptr) {
    for (const Node* child : node->group->children) collect(child, names);
  }
}

void Resolver::place(Node* variable) {
  const std::string& name = variable->text;
  const auto symbol = std::ranges::find(program_.symbols, name);
  bool in_tuple = false;
  uint16_t frames = 0;
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    if (scope->owner == nullptr) {
      if (!in_tuple && symbol != program_.symbols.end() && !name.empty()) {
        variable->places.push_back(
            {.in_tuple = true, .slot = static_cast<int>(symbol - program_.symbols.begin())});
        in_tuple = true;
      }
      continue;
    }
    if (!scope->owner->has_frame) continue;
    const auto& slots = scope->owner->slots;
    const auto slot = std::ranges::find(slots, name);
    if (slot != slots.end()) {
      const auto number = static_cast<size_t>(slot - slots.begin());
      variable->places.push_back({.frames_up = frames, .slot = static_cast<int>(number)});
      if (number < scope->parameters) return;
    }
    ++frames;
  }
  const auto global = std::ranges::find(program_.globals, name);
  variable->global = static_cast<int>(global - program_.globals.begin());
  if (global == program_.globals.end()) program_.globals.push_back(name);
}

void Resolver::note(const Node* variable, const Node* path) {
  if (!variable->places.empty() || variable->text.empty() || variable->text == "$") return;
  if (find_native(variable->text) != nullptr) return;
  Reference reference{.name = variable->text};
  if (path != nullptr && variable->stages.empty() && variable->predicates.empty()) {
    for (size_t i = 1; i < path->children.size(); ++i) {
      const Node* step = path->children[i];
      if (step->kind != NodeKind::kName) break;
      reference.path.push_back(step->text);
      if (!step->stages.empty()) break;
    }
  }
  found_.push_back({variable->position, std::move(reference)});
}

void Resolver::note_input(const Node* node) {
  uses_.input_reads.push_back(node->kind == NodeKind::kName         ? node->text
                              : node->kind == NodeKind::kWildcard   ? "*"
                              : node->kind == NodeKind::kDescendant ? "**"
                                                                    : "$" + node->text);
}

void Resolver::walk_path(Node* path, Context context) {
  bool first = true;
  for (Node* step : path->children) {
    // The first one may be in tuples, too: those of a path around.
    enter_tuples();
    if (first && step->kind == NodeKind::kVariable) {
      place(step);
      note(step, path);
      if (step->text.empty() || step->text == "$") {
        if (step->text == "$" || context == Context::kInput) note_input(step);
      }
      walk_around(step);
    } else {
      walk(step, first ? context : Context::kOther);
    }
    leave_tuples();
    first = false;
  }
  path->plain_steps = std::ranges::all_of(path->children, [](const Node* step) {
    return step->kind == NodeKind::kName && step->stages.empty() && !step->tuple;
  });
}

// Predicates, stages and groups: their context is an item.
void Resolver::walk_around(Node* node) {
  enter_tuples();
  for (auto* list : {&node->stages, &node->predicates}) {
    for (Stage& stage : *list) {
      if (stage.filter != nullptr) walk(const_cast<Node*>(stage.filter), Context::kOther);
    }
  }
  if (node->group != nullptr) {
    for (Node* child : node->group->children) walk(child, Context::kOther);
  }
  leave_tuples();
}

void Resolver::walk(Node* node, Context context) {
  if (node == nullptr) return;
  const bool names_input = node->kind == NodeKind::kName || node->kind == NodeKind::kWildcard ||
                           node->kind == NodeKind::kDescendant ||
                           (node->kind == NodeKind::kVariable && node->text.empty());
  if (names_input && context == Context::kInput) note_input(node);
  switch (node->kind) {
    case NodeKind::kPath:
      walk_path(node, context);
      break;
    case NodeKind::kVariable:
      if (node->text == "$") note_input(node);
      place(node);
      note(node, nullptr);
      break;
    case NodeKind::kBlock:
      for (const Node* child : node->children) collect(child, node->slots);
      node->has_frame = !node->slots.empty();
      scopes_.push_back({node, 0});
      for (Node* child : node->children) walk(child, context);
      scopes_.pop_back();
      break;
    case NodeKind::kLambda: {
      for (const Node* parameter : node->children) node->slots.push_back(parameter->text);
      const size_t parameters = node->slots.size();
      collect(node->left, node->slots);
      node->has_frame = true;
      scopes_.push_back({node, parameters});
      walk(node->left, context);
      scopes_.pop_back();
      break;
    }
    case NodeKind::kBind:
      place(node->left);
      walk(node->right, context);
      break;
    case NodeKind::kSort:
      enter_tuples();
      for (Node* term : node->children) walk(term->left, Context::kOther);
      leave_tuples();
      break;
    case NodeKind::kTransform:
      for (Node* part : {node->left, node->right, node->third}) walk(part, Context::kOther);
      break;
    case NodeKind::kCall:
    case NodeKind::kPartial:
      if (node->left->kind == NodeKind::kPath) {
        node->text = node->left->children.front()->text;
        node->meant = program_.add(NodeKind::kVariable, node->position);
        node->meant->text = node->text;
        place(node->meant);
      }
      [[fallthrough]];
    default:
      for (Node* part : {node->left, node->right, node->third}) walk(part, context);
      for (Node* child : node->children) walk(child, context);
  }
  walk_around(node);
}

}  // namespace

Uses resolve(Program& program, Node* root) {
  return Resolver(program).run(root);
}

}  // namespace suiro::jsonata
