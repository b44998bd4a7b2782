// SPDX-License-Identifier: MIT
//
// A thread of the daemon that makes one client's calls: what the system call layer is to a kernel's driver.
#pragma once

#include <thread>

#include <devres/drm_device.h>

namespace hotunplug {

class server {
public:
    // Reads requests from `socket`, which stays the caller's. Takes a reference until the client has opened
    // its file; from then on the file is one.
    server(devres::drm_device* drm, int socket);
    // Waits until the client has hung up and its file is closed.
    ~server();
    server(const server&) = delete;
    server& operator=(const server&) = delete;

private:
    void run(int socket);
    long open(int* memory);

    devres::drm_device* drm_;
    devres::drm_file* file_ = nullptr;
    std::thread thread_; // last: it uses the others
};

} // namespace hotunplug
