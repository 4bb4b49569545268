#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/provider.h"

namespace corvid::runtime {

ModelProfile parse_profile(std::string_view json) {
  ModelProfile profile;
  try {
    const Json object = parse_json(json, "corvid.profile");
    if (!object.is_object()) fail(Code::corrupt, "not a JSON object");
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
  } catch (const std::exception& error) {  // the library's, and what the text's reader says
    fail(Code::corrupt, std::string("corvid.profile: ") + error.what());
  }
  if (profile.attempts < 1 || profile.attempts > 4096) {
    fail(Code::corrupt, "corvid.profile: 'attempts' must be 1 to 4096");
  }
  for (const auto& [argument, source] : profile.offered) {
    if (source != "check" && source != "source_files" && source != "files" && source != "choices" &&
        source != "none") {
      fail(Code::corrupt, "corvid.profile: offered '" + argument + "' is drawn from '" + source +
                              "'; known: check source_files files choices none");
    }
  }
  return profile;
}

}  // namespace corvid::runtime
