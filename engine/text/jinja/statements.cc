#include "engine/text/jinja/parser.h"

#include <algorithm>

namespace corvid::engine::jinja {

namespace {
constexpr int kDepthMax = 60;
}

const Token& Parser::peek(size_t ahead) const {
  return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
}

Token Parser::take() {
  Token token = peek();
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool Parser::is_op(std::string_view text, size_t ahead) const {
  return peek(ahead).type == TokenType::op && peek(ahead).text == text;
}
bool Parser::is_word(std::string_view text, size_t ahead) const {
  return peek(ahead).type == TokenType::name && peek(ahead).text == text;
}
bool Parser::accept_op(std::string_view text) {
  const bool found = is_op(text);
  if (found) take();
  return found;
}
bool Parser::accept_word(std::string_view text) {
  const bool found = is_word(text);
  if (found) take();
  return found;
}
void Parser::expect_op(std::string_view text) {
  if (!accept_op(text)) error("expected '" + std::string(text) + "'");
}
void Parser::expect_word(std::string_view text) {
  if (!accept_word(text)) error("expected '" + std::string(text) + "'");
}
std::string Parser::expect_name() {
  if (peek().type != TokenType::name) error("expected a name");
  return take().text;
}
void Parser::expect_close() {
  if (peek().type != TokenType::block_close) error("expected the end of the tag");
  take();
}

void Parser::error(const std::string& what) const {
  fail_at(peek().line, peek().column, what);
}

NodePtr Parser::make(NodeKind kind, std::string text) const {
  auto node = std::make_unique<Node>();
  node->kind = kind;
  node->line = peek().line;
  node->column = peek().column;
  node->text = std::move(text);
  return node;
}

NodePtr Parser::run() {
  NodePtr root = make(NodeKind::sequence);
  root->body = body({});
  if (peek().type != TokenType::end) error("unexpected tag '" + peek(1).text + "'");
  return root;
}

std::vector<NodePtr> Parser::body(const std::vector<std::string_view>& ends) {
  if (++depth_ > kDepthMax) error("statements are nested too deeply");
  std::vector<NodePtr> nodes;
  for (;;) {
    const Token& token = peek();
    if (token.type == TokenType::end) {
      if (!ends.empty()) error("missing '" + std::string(ends.back()) + "'");
      break;
    }
    if (token.type == TokenType::data) {
      NodePtr node = make(NodeKind::text);
      node->text = take().text;
      nodes.push_back(std::move(node));
    } else if (token.type == TokenType::expr_open) {
      take();
      NodePtr node = make(NodeKind::print);
      node->kids.push_back(tuple_or_expression());
      if (peek().type != TokenType::expr_close) error("expected '}}'");
      take();
      nodes.push_back(std::move(node));
    } else {
      const std::string& word = peek(1).text;
      const bool known = std::find(ends.begin(), ends.end(), word) != ends.end();
      if (known) break;
      take();
      nodes.push_back(statement());
    }
  }
  --depth_;
  return nodes;
}

void Parser::end_tag(std::string_view word) {
  take();  // the opening
  expect_word(word);
  expect_close();
}

NodePtr Parser::statement() {
  if (is_word("for")) return for_statement();
  if (is_word("if")) return if_statement();
  if (is_word("set")) return set_statement();
  if (is_word("macro")) return macro_statement();
  if (is_word("call")) return call_statement();
  if (is_word("filter")) return filter_statement();
  if (is_word("with")) return with_statement();
  if (accept_word("generation")) {
    NodePtr node = make(NodeKind::sequence);
    expect_close();
    node->body = body({"endgeneration"});
    end_tag("endgeneration");
    return node;
  }
  if (is_word("break") || is_word("continue")) {
    if (loops_ == 0) error("'" + peek().text + "' outside of a loop");
    NodePtr node = make(is_word("break") ? NodeKind::break_loop : NodeKind::continue_loop);
    take();
    expect_close();
    return node;
  }
  error("unknown tag '" + peek().text + "'");
}

std::vector<std::string> Parser::targets() {
  const bool parenthesis = accept_op("(");
  std::vector<std::string> names{expect_name()};
  while (accept_op(",")) {
    if (peek().type != TokenType::name || is_word("in")) break;
    names.push_back(expect_name());
  }
  if (parenthesis) expect_op(")");
  return names;
}

NodePtr Parser::for_statement() {
  NodePtr node = make(NodeKind::loop);
  take();
  node->names = targets();
  expect_word("in");
  node->kids.push_back(tuple_or_expression(false));
  node->kids.push_back(accept_word("if") ? expression() : nullptr);
  if (is_word("recursive")) error("recursive loops are not supported");
  expect_close();
  ++loops_;
  node->body = body({"else", "endfor"});
  --loops_;
  if (is_word("else", 1)) {
    end_tag("else");
    node->otherwise = body({"endfor"});
  }
  end_tag("endfor");
  return node;
}

NodePtr Parser::if_statement() {
  NodePtr node = make(NodeKind::branch);
  take();
  node->kids.push_back(tuple_or_expression(false));
  if (is_word("if")) error("expected the end of the tag");
  expect_close();
  node->body = body({"elif", "else", "endif"});
  // An elif chain is a list, not a nest: long ones must not count as depth.
  Node* last = node.get();
  while (is_word("elif", 1)) {
    take();
    NodePtr next = make(NodeKind::branch);
    take();
    next->kids.push_back(tuple_or_expression(false));
    expect_close();
    next->body = body({"elif", "else", "endif"});
    Node* raw = next.get();
    last->otherwise.push_back(std::move(next));
    last = raw;
  }
  if (is_word("else", 1)) {
    end_tag("else");
    last->otherwise = body({"endif"});
  }
  end_tag("endif");
  return node;
}

NodePtr Parser::set_statement() {
  NodePtr node = make(NodeKind::set);
  take();
  NodePtr object;
  if (is_op(".", 1)) {
    object = make(NodeKind::name, expect_name());
    expect_op(".");
    node->text = expect_name();
  } else {
    node->names = targets();
  }
  if (accept_op("=")) {
    node->kids.push_back(tuple_or_expression());
    if (object) node->kids.push_back(std::move(object));
    expect_close();
    return node;
  }
  node->kind = NodeKind::set_block;
  NodePtr block = make(NodeKind::constant);
  if (object || node->names.size() != 1) error("expected '='");
  while (accept_op("|")) block = filter(std::move(block));
  node->kids.push_back(std::move(block));
  expect_close();
  node->body = body({"endset"});
  end_tag("endset");
  return node;
}

void Parser::parameters(Node& node) {
  expect_op("(");
  while (!is_op(")")) {
    node.names.push_back(expect_name());
    node.kids.push_back(accept_op("=") ? expression() : nullptr);
    if (!accept_op(",")) break;
  }
  expect_op(")");
}

NodePtr Parser::macro_statement() {
  NodePtr node = make(NodeKind::macro);
  take();
  node->text = expect_name();
  parameters(*node);
  expect_close();
  const int loops = std::exchange(loops_, 0);
  node->body = body({"endmacro"});
  loops_ = loops;
  take();
  expect_word("endmacro");
  if (peek().type == TokenType::name) take();
  expect_close();
  return node;
}

NodePtr Parser::call_statement() {
  NodePtr node = make(NodeKind::call_block);
  take();
  NodePtr macro = make(NodeKind::macro, "caller");
  if (is_op("(")) parameters(*macro);
  node->kids.push_back(expression());
  if (node->kids[0]->kind != NodeKind::call) error("expected a call");
  expect_close();
  const int loops = std::exchange(loops_, 0);
  macro->body = body({"endcall"});
  loops_ = loops;
  end_tag("endcall");
  node->kids.push_back(std::move(macro));
  return node;
}

NodePtr Parser::filter_statement() {
  NodePtr node = make(NodeKind::filter_block);
  take();
  NodePtr block = filter(make(NodeKind::constant));
  while (accept_op("|")) block = filter(std::move(block));
  node->kids.push_back(std::move(block));
  expect_close();
  node->body = body({"endfilter"});
  end_tag("endfilter");
  return node;
}

NodePtr Parser::with_statement() {
  NodePtr node = make(NodeKind::with);
  take();
  while (peek().type == TokenType::name) {
    node->names.push_back(expect_name());
    expect_op("=");
    node->kids.push_back(expression());
    if (!accept_op(",")) break;
  }
  expect_close();
  node->body = body({"endwith"});
  end_tag("endwith");
  return node;
}

NodePtr parse(std::string_view source) { return Parser(tokenize(source)).run(); }

}  // namespace corvid::engine::jinja
