#include "runtime/erase_event.h"

#include <algorithm>
#include <initializer_list>

#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "tools/toolbox.h"

namespace corvid::runtime {
namespace {

constexpr std::string_view kForgotten = "[forgotten]";
// Shorter lines of a forgotten turn are too common to be told apart from other text.
constexpr size_t kLineBytesErased = 12;
constexpr size_t kKeyBytes = 4;
constexpr int kErasedDepthMax = 1000;
constexpr std::string_view kForgottenTool = "forgotten_tool";  // providers take no brackets there

bool blank(std::string& text) {
  if (text.empty() || text == kForgotten) return false;
  text = kForgotten;
  return true;
}

bool replace(std::string& text, std::string_view other) {
  if (text == other) return false;
  text = other;
  return true;
}

class EventEraser {
 public:
  explicit EventEraser(const EraseOrders& orders) : orders_(orders) {}

  // True when something was erased.
  bool erase(Event& event) {
    bool changed = orders_.sequences.contains(event.sequence) && blank_event(event);
    return std::visit([&](auto& body) { return in(body); }, event.body) || changed;
  }

 private:
  bool in(std::string& text) const { return orders_.needles.erase(text); }
  bool in(std::vector<std::string>& texts) const {
    bool changed = false;
    for (std::string& text : texts) changed = in(text) || changed;
    return changed;
  }
  bool in(Json& json) const {  // every text and number beneath it
    if (json.is_string()) {
      std::string text = json.get<std::string>();
      if (!in(text)) return false;
      json = text;
      return true;
    }
    if (json.is_number()) {
      if (!orders_.needles.are_in(dump_json(json))) return false;
      json = kForgotten;
      return true;
    }
    bool changed = false;
    if (json.is_object()) changed = in_keys(json, false);
    if (json.is_structured()) {
      for (Json& item : json) changed = in(item) || changed;
    }
    return changed;
  }
  // Names of fields; a plain identifier is a tool's word and stays, unless `all`.
  bool in_keys(Json& json, bool all) const {
    std::vector<std::string> names;
    for (const auto& item : json.items()) {
      const bool is_plain =
          !all && item.key().find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos;
      if (!is_plain && orders_.needles.are_in(item.key())) names.push_back(item.key());
    }
    for (const std::string& name : names) {
      std::string renamed = name;
      in(renamed);
      Json value = json[name];
      json.erase(name);
      json[renamed] = std::move(value);
    }
    return !names.empty();
  }
  template <typename Change>
  bool in_json(std::string& text, Change change) const {
    // A model's arguments are logged before their depth is refused.
    Json json = try_parse_json(text, kErasedDepthMax);
    if (!json.is_structured()) return in(text);
    return change(json) && replace(text, dump_json(json));
  }
  bool in_fields(Json& json, std::initializer_list<const char*> names) const {
    bool changed = false;
    if (!json.is_object()) return false;
    for (const char* name : names) {
      if (json.contains(name)) changed = in(json[name]) || changed;
    }
    return changed;
  }

  // Every text beneath it, but not in the fields `but`.
  bool in_texts(Json& json, std::initializer_list<std::string_view> but) const {
    if (json.is_string()) return in(json);
    bool changed = false;
    if (json.is_object()) {
      for (const auto& item : json.items()) {
        if (std::find(but.begin(), but.end(), item.key()) != but.end()) continue;
        changed = in_texts(item.value(), but) || changed;
      }
    } else if (json.is_array()) {
      for (Json& item : json) changed = in_texts(item, but) || changed;
    }
    return changed;
  }
  // The program's own tools keep their names; others are a model's words. `all`: any text goes.
  bool in_tool(std::string& name, bool all = false) const {
    if (!all && !orders_.needles.are_in(name)) return false;
    const std::vector<std::string> own = tools::tool_names();
    return std::find(own.begin(), own.end(), name) == own.end() && replace(name, kForgottenTool);
  }
  bool without_holding(Json& json, const char* name) const {
    if (!json.contains(name) || !json[name].is_array()) return false;
    Json rest = Json::array();
    for (const Json& item : json[name]) {
      if (!item.is_string() || !orders_.needles.are_in(item.get<std::string>())) {
        rest.push_back(item);
      }
    }
    if (rest.size() == json[name].size()) return false;
    json[name] = std::move(rest);
    return true;
  }

  bool in(SessionStarted& body) const {
    bool changed = orders_.has_task && blank(body.task);
    changed = in(body.task) || changed;
    changed = in(body.sandbox) || changed;
    return in_json(body.options, [&](Json& json) { return in_options(json); }) || changed;
  }
  bool in_options(Json& json) const {
    if (!json.is_object()) return false;
    bool changed = orders_.has_task;
    if (orders_.has_task) json["task"] = kForgotten;
    // A command with a part of it gone would do something else: no check rather.
    if (in_fields(json, {"verify"})) {
      json["verify"] = "";
      changed = true;
    }
    // Nor is a path or host with a part of it gone what was allowed.
    changed = without_holding(json, "allow_read") || changed;
    changed = without_holding(json, "allow_host") || changed;
    return in_texts(json, {"workspace", "mode", "edit_ranking"}) || changed;
  }
  bool in(MessageAdded& body) const {
    Message& message = body.message;
    bool changed = false;
    if (message.role == Role::tool && orders_.call_results.contains(message.call_id)) {
      changed = blank(message.content);
    }
    changed = in_recalled(message.content) || changed;
    changed = in(message.content) || changed;
    changed = in(message.reasoning) || changed;
    for (ToolCall& call : message.calls) {
      // Rewritten as it was understood: what was said twice is gone then.
      const bool is_hit = orders_.needles.are_in(call.arguments);
      changed = in_json(call.arguments, [&](Json& json) { return in(json) || is_hit; }) || changed;
      changed = in_tool(call.name) || changed;
    }
    return changed;
  }
  bool in(ActionDecided& body) const {
    const bool is_ordered = orders_.calls.contains(body.call_id);
    bool changed = in_tool(body.tool, is_ordered);
    if (is_ordered) {
      changed = replace(body.action, dump_json({{"tool", body.tool}})) || changed;
      return blank(body.reason) || changed;
    }
    changed = in(body.reason) || changed;
    return in_json(body.action,
                   [&](Json& json) {
                     std::string tool = json_string_or(json, "tool", "");
                     const bool is_hit = in_tool(tool);
                     if (is_hit) json["tool"] = tool;
                     return in_texts(json, {"tool"}) || is_hit;
                   }) ||
           changed;
  }
  bool in(ToolFinished& body) const {
    bool changed = in_tool(body.tool, orders_.calls.contains(body.call_id));
    if (orders_.call_results.contains(body.call_id)) {
      changed = blank(body.diff) || changed;
      return replace(body.state, "") || changed;
    }
    changed = in(body.diff) || changed;
    return in_json(body.state, [&](Json& json) { return in_state(json); }) || changed;
  }
  // Paths that were read, and path, old and new text of the choices.
  bool in_state(Json& json) const {
    if (!json.is_object()) return false;
    bool changed = json.contains("read") && json["read"].is_object() && in_keys(json["read"], true);
    if (json.contains("plan")) changed = in(json["plan"]) || changed;
    if (!json.contains("choices") || !json["choices"].is_array()) return changed;
    for (Json& choice : json["choices"]) {
      for (const size_t i : {1, 3, 4}) {
        if (choice.is_array() && i < choice.size()) changed = in(choice[i]) || changed;
      }
    }
    return changed;
  }
  bool in(SnapshotTaken& body) const { return in(body.left_out); }
  bool in(CheckRan& body) const {
    const bool changed = in(body.command), is_named = in(body.left_out);
    return in(body.output) || changed || is_named;
  }
  bool in(AttemptEnded& body) const { return in(body.diff); }
  bool in(Resumed& body) const { return in(body.changed_files); }
  bool in(Compacted& body) const {
    const bool changed = in(body.summary);
    return in(body.plan) || changed;
  }
  bool in(RunEnded& body) const {
    return in_json(body.result, [&](Json& json) {
      return in_texts(json, {"type", "status", "session", "log"});
    });
  }
  template <typename Body>
  bool in(Body&) const {
    return false;
  }

  bool in_recalled(std::string& text) const {
    if (orders_.recalled.empty() || text.find("[t") == std::string::npos) return false;
    bool changed = false;
    std::vector<std::string> lines;
    for (const std::string_view line : split_lines(text)) {
      const size_t end = line.find(' ');
      const bool is_hit = line.starts_with("[t") && end != std::string_view::npos &&
                          orders_.recalled.contains(std::string(line.substr(0, end + 1)));
      lines.emplace_back(is_hit ? kForgotten : line);
      changed = changed || is_hit;
    }
    const bool has_end = text.ends_with('\n');
    if (changed) text = join(lines, "\n") + (has_end ? "\n" : "");
    return changed;
  }

  bool blank_event(Event& event) const {
    if (auto* added = std::get_if<MessageAdded>(&event.body)) {
      bool changed = blank(added->message.content);
      if (!added->message.reasoning.empty()) changed = blank(added->message.reasoning) || changed;
      for (ToolCall& call : added->message.calls) {
        changed = replace(call.arguments, "{}") || changed;
        changed = in_tool(call.name, true) || changed;
      }
      return changed;
    }
    auto* ended = std::get_if<RunEnded>(&event.body);
    if (ended == nullptr) return false;
    Json json = try_parse_json(ended->result);
    if (!json.is_object()) return replace(ended->result, "{}");
    for (const char* name : {"changed_files", "changed_files_encoded", "changed_tests"}) {
      if (json.contains(name)) json[name] = Json::array();
    }
    json["message"] = kForgotten;
    json["diff"] = "";
    if (json.contains("verify") && json["verify"].is_object()) {
      json["verify"]["command"] = kForgotten;
      json["verify"]["output"] = "";
      json["verify"].erase("left_out");
    }
    return replace(ended->result, dump_json(json));
  }

  const EraseOrders& orders_;
};

}  // namespace

void Needles::add(std::string_view text) {
  const std::string_view trimmed = trim(text);
  if (trimmed.empty()) return;
  add_one(lower_case(trimmed));
  // As it stands in JSON text within a string.
  const std::string escaped = dump_json(Json(to_utf8(trimmed)));
  add_one(lower_case(std::string_view(escaped).substr(1, escaped.size() - 2)));
}

void Needles::add_lines(std::string_view text) {
  const auto add_long = [&](std::string_view part) {
    if (trim(part).size() >= kLineBytesErased) this->add(part);
  };
  add_long(text);
  for (const std::string_view line : split_lines(text)) {
    add_long(line);
    if (line.starts_with("Check: ")) add_long(line.substr(7));
    if (line.starts_with('+') || line.starts_with('-')) add_long(line.substr(1));
  }
}

bool Needles::erase(std::string& text) const {
  if (begins_.empty()) return false;
  const std::string low_text = lower_case(text);
  std::string result;
  size_t done = 0;
  for (Found found; find(low_text, done, found); done = found.at + found.bytes) {
    result.append(text, done, found.at - done);
    result += kForgotten;
  }
  if (done == 0) return false;
  text = result.append(text, done);
  return true;
}

bool Needles::are_in(std::string_view text) const {
  Found found;
  return !begins_.empty() && find(lower_case(text), 0, found);
}

void Needles::add_one(std::string text) {
  auto& same = begins_[text.substr(0, kKeyBytes)];
  if (std::find(same.begin(), same.end(), text) != same.end()) return;
  can_begin_[uint8_t(text[0])] = true;
  same.push_back(std::move(text));
  std::sort(same.begin(), same.end(),
            [](const auto& a, const auto& b) { return a.size() > b.size(); });
}

bool Needles::find(std::string_view text, size_t from, Found& found) const {
  for (size_t at = from; at < text.size(); ++at) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with(kForgotten)) {
      at += kForgotten.size() - 1;
      continue;
    }
    if (!can_begin_[uint8_t(rest[0])]) continue;
    for (size_t bytes = std::min(kKeyBytes, rest.size()); bytes > 0; --bytes) {
      const auto same = begins_.find(std::string(rest.substr(0, bytes)));
      if (same == begins_.end()) continue;
      for (const std::string& needle : same->second) {
        if (!rest.starts_with(needle)) continue;
        found = {at, needle.size()};
        return true;
      }
    }
  }
  return false;
}

bool erase_from_event(Event& event, const EraseOrders& orders) {
  return EventEraser(orders).erase(event);
}

}  // namespace corvid::runtime
