#include "engine/state/state_file.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/files/byte_reader.h"

namespace corvid::engine {
namespace {

constexpr std::string_view kMagic = "CORVSEQ\n";
constexpr uint32_t kVersion = 4;

template <typename T>
void put(std::string& out, const T* values, int64_t count) {
  out.append(reinterpret_cast<const char*>(values), static_cast<size_t>(count) * sizeof(T));
}

template <typename T>
void put(std::string& out, T value) {
  put(out, &value, 1);
}

// Finds damage, not forgery; eight bytes at a time.
uint64_t checksum(std::string_view bytes) {
  uint64_t sum = 0x9e3779b97f4a7c15ull ^ bytes.size();
  for (size_t i = 0; i < bytes.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, std::min<size_t>(8, bytes.size() - i));
    sum = std::rotl((sum ^ word) * 0xff51afd7ed558ccdull, 29);
  }
  return sum;
}

template <typename T>
std::vector<T> read_vector(ByteReader& in, const char* what) {
  const uint64_t count = in.read<uint64_t>(what);
  if (count > in.left() / sizeof(T)) in.damaged(std::string(what) + " runs past the end");
  std::vector<T> values(count);
  const auto* bytes = in.take(count * sizeof(T), what);
  if (count > 0) std::memcpy(values.data(), bytes, count * sizeof(T));
  return values;
}

void read_floats(ByteReader& in, const char* what, float* out, int64_t count) {
  const auto bytes = static_cast<uint64_t>(count) * sizeof(float);
  const auto* from = in.take(bytes, what);
  if (bytes > 0) std::memcpy(out, from, bytes);
}

// Calls `visit(kv, count)` for every layer whose page from token `first` on, with `count` of its
// tokens, is kept for the end of the sequence or a snapshot.
template <typename Visit>
void for_each_kept(const Sequence::Impl& sequence, int64_t first, Visit visit) {
  const MemorySpec& spec = sequence.memory.spec();
  std::vector<int32_t> lengths = sequence.snapshot_lengths();
  const auto length = static_cast<int32_t>(sequence.tokens.size());
  lengths.push_back(length);
  for (int kv = 0; kv < static_cast<int>(spec.kv.size()); ++kv) {
    const MemorySpec::PageList& list = spec.lists[spec.kv[static_cast<size_t>(kv)].list];
    const bool is_kept = std::any_of(lengths.begin(), lengths.end(), [&](int32_t at) {
      return list.is_seen(first / kPageTokens, at);
    });
    if (is_kept) visit(kv, std::min(kPageTokens, length - first));
  }
}

// Of one model, only a draft head makes a difference to what is kept.
void require_same_draft(ByteReader& in, const std::string& name, const MemorySpec& spec) {
  const auto state_floats = in.read<int64_t>("state size");
  const auto page_values = in.read<int64_t>("page size");
  if (state_floats == spec.state_floats && page_values == spec.page_values()) return;
  const bool with = state_floats > spec.state_floats || page_values > spec.page_values();
  fail(Code::invalid, name + ": saved " + (with ? "with" : "without") + " the model's draft head");
}

void read_log(ByteReader& in, Sequence::Impl& fresh) {
  fresh.tokens = read_vector<Token>(in, "tokens");
  fresh.segments = read_vector<int32_t>(in, "segments");
  if (fresh.tokens.size() > kLengthMax) in.damaged("too many tokens");
  const auto size = static_cast<int32_t>(fresh.tokens.size());
  const bool whole = fresh.segments.empty() ? size == 0 : fresh.segments.back() == size;
  const auto& segments = fresh.segments;
  if (!whole || (size > 0 && segments.front() <= 0) ||
      std::adjacent_find(segments.begin(), segments.end(), std::greater_equal<>()) !=
          segments.end()) {
    in.damaged("the segments do not fit the tokens");
  }
  for (const Token token : fresh.tokens) {
    if (token < 0 || token >= fresh.evaluator->model().config().vocab_size) {
      in.damaged("a token is outside of the vocabulary");
    }
  }
}

void read_snapshots(ByteReader& in, Sequence::Impl& fresh) {
  const int64_t state_floats = fresh.memory.spec().state_floats;
  const uint32_t count = in.read<uint32_t>("snapshot count");
  if (count > kSnapshotsMax) in.damaged("too many snapshots");
  int32_t before = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const int32_t length = in.read<int32_t>("snapshot");
    if (length <= before ||
        !std::binary_search(fresh.segments.begin(), fresh.segments.end(), length)) {
      in.damaged("impossible snapshot");
    }
    before = length;
    auto state = std::make_shared<float[]>(static_cast<size_t>(state_floats));
    read_floats(in, "snapshot", state.get(), state_floats);
    fresh.snapshots.push_back({length, std::move(state)});
  }
}

void read_pages(ByteReader& in, Sequence::Impl& fresh) {
  constexpr int32_t kTokensBetweenDrops = 64 * kPageTokens;
  SequenceMemory& memory = fresh.memory;
  const auto length = static_cast<int32_t>(fresh.tokens.size());
  const auto read = [&](std::byte* to, int64_t values) {
    const auto bytes = static_cast<size_t>(memory.bytes_of(values));
    const auto* from = in.take(bytes, "keys and values");
    if (bytes > 0) std::memcpy(to, from, bytes);
  };
  while (memory.length() < length) {
    const int32_t first = memory.length();
    const int32_t rows = std::min<int32_t>(kPageTokens, length - first);
    memory.prepare(rows);
    for_each_kept(fresh, first, [&](int kv, int64_t count) {
      const MemorySpec::Kv& layer = memory.spec().kv[static_cast<size_t>(kv)];
      read(memory.keys(kv, first), count * layer.key_width);
      read(memory.values(kv, first), count * layer.value_width);
    });
    memory.advance(rows);
    if (memory.length() % kTokensBetweenDrops == 0) memory.drop_unseen(fresh.snapshot_lengths());
  }
  memory.drop_unseen(fresh.snapshot_lengths());
}

}  // namespace

std::string encode_state(Sequence::Impl& sequence) {
  SequenceMemory& memory = sequence.memory;
  const int64_t state_floats = memory.spec().state_floats;
  std::string out(kMagic);
  put(out, kVersion);
  put<uint64_t>(out, sequence.evaluator->hash().size());
  out += sequence.evaluator->hash();
  put(out, static_cast<uint32_t>(memory.kv_type()));
  put(out, state_floats);
  put(out, memory.spec().page_values());
  put<uint64_t>(out, sequence.tokens.size());
  put(out, sequence.tokens.data(), static_cast<int64_t>(sequence.tokens.size()));
  put<uint64_t>(out, sequence.segments.size());
  put(out, sequence.segments.data(), static_cast<int64_t>(sequence.segments.size()));
  put(out, static_cast<uint32_t>(sequence.snapshots.size()));
  for (const Snapshot& snapshot : sequence.snapshots) {
    put(out, snapshot.length);
    put(out, snapshot.state.get(), state_floats);
  }
  put(out, memory.state().data(), state_floats);
  for (int64_t first = 0; first < memory.length(); first += kPageTokens) {
    for_each_kept(sequence, first, [&](int kv, int64_t count) {
      const MemorySpec::Kv& layer = memory.spec().kv[static_cast<size_t>(kv)];
      put(out, memory.keys(kv, first), memory.bytes_of(count * layer.key_width));
      put(out, memory.values(kv, first), memory.bytes_of(count * layer.value_width));
    });
  }
  put(out, checksum(out));
  return out;
}

void decode_state(std::string_view bytes, const std::string& name, Sequence::Impl& fresh) {
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  ByteReader in({data, bytes.size()}, name);
  if (!bytes.starts_with(kMagic)) in.damaged("not a state file");
  in.take(kMagic.size(), "magic");
  const uint32_t version = in.read<uint32_t>("version");
  if (version != kVersion) {
    fail(Code::unsupported, name + ": state file version " + std::to_string(version) + " (" +
                                std::to_string(kVersion) + " is known)");
  }
  if (in.left() < sizeof(uint64_t)) in.damaged("the checksum is missing");
  const std::string_view body = bytes.substr(0, bytes.size() - sizeof(uint64_t));
  uint64_t stored;
  std::memcpy(&stored, body.data() + body.size(), sizeof stored);
  if (stored != checksum(body)) in.damaged("the checksum does not match");
  if (in.read_string("model hash") != fresh.evaluator->hash()) {
    fail(Code::invalid, name + ": saved by another model");
  }
  if (in.read<uint32_t>("key-value type") != static_cast<uint32_t>(fresh.memory.kv_type())) {
    fail(Code::invalid, name + ": saved with keys and values of another type");
  }
  require_same_draft(in, name, fresh.memory.spec());
  read_log(in, fresh);
  read_snapshots(in, fresh);
  read_floats(in, "state", fresh.memory.state().data(), fresh.memory.spec().state_floats);
  read_pages(in, fresh);
  if (in.left() != sizeof stored) in.damaged("the state has another size");
}

}  // namespace corvid::engine
