#pragma once

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "memory/types.h"

namespace corvid::memory {

inline constexpr const char* kModelDeriver = "model/1";        // of what a model says
inline constexpr const char* kApprovedDeriver = "approved/1";  // a person has taken it over
inline constexpr const char* kForgottenDeriver = "level0/1, what a model told was forgotten";
inline constexpr const char* kUnusableDeriver = "level0/1, a model's answer was unusable";

// Level 1 of a MemCell: what a model says of it, as far as the cell's turns support that. All of
// it comes of these turns alone, so it goes when one of them does.
struct Told {
  std::string title{};
  std::string episode{};  // "": nothing of the narrative is supported
  std::vector<Fact> facts{};
  std::vector<Foresight> foresights{};
  std::vector<ProfileItem> traits{};
  int dropped = 0;  // what the turns do not support
};

// What a model is shown of a cell: what people, documents and the assistant say, numbered, as
// quoted data. Tool output and web pages are not shown to it. "": there is nothing to tell of.
std::string cell_prompt(std::span<const Turn> turns);
extern const char* const kCellSchema;  // of its answer

// The answer, held against the turns. Every fact's value stands in a statement of the turn that it
// names (in those words, or all of them), which is neither denied nor supposed; so does a plan,
// whose days are those that the statement names. Sentences of the narrative that name what the
// turns do not are left out. nullopt: it is no such answer.
std::optional<Told> read_told(const std::string& answer, std::span<const Turn> turns);

// The same of a scene: the episodes of its cells give a summary; "": nothing of it is supported.
std::string scene_prompt(std::span<const MemCell> cells);
extern const char* const kSceneSchema;
std::string read_scene_note(const std::string& answer, std::span<const MemCell> cells);

// Questions that a model would put besides `question`, having seen `context`.
std::string questions_prompt(std::string_view question, std::string_view context);
extern const char* const kQuestionsSchema;
std::vector<std::string> read_questions(const std::string& answer, int limit);

enum class Forms { same, any };  // of words: "prefers" is another form of "prefer"

// The statement of the turn that holds `value`, in these words in a row or all of them; nullopt:
// none does, or it denies or supposes it.
std::optional<std::string_view> find_support(const Turn& turn, std::string_view value,
                                             Forms forms = Forms::same);

}  // namespace corvid::memory
