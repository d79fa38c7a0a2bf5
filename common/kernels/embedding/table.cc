#include "embedding/table.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>

namespace modelzoo {
namespace {

constexpr int64_t kChunk = 64;      // rows or entries of a chunk
constexpr int64_t kMoved = 8;       // entries that each insertion moves to a larger index
constexpr uint64_t kSmallest = 16;  // slots of an index
constexpr int64_t kTogether = 16;   // keys that are fetched from memory at once
constexpr int64_t kTasks = 8;
constexpr int64_t kLine = 16;  // floats of a cache line
constexpr int32_t kNoRow = -1, kNoEntry = -2;
constexpr int64_t kMostOften = (int64_t{1} << 32) - 1;
constexpr int64_t kNever = -1;

uint64_t Hash(int64_t key) {  // the last steps of MurmurHash3
  uint64_t x = static_cast<uint64_t>(key);
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdull;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ull;
  return x ^ (x >> 33);
}

int ShardOf(uint64_t hash) { return static_cast<int>(hash >> 60); }

uint32_t Frequency(int64_t count) { return static_cast<uint32_t>(std::min(count, kMostOften)); }

// Values of one size in chunks that never move.
template <class T>
class Chunks {
 public:
  explicit Chunks(int64_t size = 1) : size_(size) {}

  T* At(int64_t i) const { return chunks_[i / kChunk].get() + i % kChunk * size_; }
  int64_t size() const { return size_; }
  int64_t count() const { return count_; }
  int64_t Add() {
    if (count_ == static_cast<int64_t>(chunks_.size()) * kChunk) chunks_.emplace_back(new T[kChunk * size_]);
    return count_++;
  }
  int64_t Bytes() const { return chunks_.size() * kChunk * size_ * sizeof(T); }

 private:
  int64_t size_, count_ = 0;
  std::vector<std::unique_ptr<T[]>> chunks_;
};

}  // namespace

Bloom::Bloom(int64_t counters, int64_t hashes, int64_t limit)
    : size_(counters), hashes_(hashes), limit_(limit), counters_(new std::atomic<uint8_t>[counters]) {
  for (int64_t i = 0; i < size_; ++i) counters_[i].store(0, std::memory_order_relaxed);
}

int64_t Bloom::Add(int64_t key, int64_t count) {
  const uint64_t first = Hash(key), second = Hash(~key) | 1;
  int64_t least = limit_;
  for (int64_t i = 0; i < hashes_; ++i) {
    std::atomic<uint8_t>& counter = counters_[(first + i * second) % size_];
    uint8_t before = counter.load(std::memory_order_relaxed), after;
    do {
      after = static_cast<uint8_t>(std::min<int64_t>(before + count, limit_));
    } while (!counter.compare_exchange_weak(before, after, std::memory_order_relaxed));
    least = std::min<int64_t>(least, after);
  }
  return least;
}

std::vector<uint8_t> Bloom::Counters() const {
  std::vector<uint8_t> counters(size_);
  for (int64_t i = 0; i < size_; ++i) counters[i] = counters_[i].load(std::memory_order_relaxed);
  return counters;
}

void Bloom::Merge(const uint8_t* counters) {
  for (int64_t i = 0; i < size_; ++i) {
    const uint8_t kept = counters_[i].load(std::memory_order_relaxed);
    counters_[i].store(std::max(kept, counters[i]), std::memory_order_relaxed);
  }
}

void Index::Slots::Free::operator()(Slot* data) const { std::free(data); }

Index::Slots Index::Slots::OfSize(uint64_t size) {
  Slots slots;
  slots.data.reset(static_cast<Slot*>(std::calloc(size, sizeof(Slot))));  // large memory is zeroed at first use
  if (!slots.data) throw std::bad_alloc();
  slots.mask = size - 1;
  return slots;
}

int32_t Index::Slots::Find(int64_t key, uint64_t hash) const {
  if (!data) return -1;
  for (uint64_t at = hash & mask; data[at].number_plus_1; at = (at + 1) & mask) {
    if (data[at].key == key) return data[at].number_plus_1 - 1;
  }
  return -1;
}

void Index::Slots::Put(int64_t key, uint64_t hash, int32_t number) {
  uint64_t at = hash & mask;
  while (data[at].number_plus_1) at = (at + 1) & mask;
  data[at] = {key, number + 1};
  ++used;
}

int32_t Index::Find(int64_t key, uint64_t hash) const {
  const int32_t found = now_.Find(key, hash);
  return found >= 0 ? found : old_.Find(key, hash);
}

void Index::Insert(int64_t key, uint64_t hash, int32_t number) {
  if (!now_.data || 4 * (now_.used + 1) > 3 * static_cast<int64_t>(now_.mask + 1)) Grow();
  now_.Put(key, hash, number);
  MoveSome(kMoved);
}

void Index::Grow() {
  if (old_.data) MoveSome(old_.mask + 1);
  old_ = std::move(now_);
  moved_ = 0;
  now_ = Slots::OfSize(old_.data ? 2 * (old_.mask + 1) : kSmallest);
}

void Index::MoveSome(int64_t count) {
  if (!old_.data) return;
  for (; count > 0 && moved_ <= old_.mask; --count, ++moved_) {
    const Slot& slot = old_.data[moved_];
    if (slot.number_plus_1) now_.Put(slot.key, Hash(slot.key), slot.number_plus_1 - 1);
  }
  if (moved_ > old_.mask) old_ = Slots();
}

void Index::Clear() {
  now_ = Slots();
  old_ = Slots();
}

void Index::Prefetch(uint64_t hash) const {
  if (now_.data) __builtin_prefetch(&now_.data[hash & now_.mask]);
}

int64_t Index::Bytes() const {
  return ((now_.data ? now_.mask + 1 : 0) + (old_.data ? old_.mask + 1 : 0)) * sizeof(Slot);
}

struct Table::Shard {
  std::mutex mu;
  Index index;
  Chunks<Entry> entries;
  Chunks<float> rows;
  std::vector<int32_t> free_entries, free_rows;

  // The numbers of some keys' entries, -1 where there is none.
  void Find(const int64_t* keys, const uint64_t* hashes, const int32_t* members, int64_t size, int32_t* numbers) const {
    for (int64_t j = 0; j < size; ++j) index.Prefetch(hashes[members[j]]);
    for (int64_t j = 0; j < size; ++j) {
      numbers[j] = index.Find(keys[members[j]], hashes[members[j]]);
      if (numbers[j] >= 0) __builtin_prefetch(entries.At(numbers[j]));
    }
    for (int64_t j = 0; j < size; ++j) {
      const int32_t row = numbers[j] < 0 ? kNoRow : entries.At(numbers[j])->row;
      for (int64_t at = 0; row >= 0 && at < rows.size(); at += kLine) __builtin_prefetch(rows.At(row) + at);
    }
  }

  int32_t NewEntry() { return Taken(&free_entries, &entries); }
  int32_t NewRow() { return Taken(&free_rows, &rows); }

  template <class T>
  static int32_t Taken(std::vector<int32_t>* free, Chunks<T>* chunks) {
    if (free->empty()) return static_cast<int32_t>(chunks->Add());
    const int32_t taken = free->back();
    free->pop_back();
    return taken;
  }
};

Table::Table(const TableConfig& config) : config_(config), shards_(new Shard[kShards]) {
  for (int i = 0; i < kShards; ++i) shards_[i].rows = Chunks<float>(config_.stride());
  if (config_.bloom_counters) bloom_.reset(new Bloom(config_.bloom_counters, config_.bloom_hashes, config_.admit_at));
}

Table::~Table() = default;

// Calls work(shard, members, numbers, size) with indices of some keys of one locked shard and the numbers of their
// entries, which have been prefetched.
void Table::InShards(const int64_t* keys, int64_t count, const Runner& run,
                     const std::function<void(Shard*, const int32_t*, const int32_t*, int64_t)>& work) {
  std::vector<int32_t> starts(kShards + 1, 0), order(count);
  std::vector<uint64_t> hashes(count);
  for (int64_t i = 0; i < count; ++i) ++starts[ShardOf(hashes[i] = Hash(keys[i])) + 1];
  for (int i = 0; i < kShards; ++i) starts[i + 1] += starts[i];
  std::vector<int32_t> next(starts.begin(), starts.end() - 1);
  for (int64_t i = 0; i < count; ++i) order[next[ShardOf(hashes[i])]++] = static_cast<int32_t>(i);
  run(kTasks, [&](int64_t task) {
    for (int i = task * kShards / kTasks; i < (task + 1) * kShards / kTasks; ++i) {
      if (starts[i] == starts[i + 1]) continue;
      std::lock_guard<std::mutex> lock(shards_[i].mu);
      for (int32_t low = starts[i]; low < starts[i + 1]; low += kTogether) {
        int32_t numbers[kTogether];
        const int64_t size = std::min<int64_t>(kTogether, starts[i + 1] - low);
        shards_[i].Find(keys, hashes.data(), &order[low], size, numbers);
        work(&shards_[i], &order[low], numbers, size);
      }
    }
  });
}

const float* Table::Default(int64_t key) const {
  const uint64_t rows = config_.defaults.size() / config_.width;
  return config_.defaults.data() + static_cast<uint64_t>(key) % rows * config_.width;
}

void Table::Gather(const int64_t* keys, int64_t count, const Runner& run, float* values, bool* admitted) {
  const int64_t width = config_.width;
  InShards(keys, count, run, [&](Shard* shard, const int32_t* members, const int32_t* numbers, int64_t size) {
    for (int64_t j = 0; j < size; ++j) {
      const int32_t row = numbers[j] < 0 ? kNoRow : shard->entries.At(numbers[j])->row;
      float* out = values + members[j] * width;
      if (row >= 0) {
        std::copy_n(shard->rows.At(row), width, out);
      } else if (config_.admit_at > 1) {
        std::fill_n(out, width, 0.0f);
      } else {
        std::copy_n(Default(keys[members[j]]), width, out);
      }
      if (admitted) admitted[members[j]] = row >= 0;
    }
  });
}

// Counts a key; returns its entry, a new one if it has none, or null while a Bloom filter keeps it out.
Entry* Table::Count(Shard* shard, int32_t number, int64_t key, int64_t count) {
  if (number < 0) number = shard->index.Find(key, Hash(key));  // another thread may have made it since
  if (number >= 0) {
    Entry* entry = shard->entries.At(number);
    entry->frequency = Frequency(int64_t{entry->frequency} + count);
    return entry;
  }
  if (bloom_) {
    count = bloom_->Add(key, count);
    if (!Admits(count)) return nullptr;
  }
  number = shard->NewEntry();
  shard->index.Insert(key, Hash(key), number);
  Entry* entry = shard->entries.At(number);
  *entry = {key, kNever, Frequency(count), kNoRow, 0};
  return entry;
}

void Table::GiveRow(Shard* shard, Entry* entry, const float* value) {
  entry->row = shard->NewRow();
  float* row = shard->rows.At(entry->row);
  std::copy_n(value, config_.width, row);
  std::copy(config_.slots.begin(), config_.slots.end(), row + config_.width);
}

void Table::Update(const int64_t* keys, const int64_t* counts, int64_t count, int64_t version, const float* initial,
                   const Runner& run, const std::function<void(int64_t, float*)>& change) {
  InShards(keys, count, run, [&](Shard* shard, const int32_t* members, const int32_t* numbers, int64_t size) {
    for (int64_t j = 0; j < size; ++j) {
      const int64_t i = members[j];
      Entry* entry = Count(shard, numbers[j], keys[i], counts[i]);
      if (!entry) continue;
      entry->version = version;
      if (entry->row < 0 && !Admits(entry->frequency)) continue;
      if (entry->row < 0) {
        GiveRow(shard, entry, initial ? initial + i * config_.width : Default(keys[i]));
        if (initial) continue;
      }
      change(i, shard->rows.At(entry->row));
    }
  });
}

void Table::Frequencies(const int64_t* keys, int64_t count, const Runner& run, int64_t* frequencies) {
  InShards(keys, count, run, [&](Shard* shard, const int32_t* members, const int32_t* numbers, int64_t size) {
    for (int64_t j = 0; j < size; ++j) {
      frequencies[members[j]] = numbers[j] < 0 ? 0 : shard->entries.At(numbers[j])->frequency;
    }
  });
}

bool Table::IsEvicted(const Eviction& eviction, Shard* shard, Entry* entry) const {
  if (eviction.rule == Eviction::kVersion) {
    if (entry->version == kNever) entry->version = eviction.step;
    return eviction.step - entry->version > eviction.steps_to_live;
  }
  if (eviction.rule != Eviction::kNorm || entry->row < 0) return false;
  const float* value = shard->rows.At(entry->row);
  float sum = 0.0f;
  for (int64_t i = 0; i < config_.width; ++i) sum += value[i] * value[i];
  return 0.5f * sum < eviction.half_squared_norm;
}

void Table::Evict(const Eviction& eviction, Shard* shard) {
  const size_t free = shard->free_entries.size();
  for (int64_t i = 0; i < shard->entries.count(); ++i) {
    Entry* entry = shard->entries.At(i);
    if (entry->row == kNoEntry || !IsEvicted(eviction, shard, entry)) continue;
    if (entry->row >= 0) shard->free_rows.push_back(entry->row);
    entry->row = kNoEntry;
    shard->free_entries.push_back(static_cast<int32_t>(i));
  }
  if (shard->free_entries.size() == free) return;
  shard->index.Clear();
  for (int64_t i = 0; i < shard->entries.count(); ++i) {
    const Entry* entry = shard->entries.At(i);
    if (entry->row != kNoEntry) shard->index.Insert(entry->key, Hash(entry->key), static_cast<int32_t>(i));
  }
}

void Table::Mark(const int64_t* keys, int64_t count, int32_t generation, const Runner& run) {
  InShards(keys, count, run, [&](Shard* shard, const int32_t*, const int32_t* numbers, int64_t size) {
    for (int64_t j = 0; j < size; ++j) {
      if (numbers[j] < 0) continue;
      Entry* entry = shard->entries.At(numbers[j]);
      entry->generation = std::max(entry->generation, generation);
    }
  });
}

void Table::Export(const Eviction& eviction, int32_t since, const Runner& run,
                   const std::function<Arrays(int64_t, int64_t)>& allocate) {
  std::vector<std::unique_lock<std::mutex>> locks;
  for (int i = 0; i < kShards; ++i) locks.emplace_back(shards_[i].mu);
  const auto has_taken_row = [&](const Entry& entry) { return entry.row >= 0 && entry.generation >= since; };
  const auto waits = [&](const Entry& entry) { return entry.row == kNoRow && since == 0; };
  std::vector<int64_t> rows(kShards + 1, 0), waiting(kShards + 1, 0);
  run(kShards, [&](int64_t s) {
    if (eviction.rule != Eviction::kNone) Evict(eviction, &shards_[s]);
    for (int64_t i = 0; i < shards_[s].entries.count(); ++i) {
      rows[s + 1] += has_taken_row(*shards_[s].entries.At(i));
      waiting[s + 1] += waits(*shards_[s].entries.At(i));
    }
  });
  for (int s = 0; s < kShards; ++s) rows[s + 1] += rows[s], waiting[s + 1] += waiting[s];
  const Arrays to = allocate(rows[kShards], waiting[kShards]);
  const int64_t width = config_.width, slots = config_.slots.size();
  run(kShards, [&](int64_t s) {
    int64_t at = rows[s], wait = waiting[s];
    for (int64_t i = 0; i < shards_[s].entries.count(); ++i) {
      const Entry* entry = shards_[s].entries.At(i);
      if (has_taken_row(*entry)) {
        const float* row = shards_[s].rows.At(entry->row);
        std::copy_n(row, width, to.values + at * width);
        std::copy_n(row + width, slots, to.slots + at * slots);
        to.keys[at] = entry->key, to.frequencies[at] = entry->frequency, to.versions[at++] = entry->version;
      } else if (waits(*entry)) {
        to.waiting_keys[wait] = entry->key, to.waiting_frequencies[wait] = entry->frequency;
        to.waiting_versions[wait++] = entry->version;
      }
    }
  });
}

std::vector<uint8_t> Table::BloomCounters() const {
  return bloom_ ? bloom_->Counters() : std::vector<uint8_t>();
}

void Table::Import(const int64_t* keys, const float* values, const float* slots, const int64_t* frequencies,
                   const int64_t* versions, int64_t count, int32_t generation) {
  const int64_t width = config_.width, slot_width = config_.slots.size();
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t hash = Hash(keys[i]);
    Shard* shard = &shards_[ShardOf(hash)];
    std::lock_guard<std::mutex> lock(shard->mu);
    int32_t number = shard->index.Find(keys[i], hash);
    if (number < 0) {
      number = shard->NewEntry();
      shard->index.Insert(keys[i], hash, number);
      *shard->entries.At(number) = {keys[i], kNever, 0, kNoRow, 0};
    }
    Entry* entry = shard->entries.At(number);
    if (entry->row < 0) GiveRow(shard, entry, values + i * width);
    float* row = shard->rows.At(entry->row);
    std::copy_n(values + i * width, width, row);
    if (slots) std::copy_n(slots + i * slot_width, slot_width, row + width);
    entry->frequency = Frequency(std::max(frequencies[i], config_.admit_at));  // a key with a row keeps it
    entry->version = versions[i];
    entry->generation = generation;
  }
}

void Table::ImportWaiting(const int64_t* keys, const int64_t* frequencies, const int64_t* versions, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t hash = Hash(keys[i]);
    Shard* shard = &shards_[ShardOf(hash)];
    std::lock_guard<std::mutex> lock(shard->mu);
    const int32_t number = shard->index.Find(keys[i], hash);
    if (number >= 0 && shard->entries.At(number)->row >= 0) continue;
    Entry* entry = Count(shard, number, keys[i], frequencies[i]);  // added to what steps have counted meanwhile
    if (entry) entry->version = std::max(entry->version, versions[i]);
  }
}

void Table::ImportBloom(const uint8_t* counters, int64_t count) {
  if (bloom_ && bloom_->size() == count) bloom_->Merge(counters);
}

void Table::Size(int64_t* rows, int64_t* waiting, int64_t* bytes) {
  *rows = *waiting = 0;
  *bytes = bloom_ ? bloom_->size() : 0;
  for (int i = 0; i < kShards; ++i) {
    Shard* shard = &shards_[i];
    std::lock_guard<std::mutex> lock(shard->mu);
    const int64_t with_row = shard->rows.count() - static_cast<int64_t>(shard->free_rows.size());
    *rows += with_row;
    *waiting += shard->entries.count() - static_cast<int64_t>(shard->free_entries.size()) - with_row;
    *bytes += shard->index.Bytes() + shard->entries.Bytes() + shard->rows.Bytes() +
              (shard->free_entries.capacity() + shard->free_rows.capacity()) * sizeof(int32_t);
  }
}

}  // namespace modelzoo
