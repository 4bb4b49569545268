#include "memory/manage/documents.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>

#include "memory/ingest/foresight.h"
#include "memory/ingest/settle.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr size_t kIdDigits = 16;
constexpr size_t kHeadingBytesMax = 200;
constexpr size_t kSessionBytesMax = 200;
constexpr std::string_view kEndings[] = {".md", ".markdown", ".rst", ".txt", ".adoc", ".org"};

bool is_heading(std::string_view line) {
  const size_t marks = std::min(line.find_first_not_of('#'), line.size());
  return marks >= 1 && marks <= 6 && marks < line.size() && line[marks] == ' ';
}

bool is_underline(std::string_view line) {
  return line.size() >= 3 && (line[0] == '=' || line[0] == '-' || line[0] == '~') &&
         line.find_first_not_of(line[0]) == std::string_view::npos;
}

class Cutter {
 public:
  void take(std::string_view line) {
    if (is_heading(line)) {
      flush();
      heading_ = truncate_utf8(trim(line), kHeadingBytesMax);
    } else if (is_underline(line) && !last_.empty()) {  // the line before was a heading
      body_.resize(body_.size() - std::min(body_.size(), last_.size() + 1));
      const std::string heading(truncate_utf8(trim(last_), kHeadingBytesMax));
      flush();
      heading_ = heading;
    } else {
      const bool is_border = trim(line).empty();
      if (is_border && body_.size() >= kChunkBytes / 2) flush();
      if (body_.size() + line.size() > 2 * kChunkBytes) flush();
      body_.append(line).append("\n");
      last_ = line;
      return;
    }
    last_.clear();
  }

  std::vector<std::string> finish() {
    flush();
    return std::move(chunks_);
  }

 private:
  void flush() {
    const std::string_view body = trim(body_);
    if (!body.empty()) {
      chunks_.push_back(heading_.empty() ? std::string(body)
                                         : heading_ + "\n" + std::string(body));
    }
    body_.clear();
    last_.clear();
  }

  std::string heading_, body_, last_;
  std::vector<std::string> chunks_;
};

}  // namespace

std::vector<std::string> cut_document(std::string_view text) {
  Cutter cutter;
  for (const std::string_view line : split_lines(text)) {
    cutter.take(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
  }
  return cutter.finish();
}

std::string document_session(const std::filesystem::path& file) {
  const std::string path = file.string();
  return "document:" +
         (path.size() <= kSessionBytesMax ? path : sha256_hex(path).substr(0, kIdDigits));
}

std::vector<NewTurn> read_document(const std::filesystem::path& file, const std::string& name) {
  const std::string content = read_file(file, kDocumentBytesMax);
  std::vector<NewTurn> turns;
  if (!is_utf8(content) || content.find('\0') != std::string::npos) return turns;
  struct stat status {};
  const bool has_status = ::stat(file.c_str(), &status) == 0;
  std::map<std::string, int> seen;
  const std::string session = document_session(file);
  for (const std::string& chunk : cut_document(content)) {
    NewTurn turn;
    turn.session = session;
    turn.speaker = name;
    turn.role = "document";
    turn.channel = "document";
    turn.tier = Tier::project;
    turn.said_at = Time(std::chrono::seconds(has_status ? status.st_mtime : 0));
    turn.text = chunk;
    const std::string id = sha256_hex(chunk).substr(0, kIdDigits);
    const int earlier = seen[id]++;
    turn.external_id = id + (earlier > 0 ? "/" + std::to_string(earlier) : "");
    turns.push_back(std::move(turn));
  }
  return turns;
}

std::vector<std::filesystem::path> find_documents(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) {
    fail(Code::not_found, folder.string() + " is not a folder");
  }
  std::vector<std::filesystem::path> found;
  std::error_code error;
  using Walk = std::filesystem::recursive_directory_iterator;
  const auto options = std::filesystem::directory_options::skip_permission_denied;
  for (Walk it(folder, options, error), end; it != end && !error; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with('.')) {
      if (it->is_directory(error)) it.disable_recursion_pending();
      continue;
    }
    const std::string ending = it->path().extension().string();
    if (!it->is_regular_file(error) ||
        std::ranges::find(kEndings, std::string_view(ending)) == std::end(kEndings)) {
      continue;
    }
    found.push_back(it->path());
    if (found.size() > kDocumentsMax) fail(Code::invalid, "too many documents in " +
                                                              folder.string());
  }
  std::ranges::sort(found);
  return found;
}

int64_t withdraw_others(Store& store, ScopeId scope, const std::string& name,
                        const std::vector<NewTurn>& turns, Time now) {
  const std::optional<SessionRow> session = store.find_session(scope, name);
  if (!session) return 0;
  std::set<std::string> current;
  for (const NewTurn& turn : turns) current.insert(turn.external_id);
  int64_t count = 0;
  bool is_changed = false;
  Unsettled changed;
  for (const TurnId id : store.session_turns(session->key)) {
    const std::optional<Turn> turn = store.turn(id);
    if (!turn) continue;
    const std::optional<TurnId> by = store.amended_by(id);
    const bool is_current = current.contains(turn->external_id);
    const bool goes = !is_current && !by;
    const bool comes_back = is_current && by == std::optional<TurnId>(0);
    if (!goes && !comes_back) continue;
    store.put_amendment(id, goes ? 0 : -1, now);
    drop_facts(store, id, changed);
    if (comes_back) {
      add_facts(store, *turn, changed);
      add_foresights(store, *turn);
    }
    for (const CellId cell : store.cells_of_turn(id)) derive_again(store, cell);
    count += goes;
    is_changed = true;
  }
  settle_facts(store, changed);
  if (is_changed) store.raise_generation();
  return count;
}

}  // namespace corvid::memory
