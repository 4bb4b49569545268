#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/provider.h"

namespace corvid::runtime {

ModelProfile parse_profile(std::string_view json) {
  const Json object = parse_json(json, "corvid.profile");
  if (!object.is_object()) fail(Code::invalid, "corvid.profile: not a JSON object");
  ModelProfile profile;
  try {
    profile.system = json_string_or(object, "system", "");
    profile.calls_required = json_string_or(object, "calls", "") == "required";
    profile.tool_output_bytes = json_int_or(object, "tool_output_bytes", 0);
    profile.reads_max = int(json_int_or(object, "reads_max", 0));
    profile.attempts = int(json_int_or(object, "attempts", 1));
    if (object.contains("tools"))
      profile.tools = object.at("tools").get<std::vector<std::string>>();
    if (object.contains("offered")) {
      profile.offered = object.at("offered").get<std::map<std::string, std::string>>();
    }
    if (object.contains("omit")) {
      profile.omit = object.at("omit").get<std::map<std::string, std::vector<std::string>>>();
    }
  } catch (const Json::exception& error) {
    fail(Code::invalid, std::string("corvid.profile: ") + error.what());
  }
  if (profile.attempts < 1 || profile.attempts > 4096) {
    fail(Code::invalid, "corvid.profile: 'attempts' must be 1 to 4096");
  }
  for (const auto& [argument, source] : profile.offered) {
    if (source != "check" && source != "python_files" && source != "files" && source != "choices" &&
        source != "none") {
      fail(Code::invalid, "corvid.profile: offered '" + argument + "' is drawn from '" + source +
                              "'; known: check python_files files choices none");
    }
  }
  return profile;
}

}  // namespace corvid::runtime
