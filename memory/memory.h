#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "memory/ports.h"
#include "memory/types.h"
#include "runtime/base/json_fwd.h"

namespace corvid::memory {

class Store;

enum class Durability {
  full,   // an acknowledged write survives power loss
  normal  // it survives the death of the process; power loss may take the last writes
};

struct MemoryConfig {
  // A folder, made if absent; ":memory:" keeps everything in this process; "postgresql://...": a
  // database on a server.
  std::string location{};
  Durability durability = Durability::full;
  Scope scope{};  // what is written and, unless a call says otherwise, read
};

// The agent's memory: turns are the truth, all else is derived from them. Of another tenant's or
// another user's nothing can be read or changed, by id either; stats, export_lines, import_export,
// verify, rebuild and a pause everywhere are of the tenant as a whole. Thread-safe; several
// processes may open one location. Only consolidate() and a recall with sub_queries ask a model.
// Throws io, corrupt, unsupported (a
// newer format), timeout (locked), invalid (wrong arguments).
class Memory {
 public:
  explicit Memory(const MemoryConfig& config, Ports ports = {});
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // Stores the turns in one transaction, in order; when it returns they are durable and the next
  // recall sees them. Text between kRecallBegin and kRecallEnd is left out and its ids are noted.
  std::vector<WriteResult> remember(std::span<const NewTurn> turns);
  WriteResult remember(const NewTurn& turn);

  // Text from the web was read in the session: from now on what its assistant says is of the web's
  // tier, too, as long as this Memory lives.
  void mark_untrusted(const std::string& session);

  // A task boundary: the session's open MemCell is closed.
  void close_session(const std::string& session);

  Recall recall(std::string_view question, const RecallOptions& options = {}) const;
  Recall recall(std::string_view question, const RecallOptions& options,
                const ScopeFilter& filter) const;

  // Newest first.
  std::vector<MemCell> cells(const ScopeFilter& filter, int limit) const;
  std::vector<MemCell> cells(int limit) const;
  // What is stated of whom, in the order in which it was learnt; superseded ones too.
  std::vector<Fact> facts(const ScopeFilter& filter, int limit) const;
  // What was planned, with what became of it as of `at`, by the time for which it was planned.
  std::vector<Foresight> foresights(const ScopeFilter& filter, Time at) const;
  // Newest first.
  std::vector<MemScene> scenes(const ScopeFilter& filter, int limit) const;
  // What a model takes people for, and facts of its that differ from what is known, by age.
  std::vector<ProfileItem> profile(const ScopeFilter& filter) const;
  // What a person says to one of them ("p7"); an approved fact holds as if the person had stated
  // it. Throws not_found, invalid.
  void decide(const std::string& id, bool approves);
  // Level 1, in the background: the model of Ports tells of closed MemCells and of scenes, see
  // consolidate/told.h for what is believed of it. Throws invalid without a model, and what the
  // model throws; what was told until then stays.
  ConsolidateReport consolidate(const ScopeFilter& filter, const ConsolidateOptions& options);

  std::optional<Turn> turn(TurnId id) const;     // nullopt: no such turn
  std::optional<MemCell> cell(CellId id) const;  // nullopt: no such cell
  std::vector<Turn> cell_turns(const MemCell& cell) const;
  std::optional<Why> why(std::string_view id) const;  // nullopt: no such id; invalid: not an id
  MemoryStats stats() const;

  // Find, show, then erase: `confirm` takes what the user saw. Afterwards no file of the store
  // holds the text, and neither import nor remember takes it back (Written::forgotten).
  ForgetPreview find_to_forget(const ForgetRequest& request, const ScopeFilter& filter) const;
  Forgotten forget(const ForgetPreview& confirmed, const std::string& reason);

  // JSON lines {"session","id","speaker","when","text"[,"role"]}; `id` unique in the file. The file
  // is checked as a whole first: one error (invalid) names the first bad line and leaves the store
  // as it was. Importing again stores nothing twice. `progress(done, total)` after each batch.
  ImportReport import_turns(const std::filesystem::path& file,
                            const std::function<void(int64_t, int64_t)>& progress = {});

  // Corrects a turn ("t3"), or the value of a fact ("f6") where its turn states it: the new version
  // is a turn of the user's tier, said when the old one was. Recall sees the new one only; `show`
  // and `why` see both, and forgetting either forgets both. Throws not_found, invalid.
  WriteResult edit(const std::string& id, const std::string& text);

  // Turns that the ids name (t3, c4, f6) are from now on seen in every project of the user, or by
  // all users of the tenant, with what they state; demote() takes them back to where they were
  // said. How many moved. Throws not_found, invalid.
  int64_t promote(std::span<const std::string> ids, bool to_all_users);
  int64_t demote(std::span<const std::string> ids);

  // Everything but indexes and vectors as JSON lines; importing them into an empty store and
  // exporting again gives the same bytes. As private as the store itself.
  void export_lines(const std::function<void(std::string_view line)>& write) const;
  // For people: facts, then sessions with their turns, as Markdown.
  void export_markdown(const ScopeFilter& filter,
                       const std::function<void(std::string_view text)>& write) const;
  // Takes an export in. An empty store becomes what was exported, ids and audit chain included;
  // into any other the turns are added that it lacks. All or nothing; throws invalid for a damaged
  // file, unsupported for one of a newer format.
  ImportReport import_export(const std::filesystem::path& file);

  // While paused, the agent's writes to the scope are refused (Written::paused); what a person adds
  // or imports is not. Kept in the store. `everywhere`: all scopes of this store.
  void set_paused(bool paused, bool everywhere);
  bool is_paused() const;

  // Takes in a transcript in a format of read_transcript (memory/transcripts.h). Idempotent by
  // content: a longer transcript of the same conversation adds what is new.
  ImportReport import_transcript(const std::filesystem::path& file, const std::string& format,
                                 const std::function<void(int64_t, int64_t)>& progress = {});

  // Takes in the text documents below a folder, cut at headings and paragraphs, as turns of the
  // project's tier. Again, after changes: what no longer stands there is withdrawn.
  DocumentReport ingest_documents(const std::filesystem::path& folder);

  // Reads everything: pages, index against turns, facts and vectors against turns, provenance,
  // event chain.
  VerifyReport verify() const;

  // Makes the file from which a large store is opened at once, if it is due. It is made in the
  // background of questions, too, and after imports; the answers do not depend on it.
  void save_snapshot();

  // Makes index, facts and vectors anew from the turns. Answers stay the same.
  void rebuild();

  const Scope& scope() const;
  std::string durability() const;  // one sentence for `doctor`

 private:
  void check_facts(VerifyReport& report) const;
  ImportReport take(std::vector<NewTurn> given,
                    const std::function<void(int64_t, int64_t)>& progress);

  struct State;
  std::unique_ptr<State> state_;
};

// Whether the context block holds text of the web's tier.
bool holds_web_text(const Recall& recall);

// A recalled block stands between these lines, so that it is never taken for new evidence.
inline constexpr std::string_view kRecallBegin = "<recalled-memory>";
inline constexpr std::string_view kRecallEnd = "</recalled-memory>";

// The contract of `memory search --json` and of the other --json answers.
Json to_json(const Recall& recall);
Json to_json(const MemCell& cell);
Json to_json(const Fact& fact);
Json to_json(const Foresight& foresight);
Json to_json(const ProfileItem& item);
Json to_json(const ConsolidateReport& report);
Json to_json(const MemScene& scene);
Json to_json(const Turn& turn);
Json to_json(const MemoryStats& stats);
Json to_json(const Why& why);
Json to_json(const ImportReport& report);
Json to_json(const DocumentReport& report);

}  // namespace corvid::memory
