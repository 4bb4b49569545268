#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/provider.h"
#include "tools/toolbox.h"

namespace corvid::runtime {

// Corvid's own system text, for models whose profile brings none. The same bytes every time.
std::string_view system_text();

// The first message of a task: the task, then the check, then what memory recalled (volatile,
// last).
std::string task_message(const std::string& task, const std::string& check_command,
                         const std::string& recalled);

// What the first message says where commands have a network after all, or not even one of their own
// (`layers`: Sandbox::describe()); else empty, and for a model with a system text of its own, which
// was trained on nothing else.
std::string network_note(const ModelProfile& model, const sandbox::Profile& commands,
                         const std::string& layers);

// The declarations of `toolbox`, without the arguments that `profile` omits.
std::vector<ToolDeclaration> declare_tools(const tools::Toolbox& toolbox,
                                           const ModelProfile& profile);

}  // namespace corvid::runtime
