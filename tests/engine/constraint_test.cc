#include <filesystem>
#include <limits>
#include <random>

#include <catch2/catch.hpp>

#include "engine/constraint.h"
#include "engine/gguf.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "tests/engine/random_schema.h"
#include "tests/engine/tiny_tokenizer.h"

using namespace corvid;
using namespace corvid::engine;
using test::tiny_tokenizer;
namespace fs = std::filesystem;

namespace {

constexpr const char* kReadFile = R"({"type": "object", "properties": {
  "path": {"type": "string"}, "offset": {"type": "integer", "minimum": 1, "maximum": 300}},
  "required": ["path"], "additionalProperties": false})";

ConstraintSpec required_call(std::vector<ToolShape> tools) {
  ConstraintSpec spec;
  spec.tools = std::move(tools);
  spec.call_required = true;
  spec.allow_text = false;
  return spec;
}

std::vector<Token> allowed(const Constraint& constraint, const Tokenizer& tokenizer) {
  std::vector<float> logits(static_cast<size_t>(tokenizer.vocab_size()));
  constraint.mask(logits);
  std::vector<Token> tokens;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] == 0) tokens.push_back(static_cast<Token>(i));
  }
  return tokens;
}

bool is_allowed(const Constraint& constraint, const Tokenizer& tokenizer, Token token) {
  std::vector<float> logits(static_cast<size_t>(tokenizer.vocab_size()));
  constraint.mask(logits);
  return logits[static_cast<size_t>(token)] == 0;
}

// Feeds `text` as encode() cuts it. Returns what of it was not allowed.
std::string feed(Constraint& constraint, const Tokenizer& tokenizer, const std::string& text) {
  size_t done = 0;
  for (Token token : tokenizer.encode(text, true)) {
    if (!is_allowed(constraint, tokenizer, token)) return text.substr(done);
    constraint.accept(token);
    done += tokenizer.bytes(token).size();
  }
  return "";
}

std::string call_text(const std::string& name, const OrderedJson& arguments) {
  return "<tool_call>\n{\"name\": \"" + name + "\", \"arguments\": " + test::canonical(arguments) +
         "}\n</tool_call>";
}

// Follows forced tokens only.
std::string forced_text(Constraint& constraint, const Tokenizer& tokenizer) {
  std::string text;
  for (Token token; (token = constraint.forced()) >= 0 && !tokenizer.is_end(token);) {
    CHECK(allowed(constraint, tokenizer) == std::vector<Token>{token});
    text += tokenizer.bytes(token);
    constraint.accept(token);
  }
  return text;
}

// The text parses, and every call in it matches its tool's schema.
void check_calls(const std::string& text, const ConstraintSpec& spec, size_t calls_min) {
  INFO(text);
  CallParserOptions options;
  for (const ToolShape& tool : spec.tools) options.schemas[tool.name] = tool.schema;
  CallParser parser(spec.syntax, options);
  parser.push(text);
  parser.finish();
  CHECK_FALSE(parser.broken());
  CHECK(parser.calls().size() >= calls_min);
  CHECK(static_cast<int>(parser.calls().size()) <= spec.calls_max);
  for (const ParsedCall& call : parser.calls()) {
    bool known = false;
    for (const ToolShape& tool : spec.tools) {
      if (tool.name != call.name) continue;
      known = true;
      const auto arguments = OrderedJson::parse(call.arguments);
      CHECK(test::validation_error(OrderedJson::parse(tool.schema), arguments) == "");
      for (const auto& [name, values] : tool.offered) {
        if (!arguments.contains(name)) continue;
        CHECK(std::count(values.begin(), values.end(), arguments[name].get<std::string>()) == 1);
      }
    }
    CHECK(known);
  }
}

// Walks at random under the mask; closes at every length on the way.
void random_walk(const ConstraintSpec& spec, const Tokenizer& tokenizer, std::mt19937& random,
                 int steps_max) {
  Constraint constraint(spec, tokenizer);
  std::string text;
  const size_t calls_min = spec.call_required ? 1 : 0;
  for (int step = 0; step < steps_max; ++step) {
    if (constraint.inside_call()) {
      const std::string closed = text + tokenizer.decode(constraint.closing());
      check_calls(closed, spec, 1);
    } else {
      CHECK(constraint.closing().empty());
    }
    const std::vector<Token> tokens = allowed(constraint, tokenizer);
    REQUIRE_FALSE(tokens.empty());
    if (constraint.forced() >= 0) CHECK(tokens == std::vector<Token>{constraint.forced()});
    Token token = tokens[random() % tokens.size()];
    // Structure is rare among many letters: lean towards it.
    for (int i = 0; i < 3 && random() % 2; ++i) {
      const Token other = tokens[random() % tokens.size()];
      const std::string_view bytes = tokenizer.bytes(other);
      if (bytes.find_first_of("\"},]<") != std::string_view::npos) token = other;
    }
    constraint.accept(token);
    if (tokenizer.is_end(token)) {
      check_calls(text, spec, calls_min);
      return;
    }
    text += tokenizer.bytes(token);
  }
  check_calls(text + tokenizer.decode(constraint.closing()), spec, 0);
}

ConstraintSpec random_spec(std::mt19937& random) {
  ConstraintSpec spec;
  const size_t count = 1 + random() % 3;
  for (size_t i = 0; i < count; ++i) {
    ToolShape tool;
    tool.name = "tool_" + std::string(i, 'x') + "a";
    const OrderedJson schema = test::random_object(random, 0);
    tool.schema = schema.dump();
    for (const auto& [name, part] : schema["properties"].items()) {
      if (part.value("type", "") == "string" && part.size() == 1 && random() % 3 == 0) {
        tool.offered[name] = {"a.py", "a.pyc", "lib/é \"q\".py", "b\nc"};
      }
    }
    spec.tools.push_back(std::move(tool));
  }
  spec.call_required = random() % 2;
  spec.allow_text = random() % 2;
  spec.calls_max = 1 + static_cast<int>(random() % 2);
  return spec;
}

void check_walks(const Tokenizer& tokenizer, unsigned seed, int walks,
                 CallSyntax syntax = CallSyntax::hermes_json) {
  for (int i = 0; i < walks; ++i) {
    std::mt19937 random(seed + static_cast<unsigned>(i));
    INFO("seed " << seed + static_cast<unsigned>(i));
    ConstraintSpec spec = random_spec(random);
    spec.syntax = syntax;
    random_walk(spec, tokenizer, random, 80);
  }
}

// What a model is trained on, calls as encode() cuts them, is never forbidden.
void check_training_text(const Tokenizer& tokenizer, unsigned seed, int count) {
  for (int i = 0; i < count; ++i) {
    std::mt19937 random(seed + static_cast<unsigned>(i));
    ConstraintSpec spec = random_spec(random);
    spec.call_required = true;
    const ToolShape& tool = spec.tools[random() % spec.tools.size()];
    OrderedJson arguments = test::random_instance(OrderedJson::parse(tool.schema), random);
    for (const auto& [name, values] : tool.offered) {
      if (arguments.contains(name)) arguments[name] = values[random() % values.size()];
    }
    const std::string text = call_text(tool.name, arguments);
    Constraint constraint(spec, tokenizer);
    INFO("seed " << seed + static_cast<unsigned>(i) << ": " << text);
    CHECK(feed(constraint, tokenizer, text) == "");
    CHECK(constraint.may_end());
  }
}

}  // namespace

TEST_CASE("a call with one possible value is forced token by token, as encode cuts it") {
  for (int64_t kind : {3, 4}) {
    test::TinyOptions options;
    options.tag_kind = kind;
    const auto tokenizer = tiny_tokenizer(options);
    ToolShape tool{"read_file", kReadFile, {}, {}};
    tool.schema = R"({"properties": {"path": {"type": "string"}}, "required": ["path"]})";
    tool.offered["path"] = {"the path/a.py"};
    Constraint constraint(required_call({tool}), *tokenizer);
    const std::string text = call_text("read_file", {{"path", "the path/a.py"}});
    std::vector<Token> tokens;
    for (Token token; !tokenizer->is_end(token = constraint.forced());) {
      REQUIRE(token >= 0);
      tokens.push_back(token);
      constraint.accept(token);
    }
    CHECK(tokens == tokenizer->encode(text, true));
    CHECK(constraint.forced() == tokenizer->eos());
    CHECK(constraint.may_end());
  }
}

TEST_CASE("optional keys keep their order and may be left out") {
  const auto tokenizer = tiny_tokenizer();
  const auto spec = required_call({{"read_file", kReadFile, {}, {}}});
  for (const char* text : {R"({"path": "a.py"})", R"({"path": "", "offset": 3})",
                           R"({"path": "\"\\\n\u001f/日", "offset": 300})"}) {
    Constraint constraint(spec, *tokenizer);
    CHECK(feed(constraint, *tokenizer, call_text("read_file", OrderedJson::parse(text))) == "");
    CHECK(constraint.may_end());
  }
  for (const char* arguments :
       {R"({"offset": 3})", R"({"path": "a", "offset": 0)", R"({"path": "a", "offset": 301)",
        R"({"path": "a", "offset": 01)", R"({"path": "a", "x)", R"({"path": 1)",
        R"({"path":"a")", R"({"path": "a", "offset": 3, "o)", "{}", R"({"path": "\q)",
        "{\"path\": \"a\n"}) {
    INFO(arguments);
    Constraint constraint(spec, *tokenizer);
    const std::string text =
        "<tool_call>\n{\"name\": \"read_file\", \"arguments\": " + std::string(arguments);
    bool refused = false;
    for (Token token : tokenizer->encode(text, true)) {
      refused = refused || !is_allowed(constraint, *tokenizer, token);
      if (!refused) constraint.accept(token);
    }
    CHECK(refused);
  }
}

TEST_CASE("only what was offered can be named") {
  const auto tokenizer = tiny_tokenizer();
  ToolShape tool{"read_file", kReadFile, {{"path", {"a.py", "a.pyi", "lib/b.py"}}}, {}};
  const auto spec = required_call({tool});
  for (const char* path : {"a.py", "a.pyi", "lib/b.py"}) {
    Constraint constraint(spec, *tokenizer);
    CHECK(feed(constraint, *tokenizer, call_text("read_file", {{"path", path}})) == "");
  }
  for (const char* path : {"a.pyx", "a", "", "b.py", "lib/"}) {
    Constraint constraint(spec, *tokenizer);
    CHECK(feed(constraint, *tokenizer, call_text("read_file", {{"path", path}})) != "");
  }
  Constraint constraint(spec, *tokenizer);
  CHECK(feed(constraint, *tokenizer,
             "<tool_call>\n{\"name\": \"read_file\", \"arguments\": {\"path\": \"l") == "");
  CHECK(tokenizer->decode(constraint.closing()) == "ib/b.py\"}}\n</tool_call>");
}

TEST_CASE("an argument without offers is forbidden, a required one with its tool") {
  const auto tokenizer = tiny_tokenizer();
  Constraint without_path(required_call({{"read_file", kReadFile, {{"path", {}}}, {}},
                                         {"finish", R"({"type": "object"})", {}, {}}}),
                          *tokenizer);
  CHECK(forced_text(without_path, *tokenizer) == call_text("finish", OrderedJson::object()));

  Constraint without_offset(required_call({{"read_file", R"({"properties": {"offset":
      {"type": "integer"}}})", {{"offset", {}}}, {}}}), *tokenizer);
  CHECK(forced_text(without_offset, *tokenizer) == call_text("read_file", OrderedJson::object()));

  Constraint nothing(required_call({{"read_file", kReadFile, {{"path", {}}}, {}}}), *tokenizer);
  CHECK(nothing.may_end());
  CHECK(nothing.forced() == tokenizer->eos());
}

TEST_CASE("free text may precede a call or be the whole turn") {
  const auto tokenizer = tiny_tokenizer();
  ConstraintSpec spec;
  spec.tools = {{"finish", R"({"type": "object"})", {}, {}}};
  spec.calls_max = 2;
  Constraint constraint(spec, *tokenizer);
  CHECK(constraint.may_end());
  CHECK(constraint.forced() == -1);
  CHECK_FALSE(is_allowed(constraint, *tokenizer, tokenizer->find("<|im_start|>")));
  CHECK_FALSE(is_allowed(constraint, *tokenizer, tokenizer->find("</tool_call>")));
  CHECK(is_allowed(constraint, *tokenizer, tokenizer->eos()));
  const std::string call = call_text("finish", OrderedJson::object());
  CHECK(feed(constraint, *tokenizer, "I am <done>.\n" + call + "\n" + call) == "");
  CHECK(constraint.forced() == tokenizer->eos());

  Constraint spelled(spec, *tokenizer);  // the tag in plain tokens opens a call as well
  for (char c : std::string("x<<tool_call>")) {
    const Token token = tokenizer->find(std::string(1, c));
    REQUIRE(is_allowed(spelled, *tokenizer, token));
    spelled.accept(token);
  }
  CHECK(spelled.inside_call());
  CHECK(forced_text(spelled, *tokenizer).starts_with("\n{\"name\": \"finish\""));

  spec.calls_max = 0;
  Constraint text_only(spec, *tokenizer);
  CHECK_FALSE(is_allowed(text_only, *tokenizer, tokenizer->find("<tool_call>")));
  CHECK(feed(text_only, *tokenizer, "a <tool") == "");
  CHECK_FALSE(is_allowed(text_only, *tokenizer, tokenizer->find("_call>")));
}

TEST_CASE("thinking is ended at its limit between two characters; only then a call begins") {
  const auto tokenizer = tiny_tokenizer();
  ConstraintSpec spec = required_call({{"read_file", kReadFile, {}}});
  spec.thinking = Thinking{true, 3, "\n</think>\n\n"};
  const std::string call = "<tool_call>\n{\"name";
  const auto text_of = [&](const std::vector<Token>& tokens) { return tokenizer->decode(tokens); };

  Constraint limited(spec, *tokenizer);
  for (const char* text : {"<|im_end|>", "<tool_call>"}) {
    CHECK_FALSE(is_allowed(limited, *tokenizer, tokenizer->find(text)));
    CHECK_THROWS_AS(Constraint(limited).accept(tokenizer->find(text)), Error);
  }
  CHECK_FALSE(limited.inside_call());
  CHECK_FALSE(limited.may_end());
  CHECK(text_of(limited.closing()) == "\n</think>\n\n");
  for (const char* bytes : {"z", "<", "\xc3"}) {
    CHECK(limited.forced() < 0);
    limited.accept(tokenizer->find(bytes));
  }
  CHECK(limited.forced() < 0);  // within a character
  limited.accept(tokenizer->find("\xa9"));
  Constraint ahead = limited;
  CHECK(forced_text(limited, *tokenizer).starts_with("\n</think>\n\n" + call));
  ahead.accept(ahead.forced());
  CHECK(text_of(ahead.closing()) == "</think>\n\n");

  Constraint earlier(spec, *tokenizer);
  CHECK(feed(earlier, *tokenizer, "x<tool_call>") == "<tool_call>");
  spec.thinking->tokens_max = -1;
  Constraint free(spec, *tokenizer);
  CHECK(feed(free, *tokenizer, "a {\"name\": b</think>").empty());
  CHECK(forced_text(free, *tokenizer).starts_with("\n\n" + call));

  spec.thinking->tokens_max = 0;
  Constraint none(spec, *tokenizer);
  CHECK(forced_text(none, *tokenizer).starts_with("\n</think>\n\n" + call));
}

TEST_CASE("thinking may be begun in a text, and precedes a value") {
  const auto tokenizer = tiny_tokenizer();
  ConstraintSpec spec;
  spec.thinking = Thinking{false, 4, "</think>\n"};
  Constraint text(spec, *tokenizer);
  CHECK(text.may_end());
  CHECK(feed(text, *tokenizer, "Hm <think>").empty());
  CHECK_FALSE(text.may_end());
  CHECK(feed(text, *tokenizer, "zqxj").empty());
  CHECK(forced_text(text, *tokenizer) == "</think>\n");
  CHECK(text.may_end());
  CHECK(feed(text, *tokenizer, "So.<think>").empty());
  CHECK(forced_text(text, *tokenizer) == "</think>\n");  // nothing is left of the limit

  spec.value_schema = R"({"enum": [7]})";
  spec.thinking->is_open = true;
  Constraint value(spec, *tokenizer);
  CHECK(feed(value, *tokenizer, "z").empty());
  const std::vector<Token> closing = value.closing();
  CHECK(tokenizer->decode(closing) == "</think>\n7");
  for (const Token token : closing) value.accept(token);
  CHECK(value.may_end());
}

TEST_CASE("a copy goes its own way") {
  const auto tokenizer = tiny_tokenizer();
  const auto spec = required_call({{"read_file", kReadFile, {}, {}}});
  Constraint first(spec, *tokenizer);
  forced_text(first, *tokenizer);
  Constraint second(first);
  CHECK(feed(first, *tokenizer, " \"a\"}}\n</tool_call>") == "");
  CHECK(first.may_end());
  CHECK_FALSE(second.may_end());
  second = first;
  CHECK(second.may_end());
  CHECK_THROWS_AS(second.accept(tokenizer->find("a")), Error);
}

TEST_CASE("a schema outside of the supported part names tool and keyword") {
  const auto tokenizer = tiny_tokenizer();
  const auto message = [&](const char* schema) -> std::string {
    try {
      Constraint constraint(required_call({{"odd", schema, {}, {}}}), *tokenizer);
    } catch (const Error& error) {
      CHECK(error.code() == Code::invalid);
      return error.what();
    }
    return "no failure";
  };
  const std::string pattern =
      message(R"j({"properties": {"a": {"type": "string", "pattern": "(?=x)"}}})j");
  CHECK_THAT(pattern, Catch::Contains("'odd'") && Catch::Contains("'pattern'"));
  CHECK_THAT(message(R"({"properties": {"a": {"anyOf": []}}})"), Catch::Contains("'anyOf'"));
  CHECK_THAT(message(R"({"required": ["b"]})"), Catch::Contains("'b'"));
  CHECK_THAT(message("[1"), Catch::Contains("JSON"));
}

TEST_CASE("random walks under the mask always make calls that parse and validate") {
  test::TinyOptions control, user, plain;
  user.tag_kind = 4;
  plain.tag_tokens = false;
  plain.pre = "llama-bpe";
  check_walks(*tiny_tokenizer(control), 1000, 60);
  check_walks(*tiny_tokenizer(user), 2000, 60);
  check_walks(*tiny_tokenizer(plain), 3000, 60);
}

TEST_CASE("the tokens of training text are always allowed") {
  test::TinyOptions control, user;
  user.tag_kind = 4;
  check_training_text(*tiny_tokenizer(control), 1, 150);
  check_training_text(*tiny_tokenizer(user), 501, 150);
}

TEST_CASE("walks and training text with a real vocabulary") {
  const fs::path path =
      fs::path(CORVID_SOURCE_DIR) / "../shared/fixtures/engine/tokenizer/vocab-bpe.gguf";
  if (!fs::exists(path)) {
    WARN("SKIP: ../shared/fixtures is not here");
    return;
  }
  const auto tokenizer = Tokenizer::make(*GgufFile::open(path), "qwen2");
  check_walks(*tokenizer, 9000, 8);
  check_training_text(*tokenizer, 9500, 60);
}

TEST_CASE("random walks in the other syntaxes make calls that parse and validate") {
  const auto tokenizer = tiny_tokenizer();
  check_walks(*tokenizer, 4000, 60, CallSyntax::xml);
  check_walks(*tokenizer, 5000, 30, CallSyntax::llama3_json);
  check_walks(*tokenizer, 6000, 30, CallSyntax::kimi);
}

namespace {

constexpr const char* kEditFile = R"({"type": "object", "properties": {
  "path": {"type": "string"}, "old_text": {"type": "string"}, "new_text": {"type": "string"}},
  "additionalProperties": false})";

// Two files of which an edit may copy, one that cannot be read, and what was read of them.
ConstraintSpec edits_of(CallSyntax syntax, const std::string& a, const std::string& b) {
  ConstraintSpec spec = required_call({{"edit_file", kEditFile, {}, {{"old_text", "path"}}}});
  spec.syntax = syntax;
  spec.sources = {{{"a.py", "./a.py"}, [a] { return std::optional(a); }},
                  {{"b.py"}, [b] { return std::optional(b); }},
                  {{"gone"}, [] { return std::optional<std::string>(); }}};
  return spec;
}

// The old_text of a call that is written at random, its path being given; closed on the way, too.
std::vector<std::string> random_copies(const ConstraintSpec& spec, const Tokenizer& tokenizer,
                                       const std::string& begin, std::mt19937& random) {
  std::vector<std::string> copies;
  const auto take = [&](const std::string& text) {
    CallParser parser(spec.syntax, {.schemas = {{"edit_file", kEditFile}}});
    parser.push(text);
    parser.finish();
    REQUIRE(parser.calls().size() == 1);
    const auto arguments = OrderedJson::parse(parser.calls()[0].arguments);
    if (arguments.contains("old_text")) copies.push_back(arguments["old_text"]);
  };
  Constraint constraint(spec, tokenizer);
  REQUIRE(feed(constraint, tokenizer, begin) == "");
  std::string text = begin;
  for (int step = 0; step < 60 && constraint.inside_call(); ++step) {
    take(text + tokenizer.decode(constraint.closing()));
    const std::vector<Token> tokens = allowed(constraint, tokenizer);
    REQUIRE_FALSE(tokens.empty());
    const Token token = tokens[random() % tokens.size()];
    if (tokenizer.is_end(token)) break;
    constraint.accept(token);
    text += tokenizer.bytes(token);
  }
  return copies;
}

const std::string kA = "def add(a, b):\n\t\"\"\"Sum \\ \u00e4\u20ac\"\"\"\n    return a - b\n";
const std::string kB = "</parameter\n</parameter x\nreturn 1\n\n\nreturn 1\n";

}  // namespace

TEST_CASE("an argument that copies is a passage of the source that is named") {
  const auto tokenizer = tiny_tokenizer();
  std::mt19937 random(7);
  for (const CallSyntax syntax : {CallSyntax::hermes_json, CallSyntax::xml}) {
    const bool is_xml = syntax == CallSyntax::xml;
    const ConstraintSpec spec = edits_of(syntax, kA, kB);
    const auto begin = [&](const std::string& path) {
      return is_xml ? "<tool_call>\n<function=edit_file>\n<parameter=path>\n" + path +
                          "\n</parameter>\n<parameter=old_text>\n"
                    : "<tool_call>\n{\"name\": \"edit_file\", \"arguments\": {\"path\": \"" + path +
                          "\", \"old_text\": \"";
    };
    for (int round = 0; round < 20; ++round) {
      for (const auto& [path, source] : {std::pair{"a.py", kA}, {"./a.py", kA}, {"b.py", kB}}) {
        for (const std::string& copy : random_copies(spec, *tokenizer, begin(path), random)) {
          INFO(path << ": " << copy);
          CHECK_FALSE(copy.empty());
          CHECK(source.find(copy) != std::string::npos);
        }
      }
    }
    // A name that is no source's, and one that cannot be read: the tool will say so.
    for (const std::string path : {"c.py", "gone", "a.pyc"}) {
      Constraint constraint(spec, *tokenizer);
      CHECK(feed(constraint, *tokenizer, begin(path) + "anything") == "");
    }
    if (!is_xml) continue;
    // Old before path: of any source, as long as all are known.
    const std::string first = "<tool_call>\n<function=edit_file>\n<parameter=old_text>\n";
    ConstraintSpec known = spec;
    known.sources.pop_back();
    Constraint constraint(known, *tokenizer);
    CHECK(feed(constraint, *tokenizer, first + "return 1\n</parameter>\n") == "");
    for (const std::string& copy : random_copies(known, *tokenizer, first, random)) {
      CHECK((kA.find(copy) != std::string::npos || kB.find(copy) != std::string::npos));
    }
  }
}

TEST_CASE("a passage can be written whole, and nothing else") {
  const auto tokenizer = tiny_tokenizer();
  const ConstraintSpec spec = edits_of(CallSyntax::hermes_json, kA, kB);
  const auto call = [&](const std::string& old_text) {
    const OrderedJson arguments = {{"path", "a.py"}, {"old_text", old_text}, {"new_text", "x"}};
    Constraint constraint(spec, *tokenizer);
    return feed(constraint, *tokenizer, call_text("edit_file", arguments)).empty();
  };
  for (size_t at = 0; at < kA.size(); ++at) {
    if ((kA[at] & 0xc0) != 0x80) CHECK(call(kA.substr(at)));
  }
  CHECK(call("return a - b"));
  CHECK_FALSE(call("return a + b"));
  CHECK_FALSE(call("return a - b "));
  CHECK_FALSE(call("12|    return a - b"));
  CHECK_FALSE(call(""));
  // Passages longer than what is sorted: the first of those that begin alike goes on.
  const std::string stripe(3000, 'x');
  const ConstraintSpec striped = edits_of(CallSyntax::hermes_json, stripe + "1\n", "b\n");
  for (const size_t count : {3, 1000, 2900}) {
    const OrderedJson arguments = {{"path", "a.py"}, {"old_text", std::string(count, 'x')}};
    Constraint constraint(striped, *tokenizer);
    CHECK(feed(constraint, *tokenizer, call_text("edit_file", arguments)) == "");
  }
}

TEST_CASE("what is to be copied has to be an optional string") {
  const auto tokenizer = tiny_tokenizer();
  const auto refuses = [&](const std::string& schema) {
    CHECK_THROWS_AS(Constraint(required_call({{"t", schema, {}, {{"old", "path"}}}}), *tokenizer),
                    Error);
  };
  refuses(R"({"properties": {"path": {"type": "string"}}})");
  refuses(R"({"properties": {"old": {"type": "string"}}})");
  refuses(R"({"properties": {"path": {"type": "string"}, "old": {"type": "integer"}}})");
  refuses(R"({"properties": {"path": {"type": "string"}, "old": {"type": "string"}},
              "required": ["old"]})");
}
