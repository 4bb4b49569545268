#include "tests/support/postgres_server.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "tests/support/process.h"

namespace corvid::test {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kStartTimeMax(60);

// Debian keeps the server's programs out of PATH.
fs::path find_programs() {
  fs::path newest;
  std::error_code ignored;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    const fs::path folder = version.path() / "bin";
    if (fs::exists(folder / "initdb") && fs::exists(folder / "postgres") &&
        fs::exists(folder / "psql")) {
      newest = std::max(newest, folder);
    }
  }
  return newest;
}

struct Slot {
  std::unique_ptr<PostgresServer> server;
  std::string missing;
};

Slot& slot() {
  static Slot only;
  return only;
}

// Runs as `user`, and ends with this process.
pid_t start_as(uid_t user, gid_t group, const std::vector<std::string>& argv,
               const fs::path& output) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const int log = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(log, 1);
  ::dup2(log, 2);
  const bool is_other = ::getuid() == 0;
  if (is_other && (::setgroups(0, nullptr) != 0 || ::setgid(group) != 0 || ::setuid(user) != 0)) {
    ::_exit(126);
  }
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
  if (::getppid() != parent) ::_exit(126);
  std::vector<char*> args;
  for (const std::string& arg : argv) args.push_back(const_cast<char*>(arg.c_str()));
  args.push_back(nullptr);
  ::execv(args[0], args.data());
  ::_exit(127);
}

}  // namespace

PostgresServer* PostgresServer::get() {
  static const bool is_tried = [] {
    const fs::path programs = find_programs();
    if (programs.empty()) {
      slot().missing = "no PostgreSQL server; apt-get install postgresql-15";
      return true;
    }
    try {
      slot().server.reset(new PostgresServer(programs));
    } catch (const std::exception& error) {
      slot().missing = error.what();
    }
    return true;
  }();
  static_cast<void>(is_tried);
  return slot().server.get();
}

const std::string& PostgresServer::missing() { return slot().missing; }

PostgresServer::PostgresServer(fs::path programs)
    : folder_("corvid-pg"), programs_(std::move(programs)), user_(::getuid()), group_(::getgid()) {
  if (user_ == 0) {
    const passwd* other = ::getpwnam("postgres");
    if (other == nullptr) other = ::getpwnam("nobody");
    if (other == nullptr) fail(Code::unsupported, "no user but root, whom PostgreSQL refuses");
    user_ = other->pw_uid;
    group_ = other->pw_gid;
  }
  const fs::path log = folder_.path() / "log";
  fs::create_directories(folder_.path() / "data");
  for (const fs::path& path : {folder_.path(), folder_.path() / "data"}) {
    if (::chown(path.c_str(), user_, group_) != 0) fail_errno("chown");
    ::chmod(path.c_str(), path == folder_.path() ? 0755 : 0700);
  }
  const pid_t pid = start_as(user_, group_,
                             {programs_ / "initdb", "-D", folder_.path() / "data", "-U", "postgres",
                              "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"},
                             log);
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid || status != 0) {
    fail(Code::unsupported, "initdb failed: " + read_file(log));
  }
  start();
  sql("postgres", "CREATE ROLE corvid LOGIN");
}

PostgresServer::~PostgresServer() {
  if (pid_ > 0) stop();
}

void PostgresServer::start() {
  const fs::path data = folder_.path() / "data";
  pid_ = start_as(user_, group_,
                  {programs_ / "postgres", "-D", data, "-k", folder_.path(), "-c",
                   "listen_addresses=", "-c", "fsync=off", "-c", "max_wal_size=96MB", "-c",
                   "shared_buffers=32MB"},
                  folder_.path() / "log");
  const auto end = std::chrono::steady_clock::now() + kStartTimeMax;
  while (std::chrono::steady_clock::now() < end) {
    const bool is_over = ::waitpid(pid_, nullptr, WNOHANG) != 0;
    if (is_over) break;
    const ProcessResult asked = run_process({programs_ / "pg_isready", "-q", "-h", folder_.path()},
                                            {});
    if (asked.exit_code == 0) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  fail(Code::unsupported, "the server does not start: " + read_file(folder_.path() / "log"));
}

void PostgresServer::stop() {
  ::kill(pid_, SIGINT);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string PostgresServer::url(const std::string& database, const std::string& role) const {
  return "postgresql://" + role + "@/" + database + "?host=" + folder_.path().string();
}

void PostgresServer::make_database(const std::string& name, const std::string& from) {
  sql("postgres", "CREATE DATABASE \"" + name + "\" OWNER corvid TEMPLATE \"" + from + "\"");
}

std::string PostgresServer::sql(const std::string& database, const std::string& statement) const {
  const ProcessResult done =
      run_process({programs_ / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d",
                   url(database, "postgres"), "-c", statement},
                  {{"PGOPTIONS", "-c search_path=corvid,public"}});
  if (done.exit_code != 0) fail(Code::io, statement + ": " + done.err);
  return done.out;
}

std::string PostgresServer::bytes_of(const std::string& database) const {
  sql(database, "CHECKPOINT");
  std::string oid = sql(database, "SELECT oid FROM pg_database WHERE datname = current_database()");
  oid.erase(std::remove(oid.begin(), oid.end(), '\n'), oid.end());
  std::string bytes;
  for (const auto& file : fs::directory_iterator(folder_.path() / "data" / "base" / oid)) {
    if (file.is_regular_file()) bytes += read_file(file.path());
  }
  return bytes;
}

}  // namespace corvid::test
