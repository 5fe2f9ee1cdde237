// SPDX-License-Identifier: Apache-2.0
// Boost.JSON's functions, compiled once.
#include <boost/json/src.hpp>
