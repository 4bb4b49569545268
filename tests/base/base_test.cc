#include <catch2/catch.hpp>

#include "runtime/base/clock.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/memory_left.h"
#include "runtime/base/once.h"
#include "runtime/base/text.h"

using namespace corvid;

TEST_CASE("sha256 of the published vectors") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_CASE("times survive a round trip and bad ones are refused") {
  CHECK(format_time(parse_time("2026-11-21T14:03:07.250Z")) == "2026-11-21T14:03:07.250Z");
  CHECK(format_time(parse_time("2026-11-21 14:03+02:00")) == "2026-11-21T12:03:00.000Z");
  CHECK_THROWS_AS(parse_time("yesterday"), Error);
  CHECK_THROWS_AS(parse_time("2026-13-01"), Error);
}

TEST_CASE("UTF-8 is checked, repaired and cut at characters") {
  CHECK(is_utf8("h\xc3\xa9llo"));
  CHECK_FALSE(is_utf8("\xc0\x80"));
  CHECK_FALSE(is_utf8("\xed\xa0\x80"));
  CHECK(to_utf8("a\xff") == "a\xef\xbf\xbd");
  CHECK(truncate_utf8("\xc3\xa9\xc3\xa9", 3) == "\xc3\xa9");
  CHECK(printable("a\x1b[31mb") == "a\\x1b[31mb");
  CHECK(printable("a\xc2\x9b"
                  "b") == "a\\x9bb");
}

TEST_CASE("JSON errors name the source, and depth is bounded") {
  CHECK_THROWS_WITH(parse_json("{", "config"), Catch::StartsWith("config: not valid JSON"));
  CHECK_THROWS_AS(parse_json(std::string(100, '['), "x"), Error);
  CHECK_THROWS_WITH(parse_json("[1e400]", "config"),
                    Catch::StartsWith("config: not valid JSON") && Catch::Contains("1e400"));
  CHECK(try_parse_json("[1e400]").is_discarded());
}

TEST_CASE("an atomic write replaces the file and keeps its mode") {
  const TempDir dir;
  const auto path = dir.path() / "file";
  write_file_atomic(path, "one");
  std::filesystem::permissions(path, std::filesystem::perms(0600));
  write_file_atomic(path, "two");
  CHECK(read_file(path) == "two");
  CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms(0777)) ==
        std::filesystem::perms(0600));
  CHECK_THROWS_AS(read_file(dir.path() / "none"), Error);
}

TEST_CASE("what memory is left is the least of what the machine and the container have") {
  const TempDir root;
  CHECK(memory_left(root.path()) == INT64_MAX);
  const auto put = [&](const char* path, const std::string& text) {
    std::filesystem::create_directories((root.path() / path).parent_path());
    write_file_atomic(root.path() / path, text);
  };
  put("proc/meminfo", "MemTotal: 64 kB\nMemFree: 1 kB\nMemAvailable:       32 kB\n");
  CHECK(memory_left(root.path()) == 32768);
  put("sys/fs/cgroup/memory.max", "max\n");
  put("sys/fs/cgroup/memory.current", "9000\n");
  CHECK(memory_left(root.path()) == 32768);
  put("sys/fs/cgroup/memory.max", "10000\n");
  CHECK(memory_left(root.path()) == 1000);
  put("sys/fs/cgroup/memory.stat", "anon 9\ninactive_file 500\n");
  CHECK(memory_left(root.path()) == 1500);
  CHECK(memory_left() > 0);
}

TEST_CASE("what is made once is made again after an exception") {
  Once once;
  int count = 0;
  const auto make = [&] {
    if (++count == 1) fail(Code::io, "not yet");
  };
  CHECK_THROWS_AS(once.call(make), Error);
  for (int i = 0; i < 3; ++i) once.call(make);
  CHECK(count == 2);
}
