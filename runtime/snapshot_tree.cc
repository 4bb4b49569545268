#include "runtime/snapshot_tree.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/git_objects.h"

namespace corvid::runtime {
namespace {

// What git's trees cannot say stands in a folder of this name; no file of a snapshot has it. One
// file lists what was left out, the second one the stamps of files among that ("SIZE MTIME CTIME
// INODE PATH"), the third one permissions of files that differ from the usual ("600 PATH"), the
// last one folders: those without files, and those whose permissions differ. It is there where
// folders were recorded at all. Each entry is ended by a zero byte.
constexpr const char* kOwnFolder = ".git/";
constexpr const char* kLeftOutName = ".git/left-out";
constexpr const char* kStampsName = ".git/stamps";
constexpr const char* kPermissionsName = ".git/permissions";
constexpr const char* kFoldersName = ".git/folders";
constexpr uint32_t kUsualFolder = 0755;

uint32_t usual_permissions(uint32_t mode) {
  return mode == GIT_FILEMODE_LINK ? 0 : mode == GIT_FILEMODE_BLOB_EXECUTABLE ? 0755 : 0644;
}

// The parts of `text` that a zero byte ends.
std::vector<std::string> zero_ended(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t at = 0, stop; (stop = text.find('\0', at)) != std::string::npos; at = stop + 1) {
    parts.push_back(text.substr(at, stop - at));
  }
  return parts;
}

struct TreeItem {
  uint32_t mode;
  git_oid id;
};
using TreeItems = std::map<std::string, TreeItem>;  // folders sort as if their names ended in '/'

// A tree object as git defines it. libgit2's own builder refuses names such as ".GIT" and "git~1",
// which are names like any other here.
git_oid write_tree_object(git_odb* odb, const TreeItems& items) {
  std::string content;
  for (const auto& [key, item] : items) {
    const bool is_folder = item.mode == GIT_FILEMODE_TREE;
    char mode[16];
    std::snprintf(mode, sizeof mode, "%o ", item.mode);
    content += mode + (is_folder ? key.substr(0, key.size() - 1) : key) + '\0';
    content.append(reinterpret_cast<const char*>(item.id.id), GIT_OID_RAWSZ);
  }
  git_oid id;
  check_git(git().odb_write(&id, odb, content.data(), content.size(), GIT_OBJECT_TREE),
            "cannot write a tree");
  return id;
}

using Files = std::map<std::string, SnapshotEntry>;

// Builds the tree of the files whose paths begin with `prefix`, from `it` on.
git_oid write_tree(git_odb* odb, Files::const_iterator& it, Files::const_iterator end,
                   const std::string& prefix, TreeItems items) {
  while (it != end && it->first.starts_with(prefix)) {
    const std::string rest = it->first.substr(prefix.size());
    const size_t slash = rest.find('/');
    if (slash == std::string::npos) {
      items[rest] = {it->second.mode, parse_id(it->second.blob)};
      ++it;
    } else {
      const std::string name = rest.substr(0, slash + 1);
      items[name] = {GIT_FILEMODE_TREE, write_tree(odb, it, end, prefix + name, {})};
    }
  }
  return write_tree_object(odb, items);
}

// "755 PATH\0"
std::string permissions_line(uint32_t permissions, const std::string& path) {
  char text[16];
  std::snprintf(text, sizeof text, "%o ", permissions);
  return text + path + '\0';
}

// Calls use(permissions, path) for each line.
template <typename Use>
void each_permission(const std::string& text, const Use& use) {
  for (const std::string& line : zero_ended(text)) {
    const size_t space = line.find(' ');
    if (space == std::string::npos) continue;
    use(uint32_t(std::strtoul(line.c_str(), nullptr, 8)) & 07777, line.substr(space + 1));
  }
}

// The folders that the files lie in, with usual permissions.
std::map<std::string, uint32_t> folders_of(const Files& files) {
  std::map<std::string, uint32_t> folders;
  for (const auto& [path, entry] : files) {
    for (size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0;
         slash = path.rfind('/', slash - 1)) {
      if (!folders.emplace(path.substr(0, slash), kUsualFolder).second) break;
    }
  }
  return folders;
}

}  // namespace

git_oid parse_id(const std::string& text) {
  git_oid id;
  check_git(git().oid_fromstr(&id, text.c_str()), "not a snapshot id: " + text);
  return id;
}

std::string read_blob(git_odb* odb, const std::string& text) {
  const git_oid id = parse_id(text);
  GitHandle<git_odb_object, &GitFunctions::odb_object_free> object;
  check_git(git().odb_read(&object.pointer, odb, &id), "no snapshot content " + text);
  return std::string(static_cast<const char*>(git().odb_object_data(object.pointer)),
                     git().odb_object_size(object.pointer));
}

std::string write_snapshot_tree(git_odb* odb, const Snapshot& snapshot) {
  std::string left_out, stamps, permissions, folders;
  for (const std::string& path : snapshot.left_out) left_out += path + '\0';
  for (const auto& [path, stamp] : snapshot.left_out_stamps) {
    for (const int64_t number :
         {stamp.size, stamp.mtime_ns, stamp.ctime_ns, int64_t(stamp.inode)}) {
      stamps += std::to_string(number) + " ";
    }
    stamps += path + '\0';
  }
  for (const auto& [path, entry] : snapshot.files) {
    if (entry.permissions == usual_permissions(entry.mode)) continue;
    permissions += permissions_line(entry.permissions, path);
  }
  const std::map<std::string, uint32_t> implied = folders_of(snapshot.files);
  for (const auto& [path, mode] : snapshot.folders) {
    if (mode != kUsualFolder || !implied.contains(path)) folders += permissions_line(mode, path);
  }
  TreeItems own, root;
  const auto add = [&](const char* name, const std::string& text) {
    git_oid id;
    check_git(git().odb_write(&id, odb, text.data(), text.size(), GIT_OBJECT_BLOB),
              std::string("cannot store ") + name);
    own[name + std::strlen(kOwnFolder)] = {GIT_FILEMODE_BLOB, id};
  };
  if (!left_out.empty()) add(kLeftOutName, left_out);
  if (!stamps.empty()) add(kStampsName, stamps);
  if (!permissions.empty()) add(kPermissionsName, permissions);
  if (snapshot.has_folders) add(kFoldersName, folders);
  if (!own.empty()) root[kOwnFolder] = {GIT_FILEMODE_TREE, write_tree_object(odb, own)};
  auto it = snapshot.files.cbegin();
  return id_text(write_tree(odb, it, snapshot.files.cend(), "", root));
}

Snapshot read_snapshot_tree(git_repository* repository, git_odb* odb, const std::string& tree) {
  const git_oid id = parse_id(tree);
  GitHandle<git_tree, &GitFunctions::tree_free> root;
  check_git(git().tree_lookup(&root.pointer, repository, &id), "no snapshot " + tree);
  Snapshot snapshot;
  snapshot.tree = tree;
  snapshot.has_folders = false;
  const auto visit = [](const char* folder, const git_tree_entry* entry, void* payload) -> int {
    if (git().tree_entry_type(entry) == GIT_OBJECT_BLOB) {
      auto& files = static_cast<Snapshot*>(payload)->files;
      const auto mode = uint32_t(git().tree_entry_filemode(entry));
      const std::string name = std::string(folder) + git().tree_entry_name(entry);
      files[name] = {id_text(*git().tree_entry_id(entry)), mode, usual_permissions(mode)};
    }
    return 0;
  };
  check_git(git().tree_walk(root.pointer, GIT_TREEWALK_PRE, visit, &snapshot),
            "cannot read " + tree);
  const auto own = [&](const char* name) -> std::optional<std::string> {
    const auto listed = snapshot.files.extract(name);
    if (listed.empty()) return std::nullopt;
    return read_blob(odb, listed.mapped().blob);
  };
  snapshot.left_out = zero_ended(own(kLeftOutName).value_or(""));
  for (const std::string& line : zero_ended(own(kStampsName).value_or(""))) {
    std::istringstream words(line);
    FileStamp stamp;
    std::string path;
    words >> stamp.size >> stamp.mtime_ns >> stamp.ctime_ns >> stamp.inode;
    words.get();
    if (std::getline(words, path, '\0')) snapshot.left_out_stamps[path] = stamp;
  }
  each_permission(own(kPermissionsName).value_or(""), [&](uint32_t mode, const std::string& path) {
    const auto file = snapshot.files.find(path);
    if (file != snapshot.files.end()) file->second.permissions = mode;
  });
  if (const auto folders = own(kFoldersName)) {
    snapshot.has_folders = true;
    snapshot.folders = folders_of(snapshot.files);
    each_permission(*folders, [&](uint32_t mode, const std::string& path) {
      snapshot.folders[path] = mode;
    });
  }
  return snapshot;
}

}  // namespace corvid::runtime
