#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/text/jinja/ast.h"

namespace corvid::engine::jinja {

struct Limits {
  int64_t steps = 2'000'000;  // a second or two; real templates take a hundredth of it
  int64_t bytes_built = int64_t{256} << 20;  // of all strings that are made on the way
  int64_t output_bytes = kTextMax;
};

// One rendering. Errors carry the place that was being evaluated.
class Interpreter {
 public:
  explicit Interpreter(const Limits& limits) : limits_(limits) {}
  ~Interpreter();

  std::string render(const Node& root, DictObject context);

  // For filters, tests, methods and functions.
  [[noreturn]] void error(const std::string& what) const;
  void step(int64_t count = 1);
  void charge(size_t bytes);
  void weigh(const Value& subject);  // of a filter, test or method, which may read all of it
  std::string text(const Value& value);                   // str(), charged
  std::vector<Value> iterate(const Value& value);
  Value attribute(const Value& object, std::string_view name);
  Value item(const Value& object, const Value& key);
  Value path(const Value& object, const Value& dotted);  // "a.b.0"
  Value call(const Value& callee, const Args& args);
  bool contains(const Value& container, const Value& needle);
  bool less(const Value& a, const Value& b);
  bool equal(const Value& a, const Value& b);
  Value add(const Value& a, const Value& b);
  // What may come to hold itself; emptied at the end so that it is freed.
  void track(const Value& container) { tracked_.push_back(container); }
  Value global(std::string_view name);

 private:
  enum class Flow { next, break_loop, continue_loop };
  struct Scope {
    std::vector<std::pair<std::string, Value>> variables;
    std::shared_ptr<Scope> parent;
    const Value* find(std::string_view name) const;
    void set(std::string_view name, Value value);
  };
  using ScopePtr = std::shared_ptr<Scope>;
  class Enter;

  Flow execute(const std::vector<NodePtr>& nodes, std::string& out);
  Flow execute(const Node& node, std::string& out);
  Flow loop(const Node& node, std::string& out);
  void set(const Node& node);
  void assign(const std::vector<std::string>& names, const Value& value);
  Value macro(const Node& node);
  std::string run_macro(const Node& node, const ScopePtr& scope, const Args& args);

  Value evaluate(const Node& node);
  Value evaluate_node(const Node& node);
  Value apply(const Node& node, Args args);
  Value binary(const Node& node);
  Value arithmetic(std::string_view op, const Value& a, const Value& b);
  Value compare(const Node& node);
  Value slice(const Node& node);
  Value call_node(const Node& node, const Value* caller);
  Args arguments(const Node& node);
  Value lookup(std::string_view name);
  void emit(std::string& out, std::string_view text);

  Limits limits_;
  const Node* here_ = nullptr;
  ScopePtr scope_;
  std::vector<ScopePtr> kept_;
  std::vector<Value> tracked_;
  int depth_ = 0;
};

}  // namespace corvid::engine::jinja
