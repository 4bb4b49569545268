// Schemas of tools: compiling them, a short walk under the mask, and closing what is open.
#include <algorithm>

#include "engine/constraint.h"
#include "engine/gguf.h"
#include "engine/convert.h"
#include "engine/tokenizer.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "tests/fuzz/fuzz.h"

using namespace corvid;

namespace {

const engine::Tokenizer& tokenizer() {
  static const auto made = [] {
    const TempDir folder("fuzz");
    const auto path = folder.path() / "model.gguf";
    engine::convert_model(std::string(CORVID_SOURCE_DIR) + "/tests/golden/engine/convert/llama",
                          std::nullopt, path);
    return engine::Tokenizer::make(*engine::GgufFile::open(path));
  }();
  return *made;
}

void walk(const engine::ConstraintSpec& spec, size_t salt) {
  engine::Constraint constraint(spec, tokenizer());
  std::vector<float> logits(static_cast<size_t>(tokenizer().vocab_size()));
  for (int i = 0; i < 40; ++i) {
    engine::Token token = constraint.forced();
    if (token < 0) {
      for (size_t j = 0; j < logits.size(); ++j) {
        salt = salt * 6364136223846793005u + 1442695040888963407u;
        logits[j] = static_cast<float>(salt >> 40);
      }
      constraint.mask(logits);
      const auto best = std::max_element(logits.begin(), logits.end());
      fuzz::check(*best >= 0);  // something is allowed
      token = static_cast<engine::Token>(best - logits.begin());
    }
    constraint.accept(token);
    if (tokenizer().is_end(token)) return;
  }
  constraint.closing();  // checks that it closes
}

}  // namespace

std::vector<std::string> fuzz_seeds() {
  return {R"({"type": "object", "properties": {"a": {"type": "string", "pattern": "^[a-z]{2,4}(x|\\d)+$"}}, "required": ["a"]})",
          R"({"properties": {"a": {"anyOf": [{"type": "integer", "minimum": -3, "multipleOf": 2}, {"enum": ["x", null]}]}}})",
          R"({"properties": {"a": {"$ref": "#/$defs/t"}}, "$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}}})",
          R"({"allOf": [{"properties": {"a": {"format": "date-time", "type": "string"}}}, {"required": ["a"]}]})",
          R"({"properties": {"m": {"type": "object", "additionalProperties": {"type": "number", "maximum": 1.5}}, "t": {"prefixItems": [true, {"const": 1}]}}})"};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  engine::ConstraintSpec spec;
  spec.tools = {{"t", std::string(fuzz::text_of(data, size)), {}, {}}};
  spec.call_required = true;
  spec.allow_text = false;
  spec.syntax = size % 2 ? engine::CallSyntax::hermes_json : engine::CallSyntax::xml;
  try {
    walk(spec, size);
  } catch (const Error& error) {
    fuzz::check(error.code() == Code::invalid);
  }
  return 0;
}
