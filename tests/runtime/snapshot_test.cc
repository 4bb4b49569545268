#include <catch2/catch.hpp>

#include <chrono>
#include <random>
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/clean_copy.h"
#include "runtime/prune.h"
#include "runtime/snapshot.h"
#include "runtime/verify.h"
#include "runtime/workspace_history.h"
#include "tests/support/files.h"

using namespace corvid;
using namespace corvid::runtime;
using corvid::test::put;
namespace fs = std::filesystem;

TEST_CASE("locks that a killed process left in the snapshot repository are no hindrance") {
  const TempDir dir, shadow;
  put(dir.path() / "a.txt", "one\n");
  const fs::path folder = shadow.path() / "s.git";
  // Half made: before its HEAD is there.
  for (const char* lock : {"config.lock", "HEAD.lock"}) put(folder / lock, "");
  put(shadow.path() / "s.git.new/HEAD.lock", "");
  SnapshotStore(folder, dir.path()).take();
  CHECK_FALSE(fs::exists(shadow.path() / "s.git.new"));
  put(folder / "config.lock", "");
  put(folder / "refs/corvid/session/first.lock", "");
  SnapshotStore store(folder, dir.path());
  const std::string tree = store.take().tree;
  store.pin(tree, "session/first");
  put(folder / "refs/corvid/session/first.lock", "");
  store.pin(tree, "session/first");
  CHECK(read_file(folder / "refs/corvid/session/first") == tree + "\n");
  CHECK_FALSE(fs::exists(folder / "refs/corvid/session/first.lock"));
}

TEST_CASE("what an earlier process has recorded is not read again, and what has changed is") {
  const TempDir dir, shadow;
  const fs::path folder = shadow.path() / "s.git", root = dir.path();
  put(root / "same", "stays\n");
  put(root / "a b\nc", "one\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // see is_settled()
  std::string blob;
  {
    SnapshotStore store(folder, root);
    blob = store.take().files.at("same").blob;
  }
  const fs::path object = folder / "objects" / blob.substr(0, 2) / blob.substr(2);
  const auto time = fs::last_write_time(root / "a b\nc");
  put(root / "a b\nc", "two\n");
  fs::last_write_time(root / "a b\nc", time);
  REQUIRE(fs::remove(object));
  SnapshotStore again(folder, root);
  const Snapshot second = again.take();
  CHECK(second.files.at("same").blob == blob);
  CHECK_FALSE(fs::exists(object));
  CHECK(again.content(second.files.at("a b\nc")) == "two\n");
  const std::string known = read_file(seen_place(folder));
  for (const std::string& damaged :
       {std::string(), known.substr(0, known.size() - 2), "corvid seen files 1 other" + known}) {
    write_file_atomic(seen_place(folder), damaged);
    CHECK(SnapshotStore(folder, root).take().tree == second.tree);
    CHECK(fs::remove(object));
  }
  SnapshotStore(folder, root).pin(SnapshotStore(folder, root).take().tree, "session/kept");
  REQUIRE(fs::exists(seen_place(folder)));
  sweep_snapshots(folder, [](const std::string&) { return true; });
  CHECK_FALSE(fs::exists(seen_place(folder)));
}

TEST_CASE("a stamp settles with the clock of its file system") {
  const int64_t second = 1'000'000'000, now = int64_t(::time(nullptr)) * second;
  CHECK(is_settled({0, 0, now - second + 1, 0}));
  CHECK_FALSE(is_settled({0, 0, now + second - 1, 0}));
  CHECK_FALSE(is_settled({0, 0, now, 0}));  // of whole seconds, perhaps
  CHECK(is_settled({0, 0, now - 3 * second, 0}));
}

TEST_CASE("a restored snapshot equals the workspace that was taken") {
  const TempDir dir, shadow;
  const fs::path root = dir.path();
  put(root / "a.txt", "one\n");
  put(root / "b" / "c.txt", "two\r\n");
  put(root / "b-d", "beside the folder");
  put(root / "run.sh", "#!/bin/sh\n");
  fs::permissions(root / "run.sh", fs::perms(0755));
  fs::create_symlink("a.txt", root / "link");
  put(root / ".git" / "config", "the user's own");
  SnapshotStore store(shadow.path() / "s.git", root);
  const Snapshot before = store.take();
  CHECK(before.files.size() == 5);
  CHECK_FALSE(before.files.contains(".git/config"));

  put(root / "a.txt", "changed\n");
  fs::remove_all(root / "b");
  put(root / "b", "a file where a folder was");
  put(root / "new" / "deep" / "file", "x");
  fs::remove(root / "link");
  put(root / "link", "a file where a link was");
  fs::permissions(root / "run.sh", fs::perms(0644));
  const Snapshot after = store.take();
  CHECK(changed_paths(before, after) ==
        std::vector<std::string>{"a.txt", "b", "b/c.txt", "link", "new/deep/file", "run.sh"});
  CHECK(snapshot_diff(store, before, after).find("-one\n+changed\n") != std::string::npos);

  store.restore(store.load(before.tree));
  CHECK(store.take().tree == before.tree);
  CHECK(read_file(root / "b" / "c.txt") == "two\r\n");
  CHECK(fs::is_symlink(root / "link"));
  CHECK_FALSE(fs::exists(root / "new"));
  CHECK(read_file(root / ".git" / "config") == "the user's own");
}

TEST_CASE("permissions are part of a snapshot, also of files that were removed") {
  const TempDir dir, other;
  const fs::path root = dir.path();
  write_file_atomic(root / "secret.env", "TOKEN=1\n");
  fs::permissions(root / "secret.env", fs::perms(0600));
  write_file_atomic(root / "shared.txt", "text\n");
  fs::permissions(root / "shared.txt", fs::perms(0664));
  SnapshotStore store(other.path() / "shadow.git", root);
  const Snapshot before = store.take();
  const auto permissions_of = [&](const char* name) {
    return fs::status(root / name).permissions();
  };

  fs::remove(root / "secret.env");
  fs::permissions(root / "shared.txt", fs::perms(0600));
  CHECK(changed_paths(before, store.take()) ==
        std::vector<std::string>{"secret.env", "shared.txt"});
  store.restore(store.load(before.tree));
  CHECK(permissions_of("secret.env") == fs::perms(0600));
  CHECK(permissions_of("shared.txt") == fs::perms(0664));
  CHECK(store.take().tree == before.tree);
  CHECK(store.load(before.tree).files == before.files);
}

TEST_CASE("files above the limit are named and left alone") {
  const TempDir dir, shadow;
  put(dir.path() / "big", std::string(100, 'x'));
  put(dir.path() / "small", "y");
  SnapshotStore store(shadow.path() / "s.git", dir.path(), {.file_bytes_max = 50});
  const Snapshot before = store.take();
  REQUIRE(before.left_out.size() == 1);
  CHECK(before.left_out[0] == "big");
  CHECK(before.left_out_texts[0] == "big (100 bytes)");
  CHECK(store.load(before.tree).left_out == before.left_out);
  put(dir.path() / "small", "z");
  put(dir.path() / "big", "small enough to be recorded now");
  store.restore(store.load(before.tree));
  CHECK(read_file(dir.path() / "small") == "y");
  CHECK(read_file(dir.path() / "big") == "small enough to be recorded now");
  put(dir.path() / "small", std::string(100, 'z'));
  store.restore(store.load(before.tree));
  CHECK(read_file(dir.path() / "small").size() == 100);
}

TEST_CASE("the limit of a whole snapshot counts ignored files only, in the order of their paths") {
  const TempDir dir, shadow;
  put(dir.path() / ".git" / "HEAD", "ref: refs/heads/main\n");
  put(dir.path() / ".gitignore", "build/\n");
  for (const char* name : {"z", "m", "a", "q"}) {
    put(dir.path() / "build" / name, std::string(40, 'x'));
    put(dir.path() / "src" / name, std::string(400, 'y'));
  }
  SnapshotStore store(shadow.path() / "s.git", dir.path(), {.total_bytes_max = 100});
  const Snapshot taken = store.take();
  CHECK(taken.left_out == std::vector<std::string>{"build/q", "build/z"});
  CHECK(taken.files.size() == 7);
  // A new file in front takes the place of another; nothing of that may reach the workspace.
  put(dir.path() / "build" / "b", std::string(40, 'x'));
  put(dir.path() / "src" / "a", "changed");
  CHECK(changed_paths(store.load(taken.tree), store.take()) ==
        std::vector<std::string>{"build/b", "src/a"});
  store.restore(store.load(taken.tree));
  for (const char* name : {"z", "m", "a", "q"}) CHECK(fs::exists(dir.path() / "build" / name));
  CHECK(read_file(dir.path() / "src" / "a") == std::string(400, 'y'));
}

TEST_CASE("names that git refuses are recorded, and what cannot be recorded is left out") {
  const TempDir dir, shadow;
  const fs::path root = dir.path();
  const std::vector<std::string> odd = {"git~1", ".GIT",     "a/.Git/x", "new\nline",
                                        "b\\c",  "\xff\xfe", "CON"};
  for (const std::string& name : odd) put(root / name, "as it was");
  put(root / "secret" / "file", "x");
  put(root / "closed", "x");
  REQUIRE(::mkfifo((root / "pipe").c_str(), 0600) == 0);
  std::vector<std::string> expected = {"pipe"};
  if (::geteuid() == 0) {
    WARN("SKIP: root reads everything, so no file is unreadable");
  } else {
    fs::permissions(root / "secret", fs::perms::none);
    fs::permissions(root / "closed", fs::perms::none);
    expected = {"closed", "pipe", "secret"};
  }
  SnapshotStore store(shadow.path() / "s.git", root);
  const Snapshot before = store.take();
  CHECK(before.left_out == expected);
  CHECK(is_left_out(before, "pipe"));
  CHECK_FALSE(is_left_out(before, "pip"));
  for (const std::string& name : odd) {
    REQUIRE(before.files.contains(name));
    put(root / name, "changed");
  }
  store.restore(store.load(before.tree));
  for (const std::string& name : odd) CHECK(read_file(root / name) == "as it was");
  CHECK(store.take().tree == before.tree);
  CHECK(fs::exists(root / "pipe"));
  fs::permissions(root / "secret", fs::perms::owner_all);
}

TEST_CASE("nothing is written through a link, nor over a folder with files") {
  const TempDir dir, shadow, elsewhere;
  const fs::path root = dir.path();
  put(root / "a" / "x", "recorded");
  put(root / "b", "recorded");
  SnapshotStore store(shadow.path() / "s.git", root);
  const Snapshot before = store.take();
  fs::remove_all(root / "a");
  fs::create_symlink(elsewhere.path(), root / "a");
  fs::remove(root / "b");
  put(root / "b" / "mine", "x");
  CHECK(store.put_back({{"a/x", before.files.at("a/x")}, {"b", before.files.at("b")}}).empty());
  CHECK(fs::is_empty(elsewhere.path()));
  CHECK(fs::exists(root / "b" / "mine"));
}

namespace {

// A session's log in the making, with the workspace it is about.
struct Story {
  TempDir dir, shadow;
  SnapshotStore store{shadow.path() / "s.git", dir.path()};
  std::vector<Event> events;

  Story() { begin(); }
  void begin() { add(SessionStarted{1, "s", dir.path().string(), "", "", ""}); }
  void add(EventBody body) { events.push_back({int64_t(events.size()), {}, -1, std::move(body)}); }
  void write(const std::string& path, const std::string& text) { put(dir.path() / path, text); }
  void taken(int turn, bool after) { add(SnapshotTaken{turn, store.take().tree, {}, after}); }
  void step(int turn, const std::string& path, const std::string& text) {
    taken(turn, false);
    write(path, text);
    taken(turn, true);
  }
  std::vector<std::string> changed(const ChangesOptions& options = {}) const {
    std::vector<std::string> paths;
    for (const ChangedPath& change : session_changes(events, store, options)) {
      paths.push_back(change.path + (change.is_certain ? "" : "?"));
    }
    return paths;
  }
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a session's changes are those of its steps, not what others do between them") {
  Story story;
  story.write("a", "0");
  story.taken(0, false);
  story.step(1, "a", "1");
  story.write("by-hand", "x");
  story.step(2, "b", "2");
  story.write("c", "3");  // the same turn's next call
  story.taken(2, true);
  CHECK(story.changed() == Names{"a", "b", "c"});
  CHECK(story.changed({.since_turn = 2}) == Names{"b", "c"});
  story.step(3, "a", "0");
  CHECK(story.changed() == Names{"b", "c"});  // as it was before

  const auto changes = session_changes(story.events, story.store, {.since_turn = 3});
  REQUIRE(changes.size() == 1);
  CHECK(story.store.content(*changes[0].before) == "1");
  CHECK(story.store.content(*changes[0].after) == "0");
  CHECK(changes_diff(story.store, changes).find("-1\n") != std::string::npos);

  // What was found later is the end of no step.
  story.write("by-hand", "y");
  story.add(Resumed{{}, story.store.take().tree});
  story.taken(-1, false);
  story.taken(3, true);
  CHECK(story.changed() == Names{"b", "c"});
  story.begin();
  CHECK(story.changed({.since_event = last_run_event(story.events)}).empty());
  story.taken(0, false);
  story.step(4, "d", "4");
  CHECK(story.changed({.since_event = last_run_event(story.events)}) == Names{"d"});
}

TEST_CASE("what a step that was cut off has changed is uncertain, but for the file it names") {
  Story story;
  story.taken(0, false);
  story.add(ActionDecided{"call_1", "write_file",
                          "{\"paths\":[\"" + (story.dir.path() / "named").string() + "\"]}",
                          "allow", ""});
  story.taken(1, false);
  story.write("named", "x");
  story.write("other", "x");
  CHECK(story.changed().empty());
  const Snapshot present = story.store.take();
  CHECK(story.changed({.present = &present}) == Names{"named", "other?"});
  story.add(Resumed{{}, present.tree});
  CHECK(story.changed() == Names{"named", "other?"});
  story.add(WorkspaceRestored{"", "restore", 1});
  CHECK(story.changed().empty());
}

TEST_CASE("what an undo or a rewind put back is done for, and what it left alone is not") {
  Story story;
  story.write("a", "0");
  story.taken(0, false);
  story.step(1, "a", "1");
  story.step(2, "b", "2");
  fs::remove(story.dir.path() / "b");
  story.add(WorkspaceRestored{story.store.take().tree, "rewind", 2});
  CHECK(story.changed() == Names{"a"});
  story.write("a", "by hand");
  story.add(WorkspaceRestored{story.store.take().tree, "undo", 0});
  CHECK(story.changed() == Names{"a"});
  story.write("a", "0");
  story.add(WorkspaceRestored{story.store.take().tree, "undo", 0});
  CHECK(story.changed().empty());
  story.step(3, "a", "3");
  CHECK(story.changed() == Names{"a"});
}

TEST_CASE("folders are part of a snapshot: empty ones, and their permissions") {
  const TempDir dir, other;
  const fs::path root = dir.path();
  const auto mode = [&](const char* path) {
    struct stat status;
    return ::lstat((root / path).c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
  };
  fs::create_directories(root / "empty" / "deep");
  put(root / "private" / "key", "x");
  ::chmod((root / "private").c_str(), 0700);
  fs::create_directories(root / "sticky");
  ::chmod((root / "sticky").c_str(), 01777);
  put(root / "stays" / "a", "a");
  SnapshotStore store(other.path() / "shadow.git", root);
  const Snapshot before = store.take();
  CHECK(before.folders.size() == 5);
  CHECK(store.load(before.tree).folders == before.folders);
  CHECK(changed_folders(before, store.load(before.tree)).empty());

  fs::remove_all(root / "empty");
  fs::remove_all(root / "private");
  put(root / "private", "a file where a folder was");
  ::chmod((root / "sticky").c_str(), 0755);
  fs::remove(root / "stays" / "a");
  fs::create_directories(root / "new" / "deep");
  const Snapshot after = store.take();
  CHECK(changed_folders(before, after) == std::vector<std::string>{"empty", "empty/deep", "new",
                                                                   "new/deep", "private",
                                                                   "sticky"});
  store.restore(store.load(before.tree));
  CHECK(store.take().tree == before.tree);
  CHECK(fs::is_directory(root / "empty" / "deep"));
  CHECK(mode("private") == 0700);
  CHECK(mode("sticky") == 01777);
  CHECK_FALSE(fs::exists(root / "new"));

  // What others put into a new folder stays, and so does the folder.
  fs::create_directories(root / "new");
  store.take();
  put(root / "new" / "mine", "x");
  store.put_back({{"new", std::nullopt}});
  CHECK(fs::exists(root / "new" / "mine"));
}

TEST_CASE("large contents that do not compress are stored as they are") {
  const TempDir dir, other;
  std::mt19937 random(7);
  std::string noise(3 << 20, '\0'), text(3 << 20, 'a');
  for (char& c : noise) c = char(random());
  write_file_atomic(dir.path() / "noise", noise);
  write_file_atomic(dir.path() / "text", text);
  SnapshotStore store(other.path() / "s.git", dir.path());
  const Snapshot taken = store.take();
  CHECK(store.content(taken.files.at("noise")) == noise);
  CHECK(store.content(taken.files.at("text")) == text);
  std::vector<uintmax_t> sizes;
  for (const auto& item : fs::recursive_directory_iterator(other.path() / "s.git" / "objects")) {
    if (item.is_regular_file()) sizes.push_back(item.file_size());
  }
  std::sort(sizes.begin(), sizes.end());
  CHECK(sizes.back() > noise.size());  // a header; compression would not have made it smaller
  CHECK(sizes.at(sizes.size() - 2) < text.size() / 50);
}

TEST_CASE("random trees survive take and restore") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const TempDir dir, shadow;
  SnapshotStore store(shadow.path() / "s.git", dir.path());
  std::vector<Snapshot> taken;
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 8; ++i) {
      const fs::path path = dir.path() / std::string(1, char('a' + random() % 4)) /
                            std::string(1, char('a' + random() % 4));
      if (random() % 3 == 0)
        fs::remove_all(random() % 2 ? path : path.parent_path());
      else
        put(path, std::to_string(random()));
    }
    taken.push_back(store.take());
    const Snapshot& target = taken[random() % taken.size()];
    store.restore(target);
    CHECK(store.take().tree == target.tree);
  }
}

TEST_CASE("a clean copy has kept files as they are and ignored ones as they were") {
  const TempDir dir;
  const fs::path root = dir.path() / "w";
  put(root / ".gitignore", "cache/\n*.log\n");
  put(root / "src.py", "one");
  put(root / "cache" / "old", "as it was");
  const tools::Workspace workspace(root);
  const IgnoredFiles ignored(workspace);
  put(root / "src.py", "two");
  put(root / "cache" / "old", "changed by the run");
  put(root / "cache" / "new", "made by the run");
  put(root / "x.log", "made by the run");
  put(root / "new.py", "unignored");
  const CleanCopy copy(workspace, ignored);
  CHECK(read_file(copy.root() / "src.py") == "two");
  CHECK(read_file(copy.root() / "cache" / "old") == "as it was");
  CHECK_FALSE(fs::exists(copy.root() / "cache" / "new"));
  CHECK_FALSE(fs::exists(copy.root() / "x.log"));
  CHECK(fs::exists(copy.root() / "new.py"));
  CHECK(fs::last_write_time(copy.root() / "src.py") == fs::last_write_time(root / "src.py"));
}

TEST_CASE("test and build files are known by their names") {
  for (const char* path : {"tests/a.py", "test_x.py", "pkg/x_test.py", "conftest.py", "setup.cfg",
                           "Makefile", "a/b/CMakeLists.txt", "package.json", "src/x.test.ts"}) {
    CHECK(is_test_or_build_file(path));
  }
  for (const char* path :
       {"pkg/mod.py", "contest.py", "latest.py", "src/testament.cc", "README.md"}) {
    CHECK_FALSE(is_test_or_build_file(path));
  }
}

TEST_CASE("a file that is too large for snapshots is known to be another one") {
  const TempDir dir;
  const fs::path root = dir.path() / "w";
  fs::create_directories(root);
  SnapshotLimits limits;
  limits.file_bytes_max = 10;
  write_file_atomic(root / "large", std::string(20, 'a'));
  write_file_atomic(root / "small", "a");
  SnapshotStore store(dir.path() / "s.git", root, limits);
  const Snapshot before = store.take();
  CHECK(store.load(before.tree).left_out_stamps == before.left_out_stamps);
  CHECK(changed_left_out(before, store.take()).empty());
  write_file_atomic(root / "large", std::string(20, 'b'));
  write_file_atomic(root / "small", std::string(20, 'b'));
  const Snapshot after = store.take();
  CHECK(changed_left_out(before, after) == std::vector<std::string>{"large", "small"});
  fs::remove(root / "large");
  CHECK(changed_left_out(after, store.take()) == std::vector<std::string>{"large"});
}
