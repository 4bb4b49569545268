#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "runtime/base/clock.h"

namespace corvid::memory {

using TurnId = int64_t;   // printed as "t123"; never given to another turn
using CellId = int64_t;   // printed as "c45"
using ScopeId = int64_t;
using FactId = int64_t;   // printed as "f6"
using ItemId = int64_t;   // printed as "p7"

// What a channel may do: a lower tier never replaces what a higher one said. The numbers are
// stored.
enum class Tier { web = 1, tool = 2, assistant = 3, project = 4, user = 5 };

// As a project: what is seen in all projects of the user. As user and project: what all users of
// the tenant see. Any other project is one of its own.
inline constexpr const char* kEverywhere = "*";

// Who may see a memory. The default is one project of one local user.
struct Scope {
  std::string tenant{};
  std::string user{};
  std::string project{};  // path of the workspace, "" like any other, or kEverywhere
  std::string session{};  // "" = the whole project; otherwise visible in that session only
  bool operator==(const Scope&) const = default;
};

// What a query looks at. Tenant and user always hold; what is there for every project of the user,
// or for all users of the tenant, is seen as well.
struct ScopeFilter {
  Scope scope{};
  bool all_projects = false;  // every project and session of scope.tenant and scope.user
};

// How a session is cut into MemCells: chats by time and topic, agent runs by user request.
enum class SessionKind { chat = 0, agent = 1 };

// One message as it is handed in. Bytes need not be valid UTF-8.
struct NewTurn {
  std::string session{};      // name of the session, unique in the scope
  std::string external_id{};  // the caller's id, unique in the session; "" = none
  std::string speaker{};      // shown and searched by; "" = the role
  std::string role{};         // "user", "assistant", "tool", "system" or ""
  std::string channel{};      // where it came from: "chat", "import", "tool:shell", ...
  std::optional<Tier> tier{};  // none: by role ("", user -> user; assistant; others tool)
  Time said_at{};
  int said_offset = 0;  // minutes east of UTC where it was said: whose "tomorrow" it means
  std::string text{};
  SessionKind kind = SessionKind::chat;
  bool allow_forgotten = false;  // store it even if the same text was forgotten before
  bool allow_paused = false;     // store it even while the scope is paused: a person states it
  // The session's name was made of how the conversation begins; another that begins alike and goes
  // on otherwise gets a name of its own when it is imported.
  bool is_unnamed = false;
};

enum class Written {
  stored,
  duplicate,  // the same session and external id, with the same text, is there already
  forgotten,  // a tombstone refuses it
  empty,      // nothing was left, for example because all of it was recalled text
  paused      // this scope's memory is paused
};

struct WriteResult {
  Written outcome = Written::stored;
  TurnId id = 0;       // of the turn that is there now; 0: none
  int redactions = 0;  // secrets that were replaced by "[redacted:KIND]"
};

// A turn as it is kept: redacted, valid UTF-8, without recalled blocks; never changed afterwards.
struct Turn {
  TurnId id = 0;
  ScopeId scope = 0;
  int64_t session_key = 0;
  std::string session{};
  SessionKind kind = SessionKind::chat;
  int64_t seq = 0;  // position in the session
  std::string external_id{};
  std::string role{};
  std::string speaker{};
  std::string channel{};
  Tier tier = Tier::user;
  Time said_at{};
  int said_offset = 0;  // minutes east of UTC
  Time learnt_at{};
  std::string text{};
  int64_t bytes_full = 0;  // before a long text was cut to head and tail
  std::string sha256{};      // of the whole redacted text
  int32_t words = 0;       // of the indexed part
  uint32_t features = 0;   // ingest/annotate.h
  int32_t redactions = 0;
  std::vector<TurnId> injected_ids{};  // recalled turns that stood in the original message
};

// One remembered stretch of conversation and what is derived from it. Can be dropped and rebuilt
// from the turns.
struct MemCell {
  CellId id = 0;  // 0: not stored yet
  ScopeId scope = 0;
  int64_t session_key = 0;
  std::string session{};
  Time opened_at{};
  Time closed_at{};        // meaningful unless is_open
  bool is_open = true;
  std::string reason{};    // why closed: date, gap, topic, limit, request, boundary, idle
  std::string title{};
  std::string episode{};     // sentences of its turns, or a model's
  std::string deriver{};     // "level0/1", "model/1"
  int64_t tokens = 0;
  std::vector<TurnId> turns{};  // its sources, in order; never empty
};

// What a turn states of a subject: its value for a key. Derived; can be dropped and made anew.
struct Fact {
  enum class Status {
    active,      // holds, as far as is known
    confirmed,   // says again what an active one says
    superseded,  // a later statement of no lower tier says otherwise
    disputed     // says otherwise than an active one of a higher tier; a person decides
  };
  FactId id = 0;  // 0: not stored yet
  ScopeId scope = 0;
  TurnId turn = 0;       // its source
  std::string subject{};  // who says it of themselves, lower case; "" = the project
  std::string key{};      // "phone number"
  std::string value{};
  std::string text{};     // the sentence
  Time valid_from{};      // when it was said
  std::optional<Time> closed_at{};
  Tier tier = Tier::user;
  Status status = Status::active;
  FactId superseded_by = 0;  // of a disputed one: what it disputes
  std::string deriver{};
};

// What facts have in common of which one value holds at a time.
using FactKey = std::tuple<ScopeId, std::string, std::string>;  // scope, subject, key
inline FactKey key_of(const Fact& fact) { return {fact.scope, fact.subject, fact.key}; }

// A statement about what is to come ("the report is due on Friday"), or that such a thing was done
// or called off. Derived; can be dropped and made anew.
struct Foresight {
  enum class Kind { plan = 0, done = 1, off = 2, moved = 3 };  // moved: a plan that replaces one
  enum class Status {
    planned,    // may still come
    kept,       // a later statement says that it was done
    expired,    // its time is over, and nobody said what became of it
    withdrawn   // a later statement calls it off
  };
  int64_t id = 0;  // 0: not stored yet
  ScopeId scope = 0;
  TurnId turn = 0;        // its source
  Kind kind = Kind::plan;
  std::string subject{};  // who says it, lower case
  std::string text{};     // the sentence
  // Its content words, stemmed, sorted, separated by blanks. Before them "+" and the verb that the
  // plan must have had, where only that was done or called off.
  std::string words{};
  Time said_at{};
  Time valid_from{};      // days, both included, that the sentence names
  std::optional<Time> valid_to{};  // none: it names no end
  std::string deriver{};
  // Not stored, since it depends on the moment of asking.
  Status status = Status::planned;
  TurnId closed_by = 0;   // what kept or withdrew it
};

// What a model takes a user for, or a fact that is not what is known: a proposal, until a person
// decides. Facts that hold are Fact.
struct ProfileItem {
  enum class Kind { fact = 0, trait = 1 };
  enum class Status { proposed = 0, approved = 1, rejected = 2, confirmed = 3 };
  ItemId id = 0;  // 0: not stored yet
  ScopeId scope = 0;      // its cell's, whatever of its turns is promoted
  CellId cell = 0;        // of which it was made
  Kind kind = Kind::trait;
  std::string subject{};  // as of a Fact; of a trait whose it is
  std::string key{};      // as of a Fact; of a trait its category
  std::string text{};     // a fact's value, or the trait in words
  Status status = Status::proposed;
  Time at{};              // when it was proposed
  std::string deriver{};
  std::vector<TurnId> turns{};  // its evidence, never empty; a fact's is one turn
};

// MemCells of one theme that lie near each other in time. Worked out of the cells whenever asked
// for, so that it is never stale and keeps nothing of what was forgotten.
struct MemScene {
  std::string id{};       // "s12", where c12 is its first cell
  std::string label{};    // the words that set it apart
  std::string summary{};  // sentences of its cells, or a model's
  std::vector<CellId> cells{};  // in the order in which they were opened
  int64_t turn_count = 0;
  Time from{}, to{};
};

struct Hit {
  std::string id{};    // "t123"
  std::string kind{};  // "turn"
  double score = 0;  // higher is better; comparable within one answer only
  std::vector<std::string> turns{};  // external ids of the source turns; "tN" where there was none
  std::string text{};
  std::map<std::string, double> reasons{};  // what the score is the sum of
  std::string speaker{};
  std::string session{};
  Time said_at{};
  Tier tier = Tier::user;
  std::string superseded_by{};  // id of the turn that says otherwise later; "" = none
  std::string disputed_by{};    // the same, where neither is known to hold
};

struct RecallOptions {
  int limit = 100;              // hits
  int64_t budget_tokens = 2000;  // of the context block
  // The moment of asking, for "yesterday"; what was said on later days is not known then. None:
  // now, and all is known.
  std::optional<Time> at{};
  std::string exclude_session{};  // leave out turns of this session (the reader has them already)
  // So many further questions at most (kSubQueriesMax) that a model puts to the memory besides, if
  // there is one; 0: it is not asked.
  int sub_queries = 0;
};

struct Recall {
  std::vector<Hit> hits{};  // best first
  double support = 0;     // 0..1: does the memory hold an answer; below kSupportLow a note is added
  // A marked block, oldest first, one "[id date speaker] text" per line; "" when nothing was found.
  // The same memory and question give the same bytes.
  std::string context{};
  int64_t tokens = 0;     // of context
  double ms = 0;
  std::vector<std::string> sub_queries{};  // that a model put besides
};

struct Event {
  int64_t id = 0;
  Time at{};
  std::string actor{};
  std::string op{};    // "append", "import", "close", "forget", ...
  std::string kind{};  // "turn", "cell", "store"
  int64_t first_id = 0;
  int64_t last_id = 0;
  std::string reason{};  // never content
};

struct Why {
  std::string id{};
  std::string kind{};            // "turn" or "cell"
  std::vector<Turn> sources{};
  std::string deriver{};         // "" for a turn: it is the truth
  std::vector<std::string> derived{};  // ids of what was derived from a turn
  std::vector<Event> history{};
};

struct ForgetRequest {
  std::vector<std::string> ids{};  // "t1", "c2"
  std::string text{};     // every turn that contains it (letter case ignored); if none does, every
                        // turn that has all its words
  std::string session{};  // every turn of the session
};

struct ForgetPreview {
  std::vector<Turn> turns{};      // what would be erased
  std::vector<CellId> cells{};    // derived from them: erased or derived anew
  // Of which a model has told it, though no turn says it so: what was told is taken back, and no
  // model is asked again.
  std::vector<CellId> told{};
  bool all_projects = false;      // it is refused in each of the user's projects from then on
};

struct Forgotten {
  int64_t turn_count = 0;
  int64_t told_count = 0;  // MemCells of which a model's words were taken back
  std::vector<std::string> texts{};     // what was erased, for the owners of other files
  std::vector<std::string> sessions{};  // where it was
  std::vector<std::string> ids{};       // "tN" and "cN" that no longer exist
  bool file_is_clean = true;  // false: another process reads the store; the next open finishes
};

struct ImportReport {
  int64_t line_count = 0;
  int64_t stored = 0;
  int64_t duplicates = 0;
  int64_t refused = 0;  // forgotten before
  int64_t empty = 0;
  int64_t redactions = 0;
};

struct DocumentReport {
  ImportReport turns{};
  int64_t documents = 0;
  int64_t skipped = 0;    // not text, or too large
  int64_t withdrawn = 0;  // turns that their document no longer holds
};

struct ConsolidateOptions {
  int cells_max = 20;  // calls of the model for cells, and as many for scenes
  std::stop_token stop{};
  std::function<void(int done, int all)> progress{};  // may be empty
};

struct ConsolidateReport {
  int cells = 0;      // told by the model
  int unusable = 0;   // its answer was not
  int waiting = 0;    // cells that are still to be told
  int facts = 0, foresights = 0, proposals = 0, scenes = 0;
  int dropped = 0;    // facts, plans, traits and sentences that their sources do not support
};

struct MemoryStats {
  int64_t scopes = 0, sessions = 0, turns = 0, cells = 0, events = 0, tombstones = 0;
  int64_t vectors = 0;
  int64_t facts = 0;
  int64_t foresights = 0;
  int64_t text_bytes = 0;
  int64_t file_bytes = 0;
  int format = 0;
  std::string embedder{};  // "" = none
  std::string location{};
  std::string durability{};  // what an acknowledged write survives, in words
};

struct VerifyReport {
  std::vector<std::string> problems{};  // empty: sound
  int64_t checked_turns = 0;
};

inline constexpr int kSubQueriesMax = 3;

// On two-person chats this flags 6 % of the questions that have an answer and half of those that
// give one person's words to the other.
inline constexpr double kSupportLow = 0.08;

// "t123", "c45", "f6" or "p7"; parse_id returns the number behind that letter.
std::string turn_name(TurnId id);
std::string cell_name(CellId id);
std::string fact_name(FactId id);
std::string item_name(ItemId id);
std::optional<int64_t> parse_id(std::string_view text, char letter);

std::string_view tier_name(Tier tier);
std::string_view status_name(Fact::Status status);
std::string_view status_name(Foresight::Status status);
std::string_view status_name(ProfileItem::Status status);

}  // namespace corvid::memory
