// Functions that every template may call.
#include <array>
#include <ctime>

#include "engine/text/jinja/interpreter.h"
#include "engine/text/jinja/support.h"
#include "runtime/base/clock.h"
#include "runtime/base/error.h"

namespace corvid::engine::jinja {

namespace {

Value range(Interpreter& in, const Value&, const Args& args) {
  if (args.positional.empty()) in.error("range() needs an argument");
  const bool one = args.positional.size() == 1;
  const int64_t begin = one ? 0 : int_argument(in, args, 0, "start", 0);
  const int64_t end = int_argument(in, args, one ? 0 : 1, "stop", 0);
  const int64_t stride = int_argument(in, args, 2, "step", 1);
  if (stride == 0) in.error("range() step must not be zero");
  std::vector<Value> values;
  for (int64_t i = begin; stride > 0 ? i < end : i > end;) {
    in.step();
    values.emplace_back(i);
    if (__builtin_add_overflow(i, stride, &i)) break;
  }
  return Value::list(std::move(values));
}

DictPtr dict_of(Interpreter& in, const Args& args) {
  auto object = std::make_shared<DictObject>();
  for (const Value& value : args.positional) {
    if (value.is_dict()) {
      for (const auto& [key, item] : value.dict().items) {
        in.step(static_cast<int64_t>(object->items.size() / 16));
        object->set(key, item);
      }
      continue;
    }
    for (const Value& pair : in.iterate(value)) {
      const std::vector<Value> items = in.iterate(pair);
      if (items.size() != 2 || !items[0].is_string()) in.error("dict() needs pairs");
      in.step(static_cast<int64_t>(object->items.size() / 16));
      object->set(items[0].string(), items[1]);
    }
  }
  for (const auto& [key, value] : args.named) object->set(key, value);
  return object;
}

Value dict(Interpreter& in, const Value&, const Args& args) { return Value(dict_of(in, args)); }

Value make_namespace(Interpreter& in, const Value&, const Args& args) {
  const DictPtr object = dict_of(in, args);
  object->is_namespace = true;
  const Value value(object);
  in.track(value);
  return value;
}

Value raise_exception(Interpreter& in, const Value&, const Args& args) {
  if (args.positional.empty()) fail(Code::invalid, "the template refused");
  fail(Code::invalid, in.text(args.positional[0]));
}

// UTC, so that a run does not depend on where it happens.
Value strftime_now(Interpreter& in, const Value&, const Args& args) {
  const std::string format = string_argument(in, args, 0, "format", "%Y-%m-%d");
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(
      system_now().time_since_epoch());
  const std::time_t now = seconds.count();
  std::tm fields{};
  gmtime_r(&now, &fields);
  char buffer[256];
  return std::string(buffer, std::strftime(buffer, sizeof buffer, format.c_str(), &fields));
}

constexpr std::array kFunctions{
    Entry{"range", range},
    Entry{"dict", dict},
    Entry{"namespace", make_namespace},
    Entry{"raise_exception", raise_exception},
    Entry{"strftime_now", strftime_now},
};

}  // namespace

Value Interpreter::global(std::string_view name) {
  const Function function = find_entry(kFunctions, name);
  if (!function) return Value::undefined(name);
  return Value(std::make_shared<const Callable>(
      Callable{std::string(name), [function](Interpreter& in, const Args& args) {
                 return function(in, Value(), args);
               }}));
}

}  // namespace corvid::engine::jinja
