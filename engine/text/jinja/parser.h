#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/text/jinja/ast.h"
#include "engine/text/jinja/lexer.h"

namespace corvid::engine::jinja {

// Recursive descent over tokens; statements.cc and expressions.cc hold the two halves.
class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
  NodePtr run();

 private:
  const Token& peek(size_t ahead = 0) const;
  Token take();
  bool is_op(std::string_view text, size_t ahead = 0) const;
  bool is_word(std::string_view text, size_t ahead = 0) const;
  bool accept_op(std::string_view text);
  bool accept_word(std::string_view text);
  void expect_op(std::string_view text);
  void expect_word(std::string_view text);
  std::string expect_name();
  void expect_close();
  [[noreturn]] void error(const std::string& what) const;
  NodePtr make(NodeKind kind, std::string text = {}) const;

  // Statements up to one of the words of `ends`, which is then the next token of an open tag.
  std::vector<NodePtr> body(const std::vector<std::string_view>& ends);
  NodePtr statement();
  NodePtr for_statement();
  NodePtr if_statement();
  NodePtr set_statement();
  NodePtr macro_statement();
  NodePtr call_statement();
  NodePtr filter_statement();
  NodePtr with_statement();
  void end_tag(std::string_view word);
  std::vector<std::string> targets();
  void parameters(Node& node);

  NodePtr expression(bool with_condition = true);
  NodePtr tuple_or_expression(bool with_condition = true);
  NodePtr conditional();
  NodePtr or_expression();
  NodePtr and_expression();
  NodePtr not_expression();
  NodePtr comparison();
  NodePtr sum();
  NodePtr concatenation();
  NodePtr product();
  NodePtr power();
  NodePtr unary(bool with_filter);
  NodePtr primary();
  NodePtr list_literal();
  NodePtr dict_literal();
  NodePtr postfix(NodePtr node);
  NodePtr subscript(NodePtr object);
  NodePtr filters(NodePtr node);
  NodePtr filter(NodePtr subject);
  NodePtr test(NodePtr subject);
  void arguments(Node& node);
  NodePtr binary(NodePtr left, std::string op, NodePtr right,
                 NodeKind kind = NodeKind::binary) const;

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
  int loops_ = 0;
};

}  // namespace corvid::engine::jinja
