#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spg_fuzz::stream_record(data));
