#include <array>
#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kVariablesMax = 24;
constexpr size_t kMembersMax = 40;
constexpr size_t kFunctionsMax = 30;
constexpr size_t kConstantsMax = 32;

// Opposites and near relations, offered for each other although the file may have only one.
constexpr std::array<Opposite, 48> kOpposites = {{
    {"min", "max"},
    {"MIN", "MAX"},
    {"floor", "ceil"},
    {"begin", "end"},
    {"cbegin", "cend"},
    {"rbegin", "rend"},
    {"begin", "rbegin"},
    {"front", "back"},
    {"push_front", "push_back"},
    {"pop_front", "pop_back"},
    {"push_back", "emplace_back"},
    {"first", "second"},
    {"size", "length"},
    {"size", "capacity"},
    {"find", "rfind"},
    {"find_first_of", "find_first_not_of"},
    {"find_first_of", "find_last_of"},
    {"lower_bound", "upper_bound"},
    {"all_of", "any_of"},
    {"any_of", "none_of"},
    {"strchr", "strrchr"},
    {"strcmp", "strncmp"},
    {"strcpy", "strncpy"},
    {"strcmp", "strcasecmp"},
    {"memcpy", "memmove"},
    {"malloc", "calloc"},
    {"isupper", "islower"},
    {"toupper", "tolower"},
    {"isalpha", "isalnum"},
    {"isalnum", "isdigit"},
    {"isdigit", "isxdigit"},
    {"isspace", "isblank"},
    {"htons", "ntohs"},
    {"htonl", "ntohl"},
    {"abs", "fabs"},
    {"sin", "cos"},
    {"INT_MIN", "INT_MAX"},
    {"LONG_MIN", "LONG_MAX"},
    {"INT_MAX", "UINT_MAX"},
    {"SEEK_SET", "SEEK_END"},
    {"stdout", "stderr"},
    {"lock", "unlock"},
    {"left", "right"},
    {"next", "prev"},
    {"head", "tail"},
    {"insert", "erase"},
    {"start", "end"},
    {"width", "height"},
}};

bool is_high(std::string_view name) {
  const size_t at = name.find_first_not_of('_');
  return at != std::string_view::npos && name[at] >= 'A' && name[at] <= 'Z';
}

void change_name(const Context& context, int i) {
  const Source& source = context.source;
  const UnitFacts& facts = context.facts;
  const std::string_view name = source.str(i);
  change_to_opposite(context, i, kOpposites);
  if (is_call(source, i + 1)) {
    for (const std::string_view other :
         choices(context.file.functions, name, facts, kFunctionsMax)) {
      context.out.replace(i, i + 1, other, Kind::function);
    }
    return;
  }
  const bool is_local = facts.locals.has(name);
  for (const std::string_view other :
       choices(facts.locals, name, facts, is_local ? kVariablesMax : 8)) {
    context.out.replace(i, i + 1, other, Kind::variable);
  }
  if (is_local) return;
  // A constant or something global for another one of the file.
  size_t offered = 0;
  for (const Names* names : {&context.file.assigned, &context.file.words}) {
    for (const std::string_view other : choices(*names, name, facts, 80)) {
      const bool is_other = is_high(other) != is_high(name) || context.file.types.has(other) ||
                            context.file.functions.has(other) || facts.locals.has(other);
      if (is_other || context.file.attributes.has(other)) continue;
      if (++offered > kConstantsMax) return;
      context.out.replace(i, i + 1, other, Kind::variable);
    }
  }
}

void change_member(const Context& context, int i) {
  const Source& source = context.source;
  const std::string_view name = source.str(i), op = source.str(i - 1);
  const bool is_called = is_call(source, i + 1);
  change_to_opposite(context, i, kOpposites);
  const Names& offered = is_called ? context.file.methods : context.file.attributes;
  const Kind kind = is_called ? Kind::method : Kind::attribute;
  for (const std::string_view other : choices(offered, name, context.facts, kMembersMax)) {
    context.out.replace(i, i + 1, other, kind);
  }
  if (op == ".") context.out.replace(i - 1, i, "->", Kind::arrow);
  if (op == "->") context.out.replace(i - 1, i, ".", Kind::arrow);
}

// Types of numbers for others.
void change_type(const Context& context, int i) {
  const Source& source = context.source;
  const auto offer = [&](std::initializer_list<std::string_view> types) {
    for (const std::string_view type : types) {
      context.out.replace(i, i + 1, type, Kind::declared_type);
    }
  };
  const bool is_part = source.is(i - 1, "unsigned") || source.is(i - 1, "signed") ||
                       source.is(i - 1, "long") || source.is(i + 1, "long");
  const std::string_view t = source.str(i);
  if (t == "int" && !is_part) offer({"unsigned", "long", "size_t", "double", "long long", "char"});
  if (t == "unsigned" && !source.is_plain_name(i + 1)) offer({"", "signed"});
  if (t == "unsigned" && source.is_plain_name(i + 1)) offer({"int", "long"});
  if (t == "size_t") offer({"int", "long", "ssize_t"});
  if (t == "float") offer({"double", "int"});
  if (t == "double") offer({"float", "int", "long double"});
  if (t == "char" && !is_part) offer({"unsigned char", "int"});
  if (t == "long" && !is_part) offer({"int", "long long", "unsigned long"});
  if (t == "short" && !is_part) offer({"int", "unsigned short"});
  if (t == "uint32_t") offer({"uint64_t", "int32_t", "uint8_t", "uint16_t"});
  if (t == "uint64_t") offer({"uint32_t", "int64_t"});
  if (t == "uint8_t") offer({"uint16_t", "uint32_t", "int8_t"});
  if (t == "uint16_t") offer({"uint8_t", "uint32_t"});
  if (t == "static") offer({""});
  if (t == "auto") context.out.replace(i, i + 1, "auto&", Kind::declared_type);
}

}  // namespace

void generate_c_names(const Context& context) {
  const Source& source = context.source;
  each_token(context, [&](int i) {
    if (source.token(i).kind != TokenKind::name) return;
    change_type(context, i);
    if (!source.is_plain_name(i) || source.role(i) >= Role::declared) return;
    const bool is_directive = source.is(i - 1, "#");
    if (is_directive) return;
    if (source.is(i - 1, ".") || source.is(i - 1, "->")) {
      change_member(context, i);
    } else if (source.role(i) == Role::value) {
      change_name(context, i);
    }
  });
}

}  // namespace corvid::tools::edits
