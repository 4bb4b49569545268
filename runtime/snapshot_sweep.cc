#include <set>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/git_functions.h"
#include "runtime/git_objects.h"
#include "runtime/prune.h"
#include "runtime/snapshot.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

class Repository {
 public:
  explicit Repository(const fs::path& folder) : folder_(folder) {
    check_git(git().repository_open_bare(&repository_, folder.c_str()),
              "cannot open " + folder.string());
  }
  ~Repository() { git().repository_free(repository_); }
  Repository(const Repository&) = delete;
  Repository& operator=(const Repository&) = delete;

  std::vector<std::string> pins() const {
    std::vector<std::string> names;
    const auto add = [](const char* name, void* list) {
      static_cast<std::vector<std::string>*>(list)->push_back(name);
      return 0;
    };
    check_git(git().reference_foreach_glob(repository_, "refs/corvid/*", add, &names),
              "cannot list the pins");
    return names;
  }

  void unpin(const std::string& name) const {
    const auto remove = [&] { return git().reference_remove(repository_, name.c_str()); };
    check_git(despite_stale_lock(folder_ / name, remove), "cannot remove " + name);
  }

  void mark(const std::string& pin) {
    git_oid id;
    check_git(git().reference_name_to_id(&id, repository_, pin.c_str()), "cannot read " + pin);
    mark_tree(id);
  }

  // Only loose objects: the shadow repository has no others.
  void sweep() const {
    std::error_code ignored;
    fs::remove(seen_place(folder_), ignored);
    for (const auto& part : fs::directory_iterator(folder_ / "objects")) {
      const std::string first = part.path().filename().string();
      if (first.size() != 2) continue;
      std::vector<fs::path> unreached;
      for (const auto& object : fs::directory_iterator(part.path())) {
        if (!reached_.contains(first + object.path().filename().string())) {
          unreached.push_back(object.path());
        }
      }
      for (const fs::path& object : unreached) fs::remove(object, ignored);
    }
  }

 private:
  void mark_tree(const git_oid& id) {
    if (!reached_.insert(id_text(id)).second) return;
    git_tree* tree = nullptr;
    check_git(git().tree_lookup(&tree, repository_, &id), "cannot read " + id_text(id));
    std::vector<git_oid> beneath;
    for (size_t i = 0; i < git().tree_entrycount(tree); ++i) {
      const git_tree_entry* entry = git().tree_entry_byindex(tree, i);
      if (git().tree_entry_type(entry) == GIT_OBJECT_TREE) {
        beneath.push_back(*git().tree_entry_id(entry));
      } else {
        reached_.insert(id_text(*git().tree_entry_id(entry)));
      }
    }
    git().tree_free(tree);
    for (const git_oid& each : beneath) mark_tree(each);
  }

  fs::path folder_;
  git_repository* repository_ = nullptr;
  std::set<std::string> reached_;
};

}  // namespace

void sweep_snapshots(const fs::path& folder,
                     const std::function<bool(const std::string& session)>& is_kept) {
  bool is_empty = true;
  {
    constexpr std::string_view kPins = "refs/corvid/";
    Repository repository(folder);
    for (const std::string& pin : repository.pins()) {
      const std::string rest = pin.substr(kPins.size());
      if (!is_kept(rest.substr(0, rest.find('/')))) {
        repository.unpin(pin);
        continue;
      }
      repository.mark(pin);
      is_empty = false;
    }
    if (!is_empty) repository.sweep();
  }
  if (is_empty) fs::remove_all(folder);
}

}  // namespace corvid::runtime
