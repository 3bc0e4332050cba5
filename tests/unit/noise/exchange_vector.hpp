// Known answers of one WireGuard exchange, printed by tests/vectors/wireguard_exchange.py, which
// also says what the inputs are.
#pragma once

#include <string_view>

namespace xm::test::exchange {

inline constexpr std::string_view kInitiation =
    "010000004433221164b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d48466158a0e4c"
    "a242d151ca97ab90159a98b67e616625e68b4065d357376b6598e644ad7d678c0295d22de4cb43d5135581ed"
    "36346bfa7cf42a122639f89315e67f2b43de40f99f8e6be9135e1632d45237be41c55cffa3e7b390a525fe65"
    "00000000000000000000000000000000";
inline constexpr std::string_view kResponse =
    "020000008877665544332211244fe3b963e899dd295baffce248d3530f3a9a7479ba063002680ebfe7adad49"
    "27d9d0c10dbd892b072dfd62f2b6d42bee99ce22cd644e00a4f7522e3d9c9844000000000000000000000000"
    "00000000";
inline constexpr std::string_view kInitiatorSends =
    "248a29611829aaf7ee8bc8e87df805c1019f08f82d80eb79b7625821ba0a1317";
inline constexpr std::string_view kResponderSends =
    "848308e622b3e15e5ebc5312111efc31082e86c85e9ee93fe8c5aa7f972cc9c3";
inline constexpr std::string_view kCookieReply =
    "0300000044332211c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d821121969d9fb652cfc298e9f"
    "e6fff92afb3972828aa642258bac592055dbcf7c";
inline constexpr std::string_view kMac2WithCookie = "8821e09856c36e6e7e94bf95eb6dff07";

}  // namespace xm::test::exchange
