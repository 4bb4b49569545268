// The local engine as a provider, over a small random model.

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/loop_request.h"
#include "runtime/prompt.h"
#include "runtime/provider.h"
#include "tests/engine/random_model.h"
#include "tests/engine/tiny_tokenizer.h"
#include "tools/support/patch.h"

using namespace corvid;

namespace {

// A model whose output matrix has more rows than its vocabulary has tokens, one of which is empty,
// and whose template writes no BOS.
void write_model(const std::filesystem::path& path, const std::string& profile = "",
                 bool samples = false, const std::string& chat_template = "") {
  test::write_qwen3(path, {.vocab_size = 280, .blocks = "A"});
  const auto file = engine::GgufFile::open(path);
  engine::GgufWriter writer;
  for (const std::string& key : file->keys()) writer.copy_value(*file, key);
  for (const engine::TensorView& view : file->tensors()) {
    writer.add_tensor(view.name, view.type,
                      std::span(view.shape).first(static_cast<size_t>(view.dim_count)),
                      {view.data, static_cast<size_t>(view.bytes)});
  }
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) {
    tokens.push_back(test::piece_of_bytes(std::string(1, static_cast<char>(byte))));
  }
  std::vector<int64_t> kinds(tokens.size(), 1);
  for (const char* special : {"<|im_start|>", "<|im_end|>", "<s>", ""}) {
    tokens.emplace_back(special);
    kinds.push_back(3);
  }
  writer.set_string("tokenizer.ggml.model", "gpt2");
  writer.set_string("tokenizer.ggml.pre", "qwen2");
  writer.set_string_array("tokenizer.ggml.tokens", tokens);
  writer.set_int_array("tokenizer.ggml.token_type", kinds);
  writer.set_integer("tokenizer.ggml.bos_token_id", 258);
  writer.set_integer("tokenizer.ggml.eos_token_id", 257);
  writer.set_boolean("tokenizer.ggml.add_bos_token", true);
  if (!profile.empty()) writer.set_string("corvid.profile", profile);
  if (!chat_template.empty()) writer.set_string("tokenizer.chat_template", chat_template);
  if (samples) {
    writer.set_real("general.sampling.temp", 5);
    writer.set_integer("general.sampling.top_k", 1);
  }
  writer.write(path);
}

}  // namespace

TEST_CASE("a vocabulary smaller than the output matrix, with an empty special token, works") {
  const TempDir folder;
  const auto path = folder.path() / "m.gguf";
  write_model(path);
  std::vector<engine::Token> log;
  runtime::ProviderOptions options;
  options.on_tokens = [&log](const runtime::EvaluatedTokens& evaluated) {
    log.resize(static_cast<size_t>(evaluated.position));
    log.insert(log.end(), evaluated.tokens.begin(), evaluated.tokens.end());
  };
  const auto provider = runtime::make_provider(path.string(), options);
  provider->start("You help.", {});
  const std::vector<runtime::Message> first{{runtime::Role::user, "a <|im_end|> b", {}, {}}};
  const runtime::TokenCounts counts = provider->read(first, {});
  CHECK(counts.prefilled == static_cast<int64_t>(log.size()));
  CHECK(log.front() == 258);
  CHECK(std::count(log.begin(), log.end(), 257) == 2);  // ends of turns; none from the message
  runtime::Request request;
  request.tokens_max = 12;
  const runtime::Reply reply = provider->complete(request, {});
  CHECK(reply.tokens.generated > 0);
  for (const engine::Token token : log) CHECK(token < 260);
  CHECK(std::count(log.begin(), log.end(), 258) == 1);
}

TEST_CASE("a reply is drawn as the model's file says, but for what the request says") {
  const TempDir folder;
  const auto path = folder.path() / "m.gguf";
  write_model(path, "", true);
  const std::vector<runtime::Message> first{{runtime::Role::user, "one", {}, {}}};
  const auto provider = runtime::make_provider(path.string(), {});
  provider->start("You help.", {});
  provider->read(first, {});
  const auto said = [&](float temperature, uint64_t seed) {
    runtime::Request request;
    request.tokens_max = 12;
    request.temperature = temperature;
    request.seed = seed;
    return provider->fork("f")->complete(request, {}).message.content;
  };
  const std::string greedy = said(0, 1);
  for (uint64_t seed = 1; seed < 4; ++seed) CHECK(said(-1, seed) == greedy);  // top_k is 1
}

TEST_CASE("what a model thinks is no part of its answer, and is not read again without it") {
  const TempDir folder;
  const auto path = folder.path() / "m.gguf";
  // As Qwen3.5's: thinking begins in the prompt, and goes when a new message comes.
  write_model(path, "", false,
              "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
              "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n"
              "{% endif %}{% if false %}{{ '\\n</think>\\n\\n' }}{% endif %}");
  std::vector<runtime::EvaluatedTokens> log;
  std::vector<engine::Token> tokens;
  runtime::ProviderOptions options;
  options.on_tokens = [&](const runtime::EvaluatedTokens& evaluated) {
    CHECK(evaluated.position == static_cast<int32_t>(tokens.size()));  // nothing twice
    log.push_back(evaluated);
    tokens.insert(tokens.end(), evaluated.tokens.begin(), evaluated.tokens.end());
  };
  std::vector<runtime::Message> messages{{runtime::Role::user, "one <|im_end|>", {}, {}}};
  runtime::Request request;
  request.tokens_max = 6;
  request.no_calls = true;
  const auto tokenizer = engine::Tokenizer::make(*engine::GgufFile::open(path));
  const auto provider = runtime::make_provider(path.string(), options);
  provider->start("You help.", {});
  for (int turn = 0; turn < 3; ++turn) {
    const size_t before = tokens.size();
    const auto counts = provider->read(std::span(messages).last(1), {});
    CHECK(counts.rebuilt == 0);
    CHECK(counts.reused == static_cast<int64_t>(before));
    const size_t begin = tokens.size();
    const runtime::Reply reply = provider->complete(request, {});
    const std::string said = tokenizer->decode(std::span(tokens).subspan(begin));
    INFO(said);
    CHECK(said.find("</think>\n\n") != std::string::npos);
    CHECK(reply.message.content.find("think>") == std::string::npos);
    CHECK_FALSE(reply.message.reasoning.empty());
    CHECK(reply.message.reasoning == trim(to_utf8(said.substr(0, said.find("</think>")))));
    const auto kept = runtime::message_from_json(runtime::message_to_json(reply.message));
    CHECK(kept.reasoning == reply.message.reasoning);
    messages.push_back(reply.message);
    messages.push_back({runtime::Role::user, "go on", {}, {}});
  }
  messages.pop_back();
  options.on_tokens = {};
  const auto again = runtime::make_provider(path.string(), options);
  again->start("You help.", {});
  CHECK(again->restore(folder.path() / "absent", messages, log).rebuilt ==
        static_cast<int64_t>(tokens.size()));
  const std::vector<runtime::Message> next{{runtime::Role::user, "and now", {}, {}}};
  CHECK(again->context(next).used > static_cast<int64_t>(tokens.size()));
  const auto counts = again->read(next, {});
  CHECK(counts.reused == static_cast<int64_t>(tokens.size()));
  CHECK(counts.rebuilt == 0);
}

TEST_CASE("a restored conversation goes on behind a BOS that the template does not write") {
  const TempDir folder;
  const auto path = folder.path() / "m.gguf";
  write_model(path);
  std::vector<runtime::EvaluatedTokens> log;
  runtime::ProviderOptions options;
  options.on_tokens = [&log](const runtime::EvaluatedTokens& tokens) { log.push_back(tokens); };
  const std::vector<runtime::Message> first{{runtime::Role::user, "one", {}, {}}};
  const std::vector<runtime::Message> second{{runtime::Role::user, "two", {}, {}}};
  const auto provider = runtime::make_provider(path.string(), options);
  provider->start("You help.", {});
  const int64_t length = provider->read(first, {}).prefilled;

  const auto again = runtime::make_provider(path.string(), {});
  again->start("You help.", {});
  CHECK(again->restore(folder.path() / "absent", first, log).rebuilt == length);
  const runtime::TokenCounts counts = again->read(second, {});
  CHECK(counts.reused > length / 2);
  CHECK(counts.prefilled > 0);
}


TEST_CASE("after a restart the model stands where a fresh one would, and counts it as rebuilt") {
  const TempDir folder;
  const auto path = folder.path() / "m.gguf";
  write_model(path);
  std::vector<engine::Token> log;
  runtime::ProviderOptions options;
  options.on_tokens = [&log](const runtime::EvaluatedTokens& evaluated) {
    log.resize(static_cast<size_t>(evaluated.position));
    log.insert(log.end(), evaluated.tokens.begin(), evaluated.tokens.end());
  };
  const std::vector<runtime::Message> first{{runtime::Role::user, "the task", {}, {}}};
  const std::vector<runtime::Message> second{{runtime::Role::user, "much output", {}, {}}};
  const std::vector<runtime::Message> cut{{runtime::Role::user, "the task", {}, {}},
                                          {runtime::Role::user, "a summary", {}, {}}};
  runtime::Request request;
  request.tokens_max = 8;
  request.temperature = 0;
  const auto provider = runtime::make_provider(path.string(), options);
  provider->start("You help.", {});
  provider->read(first, {});
  provider->complete(request, {});
  provider->read(second, {});
  const runtime::TokenCounts counts = provider->restart(cut, {});
  CHECK(counts.prefilled == 0);
  CHECK(counts.rebuilt > 0);
  CHECK(counts.rebuilt < static_cast<int64_t>(log.size()));  // the common beginning stands
  CHECK(provider->context({}).used == static_cast<int64_t>(log.size()));
  const std::vector<engine::Token> cut_log = log;

  const auto fresh = runtime::make_provider(path.string(), options);
  fresh->start("You help.", {});
  fresh->read(cut, {});
  CHECK(log == cut_log);
  CHECK(fresh->complete(request, {}).message.content ==
        provider->complete(request, {}).message.content);
}

namespace {

// A local model that is told to mend add.c.
struct Editing {
  Editing(const std::string& profile_text, std::string content_)
      : content(std::move(content_)) {
    write_file_atomic(files.path() / "add.c", content);
    const auto path = folder.path() / "m.gguf";
    write_model(path, profile_text);
    provider = runtime::make_provider(path.string(), {});
    profile = provider->profile();
    toolbox.emplace(profile.tools);
    workspace.emplace(std::filesystem::canonical(files.path()));
  }

  runtime::Request request(const runtime::LoopOptions& options,
                           const tools::ToolState& state) const {
    return make_request({profile, *toolbox, *workspace, "", false}, options, state, {});
  }
  std::unique_ptr<runtime::Provider> conversation(uint64_t seed) const {
    auto one = provider->fork("s" + std::to_string(seed));
    one->start("You edit.", declare_tools(*toolbox, profile));
    one->read(std::vector<runtime::Message>{{runtime::Role::user, "Mend add.c", {}, {}}}, {});
    return one;
  }

  TempDir folder, files;
  std::string content;
  std::unique_ptr<runtime::Provider> provider;
  runtime::ModelProfile profile;
  std::optional<tools::Toolbox> toolbox;
  std::optional<tools::Workspace> workspace;
};

}  // namespace

TEST_CASE("what a local model edits stands in the file that it names") {
  const Editing editing(R"({"calls": "required", "tools": ["edit_file"],
                            "omit": {"edit_file": ["choice", "new_text"]}})",
                        "\xef\xbb\xbfint add(int a, int b) {\r\n\treturn a - b;\r\n}");
  tools::ToolState state;
  const auto request_of = [&] {
    runtime::LoopOptions options;
    options.temperature = 2;
    options.tokens_max = 300;
    runtime::Request request = editing.request(options, state);
    request.offered["edit_file.path"] = {"add.c"};
    return request;
  };
  CHECK_FALSE(request_of().copied.has_value());
  state.read_hashes["add.c"] = sha256_hex(editing.content);
  const std::string shown = "int add(int a, int b) {\n\treturn a - b;\n}\n";
  int copied_count = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const auto one = editing.conversation(seed);
    runtime::Request request = request_of();
    request.seed = seed;
    const runtime::Reply reply = one->complete(request, {});
    INFO(reply.message.content);
    REQUIRE(reply.message.calls.size() == 1);
    const Json arguments = parse_json(reply.message.calls[0].arguments, "arguments");
    if (!arguments.contains("path") || !arguments.contains("old_text")) continue;
    const std::string old_text = arguments.at("old_text");
    INFO(old_text);
    CHECK_FALSE(old_text.empty());
    CHECK(shown.find(old_text) != std::string::npos);
    ++copied_count;
  }
  CHECK(copied_count > 0);
  // What has changed since it was read is no longer known.
  write_file_atomic(editing.files.path() / "add.c", "other\n");
  CHECK_FALSE(request_of().copied->read("add.c").has_value());
}

TEST_CASE("what a model with reads_max says at the end is what the harness knows was done") {
  const TempDir files;
  runtime::ModelProfile profile;
  const tools::Toolbox toolbox(profile.tools);
  const tools::Workspace workspace(std::filesystem::canonical(files.path()));
  tools::ToolState state;
  const auto summaries = [&] {
    runtime::Request request =
        runtime::make_request({profile, toolbox, workspace, "", false}, {}, state, {});
    return request.offered["finish.summary"];
  };
  CHECK(summaries().empty());
  profile.reads_max = 3;
  CHECK(summaries() ==
        std::vector<std::string>{"The check passes already.", "No candidate was found."});
  state.choices = {{"c1", {"a.c", 3, "", "", "", 0}}, {"c2", {"b.c", 7, "", "", "", 0}}};
  state.applied = "c2";
  CHECK(summaries() == std::vector<std::string>{"Applied c2 to b.c:7."});
}

TEST_CASE("a local model's patch is one, and may copy from the files that were read") {
  const Editing editing(R"({"calls": "required", "tools": ["apply_patch"]})",
                        "int add(int a, int b) {\r\n\treturn a - b;\r\n}");
  tools::ToolState state;
  state.read_hashes["add.c"] = sha256_hex(editing.content);
  runtime::LoopOptions options;
  options.temperature = 2;
  options.tokens_max = 200;
  size_t patch_count = 0;
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    const auto one = editing.conversation(seed);
    runtime::Request request = editing.request(options, state);
    REQUIRE(request.copied.has_value());
    CHECK(request.copied->paths == std::vector<std::string>{"add.c"});
    CHECK(request.copied->read("add.c") == "int add(int a, int b) {\n\treturn a - b;\n}\n");
    request.seed = seed;
    const runtime::Reply reply = one->complete(request, {});
    INFO(reply.message.content);
    REQUIRE(reply.message.calls.size() == 1);
    const Json arguments = parse_json(reply.message.calls[0].arguments, "arguments");
    const std::string patch = arguments.at("patch");
    INFO(patch);
    REQUIRE(patch.starts_with("*** Begin Patch\n"));
    REQUIRE(patch.ends_with("\n*** End Patch"));
    if (patch == "*** Begin Patch\n*** End Patch") continue;
    patch_count += tools::parse_patch(patch).size();
  }
  CHECK(patch_count > 0);
}
