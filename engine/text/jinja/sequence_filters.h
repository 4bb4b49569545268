#pragma once

#include "engine/text/jinja/ast.h"

namespace corvid::engine::jinja {

Value items(Interpreter& in, const Value& v, const Args& args);
Value join(Interpreter& in, const Value& v, const Args& args);
Value first(Interpreter& in, const Value& v, const Args& args);
Value last(Interpreter& in, const Value& v, const Args& args);
Value list(Interpreter& in, const Value& v, const Args& args);
Value map(Interpreter& in, const Value& v, const Args& args);
Value select(Interpreter& in, const Value& v, const Args& args);
Value reject(Interpreter& in, const Value& v, const Args& args);
Value selectattr(Interpreter& in, const Value& v, const Args& args);
Value rejectattr(Interpreter& in, const Value& v, const Args& args);
Value reverse(Interpreter& in, const Value& v, const Args& args);
Value sort(Interpreter& in, const Value& v, const Args& args);
Value unique(Interpreter& in, const Value& v, const Args& args);
Value sum(Interpreter& in, const Value& v, const Args& args);
Value minimum(Interpreter& in, const Value& v, const Args& args);
Value maximum(Interpreter& in, const Value& v, const Args& args);
Value dictsort(Interpreter& in, const Value& v, const Args& args);
Value batch(Interpreter& in, const Value& v, const Args& args);

}  // namespace corvid::engine::jinja
