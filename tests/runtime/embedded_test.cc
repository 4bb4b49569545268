// The local engine as a provider, over a small random model.

#include <catch2/catch.hpp>

#include "runtime/base/files.h"
#include "runtime/provider.h"
#include "tests/engine/random_model.h"
#include "tests/engine/tiny_tokenizer.h"

using namespace corvid;

namespace {

// A model whose output matrix has more rows than its vocabulary has tokens, one of which is empty,
// and whose template writes no BOS.
void write_model(const std::filesystem::path& path) {
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
