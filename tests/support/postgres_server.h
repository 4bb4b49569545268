#pragma once
// A private PostgreSQL server for tests: its own files in a temporary folder, a Unix socket there
// and nothing else.

#include <filesystem>
#include <string>

#include <sys/types.h>

#include "runtime/base/files.h"

namespace corvid::test {

class PostgresServer {
 public:
  // The one of this test process, started at its first use and ended with the process. Null, with
  // the reason in missing(), where PostgreSQL is not installed or cannot be run.
  static PostgresServer* get();
  static const std::string& missing();

  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  void start();
  void stop();

  // For the role `corvid`, which owns the databases that make_database makes.
  std::string url(const std::string& database, const std::string& role = "corvid") const;
  void make_database(const std::string& name, const std::string& from = "template0");
  // Run by the superuser in the schema `corvid`; gives what it prints.
  std::string sql(const std::string& database, const std::string& statement) const;
  // All of a database's files, written out first.
  std::string bytes_of(const std::string& database) const;

 private:
  explicit PostgresServer(std::filesystem::path programs);

  TempDir folder_;
  std::filesystem::path programs_;
  uid_t user_ = 0;  // whom the server runs as; not root, whom it refuses
  gid_t group_ = 0;
  pid_t pid_ = -1;
};

}  // namespace corvid::test
