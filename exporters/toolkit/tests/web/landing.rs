//! The landing page, whole.

use toolkit::web::{Landing, ProbeForm, ProbeParameter, Section, render};

#[test]
fn whole_page() {
    let landing = Landing {
        probe: Some(ProbeForm {
            path: "/scrape".to_owned(),
            parameters: vec![ProbeParameter {
                name: "target".to_owned(),
                example: "redis://localhost:6379".to_owned(),
                required: true,
            }],
        }),
        sections: vec![Section {
            title: "Targets".to_owned(),
            columns: vec!["Target".to_owned(), "State".to_owned()],
            rows: vec![vec!["<a>".to_owned(), "up".to_owned()], vec!["b".to_owned(), "<b>".to_owned()]],
            links: vec!["/logs?id=1&x=\"".to_owned()],
        }],
        ..Landing::new("redis-exporter", "Redis exporter", "Metrics of Redis & Valkey.", "0.1.0", "/metrics")
    };
    let page = render(&landing);
    let (before, rest) = page.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    assert_eq!(format!("{before}<style></style>{after}"), include_str!("landing.golden.html"));
}
