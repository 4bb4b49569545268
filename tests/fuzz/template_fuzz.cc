// Chat templates: reading them and rendering a conversation with tools.
#include <filesystem>

#include "engine/chat.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "tests/fuzz/fuzz.h"

using namespace corvid;

std::vector<std::string> fuzz_seeds() {
  std::vector<std::string> seeds{
      "{% for m in messages %}{{ '<|' ~ m.role ~ '|>' }}{{ m.content | trim }}{% endfor %}",
      "{%- macro f(x, y=2) -%}{{ x[::-1] }}{{ y + 1 }}{%- endmacro -%}{{ f('ab') }}",
      "{% set ns = namespace(a=1) %}{% for t in tools %}{{ t | tojson(indent=2) }}{% set ns.a = "
      "ns.a + loop.index %}{% endfor %}{{ ns.a }}",
      "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | "
      "join(', ') }}{{ raise_exception('x') if not messages else '' }}"};
  const std::filesystem::path shared =
      std::filesystem::path(CORVID_SOURCE_DIR) / "../shared/fixtures/engine/templates";
  if (!std::filesystem::exists(shared)) return seeds;
  for (const auto& entry : std::filesystem::directory_iterator(shared)) {
    if (entry.path().extension() == ".jinja") seeds.push_back(read_file(entry.path()));
  }
  return seeds;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto context = engine::OrderedJson::parse(R"({"messages": [
    {"role": "system", "content": "S"}, {"role": "user", "content": "U <b> \u65e5"},
    {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "id": "1",
      "function": {"name": "f", "arguments": {"a": 1, "b": [true, null]}}}]},
    {"role": "tool", "content": "R", "tool_call_id": "1"}],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d",
      "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}}],
    "add_generation_prompt": true, "bos_token": "<s>", "eos_token": "</s>"})");
  try {
    engine::ChatTemplate(std::string(fuzz::text_of(data, size))).render(context);
  } catch (const Error&) {
  }
  return 0;
}
