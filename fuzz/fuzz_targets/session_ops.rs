#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| keywheel_tests::fuzz::session_ops::run(data));
