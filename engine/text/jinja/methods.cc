// The tables of methods of strings, lists and dictionaries.
#include <algorithm>
#include <array>
#include <cctype>

#include "engine/text/jinja/interpreter.h"
#include "engine/text/jinja/support.h"
#include "runtime/base/text.h"

namespace corvid::engine::jinja {

namespace {

Value strip_method(Interpreter& in, const Value& self, const Args& args, Side side) {
  const Value* chars = args.get(0, "chars");
  const bool given = chars && !chars->is_none();
  if (given && !chars->is_string()) in.error("strip arg must be None or str");
  in.charge(self.string().size());
  return strip(self.string(), given ? &chars->string() : nullptr, side);
}

template <Side kSide>
Value strip_on(Interpreter& in, const Value& self, const Args& args) {
  return strip_method(in, self, args, kSide);
}

std::vector<Value> split_spaces(const std::string& text, int64_t splits_max) {
  std::vector<Value> parts;
  std::string_view rest = strip(text, nullptr, Side::left);
  while (!rest.empty()) {
    if (splits_max >= 0 && static_cast<int64_t>(parts.size()) == splits_max) {
      parts.emplace_back(rest);
      break;
    }
    const size_t end = std::min(rest.find_first_of(" \t\n\r\f\v"), rest.size());
    parts.emplace_back(rest.substr(0, end));
    rest = strip(rest.substr(end), nullptr, Side::left);
  }
  return parts;
}

Value split(Interpreter& in, const Value& self, const Args& args, bool from_right) {
  const std::string& text = self.string();
  const Value* separator = args.get(0, "sep");
  int64_t splits_max = int_argument(in, args, 1, "maxsplit", -1);
  in.charge(text.size());
  if (!separator || separator->is_none()) {
    return Value::list(split_spaces(text, from_right ? -1 : splits_max));
  }
  if (!separator->is_string() || separator->string().empty()) in.error("empty separator");
  const std::string& by = separator->string();
  std::vector<Value> parts;
  std::string_view rest = text;
  while (splits_max-- != 0) {
    const size_t found = from_right ? rest.rfind(by) : rest.find(by);
    if (found == std::string_view::npos) break;
    in.step();
    parts.emplace_back(from_right ? rest.substr(found + by.size()) : rest.substr(0, found));
    rest = from_right ? rest.substr(0, found) : rest.substr(found + by.size());
  }
  parts.emplace_back(rest);
  if (from_right) std::reverse(parts.begin(), parts.end());
  return Value::list(std::move(parts));
}

Value affix(Interpreter& in, const Value& self, const Args& args, bool at_start) {
  if (args.positional.empty()) in.error("an argument is missing");
  const Value& wanted = args.positional[0];
  std::vector<Value> options{wanted};
  if (wanted.is_list()) options = wanted.list().items;
  for (const Value& option : options) {
    if (!option.is_string()) in.error("startswith and endswith need strings");
    if (at_start ? self.string().starts_with(option.string())
                 : self.string().ends_with(option.string())) {
      return true;
    }
  }
  return false;
}

Value find(Interpreter& in, const Value& self, const Args& args, bool from_right) {
  const std::string wanted = string_argument(in, args, 0, "sub", "");
  const size_t at = from_right ? self.string().rfind(wanted) : self.string().find(wanted);
  if (at == std::string::npos) return -1;
  return character_count(std::string_view(self.string()).substr(0, at));
}

Value count_text(Interpreter& in, const Value& self, const Args& args) {
  const std::string wanted = string_argument(in, args, 0, "sub", "");
  if (wanted.empty()) return character_count(self.string()) + 1;
  int64_t count = 0;
  for (size_t at = 0; (at = self.string().find(wanted, at)) != std::string::npos;) {
    ++count;
    at += wanted.size();
  }
  return count;
}

Value splitlines(Interpreter& in, const Value& self, const Args& args) {
  const bool keep = bool_argument(args, 0, "keepends", false);
  std::vector<Value> lines;
  std::string_view rest = self.string();
  in.charge(rest.size());
  while (!rest.empty()) {
    const size_t end = std::min(rest.find_first_of("\r\n"), rest.size());
    size_t next = std::min(end + 1, rest.size());
    if (end + 1 < rest.size() && rest.substr(end, 2) == "\r\n") ++next;
    lines.emplace_back(rest.substr(0, keep ? next : end));
    rest.remove_prefix(next);
  }
  return Value::list(std::move(lines));
}

Value join_method(Interpreter& in, const Value& self, const Args& args) {
  if (args.positional.empty()) in.error("join() needs an argument");
  std::string out;
  bool first = true;
  for (const Value& value : in.iterate(args.positional[0])) {
    if (!value.is_string()) in.error("sequence item: expected str instance");
    if (!first) out += self.string();
    first = false;
    out += value.string();
    in.charge(value.string().size() + self.string().size());
  }
  return Value(std::move(out));
}

template <int (*kClass)(int)>
Value all_of_class(Interpreter&, const Value& self, const Args&) {
  const std::string& text = self.string();
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return !(c & 0x80) && kClass(static_cast<unsigned char>(c));
  });
}

template <std::string (*kChange)(std::string_view)>
Value change(Interpreter& in, const Value& self, const Args&) {
  in.charge(self.string().size());
  return kChange(self.string());
}

constexpr std::array kStringMethods{
    Entry{"strip", strip_on<Side::both>},
    Entry{"lstrip", strip_on<Side::left>},
    Entry{"rstrip", strip_on<Side::right>},
    Entry{"split", [](Interpreter& in, const Value& self, const Args& args) {
            return split(in, self, args, false);
          }},
    Entry{"rsplit", [](Interpreter& in, const Value& self, const Args& args) {
            return split(in, self, args, true);
          }},
    Entry{"splitlines", splitlines},
    Entry{"join", join_method},
    Entry{"startswith", [](Interpreter& in, const Value& self, const Args& args) {
            return affix(in, self, args, true);
          }},
    Entry{"endswith", [](Interpreter& in, const Value& self, const Args& args) {
            return affix(in, self, args, false);
          }},
    Entry{"removeprefix", [](Interpreter& in, const Value& self, const Args& args) -> Value {
            const std::string prefix = string_argument(in, args, 0, "prefix", "");
            const std::string& text = self.string();
            return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
          }},
    Entry{"removesuffix", [](Interpreter& in, const Value& self, const Args& args) -> Value {
            const std::string suffix = string_argument(in, args, 0, "suffix", "");
            const std::string& text = self.string();
            return text.ends_with(suffix) ? text.substr(0, text.size() - suffix.size()) : text;
          }},
    Entry{"replace", [](Interpreter& in, const Value& self, const Args& args) -> Value {
            return replace(in, self.string(), args);
          }},
    Entry{"find", [](Interpreter& in, const Value& self, const Args& args) {
            return find(in, self, args, false);
          }},
    Entry{"rfind", [](Interpreter& in, const Value& self, const Args& args) {
            return find(in, self, args, true);
          }},
    Entry{"index", [](Interpreter& in, const Value& self, const Args& args) {
            const Value at = find(in, self, args, false);
            if (at.integer() < 0) in.error("substring not found");
            return at;
          }},
    Entry{"count", count_text},
    Entry{"upper", change<upper>},
    Entry{"lower", change<lower_case>},
    Entry{"title", change<title>},
    Entry{"capitalize", change<capitalize>},
    Entry{"isdigit", all_of_class<std::isdigit>},
    Entry{"isalpha", all_of_class<std::isalpha>},
    Entry{"isalnum", all_of_class<std::isalnum>},
    Entry{"isspace", all_of_class<std::isspace>},
};

size_t list_index(Interpreter& in, const ListObject& list, int64_t index) {
  if (index < 0) index += static_cast<int64_t>(list.items.size());
  if (index < 0 || index >= static_cast<int64_t>(list.items.size())) {
    in.error("list index out of range");
  }
  return static_cast<size_t>(index);
}

const Value& needed(Interpreter& in, const Args& args, size_t index) {
  if (index >= args.positional.size()) in.error("an argument is missing");
  return args.positional[index];
}

constexpr std::array kListMethods{
    Entry{"append", [](Interpreter& in, const Value& self, const Args& args) -> Value {
            in.track(self);
            self.list().items.push_back(needed(in, args, 0));
            return None{};
          }},
    Entry{"extend", [](Interpreter& in, const Value& self, const Args& args) -> Value {
            in.track(self);
            for (Value& value : in.iterate(needed(in, args, 0))) {
              self.list().items.push_back(std::move(value));
            }
            return None{};
          }},
    Entry{"insert", [](Interpreter& in, const Value& self, const Args& args) -> Value {
            in.track(self);
            auto& items = self.list().items;
            const auto count = static_cast<int64_t>(items.size());
            int64_t at = int_argument(in, args, 0, "index", 0);
            at = std::clamp<int64_t>(at < 0 ? at + count : at, 0, count);
            items.insert(items.begin() + at, needed(in, args, 1));
            return None{};
          }},
    Entry{"pop", [](Interpreter& in, const Value& self, const Args& args) -> Value {
            auto& items = self.list().items;
            const size_t at = list_index(in, self.list(), int_argument(in, args, 0, "index", -1));
            Value value = items[at];
            items.erase(items.begin() + static_cast<std::ptrdiff_t>(at));
            return value;
          }},
    Entry{"index", [](Interpreter& in, const Value& self, const Args& args) -> Value {
            const auto& items = self.list().items;
            for (size_t i = 0; i < items.size(); ++i) {
              if (in.equal(items[i], needed(in, args, 0))) return static_cast<int64_t>(i);
            }
            in.error("value is not in list");
          }},
    Entry{"count", [](Interpreter& in, const Value& self, const Args& args) -> Value {
            const auto& items = self.list().items;
            return static_cast<int64_t>(
                std::count_if(items.begin(), items.end(), [&](const Value& value) {
                  return in.equal(value, needed(in, args, 0));
                }));
          }},
    Entry{"reverse", [](Interpreter&, const Value& self, const Args&) -> Value {
            std::reverse(self.list().items.begin(), self.list().items.end());
            return None{};
          }},
    Entry{"copy", [](Interpreter&, const Value& self, const Args&) -> Value {
            return Value::list(self.list().items);
          }},
};

constexpr std::array kDictMethods{
    Entry{"items", [](Interpreter&, const Value& self, const Args&) -> Value {
            std::vector<Value> pairs;
            for (const auto& [key, value] : self.dict().items) {
              pairs.push_back(Value::list({Value(key), value}, true));
            }
            return Value::list(std::move(pairs));
          }},
    Entry{"keys", [](Interpreter& in, const Value& self, const Args&) -> Value {
            return Value::list(in.iterate(self));
          }},
    Entry{"values", [](Interpreter&, const Value& self, const Args&) -> Value {
            std::vector<Value> values;
            for (const auto& [key, value] : self.dict().items) values.push_back(value);
            return Value::list(std::move(values));
          }},
    Entry{"get", [](Interpreter& in, const Value& self, const Args& args) -> Value {
            const Value& key = needed(in, args, 0);
            const Value* found = key.is_string() ? self.dict().find(key.string()) : nullptr;
            if (found) return *found;
            const Value* otherwise = args.get(1, "default");
            return otherwise ? *otherwise : Value(None{});
          }},
    Entry{"pop", [](Interpreter& in, const Value& self, const Args& args) -> Value {
            const std::string key = string_argument(in, args, 0, "key", "");
            if (const Value* found = self.dict().find(key)) {
              const Value value = *found;
              self.dict().erase(key);
              return value;
            }
            const Value* otherwise = args.get(1, "default");
            if (!otherwise) in.error("no key " + to_repr(Value(key)));
            return *otherwise;
          }},
    Entry{"setdefault", [](Interpreter& in, const Value& self, const Args& args) -> Value {
            const std::string key = string_argument(in, args, 0, "key", "");
            if (const Value* found = self.dict().find(key)) return *found;
            const Value* otherwise = args.get(1, "default");
            in.track(self);
            self.dict().set(key, otherwise ? *otherwise : Value(None{}));
            return *self.dict().find(key);
          }},
    Entry{"update", [](Interpreter& in, const Value& self, const Args& args) -> Value {
            in.track(self);
            if (!args.positional.empty()) {
              if (!args.positional[0].is_dict()) in.error("update() needs a dictionary");
              const DictPtr from = args.positional[0].dict_ptr();
              const auto items = from->items;
              for (const auto& [key, value] : items) self.dict().set(key, value);
            }
            for (const auto& [key, value] : args.named) self.dict().set(key, value);
            return None{};
          }},
    Entry{"copy", [](Interpreter&, const Value& self, const Args&) -> Value {
            return Value(std::make_shared<DictObject>(self.dict()));
          }},
};

}  // namespace

Function find_method(const Value& object, std::string_view name) {
  if (object.is_string()) return find_entry(kStringMethods, name);
  if (object.is_list()) return find_entry(kListMethods, name);
  if (object.is_mapping()) return find_entry(kDictMethods, name);
  return nullptr;
}

}  // namespace corvid::engine::jinja
