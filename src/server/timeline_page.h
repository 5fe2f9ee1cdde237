// SPDX-License-Identifier: Apache-2.0
// The timeline as a page of its own: one HTML file with the runs in it, to be zoomed and filtered
// in any browser without a network.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/timeline.h"

namespace suiro::server {

// timeline_page.html, with the place for the runs still empty.
std::string_view timeline_page_template();

std::string make_timeline_page(const std::vector<shapes::suiro::Run>& runs,
                               const TimelinePicture& picture);

}  // namespace suiro::server
