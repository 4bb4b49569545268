// Vector kernels for the instruction set that is there, shared out over threads.

#include <algorithm>
#include <cstdint>

#include "engine/backends/common/plain_ops.h"
#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/products.h"
#include "engine/backends/cpu/workers.h"
#include "engine/backends/ops.h"
#include "engine/threads.h"

namespace corvid::engine {
namespace {

constexpr int64_t kElements = 256;  // of such work that stay together: whole vectors

class CpuOps final : public Ops {
 public:
  explicit CpuOps(const OpsOptions& options)
      : kernels_(find_kernels(options.cpu_level)),
        workers_(thread_count(options.thread_count)),
        products_(kernels_, workers_, options.int8_activations) {}

  std::string description() const override {
    return "cpu " + std::string(kernels_.name) + ", " + std::to_string(workers_.thread_count()) +
           " threads";
  }

  void matmuls(std::span<const Product> products) override { products_.run(products); }

  void mix(const MixArgs& args) override {
    share(args.rows * args.count * args.width, args.rows, 1,
          [&](int, int64_t begin, int64_t end) { kernels_.mix(args, begin, end); });
  }

  void gather(const Matrix& w, std::span<const int32_t> ids, float* y) override {
    plain_gather(w, ids, y);
  }

  void norm(const NormArgs& args) override {
    share(kSlow * args.rows * args.width, args.rows, args.weight_rows,
          [&](int, int64_t begin, int64_t end) {
            NormArgs part = args;
            part.x += begin * args.width;
            part.y += begin * args.width;
            part.rows = end - begin;
            kernels_.norm(part);
          });
  }

  void rope(const RopeArgs& args) override { plain_rope(args); }

  void add(const float* x, float* y, int64_t count) override {
    share(kSlow * count, count, kElements, [&](int, int64_t begin, int64_t end) {
      kernels_.add(x + begin, y + begin, end - begin);
    });
  }

  void activate(Activation kind, float* x, int64_t count) override {
    share(2 * kSlow * count, count, kElements, [&](int, int64_t begin, int64_t end) {
      kernels_.activate(kind, x + begin, end - begin);
    });
  }

  void gate(Activation kind, const float* gate, float* x, int64_t count) override {
    share(2 * kSlow * count, count, kElements, [&](int, int64_t begin, int64_t end) {
      kernels_.gate(kind, gate + begin, x + begin, end - begin);
    });
  }

  void affine(const float* scale, const float* bias, float* x, int64_t rows,
              int64_t width) override {
    kernels_.affine(scale, bias, x, rows, width);
  }

  void attention(const AttentionArgs& args) override {
    const int64_t group = args.heads / args.kv_heads;
    int64_t heads = std::min(group, kAttentionQueries);
    const int64_t rows = std::max<int64_t>(1, kAttentionQueries / heads);
    const int64_t blocks = (args.rows + rows - 1) / rows;
    // Fewer heads in a part where threads would be idle.
    while (heads > 1 && blocks * args.kv_heads * ((group + heads - 1) / heads) <
                            workers_.thread_count()) {
      heads = (heads + 1) / 2;
    }
    const int64_t splits = (group + heads - 1) / heads, parts = args.kv_heads * splits;
    workers_.reserve(attention_scratch(args, heads * rows));
    const AttentionSpan all = attention_span(args, 0, args.rows);
    share(args.rows * args.heads * (all.end - all.first) * (args.key_dim + args.value_dim),
          blocks * parts, 1, [&](int worker, int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
              const int64_t row = i / parts * rows, split = i % parts % splits;
              const int64_t head = i % parts / splits * group + split * heads;
              kernels_.attention(args,
                                 {row, std::min(rows, args.rows - row), head,
                                  std::min(heads, group - split * heads)},
                                 workers_.scratch(worker));
            }
          });
  }

  void conv(const ConvArgs& args) override {
    share(2 * kSlow * args.rows * args.channels, args.channels, kElements,
          [&](int, int64_t begin, int64_t end) { kernels_.conv(args, begin, end); });
  }

  void delta(const DeltaArgs& args) override {
    workers_.reserve(delta_scratch(args));
    share(4 * args.rows * args.value_heads * args.key_dim * args.value_dim, args.heads, 1,
          [&](int worker, int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) kernels_.delta(args, i, workers_.scratch(worker));
          });
  }

  void ssd(const SsdArgs& args) override {
    workers_.reserve(ssd_scratch(args));
    share(4 * args.rows * args.heads * args.head_dim * args.state_dim, args.groups, 1,
          [&](int worker, int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) kernels_.ssd(args, i, workers_.scratch(worker));
          });
  }

 private:
  template <typename Body>
  void share(int64_t work, int64_t count, int64_t grain, const Body& body) {
    workers_.share(work, count, grain, body);
  }

  const Kernels& kernels_;
  Workers workers_;
  Products products_;
};

}  // namespace

std::unique_ptr<Ops> make_cpu(const OpsOptions& options) {
  return std::make_unique<CpuOps>(options);
}

}  // namespace corvid::engine
