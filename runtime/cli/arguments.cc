#include "runtime/cli/arguments.h"

#include <cstdio>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "runtime/base/text.h"
#include "runtime/cli/unknown_command.h"

namespace corvid::runtime {
namespace {

// Of a program whose arguments were refused: what is said of a word that stands where a subcommand
// belongs. Empty when there is none.
std::string about_unknown_word(const CLI::App& program) {
  const CLI::App* at = &program;
  std::string path;
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().back();
    path += (path.empty() ? "" : " ") + at->get_name();
  }
  std::string word;
  for (const std::string& each : at->remaining()) {
    if (word.empty() && !each.starts_with('-')) word = each;
  }
  std::vector<std::string> names;
  for (const CLI::App* each : at->get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(each->get_name());
  }
  return word.empty() || names.empty() ? std::string() : unknown_command(word, path, names);
}

}  // namespace

Option Option::required() {
  option_->required();
  return *this;
}

Option Option::range(int64_t lowest, int64_t highest) {
  option_->check(CLI::Range(lowest, highest));
  return *this;
}

Option Option::number(double lowest, double highest) {
  // CLI::Range takes NaN for a number within its ends.
  const auto refuse = [=](std::string& text) {
    double value = 0;
    if (CLI::detail::lexical_cast(text, value) && value >= lowest && value <= highest) {
      return std::string();
    }
    return fmt::format("'{}' is no number from {} to {}", printable(text), lowest, highest);
  };
  option_->check(CLI::Validator(refuse, ""));
  return *this;
}

Option Option::not_negative() {
  option_->check(CLI::Validator(
      [](const std::string& text) {
        return text.starts_with('-') ? "'" + printable(text) + "' is below 0" : std::string();
      },
      ""));
  return *this;
}

Option Option::one_of(std::vector<std::string> values) {
  option_->check(CLI::IsMember(std::move(values)));
  return *this;
}

Option Option::one_value_each() {
  option_->allow_extra_args(false);
  return *this;
}

Command Command::subcommand(const std::string& name, const std::string& help) {
  return Command(app_->add_subcommand(name, help));
}

Option Command::option(const std::string& names, std::string& target, const std::string& help) {
  return Option(app_->add_option(names, target, help));
}

Option Command::option(const std::string& names, std::vector<std::string>& target,
                       const std::string& help) {
  return Option(app_->add_option(names, target, help));
}

Option Command::option(const std::string& names, int& target, const std::string& help) {
  return Option(app_->add_option(names, target, help));
}

Option Command::option(const std::string& names, int64_t& target, const std::string& help) {
  return Option(app_->add_option(names, target, help));
}

Option Command::option(const std::string& names, uint64_t& target, const std::string& help) {
  return Option(app_->add_option(names, target, help));
}

Option Command::option(const std::string& names, float& target, const std::string& help) {
  return Option(app_->add_option(names, target, help));
}

void Command::flag(const std::string& names, bool& target, const std::string& help) {
  app_->add_flag(names, target, help);
}

void Command::footer(const std::string& text) { app_->footer(text); }

void Command::callback(std::function<void()> action) { app_->callback(std::move(action)); }

void Command::require_subcommand() { app_->require_subcommand(1); }

void Command::fallthrough() { app_->fallthrough(); }

std::vector<std::string> Command::given() const {
  std::vector<std::string> names;
  for (const CLI::Option* option : std::as_const(*app_).get_options()) {
    if (option->count() > 0) names.push_back(option->get_name());
  }
  return names;
}

CommandLine::CommandLine(const std::string& name, const std::string& help,
                         const std::string& version)
    : app_(std::make_unique<CLI::App>(help, name)) {
  app_->set_version_flag("--version", version);
}

CommandLine::~CommandLine() = default;

Command CommandLine::program() { return Command(app_.get()); }

std::optional<int> CommandLine::parse(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    const std::string unknown = error.get_exit_code() == 0 ? "" : about_unknown_word(*app_);
    if (unknown.empty()) return app_->exit(error) == 0 ? 0 : 1;
    std::fprintf(stderr, "%s: %s\n", app_->get_name().c_str(), unknown.c_str());
    return 1;
  }
}

}  // namespace corvid::runtime
