// The rules that need rows or whole parameters, beside plain loops in double.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "optimizers/optimizer_run.h"
#include "optimizers/update_whole.h"
#include "support/random_data.h"

using namespace gradloom;
using namespace gradloom::test;

namespace {

// A parameter in the layout of files, updated on so many threads.
struct Parameter {
  Parameter(const Optimizer& optimizer, const Shape& shape, std::vector<float> start)
      : optimizer(optimizer), shape(shape), weight(std::move(start)) {
    for (const StateSpec& spec : optimizer.states(shape)) {
      states.emplace_back(static_cast<size_t>(spec.shape.size()), spec.initial);
    }
  }

  void update(const std::vector<float>& gradient, uint64_t step, int threads) {
    std::vector<float*> pointers;
    for (auto& state : states) pointers.push_back(state.data());
    UpdateArguments args = update_of(optimizer, shape.size(), weight.data(), gradient.data(), pointers.data(), step);
    args.shape = shape;
    Team::run(threads, [&](Team& team) { update_whole(team, optimizer, args, states.size()); });
  }

  const Optimizer& optimizer;
  Shape shape;
  std::vector<float> weight;
  std::vector<std::vector<float>> states;
};

// w and s of a row-wise AdaGrad: sums of eight side by side, as the rule's header has them.
template <class Real>
void rowwise(int64_t rows, double weight_decay, bool decoupled, const std::vector<float>& gradient,
             std::vector<Real>& w, std::vector<Real>& s) {
  const auto width = static_cast<int64_t>(w.size()) / rows;
  const auto rate = static_cast<Real>(0.05);
  const auto epsilon = static_cast<Real>(1e-8);
  const auto decay = static_cast<Real>(weight_decay);
  for (int64_t row = 0; row < rows; ++row) {
    Real sums[8] = {};
    for (int64_t j = 0; j < width; ++j) {
      const auto at = static_cast<size_t>(row * width + j);
      const Real r = static_cast<Real>(gradient[at]) + (decoupled ? Real{0} : decay) * w[at];
      sums[j % 8] += r * r;
    }
    Real& accumulator = s[static_cast<size_t>(row)];
    accumulator += (((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))) /
                   static_cast<Real>(width);
    const Real own = rate / (std::sqrt(accumulator) + epsilon);
    const Real shrink = (decoupled ? rate : own) * decay;
    for (int64_t j = 0; j < width; ++j) {
      const auto at = static_cast<size_t>(row * width + j);
      w[at] = (w[at] - shrink * w[at]) - own * static_cast<Real>(gradient[at]);
    }
  }
}

// AdaGrad-Norm that climbs, with a decay of 0.01. Sums are double in both.
template <class Real>
void norm_step(const std::vector<float>& gradient, std::vector<Real>& w, Real& s) {
  const auto decay = static_cast<Real>(0.01F);
  double squares = 0;
  for (size_t i = 0; i < w.size(); ++i) {
    const double g = -static_cast<Real>(gradient[i]) + decay * w[i];
    squares += g * g;
  }
  const double sum = s + squares;
  s = static_cast<Real>(sum);
  const auto rate = static_cast<Real>(0.5 / std::sqrt(sum));
  for (size_t i = 0; i < w.size(); ++i) w[i] -= rate * (-static_cast<Real>(gradient[i]) + decay * w[i]);
}

using Matrix = std::vector<double>;

Matrix multiply(int64_t rows, int64_t inner, int64_t columns, const Matrix& a, const Matrix& b) {
  Matrix c(static_cast<size_t>(rows * columns));
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t k = 0; k < inner; ++k) {
      for (int64_t j = 0; j < columns; ++j) {
        c[static_cast<size_t>(i * columns + j)] +=
            a[static_cast<size_t>(i * inner + k)] * b[static_cast<size_t>(k * columns + j)];
      }
    }
  }
  return c;
}

Matrix transposed(int64_t rows, int64_t columns, const Matrix& a) {
  Matrix t(a.size());
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j)
      t[static_cast<size_t>(j * rows + i)] = a[static_cast<size_t>(i * columns + j)];
  }
  return t;
}

// (a + ridge I)^(-1/4) by Jacobi's rotations, with a ridge of 1e-6 of the largest eigenvalue.
Matrix inverse_fourth_root(int64_t n, Matrix a) {
  const auto at = [n](int64_t i, int64_t j) { return static_cast<size_t>(i * n + j); };
  Matrix vectors(a.size());
  for (int64_t i = 0; i < n; ++i) vectors[at(i, i)] = 1;
  for (int sweep = 0; sweep < 30; ++sweep) {
    for (int64_t p = 0; p < n; ++p) {
      for (int64_t q = p + 1; q < n; ++q) {
        if (a[at(p, q)] == 0) continue;
        const double theta = (a[at(q, q)] - a[at(p, p)]) / (2 * a[at(p, q)]);
        const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1);
        const double s = t * c;
        for (int64_t k = 0; k < n; ++k) {
          const double kp = a[at(k, p)];
          const double kq = a[at(k, q)];
          a[at(k, p)] = c * kp - s * kq;
          a[at(k, q)] = s * kp + c * kq;
        }
        for (int64_t k = 0; k < n; ++k) {
          const double pk = a[at(p, k)];
          const double qk = a[at(q, k)];
          a[at(p, k)] = c * pk - s * qk;
          a[at(q, k)] = s * pk + c * qk;
          const double vp = vectors[at(k, p)];
          const double vq = vectors[at(k, q)];
          vectors[at(k, p)] = c * vp - s * vq;
          vectors[at(k, q)] = s * vp + c * vq;
        }
      }
    }
  }
  double largest = 0;
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, a[at(i, i)]);
  Matrix root(a.size());
  for (int64_t k = 0; k < n; ++k) {
    const double power = std::pow(a[at(k, k)] + 1e-6 * largest, -0.25);
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < n; ++j) root[at(i, j)] += power * vectors[at(i, k)] * vectors[at(j, k)];
    }
  }
  return root;
}

Spec::Object rowwise_spec(double decay, bool decoupled) {
  return {{"kind", "rowwiseAdagrad"}, {"learningRate", 0.05}, {"initialAccumulator", 0.0},
          {"epsilon", 1e-8},          {"weightDecay", decay}, {"weightDecayMode", decoupled ? "decoupled" : "coupled"},
          {"direction", "minimize"}};
}

Spec::Object shampoo_spec(int64_t block, int64_t every) {
  return {{"kind", "shampoo"},  {"learningRate", 0.05},         {"initialAccumulator", 0.0},
          {"epsilon", 1e-10},   {"blockSize", block},           {"rootEvery", every},
          {"weightDecay", 0.0}, {"weightDecayMode", "coupled"}, {"direction", "minimize"}};
}

}  // namespace

TEST_CASE("rowwiseAdagrad: 1,000 steps of rows of many widths: the bits of float, the values of double") {
  for (const int64_t width : {1, 2, 7, 8, 9, 33}) {
    for (const double decay : {0.0, 0.02}) {
      for (const bool decoupled : {false, true}) {
        CAPTURE(width);
        CAPTURE(decay);
        CAPTURE(decoupled);
        const auto optimizer = make_optimizer(rowwise_spec(decay, decoupled));
        RandomData random(341);
        const Shape shape = width == 1 ? Shape{11} : Shape{11, width};
        Parameter parameter(*optimizer, shape, random.normal(11 * width));
        std::vector<float> float_weight = parameter.weight;
        std::vector<float> float_state(11);
        std::vector<double> weight(parameter.weight.begin(), parameter.weight.end());
        std::vector<double> state(11);
        for (uint64_t step = 1; step <= 1000; ++step) {
          const std::vector<float> gradient = awkward_gradient(random, 11 * width, step);
          parameter.update(gradient, step, 1);
          rowwise(11, decay, decoupled, gradient, float_weight, float_state);
          rowwise(11, decay, decoupled, gradient, weight, state);
        }
        CHECK(difference_in_bits(parameter.weight, float_weight) == "");
        CHECK(difference_in_bits(parameter.states[0], float_state) == "");
        CHECK(scaled_error(parameter.weight, weight) <= 1e-5);
        CHECK(scaled_error(parameter.states[0], state) <= 1e-5);
      }
    }
  }
}

TEST_CASE("adagradNorm: 1,000 steps of tensors of many sizes: the bits of float, the values of double") {
  for (const int64_t count : {1, 5, 100, 70'000}) {
    CAPTURE(count);
    const auto optimizer = make_optimizer(Spec::Object{{"kind", "adagradNorm"},
                                                       {"learningRate", 0.5},
                                                       {"initialNorm", 0.1},
                                                       {"weightDecay", 0.01},
                                                       {"direction", "maximize"}});
    RandomData random(342);
    Parameter parameter(*optimizer, {count}, random.normal(count));
    std::vector<float> float_weight = parameter.weight;
    float float_state = parameter.states[0][0];
    std::vector<double> weight(parameter.weight.begin(), parameter.weight.end());
    double state = parameter.states[0][0];
    for (uint64_t step = 1; step <= (count > 1000 ? 5 : 1000); ++step) {
      const std::vector<float> gradient = random.normal(count);
      parameter.update(gradient, step, 2);
      norm_step(gradient, float_weight, float_state);
      norm_step(gradient, weight, state);
    }
    // Large ones are summed in pieces.
    if (count < 1000) CHECK(difference_in_bits(parameter.weight, float_weight) == "");
    if (count < 1000) CHECK(parameter.states[0][0] == float_state);
    CHECK(scaled_error(parameter.weight, weight) <= 1e-5);
    CHECK(std::abs(parameter.states[0][0] - state) <= 1e-5 * state);
  }
}

TEST_CASE("shampoo: 1,000 steps of a matrix within 1e-5 of double, roots by other means") {
  constexpr int64_t kRows = 5;
  constexpr int64_t kColumns = 7;
  const auto optimizer = make_optimizer(shampoo_spec(8, 20));
  RandomData random(345);
  Parameter parameter(*optimizer, {kRows, kColumns}, random.normal(kRows * kColumns));
  Matrix w(parameter.weight.begin(), parameter.weight.end());
  Matrix s(w.size());
  Matrix left(kRows * kRows);
  Matrix right(kColumns * kColumns);
  Matrix left_root;
  Matrix right_root;
  const auto length = [](const Matrix& a) {
    double sum = 0;
    for (const double value : a) sum += value * value;
    return std::sqrt(sum);
  };
  for (uint64_t step = 1; step <= 1000; ++step) {
    const std::vector<float> given = random.normal(kRows * kColumns);
    parameter.update(given, step, 1);
    const Matrix g(given.begin(), given.end());
    const Matrix g_transposed = transposed(kRows, kColumns, g);
    const Matrix rows = multiply(kRows, kColumns, kRows, g, g_transposed);
    const Matrix columns = multiply(kColumns, kRows, kColumns, g_transposed, g);
    for (size_t i = 0; i < left.size(); ++i) left[i] += rows[i];
    for (size_t i = 0; i < right.size(); ++i) right[i] += columns[i];
    Matrix direction(g.size());
    for (size_t i = 0; i < g.size(); ++i) {
      s[i] += g[i] * g[i];
      direction[i] = g[i] / (std::sqrt(s[i]) + 1e-10);
    }
    if (step % 20 == 0) {
      left_root = inverse_fourth_root(kRows, left);
      right_root = inverse_fourth_root(kColumns, right);
    }
    if (step >= 20) {
      const double wanted = length(direction);
      direction = multiply(kRows, kRows, kColumns, left_root, multiply(kRows, kColumns, kColumns, g, right_root));
      const double own = length(direction);
      for (double& value : direction) value *= wanted / own;
    }
    for (size_t i = 0; i < w.size(); ++i) w[i] -= 0.05 * direction[i];
  }
  CHECK(scaled_error(parameter.weight, w) <= 1e-5);
  CHECK(scaled_error(parameter.states[0], s) <= 1e-5);
  CHECK(scaled_error(parameter.states[1], left) <= 1e-5);
  CHECK(scaled_error(parameter.states[4], right_root) <= 1e-5);
}

TEST_CASE("shampoo: a row of gradients that never change has the root of its Gram matrix, by hand") {
  // Every gradient is the matrix c e_1 e_1^T, so L = R = steps c^2 e_1 e_1^T and p points along e_1 e_1^T: with
  // grafting the step is diagonal AdaGrad's, learningRate / sqrt(steps).
  const auto optimizer = make_optimizer(shampoo_spec(4, 1));
  Parameter parameter(*optimizer, {2, 3}, {0, 0, 0, 0, 0, 0});
  double expected = 0;
  for (uint64_t step = 1; step <= 5; ++step) {
    parameter.update({3, 0, 0, 0, 0, 0}, step, 1);
    expected -= 0.05 / std::sqrt(static_cast<double>(step));
    CHECK(std::abs(parameter.weight[0] - expected) < 1e-6);
    for (size_t i = 1; i < 6; ++i) CHECK(parameter.weight[i] == 0);
  }
  CHECK(parameter.states[1] == std::vector<float>{45, 0, 0, 0});
}

TEST_CASE("shampoo: the roots are inverse fourth roots of the statistics plus their ridge") {
  const auto optimizer = make_optimizer(shampoo_spec(8, 3));
  RandomData random(343);
  Parameter parameter(*optimizer, {5, 7}, random.normal(35));
  for (uint64_t step = 1; step <= 3; ++step) parameter.update(random.normal(35), step, 1);
  const auto check = [](int64_t n, const std::vector<float>& statistics, const std::vector<float>& root) {
    // root^4 (statistics + r I) = I, with r below the rounding of float for such matrices but for the smallest values.
    std::vector<double> product(root.begin(), root.end());
    const auto times = [n](const std::vector<double>& a, const auto& b) {
      std::vector<double> c(a.size());
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          for (int64_t k = 0; k < n; ++k) {
            c[static_cast<size_t>(i * n + j)] += a[static_cast<size_t>(i * n + k)] * b[static_cast<size_t>(k * n + j)];
          }
        }
      }
      return c;
    };
    for (int i = 0; i < 3; ++i) product = times(product, root);
    product = times(product, statistics);
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        CHECK(product[static_cast<size_t>(i * n + j)] == doctest::Approx(i == j ? 1 : 0).epsilon(2e-3).scale(1));
      }
    }
  };
  check(5, parameter.states[1], parameter.states[3]);  // 3 x 7 gradients: full rank
  check(7, parameter.states[2], parameter.states[4]);
}

TEST_CASE("shampoo: blocks are independent, and threads change no bit") {
  const auto optimizer = make_optimizer(shampoo_spec(4, 2));
  RandomData random(344);
  const std::vector<float> start = random.normal(9 * 10);
  Parameter one(*optimizer, {9, 10}, start);
  Parameter four(*optimizer, {9, 10}, start);
  // The upper left block, alone.
  Parameter corner(*optimizer, {3, 4}, std::vector<float>(12));
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t j = 0; j < 4; ++j)
      corner.weight[static_cast<size_t>(i * 4 + j)] = start[static_cast<size_t>(i * 10 + j)];
  }
  for (uint64_t step = 1; step <= 7; ++step) {
    const std::vector<float> gradient = random.normal(90);
    one.update(gradient, step, 1);
    four.update(gradient, step, 4);
    std::vector<float> part;
    for (int64_t i = 0; i < 3; ++i) {
      for (int64_t j = 0; j < 4; ++j) part.push_back(gradient[static_cast<size_t>(i * 10 + j)]);
    }
    corner.update(part, step, 1);
  }
  CHECK(one.weight == four.weight);
  CHECK(one.states == four.states);
  for (int64_t i = 0; i < 3; ++i) {
    for (int64_t j = 0; j < 4; ++j) {
      CHECK(corner.weight[static_cast<size_t>(i * 4 + j)] == one.weight[static_cast<size_t>(i * 10 + j)]);
    }
  }
}

TEST_CASE("shampoo: goes down an ill-conditioned valley that diagonal AdaGrad cannot see") {
  // f = |A w B|^2 / 2 with A and B far from diagonal: after 200 steps of the same rate Shampoo is far lower.
  const double mix[2][2] = {{1, 0.99}, {0.99, 1}};
  const auto run = [&](const Spec::Object& spec) {
    const auto optimizer = make_optimizer(spec);
    Parameter parameter(*optimizer, {2, 2}, {1, -1, -0.7F, 0.6F});
    double value = 0;
    for (uint64_t step = 1; step <= 200; ++step) {
      double inner[2][2] = {};
      std::vector<float> gradient(4);
      for (int i = 0; i < 2; ++i) {
        for (int j = 0; j < 2; ++j) {
          for (int a = 0; a < 2; ++a) {
            for (int b = 0; b < 2; ++b)
              inner[i][j] += mix[i][a] * parameter.weight[static_cast<size_t>(2 * a + b)] * mix[b][j];
          }
        }
      }
      value = 0;
      for (int i = 0; i < 2; ++i) {
        for (int j = 0; j < 2; ++j) value += inner[i][j] * inner[i][j] / 2;
      }
      for (int a = 0; a < 2; ++a) {
        for (int b = 0; b < 2; ++b) {
          double sum = 0;
          for (int i = 0; i < 2; ++i) {
            for (int j = 0; j < 2; ++j) sum += mix[i][a] * inner[i][j] * mix[b][j];
          }
          gradient[static_cast<size_t>(2 * a + b)] = static_cast<float>(sum);
        }
      }
      parameter.update(gradient, step, 1);
    }
    return value;
  };
  const double shampoo = run(shampoo_spec(4, 1));
  const double adagrad = run(Spec::Object{{"kind", "adagrad"},
                                          {"learningRate", 0.05},
                                          {"learningRateDecay", 0.0},
                                          {"weightDecay", 0.0},
                                          {"weightDecayMode", "coupled"},
                                          {"initialAccumulator", 0.0},
                                          {"epsilon", 1e-10},
                                          {"epsilonPlacement", "outside"},
                                          {"direction", "minimize"}});
  CAPTURE(shampoo);
  CAPTURE(adagrad);
  CHECK(shampoo < adagrad);
}
