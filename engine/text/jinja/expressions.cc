#include <array>
#include <charconv>
#include <cstdlib>

#include "engine/text/jinja/parser.h"

namespace corvid::engine::jinja {

namespace {
constexpr int kDepthMax = 120;
}

NodePtr Parser::binary(NodePtr left, std::string op, NodePtr right, NodeKind kind) const {
  NodePtr node = make(kind, std::move(op));
  node->kids.push_back(std::move(left));
  node->kids.push_back(std::move(right));
  return node;
}

NodePtr Parser::tuple_or_expression(bool with_condition) {
  NodePtr first = expression(with_condition);
  if (!is_op(",")) return first;
  NodePtr node = make(NodeKind::tuple);
  node->kids.push_back(std::move(first));
  while (accept_op(",")) {
    const TokenType type = peek().type;
    if (type == TokenType::block_close || type == TokenType::expr_close || is_op(")")) break;
    node->kids.push_back(expression(with_condition));
  }
  return node;
}

NodePtr Parser::expression(bool with_condition) {
  if (++depth_ > kDepthMax) error("expression is nested too deeply");
  NodePtr node = with_condition ? conditional() : or_expression();
  --depth_;
  return node;
}

NodePtr Parser::conditional() {
  NodePtr value = or_expression();
  while (is_word("if")) {
    NodePtr node = make(NodeKind::conditional);
    take();
    node->kids.push_back(std::move(value));
    node->kids.push_back(or_expression());
    node->kids.push_back(accept_word("else") ? expression() : nullptr);
    value = std::move(node);
  }
  return value;
}

NodePtr Parser::or_expression() {
  NodePtr left = and_expression();
  while (accept_word("or")) {
    left = binary(std::move(left), "or", and_expression(), NodeKind::logical_or);
  }
  return left;
}

NodePtr Parser::and_expression() {
  NodePtr left = not_expression();
  while (accept_word("and")) {
    left = binary(std::move(left), "and", not_expression(), NodeKind::logical_and);
  }
  return left;
}

NodePtr Parser::not_expression() {
  if (!is_word("not")) return comparison();
  if (++depth_ > kDepthMax) error("expression is nested too deeply");
  NodePtr node = make(NodeKind::negation);
  take();
  node->kids.push_back(not_expression());
  --depth_;
  return node;
}

NodePtr Parser::comparison() {
  NodePtr left = sum();
  NodePtr node;
  for (;;) {
    std::string op;
    for (std::string_view known : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (is_op(known)) op = known;
    }
    if (is_word("in")) op = "in";
    if (is_word("not") && is_word("in", 1)) op = "not in";
    if (op.empty()) return node ? std::move(node) : std::move(left);
    if (!node) {
      node = make(NodeKind::compare);
      node->kids.push_back(std::move(left));
    }
    take();
    if (op == "not in") take();
    node->names.push_back(op);
    node->kids.push_back(sum());
  }
}

NodePtr Parser::sum() {
  NodePtr left = concatenation();
  while (is_op("+") || is_op("-")) {
    std::string op = take().text;
    left = binary(std::move(left), std::move(op), concatenation());
  }
  return left;
}

NodePtr Parser::concatenation() {
  NodePtr left = product();
  while (accept_op("~")) left = binary(std::move(left), "~", product());
  return left;
}

NodePtr Parser::product() {
  NodePtr left = power();
  while (is_op("*") || is_op("/") || is_op("//") || is_op("%")) {
    std::string op = take().text;
    left = binary(std::move(left), std::move(op), power());
  }
  return left;
}

NodePtr Parser::power() {
  NodePtr left = unary(true);
  while (accept_op("**")) left = binary(std::move(left), "**", unary(true));
  return left;
}

NodePtr Parser::unary(bool with_filter) {
  NodePtr node;
  if (is_op("-") || is_op("+")) {
    if (++depth_ > kDepthMax) error("expression is nested too deeply");
    node = make(is_op("-") ? NodeKind::minus : NodeKind::plus);
    take();
    node->kids.push_back(unary(false));
    --depth_;
  } else {
    node = postfix(primary());
  }
  return with_filter ? filters(std::move(node)) : std::move(node);
}

NodePtr Parser::primary() {
  const Token& token = peek();
  NodePtr node = make(NodeKind::constant);
  if (token.type == TokenType::name) {
    const auto taken = take();
    const std::string& word = taken.text;
    if (word == "true" || word == "True") {
      node->value = true;
    } else if (word == "false" || word == "False") {
      node->value = false;
    } else if (word == "none" || word == "None") {
      node->value = None{};
    } else {
      node->kind = NodeKind::name;
      node->text = word;
    }
    return node;
  }
  if (token.type == TokenType::string) {
    std::string text;
    while (peek().type == TokenType::string) text += take().text;
    node->value = std::move(text);
    return node;
  }
  if (token.type == TokenType::integer || token.type == TokenType::real) {
    const std::string digits = token.text;
    if (token.type == TokenType::integer) {
      int64_t value = 0;
      const auto end = digits.data() + digits.size();
      if (std::from_chars(digits.data(), end, value).ec != std::errc()) error("number too large");
      node->value = value;
    } else {
      double value = 0;
      std::from_chars(digits.data(), digits.data() + digits.size(), value);
      node->value = value;
    }
    take();
    return node;
  }
  if (accept_op("(")) {
    if (accept_op(")")) {
      node->kind = NodeKind::tuple;
      return node;
    }
    node = tuple_or_expression();
    expect_op(")");
    return node;
  }
  if (is_op("[")) return list_literal();
  if (is_op("{")) return dict_literal();
  error("expected an expression");
}

NodePtr Parser::list_literal() {
  NodePtr node = make(NodeKind::list);
  expect_op("[");
  while (!is_op("]")) {
    node->kids.push_back(expression());
    if (!accept_op(",")) break;
  }
  expect_op("]");
  return node;
}

NodePtr Parser::dict_literal() {
  NodePtr node = make(NodeKind::dict);
  expect_op("{");
  while (!is_op("}")) {
    node->kids.push_back(expression());
    expect_op(":");
    node->kids.push_back(expression());
    if (!accept_op(",")) break;
  }
  expect_op("}");
  return node;
}

NodePtr Parser::postfix(NodePtr node) {
  for (;;) {
    if (is_op(".")) {
      take();
      NodePtr next = make(NodeKind::attribute);
      if (peek().type == TokenType::integer) {
        next->kind = NodeKind::item;
        next->kids.push_back(std::move(node));
        next->kids.push_back(primary());
      } else {
        next->text = expect_name();
        next->kids.push_back(std::move(node));
      }
      node = std::move(next);
    } else if (is_op("[")) {
      node = subscript(std::move(node));
    } else if (is_op("(")) {
      NodePtr next = make(NodeKind::call);
      next->kids.push_back(std::move(node));
      arguments(*next);
      node = std::move(next);
    } else {
      return node;
    }
  }
}

NodePtr Parser::subscript(NodePtr object) {
  NodePtr node = make(NodeKind::item);
  expect_op("[");
  std::array<NodePtr, 3> parts;
  size_t part = 0;
  bool is_slice = false;
  while (!is_op("]")) {
    if (is_op(":")) {
      take();
      is_slice = true;
      if (++part > 2) error("too many parts in a slice");
    } else {
      if (parts[part]) error("expected ']'");
      parts[part] = tuple_or_expression();
    }
  }
  expect_op("]");
  if (!is_slice && !parts[0]) error("expected an index");
  node->kids.push_back(std::move(object));
  node->kids.push_back(std::move(parts[0]));
  if (is_slice) {
    node->kind = NodeKind::slice;
    node->kids.push_back(std::move(parts[1]));
    node->kids.push_back(std::move(parts[2]));
  }
  return node;
}

NodePtr Parser::filters(NodePtr node) {
  for (;;) {
    if (accept_op("|")) {
      node = filter(std::move(node));
    } else if (is_word("is")) {
      node = test(std::move(node));
    } else if (is_op("(")) {
      NodePtr next = make(NodeKind::call);
      next->kids.push_back(std::move(node));
      arguments(*next);
      node = std::move(next);
    } else {
      return node;
    }
  }
}

NodePtr Parser::filter(NodePtr subject) {
  NodePtr node = make(NodeKind::filter);
  node->text = expect_name();
  node->function = find_filter(node->text);
  if (!node->function) fail_at(node->line, node->column, "unknown filter '" + node->text + "'");
  node->kids.push_back(std::move(subject));
  if (is_op("(")) arguments(*node);
  return node;
}

NodePtr Parser::test(NodePtr subject) {
  expect_word("is");
  const bool negated = accept_word("not");
  NodePtr node = make(NodeKind::test);
  node->text = expect_name();
  node->function = find_test(node->text);
  if (!node->function) fail_at(node->line, node->column, "unknown test '" + node->text + "'");
  node->kids.push_back(std::move(subject));
  const TokenType type = peek().type;
  if (is_op("(")) {
    arguments(*node);
  } else if (type == TokenType::string || type == TokenType::integer || type == TokenType::real ||
             is_op("[") || is_op("{") ||
             (type == TokenType::name && !is_word("else") && !is_word("or") && !is_word("and") &&
              !is_word("is") && !is_word("if") && !is_word("in") && !is_word("not"))) {
    node->args.push_back(postfix(primary()));
  }
  if (!negated) return node;
  NodePtr result = make(NodeKind::negation);
  result->kids.push_back(std::move(node));
  return result;
}

void Parser::arguments(Node& node) {
  expect_op("(");
  while (!is_op(")")) {
    if (peek().type == TokenType::name && is_op("=", 1)) {
      std::string name = take().text;
      take();
      node.named.emplace_back(std::move(name), expression());
    } else {
      if (!node.named.empty()) error("a positional argument follows a named one");
      node.args.push_back(expression());
    }
    if (!accept_op(",")) break;
  }
  expect_op(")");
}

}  // namespace corvid::engine::jinja
