#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/files/mapped_file.h"

namespace corvid::engine {

// The tensors of one or several .safetensors files (huggingface/safetensors README: u64 header
// size, JSON header, data), mapped. Immutable after construction.
class SafeTensors {
 public:
  struct Tensor {
    std::string type;            // "F32", "BF16", ...
    std::vector<int64_t> shape;  // outermost dimension first, unlike GGUF's
    std::span<const std::byte> data;
    int64_t element_count = 0;
  };

  // All files of a folder, those that model.safetensors.index.json lists where it is there. Throws
  // not_found, io, corrupt "corrupt: FILE: WHAT".
  static SafeTensors open_folder(const std::filesystem::path& folder);
  // One more file; its tensors must have new names.
  void add(const std::filesystem::path& path);

  const std::map<std::string, Tensor>& tensors() const { return tensors_; }

 private:
  std::vector<std::unique_ptr<MappedFile>> files_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace corvid::engine
