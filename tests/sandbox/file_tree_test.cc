#include "sandbox/launch/file_tree.h"

#include <catch2/catch.hpp>
#include <algorithm>
#include <fstream>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "sandbox/launch/encode.h"

namespace corvid::sandbox {
namespace {

namespace fs = std::filesystem;
using jail::MountOp;
using Kind = MountOp::Kind;

int index_of(const FileTree& tree, Kind kind, const fs::path& target) {
  for (size_t i = 0; i < tree.mounts.size(); ++i) {
    if (tree.mounts[i].kind == kind && tree.mounts[i].target == target) return static_cast<int>(i);
  }
  return -1;
}

struct Place {
  TempDir dir;
  fs::path root = fs::canonical(dir.path());
  Place() {
    fs::create_directories(root / "work/.git/hooks");
    fs::create_directories(root / "home/.ssh");
    fs::create_directories(root / "home/tool/bin");
  }
};

}  // namespace

TEST_CASE("An empty profile shows no file of the host but devices") {
  for (const MountOp& op : make_file_tree(Profile()).mounts) {
    INFO(op.target);
    CHECK(op.kind != Kind::read);
    CHECK(op.kind != Kind::write);
  }
}

TEST_CASE("Folders come before what lies in them, and protection last") {
  const Place place;
  Profile profile;
  profile.write_roots = {place.root / "work"};
  profile.home = place.root;
  profile.protected_paths = {place.root / "work/.git"};
  const FileTree tree = make_file_tree(profile);
  const int home = index_of(tree, Kind::tmpfs, place.root);
  const int folder = index_of(tree, Kind::dir, place.root / "work");
  const int work = index_of(tree, Kind::write, place.root / "work");
  const int git = index_of(tree, Kind::protect, place.root / "work/.git");
  CHECK(0 <= home);
  CHECK(home < folder);
  CHECK(folder < work);
  CHECK(work < git);
  CHECK(tree.placeholders.empty());
}

TEST_CASE("Folders above a nested protected path are kept from being renamed") {
  const Place place;
  Profile profile;
  profile.write_roots = {place.root / "work"};
  profile.protected_paths = {place.root / "work/.git/hooks"};
  const FileTree tree = make_file_tree(profile);
  CHECK(index_of(tree, Kind::pin, place.root / "work/.git") >= 0);
  CHECK(index_of(tree, Kind::protect, place.root / "work/.git/hooks") >
        index_of(tree, Kind::pin, place.root / "work/.git"));
}

TEST_CASE("The first missing part of a protected path gets a placeholder") {
  const Place place;
  Profile profile;
  profile.write_roots = {place.root / "work"};
  profile.protected_paths = {place.root / "work/.git/new/deep", place.root / "work/.git/new/b"};
  const FileTree tree = make_file_tree(profile);
  const std::string place_text = (place.root / "work/.git/new").string();
  CHECK(tree.placeholders == std::vector<std::string>{place_text});
  CHECK(index_of(tree, Kind::protect, place_text) >= 0);
}

TEST_CASE("A protected path behind a symbolic link is refused") {
  const Place place;
  fs::create_directory_symlink(place.root / "home", place.root / "work/link");
  Profile profile;
  profile.write_roots = {place.root / "work"};
  profile.protected_paths = {place.root / "work/link/.git"};
  CHECK_THROWS_AS(make_file_tree(profile), Error);
}

TEST_CASE("Placeholders of a mount lie in its source") {
  const Place place;
  fs::create_directories(place.root / "copy");
  Profile profile;
  profile.write_roots = {place.root / "work"};
  profile.mounts = {{place.root / "copy", place.root / "work", true}};
  profile.protected_paths = {place.root / "work/.git"};
  const FileTree tree = make_file_tree(profile);
  CHECK(tree.placeholders == std::vector<std::string>{(place.root / "copy/.git").string()});
  const int work = index_of(tree, Kind::write, place.root / "work");
  REQUIRE(work >= 0);
  CHECK(tree.mounts[static_cast<size_t>(work)].source == (place.root / "copy").string());
}

TEST_CASE("A symbolic link among the roots becomes a part of the tree with what it points to") {
  const Place place;
  fs::create_directory_symlink("home/tool", place.root / "tool");
  Profile profile;
  profile.read_roots = {place.root / "tool/bin"};
  const FileTree tree = make_file_tree(profile);
  CHECK(index_of(tree, Kind::link, place.root / "tool") >= 0);
  CHECK(index_of(tree, Kind::read, place.root / "home/tool/bin") >= 0);
}

TEST_CASE("Hidden paths are covered only where something would show them") {
  const Place place;
  std::ofstream(place.root / "home/.netrc") << "secret";
  Profile profile;
  profile.hidden_paths = {place.root / "home/.ssh", place.root / "home/.netrc",
                          place.root / "home/none"};
  CHECK(index_of(make_file_tree(profile), Kind::mask, place.root / "home/.ssh") < 0);
  profile.read_roots = {place.root / "home"};
  const FileTree tree = make_file_tree(profile);
  CHECK(index_of(tree, Kind::mask, place.root / "home/.ssh") >= 0);
  CHECK(index_of(tree, Kind::mask_file, place.root / "home/.netrc") >= 0);
  CHECK(index_of(tree, Kind::mask, place.root / "home/none") < 0);
}

TEST_CASE("Folders above something hidden in a writable one stay where they are") {
  const Place place;
  fs::create_directories(place.root / "home/a/b/secrets");
  Profile profile;
  profile.hidden_paths = {place.root / "home/a/b/secrets"};
  profile.write_roots = {place.root / "home"};
  const FileTree tree = make_file_tree(profile);
  const int mask = index_of(tree, Kind::mask, place.root / "home/a/b/secrets");
  CHECK(mask >= 0);
  CHECK(index_of(tree, Kind::pin, place.root / "home/a") > mask);  // takes the mask with it
  CHECK(index_of(tree, Kind::pin, place.root / "home/a/b") > mask);
  CHECK(index_of(tree, Kind::pin, place.root / "home") < 0);
  profile.read_roots = std::exchange(profile.write_roots, {});
  CHECK(index_of(make_file_tree(profile), Kind::pin, place.root / "home/a") < 0);
}

TEST_CASE("Roots that do not fit are refused") {
  Profile relative;
  relative.read_roots = {"usr"};
  relative.write_roots = {"work"};
  CHECK_THROWS_AS(make_file_tree(relative), Error);
  Profile missing;
  missing.write_roots = {"/nonexistent/corvid"};
  CHECK_THROWS_AS(make_file_tree(missing), Error);
}

TEST_CASE("A plan survives its text form, and damaged text is refused") {
  jail::Plan plan;
  plan.argv = {"sh", "-c", "echo 'a,b:3' \n\xff"};
  plan.environment = {"A=1", "EMPTY="};
  plan.cwd = "/project";
  plan.mounts = {{Kind::read, "/usr", "/usr", 0},
                 {Kind::tmpfs, "", "/tmp", 4096},
                 {Kind::write, "/copy", "/project", 0, "/below", "/below-work"}};
  plan.placeholders = {"/project/.git"};
  plan.allow_network = true;
  plan.proxy_port = 3128;
  plan.memory_bytes_max = 1;
  plan.processes_max = 2;
  plan.file_bytes_max = 3;
  const std::string text = encode(plan);
  jail::Plan read;
  REQUIRE(jail::decode(text, read));
  CHECK(read == plan);
  for (size_t cut = 0; cut < text.size(); ++cut) {
    jail::Plan damaged;
    INFO("cut at " << cut);
    CHECK_FALSE(jail::decode(std::string_view(text).substr(0, cut), damaged));
  }
  jail::Plan longer;
  CHECK_FALSE(jail::decode(text + "x", longer));
  plan.argv.push_back(std::string("a\0b", 3));
  CHECK_THROWS_AS(encode(plan), Error);
}

}  // namespace corvid::sandbox
