#include "engine/layers/recurrence.h"

#include <memory>
#include <vector>

namespace corvid::engine {
namespace {

using Floats = std::vector<float>;

float* state_of(const BatchItem& item, int64_t offset) {
  return item.memory->state().data() + offset;
}

void delta_steps(Ops& ops, DeltaArgs args, int64_t rows) {
  const int64_t key_width = args.heads * args.key_dim;
  const int64_t value_width = args.value_heads * args.value_dim;
  args.rows = 1;
  for (int64_t row = 0; row < rows; ++row) {
    ops.delta(args);
    for (const float** x : {&args.q, &args.k, &args.g, &args.b}) *x += key_width;
    for (const float** x : {&args.v, &args.w}) *x += value_width;
    args.o += value_width;
  }
}

void ssd_steps(Ops& ops, SsdArgs args, int64_t rows) {
  args.rows = 1;
  for (int64_t row = 0; row < rows; ++row) {
    ops.ssd(args);
    for (const float** x : {&args.x, &args.B, &args.C}) *x += args.stride;
    args.dt += args.heads;
    args.y += args.heads * args.head_dim;
  }
}

Floats copy_of(const float* from, int64_t count) { return Floats(from, from + count); }

}  // namespace

void run_delta(Ops& ops, const BatchItem& item, int64_t state_offset, DeltaArgs args) {
  args.state = state_of(item, state_offset);
  args.rows = item.rows;
  if (item.journal == nullptr) return ops.delta(args);
  const int64_t keys = item.rows * args.heads * args.key_dim;
  const int64_t values = item.rows * args.value_heads * args.value_dim;
  struct Inputs {
    Floats k, g, b, v, w;
  };
  const auto in = std::make_shared<const Inputs>(
      Inputs{copy_of(args.k, keys), copy_of(args.g, keys), copy_of(args.b, keys),
             copy_of(args.v, values), copy_of(args.w, values)});
  delta_steps(ops, args, item.rows);
  item.journal->add([&ops, in, args, state_offset](std::span<float> state, int64_t rows) {
    DeltaArgs again = args;
    Floats ignored(in->v.size());
    again.q = again.k = in->k.data();  // the state does not depend on the queries
    again.g = in->g.data();
    again.b = in->b.data();
    again.v = in->v.data();
    again.w = in->w.data();
    again.o = ignored.data();
    again.state = state.data() + state_offset;
    delta_steps(ops, again, rows);
  });
}

void run_ssd(Ops& ops, const BatchItem& item, int64_t state_offset, SsdArgs args) {
  args.state = state_of(item, state_offset);
  args.rows = item.rows;
  if (item.journal == nullptr) return ops.ssd(args);
  struct Inputs {
    Floats xbc, dt;
  };
  const auto in = std::make_shared<const Inputs>(
      Inputs{copy_of(args.x, item.rows * args.stride), copy_of(args.dt, item.rows * args.heads)});
  ssd_steps(ops, args, item.rows);
  item.journal->add([&ops, in, args, state_offset](std::span<float> state, int64_t rows) {
    SsdArgs again = args;
    Floats ignored(static_cast<size_t>(args.rows * args.heads * args.head_dim));
    again.x = in->xbc.data();
    again.B = again.x + (args.B - args.x);
    again.C = again.x + (args.C - args.x);
    again.dt = in->dt.data();
    again.y = ignored.data();
    again.state = state.data() + state_offset;
    ssd_steps(ops, again, rows);
  });
}

void run_conv(Ops& ops, const BatchItem& item, int64_t state_offset, ConvArgs args) {
  args.state = state_of(item, state_offset);
  args.rows = item.rows;
  if (item.journal != nullptr) {
    Floats x;
    for (int64_t row = 0; row < item.rows; ++row) {
      const float* from = args.x + row * args.x_stride;
      x.insert(x.end(), from, from + args.channels);
    }
    const auto in = std::make_shared<const Floats>(std::move(x));
    item.journal->add([&ops, in, args, state_offset](std::span<float> state, int64_t rows) {
      ConvArgs again = args;
      Floats ignored(in->size());
      again.x = in->data();
      again.x_stride = args.channels;
      again.y = ignored.data();
      again.rows = rows;
      again.state = state.data() + state_offset;
      ops.conv(again);
    });
  }
  ops.conv(args);
}

}  // namespace corvid::engine
