//! How large the product is, and how much there is beside it.

use crate::source::without_tests;
use crate::{is_product, rules, sources};

#[test]
#[expect(clippy::print_stdout, reason = "the numbers are for whoever wants to know how far it is to the limits")]
fn the_product_is_small_and_tests_and_tools_keep_their_measure() {
    let (rules, sources) = (rules(), sources());
    let is_src = |path: &str| is_product(path) && path.split('/').nth(2) == Some("src");
    let product: usize = sources.iter().filter(|it| is_src(it.0)).map(|it| without_tests(it.1).lines().count()).sum();
    let others: usize = sources.iter().filter(|it| !is_product(it.0)).map(|it| it.1.lines().count()).sum();
    let measure = others * 100 / product;
    println!("product: {product} lines; tests and tools: {others} lines, {measure} for every hundred");
    let allowed = rules.product_lines_max;
    assert!(
        product <= allowed,
        "functions/*/src and shared/*/src have {product} lines without tests, {allowed} are allowed: simplify the product"
    );
    let allowed = rules.others_per_hundred_lines_max;
    assert!(
        measure <= allowed,
        "outside functions and shared are {others} lines of Rust: {measure} for every hundred of the product's {product}, \
         {allowed} are allowed: merge or delete tests and tools that do the same"
    );
}
