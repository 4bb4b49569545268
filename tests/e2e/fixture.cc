#include "tests/e2e/fixture.h"

#include <catch2/catch.hpp>
#include <zstd.h>

#include "runtime/base/text.h"
#include "sandbox/sandbox.h"

namespace corvid::test {
namespace fs = std::filesystem;

Scene::Scene() : dir_("corvid-e2e") {
  fs::create_directory(workspace());
  put("calc.py", "def add(a, b):\n    return a - b\n");
  put("test_calc.py",
      "import unittest\nfrom calc import add\n\n\nclass AddTest(unittest.TestCase):\n"
      "    def test_add(self):\n        self.assertEqual(add(2, 3), 5)\n");
}

void Scene::put(const std::string& path, const std::string& text) const {
  fs::create_directories((workspace() / path).parent_path());
  write_file_atomic(workspace() / path, text);
}

std::string Scene::get(const std::string& path) const { return read_file(workspace() / path); }

std::string Scene::script(const std::vector<Json>& replies) const {
  std::string text;
  for (const Json& reply : replies) text += dump_json(reply) + "\n";
  write_file_atomic(root() / "script.jsonl", text);
  return "scripted:" + (root() / "script.jsonl").string();
}

ProcessResult Scene::corvid(std::vector<std::string> arguments,
                            std::map<std::string, std::string> environment,
                            int kill_after_ms) const {
  environment["XDG_DATA_HOME"] = (root() / "data").string();
  environment["XDG_CACHE_HOME"] = (root() / "cache").string();
  environment["XDG_CONFIG_HOME"] = (root() / "config").string();
  arguments.insert(arguments.begin(), std::string(CORVID_BINARY_DIR) + "/corvid");
  return run_process(arguments, environment, kill_after_ms);
}

ProcessResult Scene::run(const std::vector<Json>& replies, std::vector<std::string> more) const {
  more.insert(more.begin(), {"run", "repair it", "--workspace", workspace().string(), "--model",
                             script(replies), "--json"});
  return corvid(std::move(more));
}

std::string Scene::shown(const Json& result) const {
  return corvid({"sessions", "show", result.at("session").get<std::string>(), "--json"}).out;
}

std::vector<std::string> Scene::answers_of(const Json& result) const {
  std::vector<std::string> answers;
  for (const Json& event : json_lines(shown(result))) {
    if (event.at("type") != "message_added" || event.at("message").at("role") != "tool") continue;
    answers.push_back(event.at("message").at("content"));
  }
  return answers;
}

std::vector<std::string> Scene::files_with(const std::string& text) const {
  std::vector<std::string> found;
  for (const char* folder : {"data", "cache"}) {
    if (!fs::exists(root() / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root() / folder)) {
      if (!entry.is_regular_file()) continue;
      std::string content = read_file(entry.path());
      const auto size = ZSTD_getFrameContentSize(content.data(), content.size());
      if (size != ZSTD_CONTENTSIZE_ERROR && size != ZSTD_CONTENTSIZE_UNKNOWN) {
        std::string plain(size, '\0');
        ZSTD_decompress(plain.data(), plain.size(), content.data(), content.size());
        content += plain;
      }
      if (content.find(text) != std::string::npos) found.push_back(entry.path().string());
    }
  }
  return found;
}

std::vector<Json> json_lines(const std::string& out) {
  std::vector<Json> lines;
  for (const std::string_view line : split_lines(out)) lines.push_back(parse_json(line, "--json"));
  return lines;
}

std::vector<Json> event_lines(const std::string& out) {
  std::vector<Json> events;
  for (Json& line : json_lines(out)) {
    const std::string type = line.at("type");
    if (type.find('.') == std::string::npos) events.push_back(std::move(line));
  }
  return events;
}

Json result_of(const ProcessResult& process) {
  INFO("exit code " << process.exit_code << ", signal " << process.signal);
  INFO(process.err);
  INFO(process.out);
  const std::vector<Json> lines = json_lines(process.out);
  REQUIRE_FALSE(lines.empty());
  REQUIRE(lines.back().at("type") == "result");
  return lines.back();
}

Json call(const std::string& name, const Json& arguments) {
  return {{"calls", {{{"name", name}, {"arguments", arguments}}}}};
}

bool sandbox_works() {
  const sandbox::LayerReport report = sandbox::detect_layers();
  const bool works = report.complete() || report.allows_copies();
  if (!works) WARN("SKIP: no sandbox here: " << report.missing());
  return works;
}

bool namespaces_work() {
  const sandbox::LayerReport report = sandbox::detect_layers();
  if (!report.complete()) WARN("SKIP: no namespaces here: " << report.missing());
  return report.complete();
}

}  // namespace corvid::test
