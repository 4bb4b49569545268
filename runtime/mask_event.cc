#include "runtime/mask_event.h"

#include "memory/secrets.h"
#include "runtime/base/json.h"

namespace corvid::runtime {
namespace {

void mask(std::string& text) {
  std::string masked = memory::mask_secrets(text);
  if (masked != text) text = std::move(masked);
}

// Every text beneath it; true when one was masked.
bool mask_texts(Json& json) {
  bool changed = false;
  if (json.is_string()) {
    const std::string text = json.get<std::string>();
    std::string masked = memory::mask_secrets(text);
    if (masked == text) return false;
    json = std::move(masked);
    return true;
  }
  if (!json.is_structured()) return false;
  for (Json& item : json) changed = mask_texts(item) || changed;
  return changed;
}

// Written anew only where something was masked, so that a model's own words stay as they are.
void mask_json(std::string& text) {
  Json json = try_parse_json(text);
  if (!json.is_structured()) return mask(text);
  if (mask_texts(json)) text = dump_json(json);
}

struct Masker {
  void operator()(SessionStarted& body) const {
    mask(body.task);
    Json options = try_parse_json(body.options);
    if (!options.is_object() || !options.contains("task")) return;
    if (mask_texts(options["task"])) body.options = dump_json(options);
  }
  void operator()(MessageAdded& body) const {
    mask(body.message.content);
    mask(body.message.reasoning);
    for (ToolCall& call : body.message.calls) mask_json(call.arguments);
  }
  void operator()(ActionDecided& body) const {
    mask_json(body.action);
    mask(body.reason);
  }
  void operator()(ToolFinished& body) const { mask(body.diff); }
  void operator()(CheckRan& body) const { mask(body.output); }
  void operator()(AttemptEnded& body) const { mask(body.diff); }
  void operator()(Compacted& body) const {
    mask(body.summary);
    mask(body.plan);
  }
  void operator()(RunEnded& body) const { mask_json(body.result); }
  template <typename Body>
  void operator()(Body&) const {}
};

}  // namespace

void mask_secrets(EventBody& body) { std::visit(Masker(), body); }

bool is_masked(const ToolCall& call) {
  return call.arguments.find(memory::kSecretMark) != std::string::npos;
}

}  // namespace corvid::runtime
