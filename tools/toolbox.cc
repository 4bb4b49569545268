#include "tools/toolbox.h"

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::tools {
namespace {

constexpr int kProblemsMax = 8;

// "<root>[path]" -> "path".
std::string place_of(const std::vector<std::string>& context) {
  std::string place;
  for (size_t i = 1; i < context.size(); ++i) {
    std::string part = context[i];
    if (part.starts_with('[') && part.ends_with(']')) part = part.substr(1, part.size() - 2);
    if (!place.empty()) place += '.';
    place += part;
  }
  return place;
}

}  // namespace

Toolbox::Toolbox(std::span<const std::string> names) {
  const std::vector<std::string> all = names.empty() ? tool_names() : std::vector<std::string>{};
  for (const std::string& name : names.empty() ? std::span<const std::string>(all) : names) {
    if (find(name) != nullptr) fail(Code::invalid, "tool '" + name + "' is named twice");
    tools_.push_back(make_tool(name));
  }
}

const Tool* Toolbox::find(std::string_view name) const {
  for (const std::unique_ptr<Tool>& tool : tools_) {
    if (tool->spec().name == name) return tool.get();
  }
  return nullptr;
}

void Toolbox::validate(const Tool& tool, const Json& args) {
  const ToolSpec& spec = tool.spec();
  const Json schema_json = parse_json(spec.schema, "schema of " + spec.name);
  valijson::Schema schema;
  valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(schema_json),
                                          schema);
  valijson::Validator validator;
  valijson::ValidationResults results;
  if (validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(args), &results)) return;
  std::vector<std::string> problems;
  valijson::ValidationResults::Error error;
  while (int(problems.size()) < kProblemsMax && results.popError(error)) {
    // This one only repeats that a property of it was refused.
    if (error.description.starts_with("Failed to validate against schema associated")) continue;
    const std::string place = place_of(error.context);
    problems.push_back(place.empty() ? error.description : place + ": " + error.description);
  }
  fail(Code::invalid, "arguments of " + spec.name + ": " + join(problems, " "));
}

}  // namespace corvid::tools
