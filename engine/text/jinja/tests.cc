// The table of tests ("x is NAME").
#include <array>

#include "engine/text/jinja/interpreter.h"
#include "engine/text/jinja/support.h"
#include "runtime/base/text.h"

namespace corvid::engine::jinja {

namespace {

const Value& other(Interpreter& in, const Args& args) {
  if (args.positional.empty()) in.error("the test needs an argument");
  return args.positional[0];
}

template <bool (Value::*kPredicate)() const>
Value is(Interpreter&, const Value& v, const Args&) {
  return (v.*kPredicate)();
}

int64_t whole(Interpreter& in, const Value& v) {
  if (!v.is_int() && !v.is_bool()) in.error("an integer is needed");
  return v.integer();
}

constexpr std::array kTests{
    Entry{"defined", [](Interpreter&, const Value& v, const Args&) -> Value {
            return !v.is_undefined();
          }},
    Entry{"undefined", is<&Value::is_undefined>},
    Entry{"none", is<&Value::is_none>},
    Entry{"boolean", is<&Value::is_bool>},
    Entry{"string", is<&Value::is_string>},
    Entry{"mapping", is<&Value::is_mapping>},
    Entry{"number", is<&Value::is_number>},
    Entry{"float", is<&Value::is_real>},
    Entry{"integer", is<&Value::is_int>},
    Entry{"callable", is<&Value::is_callable>},
    Entry{"true", [](Interpreter&, const Value& v, const Args&) -> Value {
            return v.is_bool() && v.boolean();
          }},
    Entry{"false", [](Interpreter&, const Value& v, const Args&) -> Value {
            return v.is_bool() && !v.boolean();
          }},
    Entry{"iterable", [](Interpreter&, const Value& v, const Args&) -> Value {
            return v.is_string() || v.is_list() || v.is_mapping() || v.is_undefined();
          }},
    Entry{"sequence", [](Interpreter&, const Value& v, const Args&) -> Value {
            return v.is_string() || v.is_list() || v.is_mapping() || v.is_undefined();
          }},
    Entry{"odd", [](Interpreter& in, const Value& v, const Args&) -> Value {
            return whole(in, v) % 2 != 0;
          }},
    Entry{"even", [](Interpreter& in, const Value& v, const Args&) -> Value {
            return whole(in, v) % 2 == 0;
          }},
    Entry{"divisibleby", [](Interpreter& in, const Value& v, const Args& args) -> Value {
            const int64_t by = whole(in, other(in, args));
            if (by == 0) in.error("division by zero");
            return by == -1 || whole(in, v) % by == 0;
          }},
    Entry{"eq", [](Interpreter& in, const Value& v, const Args& args) -> Value {
            return in.equal(v, other(in, args));
          }},
    Entry{"equalto", [](Interpreter& in, const Value& v, const Args& args) -> Value {
            return in.equal(v, other(in, args));
          }},
    Entry{"ne", [](Interpreter& in, const Value& v, const Args& args) -> Value {
            return !in.equal(v, other(in, args));
          }},
    Entry{"lt", [](Interpreter& in, const Value& v, const Args& args) -> Value {
            return in.less(v, other(in, args));
          }},
    Entry{"lessthan", [](Interpreter& in, const Value& v, const Args& args) -> Value {
            return in.less(v, other(in, args));
          }},
    Entry{"gt", [](Interpreter& in, const Value& v, const Args& args) -> Value {
            return in.less(other(in, args), v);
          }},
    Entry{"greaterthan", [](Interpreter& in, const Value& v, const Args& args) -> Value {
            return in.less(other(in, args), v);
          }},
    Entry{"le", [](Interpreter& in, const Value& v, const Args& args) -> Value {
            return !in.less(other(in, args), v);
          }},
    Entry{"ge", [](Interpreter& in, const Value& v, const Args& args) -> Value {
            return !in.less(v, other(in, args));
          }},
    Entry{"in", [](Interpreter& in, const Value& v, const Args& args) -> Value {
            return in.contains(other(in, args), v);
          }},
    Entry{"sameas", [](Interpreter& in, const Value& v, const Args& args) -> Value {
            return v.same_object(other(in, args));
          }},
    Entry{"lower", [](Interpreter& in, const Value& v, const Args&) -> Value {
            const std::string text = in.text(v);
            return text == lower_case(text);
          }},
    Entry{"upper", [](Interpreter& in, const Value& v, const Args&) -> Value {
            const std::string text = in.text(v);
            return text == upper(text);
          }},
};

}  // namespace

Function find_test(std::string_view name) { return find_entry(kTests, name); }

}  // namespace corvid::engine::jinja
