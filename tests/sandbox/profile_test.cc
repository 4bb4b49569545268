#include "sandbox/profile.h"

#include <catch2/catch.hpp>
#include <algorithm>

#include "runtime/base/files.h"

namespace corvid::sandbox {
namespace {

namespace fs = std::filesystem;

bool has(const std::vector<fs::path>& paths, const fs::path& path) {
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

struct Home {
  TempDir dir;
  fs::path path = fs::canonical(dir.path()) / "me";
  Home() {
    for (const char* folder : {".pyenv/shims", ".pyenv/versions", ".cargo/bin", ".rustup", "bin",
                               ".local/bin", ".local/lib", ".local/share/keyrings", ".ssh",
                               ".config/tool/bin", "project/venv/bin"}) {
      fs::create_directories(path / folder);
    }
  }
  Profile profile(const std::string& entries) const {
    return system_profile({"HOME=" + path.string(), "PATH=/usr/bin:" + entries, "AWS_SECRET=x",
                           "GITHUB_TOKEN=y", "LD_PRELOAD=/evil.so", "LANG=tr_TR.UTF-8"});
  }
};

}  // namespace

TEST_CASE("A path lies beneath a root by whole components") {
  CHECK(is_beneath("/a/b", "/a"));
  CHECK(is_beneath("/a", "/a"));
  CHECK(is_beneath("/a/b", "/a/"));
  CHECK(is_beneath("/a", "/"));
  CHECK_FALSE(is_beneath("/ab", "/a"));
  CHECK_FALSE(is_beneath("/a", "/a/b"));
  CHECK_FALSE(is_beneath("/b/a", "/a"));
}

TEST_CASE("Toolchains that PATH names beneath the home folder are readable") {
  const Home home;
  const std::string at = home.path.string();
  const Profile profile = home.profile(at + "/.pyenv/shims:" + at + "/.cargo/bin:" + at + "/bin:" +
                                       at + "/.local/bin:" + at + "/project/venv/bin");
  CHECK(has(profile.read_roots, home.path / ".pyenv"));
  CHECK(has(profile.read_roots, home.path / ".cargo"));
  CHECK(has(profile.read_roots, home.path / ".rustup"));
  CHECK(has(profile.read_roots, home.path / "bin"));
  CHECK(has(profile.read_roots, home.path / ".local/bin"));
  CHECK(has(profile.read_roots, home.path / ".local/lib"));
  CHECK(has(profile.read_roots, home.path / "project/venv"));
}

TEST_CASE("Neither the home folder nor credentials become readable, whatever PATH says") {
  const Home home;
  const std::string at = home.path.string();
  for (const std::string& entries :
       {at, at + "/", at + "/.ssh", at + "/.config/tool/bin", at + "/..", at + "/bin/..",
        std::string("/"), std::string("."), std::string("::")}) {
    INFO(entries);
    for (const fs::path& root : home.profile(entries).read_roots) {
      INFO(root);
      CHECK_FALSE(is_beneath(home.path, root));
      CHECK_FALSE(is_beneath(home.path / ".ssh", root));
      CHECK_FALSE(is_beneath(root, home.path / ".config"));
    }
  }
}

TEST_CASE("The environment is made of harmless variables only") {
  const Home home;
  const Profile profile = home.profile("");
  for (const std::string& variable : profile.environment) {
    INFO(variable);
    CHECK(variable.find("SECRET") == std::string::npos);
    CHECK(variable.find("TOKEN") == std::string::npos);
    CHECK_FALSE(variable.starts_with("LD_"));
  }
  CHECK(std::count(profile.environment.begin(), profile.environment.end(), "LANG=C.UTF-8") == 1);
  CHECK(profile.home == home.path);
  CHECK_FALSE(profile.allow_network);
  CHECK(profile.write_roots.empty());
}

TEST_CASE("A person's certificates are passed on and readable, as long as they are no secret") {
  const Home home;
  std::ofstream(home.path / "own-ca.pem") << "certificates";
  fs::create_directories(home.path / ".ssh");
  const auto profile_with = [&](const std::string& path) {
    return system_profile({"HOME=" + home.path.string(), "SSL_CERT_FILE=" + path});
  };
  const fs::path file = home.path / "own-ca.pem";
  const Profile profile = profile_with(file.string());
  CHECK(has(profile.read_roots, file));
  const std::string variable = "SSL_CERT_FILE=" + file.string();
  CHECK(std::count(profile.environment.begin(), profile.environment.end(), variable) == 1);
  for (const std::string& wrong : {home.path.string(), (home.path / ".ssh").string(),
                                   std::string("/"), std::string("/nonexistent.pem"),
                                   std::string("own-ca.pem")}) {
    INFO(wrong);
    CHECK(profile_with(wrong).environment.size() + 1 == profile.environment.size());
    CHECK_FALSE(has(profile_with(wrong).read_roots, wrong));
  }
}

}  // namespace corvid::sandbox
