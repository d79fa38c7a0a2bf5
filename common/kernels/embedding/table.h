// A hash table of embeddings: key -> a row of floats (the value, then the optimizer's slots), how often the key was seen
// and the step in which it was last updated. It does not use TensorFlow, so sanitizers can run on it alone.
//
// Keys are spread over shards with a lock each. Rows and entries are in chunks that never move, and a full index is
// moved to a larger one a few entries at a time, so no call waits for a table to grow.
#ifndef MODELZOO_TABLE_H_
#define MODELZOO_TABLE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace modelzoo {

constexpr int kShards = 16;

// Runs task(0) ... task(count - 1), each once, in any order.
using Runner = std::function<void(int64_t count, const std::function<void(int64_t)>& task)>;

// How a table is made.
struct TableConfig {
  int64_t width;                // floats of a value
  std::vector<float> defaults;  // [R, width]: a new key starts with row key % R
  std::vector<float> slots;     // what the slots of a new row start with; they follow its value
  int64_t admit_at;             // how often a key must come before it gets a row; 0 or 1: at once
  int64_t bloom_counters;       // 0: keys without a row are counted exactly
  int64_t bloom_hashes;

  int64_t stride() const { return width + static_cast<int64_t>(slots.size()); }
};

// Counts keys in counters that they share: up to a limit, a count is never too low.
class Bloom {
 public:
  Bloom(int64_t counters, int64_t hashes, int64_t limit);

  // Counts a key; returns an upper bound of how often it came.
  int64_t Add(int64_t key, int64_t count);

  std::vector<uint8_t> Counters() const;
  // Sets each counter to the larger of itself and the argument's.
  void Merge(const uint8_t* counters);
  int64_t size() const { return size_; }

 private:
  int64_t size_, hashes_, limit_;
  std::unique_ptr<std::atomic<uint8_t>[]> counters_;
};

// Key -> number, of keys that are not removed one by one.
class Index {
 public:
  int32_t Find(int64_t key, uint64_t hash) const;  // -1 if it is not there
  void Insert(int64_t key, uint64_t hash, int32_t number);
  void Clear();
  void Prefetch(uint64_t hash) const;
  int64_t Bytes() const;

 private:
  struct Slot {
    int64_t key;
    int32_t number_plus_1;  // 0: empty
  };
  struct Slots {
    struct Free {
      void operator()(Slot* data) const;
    };
    std::unique_ptr<Slot[], Free> data;
    uint64_t mask = 0;
    int64_t used = 0;

    static Slots OfSize(uint64_t size);
    int32_t Find(int64_t key, uint64_t hash) const;
    void Put(int64_t key, uint64_t hash, int32_t number);
  };

  void Grow();
  void MoveSome(int64_t count);

  Slots now_, old_;
  uint64_t moved_ = 0;  // slots of old_ that are in now_
};

// The entry of a key.
struct Entry {
  int64_t key;
  int64_t version;         // the step of its last update, -1 for none
  uint32_t frequency;
  int32_t row;             // -1: it has none yet
  int32_t generation;      // of the last mark of its row
};

// Which keys a table forgets when it is saved.
struct Eviction {
  enum Rule { kNone, kVersion, kNorm };
  Rule rule = kNone;
  int64_t step = 0, steps_to_live = 0;
  float half_squared_norm = 0.0f;
};

// Where an export writes the keys that have rows, [n], and those without one yet, [m].
struct Arrays {
  int64_t *keys, *frequencies, *versions;
  float *values, *slots;  // [n, width] and [n, stride - width]
  int64_t *waiting_keys, *waiting_frequencies, *waiting_versions;
};

class Table {
 public:
  explicit Table(const TableConfig& config);
  ~Table();

  const TableConfig& config() const { return config_; }

  // The values of keys, [count, width]; without a row, the key's default, or zeros if keys are admitted late.
  // Args: admitted: [count], may be null: whether the key has a row.
  void Gather(const int64_t* keys, int64_t count, const Runner& run, float* values, bool* admitted);

  // Counts distinct keys, each `counts` times, and calls change(i, row) for those that have a row now.
  // Args: initial: [count, width] or null. What a new row starts with; it is not changed in this call then.
  void Update(const int64_t* keys, const int64_t* counts, int64_t count, int64_t version, const float* initial,
              const Runner& run, const std::function<void(int64_t, float*)>& change);

  // How often keys were seen, without counting them now; 0 for unknown keys.
  void Frequencies(const int64_t* keys, int64_t count, const Runner& run, int64_t* frequencies);

  // Marks the rows of keys with a generation; later marks stay.
  void Mark(const int64_t* keys, int64_t count, int32_t generation, const Runner& run);

  // Copies all keys as they are at one moment, after eviction; if since > 0, only rows marked from that generation on.
  // Args: allocate(n, m): allocates the arrays.
  void Export(const Eviction& eviction, int32_t since, const Runner& run,
              const std::function<Arrays(int64_t, int64_t)>& allocate);
  std::vector<uint8_t> BloomCounters() const;

  // Sets keys and their rows; slots may be null for what new rows start with.
  void Import(const int64_t* keys, const float* values, const float* slots, const int64_t* frequencies,
              const int64_t* versions, int64_t count, int32_t generation);
  void ImportWaiting(const int64_t* keys, const int64_t* frequencies, const int64_t* versions, int64_t count);
  void ImportBloom(const uint8_t* counters, int64_t count);

  // The number of keys with a row and of keys without one, and bytes of memory.
  void Size(int64_t* rows, int64_t* waiting, int64_t* bytes);

 private:
  struct Shard;

  void InShards(const int64_t* keys, int64_t count, const Runner& run,
                const std::function<void(Shard*, const int32_t*, const int32_t*, int64_t)>& work);
  bool Admits(int64_t frequency) const { return frequency >= config_.admit_at; }
  const float* Default(int64_t key) const;
  Entry* Count(Shard* shard, int32_t number, int64_t key, int64_t count);
  void GiveRow(Shard* shard, Entry* entry, const float* value);
  void Evict(const Eviction& eviction, Shard* shard);
  bool IsEvicted(const Eviction& eviction, Shard* shard, Entry* entry) const;

  const TableConfig config_;
  std::unique_ptr<Bloom> bloom_;
  std::unique_ptr<Shard[]> shards_;
};

}  // namespace modelzoo

#endif  // MODELZOO_TABLE_H_
