#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string_view>

#include "memory/ports.h"
#include "memory/store.h"

namespace corvid::memory {

using WriteText = std::function<void(std::string_view)>;

// See Memory. Lines come without their newline: a head, the rows, and an end with their number and
// the SHA-256 of all lines before it.
void export_lines(const Store& store, const WriteText& write);
void export_markdown(const Store& store, std::span<const ScopeId> scopes, const WriteText& write);

// Reads an export into `store`, in one transaction; the caller makes missing vectors afterwards.
ImportReport import_export(Store& store, const Ports& ports, const std::filesystem::path& file);

}  // namespace corvid::memory
