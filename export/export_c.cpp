#include "unroll/export/export_c.hpp"

#include <filesystem>
#include <sstream>

#include "unroll/autograd/no_grad.hpp"
#include "unroll/detail/autograd/plan/record_step.hpp"
#include "unroll/detail/export/c_text.hpp"
#include "unroll/detail/export/c_writer.hpp"
#include "unroll/io/atomic_file.hpp"

namespace unroll::detail {

void check_part(std::string_view caller, bool both_directions, bool training) {
  if (both_directions)
    raise<UsageError>("{}: a bidirectional layer needs the whole sequence, and cannot be written as a step",
                      caller);
  if (training) raise<UsageError>("{}: the layer is in training mode; call eval() first", caller);
}

namespace {

template <class T>
std::vector<std::string> head_of(const CNetwork<T>& network, const CExportOptions& options) {
  std::vector<std::string> notes = options.notes;
  const auto add = [&](const std::string& summary) {
    std::istringstream lines(summary);
    for (std::string line; std::getline(lines, line);) notes.push_back(line);
  };
  if (network.embedding) add(unroll::summary(*network.embedding));
  for (const CPart<T>& part : network.parts) add(part.summary);
  return notes;
}

void write_text(const std::filesystem::path& path, const std::string& text) {
  io::write_file_atomically(path, std::as_bytes(std::span(text)));
}

}  // namespace

template <class T>
void export_network(const CNetwork<T>& network, const std::string& path, const CExportOptions& options) {
  const std::filesystem::path source(path);
  if (source.extension() != ".c") raise<UsageError>("export_c: the file must be called ….c; got {}", path);
  if (network.parts.empty()) raise<UsageError>("export_c: there is no recurrent layer");
  const NoGrad off;
  CTable<T> table;
  index_t input = network.parts[0].input;
  if (network.embedding) {
    const Variable<T> weight = dense(network.embedding->weight);
    table = {
        "embedding", weight.shape()[0], weight.shape()[1], {weight.data(), weight.data() + weight.size()}};
    if (input == 0) input = table.cols;
  }
  if (input == 0) raise<UsageError>("export_c: the first part must be a recurrent layer or an embedding");
  std::vector<ScriptState<T>> first;
  std::vector<std::pair<std::string, Variable<T>>> parameters;
  for (const CPart<T>& part : network.parts) {
    first.insert(first.end(), part.first.begin(), part.first.end());
    parameters.insert(parameters.end(), part.parameters.begin(), part.parameters.end());
  }
  const auto step = [&](const Variable<T>& x, const Values<T>& state, const typename CPart<T>::EndPart& end) {
    Variable<T> y = x;
    Values<T> next;
    std::size_t at = 0;
    for (const CPart<T>& part : network.parts) {
      Values<T> members(state.begin() + static_cast<std::ptrdiff_t>(at),
                        state.begin() + static_cast<std::ptrdiff_t>(at + part.first.size()));
      at += part.first.size();
      y = part.step(y, members, end);
      next.insert(next.end(), members.begin(), members.end());
    }
    return std::pair{y, next};
  };
  Values<T> begin;
  for (const auto& state : first) begin.push_back(state.first);
  // Whether the step is one: the same again from the same.
  record_step<T>(
      "export_c",
      [&](const Variable<T>& x, const Values<T>& state) {
        auto [y, next] = step(x, state, [](const std::string&, const Values<T>&) {});
        return StepValues<T>{std::move(y), std::move(next)};
      },
      Shape{1, input}, begin);
  ScriptRecorder<T> recorder("export_c", std::move(parameters));
  const Script<T> script = recorder.record(step, Shape{1, input}, first);
  const std::string name = c_identifier(options.name.empty() ? source.stem().string() : options.name, "net");
  const CFiles files = write_c(
      script, table, {name, options.math == CMath::fast, options.jacobian, head_of(network, options)});
  write_text(std::filesystem::path(source).replace_filename(name + ".h"), files.header);
  write_text(source, files.source);
}
template void export_network(const CNetwork<float>&, const std::string&, const CExportOptions&);
template void export_network(const CNetwork<double>&, const std::string&, const CExportOptions&);

}  // namespace unroll::detail
