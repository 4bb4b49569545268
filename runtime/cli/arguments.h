#pragma once
// The command line: commands with their options. Only arguments.cc knows the library that parses
// it, which takes seconds to compile.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace corvid::runtime {

// One option of a command: a handle that lives no longer than its CommandLine. A value that one of
// these refuses is a usage error, told with the option's name.
class Option {
 public:
  Option required();
  Option range(int64_t lowest, int64_t highest);  // a whole number, both ends included
  Option number(double lowest, double highest);   // any number but NaN, both ends included
  Option not_negative();
  Option one_of(std::vector<std::string> values);
  // Of a list: each use of the option takes one value, not all that follow.
  Option one_value_each();

 private:
  friend class Command;
  explicit Option(CLI::Option* option) : option_(option) {}

  CLI::Option* option_;
};

// A command, or the program itself: a handle that lives no longer than its CommandLine; copies name
// the same command.
class Command {
 public:
  // This, option() and flag() throw std::exception for a name that the command has already.
  Command subcommand(const std::string& name, const std::string& help);

  // Puts what is given into `target`, which lives until parse() has returned and keeps its value
  // when nothing is given. `names` is "--verify" or "-w,--workspace"; a name without dashes is an
  // argument told by its place.
  Option option(const std::string& names, std::string& target, const std::string& help);
  Option option(const std::string& names, std::vector<std::string>& target,
                const std::string& help);
  Option option(const std::string& names, int& target, const std::string& help);
  Option option(const std::string& names, int64_t& target, const std::string& help);
  Option option(const std::string& names, uint64_t& target, const std::string& help);
  Option option(const std::string& names, float& target, const std::string& help);
  void flag(const std::string& names, bool& target, const std::string& help);

  void footer(const std::string& text);         // below the help
  void callback(std::function<void()> action);  // what the command does
  void require_subcommand();                    // one of them, and no second
  void fallthrough();                           // its parent's options may stand behind it, too

  // The names of the options that the user gave, the long one where there are two. For a callback:
  // nothing is given before parse().
  std::vector<std::string> given() const;

 private:
  friend class CommandLine;
  explicit Command(CLI::App* app) : app_(app) {}

  CLI::App* app_;
};

class CommandLine {
 public:
  CommandLine(const std::string& name, const std::string& help, const std::string& version);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  Command program();

  // Runs the callback of the command that the arguments name; what that throws passes through.
  // Gives nothing then. Else the exit code of the program: 0 when help or the version was asked
  // for, which are on stdout now; 1 for a usage error, which is told on stderr.
  std::optional<int> parse(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace corvid::runtime
