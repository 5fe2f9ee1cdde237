// SPDX-License-Identifier: Apache-2.0
// Parser: from an expression's text to its syntax tree, by the binding powers of its operators.
//
// compile() is all of it: parse, arrange() (paths, steps, ancestors), resolve() (variables).
#pragma once

#include <memory>

#include "engine/jsonata/expression.h"
#include "engine/jsonata/lexer.h"
#include "engine/jsonata/node.h"

namespace suiro::jsonata {

// Texts longer than this are refused.
inline constexpr size_t kTextBytesMax = size_t{256} << 10;
// Regular expressions of one text.
inline constexpr size_t kRegexesMax = 64;

template <class T>
using Parsed = std::expected<T, Fault>;

// The tree as written.
Parsed<Node*> parse(Program& program);

// Operators on steps become paths; `%` finds the steps that keep their contexts. Errors: S02xx.
Parsed<Node*> arrange(Program& program, Node* root);

// Slots of variables; what is used of outside.
struct Uses {
  std::vector<Reference> references;
  std::vector<std::string> input_reads;
};
Uses resolve(Program& program, Node* root);

Parsed<std::shared_ptr<Program>> compile_program(std::string_view text, Uses* uses);

}  // namespace suiro::jsonata
