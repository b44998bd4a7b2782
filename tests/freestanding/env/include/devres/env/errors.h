// SPDX-License-Identifier: MIT
//
// The numbers of the errors that the mechanism returns; Linux's.
#pragma once

#define ENOENT 2
