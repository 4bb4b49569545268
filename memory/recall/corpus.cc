#include "memory/recall/corpus.h"

#include "memory/recall/question.h"
#include "runtime/base/text.h"

namespace corvid::memory {

Corpus::Corpus(std::vector<ScopeId> scopes) : scopes_(std::move(scopes)) {}

void Corpus::clear() {
  rows_.clear();
  places_.clear();
  reach_.clear();
  looks_.clear();
  sessions_.clear();
  speakers_.clear();
  session_of_key_.clear();
  speaker_of_name_.clear();
  sums_ = {};
  has_user_ = has_assistant_ = has_tools_ = false;
}

void Corpus::refresh(const Store& store) {
  const int64_t generation = store.generation();
  if (generation != sums_.generation) clear();
  sums_.generation = generation;
  const TurnId after = rows_.empty() ? 0 : rows_.back().id;
  store.for_each_turn(scopes_, after, [this](const TurnSummary& turn) { add(turn); });
}

int32_t Corpus::speaker_of(std::string_view name, std::string_view role) {
  const auto [speaker, is_new] = speaker_of_name_.try_emplace(
      {std::string(name), std::string(role)}, static_cast<int32_t>(speakers_.size()));
  if (is_new) {
    speakers_.push_back({speaker->first.first, speaker->first.second});
    has_user_ |= role == "user";
    has_assistant_ |= role == "assistant";
    has_tools_ |= role == "tool";
  }
  return speaker->second;
}

void Corpus::add(const TurnSummary& turn) {
  const auto index = static_cast<int32_t>(rows_.size());
  const auto [session, is_new_session] =
      session_of_key_.try_emplace(turn.session_key, static_cast<int32_t>(sessions_.size()));
  if (is_new_session) sessions_.push_back({.key = turn.session_key});

  Session& in = sessions_[static_cast<size_t>(session->second)];
  Row row{.id = turn.id,
          .session = session->second,
          .speaker = speaker_of(lower_case(turn.speaker), turn.role),
          .words = turn.words,
          .features = turn.features,
          .said_at = turn.said_at};
  if (in.last >= 0) places_[static_cast<size_t>(in.last)].next = index;
  places_.push_back({.previous = in.last});
  int32_t near = in.last;
  for (size_t distance = 1; distance <= 3 && near >= 0; ++distance) {
    const Row& before = rows_[static_cast<size_t>(near)];
    sums_.words_at[3 + distance] += row.words;
    sums_.words_at[3 - distance] += before.words;
    near = previous(near);
  }
  sums_.words_at[3] += row.words;
  sums_.words += row.words;
  in.words += row.words;
  if (turn.role == "user") in.user_words += row.words;
  if (in.first < 0) in.first = index;
  in.last = index;
  rows_.push_back(row);
  looks_.push_back(look_of(row));
  reach_.resize(rows_.size());
  near = index;  // and those that have got a new neighbour
  for (int i = 0; i <= 3 && near >= 0; ++i, near = previous(near)) {
    reach_[static_cast<size_t>(near)] = reach_of(near);
  }
}

uint8_t Corpus::reach_of(int32_t row) const {
  uint8_t reach = 0;
  const auto look = [&](int32_t step, uint8_t one, auto neighbour_of) {
    int32_t at = row;
    for (int i = 0; i < 3; ++i) {
      const int32_t other = neighbour_of(at);
      if (other < 0) return;
      if (other != at + step) {
        reach |= Reach::kElsewhere;
        return;
      }
      reach = static_cast<uint8_t>(reach + one);
      at = other;
    }
  };
  look(1, 1, [this](int32_t at) { return next(at); });
  look(-1, 1 << Reach::kBeforeShift, [this](int32_t at) { return previous(at); });
  return reach;
}

void Corpus::save(SectionWriter& out) const {
  std::string names;
  for (const Speaker& speaker : speakers_) names += speaker.name + '\n' + speaker.role + '\n';
  out.put(sums_);
  out.put(std::span<const Row>(rows_));
  out.put(std::span<const Place>(places_));
  out.put(std::span<const Session>(sessions_));
  out.put(std::span<const char>(names));
}

void Corpus::load(SectionReader& in) {
  clear();
  sums_ = in.take_one<Sums>();
  rows_ = in.take<Row>();
  places_ = in.take<Place>();
  sessions_ = in.take<Session>();
  const Column<char> names = in.take<char>();
  const std::vector<std::string_view> lines = split_lines({names.data(), names.size()});
  for (size_t i = 0; i + 1 < lines.size(); i += 2) speaker_of(lines[i], lines[i + 1]);
  for (size_t i = 0; i < sessions_.size(); ++i) {
    session_of_key_.emplace(sessions_[i].key, static_cast<int32_t>(i));
  }
  const auto is_row = [this](int32_t row) { return row < static_cast<int32_t>(rows_.size()); };
  bool is_sound = rows_.size() == places_.size();
  for (size_t i = 0; is_sound && i < rows_.size(); ++i) {
    const Row& row = rows_[i];
    is_sound = (i == 0 || row.id > rows_[i - 1].id) && row.session >= 0 && row.speaker >= 0 &&
               static_cast<size_t>(row.session) < sessions_.size() &&
               static_cast<size_t>(row.speaker) < speakers_.size() &&
               places_[i].previous < static_cast<int32_t>(i) && is_row(places_[i].next) &&
               (places_[i].next < 0 || places_[i].next > static_cast<int32_t>(i));
  }
  for (const Session& session : std::span<const Session>(sessions_)) {
    is_sound = is_sound && is_row(session.first) && is_row(session.last);
  }
  in.require(is_sound);
  reach_.resize(rows_.size());
  looks_.resize(rows_.size());
  for (size_t i = 0; i < rows_.size(); ++i) {
    reach_[i] = reach_of(static_cast<int32_t>(i));
    looks_[i] = look_of(rows_[i]);
  }
}

int32_t Corpus::neighbour(int32_t row, int offset) const {
  for (; offset > 0 && row >= 0; --offset) row = next(row);
  for (; offset < 0 && row >= 0; ++offset) row = previous(row);
  return row;
}

}  // namespace corvid::memory
