#include "engine/text/call_form.h"

namespace corvid::engine {

namespace {

CallForm hermes() {
  CallForm form;
  form.open = "<tool_call>\n{\"name\": \"";
  form.name_end = ", \"arguments\": ";
  form.close = "}\n</tool_call>";
  form.next = "\n<tool_call>\n{\"name\": \"";
  form.triggers = {{"<tool_call>", 11}};
  form.names_quoted = true;
  form.tags = {"<tool_call>", "</tool_call>"};
  return form;
}

CallForm xml() {
  CallForm form;
  form.open = "<tool_call>\n<function=";
  form.name_end = ">\n";
  form.close = "\n</tool_call>";
  form.next = "\n<tool_call>\n<function=";
  // Models leave the outer tag out now and then.
  form.triggers = {{"<tool_call>", 11}, {"<function=", 22}};
  form.xml = true;
  form.tags = {"<tool_call>", "</tool_call>"};
  return form;
}

CallForm llama3() {
  CallForm form;
  form.open = "{\"name\": \"";
  form.name_end = ", \"parameters\": ";
  form.close = "}";
  form.triggers = {{"<|python_tag|>", 0}};
  form.at_start = true;
  form.names_quoted = true;
  form.tags = {"<|python_tag|>"};
  return form;
}

CallForm kimi() {
  CallForm form;
  form.open = "<|tool_calls_section_begin|><|tool_call_begin|>functions.";
  form.name_end = ":";
  form.close = "<|tool_call_end|>";
  form.next = "<|tool_call_begin|>functions.";
  form.last = "<|tool_calls_section_end|>";
  form.triggers = {{"<|tool_calls_section_begin|>", 28}};
  form.numbered = true;
  form.tags = {"<|tool_calls_section_begin|>", "<|tool_calls_section_end|>",
               "<|tool_call_begin|>", "<|tool_call_end|>", kArgumentsTag};
  return form;
}

}  // namespace

const CallForm& call_form(CallSyntax syntax) {
  static const CallForm kHermes = hermes(), kXml = xml(), kLlama3 = llama3(), kKimi = kimi();
  switch (syntax) {
    case CallSyntax::xml: return kXml;
    case CallSyntax::llama3_json: return kLlama3;
    case CallSyntax::kimi: return kKimi;
    default: return kHermes;
  }
}

const CallForm& value_form() {
  static const CallForm kNothing;
  return kNothing;
}

CallSyntax call_syntax(std::string_view chat_template) {
  const auto has = [&](std::string_view text) {
    return chat_template.find(text) != std::string_view::npos;
  };
  if (has("<function=")) return CallSyntax::xml;
  if (has("<|tool_call_begin|>functions.") || has("<|tool_call_argument_begin|>")) {
    return CallSyntax::kimi;
  }
  if (!has("<tool_call>") && has("\"parameters\": ")) return CallSyntax::llama3_json;
  return CallSyntax::hermes_json;
}

}  // namespace corvid::engine
