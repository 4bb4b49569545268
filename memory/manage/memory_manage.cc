// What people do with a memory as a whole: take in, hand out, correct, erase, check.

#include <algorithm>
#include <set>

#include "memory/consolidate/consolidate.h"
#include "memory/consolidate/profile.h"
#include "memory/ingest/vector.h"
#include "memory/manage/documents.h"
#include "memory/manage/edit.h"
#include "memory/manage/export.h"
#include "memory/manage/forget.h"
#include "memory/manage/import_turns.h"
#include "memory/manage/memory_state.h"
#include "memory/manage/name_apart.h"
#include "memory/manage/promote.h"
#include "memory/transcripts.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

// What facts say, without their ids.
std::multiset<std::string> statements(const Store& store) {
  std::multiset<std::string> out;
  for (const Fact& fact : store.facts(store.all_scopes(), kCellsMax)) {
    const auto by = fact.superseded_by == 0 ? std::nullopt : store.fact(fact.superseded_by);
    out.insert(join({fact.subject, fact.key, fact.value, turn_name(fact.turn),
                     std::string(status_name(fact.status)),
                     by ? turn_name(by->turn) : std::string()},
                    "\n"));
  }
  for (const Foresight& one : store.foresights(store.all_scopes())) {
    out.insert(join({one.subject, one.words, one.text, turn_name(one.turn),
                     format_time(one.valid_from),
                     one.valid_to ? format_time(*one.valid_to) : std::string()},
                    "\n"));
  }
  return out;
}

}  // namespace

ForgetPreview Memory::find_to_forget(const ForgetRequest& request,
                                     const ScopeFilter& filter) const {
  ForgetPreview preview =
      memory::find_to_forget(*state_->store, request, state_->store->find_scopes(filter));
  preview.all_projects = filter.all_projects;
  return preview;
}

Forgotten Memory::forget(const ForgetPreview& confirmed, const std::string& reason) {
  const std::unique_lock lock(state_->ingest_mutex);
  state_->ingest.forget_open_segments();
  Scope everywhere = state_->config.scope;
  everywhere.project = kEverywhere;
  everywhere.session.clear();
  return erase(*state_->store, confirmed, {reason, state_->now(), everywhere});
}

ImportReport Memory::take(std::vector<NewTurn> given,
                          const std::function<void(int64_t, int64_t)>& progress) {
  name_apart(*state_->store, state_->config.scope, given);
  const std::span<const NewTurn> turns = given;
  ImportReport report{.line_count = static_cast<int64_t>(turns.size())};
  {
    // A file that contradicts what is there is refused as a whole.
    const std::unique_lock lock(state_->ingest_mutex);
    state_->ingest.check_conflicts(turns);
  }
  for (size_t done = 0; done < turns.size();) {
    const size_t count = std::min(kImportBatch, turns.size() - done);
    const std::unique_lock lock(state_->ingest_mutex);
    for (const WriteResult& result :
         state_->ingest.remember(turns.subspan(done, count), "user", "import")) {
      report.stored += result.outcome == Written::stored;
      report.duplicates += result.outcome == Written::duplicate;
      report.refused += result.outcome == Written::forgotten;
      report.empty += result.outcome == Written::empty;
      if (result.outcome == Written::stored) report.redactions += result.redactions;
    }
    done += count;
    if (progress) progress(static_cast<int64_t>(done), report.line_count);
  }
  save_snapshot();
  return report;
}

ImportReport Memory::import_turns(const std::filesystem::path& file,
                                  const std::function<void(int64_t, int64_t)>& progress) {
  return take(read_turns_file(file), progress);
}

ImportReport Memory::import_transcript(const std::filesystem::path& file,
                                       const std::string& format,
                                       const std::function<void(int64_t, int64_t)>& progress) {
  return take(read_transcript(file, format), progress);
}

DocumentReport Memory::ingest_documents(const std::filesystem::path& folder) {
  DocumentReport report;
  const std::filesystem::path root = std::filesystem::absolute(folder).lexically_normal();
  std::set<std::string> seen;  // sessions of what is there
  const auto withdraw = [&](const std::string& session, const std::vector<NewTurn>& turns) {
    const std::unique_lock lock(state_->ingest_mutex);
    Store& store = *state_->store;
    store.write([&] {
      const ScopeId scope = store.put_scope(state_->config.scope);
      report.withdrawn += withdraw_others(store, scope, session, turns, state_->now());
    });
    state_->ingest.forget_open_segments();
  };
  for (const std::filesystem::path& file : find_documents(root)) {
    const bool is_too_large = std::filesystem::file_size(file) > kDocumentBytesMax;
    std::vector<NewTurn> turns;
    if (!is_too_large) turns = read_document(file, file.lexically_relative(root).string());
    const std::string session = document_session(file);
    seen.insert(session);
    ++(turns.empty() ? report.skipped : report.documents);
    if (is_too_large) continue;  // what it holds now is not known
    const ImportReport part = take(turns, {});
    report.turns.line_count += part.line_count;
    report.turns.stored += part.stored;
    report.turns.duplicates += part.duplicates;
    report.turns.refused += part.refused;
    report.turns.redactions += part.redactions;
    withdraw(session, turns);
  }
  const std::optional<ScopeId> scope = state_->store->find_scope(state_->config.scope);
  if (!scope) return report;
  for (const SessionRow& session :
       state_->store->sessions(*scope, document_session(root / ""))) {
    if (!seen.contains(session.name)) withdraw(session.name, {});
  }
  return report;
}

WriteResult Memory::edit(const std::string& id, const std::string& text) {
  const std::unique_lock lock(state_->ingest_mutex);
  state_->ingest.forget_open_segments();
  return memory::edit(*state_->store, state_->ports, state_->own_scopes(), id, text);
}

void Memory::decide(const std::string& id, bool approves) {
  const std::optional<ItemId> item = parse_id(id, 'p');
  if (!item) fail(Code::invalid, "'" + id + "' is not the id of a proposal; those look like p7");
  const std::unique_lock lock(state_->ingest_mutex);
  decide_item(*state_->store, state_->own_scopes(), *item, approves, state_->now());
}

ConsolidateReport Memory::consolidate(const ScopeFilter& filter,
                                      const ConsolidateOptions& options) {
  return memory::consolidate(*state_->store, state_->ports, state_->store->find_scopes(filter),
                             options);
}

int64_t Memory::promote(std::span<const std::string> ids, bool to_all_users) {
  const std::unique_lock lock(state_->ingest_mutex);
  state_->ingest.forget_open_segments();
  Store& store = *state_->store;
  Scope wide{.tenant = state_->config.scope.tenant, .user = state_->config.scope.user,
             .project = kEverywhere};
  Scope widest = wide;
  widest.user = kEverywhere;
  if (to_all_users) wide = widest;
  int64_t count = 0;
  store.write([&] {
    count = move_turns(store, state_->own_scopes(), ids, store.put_scope(wide),
                       store.find_scope(widest), state_->now());
  });
  return count;
}

int64_t Memory::demote(std::span<const std::string> ids) {
  const std::unique_lock lock(state_->ingest_mutex);
  state_->ingest.forget_open_segments();
  int64_t count = 0;
  state_->store->write([&] {
    count = move_turns(*state_->store, state_->own_scopes(), ids, 0, std::nullopt, state_->now());
  });
  return count;
}

void Memory::export_lines(const std::function<void(std::string_view)>& write) const {
  memory::export_lines(*state_->store, write);
}

void Memory::export_markdown(const ScopeFilter& filter,
                             const std::function<void(std::string_view)>& write) const {
  memory::export_markdown(*state_->store, state_->store->find_scopes(filter), write);
}

ImportReport Memory::import_export(const std::filesystem::path& file) {
  const std::unique_lock lock(state_->ingest_mutex);
  state_->ingest.forget_open_segments();
  const ImportReport report = memory::import_export(*state_->store, state_->ports, file);
  while (!state_->ingest.complete_vectors(kVectorsAtOnce, kVectorTimeAtOnce)) {
  }
  save_snapshot();
  return report;
}

void Memory::set_paused(bool paused, bool everywhere) {
  const std::unique_lock lock(state_->ingest_mutex);
  Store& store = *state_->store;
  store.write([&] {
    const ScopeId scope = everywhere ? 0 : store.put_scope(state_->config.scope);
    store.set_paused(scope, paused, state_->now());
    store.add_event({.at = state_->now(), .actor = "user", .op = paused ? "pause" : "resume",
                     .kind = "scope", .first_id = scope, .last_id = scope});
  });
}

bool Memory::is_paused() const {
  return state_->store->is_paused(state_->store->find_scope(state_->config.scope).value_or(0));
}

VerifyReport Memory::verify() const {
  VerifyReport report;
  report.problems = state_->store->verify();
  report.checked_turns = state_->store->stats().turns;
  check_facts(report);
  if (!state_->ports.embed) return report;
  const std::vector<ScopeId> scopes = state_->store->all_scopes();
  int64_t wrong = 0;
  state_->store->for_each_vector(
      scopes, state_->ports.embedder, 0, [&](TurnId id, std::span<const int8_t> vector) {
        const std::optional<Turn> turn = state_->store->turn(id);
        wrong += !turn || !std::ranges::equal(turn_vector(*turn, state_->ports.embed), vector);
      });
  if (wrong > 0) report.problems.push_back("vectors: " + std::to_string(wrong) + " differ");
  return report;
}

// Derives all facts a second time, in a transaction that is then given up.
void Memory::check_facts(VerifyReport& report) const {
  const std::unique_lock lock(state_->ingest_mutex);
  const std::multiset<std::string> live = statements(*state_->store);
  std::multiset<std::string> anew;
  state_->store->try_out([&] {
    rebuild_facts(*state_->store);
    anew = statements(*state_->store);
  });
  if (live != anew) report.problems.push_back("facts: not what the turns state");
}

void Memory::rebuild() {
  const std::unique_lock lock(state_->ingest_mutex);
  Store& store = *state_->store;
  store.write([&] {
    store.make_index_anew();
    rebuild_facts(store);
    store.erase_vectors();
    store.add_event({.at = state_->now(), .actor = "user", .op = "rebuild", .kind = "store"});
    store.raise_generation();
  });
  while (!state_->ingest.complete_vectors(kVectorsAtOnce, kVectorTimeAtOnce)) {
  }
  save_snapshot();
}

void Memory::save_snapshot() { state_->recaller.save({.scope = state_->config.scope}); }

}  // namespace corvid::memory
