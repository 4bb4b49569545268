// Operators on values, with Python's rules.
#include <cmath>
#include <string>

#include <fmt/format.h>

#include "engine/text/jinja/interpreter.h"

namespace corvid::engine::jinja {

namespace {

int64_t whole(Interpreter& interpreter, std::string_view op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  if (op == "+") overflow = __builtin_add_overflow(a, b, &result);
  if (op == "-") overflow = __builtin_sub_overflow(a, b, &result);
  if (op == "*") overflow = __builtin_mul_overflow(a, b, &result);
  if (op == "//" || op == "%") {
    if (b == 0) interpreter.error("division by zero");
    if (b == -1) {
      overflow = op == "//" && __builtin_sub_overflow(int64_t{0}, a, &result);
    } else {
      const bool inexact = a % b != 0 && (a < 0) != (b < 0);
      result = op == "//" ? a / b - inexact : a % b + (inexact ? b : 0);
    }
  }
  if (overflow) interpreter.error("integer overflow");
  return result;
}

Value power(Interpreter& interpreter, const Value& a, const Value& b) {
  if (a.is_real() || b.is_real() || b.integer() < 0) return std::pow(a.real(), b.real());
  int64_t result = 1;
  if (a.integer() >= -1 && a.integer() <= 1) {
    return a.integer() == -1 ? (b.integer() % 2 ? -1 : 1) : b.integer() == 0 ? 1 : a.integer();
  }
  for (int64_t i = 0; i < b.integer(); ++i) result = whole(interpreter, "*", result, a.integer());
  return result;
}

// "%s" and "%d" of Python's string formatting.
std::string percent(Interpreter& interpreter, const std::string& pattern, const Value& right) {
  std::vector<Value> values{right};
  if (right.is_list() && right.list().tuple) values = right.list().items;
  std::string out;
  size_t next = 0;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 >= pattern.size()) {
      out += pattern[i];
      continue;
    }
    const char kind = pattern[++i];
    if (kind == '%') {
      out += '%';
      continue;
    }
    if (next >= values.size()) interpreter.error("not enough arguments for format string");
    const Value& value = values[next++];
    if (kind == 's') {
      out += interpreter.text(value);
    } else if (kind == 'd' && value.is_number()) {
      out += std::to_string(value.is_real() ? static_cast<int64_t>(value.real())
                                            : value.integer());
    } else if (kind == 'f' && value.is_number()) {
      out += fmt::format("{:f}", value.real());
    } else {
      interpreter.error("unsupported format character");
    }
  }
  return out;
}

}  // namespace

Value Interpreter::binary(const Node& node) {
  const Value a = evaluate(*node.kids[0]);
  const Value b = evaluate(*node.kids[1]);
  if (node.text == "~") return text(a) + text(b);
  return arithmetic(node.text, a, b);
}

Value Interpreter::add(const Value& a, const Value& b) { return arithmetic("+", a, b); }

Value Interpreter::arithmetic(std::string_view op, const Value& a, const Value& b) {
  if (a.is_undefined()) error("'" + a.undefined_name() + "' is undefined");
  if (b.is_undefined()) error("'" + b.undefined_name() + "' is undefined");
  if (op == "+" && a.is_string() && b.is_string()) {
    charge(a.string().size() + b.string().size());
    return a.string() + b.string();
  }
  if (op == "+" && a.is_list() && b.is_list() && a.list().tuple == b.list().tuple) {
    std::vector<Value> items = a.list().items;
    items.insert(items.end(), b.list().items.begin(), b.list().items.end());
    step(static_cast<int64_t>(items.size()));
    return Value::list(std::move(items), a.list().tuple);
  }
  if (op == "%" && a.is_string()) return percent(*this, a.string(), b);
  if (op == "*" && (a.is_string() || a.is_list() || b.is_string() || b.is_list())) {
    const bool left = a.is_string() || a.is_list();
    const Value& sequence = left ? a : b;
    const Value& count = left ? b : a;
    if (!count.is_int() && !count.is_bool()) error("can't multiply sequence by non-int");
    std::string repeated;
    std::vector<Value> items;
    for (int64_t i = 0; i < count.integer(); ++i) {
      step();
      if (sequence.is_string()) {
        charge(sequence.string().size());
        repeated += sequence.string();
      } else {
        const auto& all = sequence.list().items;
        step(static_cast<int64_t>(all.size()));
        items.insert(items.end(), all.begin(), all.end());
      }
    }
    return sequence.is_string() ? Value(std::move(repeated)) : Value::list(std::move(items));
  }
  if (!a.is_number() || !b.is_number()) {
    error("unsupported operand types for " + std::string(op) + ": '" +
          std::string(a.type_name()) + "' and '" + std::string(b.type_name()) + "'");
  }
  if (op == "**") return power(*this, a, b);
  if (op == "/") {
    if (b.real() == 0) error("division by zero");
    return a.real() / b.real();
  }
  if (!a.is_real() && !b.is_real()) return whole(*this, op, a.integer(), b.integer());
  if (op == "+") return a.real() + b.real();
  if (op == "-") return a.real() - b.real();
  if (op == "*") return a.real() * b.real();
  if (b.real() == 0) error("division by zero");
  const double quotient = std::floor(a.real() / b.real());
  return op == "//" ? quotient : a.real() - quotient * b.real();
}

}  // namespace corvid::engine::jinja
