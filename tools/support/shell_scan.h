#pragma once
// A forgiving look at shell texts: which commands may run, what they read and where their output
// goes. It is no parser: what it does not understand it passes over.

#include <string>
#include <string_view>
#include <vector>

namespace corvid::tools {

struct ScannedCommand {
  std::vector<std::string> words;    // unquoted; "$" stands for a substitution, variables stay
  std::vector<std::string> inputs;   // of "< FILE"
  std::vector<std::string> outputs;  // of "> FILE" and ">> FILE"; not /dev/null
  bool is_piped = false;             // into the next command
  bool is_substituted = false;       // stands in $(...), `...` or <(...)
};

// The simple commands of `text` in order, those of substitutions too. At most 2000.
std::vector<ScannedCommand> scan_shell(std::string_view text);

}  // namespace corvid::tools
