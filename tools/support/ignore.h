#pragma once
// Patterns as in .gitignore files (gitignore(5)) and the globs of list_files.

#include <string>
#include <string_view>
#include <vector>

namespace corvid::tools {

// wildmatch with pathname rules: "*" and "?" stop at "/", "**" as a whole component crosses it,
// "[a-z]" "[!a]" classes, "\" quotes. A pattern that needs too many steps does not match.
bool glob_match(std::string_view pattern, std::string_view path);

// The rules of the .gitignore files seen so far, in the order of git: a file nearer to the path
// wins, in a file the last matching line. A value: a walk copies it on its way down.
class IgnoreRules {
 public:
  // `base`: the folder of the file, relative to the root, "" for the root itself.
  void add(std::string_view base, std::string_view file_text);

  // Whether `path` (relative to the root) itself is ignored. That everything beneath an ignored
  // folder is ignored is for the walk to do: it does not go down.
  bool is_ignored(std::string_view path, bool is_folder) const;

 private:
  struct Rule {
    std::string base;     // "" or "a/b/"
    std::string pattern;  // without "!", leading and trailing "/"
    bool is_negated = false;
    bool is_folder_only = false;
    bool is_anchored = false;  // matches the path beneath base; else the last component
  };
  std::vector<Rule> rules_;
};

}  // namespace corvid::tools
