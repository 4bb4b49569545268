#include "policies/what_runs.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string_view>

#include "policies/shell_words.h"
#include "runtime/base/text.h"

namespace corvid::policies {
namespace {

using Words = std::vector<std::string>;

constexpr int kDepthMax = 8;
constexpr size_t kWordsMax = 100'000;   // looked at; beyond, all words count wherever they stand
constexpr size_t kShownWordsMax = 32;  // behind options; rules have fewer

std::string program_of(const std::string& word) {
  return std::filesystem::path(word).filename().string();
}

// Programs whose later words are a command.
bool is_wrapper(const std::string& program) {
  static const std::set<std::string> programs = {
      "builtin", "busybox", "chronic", "chroot", "chrt", "command", "coproc", "dbus-run-session",
      "doas", "dumb-init", "eatmydata", "entr", "env", "exec", "fakeroot", "firejail", "flock",
      "gosu", "hyperfine", "ionice", "linux32", "linux64", "ltrace", "nice", "nohup", "nsenter",
      "numactl", "parallel", "perf", "prlimit", "proot", "proxychains", "proxychains4", "rlwrap",
      "runuser", "script", "sem", "setarch", "setpriv", "setsid", "sg", "ssh", "stdbuf", "strace",
      "su", "sudo", "systemd-run", "taskset", "time", "timeout", "tini", "torsocks", "toybox",
      "trap", "unbuffer", "unshare", "valgrind", "watch", "xargs", "xvfb-run"};
  return programs.contains(program);
}

// Wrappers with a word of their own in front of the command.
bool takes_word(const std::string& program) {
  static const std::set<std::string> programs = {"chroot", "flock",   "gosu",
                                                 "perf",   "setarch", "sg", "ssh"};
  return programs.contains(program);
}

bool is_option(const std::string& word) {
  return word.size() > 1 && (word[0] == '-' || word[0] == '+');
}

// Where a command may begin behind the options from `from` on; a wrapper's assignments and numbers
// are passed over too. With `has_values` an option may have a value behind it: both readings count.
// Git's few options with values are known.
std::vector<size_t> starts(const Words& argv, size_t from, bool is_wrapped, bool has_values) {
  static const std::set<std::string> git_values = {
      "-C",          "-c",          "--attr-source",  "--config-env", "--exec-path",
      "--git-dir",   "--namespace", "--super-prefix", "--work-tree"};
  const bool is_git = program_of(argv[0]) == "git";
  std::vector<size_t> found;
  std::vector<bool> is_reached(argv.size() + 2, false);
  is_reached[from] = true;
  for (size_t i = from; i < argv.size(); ++i) {
    if (!is_reached[i]) continue;
    const std::string& word = argv[i];
    const bool is_setting = is_wrapped && (word.empty() || (word[0] >= '0' && word[0] <= '9') ||
                                           word.find('=') != word.npos);
    if (!is_option(word) && !is_setting) {
      found.push_back(i);
      continue;
    }
    const bool takes_next = is_git && git_values.contains(word);
    if (!takes_next) is_reached[i + 1] = true;
    if (takes_next || (!is_git && has_values && is_option(word))) is_reached[i + 2] = true;
  }
  return found;
}

bool is_name(char c) { return c == '_' || std::isalnum(uint8_t(c)) != 0; }

// The text with `put` where a shell puts the values of variables and the output of commands.
std::string with_expansions_as(std::string_view text, std::string_view put) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : ' ';
    if (text[i] == '`') {
      i = std::min(text.find('`', i + 1), text.size());
    } else if (text[i] == '$' && (next == '(' || next == '{')) {
      int depth = 0;
      for (++i; i < text.size(); ++i) {
        if (text[i] == next) ++depth;
        if (text[i] == (next == '(' ? ')' : '}') && --depth == 0) break;
      }
    } else if (text[i] == '$') {
      if (std::string_view("@*#?!-$").find(next) != std::string_view::npos) ++i;
      while (i + 1 < text.size() && is_name(text[i + 1])) ++i;
    } else {
      out += text[i];
      continue;
    }
    out += put;
  }
  return out;
}

// The first words of each command of a text that is more than plain words. Quoted ones and what
// stands behind an expansion is left out.
std::vector<Words> leading_commands(std::string_view text) {
  static const std::set<std::string> keywords = {"then", "else", "elif", "if", "do", "while",
                                                 "until", "!", "time", "eval", "exec"};
  std::vector<Words> found;
  std::string piece;
  char quote = '\0';
  const auto end_piece = [&] {
    Words words;
    if (piece.find_first_not_of(" \t\r") != piece.npos) words = leading_words(piece);
    const auto is_lead = [](const std::string& word) {
      return keywords.contains(word) || word.find('=') != word.npos;
    };
    words.erase(words.begin(), std::find_if_not(words.begin(), words.end(), is_lead));
    if (!words.empty()) found.push_back(std::move(words));
    piece.clear();
  };
  for (const char c : text) {
    if (quote == '\0' && std::string_view(";|&\n(){}`").find(c) != std::string_view::npos) {
      end_piece();
      continue;
    }
    if (c == quote) {
      quote = '\0';
    } else if (quote == '\0' && (c == '\'' || c == '"')) {
      quote = c;
    }
    piece += c;
  }
  end_piece();
  return found;
}

class Finder {
 public:
  void add_text(std::string text, int depth) {
    for (size_t at = 0; (at = text.find("\\\n", at)) != text.npos;) text.erase(at, 2);
    words_ += text.size() / 4;
    if (is_cut_ = is_cut_ || depth > kDepthMax || words_ > kWordsMax; is_cut_) return;
    const auto parts = split_shell(text);
    for (const Words& argv : parts ? *parts : leading_commands(text)) add(argv, depth);
    const bool feeds_shell = parts && std::ranges::any_of(*parts, [](const Words& argv) {
      return is_shell(program_of(argv[0])) && starts(argv, 1, false, false).empty();
    });
    if (!parts || feeds_shell) add_loose(text);
  }

  void add(const Words& argv, int depth) {
    words_ += argv.size();
    if (is_cut_ = is_cut_ || depth > kDepthMax || words_ > kWordsMax; is_cut_) return;
    found_.commands.push_back(argv);
    const std::string program = program_of(argv[0]);
    if (is_shell(program)) return add_shell(argv, depth + 1);
    if (program == "find" || program == "fd") return add_find(argv, depth + 1);
    if (is_wrapper(program)) return add_wrapped(argv, program, depth + 1);
    if (argv.size() < 2 || !is_option(argv[1])) return;
    for (const size_t start : starts(argv, 1, false, false)) {
      found_.commands.push_back(with_rest(argv, 0, start));
    }
    for (const size_t start : starts(argv, 1, false, true)) {
      found_.loose.push_back(with_rest(argv, 0, start));
    }
  }

  // What was found in `text`, which is all that was looked at.
  WhatRuns take(const std::string& text) {
    if (is_cut_) found_.loose.push_back(loose_words(text));
    return std::move(found_);
  }

 private:
  // The word at `first` and some of those from `rest` on.
  static Words with_rest(const Words& words, size_t first, size_t rest) {
    Words made = {words[first]};
    const size_t end = std::min(words.size(), rest + kShownWordsMax);
    made.insert(made.end(), words.begin() + ptrdiff_t(rest), words.begin() + ptrdiff_t(end));
    return made;
  }

  void add_loose(std::string text) {
    std::set<std::string> readings = {text, with_expansions_as(text, "")};
    std::ranges::replace(text, ',', ' ');  // "git {push,}"
    readings.insert(with_expansions_as(text, " "));
    for (const std::string& reading : readings) {
      Words words = loose_words(reading);
      for (size_t i = 0; i + 1 < words.size() && words_ < kWordsMax; ++i) {
        if (is_option(words[i]) || !is_option(words[i + 1])) continue;
        const Words rest(words.begin() + ptrdiff_t(i),
                         words.begin() + ptrdiff_t(std::min(words.size(), i + kShownWordsMax)));
        for (const size_t start : starts(rest, 1, false, true)) {
          found_.loose.push_back(with_rest(rest, 0, start));
          words_ += rest.size();
        }
      }
      found_.loose.push_back(std::move(words));
    }
  }

  void add_shell(const Words& argv, int depth) {
    // fish: -c, -C, --command and --init-command
    const auto is_long = [](const std::string& word) {
      return word.starts_with("--command") || word.starts_with("--init-command");
    };
    const bool has_text = std::ranges::any_of(argv, [&](const std::string& word) {
      return is_long(word) || (is_option(word) && word[1] != '-' &&
                               word.find_first_of("cC") != word.npos);
    });
    for (size_t i = 1; has_text && i < argv.size(); ++i) {
      if (!is_option(argv[i])) add_text(argv[i], depth);
      const size_t equals = is_long(argv[i]) ? argv[i].find('=') : argv[i].npos;
      if (equals != argv[i].npos) add_text(argv[i].substr(equals + 1), depth);
    }
  }

  void add_find(const Words& argv, int depth) {
    static const std::set<std::string> openers = {"-exec", "-execdir", "-ok",    "-okdir",
                                                  "-x",    "-X",       "--exec", "--exec-batch"};
    for (size_t i = 1; i + 1 < argv.size(); ++i) {
      if (openers.contains(argv[i])) add({argv.begin() + ptrdiff_t(i) + 1, argv.end()}, depth);
    }
  }

  void add_wrapped(const Words& argv, const std::string& program, int depth) {
    for (const std::string& word : argv) {  // env -S'git push', --split-string='git push'
      if (!is_option(word) || word.find_first_of(" \t\n") == word.npos) continue;
      add_text(word.substr(word.starts_with("--") ? word.find('=') + 1 : 2), depth);
    }
    std::set<size_t> found_at;
    for (const size_t start : starts(argv, 1, true, true)) {
      found_at.insert(start);
      if (!takes_word(program) || start + 1 == argv.size()) continue;
      for (const size_t next : starts(argv, start + 1, true, true)) found_at.insert(next);
    }
    for (const size_t start : found_at) {
      if (argv[start].find_first_of(" \t\n") != std::string::npos) add_text(argv[start], depth);
      else add({argv.begin() + ptrdiff_t(start), argv.end()}, depth);
    }
  }

  WhatRuns found_;
  size_t words_ = 0;  // looked at
  bool is_cut_ = false;
};

}  // namespace

WhatRuns what_runs(const std::vector<std::string>& argv) {
  Finder finder;
  if (!argv.empty()) finder.add(argv, 0);
  return finder.take(join(argv, " "));
}

WhatRuns what_runs(const std::string& shell_text) {
  Finder finder;
  finder.add_text(shell_text, 0);
  return finder.take(shell_text);
}

bool holds(const CommandRule& rule, const WhatRuns& runs, bool is_strict) {
  const auto fits = [&](const Words& argv) { return matches(rule, argv); };
  if (std::any_of(runs.commands.begin(), runs.commands.end(), fits)) return true;
  const auto stands = [&](const Words& words) { return stands_anywhere_in(rule, words); };
  return is_strict && std::any_of(runs.loose.begin(), runs.loose.end(), stands);
}

}  // namespace corvid::policies
