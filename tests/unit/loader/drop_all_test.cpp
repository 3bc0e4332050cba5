#include "loader/drop_all.hpp"

#include <doctest/doctest.h>

#include "tests/unit/loader/attaching.hpp"

using namespace xm;
using namespace xm::test;

TEST_CASE("drop all: it takes the place of a link's program and gives it back") {
  XM_NEEDS_LAB();
  in_lab([](LoaderLab& lab) {
    AttachOptions options = lab.options("xmv0");
    options.via = AttachVia::link;
    Attachment attachment = attach(maps(), options);
    const std::uint32_t link = attachment.report().link_id;
    // What the other end's kernel says of itself would be dropped and counted.
    REQUIRE(set_up("xmv1", false));
    auto drop_all = DropAll::load();
    REQUIRE_MESSAGE(drop_all.ok(), drop_all.error().what);
    REQUIRE(drop_all->take_place(link).ok());
    REQUIRE(programs_on("xmv0").size() == 1);
    CHECK(programs_on("xmv0")[0].name == "drop_all");
    CHECK(drop_all->dropped() == 0);
    REQUIRE(DropAll::give_back(link, attachment.program().program_fd()).ok());
    CHECK(programs_on("xmv0")[0].name == "xm_steer");
    CHECK(attachment.detach().ok());
    CHECK_FALSE(drop_all->take_place(link).ok());
  });
}
