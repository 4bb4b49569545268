// Drafts change nothing but the speed: what is verified and taken back equals what was decoded one
// by one, to the bit, and a draft head is as far as its trunk however that got there.
#include <algorithm>

#include "engine/constraint.h"
#include "engine/sampling.h"
#include "engine/speculate/lookup.h"
#include "engine/tokenizer.h"
#include "runtime/base/error.h"
#include "tests/engine/random_model.h"
#include "tests/engine/support.h"

namespace corvid::test {
namespace {

namespace fs = std::filesystem;

constexpr EngineOptions kPlain{"cpu", "", 1};

EngineOptions with_head() {
  EngineOptions options = kPlain;
  options.draft_head = true;
  return options;
}

void write_experts(ModelWriter& w, const RandomModel& m, const std::string& block) {
  constexpr int64_t kExperts = 4;
  w.matrix(block + "ffn_gate_inp", m.dim, kExperts);
  w.vector(block + "exp_probs_b.bias", {kExperts}, -0.1, 0.1);
  w.vector(block + "ffn_up_exps.weight", {m.dim, m.hidden_dim, kExperts}, -0.3, 0.3);
  w.vector(block + "ffn_down_exps.weight", {m.hidden_dim, m.dim, kExperts}, -0.3, 0.3);
  w.matrix(block + "ffn_up_shexp", m.dim, m.hidden_dim);
  w.matrix(block + "ffn_down_shexp", m.hidden_dim, m.dim);
}

void write_next(ModelWriter& w, const RandomModel& m, const std::string& block) {
  for (const char* norm : {"nextn.enorm", "nextn.hnorm", "nextn.shared_head_norm"}) {
    w.norm(block + norm, {m.dim});
  }
  w.matrix(block + "nextn.eh_proj", 2 * m.dim, m.dim);
}

// Mamba-2, attention and an MLP; the head is attention and experts in one block.
void write_nemotron_with_head(const fs::path& path) {
  RandomModel m;
  m.blocks = "MA-N";
  ModelWriter w("nemotron_h_moe", m.type, 5);
  write_common(w, m);
  w.integer("attention.head_count", m.head_count);
  w.file().set_int_array(w.key("attention.head_count_kv"),
                         std::vector<int64_t>{0, m.kv_head_count, 0, m.kv_head_count});
  w.file().set_int_array(w.key("feed_forward_length"),
                         std::vector<int64_t>{0, 0, m.hidden_dim, m.hidden_dim});
  w.integer("nextn_predict_layers", 1);
  w.integer("expert_count", 4);
  w.integer("expert_used_count", 2);
  w.integer("expert_feed_forward_length", m.hidden_dim);
  w.integer("expert_shared_feed_forward_length", m.hidden_dim);
  w.file().set_boolean(w.key("expert_weights_norm"), true);
  w.file().set_real(w.key("expert_weights_scale"), 2.5);
  for (size_t i = 0; i < m.blocks.size(); ++i) {
    const std::string block = block_name(i);
    w.norm(block + "attn_norm", {m.dim});
    if (m.blocks[i] == 'M') write_mamba2(w, m, block);
    if (m.blocks[i] == 'A' || m.blocks[i] == 'N') write_attention(w, m, block);
    if (m.blocks[i] == '-') {
      w.matrix(block + "ffn_up", m.dim, m.hidden_dim);
      w.matrix(block + "ffn_down", m.hidden_dim, m.dim);
    }
  }
  w.norm(block_name(3) + "post_attention_norm", {m.dim});
  write_next(w, m, block_name(3));
  write_experts(w, m, block_name(3));
  w.file().write(path);
}

// Full and windowed attention; three chained heads with outputs of their own.
void write_step_with_heads(const fs::path& path) {
  RandomModel m;
  m.blocks = "FSFSS";
  ModelWriter w("step35", m.type, 6);
  write_common(w, m);
  const auto count = static_cast<int64_t>(m.blocks.size());
  w.file().set_int_array(w.key("attention.head_count"), std::vector<int64_t>{4, 6, 4, 6, 6});
  w.file().set_int_array(w.key("attention.head_count_kv"), std::vector<int64_t>(5, 2));
  w.file().set_bool_array(w.key("attention.sliding_window_pattern"),
                          {false, true, false, true, true});
  w.integer("attention.sliding_window", 5);
  w.integer("rope.dimension_count", 8);
  w.integer("feed_forward_length", m.hidden_dim);
  w.integer("nextn_predict_layers", 3);
  for (int64_t i = 0; i < count; ++i) {
    const std::string block = block_name(static_cast<size_t>(i));
    RandomModel own = m;
    own.head_count = m.blocks[static_cast<size_t>(i)] == 'S' ? 6 : 4;
    w.norm(block + "attn_norm", {m.dim});
    write_attention(w, own, block);
    w.norm(block + "attn_q_norm", {m.key_dim});
    w.norm(block + "attn_k_norm", {m.key_dim});
    w.matrix(block + "attn_gate", m.dim, own.head_count);
    write_swiglu(w, m, block);
    if (i < 2) continue;
    write_next(w, m, block);
    w.matrix(block + "nextn.shared_head_head", m.dim, m.vocab_size);
  }
  w.file().write(path);
}

std::vector<Token> some_tokens(size_t count, uint64_t seed, double vocab) {
  Random random(seed);
  std::vector<Token> tokens(count);
  for (Token& token : tokens) token = static_cast<Token>(random.next() * vocab);
  return tokens;
}

// Verifies in random groups of which a random part is kept, beside plain steps.
void check_verify(const fs::path& path, const EngineOptions& options) {
  const auto model = Engine::load(path, options);
  const auto width = static_cast<size_t>(model->summary().vocab_size);
  const auto plain = model->open(), guessed = model->open();
  const std::vector<Token> prompt = some_tokens(70, 3, double(width));
  append(*model, *plain, prompt);
  append(*model, *guessed, prompt);
  Random random(11);
  for (int round = 0; round < 12; ++round) {
    const auto count = static_cast<size_t>(1 + random.next() * 6);
    const auto kept = static_cast<size_t>(1 + random.next() * double(count));
    const std::vector<Token> tokens = some_tokens(count, 100 + uint64_t(round), double(width));
    if (round == 5) guessed->snapshot();
    std::vector<float> rows(count * width);
    model->verify(*guessed, tokens, rows, [&] { return kept; });
    for (size_t i = 0; i < kept; ++i) {
      const std::vector<float> row = step(*model, *plain, tokens[i]);
      CHECK(std::equal(row.begin(), row.end(), rows.begin() + std::ptrdiff_t(i * width)));
    }
  }
  CHECK(std::ranges::equal(plain->tokens(), guessed->tokens()));
  CHECK(std::ranges::equal(plain->segments(), guessed->segments()));
  CHECK(step(*model, *plain, 1) == step(*model, *guessed, 1));
  const auto middle = static_cast<int>(plain->tokens().size()) - 9;
  guessed->truncate(middle);
  plain->truncate(middle);
  CHECK(step(*model, *plain, 2) == step(*model, *guessed, 2));
}

engine::Generation made(Engine& model, engine::Drafts drafts, float temperature,
                        std::span<const Token> prompt,
                        const engine::ConstraintSpec* constraint = nullptr) {
  const auto sequence = model.open();
  std::vector<float> row = append(model, *sequence, prompt);
  engine::SamplingParams params;
  params.tokens_max = 60;
  params.temperature = temperature;
  params.top_k = 8;
  params.repetition_penalty = temperature > 0 ? 1.05f : 1.0f;
  params.drafts = drafts;
  if (constraint == nullptr) {
    return engine::generate(model, *sequence, row, params, nullptr, {}, {});
  }
  engine::Constraint allowed(*constraint, model.tokenizer());
  return engine::generate(model, *sequence, row, params, &allowed, {}, {});
}

}  // namespace

TEST_CASE("what is verified and taken back equals single steps, to the bit") {
  const TempDir folder("draft");
  RandomModel m;
  write_gated_deltanet2(folder.path() / "a.gguf", m);
  m.blocks = "M-MA-M";
  write_nemotron_h(folder.path() / "b.gguf", m);
  m.blocks = "AAA";
  m.value_dim = m.key_dim;
  write_qwen3(folder.path() / "c.gguf", m);
  for (const char* name : {"a.gguf", "b.gguf", "c.gguf"}) {
    INFO(name);
    check_verify(folder.path() / name, kPlain);
  }
  check_verify(golden("engine/gated-deltanet2-swa.Q8_0.gguf"), kPlain);
  const fs::path shared = fixtures();
  if (shared.empty()) return;
  for (const char* name : {"kimi-linear", "hgrn2-hybrid", "mamba2", "qwen3next", "qwen35moe",
                           "step35", "nemotron_h_moe_latent", "qwen35-k.Q4_K_M"}) {
    INFO(name);
    check_verify(shared / "models" / (std::string(name) + ".gguf"), kPlain);
  }
}

TEST_CASE("a pass in which the choice of what stays throws leaves nothing") {
  const TempDir folder("draft");
  write_nemotron_with_head(folder.path() / "head.gguf");
  RandomModel m;
  write_gated_deltanet2(folder.path() / "a.gguf", m);
  for (const auto& [name, options] : {std::pair{"head.gguf", with_head()}, {"a.gguf", kPlain}}) {
    INFO(name);
    const auto model = Engine::load(folder.path() / name, options);
    const auto plain = model->open(), broken = model->open();
    const std::vector<Token> prompt = some_tokens(62, 3, 50), tokens = some_tokens(4, 4, 50);
    append(*model, *plain, prompt);
    append(*model, *broken, prompt);
    std::vector<float> rows(4 * 50);
    CHECK_THROWS_WITH(model->verify(*broken, tokens, rows,
                                    []() -> size_t { fail(Code::cancelled, "no more"); }),
                      "no more");
    CHECK(std::ranges::equal(plain->tokens(), broken->tokens()));
    CHECK(plain->bytes_used() == broken->bytes_used());
    CHECK(append(*model, *plain, tokens) == append(*model, *broken, tokens));
  }
}

TEST_CASE("a state file is bound to the choice of the draft head") {
  const TempDir folder("draft");
  const fs::path path = folder.path() / "head.gguf", state = folder.path() / "state";
  write_nemotron_with_head(path);
  const auto with = Engine::load(path, with_head()), without = Engine::load(path, kPlain);
  for (Engine* saver : {with.get(), without.get()}) {
    const bool has_head = saver == with.get();
    const auto saved = saver->open();
    append(*saver, *saved, some_tokens(20, 3, 50));
    saved->snapshot();
    append(*saver, *saved, some_tokens(20, 4, 50));
    saved->save(state);
    const auto same = saver->open(), other = (has_head ? without : with)->open();
    same->load(state);
    CHECK(step(*saver, *same, 1) == step(*saver, *saved, 1));
    CHECK_THROWS_WITH(other->load(state),
                      state.string() + (has_head ? ": saved with the model's draft head"
                                                 : ": saved without the model's draft head"));
    CHECK(other->tokens().empty());
  }
}

TEST_CASE("a draft head follows its trunk by step, chunk and after drafts were taken back") {
  const TempDir folder("draft");
  write_nemotron_with_head(folder.path() / "nemotron.gguf");
  write_step_with_heads(folder.path() / "step.gguf");
  for (const char* name : {"nemotron.gguf", "step.gguf"}) {
    INFO(name);
    const fs::path path = folder.path() / name;
    check_verify(path, with_head());
    const auto model = Engine::load(path, with_head());
    const std::vector<Token> tokens = some_tokens(40, 8, 50);
    const auto stepped = model->open(), verified = model->open(), whole = model->open();
    std::vector<float> rows(8 * 50), a(4 * 50), b(4 * 50);
    for (const Token token : tokens) step(*model, *stepped, token);
    for (size_t i = 0; i < tokens.size(); i += 2) {
      std::vector<Token> wrong(8, 7);
      std::copy_n(tokens.begin() + std::ptrdiff_t(i), 2, wrong.begin());
      model->draft(*verified, wrong[0], 5, {});
      model->verify(*verified, wrong, rows, [] { return size_t{2}; });
    }
    append(*model, *whole, tokens);
    const auto drafts = model->draft(*stepped, 3, 4, a);
    CHECK(model->draft(*verified, 3, 4, b) == drafts);
    CHECK(a == b);
    model->draft(*whole, 3, 4, b);
    CHECK(max_difference(a, b) < 2e-4f);
    CHECK(model->draft(*stepped, 3, 2, {}).size() == 2);
    // Kept with the state.
    stepped->save(folder.path() / "state");
    const auto loaded = model->open();
    loaded->load(folder.path() / "state");
    model->draft(*loaded, 3, 4, b);
    CHECK(a == b);
    CHECK_THROWS_AS(Engine::load(path, kPlain)->open()->load(folder.path() / "state"), Error);
  }
  CHECK_THROWS_AS(Engine::load(golden("engine/gated-deltanet2-swa.Q8_0.gguf"), with_head()),
                  Error);
}

TEST_CASE("the draft head gives its golden logits") {
  const fs::path shared = fixtures();
  if (shared.empty()) return;
  const Json json = parse_json(read_file(shared / "logits/qwen35_mtp.json"), "qwen35_mtp.json");
  const std::vector<Token> tokens = json.at("tokens");
  const Array wanted = read_npy(shared / "logits/qwen35_mtp.mtp.npy");
  const auto model = Engine::load(shared / "models/qwen35_mtp.gguf", with_head());
  const auto width = static_cast<size_t>(model->summary().vocab_size);
  std::vector<float> rows(tokens.size() * width);
  const auto sequence = model->open();
  for (size_t i = 0; i < tokens.size(); ++i) {
    model->draft(*sequence, tokens[i], 1, std::span(rows).subspan(i * width, width));
    step(*model, *sequence, tokens[i]);
  }
  CHECK(max_difference(rows, wanted.data) < 2e-4f);
}

TEST_CASE("generation with drafts gives what it gives without them") {
  const fs::path shared = fixtures();
  if (shared.empty()) return;
  // The model has no tokenizer of its own size everywhere: llama and qwen35_mtp have one.
  for (const char* name : {"llama", "nemotron_h", "qwen35_mtp"}) {
    INFO(name);
    const fs::path path = shared / "models" / (std::string(name) + ".gguf");
    const bool has_head = std::string_view(name) == "qwen35_mtp";
    const auto model = Engine::load(path, has_head ? with_head() : kPlain);
    std::vector<Token> prompt = some_tokens(20, 4, 400);
    for (int i = 0; i < 3; ++i) prompt.insert(prompt.end(), prompt.begin(), prompt.begin() + 20);
    for (const float temperature : {0.0f, 0.9f}) {
      const auto plain = made(*model, engine::Drafts::none, temperature, prompt);
      const auto lookup = made(*model, engine::Drafts::lookup, temperature, prompt);
      CHECK(plain.tokens == lookup.tokens);
      CHECK(plain.text == lookup.text);
      CHECK(plain.finish == lookup.finish);
      CHECK(plain.drafted_count == 0);
      if (!has_head) continue;
      const auto head = made(*model, engine::Drafts::head, temperature, prompt);
      CHECK(plain.tokens == head.tokens);
      CHECK(head.drafted_count > 0);
    }
  }
}

TEST_CASE("generation with drafts under a constraint gives what it gives without them") {
  const fs::path shared = fixtures();
  if (shared.empty()) return;
  engine::ConstraintSpec value, call;
  value.value_schema = R"({"type": "array", "minItems": 6, "items": {"type": "string",
      "maxLength": 5}})";
  call.tools = {{"note", R"({"type": "object", "properties": {"text": {"type": "string"},
      "at": {"type": "integer"}}, "required": ["text"]})", {}, {}}};
  int drafted = 0, accepted = 0;
  for (const char* name : {"llama", "nemotron_h"}) {
    const auto model = Engine::load(shared / "models" / (std::string(name) + ".gguf"), kPlain);
    std::string text;
    for (int i = 0; i < 30; ++i) text += R"(["ab", "ba", "aaaa", "b"] {"text": "a b a b a b c")";
    const std::vector<Token> prompt = model->tokenizer().encode(text, false);
    for (const engine::ConstraintSpec* spec : {&value, &call}) {
      for (const float temperature : {0.0f, 0.9f}) {
        INFO(name << " " << temperature);
        const auto plain = made(*model, engine::Drafts::none, temperature, prompt, spec);
        const auto lookup = made(*model, engine::Drafts::lookup, temperature, prompt, spec);
        CHECK(plain.tokens == lookup.tokens);
        CHECK(plain.text == lookup.text);
        CHECK(plain.finish == lookup.finish);
        drafted += lookup.drafted_count;
        accepted += lookup.accepted_count;
      }
    }
  }
  CHECK(drafted > 0);
  CHECK(accepted > 0);
}

TEST_CASE("a look-up takes what followed the longest match, and the latest of these") {
  using engine::look_up;
  const std::vector<Token> log{1, 2, 3, 4, 5, 9, 2, 3, 6, 7, 1, 2, 3};
  // "2 3 4" is there once; "3 4" as well, but shorter.
  CHECK(look_up(log, 4, 3) == std::vector<Token>{5, 9, 2});
  CHECK(look_up(log, 6, 2) == std::vector<Token>{7, 1});
  CHECK(look_up(log, 6, 10) == std::vector<Token>{7, 1, 2, 3});
  CHECK(look_up(log, 8, 3).empty());
  CHECK(look_up(log, 9, 3).empty());  // known, but not behind a 3
  CHECK(look_up(log, 4, 0).empty());
  CHECK(look_up({}, 4, 3).empty());
}

}  // namespace corvid::test
