#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "runtime/base/text.h"
#include "tools/edit_candidates.h"
#include "tools/edits/source.h"
#include "tools/python_trace.h"
#include "tools/support/beneath.h"

namespace corvid::tools {
namespace {

constexpr int64_t kFileBytesMax = 1 << 20;
constexpr size_t kTaskBytesMax = 64 << 10;
constexpr size_t kMentionsMax = 100;
constexpr size_t kSamePathsMax = 5;  // files that a bare file name may mean

bool is_token_character(char c) { return is_word_byte(c) || c == '.' || c == '/' || c == '-'; }

// Names that the Python files define: simple ones and with the classes around them.
class Definitions {
 public:
  void add_file(std::string_view source) {
    struct Scope {
      size_t indent;
      std::string name;
    };
    std::vector<Scope> scopes;
    for (const std::string_view line : split_lines(source)) {
      const std::string_view body = trim(line);
      if (body.empty() || body.starts_with('#')) continue;
      std::string_view rest = body;
      if (rest.starts_with("async ")) rest = trim(rest.substr(6));
      if (!rest.starts_with("def ") && !rest.starts_with("class ")) continue;
      rest = trim(rest.substr(rest.find(' ')));
      const size_t size = size_t(std::ranges::find_if_not(rest, is_word_byte) - rest.begin());
      if (size == 0) continue;
      const size_t indent = line.find_first_not_of(" \t");
      while (!scopes.empty() && scopes.back().indent >= indent) scopes.pop_back();
      const std::string name(rest.substr(0, size));
      const std::string outer = scopes.empty() ? "" : scopes.back().name + ".";
      names_.insert(name);
      names_.insert(outer + name);
      scopes.push_back({indent, outer + name});
    }
  }

  // Functions of other languages, with their classes behind a dot.
  void add_functions(const std::string& path, std::string source) {
    const edits::Language* language = edits::language_of(path);
    if (language == nullptr) return;
    const edits::Source parsed(std::move(source), *language);
    for (const edits::Unit& unit : parsed.units()) {
      if (!unit.is_function) continue;
      names_.insert(unit.name);
      names_.insert(unit.name.substr(unit.name.rfind('.') + 1));
    }
  }

  bool contains(std::string_view name) const { return names_.contains(name); }

 private:
  std::set<std::string, std::less<>> names_;
};

struct Token {
  std::string_view text;
  bool is_marked = false;  // the task says that it is code
};

bool says_code(std::string_view word) {
  static constexpr std::array<std::string_view, 9> kWords = {
      "function", "functions", "method", "methods", "class", "def", "named", "called", "routine"};
  return std::ranges::find(kWords, word) != kWords.end();
}

std::vector<Token> tokens_of(std::string_view task) {
  std::vector<Token> tokens;
  bool next_is_marked = false;
  for (size_t i = 0; i < task.size();) {
    if (!is_token_character(task[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < task.size() && is_token_character(task[end])) ++end;
    Token token{task.substr(i, end - i), next_is_marked};
    while (!token.text.empty() && (token.text.back() == '.' || token.text.back() == '-')) {
      token.text.remove_suffix(1);  // the end of a sentence
    }
    const std::string_view before = i > 0 ? task.substr(i - 1, 1) : "";
    const std::string_view after = task.substr(end, 1);
    const std::string_view quotes = "`'\"";
    const bool is_quoted = !before.empty() && !after.empty() && before == after &&
                           quotes.find(before) != std::string_view::npos;
    token.is_marked = token.is_marked || is_quoted || after == "(" ||
                      (before == "`" && after.empty());
    next_is_marked = says_code(token.text);
    if (next_is_marked && !tokens.empty()) tokens.back().is_marked = true;  // "the median function"
    if (!token.text.empty()) tokens.push_back(token);
    i = end;
  }
  return tokens;
}

// `Stack::push` becomes `Stack.push`; what stands behind the name of a file stays.
std::string with_dots(std::string_view task) {
  std::string out;
  for (size_t i = 0; i < task.size(); ++i) {
    const bool joins = i > 0 && task.substr(i, 2) == "::" && i + 2 < task.size() &&
                       is_word_byte(task[i - 1]) && is_word_byte(task[i + 2]) &&
                       !std::string_view(out).ends_with(".py");
    out += joins ? '.' : task[i];
    i += joins;
  }
  return out;
}

// A word that is code by its form: it has an underscore, a digit, a dot, or capitals inside.
bool looks_like_code(std::string_view word) {
  const auto inside = [](char c) { return c == '_' || c == '.' || (c >= '0' && c <= '9'); };
  const bool has_capital = std::any_of(word.begin() + 1, word.end(),
                                       [](char c) { return c >= 'A' && c <= 'Z'; });
  return std::ranges::any_of(word, inside) || has_capital;
}

void add_once(std::vector<std::string>& list, std::string_view value) {
  if (list.size() >= kMentionsMax) return;
  if (std::ranges::find(list, value) == list.end()) list.emplace_back(value);
}

// Files whose path is `part` or ends with it; none when too many do.
void add_files(const std::string& part, const std::vector<std::string>& files, Evidence& evidence) {
  std::vector<std::string_view> found;
  for (const std::string& file : files) {
    if (file == part || file.ends_with("/" + part)) found.push_back(file);
  }
  if (found.size() > kSamePathsMax) return;
  for (const std::string_view path : found) add_once(evidence.mentioned_paths, path);
}

void add_module(std::string_view dotted, const std::vector<std::string>& files,
                Evidence& evidence) {
  std::string path(dotted);
  std::ranges::replace(path, '.', '/');
  add_files(path + ".py", files, evidence);
}

// Files that `token` means: a path, the end of one, or a module in dotted form.
void add_paths(std::string_view token, const std::vector<std::string>& files, Evidence& evidence) {
  while (token.starts_with("./")) token.remove_prefix(2);
  if (token.find_first_of("./") == std::string_view::npos) return;
  add_files(std::string(token), files, evidence);
  add_module(token, files, evidence);
}

// The longest end of a dotted token that is defined: "pkg.stats.Stats.median" -> "Stats.median".
// What stands before it may name the module.
void add_names(const Token& token, const Definitions& definitions,
               const std::vector<std::string>& files, Evidence& evidence) {
  if (!token.is_marked && !looks_like_code(token.text)) return;
  for (size_t start = 0; start != std::string_view::npos && start < token.text.size();) {
    const std::string_view name = token.text.substr(start);
    if (definitions.contains(name)) {
      add_once(evidence.mentioned_names, name);
      if (start > 0) add_module(token.text.substr(0, start - 1), files, evidence);
      return;
    }
    const size_t dot = token.text.find('.', start);
    start = dot == std::string_view::npos ? dot : dot + 1;
  }
}

}  // namespace

void find_mentions(std::string_view task, const Workspace& workspace, Evidence& evidence) {
  const std::vector<std::string> files = workspace.files();
  const std::string dotted = with_dots(task.substr(0, kTaskBytesMax));
  Definitions definitions;
  for (const std::string& file : files) {
    if (!has_edits(file)) continue;
    ReadResult source = read_beneath(workspace.root(), file, kFileBytesMax);
    if (source.outcome != ReadOutcome::ok) continue;
    if (file.ends_with(".py")) {
      definitions.add_file(source.content);
    } else if (source.content.find('\0') == std::string::npos) {
      definitions.add_functions(file, std::move(source.content));
    }
  }
  for (const Token& token : tokens_of(dotted)) {
    std::string_view text = token.text;
    for (const std::filesystem::path* top : {&workspace.shown_as(), &workspace.root()}) {
      const std::string prefix = top->string() + "/";
      if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
    }
    add_paths(text, files, evidence);
    add_names({text, token.is_marked}, definitions, files, evidence);
  }
}

}  // namespace corvid::tools
