//! What is right gets all points.

use crate::harness::{ALL_RULES, grade, real, text, toy};

#[test]
fn the_real_server_gets_all_points_of_all_ten_levels() {
    let output = grade("--all", &real(ALL_RULES));
    let told = text(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!(told.matches("\nlevel ").count(), 10, "{told}");
    assert!(told.contains("132 of 132 points") && !told.contains("SKIP"), "{told}");
}

#[test]
fn the_toy_gets_all_points_but_is_not_asked_for_rules_that_it_does_not_offer() {
    let output = grade("--all", &toy(""));
    let told = text(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!(told.matches("SKIP  10 house / ").count(), 7, "{told}");
    assert!(told.contains("level 10 house           3 of   3 points  passed, 7 skipped"), "{told}");
}
