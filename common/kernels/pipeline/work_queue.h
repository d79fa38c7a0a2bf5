// One queue of work items for all trainers. An item is a range of a file's rows; each epoch has all of them in an order
// of its own. The queue knows which rows of an item were trained, so it can be saved, and resumed exactly there.
#ifndef MODELZOO_WORK_QUEUE_H_
#define MODELZOO_WORK_QUEUE_H_

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "shared/op.h"
#include "tensorflow/core/framework/resource_mgr.h"
#include "tensorflow/core/platform/mutex.h"

namespace modelzoo {

using tensorflow::int64;
using tensorflow::uint64;

inline Status NotSet() {
  return tensorflow::errors::FailedPrecondition(
      "the work queue was not set yet. The chief's session sets it, from a checkpoint or to the first epoch.");
}

enum Answer { kItem = 0, kNothingNow = 1, kEnd = 2 };  // as in work_queue.py

struct Entry {
  int64 epoch, item, done;  // done: how many of its rows were trained, the first in the epoch's order
  int64 number;             // ascending in the order of assignments
};

// The items of an epoch: item i has the rows bounds[i] to before bounds[i + 1] of the file, of which sizes[i] are
// usable, and is in groups[i], ascending: a part of the file that is read at once.
struct Plan {
  std::vector<int64> bounds, sizes, groups;
  int64 seed = 0, epochs = 0;  // epochs: 0 for no end
  bool shuffled = true;
  double silent_secs = 60.0;

  int64 rows() const {
    int64 sum = 0;
    for (int64 size : sizes) sum += size;
    return sum;
  }
};

// SplitMix64: the same numbers on every machine.
inline uint64 NextRandom(uint64* state) {
  uint64 z = (*state += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

inline void Shuffle(uint64* state, std::vector<int64>* values) {
  for (size_t i = values->size(); i > 1; --i) std::swap((*values)[i - 1], (*values)[NextRandom(state) % i]);
}

// The items of an epoch in its order: groups in random order, and within each its items. So a worker that reads a group
// for one item also gets to use the rest of it.
inline std::vector<int64> Order(const Plan& plan, int64 epoch) {
  std::vector<std::vector<int64>> groups;
  for (size_t i = 0; i < plan.sizes.size(); ++i) {
    if (!i || plan.groups[i] != plan.groups[i - 1]) groups.emplace_back();
    if (plan.sizes[i]) groups.back().push_back(i);
  }
  std::vector<int64> order(groups.size()), items;
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  uint64 state = plan.seed;
  state = NextRandom(&state) ^ static_cast<uint64>(epoch);
  if (plan.shuffled) Shuffle(&state, &order);
  for (int64 group : order) {
    if (plan.shuffled) Shuffle(&state, &groups[group]);
    items.insert(items.end(), groups[group].begin(), groups[group].end());
  }
  return items;
}

inline Status CheckPlan(const Plan& plan) {
  const int64 items = plan.sizes.size();
  if (plan.bounds.size() != items + 1 || plan.groups.size() != items) {
    return InvalidArgument("bounds must be one more than sizes, and groups as many. Got: ", plan.bounds.size(), ", ",
                           items, " and ", plan.groups.size(), ".");
  }
  if (plan.bounds[0] != 0 || !std::is_sorted(plan.bounds.begin(), plan.bounds.end())) {
    return InvalidArgument("bounds must ascend from 0.");
  }
  if (!std::is_sorted(plan.groups.begin(), plan.groups.end()) || (items && plan.groups[0] < 0)) {
    return InvalidArgument("groups must ascend and not be negative.");
  }
  for (int64 i = 0; i < items; ++i) {
    if (plan.sizes[i] < 0 || plan.sizes[i] > plan.bounds[i + 1] - plan.bounds[i]) {
      return InvalidArgument("the size of item ", i, " must be of 0 to ", plan.bounds[i + 1] - plan.bounds[i],
                             ". Got: ", plan.sizes[i], ".");
    }
  }
  if (plan.rows() == 0) return InvalidArgument("not one item has rows.");
  return Status::OK();
}

inline Status CheckEntry(const Plan& plan, int64 epoch, const Entry& entry) {
  if (entry.epoch < 0 || entry.epoch >= epoch) {
    return InvalidArgument("what is left must be of the ", epoch, " epochs begun. Got: ", entry.epoch, ".");
  }
  if (entry.item < 0 || entry.item >= plan.sizes.size()) {
    return InvalidArgument("there is no item ", entry.item, " among ", plan.sizes.size(), ".");
  }
  if (entry.done < 0 || entry.done >= plan.sizes[entry.item]) {
    return InvalidArgument("of item ", entry.item, " 0 to ", plan.sizes[entry.item] - 1,
                           " rows may be done. Got: ", entry.done, ".");
  }
  return Status::OK();
}

class WorkQueue : public tensorflow::ResourceBase {
 public:
  std::string DebugString() const override { return "a queue of work items"; }

  bool IsSet() {
    tensorflow::mutex_lock lock(mutex_);
    return is_set_;
  }

  // Starts anew: `epoch` epochs were begun, of which `items` are left. Then leaves out the next `skip` rows.
  void Reset(const Plan& plan, int64 epoch, const std::vector<Entry>& items, int64 skip) {
    tensorflow::mutex_lock lock(mutex_);
    plan_ = plan;
    epoch_ = epoch;
    pending_.assign(items.begin(), items.end());
    workers_.clear();
    if (pending_.empty()) {
      int64 whole = skip / plan_.rows();
      if (plan_.epochs) whole = std::max<int64>(0, std::min(whole, plan_.epochs - epoch_));
      epoch_ += whole;
      skip -= whole * plan_.rows();
    }
    while (skip > 0 && (!pending_.empty() || Fill())) {
      Entry* first = &pending_.front();
      const int64 skipped = std::min(skip, plan_.sizes[first->item] - first->done);
      skip -= skipped;
      first->done += skipped;
      if (first->done == plan_.sizes[first->item]) pending_.pop_front();
    }
    is_set_ = true;
  }

  Status Take(const std::string& name, Answer* answer, Entry* entry) {
    tensorflow::mutex_lock lock(mutex_);
    if (!is_set_) return NotSet();
    Worker* worker = Heard(name);
    if (pending_.empty()) ReclaimFromTheSilent();
    if (pending_.empty() && !Fill()) {
      *answer = kEnd;
      for (const auto& other : workers_) {
        if (&other.second != worker && !other.second.open.empty()) *answer = kNothingNow;
      }
      return Status::OK();
    }
    const auto chosen = pending_.begin() + Choose(*worker);
    chosen->number = number_++;
    worker->open.push_back(*chosen);
    worker->group = plan_.groups[chosen->item];
    *entry = *chosen;
    pending_.erase(chosen);
    *answer = kItem;
    return Status::OK();
  }

  // Records that a worker trained these rows of the file; `strays`: how many of them are not assigned to it, because
  // the queue was set back or they were assigned to others.
  Status Advance(const std::string& name, const int64* rows, int64 count, int64* strays) {
    tensorflow::mutex_lock lock(mutex_);
    if (!is_set_) return NotSet();
    for (int64 i = 0; i < count; ++i) {
      if (rows[i] < 0 || rows[i] >= plan_.bounds.back()) {
        return InvalidArgument("a row must be of 0 to ", plan_.bounds.back() - 1, ". Got: ", rows[i], ".");
      }
    }
    Worker* worker = Heard(name);
    *strays = 0;
    for (int64 i = 0; i < count; ++i) *strays += !Train(rows[i], &worker->open);
    return Status::OK();
  }

  // What a worker took and did not finish is assigned again first.
  Status Release(const std::string& name) {
    tensorflow::mutex_lock lock(mutex_);
    if (!is_set_) return NotSet();
    Worker* worker = Heard(name);
    worker->group = -1;
    pending_.insert(pending_.begin(), worker->open.begin(), worker->open.end());
    worker->open.clear();
    return Status::OK();
  }

  // How many epochs were begun, and what is left of them: items in work first, then the rest in order.
  Status State(int64* epoch, std::vector<Entry>* left) {
    tensorflow::mutex_lock lock(mutex_);
    if (!is_set_) return NotSet();
    *epoch = epoch_;
    for (const auto& worker : workers_) left->insert(left->end(), worker.second.open.begin(), worker.second.open.end());
    SortByNumber(left);
    left->insert(left->end(), pending_.begin(), pending_.end());
    return Status::OK();
  }

 private:
  using Clock = std::chrono::steady_clock;

  struct Worker {
    std::vector<Entry> open;  // taken and not finished, the oldest first
    int64 group = -1;         // of the last item taken
    Clock::time_point heard;
  };

  static void SortByNumber(std::vector<Entry>* entries) {
    std::sort(entries->begin(), entries->end(), [](const Entry& a, const Entry& b) { return a.number < b.number; });
  }

  Worker* Heard(const std::string& name) {
    Worker* worker = &workers_[name];
    worker->heard = Clock::now();
    return worker;
  }

  // Begins an epoch; false if none is left.
  bool Fill() {
    if (plan_.epochs && epoch_ >= plan_.epochs) return false;
    for (int64 item : Order(plan_, epoch_)) pending_.push_back({epoch_, item, 0, 0});
    ++epoch_;
    return true;
  }

  void ReclaimFromTheSilent() {
    std::vector<Entry> lost;
    for (auto& worker : workers_) {
      if (std::chrono::duration<double>(Clock::now() - worker.second.heard).count() <= plan_.silent_secs) continue;
      lost.insert(lost.end(), worker.second.open.begin(), worker.second.open.end());
      worker.second.open.clear();
    }
    SortByNumber(&lost);
    pending_.insert(pending_.begin(), lost.begin(), lost.end());
  }

  // The first item of the group that the worker read last, else of one that nobody reads, else of any.
  size_t Choose(const Worker& worker) const {
    size_t unread = pending_.size();
    for (size_t i = 0; i < pending_.size(); ++i) {
      const int64 group = plan_.groups[pending_[i].item];
      if (group == worker.group) return i;
      if (unread == pending_.size() && !IsRead(group)) unread = i;
    }
    return unread == pending_.size() ? 0 : unread;
  }

  bool IsRead(int64 group) const {
    for (const auto& worker : workers_) {
      if (worker.second.group == group && !worker.second.open.empty()) return true;
    }
    return false;
  }

  // Counts a row for the oldest of the entries that it can belong to.
  bool Train(int64 row, std::vector<Entry>* open) const {
    for (size_t i = 0; i < open->size(); ++i) {
      Entry* entry = &(*open)[i];
      if (row < plan_.bounds[entry->item] || row >= plan_.bounds[entry->item + 1]) continue;
      if (++entry->done == plan_.sizes[entry->item]) open->erase(open->begin() + i);
      return true;
    }
    return false;
  }

  tensorflow::mutex mutex_;
  bool is_set_ = false;
  Plan plan_;
  int64 epoch_ = 0, number_ = 0;  // epochs begun; items assigned
  std::deque<Entry> pending_;
  std::map<std::string, Worker> workers_;
};

}  // namespace modelzoo

#endif  // MODELZOO_WORK_QUEUE_H_
