// What every command gets: the system, the toolchains on PATH, a clean environment.
#include <unistd.h>

#include <algorithm>
#include <set>

#include "sandbox/profile.h"

namespace corvid::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSystemFolders[] = {"/usr",    "/bin",   "/sbin",      "/lib",      "/lib32",
                                          "/lib64",  "/libx32", "/opt",      "/nix/store",
                                          "/gnu/store", "/var/lib/ghc"};

// The part of /etc that programs need; keys, passwords and services' settings are not in it.
constexpr const char* kSettings[] = {
    "alternatives", "ant", "bash.bashrc", "bindresvport.blacklist", "ca-certificates",
    "ca-certificates.conf", "crypto-policies", "debian_version", "fonts", "gai.conf",
    "gitattributes", "gprofng.rc", "group", "host.conf", "hostname", "hosts", "inputrc",
    "issue", "java", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "lsb-release", "locale.alias",
    "locale.conf", "localtime", "login.defs", "magic", "magic.mime", "mailcap", "manpath.config",
    "maven", "mime.types", "mke2fs.conf", "networks", "nsswitch.conf", "os-release", "passwd",
    "perl", "php", "pki/tls/certs", "pki/ca-trust", "profile", "profile.d", "protocols", "python3",
    "python3.11", "redhat-release", "resolv.conf", "rpc", "services", "shells", "skel",
    "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone", "vim", "wgetrc", "xdg"};

// Passed on as they are. Locale is fixed, so that it never changes behaviour.
constexpr const char* kVariables[] = {
    "PATH", "USER", "LOGNAME", "TZ", "VIRTUAL_ENV", "CONDA_PREFIX", "PYENV_ROOT", "PYENV_VERSION",
    "RBENV_ROOT", "NVM_DIR", "NVM_BIN", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "JAVA_HOME",
    "ANDROID_HOME", "GOROOT", "GOTOOLCHAIN", "DOTNET_ROOT", "SDKMAN_DIR", "CUDA_HOME", "CC", "CXX",
    "CFLAGS", "CXXFLAGS", "LDFLAGS", "PKG_CONFIG_PATH", "CMAKE_PREFIX_PATH", "MAKEFLAGS",
    "SOURCE_DATE_EPOCH", "CI"};

// Files and folders of certificates that a person's network needs: passed on, and readable.
constexpr const char* kCertificates[] = {
    "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE", "PIP_CERT"};

// Folders directly beneath the home folder that a program on PATH beneath the key needs too.
constexpr std::pair<const char*, const char*> kCompanions[] = {
    {".cargo", ".rustup"}, {".local", ".local/lib"}, {".local", ".local/opt"},
    {".local", ".local/share/pipx"}, {".local", ".local/share/uv"}, {".local", ".local/share/mise"},
    {".local", ".local/share/pnpm"}, {".local", ".local/share/fnm"}, {".nvm", ".nvm"},
    {".pyenv", ".pyenv"}, {".rbenv", ".rbenv"}, {".sdkman", ".sdkman"}, {".asdf", ".asdf"},
    {".local", ".local/share/rtx"}, {".volta", ".volta"}};

std::string value_of(const std::vector<std::string>& variables, std::string_view name) {
  for (const std::string& variable : variables) {
    if (variable.size() > name.size() && variable.starts_with(name) &&
        variable[name.size()] == '=') {
      return variable.substr(name.size() + 1);
    }
  }
  return "";
}

std::vector<fs::path> path_entries(const std::string& path) {
  std::vector<fs::path> entries;
  for (size_t from = 0; from <= path.size();) {
    const size_t to = std::min(path.find(':', from), path.size());
    fs::path entry = fs::path(path.substr(from, to - from)).lexically_normal();
    if (!entry.has_filename()) entry = entry.parent_path();
    if (entry.is_absolute()) entries.push_back(entry);
    from = to + 1;
  }
  return entries;
}

bool is_private(const fs::path& path, const fs::path& home) {
  for (const std::string& name : credential_names()) {
    if (is_beneath(path, home / name)) return true;
  }
  return false;
}

// The folder that `entry` of PATH needs: its parent when it is called bin and the like, since
// libraries lie beside it, but never the home folder or one above it.
fs::path toolchain_root(const fs::path& entry, const fs::path& home) {
  static const std::set<std::string> kBinaryFolders = {"bin", "sbin", "shims", "scripts"};
  const fs::path parent = entry.parent_path();
  const bool has_siblings = kBinaryFolders.contains(entry.filename().string());
  const std::set<fs::path> too_wide = {"/", "/tmp", "/var", "/home", "/root", "/srv", "/mnt"};
  const bool is_too_wide = too_wide.contains(parent) || parent == home / ".local" ||
                           (!home.empty() && is_beneath(home, parent));
  return has_siblings && !is_too_wide ? parent : entry;
}

void add_toolchains(Profile& profile, const std::string& path, const fs::path& home) {
  auto add = [&](const fs::path& root) {
    for (const fs::path& known : profile.read_roots) {
      if (is_beneath(root, known)) return;
    }
    std::error_code ignored;
    if (fs::exists(root, ignored)) profile.read_roots.push_back(root);
  };
  for (const fs::path& entry : path_entries(path)) {
    const bool is_home = !home.empty() && is_beneath(home, entry);
    if (is_home || entry == "/" || is_private(entry, home)) continue;
    if (is_beneath(entry, "/proc") || is_beneath(entry, "/dev")) continue;
    add(toolchain_root(entry, home));
    std::error_code error;
    const fs::path real = fs::canonical(entry, error);
    if (!error && real != entry && !is_private(real, home)) add(toolchain_root(real, home));
    if (home.empty() || !is_beneath(entry, home)) continue;
    for (const auto& [key, companion] : kCompanions) {
      if (is_beneath(entry, home / key)) add(home / companion);
    }
  }
}

}  // namespace

const std::vector<std::string>& credential_names() {
  static const std::vector<std::string> names = {
      ".ssh", ".gnupg", ".aws", ".azure", ".config", ".docker", ".kube", ".netrc", ".pgpass",
      ".git-credentials", ".gitconfig", ".npmrc", ".yarnrc.yml", ".pypirc", ".password-store",
      ".mozilla", ".thunderbird", ".vault-token", ".terraform.d", ".terraformrc", ".oci",
      ".bash_history", ".zsh_history", ".python_history", ".psql_history", ".lesshst", ".my.cnf",
      ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials", ".m2/settings.xml",
      ".gradle/gradle.properties", ".local/share/keyrings", ".local/share/corvid",
      ".local/state", ".cache/corvid", ".claude", ".claude.json", ".codex", ".gemini"};
  return names;
}

const std::vector<std::string>& system_credentials() {
  static const std::vector<std::string> paths = {
      "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/krb5.keytab",
      "/etc/ssl/private", "/etc/ssh/ssh_host_dsa_key", "/etc/ssh/ssh_host_ecdsa_key",
      "/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_rsa_key", "/var/backups"};
  return paths;
}

Profile system_profile(const std::vector<std::string>& variables) {
  Profile profile;
  for (const char* folder : kSystemFolders) profile.read_roots.emplace_back(folder);
  for (const char* name : kSettings) profile.read_roots.push_back(fs::path("/etc") / name);
  fs::path home = fs::path(value_of(variables, "HOME")).lexically_normal();
  if (home.has_relative_path() && !home.has_filename()) home = home.parent_path();
  const bool holds_system = std::any_of(
      profile.read_roots.begin(), profile.read_roots.end(),
      [&](const fs::path& root) { return is_beneath(root, home) || is_beneath(home, root); });
  if (!home.is_absolute() || home == "/" || is_beneath("/tmp", home) || holds_system) home.clear();
  profile.home = home;
  add_toolchains(profile, value_of(variables, "PATH"), home);
  for (const std::string& path : system_credentials()) profile.hidden_paths.emplace_back(path);
  if (!home.empty()) {
    for (const std::string& name : credential_names()) profile.hidden_paths.push_back(home / name);
  }
  for (const char* name : kVariables) {
    const std::string value = value_of(variables, name);
    if (!value.empty()) profile.environment.push_back(std::string(name) + "=" + value);
  }
  for (const char* name : kCertificates) {
    const fs::path path = fs::path(value_of(variables, name)).lexically_normal();
    std::error_code error;
    if (!path.has_relative_path() || !path.is_absolute() || !fs::exists(path, error)) continue;
    if (!home.empty() && (is_beneath(home, path) || is_private(path, home))) continue;
    profile.read_roots.push_back(path);
    profile.environment.push_back(std::string(name) + "=" + path.string());
  }
  for (const char* fixed : {"LANG=C.UTF-8", "TERM=dumb", "SHELL=/bin/sh", "PAGER=cat",
                            "GIT_PAGER=cat", "GIT_TERMINAL_PROMPT=0", "NO_COLOR=1"}) {
    profile.environment.emplace_back(fixed);
  }
  return profile;
}

Profile system_profile() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    variables.emplace_back(*variable);
  }
  return system_profile(variables);
}

}  // namespace corvid::sandbox
