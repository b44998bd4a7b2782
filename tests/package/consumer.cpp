// SPDX-License-Identifier: MIT
//
// Ten lines, as somebody writes them who has only the packages and the README.
#include <cstdio>
#include <devres/devm.h>
using namespace devres;

int main()
{
    device dev("gpu0");
    if (devm_add_action(&dev, [] { std::puts("put away"); }))
        return 1;
    std::printf("%s\n", devm_kasprintf(&dev, "%s is here", dev_name(&dev)));
}
