#include "engine/backends/cpu/products.h"

#include <algorithm>
#include <cstdint>

#include <sys/mman.h>
#include <unistd.h>

namespace corvid::engine {
namespace {

constexpr int64_t kPieceBytes = int64_t{16} << 20;  // of a file that are packed at a time

// Rows of rounded activations that stay in a thread's cache while all panels pass by.
int64_t block_rows(int64_t in) {
  constexpr int64_t kBlockBytes = 192 << 10;
  return std::max<int64_t>(1, kBlockBytes / (in * kTileRows)) * kTileRows;
}

int64_t parts_of(int64_t count, int64_t size) { return (count + size - 1) / size; }

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

// Calls f(part, begin, end) for what the parts have of the units [begin, end).
template <class Part, class F>
void for_units(const std::vector<Part>& parts, int64_t begin, int64_t end, F f) {
  for (const Part& part : parts) {
    const int64_t from = std::max(begin, part.first), to = std::min(end, part.first + part.count);
    if (from < to) f(part, from - part.first, to - part.first);
  }
}

bool same_rounding(const PackedShape& a, const PackedShape& b) {
  return a.halves == b.halves && a.has_min == b.has_min && a.offset == b.offset;
}

}  // namespace

Products::Kind Products::kind_of(const Matrix& w) const {
  const bool is_quantized = find_unpack(w.type) != nullptr;
  if (int8_activations_ && is_quantized) {
    const bool packs = w.slot && kernels_.packed_matmul != nullptr && can_pack(w);
    return packs ? Kind::packed : Kind::int8;
  }
  const bool direct = matmul_scratch(w) > 0 && kernels_.quantized_matmul != nullptr;
  return direct ? Kind::quantized : Kind::plain;
}

void Products::pack(const Matrix& w) {
  if (w.slot->packed != nullptr) return;
  const auto packed = make_packed(w, packed_memory_);
  // Piece by piece, so that the file's pages and what is made of them are not both there.
  const int64_t panels = packed->panels;
  const int64_t piece = std::max<int64_t>(1, kPieceBytes / (w.row_bytes() * kPanel));
  for (int64_t first = 0; first < panels; first += piece) {
    const int64_t count = std::min(piece, panels - first);
    workers_.share(w.in * kPanel * count, count, 1, [&](int, int64_t begin, int64_t end) {
      pack_panels(w, *packed, first + begin, first + end);
    });
    if (w.slot->source_is_file) give_back(w, first * kPanel, (first + count) * kPanel);
  }
  w.slot->packed = packed;
}

size_t Products::find_input(const Product& product, Kind kind) {
  const PackedShape shape = packed_shape(product.w->type);
  if (!inputs_.empty()) {
    const Input& last = inputs_.back();
    const Product& other = *last.product;
    if (kind == last.kind && product.x == other.x && product.rows == other.rows &&
        product.from.data() == other.from.data() && product.w->in == other.w->in &&
        (kind != Kind::packed || same_rounding(shape, last.shape))) {
      return inputs_.size() - 1;
    }
  }
  Input input;
  input.product = &product;
  input.kind = kind;
  input.shape = shape;
  const bool as_it_is = kind != Kind::packed && kind != Kind::int8 && product.from.empty();
  input.count = as_it_is ? 0 : product.rows;
  inputs_.push_back(input);
  return inputs_.size() - 1;
}

void Products::plan(std::span<const Product> products) {
  inputs_.clear();
  steps_.clear();
  int64_t rows = 0, units = 0, scratch = 0, values[4] = {};
  for (const Product& product : products) {
    const Matrix& w = *product.w;
    Step step;
    step.product = &product;
    step.kind = kind_of(w);
    step.input = find_input(product, step.kind);
    step.first = units;
    if (step.kind == Kind::packed) {
      pack(w);
      step.block = block_rows(w.in);
      step.count = parts_of(product.rows, step.block) * w.slot->packed->panels;
    } else {
      step.count = parts_of(w.out, kColumns);
      if (step.kind == Kind::plain) scratch = std::max(scratch, matmul_scratch(w));
    }
    units += step.count;
    steps_.push_back(step);
  }
  for (Input& input : inputs_) {
    input.first = rows;
    rows += input.count;
    int64_t& at = values[static_cast<size_t>(input.kind)];
    input.at = at;
    at += input.count * input.product->w->in;
  }
  tiled_.reserve(values[static_cast<size_t>(Kind::packed)]);
  rounded_.reserve(values[static_cast<size_t>(Kind::int8)]);
  const int64_t gathered = values[static_cast<size_t>(Kind::quantized)];
  for (Input& input : inputs_) {
    if (input.kind == Kind::plain) input.at += gathered;
  }
  gathered_.resize(static_cast<size_t>(gathered + values[static_cast<size_t>(Kind::plain)]));
  workers_.reserve(scratch);
}

void Products::run(std::span<const Product> products) {
  if (products.empty()) return;
  plan(products);
  int64_t rounding = 0, work = 0;
  for (const Input& input : inputs_) rounding += kSlow * input.count * input.product->w->in;
  for (const Product& product : products) work += product.rows * product.w->in * product.w->out;
  workers_.share(rounding, inputs_.back().first + inputs_.back().count, 1,
                 [&](int, int64_t begin, int64_t end) {
                   for_units(inputs_, begin, end, [this](const Input& input, int64_t b, int64_t e) {
                     prepare(input, b, e);
                   });
                 });
  workers_.share(work, steps_.back().first + steps_.back().count, 1,
                 [&](int worker, int64_t begin, int64_t end) {
                   for_units(steps_, begin, end, [&](const Step& step, int64_t b, int64_t e) {
                     multiply(step, worker, b, e);
                   });
                 });
}

TiledRows Products::tiles(const Input& input) {
  return tiled_.at(input.at / kGroup, input.shape.halves);
}

void Products::prepare(const Input& input, int64_t begin, int64_t end) {
  const Product& product = *input.product;
  const int64_t in = product.w->in;
  const int32_t* from = product.from.empty() ? nullptr : product.from.data();
  if (input.kind == Kind::packed) {
    return kernels_.round_tiles({product.x, from, product.rows, in, input.shape, tiles(input)},
                                begin, end);
  }
  for (int64_t r = begin; r < end; ++r) {
    const float* row = product.x + (from == nullptr ? r : from[r]) * in;
    const int64_t at = input.at + r * in;
    if (input.kind == Kind::int8) rounded_.round(row, in, at);
    else std::copy_n(row, in, gathered_.data() + at);
  }
}

void Products::multiply_packed(const Step& step, int64_t begin, int64_t end) {
  const Product& product = *step.product;
  const PackedMatrix& w = *product.w->slot->packed;
  const TiledRows x = tiles(inputs_[step.input]);
  while (begin < end) {
    const int64_t row = begin / w.panels * step.block, panel = begin % w.panels;
    const int64_t count = std::min(end - begin, w.panels - panel);
    kernels_.packed_matmul(
        {w, x, product.rows, row, std::min(product.rows, row + step.block), product.y}, panel,
        panel + count);
    begin += count;
  }
}

void Products::multiply(const Step& step, int worker, int64_t begin, int64_t end) {
  if (step.kind == Kind::packed) return multiply_packed(step, begin, end);
  const Product& product = *step.product;
  const Input& input = inputs_[step.input];
  begin *= kColumns;
  end = std::min(end * kColumns, product.w->out);
  if (step.kind == Kind::int8) {
    const RoundedRows x = rounded_.at(input.at, product.w->in);
    return kernels_.int8_matmul({*product.w, x, product.rows, product.y}, begin, end);
  }
  const float* x = input.count > 0 ? gathered_.data() + input.at : product.x;
  const MatmulArgs args{*product.w, x, product.rows, product.y};
  if (step.kind == Kind::quantized) return kernels_.quantized_matmul(args, begin, end);
  kernels_.matmul(args, begin, end, workers_.scratch(worker));
}

}  // namespace corvid::engine
