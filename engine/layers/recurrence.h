#pragma once

#include "engine/backends/ops.h"
#include "engine/layers/batch.h"

namespace corvid::engine {

// The rows of one sequence over its state at `state_offset`, as one chunk; with a journal row by
// row. `args` points at the item's first row; its `state` and `rows` are set here.
void run_delta(Ops& ops, const BatchItem& item, int64_t state_offset, DeltaArgs args);
void run_ssd(Ops& ops, const BatchItem& item, int64_t state_offset, SsdArgs args);
void run_conv(Ops& ops, const BatchItem& item, int64_t state_offset, ConvArgs args);

}  // namespace corvid::engine
