#include <cstdio>

#include "settings/document.h"
#include "settings/text.h"
#include "settings/typed.h"

using namespace settings;

static int failed = 0;

#define EXPECT(condition)                                              \
  do {                                                                 \
    if (!(condition)) {                                                \
      std::printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);      \
      ++failed;                                                        \
    }                                                                  \
  } while (false)

static const char* kText =
    "name = Corax\n"
    "; a comment\n"
    "[server]\n"
    "Port = 8080\n"
    "timeout = 5 min\n"
    "grace = 2 h\n"
    "verbose = Yes\n"
    "motto = \" keep \\\"calm\\\" \"\n"
    "[client]\n"
    "retries = 3\n"
    "retries = 4\n"
    "wait = 30\n";

static void test_text() {
  EXPECT(trim("\t a b \r") == "a b");
  EXPECT(trim("   ").empty());
  EXPECT(split("a,b,,c", ',').size() == 4);
  EXPECT(split("", ',').size() == 1);
  EXPECT(lower("AbZ-Z") == "abz-z");
  EXPECT(unquote(quote("a \"b\" \\ c")) == "a \"b\" \\ c");
  EXPECT(unquote("plain") == "plain");
}

static void test_document() {
  Document document = Document::parse(kText);
  EXPECT(document.find("", "name") == "Corax");
  EXPECT(document.find("server", "PORT") == "8080");
  EXPECT(document.find("server", "motto") == " keep \"calm\" ");
  EXPECT(document.find("client", "retries") == "4");
  EXPECT(!document.find("client", "port"));
  EXPECT((document.sections() == std::vector<std::string>{"server", "client"}));
  EXPECT(Document::parse(document.to_text()).to_text() == document.to_text());
  EXPECT(document.remove("client", "Wait"));
  EXPECT(!document.remove("client", "wait"));
  document.set("new", "Key", "value");
  EXPECT(document.find("new", "key") == "value");
  try {
    Document::parse("a = 1\n[open\n");
    EXPECT(false);
  } catch (const ParseError& error) {
    EXPECT(error.line == 2);
  }
}

static void test_typed() {
  const Document document = Document::parse(kText);
  EXPECT(integer(document, "server", "port", 1) == 8080);
  EXPECT(integer(document, "server", "missing", 1) == 1);
  EXPECT(flag(document, "server", "verbose", false));
  EXPECT(seconds(document, "server", "timeout", 0) == 300);
  EXPECT(seconds(document, "server", "grace", 0) == 7200);
  EXPECT(seconds(document, "client", "wait", 0) == 30);
}

int main() {
  test_text();
  test_document();
  test_typed();
  std::printf(failed == 0 ? "all passed\n" : "%d failed\n", failed);
  return failed == 0 ? 0 : 1;
}
