//! The built-in catalogue, tried as its users would.

use keydredge::rule::load;
use keydredge::specimen::check::check;

#[test]
fn the_catalogue_passes_its_own_trial() {
    let rules = load::catalogue().unwrap();
    let report = check(&rules);
    let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(report.variants >= rules.variants.len());
}
