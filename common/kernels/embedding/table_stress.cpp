// Threads that look up, update, save, evict and restore one table at once. table_test.py compiles it with sanitizers
// and runs it. The exit status is 0 if no row is torn at the end: the numbers of each row are equal.
#include <cstdio>
#include <random>
#include <thread>
#include <vector>

#include "embedding/table.h"

using namespace modelzoo;

namespace {

constexpr int64_t kWidth = 5, kSlots = 5, kKeys = 3000, kBatch = 97;
constexpr int kThreads = 4;

void InOrder(int64_t count, const std::function<void(int64_t)>& task) {
  for (int64_t i = 0; i < count; ++i) task(i);
}

TableConfig Config(int64_t admit_at, bool bloom) {
  return {kWidth, std::vector<float>(kWidth * 8, 1.0f), std::vector<float>(kSlots, 0.5f), admit_at, bloom ? 5000 : 0, 4};
}

std::vector<int64_t> Keys(std::mt19937_64* random) {  // distinct
  std::vector<int64_t> keys(kBatch);
  const int64_t start = (*random)() % kKeys;
  for (int64_t i = 0; i < kBatch; ++i) keys[i] = (start + i * 31) % kKeys * 1000003;
  return keys;
}

bool IsWhole(const float* row, int64_t width) {
  for (int64_t i = 1; i < width; ++i) {
    if (row[i] != row[0]) return false;
  }
  return true;
}

void Train(Table* table, int seed, int steps, std::atomic<int>* broken) {
  std::mt19937_64 random(seed);
  const std::vector<int64_t> counts(kBatch, 1);
  std::vector<float> values(kBatch * kWidth);
  for (int step = 0; step < steps; ++step) {
    const std::vector<int64_t> keys = Keys(&random);
    table->Gather(keys.data(), kBatch, InOrder, values.data(), nullptr);
    for (int64_t i = 0; i < kBatch; ++i) *broken += !IsWhole(&values[i * kWidth], kWidth);
    table->Update(keys.data(), counts.data(), kBatch, step, nullptr, InOrder, [&](int64_t, float* row) {
      for (int64_t i = 0; i < kWidth; ++i) row[i] += 1.0f, row[kWidth + i] += 2.0f;
    });
    table->Mark(keys.data(), kBatch, step, InOrder);
  }
}

struct Copy {
  std::vector<int64_t> numbers[6];
  std::vector<float> values, slots;
};

Copy Save(Table* table, const Eviction& eviction, int32_t since) {
  Copy copy;
  table->Export(eviction, since, InOrder, [&](int64_t rows, int64_t waiting) {
    for (int i = 0; i < 6; ++i) copy.numbers[i].resize(i < 3 ? rows : waiting);
    copy.values.resize(rows * kWidth);
    copy.slots.resize(rows * kSlots);
    int64_t* of[6];
    for (int i = 0; i < 6; ++i) of[i] = copy.numbers[i].data();
    return Arrays{of[0], of[1], of[2], copy.values.data(), copy.slots.data(), of[3], of[4], of[5]};
  });
  return copy;
}

int Check(const Copy& copy) {
  int broken = 0;
  for (size_t i = 0; i < copy.numbers[0].size(); ++i) {
    broken += !IsWhole(&copy.values[i * kWidth], kWidth) || !IsWhole(&copy.slots[i * kSlots], kSlots);
  }
  return broken;
}

int Run(int64_t admit_at, bool bloom, Eviction eviction, int steps) {
  Table table(Config(admit_at, bloom));
  std::atomic<int> broken(0), trained(0);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      Train(&table, i, steps, &broken);
      ++trained;
    });
  }
  std::mt19937_64 random(99);
  while (trained < kThreads) {
    eviction.step = random() % steps;
    const Copy copy = Save(&table, eviction, random() % 2);
    broken += Check(copy);
    if (random() % 3 == 0 && !copy.numbers[0].empty()) {
      table.Import(copy.numbers[0].data(), copy.values.data(), copy.slots.data(), copy.numbers[1].data(),
                   copy.numbers[2].data(), copy.numbers[0].size(), 1);
    }
    int64_t rows, waiting, bytes;
    table.Size(&rows, &waiting, &bytes);
    broken += rows < 0 || waiting < 0 || bytes < 0 || rows + waiting > kKeys;
  }
  for (std::thread& thread : threads) thread.join();
  return broken + Check(Save(&table, Eviction(), 0));
}

}  // namespace

int main() {
  Eviction version, norm;
  version.rule = Eviction::kVersion, version.steps_to_live = 3;
  norm.rule = Eviction::kNorm, norm.half_squared_norm = 40.0f;
  int broken = 0;
  for (const Eviction& eviction : {Eviction(), version, norm}) {
    for (int64_t admit_at : {0, 3}) broken += Run(admit_at, false, eviction, 300);
    broken += Run(3, true, eviction, 300);
  }
  std::printf("%d broken\n", broken);
  return broken != 0;
}
