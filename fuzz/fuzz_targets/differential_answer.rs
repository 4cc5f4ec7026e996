#![no_main]

use keywheel_tests::fuzz::craft;

libfuzzer_sys::fuzz_target!(|data: &[u8]| keywheel_tests::fuzz::differential_answer::run(data));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    craft::answers(&mut data[..most], size, 1, seed).unwrap_or_else(|| libfuzzer_sys::fuzzer_mutate(data, size, most))
});
