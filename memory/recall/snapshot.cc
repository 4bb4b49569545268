#include "memory/recall/snapshot.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>

#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

// The newest turn of the file. If the store has it, it has all before it, but for what was erased,
// which raises the generation.
struct Stamp {
  int64_t rows = 0;
  int64_t generation = 0;
  TurnId last = 0;
  int64_t learnt_at = 0;
  std::array<char, 64> sha256{};
};

std::string key_of(const SnapshotOf& what) {
  std::string key = what.embedder;
  for (const ScopeId scope : what.scopes) key += "\n" + std::to_string(scope);
  return key;
}

// "" where there is no place for it.
std::filesystem::path file_of(const Store& store, const SnapshotOf& what) {
  const std::filesystem::path folder = store.cache_folder();
  if (folder.empty()) return folder;
  return folder / (kCachePrefix + sha256_hex(key_of(what)).substr(0, 16) + ".cache");
}

std::optional<Stamp> stamp_of(const Store& store, const Corpus& corpus) {
  const auto turn = corpus.rows().empty() ? std::nullopt : store.turn(corpus.rows().back().id);
  if (!turn || turn->sha256.size() != std::tuple_size_v<decltype(Stamp::sha256)>) {
    return std::nullopt;
  }
  Stamp stamp{.rows = std::ssize(corpus.rows()),
              .generation = corpus.generation(),
              .last = turn->id,
              .learnt_at = turn->learnt_at.time_since_epoch().count()};
  turn->sha256.copy(stamp.sha256.data(), stamp.sha256.size());
  return stamp;
}

bool is_of(const Store& store, const Stamp& stamp) {
  if (stamp.generation != store.generation()) return false;
  const auto turn = store.turn(stamp.last);
  return turn && turn->learnt_at.time_since_epoch().count() == stamp.learnt_at &&
         turn->sha256 == std::string_view(stamp.sha256.data(), stamp.sha256.size());
}

// Removes the file unless it has got another name.
class Unfinished {
 public:
  explicit Unfinished(std::filesystem::path path) : path_(std::move(path)) {}
  ~Unfinished() {
    std::error_code error;
    std::filesystem::remove(path_, error);
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Null where there is none, or of another history.
std::unique_ptr<SectionReader> open_file(const Store& store, const SnapshotOf& what,
                                         Stamp& stamp) {
  const std::filesystem::path file = file_of(store, what);
  if (file.empty() || !std::filesystem::exists(file)) return nullptr;
  auto in = std::make_unique<SectionReader>(file, key_of(what));
  stamp = in->take_one<Stamp>();
  return is_of(store, stamp) ? std::move(in) : nullptr;
}

std::optional<Kept> read_kept(SectionReader& in, const SnapshotOf& what, const Stamp& stamp) {
  Kept kept{.corpus = Corpus(what.scopes)};
  kept.corpus.load(in);
  in.require(std::ssize(kept.corpus.rows()) == stamp.rows &&
             kept.corpus.generation() == stamp.generation);
  kept.vectors.load(in, kept.corpus);
  kept.postings.load(in, kept.corpus);
  return kept;
}

// A damaged file is as good as none, and gone.
template <typename T>
T or_remove(const Store& store, const SnapshotOf& what, const std::function<T()>& read) {
  try {
    return read();
  } catch (const Error&) {  // edge: a cache
    std::error_code error;
    std::filesystem::remove(file_of(store, what), error);
    return {};
  }
}

}  // namespace

int64_t snapshot_rows(const Store& store, const SnapshotOf& what) {
  return or_remove<int64_t>(store, what, [&] {
    Stamp stamp;
    return open_file(store, what, stamp) != nullptr ? stamp.rows : 0;
  });
}

std::optional<Kept> load_snapshot(const Store& store, const SnapshotOf& what) {
  return or_remove<std::optional<Kept>>(store, what, [&]() -> std::optional<Kept> {
    Stamp stamp;
    const auto in = open_file(store, what, stamp);
    if (in == nullptr) return std::nullopt;
    return read_kept(*in, what, stamp);
  });
}

bool save_snapshot(Store& store, const SnapshotOf& what, const std::function<bool()>& go_on) {
  const std::filesystem::path file = file_of(store, what);
  if (file.empty()) return false;
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  const Unfinished unfinished(file.string() + "." + std::to_string(::getpid()) + "-" +
                              std::to_string(now));
  // Made before anything is read: scrub() then finds it, whatever is erased meanwhile.
  SectionWriter out(unfinished.path());
  Corpus corpus(what.scopes);
  corpus.refresh(store);
  const std::optional<Stamp> stamp = stamp_of(store, corpus);
  if (!stamp) return false;
  out.put(*stamp);
  corpus.save(out);
  Vectors vectors;
  if (!what.embedder.empty()) vectors.refresh(store, corpus, what.embedder);
  vectors.save(out);
  Postings::save(store, corpus, out, go_on);
  out.finish(key_of(what));
  bool is_current = false;
  // Under the store's lock nothing is erased between the look and the renaming.
  store.write([&] {
    is_current = is_of(store, *stamp) && ::rename(unfinished.path().c_str(), file.c_str()) == 0;
  });
  return is_current;
}

}  // namespace corvid::memory
