// Prints one JSON line per question in the form that the scorers of the LoCoMo and LongMemEval
// retrieval benchmarks read. The input folder holds what `python3 locomo.py FOLDER` or `python3
// lme.py FOLDER` of those benchmarks writes, without the gold. The data may be used for measuring
// only and must not be copied into this tree. Needs ../shared; build the target memory_recall by
// name. TABLE is a table of token vectors; without it, words only.
//
//   python3 ../shared/bench/locomo/locomo.py /tmp/locomo
//   build/release/tests/memory_recall /tmp/locomo [TABLE] > /tmp/run.jsonl
//   python3 ../shared/bench/locomo/score.py /tmp/run.jsonl

#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "memory/memory.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/embedder.h"

namespace {

using namespace corvid;

std::vector<Json> read_lines(const std::string& path) {
  std::vector<Json> lines;
  const std::string content = read_file(path, int64_t{1} << 30);
  for (const std::string_view line : split_lines(content)) lines.push_back(parse_json(line, path));
  return lines;
}

memory::MemoryConfig in_memory() {
  memory::MemoryConfig config;
  config.location = ":memory:";
  return config;
}

void answer(const memory::Memory& memory, const Json& question) {
  memory::RecallOptions options{.limit = 300};
  if (question.contains("date")) options.at = parse_time(json_string(question, "date"));
  const memory::Recall recall = memory.recall(json_string(question, "text"), options);
  Json ranking = Json::array();
  for (const memory::Hit& hit : recall.hits) ranking.push_back(hit.turns.front());
  std::cout << dump_json({{"qid", question["qid"]}, {"ranking", std::move(ranking)},
                          {"score", recall.support}, {"ms", recall.ms}})
            << "\n";
}

void locomo(const std::string& folder, const memory::Ports& ports) {
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
    memories[name] = std::make_unique<memory::Memory>(in_memory(), ports);
    memories[name]->remember(list);
  }
  for (const Json& line : read_lines(folder + "/questions.jsonl")) {
    answer(*memories.at(json_string(line, "conv")), line);
  }
}

// One store for each question: its own haystack.
void longmemeval(const std::string& folder, const memory::Ports& ports) {
  std::map<std::string, Json> sessions;
  for (Json& line : read_lines(folder + "/sessions.jsonl")) {
    sessions[line[0].get<std::string>()] = std::move(line[1]);
  }
  for (const Json& question : read_lines(folder + "/questions.jsonl")) {
    memory::Memory memory(in_memory(), ports);
    std::vector<memory::NewTurn> turns;
    for (const Json& place : question["haystack"]) {
      const auto id = place[0].get<std::string>();
      int number = 0;
      for (const Json& said : sessions.at(id)) {
        memory::NewTurn turn;
        turn.session = id;
        turn.external_id = id + "#" + std::to_string(number++);
        turn.role = said[0].get<std::string>() == "u" ? "user" : "assistant";
        turn.said_at = parse_time(place[1].get<std::string>());
        turn.text = said[1].get<std::string>();
        turn.allow_forgotten = true;
        turns.push_back(std::move(turn));
      }
    }
    memory.remember(turns);
    answer(memory, question);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::cerr << "usage: memory_recall FOLDER [TABLE] (see the head of this file)\n";
    return 1;
  }
  try {
    const std::string folder = argv[1];
    const memory::Ports ports =
        runtime::memory_ports(runtime::find_paths(), argc == 3 ? argv[2] : "none");
    if (std::filesystem::exists(folder + "/sessions.jsonl")) {
      longmemeval(folder, ports);
    } else {
      locomo(folder, ports);
    }
  } catch (const corvid::Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
