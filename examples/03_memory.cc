// The memory alone: turns go in, what a question needs comes out, with its sources; and a fact that
// was forgotten is in no answer.
//
//   03_memory STORE_FOLDER
#include <cstdio>
#include <exception>

#include "memory/memory.h"

using namespace corvid;

namespace {

memory::NewTurn said(const char* id, const char* speaker, const char* when, const char* text) {
  return {.session = "planning",
          .external_id = id,
          .speaker = speaker,
          .role = "user",
          .channel = "example",
          .said_at = parse_time(when),
          .text = text};
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s STORE_FOLDER\n", argv[0]);
    return 1;
  }
  memory::Memory memory({.location = argv[1]});
  const memory::NewTurn turns[] = {
      said("1", "Ana", "2026-03-02T09:00", "The staging database listens on port 5433."),
      said("2", "Ben", "2026-03-02T09:01", "Deployments go out on Tuesdays, never on Fridays."),
      said("3", "Ana", "2026-03-09T09:00", "We moved the staging database to port 6001.")};
  memory.remember(turns);  // durable when it returns; the next question sees them

  memory::RecallOptions options;
  options.budget_tokens = 200;
  const memory::Recall recall = memory.recall("On which port is the staging database?", options);
  std::printf("support %.2f, %lld tokens\n%s\n", recall.support,
              static_cast<long long>(recall.tokens), recall.context.c_str());

  memory::ForgetRequest request;
  request.text = "port 6001";
  const memory::Forgotten gone =
      memory.forget(memory.find_to_forget(request, {.scope = memory.scope()}), "an example");
  std::printf("forgot %lld turn(s); left: %lld\n", static_cast<long long>(gone.turn_count),
              static_cast<long long>(memory.stats().turns));
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
