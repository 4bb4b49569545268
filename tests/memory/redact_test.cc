#include "memory/ingest/redact.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "memory/memory.h"
#include "runtime/base/files.h"
#include "tests/memory/support.h"

using namespace corvid;
using namespace corvid::memory;
using namespace corvid::memory::testing;

namespace {

// Put together here, so that no scanner takes this file for a leak.
std::string glued(const std::string& a, const std::string& b) { return a + b; }

struct Secret {
  std::string text;
  std::string secret;
};

std::vector<Secret> secrets() {
  const std::string aws = glued("AK", "IAIOSFODNN7EXAMPLE");
  const std::string github = glued("gh", "p_16C7e42F292c6912E7710c838347Ae178B4a");
  const std::string anthropic = glued("sk-", "ant-api03-Zk3J9x_7Qm2LpVw8RtYb4Nc6Hd1Sf5Ga0e");
  const std::string openai = glued("sk-", "proj-a8Fh3kL9mQ2wE5rT7yU1iO4p");
  const std::string slack = glued("xox", "b-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx");
  const std::string google = glued("AI", "zaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY");
  const std::string jwt = glued("eyJ", "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.") +
                          "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";
  return {{"key " + aws + " in use", aws},
          {"export GH=" + github, github},
          {"(" + anthropic + ")", anthropic},
          {"\"" + openai + "\"", openai},
          {slack, slack},
          {"maps?key=" + google + "&x=1", google},
          {"cookie: " + jwt, jwt},
          {"Authorization: Bearer abcDEF0123456789xyzXYZ", "abcDEF0123456789xyzXYZ"},
          {"curl -u 'Basic dXNlcjpwYXNzMTIzNDU2Nzg='", "dXNlcjpwYXNzMTIzNDU2Nzg="},
          {"postgres://app:S3cr3tPw@db.local/x", "S3cr3tPw"},
          {"DB_PASSWORD=hunter2", "hunter2"},
          {"PASSWORD=correcthorse", "correcthorse"},
          {"{\"password\": \"p4ss word\", \"pass\": \"tr0ub4dor\"}", "tr0ub4dor"},
          {"password: 'Xk29!fq'", "Xk29!fq"},
          {"config['api_key'] = \"9f8e7d6c5b4a39281706\"", "9f8e7d6c5b4a39281706"},
          {"clientSecret := `Q7w8E9r0T1y2U3i4`", "Q7w8E9r0T1y2U3i4"},
          {"aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzz", "wJalrXUtnFEMI"},
          {"the password for staging is Blue42Falcon.", "Blue42Falcon"},
          {"{\\\"token\\\": \\\"a1b2c3d4e5f6g7h8i9\\\"}", "a1b2c3d4e5f6g7h8i9"},
          {"curl -s -u ann:Tr0mbone https://x.example", "Tr0mbone"},
          {"mysqldump -h db -pTr0mbone shop", "Tr0mbone"},
          {"tool --password Tr0mbone-7 --verbose", "Tr0mbone-7"},
          {"tool --api-key 9f8e7d6c5b4a39281706", "9f8e7d6c5b4a39281706"},
          {"tool --password=Tr0mbone -v", "Tr0mbone"},
          {"Authorization: token 9f8e7d6c5b4a39281706abcd", "9f8e7d6c5b4a39281706abcd"},
          {"Authorization: SSWS 00QCjAl4MlV-WPXM34V7", "00QCjAl4MlV-WPXM34V7"},
          {"machine a.example login ann password Tr0mbone", "Tr0mbone"},
          {"db.example:5432:shop:ann:Tr0mbone", "Tr0mbone"},
          {"//npm.example/:_authToken=1f8e7d6c-5b4a-3928-1706-abcdef012345",
           "1f8e7d6c-5b4a-3928-1706-abcdef012345"},
          {"{\"auths\": {\"x.example\": {\"auth\": \"YW5uOlRyMG1ib25lLXNlY3JldA==\"}}}",
           "YW5uOlRyMG1ib25lLXNlY3JldA=="},
          {"<password>Tr0mbone</password>", "Tr0mbone"},
          {"<add name=\"password\" value=\"Tr0mbone\" />", "Tr0mbone"},
          {"{\"name\": \"DB_PASSWORD\", \"value\": \"Tr0mbone\"}", "Tr0mbone"},
          {"git clone https://9f8e7d6c5b4a39281706abcd@git.example/a", "9f8e7d6c5b4a39281706abcd"},
          {"amqp://ann:a/b+c9@mq.example/", "a/b+c9"},
          {"CF_API_TOKEN=abcdefghijklmnopqrstuvwxyzabcdefghijklmn",
           "abcdefghijklmnopqrstuvwxyzabcdefghijklmn"},
          {"DB_PASSWORD=my_S3cr3tThing", "my_S3cr3tThing"},
          {"Passwort: Tr0mbone", "Tr0mbone"},
          {"TWILIO_AUTH_TOKEN=6c4499d863386ce10cd79e048c07dd77",
           "6c4499d863386ce10cd79e048c07dd77"},
          {"Set-Cookie: sessionid=y1bOeCvu0oEhOxjvoVdlTCJ4jC3j; HttpOnly",
           "y1bOeCvu0oEhOxjvoVdlTCJ4jC3j"},
          {"\u043f\u0430\u0440\u043e\u043b\u044c: Tr0mbone", "Tr0mbone"},
          {"\u30d1\u30b9\u30ef\u30fc\u30c9\u306fTr0mbone", "Tr0mbone"},
          {"contrase\u00f1a: Tr0mbone", "Tr0mbone"},
          {glued("0123456789abcdef0123456789ab", "cdef-us12"),
           glued("0123456789abcdef0123456789ab", "cdef-us12")},
          {"?sv=2022&sig=" + glued("aB3dE5fG7hI9jK1lM3nO5pQ7", "rS9tU1vW3xY5zA7bC9dE1%3D"),
           "aB3dE5fG7hI9jK1lM3nO5pQ7"}};
}

}  // namespace

TEST_CASE("Secrets of known shapes are replaced by a typed placeholder") {
  for (const Secret& secret : secrets()) {
    INFO(secret.text);
    const Redacted redacted = redact(secret.text);
    CHECK(redacted.count >= 1);
    CHECK(redacted.text.find(secret.secret) == std::string::npos);
    CHECK(redacted.text.find("[redacted:") != std::string::npos);
    CHECK(redact(redacted.text).text == redacted.text);
  }
}

TEST_CASE("A private key goes from its first line to its last") {
  const std::string block = glued("-----BEGIN RSA PRIV", "ATE KEY-----\n") +
                            "MIIEpAIBAAKCAQEA7bq8k3Jx0aYvW9r2c4u6t8p1\nq3w5e7r9t1y3u5i7o9p1a3s5\n" +
                            glued("-----END RSA PRIV", "ATE KEY-----");
  const Redacted whole = redact("before\n" + block + "\nafter");
  CHECK(whole.text == "before\n[redacted:private_key]\nafter");
  const Redacted cut = redact("before " + block.substr(0, 80));
  CHECK(cut.text.find("MIIEpAIB") == std::string::npos);
  const std::string mention =
      glued("if '-----BEGIN PRIV", "ATE KEY-----' in text:\n    count += 1\nreturn count\n");
  CHECK(redact(mention).text == mention);
}

TEST_CASE("Code, placeholders, hashes and prose stay as they are") {
  for (const std::string text :
       {"password = getpass.getpass()", "def login(user, password=None):",
        "self.password = password", "password: str", "token = tokens[i]", "max_tokens=2048",
        "api_key = os.environ['API_KEY']", "API_KEY=${API_KEY}", "password: <your password>",
        "password=****", "PASSWORD=$PASSWORD", "the password is stored in the vault",
        "the secret to good soup is marjoram", "token: identifier", "next_token = lexer.next()",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "id 123e4567-e89b-12d3-a456-426614174000", "basic understanding of algorithms",
        "bearer of bad news", "https://example.org:8080/path@2x.png", "sk-learn is a library",
        "https://example.org/a:b@c", "key-value-store", "passing tests: 12", "author=Smith2020",
        "pass", "Password reset is at 10:30", "token count was 4711", "PWD=/home/ann/work/a1",
        "OLDPWD=/tmp/b2", "next_page_token=a1b2c3d4e5f6g7h8", "http://host:80@x",
        "Basic InfrastructureAsCode2024", "publicKeyToken=31bf3856ad364e35", "sig=4",
        "main.c:1205:7:error:missing", "git log -p --token-count 3", "curl -u ann https://x",
        "mkdir -p build/a1", "<password>", "ssh -p2222 host", "s.split", "re_compile_pattern_of_it"}) {
    INFO(text);
    CHECK(redact(text).text == text);
  }
}

TEST_CASE("A secret reaches no file of the store") {
  const TempDir folder;
  {
    Memory memory(in_folder(folder.path()));
    for (const Secret& secret : secrets()) {
      const WriteResult result = memory.remember(said("s", "Ann", secret.text));
      CHECK(result.redactions >= 1);
    }
    memory.close_session("s");
    const std::string bytes = all_bytes_below(folder.path());
    for (const Secret& secret : secrets()) {
      INFO(secret.secret);
      CHECK(bytes.find(secret.secret) == std::string::npos);
    }
  }
}

TEST_CASE("A secret on the border of a cut text is not kept in halves") {
  Memory memory(in_memory());
  std::string output(2000, 'a');
  output += "\nDB_PASSWORD=Zq" + std::string(100, '7') + "Zq\n" + std::string(9000, 'b');
  const WriteResult result = memory.remember(by_role("s", "tool", output));
  CHECK(memory.turn(result.id)->text.find("777") == std::string::npos);
}

TEST_CASE("Redaction takes linear time on hostile text") {
  for (const std::string piece : {"password", "a:", "://a:", "-----BEGIN ", "eyJ", "token is is ",
                                  "\"", "password=", "ghp_", "Bearer "}) {
    std::string text;
    while (text.size() < 400'000) text += piece;
    CHECK_NOTHROW(redact(text));
  }
}
