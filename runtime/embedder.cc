#include "runtime/embedder.h"

#include <cmath>

#include "engine/embedder.h"
#include "engine/wordpiece.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::runtime {
namespace {

constexpr size_t kPiecesMax = 256;  // of a text; what comes later changes a mean little
constexpr int64_t kDimMax = 4096;

const engine::TensorView& tensor_of(const engine::GgufFile& file, const char* name,
                                    engine::TensorType type) {
  const engine::TensorView* tensor = file.tensor(name);
  if (tensor == nullptr || tensor->type != type) {
    fail(Code::corrupt, "corrupt: " + file.path() + ": no table of token vectors (" + name + ")");
  }
  return *tensor;
}

}  // namespace

struct TokenVectors::Impl {
  std::unique_ptr<engine::GgufFile> file;
  std::string list;  // of pieces
  std::unique_ptr<engine::WordPiece> pieces;
  const int8_t* rows = nullptr;
  const float* scales = nullptr;
  int64_t dim = 0;
  std::string name;
};

TokenVectors::TokenVectors(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TokenVectors::~TokenVectors() = default;

std::shared_ptr<const TokenVectors> TokenVectors::open(const std::filesystem::path& path) {
  return from(engine::GgufFile::open(path));
}

std::shared_ptr<const TokenVectors> TokenVectors::from(std::unique_ptr<engine::GgufFile> file) {
  auto impl = std::make_unique<Impl>();
  impl->file = std::move(file);
  const engine::TensorView& rows =
      tensor_of(*impl->file, "token_embd.weight", engine::TensorType::i8);
  const engine::TensorView& scales =
      tensor_of(*impl->file, "token_embd.scale", engine::TensorType::f32);
  impl->list = impl->file->string("corvid.embedder.pieces").value_or("");
  const std::vector<std::string_view> pieces = split_lines(impl->list);
  const auto count = static_cast<int64_t>(pieces.size());
  if (rows.shape[0] < 1 || rows.shape[0] > kDimMax || rows.shape[1] != count ||
      scales.element_count() != count || rows.element_count() != rows.shape[0] * count) {
    fail(Code::corrupt, "corrupt: " + impl->file->path() + ": " + std::to_string(count) +
                            " pieces do not fit a table of " + engine::shape_text(rows.shape));
  }
  impl->pieces = std::make_unique<engine::WordPiece>(pieces);
  impl->rows = reinterpret_cast<const int8_t*>(rows.data);
  impl->scales = reinterpret_cast<const float*>(scales.data);
  impl->dim = rows.shape[0];
  impl->name = "token-vectors-" + impl->file->data_hash().substr(0, 16);
  return std::shared_ptr<const TokenVectors>(new TokenVectors(std::move(impl)));
}

std::vector<float> TokenVectors::embed(std::string_view text) const {
  const auto dim = static_cast<size_t>(impl_->dim);
  std::vector<float> sum(dim, 0.0f);
  for (const int32_t id : impl_->pieces->encode(text, -1, kPiecesMax)) {
    const int8_t* row = impl_->rows + static_cast<size_t>(id) * dim;
    const float scale = impl_->scales[id];
    for (size_t i = 0; i < dim; ++i) sum[i] += scale * row[i];
  }
  double square = 0;
  for (const float value : sum) square += static_cast<double>(value) * value;
  if (!(square > 0)) return {};
  const auto by = static_cast<float>(1 / std::sqrt(square));
  for (float& value : sum) value *= by;
  return sum;
}

int64_t TokenVectors::dim() const { return impl_->dim; }
const std::string& TokenVectors::name() const { return impl_->name; }

memory::Ports memory_ports(const Paths& paths, const std::string& choice) {
  memory::Ports ports;
  if (choice == "none") return ports;
  std::filesystem::path file = choice;
  if (choice == "built-in") {
    const auto found = seek_shared_file(paths, kEmbedderFile);
    if (!found.has_value()) return ports;
    file = *found;
  }
  std::unique_ptr<engine::GgufFile> opened = engine::GgufFile::open(file);
  if (engine::is_embedding_model(*opened)) {
    const std::shared_ptr<const engine::Embedder> model = engine::Embedder::load(file, {});
    ports.embed = [model](std::string_view text) { return model->embed({{text}}); };
    ports.embedder = model->name();
    ports.embeds_sentences = true;
    return ports;
  }
  const std::shared_ptr<const TokenVectors> table = TokenVectors::from(std::move(opened));
  ports.embed = [table](std::string_view text) { return table->embed(text); };
  ports.embedder = table->name();
  return ports;
}

}  // namespace corvid::runtime
