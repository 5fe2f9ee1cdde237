// SPDX-License-Identifier: Apache-2.0
#include "engine/jsonata/parser.h"

#include <algorithm>

#include "engine/jsonata/regex.h"

namespace suiro::jsonata {
namespace {

struct Infix {
  std::string_view text;
  int power;
  Operator op = Operator::kNone;
};
constexpr Infix kInfixes[] = {
    {".", 75},
    {"[", 80},
    {"{", 70},
    {"(", 80},
    {"@", 80},
    {"#", 80},
    {"?", 20},
    {"^", 40},
    {":=", 10},
    {"~>", 40},
    {"?:", 40},
    {"??", 40},
    {"+", 50, Operator::kAdd},
    {"-", 50, Operator::kSubtract},
    {"*", 60, Operator::kMultiply},
    {"/", 60, Operator::kDivide},
    {"%", 60, Operator::kModulo},
    {"=", 40, Operator::kEqual},
    {"!=", 40, Operator::kNotEqual},
    {"<", 40, Operator::kLess},
    {"<=", 40, Operator::kLessEqual},
    {">", 40, Operator::kGreater},
    {">=", 40, Operator::kGreaterEqual},
    {"&", 50, Operator::kConcatenate},
    {"in", 40, Operator::kIn},
    {"and", 30, Operator::kAnd},
    {"or", 25, Operator::kOr},
};
constexpr int kPrefixPower = 70;
constexpr int kStepPower = 80;

const Infix* infix_of(const Token& token) {
  if (token.kind != TokenKind::kOperator) return nullptr;
  const auto* found = std::ranges::find(kInfixes, token.text, &Infix::text);
  return found == std::end(kInfixes) ? nullptr : found;
}

std::unexpected<Fault> refuse(std::string_view code, uint32_t position, std::string_view token) {
  return std::unexpected(Fault{.code = std::string(code), .position = position}.with_token(token));
}

std::unexpected<Fault> too_deep(uint32_t position) {
  return std::unexpected(Fault{.code = std::string(codes::kTooLarge),
                               .position = position,
                               .message = "The expression is nested more than " +
                                          std::to_string(kHeightMax) + " levels deep"});
}

class Parser {
 public:
  explicit Parser(Program& program) : program_(program), lexer_(program.text) {}

  Parsed<Node*> run() {
    TRY_VOID(advance(Slash::kOpensRegex));
    TRY(Node * root, expression(0));
    if (token_.kind != TokenKind::kEnd) return refuse("S0201", token_.position, token_.text);
    TRY_VOID(compile_regexes());
    return root;
  }

 private:
  // Once it is known how many share the memory.
  Parsed<void> compile_regexes() {
    for (auto& [node, flags] : regexes_) {
      auto regex = compile_regex(node->text, flags, kRegexMemoryMax / regexes_.size());
      if (!regex) {
        regex.error().position = node->position;
        return std::unexpected(std::move(regex).error());
      }
      node->regex = *std::move(regex);
    }
    return {};
  }
  Parsed<void> advance(Slash slash) {
    auto next = lexer_.next(slash);
    if (auto* fault = std::get_if<Fault>(&next)) return std::unexpected(std::move(*fault));
    token_ = std::move(std::get<Token>(next));
    if (token_.is("!") || token_.is("~")) return refuse("S0204", token_.position, token_.text);
    return {};
  }
  Parsed<void> expect(std::string_view op, Slash slash = Slash::kOpensRegex) {
    if (!token_.is(op)) {
      const bool end = token_.kind == TokenKind::kEnd;
      return std::unexpected(Fault{.code = end ? "S0203" : "S0202",
                                   .position = token_.position,
                                   .token = token_.text,
                                   .value = quoted(op)});
    }
    return advance(slash);
  }
  Parsed<Node*> measured(Node* node) {
    int height = 0;
    for (const Node* part : {node->left, node->right, node->third}) {
      if (part != nullptr) height = std::max(height, part->height);
    }
    for (const Node* part : node->children) height = std::max(height, part->height);
    node->height = height + 1;
    if (node->height > kHeightMax) return too_deep(node->position);
    return node;
  }

  Parsed<Node*> expression(int power) {
    struct Depth {
      int& depth;
      ~Depth() { --depth; }
    } depth{++depth_};
    if (depth_ > kHeightMax) return too_deep(token_.position);
    const Token first = token_;
    TRY_VOID(advance(Slash::kDivides));
    TRY(Node * bare, prefix(first));
    TRY(Node * left, measured(bare));
    for (const Infix* infix; (infix = infix_of(token_)) != nullptr && power < infix->power;) {
      const uint32_t position = token_.position;
      TRY_VOID(advance(Slash::kOpensRegex));
      TRY(Node * both, combine(*infix, position, left));
      TRY(left, measured(both));
    }
    return left;
  }

  Parsed<Node*> prefix(const Token& token);
  Parsed<Node*> prefix_operator(const Token& token);
  Parsed<Node*> combine(const Infix& infix, uint32_t position, Node* left);
  Parsed<Node*> literal(const Token& token);
  Parsed<Node*> block(uint32_t position);
  Parsed<Node*> array(uint32_t position);
  Parsed<void> members(Node* node);
  Parsed<Node*> transform(uint32_t position);
  Parsed<Node*> call(uint32_t position, Node* function);
  Parsed<Node*> lambda(Node* node);
  Parsed<void> signature(Node* node);
  Parsed<Node*> filter(uint32_t position, Node* left);
  Parsed<Node*> order(uint32_t position, Node* left);
  Parsed<Node*> binding(NodeKind kind, uint32_t position, Node* left, std::string_view op);
  Parsed<Node*> condition(uint32_t position, Node* left);
  Parsed<Node*> assign(uint32_t position, Node* left);

  Parsed<Node*> pair(NodeKind kind, uint32_t position, Node* left, int power) {
    Node* node = program_.add(kind, position);
    node->left = left;
    TRY(node->right, expression(power));
    return node;
  }

  Program& program_;
  Lexer lexer_;
  Token token_;
  int depth_ = 0;
  std::vector<std::pair<Node*, std::string>> regexes_;  // with their flags
};

Parsed<Node*> Parser::literal(const Token& token) {
  Node* node = program_.add(NodeKind::kLiteral, token.position);
  node->text = token.text;
  if (token.kind == TokenKind::kString) {
    node->constant = Value(program_.keep(token.text));
  } else if (token.kind == TokenKind::kNumber) {
    node->constant = Value(token.number);
  } else {
    node->constant = token.text == "null" ? Value::null() : Value(token.text == "true");
  }
  return node;
}

Parsed<Node*> Parser::prefix(const Token& token) {
  switch (token.kind) {
    case TokenKind::kOperator:
      return prefix_operator(token);
    case TokenKind::kString:
    case TokenKind::kNumber:
    case TokenKind::kWord:
      return literal(token);
    case TokenKind::kRegex: {
      Node* node = program_.add(NodeKind::kRegex, token.position);
      node->text = token.text;
      if (regexes_.size() == kRegexesMax) {
        return std::unexpected(Fault{.code = std::string(codes::kTooLarge),
                                     .position = token.position,
                                     .message = "The expression has more than " +
                                                std::to_string(kRegexesMax) +
                                                " regular expressions"});
      }
      regexes_.push_back({node, std::string(token.flags)});
      return node;
    }
    default:
      break;
  }
  const NodeKind kind = token.kind == TokenKind::kVariable ? NodeKind::kVariable
                        : token.kind == TokenKind::kName   ? NodeKind::kName
                                                           : NodeKind::kEnd;
  Node* node = program_.add(kind, token.position);
  node->text = token.text;
  return node;
}

Parsed<Node*> Parser::prefix_operator(const Token& token) {
  const std::string& op = token.text;
  if (op == "(") return block(token.position);
  if (op == "[") return array(token.position);
  if (op == "|") return transform(token.position);
  if (op == "{") {
    Node* node = program_.add(NodeKind::kObject, token.position);
    TRY_VOID(members(node));
    return node;
  }
  if (op == "-") {
    Node* node = program_.add(NodeKind::kNegate, token.position);
    node->text = op;
    TRY(node->left, expression(kPrefixPower));
    return node;
  }
  const NodeKind kind = op == "*"                                 ? NodeKind::kWildcard
                        : op == "**"                              ? NodeKind::kDescendant
                        : op == "%"                               ? NodeKind::kParent
                        : op == "and" || op == "or" || op == "in" ? NodeKind::kKeyword
                                                                  : NodeKind::kEnd;
  if (kind == NodeKind::kEnd) return refuse("S0211", token.position, op);
  Node* node = program_.add(kind, token.position);
  node->text = op;
  return node;
}

Parsed<Node*> Parser::block(uint32_t position) {
  Node* node = program_.add(NodeKind::kBlock, position);
  while (!token_.is(")")) {
    TRY(Node * part, expression(0));
    node->children.push_back(part);
    if (!token_.is(";")) break;
    TRY_VOID(advance(Slash::kOpensRegex));
  }
  TRY_VOID(expect(")", Slash::kDivides));
  return node;
}

Parsed<Node*> Parser::array(uint32_t position) {
  Node* node = program_.add(NodeKind::kArray, position);
  node->text = "[";
  while (!token_.is("]")) {
    TRY(Node * item, expression(0));
    if (token_.is("..")) {
      const uint32_t at = token_.position;
      TRY_VOID(advance(Slash::kOpensRegex));
      TRY(Node * range, pair(NodeKind::kBinary, at, item, 0));
      range->op = Operator::kRange;
      TRY(item, measured(range));
    }
    node->children.push_back(item);
    if (!token_.is(",")) break;
    TRY_VOID(advance(Slash::kOpensRegex));
    // A comma asks for one more element.
    if (token_.is("]")) return refuse("S0211", token_.position, token_.text);
  }
  TRY_VOID(expect("]", Slash::kDivides));
  return node;
}

Parsed<void> Parser::members(Node* node) {
  bool more = !token_.is("}");
  while (more) {
    TRY(Node * name, expression(0));
    TRY_VOID(expect(":"));
    TRY(Node * value, expression(0));
    node->children.push_back(name);
    node->children.push_back(value);
    more = token_.is(",");
    if (more) TRY_VOID(advance(Slash::kOpensRegex));
  }
  return expect("}", Slash::kDivides);
}

Parsed<Node*> Parser::transform(uint32_t position) {
  Node* node = program_.add(NodeKind::kTransform, position);
  TRY(node->left, expression(0));
  TRY_VOID(expect("|"));
  TRY(node->right, expression(0));
  if (token_.is(",")) {
    TRY_VOID(advance(Slash::kOpensRegex));
    TRY(node->third, expression(0));
  }
  TRY_VOID(expect("|"));
  return node;
}

Parsed<Node*> Parser::call(uint32_t position, Node* function) {
  Node* node = program_.add(NodeKind::kCall, position);
  node->left = function;
  node->text = function->text;
  bool more = !token_.is(")");
  while (more) {
    if (token_.is("?")) {
      node->kind = NodeKind::kPartial;
      node->children.push_back(program_.add(NodeKind::kPlaceholder, token_.position));
      TRY_VOID(advance(Slash::kOpensRegex));
    } else {
      TRY(Node * argument, expression(0));
      node->children.push_back(argument);
    }
    more = token_.is(",");
    if (more) TRY_VOID(advance(Slash::kOpensRegex));
  }
  TRY_VOID(expect(")", Slash::kDivides));
  if (function->kind == NodeKind::kName &&
      (function->text == "function" || function->text == "λ")) {
    return lambda(node);
  }
  return node;
}

Parsed<Node*> Parser::lambda(Node* node) {
  for (size_t i = 0; i < node->children.size(); ++i) {
    const Node* parameter = node->children[i];
    if (parameter->kind != NodeKind::kVariable) {
      return std::unexpected(Fault{.code = "S0208",
                                   .position = parameter->position,
                                   .token = parameter->text,
                                   .value = std::to_string(i + 1)});
    }
  }
  node->kind = NodeKind::kLambda;
  if (token_.is("<")) TRY_VOID(signature(node));
  TRY_VOID(expect("{"));
  TRY(node->left, expression(0));
  TRY_VOID(expect("}"));
  return node;
}

Parsed<void> Parser::signature(Node* node) {
  const uint32_t position = token_.position;
  std::string text = "<";
  for (int depth = 1; depth > 0 && !token_.is("{") && token_.kind != TokenKind::kEnd;) {
    TRY_VOID(advance(Slash::kOpensRegex));
    if (token_.is(">")) --depth;
    if (token_.is("<")) ++depth;
    text += token_.text;
  }
  TRY_VOID(expect(">"));
  auto parsed = Signature::parse(text);
  if (auto* fault = std::get_if<Fault>(&parsed)) {
    fault->position += position;
    return std::unexpected(std::move(*fault));
  }
  node->signature = std::make_unique<const Signature>(std::move(std::get<Signature>(parsed)));
  return {};
}

Parsed<Node*> Parser::filter(uint32_t position, Node* left) {
  if (!token_.is("]")) {
    TRY(Node * node, pair(NodeKind::kFilter, position, left, 0));
    TRY_VOID(expect("]", Slash::kDivides));
    return node;
  }
  Node* step = left;
  while (step->kind == NodeKind::kFilter) step = step->left;
  step->keep_array = true;
  TRY_VOID(advance(Slash::kDivides));
  return left;
}

Parsed<Node*> Parser::order(uint32_t position, Node* left) {
  TRY_VOID(expect("("));
  Node* node = program_.add(NodeKind::kOrder, position);
  node->left = left;
  for (bool more = true; more;) {
    const bool descending = token_.is(">");
    if (descending || token_.is("<")) TRY_VOID(advance(Slash::kOpensRegex));
    TRY(Node * by, expression(0));
    Node* term = program_.add(NodeKind::kSort, by->position);
    term->left = by;
    term->descending = descending;
    TRY(term, measured(term));
    node->children.push_back(term);
    more = token_.is(",");
    if (more) TRY_VOID(advance(Slash::kOpensRegex));
  }
  TRY_VOID(expect(")"));
  return node;
}

Parsed<Node*> Parser::binding(NodeKind kind, uint32_t position, Node* left, std::string_view op) {
  TRY(Node * node, pair(kind, position, left, kStepPower));
  if (node->right->kind != NodeKind::kVariable) return refuse("S0214", node->right->position, op);
  return node;
}

Parsed<Node*> Parser::condition(uint32_t position, Node* left) {
  Node* node = program_.add(NodeKind::kCondition, position);
  node->left = left;
  TRY(node->right, expression(0));
  if (token_.is(":")) {
    TRY_VOID(advance(Slash::kOpensRegex));
    TRY(node->third, expression(0));
  }
  return node;
}

Parsed<Node*> Parser::assign(uint32_t position, Node* left) {
  if (left->kind != NodeKind::kVariable) return refuse("S0212", left->position, left->text);
  return pair(NodeKind::kBind, position, left, 9);  // one less: from the right
}

Parsed<Node*> Parser::combine(const Infix& infix, uint32_t position, Node* left) {
  const std::string_view op = infix.text;
  if (infix.op != Operator::kNone) {
    TRY(Node * node, pair(NodeKind::kBinary, position, left, infix.power));
    node->op = infix.op;
    return node;
  }
  if (op == ".") return pair(NodeKind::kDot, position, left, infix.power);
  if (op == "[") return filter(position, left);
  if (op == "(") return call(position, left);
  if (op == "{") {
    Node* node = program_.add(NodeKind::kGroup, position);
    node->left = left;
    TRY_VOID(members(node));
    return node;
  }
  if (op == "@") return binding(NodeKind::kFocus, position, left, op);
  if (op == "#") return binding(NodeKind::kIndex, position, left, op);
  if (op == "?") return condition(position, left);
  if (op == "^") return order(position, left);
  if (op == ":=") return assign(position, left);
  if (op == "~>") return pair(NodeKind::kApply, position, left, infix.power);
  return pair(op == "?:" ? NodeKind::kDefault : NodeKind::kCoalesce, position, left, 0);
}

}  // namespace

std::string_view text_of(Operator op) {
  if (op == Operator::kRange) return "..";
  const auto* found = std::ranges::find(kInfixes, op, &Infix::op);
  return found == std::end(kInfixes) ? "" : found->text;
}

int Program::symbol(std::string_view name) {
  const auto found = std::ranges::find(symbols, name);
  if (found != symbols.end()) return static_cast<int>(found - symbols.begin());
  symbols.emplace_back(name);
  return static_cast<int>(symbols.size()) - 1;
}

int Program::new_symbol() {
  symbols.emplace_back();
  return static_cast<int>(symbols.size()) - 1;
}

Parsed<Node*> parse(Program& program) {
  return Parser(program).run();
}

Parsed<std::shared_ptr<Program>> compile_program(std::string_view text, Uses* uses) {
  if (text.size() > kTextBytesMax) {
    return std::unexpected(Fault{
        .code = std::string(codes::kTooLarge),
        .position = -1,
        .message = "The expression is longer than " + std::to_string(kTextBytesMax) + " bytes"});
  }
  auto program = std::make_shared<Program>();
  program->text = text;
  TRY(Node * parsed, parse(*program));
  TRY(Node * root, arrange(*program, parsed));
  Uses found = resolve(*program, root);
  if (uses != nullptr) *uses = std::move(found);
  program->root = root;
  return program;
}

}  // namespace suiro::jsonata
