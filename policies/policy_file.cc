#include "policies/policy_file.h"

#include <algorithm>
#include <initializer_list>

#include "policies/what_runs.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/toml.h"
#include "sandbox/hosts.h"

namespace corvid::policies {
namespace {

class Reader {
 public:
  explicit Reader(std::string name) : name_(std::move(name)) {}

  PolicyFile read(const toml::table& root) const {
    PolicyFile file;
    check_keys(root, {"command", "path", "host", "budget"});
    each(root, "command", [&](const toml::table& table) { add_command(table, file); });
    each(root, "path", [&](const toml::table& table) { add_path(table, file); });
    each(root, "host", [&](const toml::table& table) { add_host(table, file); });
    if (const toml::node* budget = root.get("budget"); budget != nullptr) {
      if (!budget->is_table()) refuse(*budget, "write [budget]");
      read_budget(*budget->as_table(), file.budget);
    }
    return file;
  }

 private:
  std::string place(const toml::node& node) const {
    return toml_place(name_, node.source());
  }

  [[noreturn]] void refuse(const toml::node& node, const std::string& what) const {
    refuse_toml(name_, node.source(), what);
  }

  void check_keys(const toml::table& table, std::initializer_list<std::string_view> known) const {
    for (const auto& [key, value] : table) {
      if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
      std::string list;
      for (const std::string_view each_known : known) list.append(" ").append(each_known);
      refuse(value, "unknown key '" + std::string(key.str()) + "'; known:" + list);
    }
  }

  template <typename Use>
  void each(const toml::table& root, const char* key, const Use& use) const {
    const toml::node* node = root.get(key);
    if (node == nullptr) return;
    const toml::array* list = node->as_array();
    if (list == nullptr) refuse(*node, std::string("write [[") + key + "]]");
    for (const toml::node& entry : *list) {
      if (!entry.is_table()) refuse(entry, std::string("write [[") + key + "]]");
      use(*entry.as_table());
    }
  }

  std::string text(const toml::table& table, const char* key, const char* fallback) const {
    const toml::node* node = table.get(key);
    if (node == nullptr && fallback != nullptr) return fallback;
    if (node == nullptr) refuse(table, std::string("'") + key + "' is missing");
    const auto value = node->value_exact<std::string>();
    if (!value) refuse(*node, std::string("'") + key + "' must be a text");
    return *value;
  }

  std::vector<std::string> texts(const toml::node& node) const {
    std::vector<std::string> found;
    const toml::array* list = node.as_array();
    if (list == nullptr) refuse(node, "a list of texts is needed here");
    for (const toml::node& entry : *list) {
      const auto value = entry.value_exact<std::string>();
      if (!value || value->empty()) refuse(entry, "a list of texts is needed here");
      found.push_back(*value);
    }
    return found;
  }

  Verdict verdict(const toml::table& table) const {
    const std::string name = text(table, "decision", nullptr);
    if (name == "allow") return Verdict::allow;
    if (name == "ask") return Verdict::ask;
    if (name == "deny") return Verdict::deny;
    refuse(*table.get("decision"), "'" + name + "' is no decision; known: allow ask deny");
  }

  void add_command(const toml::table& table, PolicyFile& file) const {
    check_keys(table, {"prefix", "decision", "reason", "match", "not_match"});
    CommandRule rule;
    rule.verdict = verdict(table);
    rule.reason = text(table, "reason", "");
    rule.origin = place(table);
    const toml::node* prefix = table.get("prefix");
    if (prefix == nullptr || !prefix->is_array() || prefix->as_array()->empty()) {
      refuse(table, "'prefix' must be a list of words");
    }
    for (const toml::node& word : *prefix->as_array()) {
      if (const auto one = word.value_exact<std::string>(); one && !one->empty()) {
        rule.prefix.push_back({*one});
      } else {
        rule.prefix.push_back(texts(word));
      }
      if (rule.prefix.back().empty()) refuse(word, "no alternatives");
    }
    check_examples(table, "match", rule, true);
    check_examples(table, "not_match", rule, false);
    file.commands.push_back(std::move(rule));
  }

  void check_examples(const toml::table& table, const char* key, const CommandRule& rule,
                      bool is_expected) const {
    const toml::node* node = table.get(key);
    if (node == nullptr) return;
    for (const std::string& example : texts(*node)) {
      const bool is_match = holds(rule, what_runs(example), true);
      if (is_match == is_expected) continue;
      refuse(*node, "the example '" + example + "' " + (is_match ? "matches" : "does not match") +
                        " the rule");
    }
  }

  void add_path(const toml::table& table, PolicyFile& file) const {
    check_keys(table, {"pattern", "access", "decision", "reason"});
    PathRule rule;
    rule.pattern = text(table, "pattern", nullptr);
    if (rule.pattern.empty() || rule.pattern.starts_with('/')) {
      refuse(*table.get("pattern"), "the pattern is relative to the workspace");
    }
    const std::string access = text(table, "access", "any");
    if (access != "read" && access != "write" && access != "any") {
      refuse(*table.get("access"), "'" + access + "' is no access; known: read write any");
    }
    rule.covers_reads = access != "write";
    rule.covers_writes = access != "read";
    rule.verdict = verdict(table);
    rule.reason = text(table, "reason", "");
    rule.origin = place(table);
    file.paths.push_back(std::move(rule));
  }

  void add_host(const toml::table& table, PolicyFile& file) const {
    check_keys(table, {"host", "decision", "after_untrusted"});
    const std::string host = text(table, "host", nullptr);
    if (!sandbox::parse_host_rule(host)) {
      refuse(*table.get("host"),
             "'" + host + "' is no host: write example.org, *.example.org or example.org:8080");
    }
    const Verdict decision = verdict(table);
    if (decision == Verdict::ask) refuse(table, "hosts are allowed or denied");
    const std::string after = text(table, "after_untrusted", "ask");
    if (after != "ask" && after != "allow") {
      refuse(*table.get("after_untrusted"), "'" + after + "' is unknown here; known: allow ask");
    }
    if (after == "allow" && decision == Verdict::deny) {
      refuse(*table.get("after_untrusted"), "the host is denied");
    }
    (decision == Verdict::allow ? file.allow_hosts : file.deny_hosts).push_back(host);
    if (after == "allow") file.hosts_after_untrusted.push_back(host);
  }

  void read_budget(const toml::table& table, Budget& budget) const {
    check_keys(table, {"commands", "writes", "requests"});
    budget.origin = place(table);
    const auto read = [&](const char* key, std::optional<int64_t>& count) {
      const toml::node* node = table.get(key);
      if (node == nullptr) return;
      count = node->value_exact<int64_t>();
      if (!count || *count < 0) refuse(*node, std::string("'") + key + "' must be a count");
    };
    read("commands", budget.commands);
    read("writes", budget.writes);
    read("requests", budget.requests);
  }

  const std::string name_;
};

// The places of `path` that a pattern can have reached so far, token by token: no backtracking.
bool glob(std::string_view pattern, std::string_view path) {
  std::vector<bool> at(path.size() + 1, false);
  at[0] = true;
  while (!pattern.empty()) {
    std::vector<bool> next(path.size() + 1, false);
    if (pattern.starts_with("**")) {
      pattern.remove_prefix(2);
      const bool is_last = pattern.empty();
      if (pattern.starts_with('/')) pattern.remove_prefix(1);
      bool is_open = false;
      for (size_t i = 0; i <= path.size(); ++i) {
        const bool begins_name = i == 0 || path[i - 1] == '/';
        if (at[i] && (begins_name || is_last)) is_open = true;
        next[i] = at[i] || (is_open && (begins_name || is_last));
      }
    } else if (pattern[0] == '*') {
      pattern.remove_prefix(1);
      bool is_open = false;
      for (size_t i = 0; i <= path.size(); ++i) {
        is_open = at[i] || (is_open && path[i - 1] != '/');
        next[i] = is_open;
      }
    } else {
      for (size_t i = 0; i < path.size(); ++i) {
        const bool fits = pattern[0] == path[i] || (pattern[0] == '?' && path[i] != '/');
        next[i + 1] = at[i] && fits;
      }
      pattern.remove_prefix(1);
    }
    at = std::move(next);
  }
  return at[path.size()];
}

bool fits(const std::vector<std::string>& alternatives, const std::string& word) {
  return std::find(alternatives.begin(), alternatives.end(), word) != alternatives.end();
}

bool fits_at(const CommandRule& rule, const std::vector<std::string>& words, size_t first) {
  if (first + rule.prefix.size() > words.size()) return false;
  for (size_t i = 0; i < rule.prefix.size(); ++i) {
    const std::string& word = words[first + i];
    const bool is_program = i == 0 && fits(rule.prefix[i], std::filesystem::path(word).filename());
    if (!is_program && !fits(rule.prefix[i], word)) return false;
  }
  return true;
}

}  // namespace

PolicyFile parse_policy_file(std::string_view text, const std::string& name) {
  return Reader(name).read(parse_toml(text, name));
}

PolicyFile read_policy_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto kind = std::filesystem::symlink_status(path, error).type();
  if (kind == std::filesystem::file_type::not_found) return {};
  if (error) fail(Code::io, "cannot read the rules in " + path.string() + ": " + error.message());
  return parse_policy_file(read_file(path, 1 << 20), path.string());
}

bool matches(const CommandRule& rule, const std::vector<std::string>& argv) {
  return fits_at(rule, argv, 0);
}

bool stands_anywhere_in(const CommandRule& rule, const std::vector<std::string>& words) {
  for (size_t first = 0; first < words.size(); ++first) {
    if (fits_at(rule, words, first)) return true;
  }
  return false;
}

bool matches(const PathRule& rule, std::string_view relative_path) {
  if (glob(rule.pattern, relative_path)) return true;
  // A folder's rule holds for all beneath it.
  for (size_t at = relative_path.find('/'); at != relative_path.npos;
       at = relative_path.find('/', at + 1)) {
    if (glob(rule.pattern, relative_path.substr(0, at))) return true;
  }
  return false;
}

}  // namespace corvid::policies
