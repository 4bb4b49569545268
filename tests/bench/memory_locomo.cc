// Prints one JSON line per question in the form that the scorer of the LoCoMo evidence benchmark
// reads. The input folder holds what `python3 locomo.py FOLDER` of that benchmark writes:
// turns.jsonl and questions.jsonl, without the gold. The data may be used for measuring only and
// must not be copied into this tree. Needs ../shared; build the target memory_locomo by name.
//
//   python3 ../shared/bench/locomo/locomo.py /tmp/locomo
//   build/release/tests/memory_locomo /tmp/locomo > /tmp/run.jsonl
//   python3 ../shared/bench/locomo/score.py /tmp/run.jsonl

#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "memory/memory.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace {

using namespace corvid;

std::vector<Json> read_lines(const std::string& path) {
  std::vector<Json> lines;
  const std::string content = read_file(path);
  for (const std::string_view line : split_lines(content)) lines.push_back(parse_json(line, path));
  return lines;
}

void measure(const std::string& folder) {
  std::map<std::string, std::vector<memory::NewTurn>> turns;
  for (const Json& line : read_lines(folder + "/turns.jsonl")) {
    memory::NewTurn turn;
    turn.session = line["session"].dump();
    turn.external_id = json_string(line, "id");
    turn.speaker = json_string(line, "speaker");
    turn.said_at = parse_time(json_string(line, "when"));
    turn.text = json_string(line, "text");
    const std::string caption = json_string_or(line, "caption", "");
    if (!caption.empty()) turn.text += " [image: " + caption + "]";
    turns[json_string(line, "conv")].push_back(std::move(turn));
  }
  std::map<std::string, std::unique_ptr<memory::Memory>> memories;
  for (const auto& [name, list] : turns) {
    memories[name] = std::make_unique<memory::Memory>(memory::MemoryConfig{.location = ":memory:"});
    memories[name]->remember(list);
  }
  for (const Json& line : read_lines(folder + "/questions.jsonl")) {
    const memory::Memory& memory = *memories.at(json_string(line, "conv"));
    const memory::Recall recall = memory.recall(json_string(line, "text"), {.limit = 300});
    Json ranking = Json::array();
    for (const memory::Hit& hit : recall.hits) ranking.push_back(hit.turns.front());
    std::cout << dump_json({{"qid", line["qid"]}, {"ranking", std::move(ranking)},
                            {"score", recall.support}, {"ms", recall.ms},
                            {"context", recall.context}})
              << "\n";
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: memory_locomo FOLDER (see the head of this file)\n";
    return 1;
  }
  try {
    measure(argv[1]);
  } catch (const corvid::Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
