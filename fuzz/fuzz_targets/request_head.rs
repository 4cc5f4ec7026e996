#![no_main]

use keywheel_tests::fuzz::craft;

libfuzzer_sys::fuzz_target!(|data: &[u8]| keywheel_tests::fuzz::request_head::run(data));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    craft::requests(&mut data[..most], size, seed).unwrap_or_else(|| libfuzzer_sys::fuzzer_mutate(data, size, most))
});
