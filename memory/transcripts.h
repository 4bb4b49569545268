#pragma once
// Transcripts that other programs keep, as turns.

#include <filesystem>
#include <string>
#include <vector>

#include "memory/types.h"

namespace corvid::memory {

// Formats: "turns" (Memory::import_turns), "chat" (messages of OpenAI's or Anthropic's chat
// interface, and the exports of ChatGPT and claude.ai), "codex" (a rollout), "claude-code", "pi"
// (session files), "text" (lines "NAME: words", else paragraphs), "auto" (by what the file holds).
// Reasoning, system texts and what the harness itself put in are left out. Sessions are named by
// the transcript's own id, else by its first words; the id of a turn comes from its role and text,
// so that the same content is never stored twice. A message without a time has the file's.
// Throws invalid, naming file and place; not_found, io.
std::vector<NewTurn> read_transcript(const std::filesystem::path& file, const std::string& format);

}  // namespace corvid::memory
