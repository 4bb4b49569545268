#include "engine/text/jinja/sequence_filters.h"

#include <algorithm>

#include "engine/text/jinja/interpreter.h"
#include "engine/text/jinja/support.h"
#include "runtime/base/text.h"

namespace corvid::engine::jinja {

namespace {

// The part of each element that a filter looks at.
Value part(Interpreter& in, const Value& v, const Value* attribute) {
  return attribute && !attribute->is_none() ? in.path(v, *attribute) : v;
}

// Case is ignored unless asked for, as Jinja does.
Value folded(Interpreter& in, const Value& v, bool case_sensitive) {
  if (!v.is_string() || case_sensitive) return v;
  in.charge(v.string().size());
  return Value(lower_case(v.string()));
}

Args without_first(const Args& args, size_t count) {
  Args rest = args;
  rest.positional.erase(rest.positional.begin(),
                        rest.positional.begin() + static_cast<std::ptrdiff_t>(count));
  return rest;
}

Value choose(Interpreter& in, const Value& v, const Args& args, bool by_attribute, bool wanted) {
  size_t used = 0;
  const Value* attribute = nullptr;
  if (by_attribute) {
    if (args.positional.empty()) in.error("an attribute name is missing");
    attribute = &args.positional[used++];
  }
  Function test = nullptr;
  if (used < args.positional.size()) {
    const Value& name = args.positional[used++];
    test = name.is_string() ? find_test(name.string()) : nullptr;
    if (!test) in.error("unknown test " + to_repr(name));
  }
  const Args rest = without_first(args, used);
  std::vector<Value> chosen;
  for (const Value& value : in.iterate(v)) {
    const Value subject = part(in, value, attribute);
    in.weigh(subject);
    const bool holds = test ? test(in, subject, rest).truth() : subject.truth();
    if (holds == wanted) chosen.push_back(value);
  }
  return Value::list(std::move(chosen));
}

Value extreme(Interpreter& in, const Value& v, const Args& args, bool largest) {
  const bool case_sensitive = bool_argument(args, 0, "case_sensitive", false);
  const Value* attribute = args.get(1, "attribute");
  Value best;
  bool found = false;
  for (const Value& value : in.iterate(v)) {
    const Value key = folded(in, part(in, value, attribute), case_sensitive);
    const Value best_key = found ? folded(in, part(in, best, attribute), case_sensitive) : Value();
    if (!found || (largest ? in.less(best_key, key) : in.less(key, best_key))) best = value;
    found = true;
  }
  return best;
}

void stable_sort(Interpreter& in, std::vector<Value>& values, const Value* attribute,
                 bool case_sensitive, bool descending) {
  const auto key = [&](const Value& v) {
    return folded(in, part(in, v, attribute), case_sensitive);
  };
  in.step(static_cast<int64_t>(values.size()) * 8);
  std::stable_sort(values.begin(), values.end(), [&](const Value& a, const Value& b) {
    return descending ? in.less(key(b), key(a)) : in.less(key(a), key(b));
  });
}

}  // namespace

Value items(Interpreter& in, const Value& v, const Args& args) {
  if (v.is_undefined()) return Value::list({});
  if (!v.is_mapping()) in.error("Can only get item pairs from a mapping.");
  return find_method(v, "items")(in, v, args);
}

Value join(Interpreter& in, const Value& v, const Args& args) {
  const Value* separator = args.get(0, "d");
  const std::string between = separator ? in.text(*separator) : "";
  const Value* attribute = args.get(1, "attribute");
  std::string out;
  bool is_first = true;
  for (const Value& value : in.iterate(v)) {
    if (!is_first) out += between;
    is_first = false;
    in.charge(between.size());
    out += in.text(part(in, value, attribute));
  }
  return Value(std::move(out));
}

Value first(Interpreter& in, const Value& v, const Args&) {
  const std::vector<Value> values = in.iterate(v);
  return values.empty() ? Value::undefined("no first item") : values.front();
}

Value last(Interpreter& in, const Value& v, const Args&) {
  const std::vector<Value> values = in.iterate(v);
  return values.empty() ? Value::undefined("no last item") : values.back();
}

Value list(Interpreter& in, const Value& v, const Args&) { return Value::list(in.iterate(v)); }

Value map(Interpreter& in, const Value& v, const Args& args) {
  std::vector<Value> mapped;
  const Value* attribute = args.positional.empty() ? args.get(0, "attribute") : nullptr;
  if (attribute) {
    const Value* otherwise = args.get(1, "default");
    for (const Value& value : in.iterate(v)) {
      Value found = in.path(value, *attribute);
      mapped.push_back(found.is_undefined() && otherwise ? *otherwise : std::move(found));
    }
    return Value::list(std::move(mapped));
  }
  const Function filter = !args.positional.empty() && args.positional[0].is_string()
                              ? find_filter(args.positional[0].string())
                              : nullptr;
  if (!filter) in.error("map needs an attribute or the name of a filter");
  const Args rest = without_first(args, 1);
  for (const Value& value : in.iterate(v)) {
    in.weigh(value);
    mapped.push_back(filter(in, value, rest));
  }
  return Value::list(std::move(mapped));
}

Value select(Interpreter& in, const Value& v, const Args& args) {
  return choose(in, v, args, false, true);
}
Value reject(Interpreter& in, const Value& v, const Args& args) {
  return choose(in, v, args, false, false);
}
Value selectattr(Interpreter& in, const Value& v, const Args& args) {
  return choose(in, v, args, true, true);
}
Value rejectattr(Interpreter& in, const Value& v, const Args& args) {
  return choose(in, v, args, true, false);
}

Value reverse(Interpreter& in, const Value& v, const Args&) {
  std::vector<Value> values = in.iterate(v);
  std::reverse(values.begin(), values.end());
  if (!v.is_string()) return Value::list(std::move(values));
  std::string out;
  for (const Value& value : values) out += value.string();
  in.charge(out.size());
  return Value(std::move(out));
}

Value sort(Interpreter& in, const Value& v, const Args& args) {
  std::vector<Value> values = in.iterate(v);
  stable_sort(in, values, args.get(2, "attribute"), bool_argument(args, 1, "case_sensitive", false),
              bool_argument(args, 0, "reverse", false));
  return Value::list(std::move(values));
}

Value unique(Interpreter& in, const Value& v, const Args& args) {
  const bool case_sensitive = bool_argument(args, 0, "case_sensitive", false);
  const Value* attribute = args.get(1, "attribute");
  std::vector<Value> seen, chosen;
  for (const Value& value : in.iterate(v)) {
    const Value key = folded(in, part(in, value, attribute), case_sensitive);
    in.step(static_cast<int64_t>(seen.size()));
    const bool known = std::any_of(seen.begin(), seen.end(),
                                   [&](const Value& other) { return in.equal(other, key); });
    if (known) continue;
    seen.push_back(key);
    chosen.push_back(value);
  }
  return Value::list(std::move(chosen));
}

Value sum(Interpreter& in, const Value& v, const Args& args) {
  const Value* attribute = args.get(0, "attribute");
  const Value* start = args.get(1, "start");
  Value total = start ? *start : Value(0);
  for (const Value& value : in.iterate(v)) total = in.add(total, part(in, value, attribute));
  return total;
}

Value minimum(Interpreter& in, const Value& v, const Args& args) {
  return extreme(in, v, args, false);
}
Value maximum(Interpreter& in, const Value& v, const Args& args) {
  return extreme(in, v, args, true);
}

Value dictsort(Interpreter& in, const Value& v, const Args& args) {
  if (!v.is_mapping()) in.error("dictsort needs a mapping");
  const bool by_value = string_argument(in, args, 1, "by", "key") == "value";
  std::vector<Value> pairs = items(in, v, {}).list().items;
  const Value index(by_value ? 1 : 0);
  stable_sort(in, pairs, &index, bool_argument(args, 0, "case_sensitive", false),
              bool_argument(args, 2, "reverse", false));
  return Value::list(std::move(pairs));
}

Value batch(Interpreter& in, const Value& v, const Args& args) {
  const int64_t size = int_argument(in, args, 0, "linecount", 1);
  if (size < 1) in.error("batch needs a positive size");
  const Value* fill = args.get(1, "fill_with");
  std::vector<Value> rows, row;
  for (Value& value : in.iterate(v)) {
    row.push_back(std::move(value));
    if (static_cast<int64_t>(row.size()) < size) continue;
    rows.push_back(Value::list(std::exchange(row, {})));
  }
  if (!row.empty()) {
    while (fill && static_cast<int64_t>(row.size()) < size) {
      in.step();
      row.push_back(*fill);
    }
    rows.push_back(Value::list(std::move(row)));
  }
  return Value::list(std::move(rows));
}

}  // namespace corvid::engine::jinja
