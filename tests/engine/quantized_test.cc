// Products with quantized weights, exact and with activations rounded to 8 bits.

#include <cmath>

#include "engine/backends/cpu/packed.h"
#include "engine/backends/ops.h"
#include "runtime/base/error.h"
#include "tests/engine/random_weights.h"
#include "tests/engine/support.h"

namespace corvid::test {
namespace {

using engine::make_ops;
using engine::Matrix;
using engine::TensorType;

void check_product(const Matrix& w, const std::vector<float>& x, int64_t rows, bool int8) {
  std::vector<float> wanted(static_cast<size_t>(rows * w.out)), y(wanted.size());
  make_ops("reference", {"", 1, int8})->matmul(w, x.data(), rows, wanted.data());
  float largest = 0;
  for (const float value : wanted) largest = std::max(largest, std::fabs(value));
  Matrix in_slot = w;  // which a backend may keep in a form of its own
  for (const std::string& level : levels()) {
    const auto ops = make_ops("cpu", {level, 2, int8});
    for (const bool slot : {false, true}) {
      if (slot && !int8) continue;
      in_slot.slot = slot ? std::make_shared<engine::PackedSlot>() : nullptr;
      INFO(level << " " << engine::type_info(w.type).name << " " << w.in << "x" << w.out
                 << " rows " << rows << " int8 " << int8 << " slot " << slot);
      ops->matmul(in_slot, x.data(), rows, y.data());
      CHECK(max_difference(y, wanted) < 3e-6f * (1 + largest));
      for (int64_t some = 1; some < rows; some += 3) {  // a row does not depend on the others
        std::vector<float> part(static_cast<size_t>(some * w.out));
        ops->matmul(in_slot, x.data() + (rows - some) * w.in, some, part.data());
        CHECK(std::equal(part.begin(), part.end(), y.end() - some * w.out));
      }
    }
  }
}

}  // namespace

TEST_CASE("products with every quantized type agree with the reference") {
  Random random(6);
  for (const TensorType type : quantized_types()) {
    const int64_t block = engine::type_info(type).block_elements;
    for (const int64_t in : {block, 3 * block}) {
      for (const int64_t out : {1, 8, 37}) {
        const std::vector<std::byte> packed = random_weights(type, in * out, random);
        const Matrix w{type, in, out, packed.data(), nullptr};
        const std::vector<float> x = random.fill(static_cast<size_t>(in * 29), -1, 1);
        for (const int64_t rows : {1, 29}) {
          for (const bool int8 : {false, true}) check_product(w, x, rows, int8);
        }
      }
    }
  }
}

TEST_CASE("several products at once are what each of them is alone, bit for bit") {
  Random random(9);
  const int64_t in = 256, rows = 40;
  const std::vector<float> x = random.fill(static_cast<size_t>(in * rows), -1, 1);
  std::vector<std::vector<std::byte>> bytes;
  std::vector<Matrix> weights;
  for (const TensorType type : {TensorType::q4_k, TensorType::q4_k, TensorType::q6_k,
                                TensorType::q2_k, TensorType::q8_0, TensorType::f32}) {
    for (const int64_t out : {5, 24, 100}) {
      if (type == TensorType::f32) {
        const std::vector<float> plain = random.fill(static_cast<size_t>(in * out), -1, 1);
        const auto* raw = reinterpret_cast<const std::byte*>(plain.data());
        bytes.emplace_back(raw, raw + plain.size() * sizeof(float));
      } else {
        bytes.push_back(random_weights(type, in * out, random));
      }
      const auto slot = out == 24 ? nullptr : std::make_shared<engine::PackedSlot>();
      weights.push_back({type, in, out, bytes.back().data(), slot});
    }
  }
  // Every second product takes rows by name, some of them twice.
  const std::vector<int32_t> named = {39, 0, 7, 7, 12, 1, 39, 20, 21, 22, 23, 24, 25, 3, 2};
  std::vector<float> chosen;
  for (const int32_t row : named) chosen.insert(chosen.end(), &x[row * in], &x[row * in] + in);
  const auto run = [&](engine::Ops& ops, bool together) {
    std::vector<std::vector<float>> y;
    std::vector<engine::Product> products;
    for (size_t i = 0; i < weights.size(); ++i) {
      const bool by_name = i % 2 == 1;
      const int64_t count = by_name ? static_cast<int64_t>(named.size()) : rows;
      y.emplace_back(static_cast<size_t>(count * weights[i].out));
      products.push_back({&weights[i], x.data(), count, y.back().data(), {}});
      if (by_name) products.back().from = named;
      if (!together) {
        ops.matmul(weights[i], by_name ? chosen.data() : x.data(), count, y.back().data());
      }
    }
    if (together) ops.matmuls(products);
    return y;
  };
  for (const bool int8 : {false, true}) {
    const auto reference = make_ops("reference", {"", 1, int8});
    CHECK(run(*reference, true) == run(*reference, false));
    for (const std::string& level : levels()) {
      for (const int threads : {1, 3}) {
        INFO(level << " int8 " << int8 << " threads " << threads);
        const auto ops = make_ops("cpu", {level, threads, int8});
        for (Matrix& w : weights) {
          if (w.slot) w.slot = std::make_shared<engine::PackedSlot>();
        }
        CHECK(run(*ops, true) == run(*ops, false));
      }
    }
  }
}

TEST_CASE("the largest weights and activations overflow no 8-bit product") {
  for (const TensorType type : quantized_types()) {
    const int64_t in = 256, out = 9;
    const engine::TypeInfo& info = engine::type_info(type);
    Random random(7);
    std::vector<std::byte> packed = random_weights(type, in * out, random);
    for (const uint8_t fill : {0x00, 0x7f, 0x80, 0xff}) {
      std::fill(packed.begin(), packed.end(), static_cast<std::byte>(fill));
      for (size_t at = 0; at < packed.size(); at += static_cast<size_t>(info.block_bytes)) {
        set_block_scales(type, packed.data() + at, random);
      }
      std::vector<float> x(static_cast<size_t>(in), 1.0f);
      for (size_t i = 0; i < x.size(); i += 3) x[i] = -1;
      for (size_t i = 0; i < x.size() / 2; ++i) x[i] = 1;
      check_product({type, in, out, packed.data(), nullptr}, x, 1, true);
    }
  }
}

TEST_CASE("activations that are all zero give zero") {
  Random random(8);
  const std::vector<float> x(256);
  for (const TensorType type : quantized_types()) {
    const std::vector<std::byte> packed = random_weights(type, 256 * 9, random);
    check_product({type, 256, 9, packed.data(), nullptr}, x, 1, true);
  }
}

TEST_CASE("activations that are infinite, NaN or tiny give NaN or zero, in their row alone") {
  Random random(10);
  const int64_t in = 256, out = 9, rows = 13;
  for (const TensorType type : quantized_types()) {
    const std::vector<std::byte> packed = random_weights(type, in * out, random);
    for (const float odd : {NAN, INFINITY, -INFINITY, 1e-38f, -1e-40f}) {
      std::vector<float> x = random.fill(static_cast<size_t>(in * rows), -1, 1);
      std::fill_n(x.begin() + 5 * in, in, 0.0f);
      x[static_cast<size_t>(5 * in + 70)] = odd;
      const auto check = [&](const char* backend, const std::string& level, bool slot) {
        INFO(backend << " " << level << " " << engine::type_info(type).name << " " << odd);
        const Matrix w{type, in, out, packed.data(),
                       slot ? std::make_shared<engine::PackedSlot>() : nullptr};
        std::vector<float> y(static_cast<size_t>(rows * out));
        make_ops(backend, {level, 1, true})->matmul(w, x.data(), rows, y.data());
        for (size_t i = 0; i < y.size(); ++i) {
          if (i / out != 5) CHECK(std::isfinite(y[i]));
          else if (std::isfinite(odd)) CHECK(std::fabs(y[i]) < 1e-30f);
          else CHECK(std::isnan(y[i]));
        }
      };
      check("reference", "", false);
      for (const std::string& level : levels()) {
        for (const bool slot : {false, true}) check("cpu", level, slot);
      }
    }
  }
}

TEST_CASE("models with 8-bit activations stay as close to the exact logits as the peer's") {
  const auto path = fixtures();
  if (path.empty()) return;
  for (const Json& entry : parse_json(read_file(path / "index.json"), "index.json")) {
    const std::string name = entry.at("name");
    const bool quantized = name.find("Q") != name.npos;
    if (!quantized || !entry.contains("ideal_vs_llama_cpp")) continue;
    const Array ideal = read_npy(path / "logits" / (name + ".ideal.npy"));
    const Json golden = parse_json(read_file(path / "logits" / (name + ".json")), name);
    const auto tokens = golden.at("tokens").get<std::vector<Token>>();
    for (const std::string& level : levels()) {
      EngineOptions options;
      options.cpu_level = level;
      options.thread_count = 2;
      options.int8_activations = true;
      const auto model = Engine::load(path / "models" / (name + ".gguf"), options);
      const auto sequence = model->open();
      const std::vector<float> logits = append(*model, *sequence, tokens, true);
      // The median position: where an expert flips, a whole position moves.
      std::vector<double> errors;
      const size_t width = logits.size() / tokens.size();
      for (size_t row = 0; row < tokens.size(); ++row) {
        double error = 0, size = 0;
        for (size_t i = row * width; i < (row + 1) * width; ++i) {
          error += std::pow(double(logits[i]) - ideal.data[i], 2);
          size += std::pow(double(ideal.data[i]), 2);
        }
        errors.push_back(error / size);
      }
      std::nth_element(errors.begin(), errors.begin() + 36, errors.end());
      INFO(name << " " << level);
      CHECK(errors[36] <= entry.at("ideal_vs_llama_cpp").at("nmse").get<double>());
    }
  }
}

}  // namespace corvid::test
