#include <algorithm>

#include "engine/state/sequence_impl.h"
#include "engine/state/state_file.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"

namespace corvid::engine {
namespace {

constexpr int64_t kStateFileBytesMax = int64_t{1} << 40;

// Keeps the first and the newest and the spacing of the others even: drops the one whose neighbours
// are closest to each other.
void drop_one(std::vector<Snapshot>& snapshots) {
  size_t worst = 1;
  for (size_t i = 1; i + 1 < snapshots.size(); ++i) {
    const auto gap = [&](size_t at) { return snapshots[at + 1].length - snapshots[at - 1].length; };
    if (gap(i) < gap(worst)) worst = i;
  }
  snapshots.erase(snapshots.begin() + static_cast<std::ptrdiff_t>(worst));
}

}  // namespace

Sequence::Sequence(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Sequence::~Sequence() = default;

std::span<const Token> Sequence::tokens() const { return impl_->tokens; }
std::span<const int32_t> Sequence::segments() const { return impl_->segments; }

std::unique_ptr<Sequence> Sequence::fork() const {
  return std::unique_ptr<Sequence>(new Sequence(std::make_unique<Impl>(*impl_)));
}

void Sequence::snapshot() {
  const int32_t length = impl_->memory.length();
  std::vector<Snapshot>& snapshots = impl_->snapshots;
  if (length == 0 || (!snapshots.empty() && snapshots.back().length == length)) return;
  snapshots.push_back({length, impl_->memory.share_state()});
  if (snapshots.size() > kSnapshotsMax) drop_one(snapshots);
}

int Sequence::truncate(int token_count) {
  Impl& impl = *impl_;
  const auto size = static_cast<int>(impl.tokens.size());
  if (token_count < 0 || token_count > size) {
    fail(Code::invalid, "cannot cut a sequence of " + std::to_string(size) + " tokens to " +
                            std::to_string(token_count));
  }
  if (token_count == size) return 0;
  while (!impl.snapshots.empty() && impl.snapshots.back().length > token_count) {
    impl.snapshots.pop_back();
  }
  const int64_t state_floats = impl.memory.spec().state_floats;
  Snapshot from{0, std::make_shared<float[]>(static_cast<size_t>(state_floats))};
  // Keys and values alone that are all there: nothing to rebuild.
  if (state_floats == 0 && impl.memory.sees(token_count)) from.length = token_count;
  else if (!impl.snapshots.empty()) from = impl.snapshots.back();
  impl.memory.set_state(from.state, from.length);

  const std::vector<Token> tokens(impl.tokens.begin(), impl.tokens.begin() + token_count);
  const std::vector<int32_t> segments = std::move(impl.segments);
  impl.tokens.resize(static_cast<size_t>(from.length));
  impl.segments.clear();
  for (const int32_t segment : segments) {
    const int32_t begin = impl.segments.empty() ? 0 : impl.segments.back();
    const int32_t end = std::min(segment, token_count);
    if (begin == end) break;
    if (end <= from.length) {
      impl.segments.push_back(end);
      continue;
    }
    const auto part = std::span(tokens).subspan(static_cast<size_t>(begin),
                                                static_cast<size_t>(end - begin));
    const Evaluator::Item item{&impl.memory, part, nullptr};
    impl.evaluator->run({&item, 1}, Evaluator::Rows::none, {});
    impl.log(part);
  }
  return token_count - from.length;
}

void Sequence::save(const std::filesystem::path& path) const {
  write_file_atomic(path, encode_state(*impl_));
}

void Sequence::load(const std::filesystem::path& path) {
  const std::string bytes = read_file(path, kStateFileBytesMax);
  auto loaded = std::make_unique<Impl>(impl_->evaluator);
  decode_state(bytes, path.string(), *loaded);
  impl_ = std::move(loaded);
}

int64_t Sequence::bytes_used() const {
  const auto state_bytes =
      impl_->memory.spec().state_floats * static_cast<int64_t>(sizeof(float));
  return impl_->memory.bytes() + static_cast<int64_t>(impl_->snapshots.size()) * state_bytes +
         static_cast<int64_t>(impl_->tokens.size() * sizeof(Token) +
                              impl_->segments.size() * sizeof(int32_t));
}

}  // namespace corvid::engine
