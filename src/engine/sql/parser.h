// SPDX-License-Identifier: Apache-2.0
// Parser of streaming SQL: tokens to the syntax tree (ast.h), by recursive descent. What the
// language has elsewhere and not here is refused with a text that says so.
//
// Invariants:
//  1. Trees are not deeper than kDepthMax, whatever the input: long chains of AND and OR are made
//     into balanced trees, longer chains of other operators are refused.
// Threads: any; nothing is shared. Failure: "InvalidArgument", "line L, column C: found .., ..".
// Source of the rules: the service's SQL reference, "Streaming SQL Language Elements".
#pragma once

#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/sql/ast.h"
#include "engine/sql/lexer.h"

namespace suiro::sql {

inline constexpr size_t kNestingMax = 64;  // parentheses and subqueries within each other
inline constexpr size_t kDepthMax = 300;   // of an expression's tree
inline constexpr size_t kStatementsMax = 1'000;
inline constexpr size_t kColumnsMax = 1'000;  // of a stream

Result<std::vector<AstStatement>> parse_program(std::vector<Token> tokens,
                                                const LanguageOptions& options);

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens, const LanguageOptions& options = {})
      : tokens_(std::move(tokens)), options_(options) {}
  Result<std::vector<AstStatement>> program();

 private:
  struct Nesting {
    explicit Nesting(Parser& parser) : parser(parser) { ++parser.nesting_; }
    ~Nesting() { --parser.nesting_; }
    Parser& parser;
  };

  // Tokens.
  const Token& now() const { return tokens_[pos_]; }
  const Token& ahead(size_t count = 1) const {
    return tokens_[std::min(pos_ + count, tokens_.size() - 1)];
  }
  void step() { pos_ = std::min(pos_ + 1, tokens_.size() - 1); }
  bool at_word(std::string_view word, size_t count = 0) const;
  bool at_symbol(std::string_view symbol, size_t count = 0) const;
  bool take_word(std::string_view word);
  bool take_words(std::initializer_list<std::string_view> words);
  bool take_symbol(std::string_view symbol);
  Result<void> want_word(std::string_view word);
  Result<void> want_words(std::initializer_list<std::string_view> words);
  Result<void> want_symbol(std::string_view symbol);
  std::unexpected<Error> expected(std::string_view what) const;
  Result<void> may_nest() const;

  // parse_statement.cc
  Result<AstStatement> statement();
  Result<AstStatement> create();
  Result<AstStatement> create_stream(Replace replace);
  Result<AstStatement> create_pump(Replace replace);
  Result<AstStatement> create_function(Replace replace);
  Result<void> function_properties(AstFunction& function);
  Result<void> insert(AstPump& pump);
  Result<std::string> description();
  Result<Identifier> identifier(std::string_view what);
  Result<Identifier> object_name(std::string_view what);
  Result<std::vector<Identifier>> identifier_list(std::string_view what);
  Result<AstColumn> column_definition();
  Result<Type> type();
  Result<std::string> type_arguments();

  // parse_query.cc
  Result<QueryPtr> query();
  Result<QueryPtr> set_operation();
  Result<QueryPtr> intersection();
  Result<QueryPtr> query_primary();
  Result<QueryPtr> combine(UnionNode::Kind kind, QueryPtr left, QueryPtr right, Position at);
  Result<QueryPtr> select();
  Result<void> select_clauses(AstSelect& select);
  Result<void> group_clauses(AstSelect& select);
  Result<AstItem> item();
  Result<std::vector<std::vector<AstPtr>>> values();
  Result<AstStagger> stagger();
  Result<std::vector<AstOrder>> order_by();
  Result<void> order_item(std::vector<AstOrder>& list);
  Result<void> named_windows(AstSelect& select);
  Result<void> refuse_rest();

  // parse_from.cc
  Result<SourcePtr> from();
  Result<SourcePtr> joined();
  Result<SourcePtr> join(SourcePtr left);
  Result<void> join_condition(AstSource& source);
  Result<SourcePtr> source();
  Result<void> table_function(AstSource& source);
  Result<void> correlation(AstSource& source);
  Result<std::shared_ptr<const AstWindow>> window();
  Result<void> window_body(AstWindow& window);
  Result<void> frame(AstWindow& window);
  struct FrameBound {
    enum class Kind { kCurrentRow, kPreceding, kFollowing } kind = Kind::kCurrentRow;
    int64_t amount = 0;
    Position at;
  };
  Result<FrameBound> frame_bound(Frame::Kind kind);

  // parse_expr.cc
  Result<AstPtr> expression();
  Result<AstPtr> conjunction();
  Result<AstPtr> negation();
  Result<AstPtr> predicate();
  Result<AstPtr> predicate_tail(AstPtr left, std::string_view word, Position at);
  Result<AstPtr> between(AstPtr value, Position at);
  Result<AstPtr> in(AstPtr value, Position at);
  Result<AstPtr> like(std::string_view name, AstPtr value, Position at);
  Result<AstPtr> is(AstPtr value, Position at);
  Result<AstPtr> additive();
  Result<AstPtr> multiplicative();
  Result<AstPtr> unary();
  Result<AstPtr> primary();
  Result<AstPtr> parenthesised();
  Result<AstPtr> word_primary();
  Result<AstPtr> name();
  Result<AstPtr> period();
  bool at_period_predicate() const;
  Result<AstPtr> period_predicates(AstPtr left);
  Result<AstPtr> period_predicate(const AstPtr& left, AstPtr& right);

  // parse_call.cc
  Result<AstPtr> call();
  Result<AstPtr> special_call(const Token& name);
  Result<AstPtr> plain_call(const Token& name);
  Result<void> call_suffixes(AstExpr& call);
  Result<AstPtr> cast_call(Position at);
  Result<AstPtr> case_expression();
  Result<AstPtr> extract_call(Position at);
  Result<AstPtr> rounding_call(const Token& name);
  Result<AstPtr> step_call(Position at);
  Result<AstPtr> trim_call(Position at);
  Result<AstPtr> substring_call(Position at);
  Result<AstPtr> overlay_call(Position at);
  Result<AstPtr> position_call(Position at);
  Result<std::vector<AstPtr>> arguments();

  // parse_literal.cc
  Result<AstPtr> number();
  Result<AstPtr> text_literal();
  Result<AstPtr> datetime_literal();
  Result<AstPtr> interval_literal();
  Result<Type> interval_qualifier();
  Result<int64_t> interval_ms(std::string_view what);
  bool at_unit() const;

  // Nodes.
  Result<AstPtr> finish(AstExpr expr) const;  // sets the depth, refuses what is too deep
  Result<AstPtr> call_of(std::string name, std::vector<AstPtr> args, Position at) const;
  Result<AstPtr> logic(AstExpr::Kind kind, AstPtr left, AstPtr right, Position at) const;
  // A balanced tree of AND or OR.
  Result<AstPtr> chain(AstExpr::Kind kind, std::span<const AstPtr> parts, Position at) const;
  Result<AstPtr> negated(AstPtr expr, Position at) const;
  static AstPtr text_of(std::string text, Position at);

  std::vector<Token> tokens_;
  LanguageOptions options_;
  size_t pos_ = 0;
  size_t nesting_ = 0;
  std::vector<AstSelect*> selects_;  // the one that is being read is the last
};

// Days since 1970-01-01 of "yyyy-MM-dd"; milliseconds of "HH:mm:ss[.fff]" and of both together.
std::optional<int64_t> read_date(std::string_view text);
std::optional<int64_t> read_time(std::string_view text);
std::optional<int64_t> read_timestamp(std::string_view text);

}  // namespace suiro::sql
