// SPDX-License-Identifier: MIT
//
// Concurrency Kit epochs: a domain for each object, or (for the isolation test) one for all.
#include "access/payload.h"
#include "access/read.h"
#include "access/revoke.h"

// Three inline functions of ck_stack.h are valid C only. Nothing here needs them, and its own guards leave
// them out.
#define CK_F_STACK_BATCH_POP_UPMC
#define CK_F_STACK_BATCH_POP_MPMC
#define CK_F_STACK_PUSH_MPNC
extern "C" {
#include <ck_epoch.h>
}

#include <memory>
#include <mutex>
#include <vector>

namespace bench {

namespace {

// A domain keeps the records of its readers, which Concurrency Kit never lets go of.
struct domain {
    ck_epoch_t epoch;
    std::mutex mutex;
    std::vector<std::unique_ptr<ck_epoch_record_t>> records;

    domain() { ck_epoch_init(&epoch); }

    ck_epoch_record_t* join()
    {
        std::lock_guard lock(mutex);
        ck_epoch_record_t* record = ck_epoch_recycle(&epoch, nullptr);
        if (!record) {
            record = records.emplace_back(std::make_unique<ck_epoch_record_t>()).get();
            ck_epoch_register(&epoch, record, nullptr);
        }
        return record;
    }
};

struct ck_base {
    domain* where;
    ck_epoch_record_t* writer;
    std::atomic<payload*> object{new payload};

    explicit ck_base(domain* d) : where(d), writer(d->join()) {}
    ~ck_base()
    {
        ck_epoch_unregister(writer);
        delete object.load();
    }
    ck_base(const ck_base&) = delete;
    ck_base& operator=(const ck_base&) = delete;

    struct reader {
        explicit reader(ck_base& subject) : record(subject.where->join()) {}
        ~reader() { ck_epoch_unregister(record); }
        reader(const reader&) = delete;
        reader& operator=(const reader&) = delete;
        ck_epoch_record_t* record;
    };

    template <class F>
    bool with(reader& r, F f)
    {
        ck_epoch_begin(r.record, nullptr);
        payload* p = object.load(std::memory_order_acquire);
        if (p) [[likely]]
            f(*p);
        ck_epoch_end(r.record, nullptr);
        return p != nullptr;
    }
    void revoke()
    {
        payload* old = object.exchange(nullptr);
        ck_epoch_synchronize(writer);
        delete old;
    }
};

struct own_domain {
    std::unique_ptr<domain> own = std::make_unique<domain>();
};

struct ck_access : private own_domain, ck_base {
    static constexpr const char* name = "ck_epoch";
    ck_access() : ck_base(own.get()) {}
};

struct ck_shared_access : ck_base {
    static constexpr const char* name = "ck_epoch_one_domain";
    ck_shared_access() : ck_base(one()) {}

    static domain* one()
    {
        static domain shared;
        return &shared;
    }
};

const bool registered =
    (add_access<ck_access>(), add_revoke<ck_access>(), add_isolation<ck_shared_access>(), true);

} // namespace

} // namespace bench
