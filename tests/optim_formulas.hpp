#pragma once
/// \file The update rules once more, for one number, written from their formulas: what the tests compare
/// with.

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "unroll/optim/rules.hpp"

namespace unroll::tests {

/// θ after the update from θ, g and t, with state inside.
using Formula = std::function<double(double theta, double g, double t)>;

inline Formula sgd(const SgdOptions& o) {
  return [o, b = 0.0](double theta, double g, double t) mutable {
    g += o.weight_decay * theta;
    b = t == 1 ? g : o.momentum * b + (1 - o.dampening) * g;
    const double d = o.nesterov ? g + o.momentum * b : b;
    return theta - o.lr * (o.momentum == 0 ? g : d);
  };
}

inline Formula adam(double lr, double b1, double b2, double eps, double l2, double shrink, bool amsgrad) {
  return [=, m = 0.0, v = 0.0, largest = 0.0](double theta, double g, double t) mutable {
    g += l2 * theta;
    theta *= 1 - lr * shrink;
    m = b1 * m + (1 - b1) * g;
    v = b2 * v + (1 - b2) * g * g;
    largest = std::max(largest, v);
    const double root = std::sqrt(amsgrad ? largest : v) / std::sqrt(1 - std::pow(b2, t));
    return theta - lr / (1 - std::pow(b1, t)) * m / (root + eps);
  };
}
inline Formula adam(const AdamOptions& o) {
  return adam(o.lr, o.beta1, o.beta2, o.eps, o.weight_decay, 0, o.amsgrad);
}
inline Formula adamw(const AdamWOptions& o) {
  return adam(o.lr, o.beta1, o.beta2, o.eps, 0, o.weight_decay, o.amsgrad);
}

inline Formula lion(const LionOptions& o) {
  return [o, m = 0.0](double theta, double g, double) mutable {
    const double c = o.beta1 * m + (1 - o.beta1) * g;
    m = o.beta2 * m + (1 - o.beta2) * g;
    return theta - o.lr * o.weight_decay * theta - o.lr * (c > 0 ? 1 : c < 0 ? -1 : 0);
  };
}

/// Of its groups without matrices; matrices are the matter of test_muon.cpp.
inline Formula muon(const MuonOptions& o) {
  return adam(o.lr, o.beta1, o.beta2, o.adamw_eps, 0, o.weight_decay, false);
}

inline Formula rmsprop(const RmsPropOptions& o) {
  return [o, v = 0.0, a = 0.0, b = 0.0](double theta, double g, double) mutable {
    g += o.weight_decay * theta;
    v = o.alpha * v + (1 - o.alpha) * g * g;
    a = o.alpha * a + (1 - o.alpha) * g;
    const double d = std::sqrt(o.centered ? v - a * a : v) + o.eps;
    b = o.momentum * b + g / d;
    return theta - o.lr * b;
  };
}

inline Formula adagrad(const AdagradOptions& o) {
  return [o, sum = o.initial_accumulator_value](double theta, double g, double t) mutable {
    g += o.weight_decay * theta;
    sum += g * g;
    return theta - o.lr / (1 + (t - 1) * o.lr_decay) * g / (std::sqrt(sum) + o.eps);
  };
}

inline Formula adadelta(const AdadeltaOptions& o) {
  return [o, v = 0.0, u = 0.0](double theta, double g, double) mutable {
    g += o.weight_decay * theta;
    v = o.rho * v + (1 - o.rho) * g * g;
    const double delta = std::sqrt(u + o.eps) / std::sqrt(v + o.eps) * g;
    u = o.rho * u + (1 - o.rho) * delta * delta;
    return theta - o.lr * delta;
  };
}

/// A rule of the library beside its formula. The name is the rule, or begins with the rule and a comma.
struct RuleCase {
  const char* name;
  std::function<std::unique_ptr<Optimizer<double>>(const Variable<double>&)> make;
  std::function<Formula()> formula;
  bool in_pytorch = true;  ///< has a golden of the same name, by tools/make_goldens.py
};

template <class Rule, class Options>
RuleCase case_of(const char* name, Formula (*formula)(const Options&), const Options& options,
                 bool in_pytorch = true) {
  return {name,
          [options](const Variable<double>& p) { return std::make_unique<Rule>(std::vector{p}, options); },
          [=] { return formula(options); }, in_pytorch};
}

/// Every rule with its options at work.
inline const std::vector<RuleCase>& cases() {
  constexpr double wd = 0.1;
  static const std::vector<RuleCase> all = {
      case_of<Sgd<double>>("sgd", sgd, {.lr = 0.1}),
      case_of<Sgd<double>>("sgd, weight decay", sgd, {.lr = 0.1, .weight_decay = wd}),
      case_of<Sgd<double>>("sgd, momentum", sgd,
                           {.lr = 0.1, .momentum = 0.9, .dampening = 0.2, .weight_decay = wd}),
      case_of<Sgd<double>>("sgd, nesterov", sgd,
                           {.lr = 0.1, .momentum = 0.9, .weight_decay = wd, .nesterov = true}),
      case_of<Adam<double>>("adam", adam, {.lr = 0.05}),
      case_of<Adam<double>>("adam, weight decay", adam,
                            {.lr = 0.05, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-3, .weight_decay = wd}),
      case_of<Adam<double>>("adam, amsgrad", adam,
                            {.lr = 0.05, .beta1 = 0.8, .beta2 = 0.9, .weight_decay = wd, .amsgrad = true}),
      case_of<AdamW<double>>("adamw", adamw, {.lr = 0.05}),
      case_of<AdamW<double>>("adamw, amsgrad", adamw,
                             {.lr = 0.05, .beta1 = 0.8, .beta2 = 0.9, .weight_decay = 0.2, .amsgrad = true}),
      case_of<Lion<double>>("lion", lion, {.lr = 0.02}, false),
      case_of<Lion<double>>("lion, weight decay", lion,
                            {.lr = 0.02, .beta1 = 0.8, .beta2 = 0.95, .weight_decay = wd}, false),
      case_of<Muon<double>>("muon, adamw", muon, {.lr = 0.05, .adamw = true, .beta1 = 0.8, .adamw_eps = 1e-3},
                            false),
      case_of<RmsProp<double>>("rmsprop", rmsprop, {}),
      case_of<RmsProp<double>>("rmsprop, weight decay", rmsprop,
                               {.lr = 0.02, .alpha = 0.9, .eps = 1e-3, .weight_decay = wd}),
      case_of<RmsProp<double>>("rmsprop, centered", rmsprop,
                               {.alpha = 0.9, .weight_decay = wd, .centered = true}),
      case_of<RmsProp<double>>("rmsprop, momentum", rmsprop,
                               {.alpha = 0.9, .momentum = 0.7, .centered = true}),
      case_of<Adagrad<double>>("adagrad", adagrad, {}),
      case_of<Adagrad<double>>("adagrad, decay", adagrad,
                               {.lr = 0.1, .lr_decay = 0.05, .weight_decay = wd, .eps = 1e-3}),
      case_of<Adagrad<double>>("adagrad, initial accumulator", adagrad,
                               {.lr = 0.1, .initial_accumulator_value = 0.5}, false),
      case_of<Adadelta<double>>("adadelta", adadelta, {}),
      case_of<Adadelta<double>>("adadelta, weight decay", adadelta,
                                {.lr = 0.5, .rho = 0.8, .eps = 1e-3, .weight_decay = wd}),
  };
  return all;
}

}  // namespace unroll::tests
