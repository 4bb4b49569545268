#include "memory/recall/corpus.h"

#include "memory/recall/question.h"

namespace corvid::memory {

Corpus::Corpus(std::vector<ScopeId> scopes) : scopes_(std::move(scopes)) {}

void Corpus::clear() {
  rows_.clear();
  sessions_.clear();
  speakers_.clear();
  session_of_key_.clear();
  speaker_of_name_.clear();
  words_at_.fill(0);
  words_ = 0;
  has_user_ = has_assistant_ = has_tools_ = false;
}

void Corpus::refresh(const Store& store) {
  const int64_t generation = store.generation();
  if (generation != generation_) clear();
  generation_ = generation;
  const TurnId after = rows_.empty() ? 0 : rows_.back().id;
  store.for_each_turn(scopes_, after, [this](const TurnSummary& turn) { add(turn); });
}

void Corpus::add(const TurnSummary& turn) {
  const auto index = static_cast<int32_t>(rows_.size());
  const auto [session, is_new_session] =
      session_of_key_.try_emplace(turn.session_key, static_cast<int32_t>(sessions_.size()));
  if (is_new_session) sessions_.push_back({.key = turn.session_key});
  const auto [speaker, is_new_speaker] =
      speaker_of_name_.try_emplace({lower_case(turn.speaker), std::string(turn.role)},
                                   static_cast<int32_t>(speakers_.size()));
  if (is_new_speaker) speakers_.push_back({speaker->first.first, speaker->first.second});
  has_user_ |= turn.role == "user";
  has_assistant_ |= turn.role == "assistant";
  has_tools_ |= turn.role == "tool";

  Session& in = sessions_[static_cast<size_t>(session->second)];
  Row row{.id = turn.id,
          .session = session->second,
          .previous = in.last,
          .speaker = speaker->second,
          .words = turn.words,
          .features = turn.features,
          .tier = turn.tier,
          .said_at = turn.said_at};
  if (in.last >= 0) rows_[static_cast<size_t>(in.last)].next = index;
  int32_t near = in.last;
  for (size_t distance = 1; distance <= 3 && near >= 0; ++distance) {
    const Row& before = rows_[static_cast<size_t>(near)];
    words_at_[3 + distance] += row.words;
    words_at_[3 - distance] += before.words;
    near = before.previous;
  }
  words_at_[3] += row.words;
  words_ += row.words;
  in.words += row.words;
  if (turn.role == "user") in.user_words += row.words;
  if (in.first < 0) in.first = index;
  in.last = index;
  rows_.push_back(row);
}

int32_t Corpus::neighbour(int32_t row, int offset) const {
  for (; offset > 0 && row >= 0; --offset) row = rows_[static_cast<size_t>(row)].next;
  for (; offset < 0 && row >= 0; ++offset) row = rows_[static_cast<size_t>(row)].previous;
  return row;
}

}  // namespace corvid::memory
