// Vector kernels for the instruction set that is there, shared out over threads.

#include <algorithm>
#include <thread>
#include <vector>

#include "engine/backends/common/plain_ops.h"
#include "engine/backends/common/weight_groups.h"
#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/thread_pool.h"
#include "engine/backends/ops.h"

namespace corvid::engine {
namespace {

// Multiplications below which waking the threads costs more than it gives.
constexpr int64_t kParallelWork = 1 << 20;
constexpr int kThreadsMax = 256;

int thread_count(int asked) {
  if (asked <= 0) asked = static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(asked, 1, kThreadsMax);
}

class CpuOps final : public Ops {
 public:
  explicit CpuOps(const OpsOptions& options)
      : kernels_(find_kernels(options.cpu_level)),
        pool_(thread_count(options.thread_count)),
        scratch_(static_cast<size_t>(pool_.thread_count())),
        int8_activations_(options.int8_activations) {}

  std::string description() const override {
    return "cpu " + std::string(kernels_.name) + ", " + std::to_string(pool_.thread_count()) +
           " threads";
  }

  void matmul(const Matrix& w, const float* x, int64_t rows, float* y) override {
    if (int8_activations_ && find_unpack(w.type) != nullptr) return int8_matmul(w, x, rows, y);
    const int64_t scratch_floats = matmul_scratch(w);
    const bool direct = scratch_floats > 0 && kernels_.quantized_matmul != nullptr;
    if (!direct) reserve(scratch_floats);
    share(w.in * w.out * rows, w.out, kColumns, [&](int worker, int64_t begin, int64_t end) {
      if (direct) return kernels_.quantized_matmul({w, x, rows, y}, begin, end);
      kernels_.matmul({w, x, rows, y}, begin, end, scratch(worker));
    });
  }

  void gather(const Matrix& w, std::span<const int32_t> ids, float* y) override {
    plain_gather(w, ids, y);
  }

  void norm(const NormArgs& args) override { kernels_.norm(args); }
  void rope(const RopeArgs& args) override { plain_rope(args); }
  void add(const float* x, float* y, int64_t count) override { kernels_.add(x, y, count); }

  void activate(Activation kind, float* x, int64_t count) override {
    kernels_.activate(kind, x, count);
  }

  void gate(Activation kind, const float* gate, float* x, int64_t count) override {
    kernels_.gate(kind, gate, x, count);
  }

  void affine(const float* scale, const float* bias, float* x, int64_t rows,
              int64_t width) override {
    kernels_.affine(scale, bias, x, rows, width);
  }

  void attention(const AttentionArgs& args) override {
    const int64_t length = attention_scratch(args);
    reserve(length);
    share(args.rows * args.heads * length * (args.key_dim + args.value_dim),
          args.rows * args.heads, 1, [&](int worker, int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
              kernels_.attention(args, i / args.heads, i % args.heads, scratch(worker));
            }
          });
  }

  void conv(const ConvArgs& args) override { kernels_.conv(args); }

  void delta(const DeltaArgs& args) override {
    reserve(delta_scratch(args));
    share(4 * args.rows * args.value_heads * args.key_dim * args.value_dim, args.heads, 1,
          [&](int worker, int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) kernels_.delta(args, i, scratch(worker));
          });
  }

  void ssd(const SsdArgs& args) override {
    reserve(ssd_scratch(args));
    share(4 * args.rows * args.heads * args.head_dim * args.state_dim, args.groups, 1,
          [&](int worker, int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) kernels_.ssd(args, i, scratch(worker));
          });
  }

 private:
  void int8_matmul(const Matrix& w, const float* x, int64_t rows, float* y) {
    rounded_.round(x, rows, w.in);
    share(w.in * w.out * rows, w.out, kColumns, [&](int, int64_t begin, int64_t end) {
      kernels_.int8_matmul({w, rounded_.view(), rows, y}, begin, end);
    });
  }

  template <typename Body>
  void share(int64_t work, int64_t count, int64_t grain, const Body& body) {
    if (work < kParallelWork) return body(0, 0, count);
    pool_.run(count, grain, body);
  }

  // Room for every thread, made before the threads start.
  void reserve(int64_t floats) {
    for (std::vector<float>& block : scratch_) {
      if (static_cast<int64_t>(block.size()) < floats) block.resize(static_cast<size_t>(floats));
    }
  }
  float* scratch(int worker) { return scratch_[static_cast<size_t>(worker)].data(); }

  const Kernels& kernels_;
  ThreadPool pool_;
  std::vector<std::vector<float>> scratch_;
  RoundedBuffer rounded_;
  bool int8_activations_;
};

}  // namespace

std::unique_ptr<Ops> make_cpu(const OpsOptions& options) {
  return std::make_unique<CpuOps>(options);
}

}  // namespace corvid::engine
