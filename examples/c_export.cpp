// A cell of one's own, trained, and written as a C file that a controller without this library can run: it learns how a
// heated room answers to its heater, from 400 hours of a thermostat's record, made here.
//
//     ./c_export FOLDER && cc -std=c99 -O3 FOLDER/room.c FOLDER/check.c -lm -o check && ./check
//
// FOLDER gets room.c and room.h, and check.c, which runs the network on the record and compares.

#include <fmt/core.h>
#include <fmt/os.h>

#include <cmath>
#include <string>

#include <unroll/autograd/losses.hpp>
#include <unroll/autograd/views.hpp>
#include <unroll/export/export_c.hpp>
#include <unroll/layers/init.hpp>
#include <unroll/layers/linear_layer.hpp>
#include <unroll/optim/adam.hpp>
#include <unroll/optim/clip.hpp>

using namespace unroll;
using V = Variable<float>;

/// h' = h + σ(W_k x + U_k h) ⊙ (tanh(W x + U h) − h): a state that approaches what it should be, at a rate of its own.
struct RelaxingCell {
  V w_k, u_k, w, u;
  V step(const V& x, const V& h) const {
    const V rate = sigmoid(linear(x, w_k) + linear(h, u_k));
    return lerp(h, tanh(linear(x, w) + linear(h, u)), rate);
  }
  index_t hidden_size() const { return u.shape(0); }
  template <class F>
  void visit(F&& f) {
    f("w_k", w_k), f("u_k", u_k), f("w", w), f("u", u);
  }
};

/// Heater and weather at each hour, and the temperature after it.
struct Record {
  std::vector<float> inputs, target;
};
Record record_of(index_t hours) {
  Record r;
  double room = 20, wall = 18;
  for (index_t t = 0; t < hours; ++t) {
    const double outside =
        5 + 6 * std::sin(static_cast<double>(t) / 24 * 6.283) + 2 * std::sin(static_cast<double>(t) / 7);
    const double heater = room < 19.5 + std::sin(static_cast<double>(t) / 50) ? 1 : 0;
    wall += 0.05 * (room - wall) + 0.02 * (outside - wall);
    room += 1.5 * heater + 0.15 * (wall - room) + 0.03 * (outside - room);
    r.inputs.insert(r.inputs.end(), {static_cast<float>(heater), static_cast<float>((outside - 5) / 6)});
    r.target.push_back(static_cast<float>(room));
  }
  return r;
}

void write_check(const std::string& folder, const Record& record, const std::vector<float>& outputs) {
  fmt::ostream c = fmt::output_file(folder + "/check.c");
  c.print("#include <math.h>\n#include <stdio.h>\n#include \"room.h\"\n\nstatic const float x[] = {{");
  for (const float v : record.inputs) c.print("{}f,", fmt::format("{:.9e}", v));
  c.print("}};\nstatic const float right[] = {{");
  for (const float v : outputs) c.print("{:.9e}f,", v);
  c.print(
      "}};\n\nint main(void) {{\n  static room_state s;\n  float y, worst = 0;\n  int t;\n  "
      "room_reset(&s);\n  for (t = 0; t "
      "< {}; ++t) {{\n    room_step(&s, x + 2 * t, &y);\n    if (fabsf(y - right[t]) > worst) worst = "
      "fabsf(y - right[t]);\n"
      "  }}\n  printf(\"largest difference %g degrees over {} hours\\n\", (double)worst);\n  return worst < "
      "1e-4f ? 0 : 1;\n}}\n",
      outputs.size(), outputs.size());
}

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : ".";
  const int updates = argc > 2 ? std::stoi(argv[2]) : 300;
  const index_t hours = 400, hidden = 8;
  Generator rng(1);
  const auto weight = [&](index_t columns) {
    V w({hidden, columns}, 0.f);
    return init::xavier_uniform(w, 1, rng).requires_grad(true);
  };
  auto net = Recurrent(2, [&](index_t in) {
    return RelaxingCell{weight(in), weight(hidden), weight(in), weight(hidden)};
  });
  Linear<float> readout(hidden, 1, {}, rng);
  const auto degrees = [](const V& y) { return V(3.f * y + 20.f); };

  const Record record = record_of(hours);
  const V x = V::from({hours, 1, 2}, record.inputs), target = V::from({hours, 1, 1}, record.target);
  auto all = parameters(net);
  for (const auto& p : parameters(readout)) all.push_back(p);
  Adam adam(all, {.lr = 1e-2});
  double loss = 0;
  for (int update = 0; update < updates; ++update) {
    const V error = mse(degrees(readout(net(x).output)), target);
    loss = error.item();
    error.backward();
    clip_grad_norm(all, 1);
    adam.step();
    adam.zero_grad();
  }
  fmt::print("root mean square error {:.2f} degrees after {} updates\n", std::sqrt(loss), updates);

  eval(net);
  const NoGrad off;
  const V y = degrees(readout(net(x).output));
  export_c(std::tie(net, readout, degrees), folder + "/room.c",
           {.notes = {"The temperature of a room after an hour, from heater (0 or 1) and weather.",
                      fmt::format("Root mean square error in training: {:.2f} degrees.", std::sqrt(loss))}});
  write_check(folder, record, {y.data(), y.data() + hours});
  fmt::print("{0}/room.c, {0}/room.h, and {0}/check.c, which compares\n", folder);
}
