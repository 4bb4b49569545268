// Operations of every backend against golden files and against the reference backend.

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/backends/common/dequantize.h"
#include "engine/backends/ops.h"
#include "runtime/base/error.h"
#include "tests/engine/random_model.h"
#include "tests/engine/support.h"

namespace corvid::test {
namespace {

using engine::Activation;
using engine::make_ops;
using engine::Matrix;
using engine::Ops;
using engine::TensorType;

struct NamedOps {
  std::string name;
  std::unique_ptr<Ops> ops;
};

// Every backend, and every level of the CPU's that this machine can run.
std::vector<NamedOps> all_ops() {
  std::vector<NamedOps> all;
  const auto add = [&all](const std::string& backend, const std::string& level, int threads) {
    all.push_back({backend + " " + level, make_ops(backend, {level, threads})});
  };
  add("reference", "", 1);
  for (const std::string& level : levels()) add("cpu", level, 1);
  add("cpu", "", 3);
  return all;
}

// Runs `run(first, rows)` over [0, total) in calls of at most `step` rows.
template <typename Run>
void in_steps(int64_t total, int64_t step, Run run) {
  for (int64_t first = 0; first < total; first += step) run(first, std::min(step, total - first));
}

struct DeltaCase {
  const char *b, *w, *g, *o, *state, *start;
};

// Spreads a per-head value over `width` channels where the file has one value per head.
std::vector<float> spread(const Array& array, int64_t width) {
  if (array.shape.size() == 3) return array.data;
  std::vector<float> wide;
  for (const float value : array.data) {
    wide.insert(wide.end(), static_cast<size_t>(width), value);
  }
  return wide;
}

void check_delta(Ops& ops, std::map<std::string, Array>& file, const DeltaCase& c, int64_t n,
                 int64_t step) {
  const int64_t heads = 2, dk = 16, dv = 24;
  std::vector<float> q = file.at("q").data;
  for (float& value : q) value *= 0.25f;  // 1 / sqrt(16) is part of the operator
  const std::vector<float> b = spread(file.at(c.b), dk), w = spread(file.at(c.w), dv),
                           g = spread(file.at(c.g), dk);
  std::vector<float> state(static_cast<size_t>(heads * dk * dv));
  if (*c.start != '\0') state = file.at(c.start).data;
  std::vector<float> o(static_cast<size_t>(n * heads * dv));
  in_steps(n, step, [&](int64_t first, int64_t rows) {
    const int64_t k_at = first * heads * dk, v_at = first * heads * dv;
    ops.delta({.q = q.data() + k_at, .k = file.at("k").data.data() + k_at, .g = g.data() + k_at,
               .b = b.data() + k_at, .v = file.at("v").data.data() + v_at, .w = w.data() + v_at,
               .o = o.data() + v_at, .state = state.data(), .rows = rows, .heads = heads,
               .value_heads = heads, .key_dim = dk, .value_dim = dv});
  });
  CHECK(max_difference(o, std::span(file.at(c.o).data).first(o.size())) < 2e-5f);
  CHECK(max_difference(state, file.at(c.state + std::to_string(n)).data) < 2e-5f);
}

void check_ssd(Ops& ops, std::map<std::string, Array>& file, bool from_zero, int64_t n,
               int64_t step) {
  const int64_t heads = 4, groups = 2, dim = 8, width = 16;
  // x, B and C side by side, as the convolution leaves them.
  const int64_t stride = heads * dim + 2 * groups * width;
  std::vector<float> xbc;
  for (int64_t t = 0; t < n; ++t) {
    for (const auto& [name, count] : {std::pair{"x", heads * dim}, {"B", groups * width},
                                      {"C", groups * width}}) {
      const float* row = file.at(name).data.data() + t * count;
      xbc.insert(xbc.end(), row, row + count);
    }
  }
  std::vector<float> state(static_cast<size_t>(heads * dim * width));
  if (!from_zero) state = file.at("S_0").data;
  std::vector<float> y(static_cast<size_t>(n * heads * dim));
  in_steps(n, step, [&](int64_t first, int64_t rows) {
    const float* x = xbc.data() + first * stride;
    ops.ssd({.x = x, .B = x + heads * dim, .C = x + heads * dim + groups * width, .stride = stride,
             .dt = file.at("dt").data.data() + first * heads, .a = file.at("A").data.data(),
             .d = file.at("D").data.data(), .y = y.data() + first * heads * dim,
             .state = state.data(), .rows = rows, .heads = heads, .groups = groups,
             .head_dim = dim, .state_dim = width});
  });
  const std::string zero = from_zero ? "_zero" : "";
  CHECK(max_difference(y, std::span(file.at("y" + zero).data).first(y.size())) < 2e-5f);
  CHECK(max_difference(state, file.at("S" + zero + "_" + std::to_string(n)).data) < 2e-5f);
}

constexpr int64_t kLengths[] = {1, 7, 64, 130};

}  // namespace

TEST_CASE("the delta rule agrees with its golden file, by step and in chunks") {
  const auto path = fixtures();
  if (path.empty()) return;
  auto file = read_npz(path / "ops/gdn2.npz");
  const DeltaCase cases[] = {
      {"b", "w", "g", "o", "S_", "S_0"},
      {"b", "w", "g", "o_zero", "S_zero_", ""},
      {"b_neg", "w", "g", "o_neg", "S_neg_", "S_0"},
      {"beta", "beta", "g", "o_kda", "S_kda_", "S_0"},
      {"beta", "beta", "g_scalar", "o_gdn", "S_gdn_", "S_0"},
  };
  for (const NamedOps& backend : all_ops()) {
    for (const DeltaCase& c : cases) {
      for (const int64_t n : kLengths) {
        for (const int64_t step : {int64_t{1}, int64_t{13}, int64_t{64}, n}) {
          INFO(backend.name << ", " << c.o << ", n = " << n << ", step " << step);
          check_delta(*backend.ops, file, c, n, step);
        }
      }
    }
  }
}

TEST_CASE("the Mamba-2 recurrence agrees with its golden file, by step and in chunks") {
  const auto path = fixtures();
  if (path.empty()) return;
  auto file = read_npz(path / "ops/mamba2_ssd.npz");
  for (const NamedOps& backend : all_ops()) {
    for (const bool from_zero : {false, true}) {
      for (const int64_t n : kLengths) {
        for (const int64_t step : {int64_t{1}, int64_t{13}, int64_t{64}, n}) {
          INFO(backend.name << ", zero " << from_zero << ", n = " << n << ", step " << step);
          check_ssd(*backend.ops, file, from_zero, n, step);
        }
      }
    }
  }
}

TEST_CASE("long chunks of strong and weak decays agree with the reference") {
  const auto backends = all_ops();
  const int64_t rows = 130, heads = 2, dk = 16, dv = 24, groups = 1, width = 16;
  const auto count = [](int64_t a, int64_t b, int64_t c) { return static_cast<size_t>(a * b * c); };
  for (const uint64_t seed : {1, 2, 3, 4}) {
    Random random(seed);
    // Most tokens keep nearly everything, some forget nearly everything: sums reach -500.
    const auto decays = [&random](size_t size) {
      std::vector<float> g(size);
      for (float& value : g) {
        value = random.next() < 0.4 ? random.between(-20, -5) : random.between(-0.02, 0);
      }
      return g;
    };
    const auto q = random.fill(count(rows, heads, dk), -0.4, 0.4);
    const auto k = random.fill(count(rows, heads, dk), -0.4, 0.4);
    const auto b = random.fill(count(rows, heads, dk), 0, 1), g = decays(q.size());
    const auto v = random.fill(count(rows, heads, dv), -2, 2);
    const auto w = random.fill(count(rows, heads, dv), 0, 1);
    const auto x = random.fill(count(rows, heads, dv), -2, 2);
    const auto B = random.fill(count(rows, groups, width), -0.5, 0.5);
    const auto C = random.fill(count(rows, groups, width), -0.5, 0.5);
    std::vector<float> dt = decays(count(rows, heads, 1));
    for (float& value : dt) value = -value;
    std::vector<float> xbc;
    for (int64_t t = 0; t < rows; ++t) {
      xbc.insert(xbc.end(), &x[count(t, heads, dv)], &x[count(t, heads, dv)] + heads * dv);
      xbc.insert(xbc.end(), &B[count(t, groups, width)], &B[count(t, groups, width)] + width);
      xbc.insert(xbc.end(), &C[count(t, groups, width)], &C[count(t, groups, width)] + width);
    }
    const std::vector<float> a(static_cast<size_t>(heads), -1), d(static_cast<size_t>(heads), 0.5f);
    std::vector<float> wanted, wanted_ssd;
    for (const NamedOps& backend : backends) {
      INFO(backend.name << " seed " << seed);
      std::vector<float> o(v.size()), y(x.size()), state(count(heads, dk, dv)),
          ssd_state(count(heads, dv, width));
      backend.ops->delta({.q = q.data(), .k = k.data(), .g = g.data(), .b = b.data(),
                          .v = v.data(), .w = w.data(), .o = o.data(), .state = state.data(),
                          .rows = rows, .heads = heads, .value_heads = heads, .key_dim = dk,
                          .value_dim = dv});
      const float* row = xbc.data();
      backend.ops->ssd({.x = row, .B = row + heads * dv, .C = row + heads * dv + width,
                        .stride = heads * dv + 2 * width, .dt = dt.data(), .a = a.data(),
                        .d = d.data(), .y = y.data(), .state = ssd_state.data(), .rows = rows,
                        .heads = heads, .groups = groups, .head_dim = dv, .state_dim = width});
      o.insert(o.end(), state.begin(), state.end());
      y.insert(y.end(), ssd_state.begin(), ssd_state.end());
      if (wanted.empty()) {
        wanted = o;
        wanted_ssd = y;
      }
      CHECK(max_difference(o, wanted) < 5e-6f);
      for (size_t i = 0; i < y.size(); ++i) {
        CHECK(y[i] == Approx(wanted_ssd[i]).epsilon(1e-5).margin(1e-4));
      }
    }
  }
}

TEST_CASE("matrix products agree with the reference and a row does not depend on the others") {
  Random random(3);
  const auto backends = all_ops();
  for (const TensorType type :
       {TensorType::f32, TensorType::f16, TensorType::bf16, TensorType::q8_0}) {
    for (const int64_t in : {1, 3, 8, 21, 32, 96, 160}) {
      if (in % engine::type_info(type).block_elements != 0) continue;
      for (const int64_t out : {1, 5, 8, 19}) {
        const int64_t rows = 11;
        const std::vector<float> plain = random.fill(static_cast<size_t>(in * out), -1, 1);
        Matrix w{type, in, out, nullptr, nullptr};
        std::vector<std::byte> packed(static_cast<size_t>(w.row_bytes() * out));
        engine::quantize_row(type, plain.data(), in * out, packed.data());
        w.data = packed.data();
        const std::vector<float> x = random.fill(static_cast<size_t>(in * rows), -1, 1);
        std::vector<float> wanted(static_cast<size_t>(rows * out)), all(wanted.size());
        backends[0].ops->matmul(w, x.data(), rows, wanted.data());
        for (const NamedOps& backend : backends) {
          INFO(backend.name << " " << engine::type_info(type).name << " " << in << "x" << out);
          backend.ops->matmul(w, x.data(), rows, all.data());
          CHECK(max_difference(all, wanted) < 2e-5f);
          for (const int64_t some : {1, 2, 3, 4, 7}) {
            std::vector<float> part(static_cast<size_t>(some * out));
            const int64_t first = rows - some;
            backend.ops->matmul(w, x.data() + first * in, some, part.data());
            CHECK(std::equal(part.begin(), part.end(), all.begin() + first * out));
          }
        }
      }
    }
  }
}

TEST_CASE("weighted sums of rows agree with the reference") {
  Random random(5);
  const auto backends = all_ops();
  for (const int64_t width : {1, 8, 16, 37}) {
    const int64_t rows = 9, count = 3;
    const std::vector<float> x = random.fill(static_cast<size_t>(rows * count * width), -2, 2);
    const std::vector<float> weights = random.fill(static_cast<size_t>(rows * count), -1, 1);
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < rows * count; ++i) {
      ids.push_back(static_cast<int32_t>(random.next() * static_cast<double>(rows * count)));
    }
    std::vector<float> wanted(static_cast<size_t>(rows * width)), y(wanted.size());
    const auto mix = [&](Ops& ops, std::vector<float>& to) {
      ops.mix({.x = x.data(), .ids = ids.data(), .weights = weights.data(), .y = to.data(),
               .rows = rows, .count = count, .width = width});
    };
    mix(*backends[0].ops, wanted);
    for (const NamedOps& backend : backends) {
      INFO(backend.name << " " << width);
      mix(*backend.ops, y);
      CHECK(max_difference(y, wanted) < 1e-6f);
    }
  }
}

TEST_CASE("elementwise operations agree with the reference at every length") {
  Random random(4);
  const auto backends = all_ops();
  for (const int64_t count : {1, 4, 7, 8, 15, 33}) {
    std::vector<float> x = random.fill(static_cast<size_t>(count), -30, 30);
    x[0] = 100;
    x.back() = -100;
    const std::vector<float> other = random.fill(static_cast<size_t>(count), -8, 8);
    for (const Activation kind : {Activation::silu, Activation::sigmoid, Activation::softplus,
                                  Activation::relu_squared}) {
      std::vector<float> wanted = x, wanted_gated = other;
      backends[0].ops->activate(kind, wanted.data(), count);
      backends[0].ops->gate(kind, x.data(), wanted_gated.data(), count);
      for (const NamedOps& backend : backends) {
        INFO(backend.name << " " << static_cast<int>(kind) << " " << count);
        std::vector<float> y = x, gated = other;
        backend.ops->activate(kind, y.data(), count);
        backend.ops->gate(kind, x.data(), gated.data(), count);
        for (size_t i = 0; i < y.size(); ++i) {
          CHECK(y[i] == Approx(wanted[i]).epsilon(1e-5).margin(1e-7));
          CHECK(gated[i] == Approx(wanted_gated[i]).epsilon(1e-5).margin(1e-6));
        }
      }
    }
  }
}

TEST_CASE("kernels take what is below the normal numbers for zero, and the caller's are left") {
  const float small = std::numeric_limits<float>::denorm_min() * 1000;
  const int64_t count = 40;
  for (const NamedOps& backend : all_ops()) {
    if (backend.name.rfind("cpu", 0) != 0) continue;
    INFO(backend.name);
    const std::vector<float> x(count, small);
    std::vector<float> y(count, small);
    backend.ops->add(x.data(), y.data(), count);
    CHECK(y == std::vector<float>(count, 0.0f));
    volatile float mine = small;
    CHECK(mine + mine == 2 * small);
  }
}

// Keys and values of `total` positions in pages, and queries of the last `rows`.
struct AttentionCase {
  TensorType type;
  int64_t total, rows, heads, kv_heads, key_dim, value_dim, window, page_tokens;
  bool causal;
};

TEST_CASE("attention agrees with the reference and a row does not depend on the others") {
  const TensorType f32 = TensorType::f32, f16 = TensorType::f16, q8 = TensorType::q8_0;
  const AttentionCase cases[] = {
      {f32, 1, 1, 1, 1, 8, 8, 0, 64, true},        {f32, 150, 70, 4, 2, 24, 40, 0, 64, true},
      {f32, 33, 33, 6, 2, 20, 12, 0, 33, false},   {f16, 200, 131, 8, 2, 32, 48, 0, 64, true},
      {f16, 300, 90, 3, 3, 17, 33, 50, 64, true},  {f16, 130, 2, 16, 1, 64, 32, 0, 64, true},
      {q8, 190, 65, 4, 1, 64, 32, 0, 64, true},    {q8, 129, 1, 5, 5, 32, 96, 7, 64, true}};
  const std::vector<NamedOps> backends = all_ops();
  for (const AttentionCase& c : cases) {
    Random random(static_cast<uint64_t>(c.total * 7 + c.rows));
    const auto draw = [&random](int64_t count) {
      return random.fill(static_cast<size_t>(count), -2, 2);
    };
    const auto& type = engine::type_info(c.type);
    const auto bytes = [&](int64_t count) { return count / type.block_elements * type.block_bytes; };
    const int64_t key_width = c.kv_heads * c.key_dim, value_width = c.kv_heads * c.value_dim;
    const int64_t page_bytes = bytes(c.page_tokens * (key_width + value_width));
    std::vector<std::vector<std::byte>> pages;
    std::vector<std::byte*> page_at;
    for (int64_t t = 0; t < c.total; ++t) {
      if (t % c.page_tokens == 0) pages.emplace_back(static_cast<size_t>(page_bytes));
      std::byte* const page = pages.back().data();
      const int64_t slot = t % c.page_tokens;
      engine::quantize_row(c.type, draw(key_width).data(), key_width,
                           page + bytes(slot * key_width));
      engine::quantize_row(c.type, draw(value_width).data(), value_width,
                           page + bytes(c.page_tokens * key_width + slot * value_width));
    }
    for (auto& page : pages) page_at.push_back(page.data());
    const std::vector<float> q = draw(c.rows * c.heads * c.key_dim);
    const auto run = [&](Ops& ops, int64_t step) {
      std::vector<float> y(static_cast<size_t>(c.rows * c.heads * c.value_dim));
      in_steps(c.rows, step, [&](int64_t first, int64_t rows) {
        ops.attention({.q = q.data() + first * c.heads * c.key_dim,
                       .y = y.data() + first * c.heads * c.value_dim, .rows = rows,
                       .first_position = c.total - c.rows + first, .heads = c.heads,
                       .kv_heads = c.kv_heads, .key_dim = c.key_dim, .value_dim = c.value_dim,
                       .window = c.window, .scale = 0.3f, .causal = c.causal, .pages = page_at,
                       .page_tokens = c.page_tokens, .kv_type = c.type,
                       .value_offset = bytes(c.page_tokens * key_width)});
      });
      return y;
    };
    const std::vector<float> wanted = run(*backends[0].ops, c.rows);
    std::vector<std::vector<float>> all;
    for (const NamedOps& backend : backends) {
      INFO(backend.name << " " << type.name << " " << c.total);
      const std::vector<float> y = run(*backend.ops, c.rows);
      for (size_t i = 0; i < y.size(); ++i) CHECK(y[i] == Approx(wanted[i]).margin(2e-5));
      if (c.causal) CHECK(run(*backend.ops, 1) == y);
      if (c.causal) CHECK(run(*backend.ops, 7) == y);
      all.push_back(y);
    }
    if (!c.causal || c.type == q8) continue;
    // What the last row alone sees is NaN or infinite.
    const std::vector<float> nan(static_cast<size_t>(key_width), NAN);
    const std::vector<float> infinite(static_cast<size_t>(value_width), INFINITY);
    std::byte* const slot = pages.back().data();
    const int64_t last = (c.total - 1) % c.page_tokens;
    engine::quantize_row(c.type, nan.data(), key_width, slot + bytes(last * key_width));
    engine::quantize_row(c.type, infinite.data(), value_width,
                         slot + bytes(c.page_tokens * key_width + last * value_width));
    for (size_t i = 0; i < backends.size(); ++i) {
      INFO(backends[i].name << " " << type.name << " " << c.total);
      const std::vector<float> y = run(*backends[i].ops, c.rows);
      const auto seen = y.end() - c.heads * c.value_dim;
      CHECK(std::equal(y.begin(), seen, all[i].begin()));
      CHECK(std::none_of(seen, y.end(), [](float value) { return std::isfinite(value); }));
    }
  }
}

TEST_CASE("an unknown backend or CPU level is an error that lists the known ones") {
  CHECK_THROWS_WITH(make_ops("gpu", {}), "unknown backend 'gpu'; known: cpu reference");
  CHECK_THROWS_WITH(make_ops("cpu", {"avx9", 1}),
                    Catch::StartsWith("unknown CPU level 'avx9'; known: scalar"));
}

}  // namespace corvid::test
