#include "engine/text/jinja/interpreter.h"

#include <algorithm>

#include "engine/text/jinja/lexer.h"
#include "runtime/base/error.h"

namespace corvid::engine::jinja {

namespace {
constexpr int kDepthMax = 1000;  // nested evaluations; a frame is a few hundred bytes
}

const Value* Interpreter::Scope::find(std::string_view name) const {
  for (const auto& [key, value] : variables) {
    if (key == name) return &value;
  }
  return nullptr;
}

void Interpreter::Scope::set(std::string_view name, Value value) {
  for (auto& [key, old] : variables) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  variables.emplace_back(std::string(name), std::move(value));
}

// Enters a new scope and leaves it again however the block ends.
class Interpreter::Enter {
 public:
  Enter(Interpreter& interpreter, ScopePtr parent)
      : interpreter_(interpreter), previous_(interpreter.scope_) {
    interpreter.scope_ = std::make_shared<Scope>();
    interpreter.scope_->parent = std::move(parent);
  }
  ~Enter() { interpreter_.scope_ = previous_; }

 private:
  Interpreter& interpreter_;
  ScopePtr previous_;
};

Interpreter::~Interpreter() {
  // Macros and containers may refer to each other in a circle.
  for (const ScopePtr& scope : kept_) scope->variables.clear();
  for (const Value& value : tracked_) {
    if (value.is_list()) value.list().items.clear();
    if (value.is_dict()) value.dict().items.clear();
  }
}

std::string Interpreter::render(const Node& root, DictObject context) {
  scope_ = std::make_shared<Scope>();
  scope_->variables = std::move(context.items);
  std::string out;
  execute(root.body, out);
  return out;
}

void Interpreter::error(const std::string& what) const {
  fail_at(here_ ? here_->line : 0, here_ ? here_->column : 0, what);
}

void Interpreter::step(int64_t count) {
  limits_.steps -= count;
  if (limits_.steps < 0) error("the template takes too many steps");
}

void Interpreter::charge(size_t bytes) {
  limits_.bytes_built -= static_cast<int64_t>(bytes);
  if (limits_.bytes_built < 0) error("the template builds too much text");
}

void Interpreter::weigh(const Value& subject) {
  if (subject.is_string()) charge(subject.string().size());
  if (subject.is_list()) step(static_cast<int64_t>(subject.list().items.size() / 16));
  if (subject.is_dict()) step(static_cast<int64_t>(subject.dict().items.size() / 16));
}

std::string Interpreter::text(const Value& value) {
  std::string result = to_text(value);
  charge(result.size());
  return result;
}

void Interpreter::emit(std::string& out, std::string_view text) {
  charge(text.size());
  out += text;
  if (static_cast<int64_t>(out.size()) > limits_.output_bytes) error("the output is too large");
}

Interpreter::Flow Interpreter::execute(const std::vector<NodePtr>& nodes, std::string& out) {
  for (const NodePtr& node : nodes) {
    const Flow flow = execute(*node, out);
    if (flow != Flow::next) return flow;
  }
  return Flow::next;
}

Interpreter::Flow Interpreter::execute(const Node& node, std::string& out) {
  here_ = &node;
  step();
  switch (node.kind) {
    case NodeKind::text: emit(out, node.text); break;
    case NodeKind::print: emit(out, to_text(evaluate(*node.kids[0]))); break;
    case NodeKind::sequence: return execute(node.body, out);
    case NodeKind::loop: return loop(node, out);
    case NodeKind::branch: {
      const Node* branch = &node;  // an elif chain, walked without recursion
      while (!evaluate(*branch->kids[0]).truth()) {
        const auto& rest = branch->otherwise;
        if (rest.size() != 1 || rest[0]->kind != NodeKind::branch) return execute(rest, out);
        branch = rest[0].get();
      }
      return execute(branch->body, out);
    }
    case NodeKind::set: set(node); break;
    case NodeKind::set_block:
    case NodeKind::filter_block: {
      std::string block;
      {
        Enter enter(*this, scope_);
        execute(node.body, block);
      }
      scope_->set("\x01" "block", Value(std::move(block)));
      Value value = evaluate(*node.kids[0]);
      if (node.kind == NodeKind::set_block) {
        scope_->set(node.names[0], std::move(value));
      } else {
        emit(out, to_text(value));
      }
      break;
    }
    case NodeKind::macro: scope_->set(node.text, macro(node)); break;
    case NodeKind::call_block: {
      const Value caller = macro(*node.kids[1]);
      emit(out, to_text(call_node(*node.kids[0], &caller)));
      break;
    }
    case NodeKind::with: {
      std::vector<Value> values;
      for (const NodePtr& kid : node.kids) values.push_back(evaluate(*kid));
      Enter enter(*this, scope_);
      for (size_t i = 0; i < values.size(); ++i) scope_->set(node.names[i], values[i]);
      return execute(node.body, out);
    }
    case NodeKind::break_loop: return Flow::break_loop;
    case NodeKind::continue_loop: return Flow::continue_loop;
    default: error("not a statement");
  }
  return Flow::next;
}

namespace {

void set_loop_fields(DictObject& loop, const std::vector<Value>& items, size_t i) {
  const auto index = static_cast<int64_t>(i), count = static_cast<int64_t>(items.size());
  loop.set("index", index + 1);
  loop.set("index0", index);
  loop.set("revindex", count - index);
  loop.set("revindex0", count - index - 1);
  loop.set("first", i == 0);
  loop.set("last", i + 1 == items.size());
  loop.set("length", count);
  loop.set("previtem", i > 0 ? items[i - 1] : Value::undefined("there is no previous item"));
  loop.set("nextitem",
           i + 1 < items.size() ? items[i + 1] : Value::undefined("there is no next item"));
}

Value cycle_function(const DictPtr& loop) {
  std::weak_ptr<DictObject> weak = loop;
  return Value(std::make_shared<const Callable>(
      Callable{"cycle", [weak](Interpreter& interpreter, const Args& args) -> Value {
                 const DictPtr object = weak.lock();
                 if (!object || args.positional.empty()) interpreter.error("nothing to cycle");
                 const int64_t index = object->find("index0")->integer();
                 return args.positional[static_cast<size_t>(index) % args.positional.size()];
               }}));
}

}  // namespace

Interpreter::Flow Interpreter::loop(const Node& node, std::string& out) {
  std::vector<Value> items = iterate(evaluate(*node.kids[0]));
  if (node.kids[1]) {
    std::vector<Value> chosen;
    for (const Value& value : items) {
      Enter enter(*this, scope_);
      assign(node.names, value);
      if (evaluate(*node.kids[1]).truth()) chosen.push_back(value);
    }
    items = std::move(chosen);
  }
  if (items.empty()) return execute(node.otherwise, out);

  auto object = std::make_shared<DictObject>();
  object->is_namespace = true;
  int64_t nesting = 1;
  if (const Value outer = lookup("loop"); outer.is_dict()) {
    if (const Value* outer_depth = outer.dict().find("depth")) {
      if (outer_depth->is_int()) nesting = outer_depth->integer() + 1;
    }
  }
  object->set("depth", nesting);
  object->set("depth0", nesting - 1);
  object->set("cycle", cycle_function(object));
  const Value loop_value(object);
  track(loop_value);
  for (size_t i = 0; i < items.size(); ++i) {
    step(4);  // a scope and a dozen fields are made
    set_loop_fields(*object, items, i);
    Enter enter(*this, scope_);
    scope_->set("loop", loop_value);
    assign(node.names, items[i]);
    if (execute(node.body, out) == Flow::break_loop) break;
  }
  return Flow::next;
}

void Interpreter::set(const Node& node) {
  Value value = evaluate(*node.kids[0]);
  here_ = &node;
  if (node.kids.size() == 1) return assign(node.names, value);
  const Value object = evaluate(*node.kids[1]);
  if (!object.is_dict() || !object.dict().is_namespace) {
    error("cannot assign attribute on non-namespace object");
  }
  object.dict().set(node.text, std::move(value));
}

void Interpreter::assign(const std::vector<std::string>& names, const Value& value) {
  if (names.size() == 1) return scope_->set(names[0], value);
  const std::vector<Value> items = iterate(value);
  if (items.size() != names.size()) error("wrong number of values to unpack");
  for (size_t i = 0; i < names.size(); ++i) scope_->set(names[i], items[i]);
}

Value Interpreter::macro(const Node& node) {
  for (ScopePtr scope = scope_; scope; scope = scope->parent) {
    if (std::find(kept_.begin(), kept_.end(), scope) == kept_.end()) kept_.push_back(scope);
  }
  std::weak_ptr<Scope> weak = scope_;
  return Value(std::make_shared<const Callable>(
      Callable{node.text, [&node, weak](Interpreter& interpreter, const Args& args) -> Value {
                 return Value(interpreter.run_macro(node, weak.lock(), args));
               }}));
}

std::string Interpreter::run_macro(const Node& node, const ScopePtr& scope, const Args& args) {
  if (args.positional.size() > node.names.size()) {
    error("macro '" + node.text + "' takes not more than " + std::to_string(node.names.size()) +
          " arguments");
  }
  Enter enter(*this, scope);
  for (const auto& [name, value] : args.named) {
    const bool known = std::find(node.names.begin(), node.names.end(), name) != node.names.end();
    if (!known && name != "caller") {
      error("macro '" + node.text + "' takes no argument '" + name + "'");
    }
    scope_->set(name, value);
  }
  for (size_t i = 0; i < node.names.size(); ++i) {
    if (i < args.positional.size()) {
      scope_->set(node.names[i], args.positional[i]);
    } else if (!scope_->find(node.names[i])) {
      scope_->set(node.names[i],
                  node.kids[i] ? evaluate(*node.kids[i]) : Value::undefined(node.names[i]));
    }
  }
  std::string out;
  if (++depth_ > kDepthMax) error("macros are nested too deeply");
  execute(node.body, out);
  --depth_;
  return out;
}

Value Interpreter::lookup(std::string_view name) {
  for (const Scope* scope = scope_.get(); scope; scope = scope->parent.get()) {
    if (const Value* value = scope->find(name)) return *value;
  }
  return global(name);
}

Value Interpreter::evaluate(const Node& node) {
  if (++depth_ > kDepthMax) error("evaluation is nested too deeply");
  step();
  const Node* outer = here_;
  here_ = &node;
  Value value = evaluate_node(node);
  here_ = outer;
  --depth_;
  return value;
}

}  // namespace corvid::engine::jinja
