#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spg_fuzz::http_event(data));
