// The JSON forms that `--json` prints and other programs read.

#include "memory/memory.h"
#include "runtime/base/json.h"

namespace corvid::memory {

Json to_json(const Recall& recall) {
  Json hits = Json::array();
  for (const Hit& hit : recall.hits) {
    hits.push_back({{"id", hit.id},
                    {"kind", hit.kind},
                    {"score", hit.score},
                    {"turns", hit.turns},
                    {"text", hit.text},
                    {"reasons", hit.reasons},
                    {"speaker", hit.speaker},
                    {"session", hit.session},
                    {"when", format_time(hit.said_at)},
                    {"tier", std::string(tier_name(hit.tier))}});
    if (!hit.superseded_by.empty()) hits.back()["superseded_by"] = hit.superseded_by;
    if (!hit.disputed_by.empty()) hits.back()["disputed_by"] = hit.disputed_by;
  }
  Json json = {{"hits", std::move(hits)}, {"support", recall.support},
               {"context", recall.context}, {"tokens", recall.tokens}, {"ms", recall.ms}};
  if (!recall.sub_queries.empty()) json["sub_queries"] = recall.sub_queries;
  return json;
}

Json to_json(const MemCell& cell) {
  Json turns = Json::array();
  for (const TurnId id : cell.turns) turns.push_back(turn_name(id));
  Json json = {{"id", cell_name(cell.id)},   {"kind", "cell"},
               {"session", cell.session},    {"title", cell.title},
               {"episode", cell.episode},    {"opened", format_time(cell.opened_at)},
               {"open", cell.is_open},       {"reason", cell.reason},
               {"deriver", cell.deriver},    {"tokens", cell.tokens},
               {"turns", std::move(turns)}};
  json["closed"] = cell.is_open ? Json() : Json(format_time(cell.closed_at));
  return json;
}

Json to_json(const Fact& fact) {
  Json json = {{"id", fact_name(fact.id)},
               {"kind", "fact"},
               {"subject", fact.subject},
               {"key", fact.key},
               {"value", fact.value},
               {"text", fact.text},
               {"turn", turn_name(fact.turn)},
               {"valid_from", format_time(fact.valid_from)},
               {"tier", std::string(tier_name(fact.tier))},
               {"status", std::string(status_name(fact.status))},
               {"deriver", fact.deriver}};
  json["closed"] = fact.closed_at ? Json(format_time(*fact.closed_at)) : Json();
  json["superseded_by"] = fact.superseded_by == 0 ? Json() : Json(fact_name(fact.superseded_by));
  return json;
}

Json to_json(const Foresight& foresight) {
  Json json = {{"kind", "foresight"},
               {"subject", foresight.subject},
               {"text", foresight.text},
               {"turn", turn_name(foresight.turn)},
               {"said", format_time(foresight.said_at)},
               {"valid_from", format_time(foresight.valid_from)},
               {"status", std::string(status_name(foresight.status))},
               {"deriver", foresight.deriver}};
  json["valid_to"] = foresight.valid_to ? Json(format_time(*foresight.valid_to)) : Json();
  json["closed_by"] = foresight.closed_by == 0 ? Json() : Json(turn_name(foresight.closed_by));
  return json;
}

Json to_json(const ProfileItem& item) {
  Json turns = Json::array();
  for (const TurnId id : item.turns) turns.push_back(turn_name(id));
  const bool is_fact = item.kind == ProfileItem::Kind::fact;
  return {{"id", item_name(item.id)},
          {"kind", is_fact ? "proposed fact" : "trait"},
          {"subject", item.subject},
          {is_fact ? "key" : "category", item.key},
          {is_fact ? "value" : "text", item.text},
          {"status", std::string(status_name(item.status))},
          {"cell", cell_name(item.cell)},
          {"proposed", format_time(item.at)},
          {"deriver", item.deriver},
          {"turns", std::move(turns)}};
}

Json to_json(const ConsolidateReport& report) {
  return {{"cells", report.cells},       {"unusable", report.unusable},
          {"waiting", report.waiting},   {"facts", report.facts},
          {"foresights", report.foresights}, {"proposals", report.proposals},
          {"scenes", report.scenes},     {"dropped", report.dropped}};
}

Json to_json(const MemScene& scene) {
  Json cells = Json::array();
  for (const CellId id : scene.cells) cells.push_back(cell_name(id));
  return {{"id", scene.id},
          {"kind", "scene"},
          {"label", scene.label},
          {"summary", scene.summary},
          {"cells", std::move(cells)},
          {"turns", scene.turn_count},
          {"from", format_time(scene.from)},
          {"to", format_time(scene.to)}};
}

Json to_json(const DocumentReport& report) {
  return {{"documents", report.documents},
          {"skipped", report.skipped},
          {"withdrawn", report.withdrawn},
          {"turns", to_json(report.turns)}};
}

Json to_json(const Turn& turn) {
  Json injected = Json::array();
  for (const TurnId id : turn.injected_ids) injected.push_back(turn_name(id));
  return {{"id", turn_name(turn.id)},
          {"kind", "turn"},
          {"external_id", turn.external_id},
          {"session", turn.session},
          {"seq", turn.seq},
          {"role", turn.role},
          {"speaker", turn.speaker},
          {"channel", turn.channel},
          {"tier", std::string(tier_name(turn.tier))},
          {"when", format_time(turn.said_at)},
          {"learnt", format_time(turn.learnt_at)},
          {"text", turn.text},
          {"bytes", turn.bytes_full},
          {"sha256", turn.sha256},
          {"redactions", turn.redactions},
          {"injected", std::move(injected)}};
}

Json to_json(const MemoryStats& stats) {
  return {{"scopes", stats.scopes},         {"sessions", stats.sessions},
          {"turns", stats.turns},           {"cells", stats.cells},
          {"events", stats.events},         {"tombstones", stats.tombstones},
          {"facts", stats.facts},         {"foresights", stats.foresights},
          {"vectors", stats.vectors},       {"embedder", stats.embedder},
          {"text_bytes", stats.text_bytes}, {"file_bytes", stats.file_bytes},
          {"format", stats.format},         {"location", stats.location},
          {"durability", stats.durability}};
}

Json to_json(const Why& why) {
  Json sources = Json::array();
  for (const Turn& turn : why.sources) sources.push_back(to_json(turn));
  Json history = Json::array();
  for (const Event& event : why.history) {
    history.push_back({{"at", format_time(event.at)}, {"actor", event.actor}, {"op", event.op},
                       {"reason", event.reason}});
  }
  return {{"id", why.id},
          {"kind", why.kind},
          {"sources", std::move(sources)},
          {"deriver", why.deriver},
          {"derived", why.derived},
          {"history", std::move(history)}};
}

Json to_json(const ImportReport& report) {
  return {{"lines", report.line_count}, {"stored", report.stored},
          {"duplicates", report.duplicates}, {"refused", report.refused},
          {"empty", report.empty}, {"redactions", report.redactions}};
}

}  // namespace corvid::memory
