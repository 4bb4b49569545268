#include "memory/ingest/ingest.h"

#include <algorithm>

#include "memory/consolidate/consolidate.h"
#include "memory/ingest/annotate.h"
#include "memory/ingest/foresight.h"
#include "memory/ingest/recalled.h"
#include "memory/ingest/redact.h"
#include "memory/ingest/vector.h"
#include "memory/manage/tombstone.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr size_t kOpenSegmentsMax = 64;
constexpr int kVectorsPerWrite = 64;
constexpr std::chrono::milliseconds kVectorTimePerWrite(20);
constexpr size_t kNameBytesMax = 256;
constexpr int kOffsetMax = 24 * 60;

// A name that stays on one line and cannot break out of "[id date speaker]".
std::string clean_name(std::string_view name) {
  std::string out = to_utf8(truncate_utf8(name, kNameBytesMax));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '[' || c == ']') c = ' ';
  }
  return std::string(trim(out));
}

std::string clean_text(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";  // of byte order, which is no text
  const std::string given = to_utf8(text.starts_with(kMark) ? text.substr(kMark.size()) : text);
  if (given.find('\0') == std::string::npos) return given;
  std::string out;
  for (const char c : given) {
    if (c == '\0') {
      out += "\xef\xbf\xbd";
    } else {
      out += c;
    }
  }
  return out;
}

Tier tier_of(const NewTurn& given) {
  if (given.tier) return *given.tier;
  const std::string role = plain_role(given.role);
  if (role.empty() || role == "user") return Tier::user;
  return role == "assistant" ? Tier::assistant : Tier::tool;
}

[[noreturn]] void refuse_other_text(const NewTurn& given) {
  fail(Code::invalid, "turn '" + given.external_id + "' of session '" + given.session +
                          "' is there already with another text");
}

// A name that is used as a key must come back as it was given.
void check_key(std::string_view what, std::string_view key) {
  if (key.size() > kNameBytesMax || !is_utf8(key) || key.find('\0') != std::string_view::npos) {
    fail(Code::invalid, std::string(what) + " of a turn: at most " +
                            std::to_string(kNameBytesMax) + " bytes of UTF-8 text");
  }
}

}  // namespace

std::string plain_role(std::string_view named) {
  const std::string role = lower_case(trim(named));
  if (role.empty()) return "";
  if (role == "user" || role == "human") return "user";
  const bool is_model = role == "assistant" || role == "model" || role == "ai";
  return is_model ? "assistant" : "tool";  // no person is known to have said it
}

Turn prepare_turn(const NewTurn& given) {
  if (given.text.size() > kTurnBytesMax) {
    fail(Code::invalid, "a turn of " + std::to_string(given.text.size()) + " bytes is too large");
  }
  check_key("session", given.session);
  check_key("id", given.external_id);
  Turn turn;
  turn.session = given.session;
  turn.kind = given.kind;
  turn.external_id = given.external_id;
  turn.role = clean_name(given.role);
  turn.speaker = clean_name(given.speaker.empty() ? given.role : given.speaker);
  if (turn.speaker.empty()) turn.speaker = "unknown";
  turn.channel = clean_name(given.channel);
  turn.tier = tier_of(given);
  turn.said_at = given.said_at;
  turn.said_offset = std::clamp(given.said_offset, -kOffsetMax, kOffsetMax);
  WithoutRecalled own = remove_recalled(clean_text(given.text));
  turn.injected_ids = std::move(own.injected_ids);
  Redacted redacted = redact(own.text);
  turn.redactions = redacted.count;
  turn.bytes_full = static_cast<int64_t>(redacted.text.size());
  turn.sha256 = sha256_hex(redacted.text);
  turn.text = head_and_tail(redacted.text,
                            turn.tier <= Tier::tool ? kToolTextBytesMax : kTextBytesMax);
  turn.words = count_words(searched_text(turn));
  turn.features = annotate(turn.text);
  return turn;
}

std::vector<Turn> current_turns(const Store& store, const MemCell& cell) {
  std::vector<Turn> turns;
  for (const TurnId id : cell.turns) {
    if (store.amended_by(id)) continue;
    if (auto turn = store.turn(id)) turns.push_back(std::move(*turn));
  }
  return turns;
}

void derive_again(Store& store, CellId id) {
  std::optional<MemCell> cell = store.cell(id);
  if (!cell || cell->is_open) return;
  drop_told(store, *cell, false);
  derive_cell(*cell, current_turns(store, *cell));
  store.put_cell(*cell);
}

void close_idle(Store& store, CellId id, Time now) {
  std::optional<MemCell> cell = store.cell(id);
  if (!cell || !cell->is_open) return;
  const std::vector<Turn> turns = current_turns(store, *cell);
  if (turns.empty()) return;
  const Time last = std::ranges::max(turns, {}, &Turn::said_at).said_at;
  if (now - last <= kSegmentGapMax) return;
  cell->is_open = false;
  cell->closed_at = last;
  cell->reason = "idle";
  derive_cell(*cell, turns);
  store.put_cell(*cell);
  store.add_event({.at = now, .actor = "agent", .op = "close", .kind = "cell", .first_id = id,
                   .last_id = id, .reason = ""});
}

Ingest::Ingest(Store& store, const Ports& ports, const Scope& scope)
    : store_(store), ports_(ports), scope_(scope) {}

Time Ingest::now() const { return ports_.now ? ports_.now() : system_now(); }

std::vector<WriteResult> Ingest::remember(std::span<const NewTurn> turns,
                                          const std::string& actor, const std::string& op) {
  if (turns.size() > kTurnsPerWriteMax) fail(Code::invalid, "too many turns in one write");
  if (lacks_vectors_) complete_vectors(kVectorsPerWrite, kVectorTimePerWrite);
  std::vector<WriteResult> results;
  bool is_committed = false;
  // After a rollback the segments in memory are ahead of the store.
  struct Guard {
    bool& is_committed;
    Ingest& ingest;
    ~Guard() {
      if (!is_committed) ingest.forget_open_segments();
    }
  } const guard{is_committed, *this};
  std::vector<Turn> prepared = prepare(turns);
  store_.write([&] { results = put(std::move(prepared), turns, actor, op); });
  is_committed = true;
  return results;
}

std::vector<WriteResult> Ingest::remember_within(std::span<const NewTurn> turns,
                                                 const std::string& actor,
                                                 const std::string& op) {
  return put(prepare(turns), turns, actor, op);
}

std::vector<Turn> Ingest::prepare(std::span<const NewTurn> turns) const {
  std::vector<Turn> prepared;
  prepared.reserve(turns.size());
  for (const NewTurn& given : turns) {
    // What the assistant says after the web's words may be theirs.
    if (untrusted_.contains(given.session) && tier_of(given) == Tier::assistant) {
      NewTurn lowered = given;
      lowered.tier = Tier::web;
      prepared.push_back(prepare_turn(lowered));
    } else {
      prepared.push_back(prepare_turn(given));
    }
  }
  return prepared;
}

std::vector<WriteResult> Ingest::put(std::vector<Turn> prepared, std::span<const NewTurn> turns,
                                     const std::string& actor, const std::string& op) {
  std::vector<WriteResult> results;
  stated_.clear();
  const ScopeId scope = store_.put_scope(scope_);
  forgotten_in_ = store_.find_scopes({scope_});
  mac_key_ = store_.mac_key();  // an import may have brought another
  // What a person hands over is taken all the same.
  const bool is_paused = op == "append" && store_.is_paused(scope);
  Event event{.at = now(), .actor = actor, .op = op, .kind = "turn", .reason = ""};
  for (size_t i = 0; i < turns.size(); ++i) {
    if (is_paused && !turns[i].allow_paused) {
      results.push_back({.outcome = Written::paused});
      continue;
    }
    results.push_back(add(std::move(prepared[i]), turns[i], scope));
    if (results.back().outcome != Written::stored) continue;
    if (event.first_id == 0) event.first_id = results.back().id;
    event.last_id = results.back().id;
  }
  settle_facts(store_, stated_);
  if (event.first_id != 0) store_.add_event(event);
  return results;
}

WriteResult Ingest::add(Turn turn, const NewTurn& given, ScopeId scope) {
  WriteResult result{.redactions = turn.redactions};
  turn.scope = scope;
  turn.learnt_at = now();
  if (trim(turn.text).empty()) {
    result.outcome = Written::empty;
    return result;
  }
  const std::optional<SessionRow> known = store_.find_session(scope, turn.session);
  if (known && !turn.external_id.empty()) {
    if (const auto there = store_.find_external(known->key, turn.external_id)) {
      if (there->sha256 != turn.sha256) refuse_other_text(given);
      result.outcome = Written::duplicate;
      result.id = there->id;
      return result;
    }
  }
  if (!given.allow_forgotten && was_forgotten(store_, forgotten_in_, mac_key_, turn)) {
    result.outcome = Written::forgotten;
    return result;
  }
  const SessionRow session =
      known ? *known : store_.put_session(scope, turn.session, turn.kind);
  turn.session_key = session.key;
  turn.kind = session.kind;
  open_segment(session);  // before the turn is there: it compares with the session's last one
  result.id = store_.add_turn(turn);
  add_facts(store_, turn, stated_);
  add_foresights(store_, turn);
  if (ports_.embed) {
    store_.put_vector(turn.id, ports_.embedder, turn_vector(turn, ports_.embed));
  }
  extend(session, turn);
  return result;
}

void Ingest::check_conflicts(std::span<const NewTurn> turns) const {
  const std::optional<ScopeId> scope = store_.find_scope(scope_);
  if (!scope) return;
  std::map<std::string, std::optional<SessionRow>> sessions;
  for (const NewTurn& given : turns) {
    if (given.external_id.empty()) continue;
    const auto [session, is_new] = sessions.try_emplace(given.session);
    if (is_new) session->second = store_.find_session(*scope, given.session);
    if (!session->second) continue;
    const auto there = store_.find_external(session->second->key, given.external_id);
    if (there && there->sha256 != prepare_turn(given).sha256) refuse_other_text(given);
  }
}

bool Ingest::complete_vectors(int limit, std::chrono::milliseconds time_max) {
  using SteadyClock = std::chrono::steady_clock;
  if (!ports_.embed) return true;
  lacks_vectors_ = !store_.without_vector(ports_.embedder, 1).empty();
  if (!lacks_vectors_) return true;
  const SteadyClock::time_point end = SteadyClock::now() + time_max;
  store_.write([&] {
    const std::vector<TurnId> missing = store_.without_vector(ports_.embedder, limit);
    size_t made = 0;
    while (made < missing.size() && (made == 0 || SteadyClock::now() < end)) {
      const TurnId id = missing[made++];
      store_.put_vector(id, ports_.embedder, turn_vector(*store_.turn(id), ports_.embed));
    }
    store_.raise_generation();
    lacks_vectors_ = made < missing.size() || static_cast<int>(missing.size()) == limit;
  });
  return !lacks_vectors_;
}

Ingest::Open& Ingest::open_segment(const SessionRow& session) {
  const std::optional<CellId> cell = store_.open_cell(session.key);
  const auto cached = open_.find(session.key);
  if (cached != open_.end()) {
    // Another process may have written to the same session.
    const Open& open = cached->second;
    const bool is_same_cell = open.cell == cell.value_or(0);
    const bool is_up_to_date =
        is_same_cell && (open.turns.empty() ||
                         store_.last_turn(session.key) == std::optional(open.turns.back().id));
    if (is_up_to_date) return cached->second;
    open_.erase(cached);
  }
  if (open_.size() >= kOpenSegmentsMax) open_.clear();
  Open open;
  if (cell) {
    open.cell = *cell;
    open.full = current_turns(store_, *store_.cell(*cell));
    for (const Turn& turn : open.full) open.turns.push_back(segment_turn(turn));
  }
  return open_.emplace(session.key, std::move(open)).first->second;
}

void Ingest::extend(const SessionRow& session, const Turn& turn) {
  Open& open = open_.at(session.key);
  SegmentTurn next = segment_turn(turn);
  if (const auto cut = cut_before(open.turns, next, session.kind)) close(session, open, *cut);
  open.turns.push_back(std::move(next));
  open.full.push_back(turn);
  if (open.cell == 0) {
    begin_cell(session, open);
  } else {
    store_.add_cell_turn(open.cell, turn.id);
  }
  if (const auto cut = cut_after(open.turns, session.kind)) close(session, open, *cut);
}

void Ingest::begin_cell(const SessionRow& session, Open& open) {
  MemCell cell{.scope = session.scope,
               .session_key = session.key,
               .session = session.name,
               .opened_at = open.full.front().said_at,
               .is_open = true,
               .deriver = kCellDeriver};
  for (const Turn& turn : open.full) cell.turns.push_back(turn.id);
  open.cell = store_.put_cell(cell);
}

void Ingest::close(const SessionRow& session, Open& open, const Cut& cut) {
  const auto keep = static_cast<std::ptrdiff_t>(cut.keep);
  MemCell cell{.id = open.cell,
               .scope = session.scope,
               .session_key = session.key,
               .session = session.name,
               .opened_at = open.full.front().said_at,
               .closed_at = open.full[cut.keep - 1].said_at,
               .is_open = false,
               .reason = std::string(cut.reason)};
  for (auto turn = open.full.begin(); turn != open.full.begin() + keep; ++turn) {
    cell.turns.push_back(turn->id);
  }
  derive_cell(cell, std::span(open.full).first(cut.keep));
  store_.put_cell(cell);
  open.cell = 0;
  open.full.erase(open.full.begin(), open.full.begin() + keep);
  open.turns.erase(open.turns.begin(), open.turns.begin() + keep);
  if (!open.full.empty()) begin_cell(session, open);
}

void Ingest::close_session(const std::string& name) {
  store_.write([&] {
    const auto session = store_.find_session(store_.put_scope(scope_), name);
    if (!session) return;
    Open& open = open_segment(*session);
    if (open.cell == 0 || open.full.empty()) return;
    store_.add_event({.at = now(),
                      .actor = "agent",
                      .op = "close",
                      .kind = "cell",
                      .first_id = open.cell,
                      .last_id = open.cell});
    close(*session, open, {open.full.size(), "boundary"});
  });
}

}  // namespace corvid::memory
