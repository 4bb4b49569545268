// Vector kernels for the instruction set that is there, shared out over threads.

#include <algorithm>
#include <cstdint>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include "engine/backends/common/plain_ops.h"
#include "engine/backends/common/weight_groups.h"
#include "engine/backends/cpu/denormals.h"
#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/thread_pool.h"
#include "engine/backends/ops.h"
#include "engine/threads.h"

namespace corvid::engine {
namespace {

// Multiplications below which waking the threads costs more than it gives.
constexpr int64_t kParallelWork = 1 << 20;
constexpr int64_t kSlow = 16;       // multiplications that an element of other work is worth
constexpr int64_t kElements = 256;  // of such work that stay together: whole vectors
constexpr int64_t kPieceBytes = int64_t{16} << 20;  // of a file that are packed at a time

// Rows of rounded activations that stay in a thread's cache while all panels pass by.
int64_t block_rows(int64_t in) {
  constexpr int64_t kBlockBytes = 192 << 10;
  return std::max<int64_t>(1, kBlockBytes / (in * kTileRows)) * kTileRows;
}

// Whole pages of the file under rows [begin, end) leave this process's memory; who reads them gets
// them again.
void give_back(const Matrix& w, int64_t begin, int64_t end) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto data = reinterpret_cast<uintptr_t>(w.data);
  const auto place = [&](int64_t row) {
    return data + static_cast<uintptr_t>(w.row_bytes() * std::min(row, w.out));
  };
  const uintptr_t first = (place(begin) + page - 1) / page * page, last = place(end) / page * page;
  if (first < last) (void)::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
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
    if (int8_activations_ && find_unpack(w.type) != nullptr) {
      if (w.slot && kernels_.packed_matmul != nullptr && can_pack(w)) {
        return packed_matmul(pack(w), x, rows, y);
      }
      return int8_matmul(w, x, rows, y);
    }
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
                            pool_.thread_count()) {
      heads = (heads + 1) / 2;
    }
    const int64_t splits = (group + heads - 1) / heads, parts = args.kv_heads * splits;
    reserve(attention_scratch(args, heads * rows));
    const AttentionSpan all = attention_span(args, 0, args.rows);
    share(args.rows * args.heads * (all.end - all.first) * (args.key_dim + args.value_dim),
          blocks * parts, 1, [&](int worker, int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
              const int64_t row = i / parts * rows, split = i % parts % splits;
              const int64_t head = i % parts / splits * group + split * heads;
              kernels_.attention(args,
                                 {row, std::min(rows, args.rows - row), head,
                                  std::min(heads, group - split * heads)},
                                 scratch(worker));
            }
          });
  }

  void conv(const ConvArgs& args) override {
    share(2 * kSlow * args.rows * args.channels, args.channels, kElements,
          [&](int, int64_t begin, int64_t end) { kernels_.conv(args, begin, end); });
  }

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

  const PackedMatrix& pack(const Matrix& w) {
    if (w.slot->packed == nullptr) {
      const auto packed = make_packed(w, packed_memory_);
      // Piece by piece, so that the file's pages and what is made of them are not both there.
      const int64_t panels = packed->rows == nullptr ? packed->panels : 0;
      const int64_t piece = std::max<int64_t>(1, kPieceBytes / (w.row_bytes() * kPanel));
      for (int64_t first = 0; first < panels; first += piece) {
        const int64_t count = std::min(piece, panels - first);
        share(w.in * kPanel * count, count, 1, [&](int, int64_t begin, int64_t end) {
          pack_panels(w, *packed, first + begin, first + end);
        });
        if (w.slot->source_is_file) give_back(w, first * kPanel, (first + count) * kPanel);
      }
      w.slot->packed = packed;
    }
    return *w.slot->packed;
  }

  void packed_matmul(const PackedMatrix& w, const float* x, int64_t rows, float* y) {
    const PackedShape shape = packed_shape(w.type);
    const TiledRows tiles = tiled_.reserve(rows, w.in, shape.halves);
    const RoundTilesArgs round{x, rows, w.in, shape, tiles};
    share(kSlow * rows * w.in, rows, 1, [&](int, int64_t begin, int64_t end) {
      kernels_.round_tiles(round, begin, end);
    });
    const int64_t block = block_rows(w.in), blocks = (rows + block - 1) / block;
    share(w.in * w.out * rows, blocks * w.panels, 1, [&](int, int64_t begin, int64_t end) {
      while (begin < end) {
        const int64_t row = begin / w.panels * block, panel = begin % w.panels;
        const int64_t count = std::min(end - begin, w.panels - panel);
        kernels_.packed_matmul({w, tiles, rows, row, std::min(rows, row + block), y}, panel,
                               panel + count);
        begin += count;
      }
    });
  }

  template <typename Body>
  void share(int64_t work, int64_t count, int64_t grain, const Body& body) {
    const auto part = [&body](int worker, int64_t begin, int64_t end) {
      const DenormalsAreZero guard;
      body(worker, begin, end);
    };
    if (work < kParallelWork) return part(0, 0, count);
    pool_.run(count, grain, part);
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
  TiledBuffer tiled_;
  PackedMemory packed_memory_;
  bool int8_activations_;
};

}  // namespace

std::unique_ptr<Ops> make_cpu(const OpsOptions& options) {
  return std::make_unique<CpuOps>(options);
}

}  // namespace corvid::engine
