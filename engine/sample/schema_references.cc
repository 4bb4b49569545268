#include "engine/sample/schema_references.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "engine/sample/schema_logic.h"
#include "runtime/base/json.h"

namespace corvid::engine {
namespace {

// Position of the ':' behind a scheme, or npos (RFC 3986 section 3.1).
size_t scheme_end(std::string_view uri) {
  const size_t end = uri.find_first_of(":/?#");
  return end != uri.npos && end > 0 && uri[end] == ':' ? end : uri.npos;
}

// `path` without "." and ".." segments (RFC 3986 section 5.2.4); it begins behind the authority.
std::string without_dots(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/', 1), path.size());
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(end);
    const bool is_last = path.empty();
    if (segment == "/..") out.erase(std::min(out.rfind('/'), out.size()));
    else if (segment != "/.") out += segment;
    if (is_last && (segment == "/.." || segment == "/.")) out += '/';
  }
  return out;
}

// The URI that `reference`, which has no fragment, names where `base` holds.
std::string resolved(const std::string& base, const std::string& reference) {
  if (reference.empty()) return base;
  if (scheme_end(reference) != std::string::npos) return reference;
  const size_t scheme = scheme_end(base);
  size_t path = scheme == std::string::npos ? 0 : scheme + 1;
  if (reference.starts_with("//")) return base.substr(0, path) + reference;
  if (base.compare(path, 2, "//") == 0) path = std::min(base.find('/', path + 2), base.size());
  std::string whole = reference;
  if (!reference.starts_with('/')) {
    const size_t last = base.rfind('/', base.find_first_of("?#", path));
    const bool has_folder = last != std::string::npos && last >= path;
    whole = (has_folder ? base.substr(path, last + 1 - path) : "/") + reference;
  }
  return base.substr(0, path) + (whole.starts_with('/') ? without_dots(whole) : whole);
}

struct Reference {
  std::string uri, fragment;

  Reference(const std::string& base, const std::string& text) {
    const size_t hash = std::min(text.find('#'), text.size());
    uri = resolved(base, text.substr(0, hash));
    if (hash < text.size()) fragment = text.substr(hash + 1);
  }
};

class References {
 public:
  explicit References(OrderedJson& root) : root_base_(base_of(root, "")) {
    collect(root, "", "#");
    rewrite(root, "");
  }

 private:
  static std::string base_of(const OrderedJson& schema, const std::string& outer) {
    const auto id = schema.find("$id");
    if (id == schema.end() || !id->is_string()) return outer;
    return Reference(outer, id->get<std::string>()).uri;
  }

  void collect(OrderedJson& schema, const std::string& outer, const std::string& pointer) {
    if (!schema.is_object()) return;
    const std::string base = base_of(schema, outer);
    if (pointer == "#" || base != outer) places_.try_emplace(base, pointer);
    for (const char* keyword : {"$anchor", "$dynamicAnchor"}) {
      const auto name = schema.find(keyword);
      if (name == schema.end() || !name->is_string()) continue;
      const std::string anchor = base + "#" + name->get<std::string>();
      places_.try_emplace(anchor, pointer);
      if (keyword[1] == 'd') dynamic_[name->get<std::string>()].insert(anchor);
    }
    for_each_part(schema, [&](OrderedJson& part, const std::string& place) {
      collect(part, base, pointer + place);
    });
  }

  const std::string* place_of(const std::string& key) const {
    const auto found = places_.find(key);
    return found == places_.end() ? nullptr : &found->second;
  }

  // Empty: not in the document.
  std::string target(const Reference& reference) const {
    const bool is_name = !reference.fragment.empty() && reference.fragment[0] != '/';
    const std::string* place =
        place_of(is_name ? reference.uri + "#" + reference.fragment : reference.uri);
    if (place == nullptr) return "";
    return is_name ? *place : *place + reference.fragment;
  }

  // Of anchors with the name, the one in the outermost resource that is entered: the root's, where
  // it has one.
  std::string dynamic_target(const Reference& reference) const {
    const auto named = dynamic_.find(reference.fragment);
    const std::string own = reference.uri + "#" + reference.fragment;
    if (named == dynamic_.end() || !named->second.contains(own)) return target(reference);
    const std::string outermost = root_base_ + "#" + reference.fragment;
    if (named->second.contains(outermost)) return *place_of(outermost);
    return named->second.size() == 1 ? target(reference) : "";
  }

  void rewrite(OrderedJson& schema, const std::string& outer) const {
    if (!schema.is_object()) return;
    const std::string base = base_of(schema, outer);
    for_each_part(schema, [&](OrderedJson& part, const std::string&) { rewrite(part, base); });
    if (const auto plain = schema.find("$ref"); plain != schema.end() && plain->is_string()) {
      const std::string found = target(Reference(base, plain->get<std::string>()));
      if (!found.empty()) *plain = found;
    }
    const auto dynamic = schema.find("$dynamicRef");
    if (dynamic == schema.end() || !dynamic->is_string()) return;
    const std::string found = dynamic_target(Reference(base, dynamic->get<std::string>()));
    if (found.empty()) return;
    schema.erase("$dynamicRef");
    if (!schema.contains("$ref")) {
      schema["$ref"] = found;
    } else {
      schema["allOf"].push_back({{"$ref", found}});
    }
  }

  std::string root_base_;
  std::map<std::string, std::string> places_;  // URI, or URI#anchor -> pointer
  std::map<std::string, std::set<std::string>> dynamic_;  // name -> URI#anchor
};

}  // namespace

void localise_references(OrderedJson& root) { References references(root); }

}  // namespace corvid::engine
