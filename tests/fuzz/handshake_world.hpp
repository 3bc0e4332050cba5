// A responder and an initiator that are the same in every run, and the genuine messages between
// them: the state that handshake_fuzz throws bytes at, and what its corpus is made of.
#pragma once

#include "tests/unit/noise/two_sides.hpp"

namespace xm::test {

struct HandshakeWorld {
  TwoSides sides;
  CookieChecker checker{sides.responder.public_key, sides.random};
  CookieJar jar{sides.responder.public_key};
  CookieJar responder_jar{sides.initiator.public_key};
  Endpoint source = Endpoint::parse("192.0.2.1:51820").value();

  MessageInitiation initiation = signed_initiation();
  MessageResponse response = signed_response();
  MessageCookieReply cookie_reply = checker.make_reply(bytes_of(initiation), source, kStart);

 private:
  MessageInitiation signed_initiation() {
    MessageInitiation message = sides.initiate();
    jar.sign(message, kStart);
    return message;
  }
  MessageResponse signed_response() {
    MessageResponse message = sides.answer(initiation).value().message;
    responder_jar.sign(message, kStart);
    return message;
  }
};

}  // namespace xm::test
