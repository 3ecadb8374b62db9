//! What it is asked about.

use super::*;

#[test]
fn scopes() {
    for (text, good) in [
        ("/subscriptions/0-1/", true),
        ("subscriptions/0-1/resourceGroups/rg_(1).x", true),
        ("providers/Microsoft.Billing/billingAccounts/1:2_2019-05-31", true),
        ("subscriptions", false),
        ("subscriptions/../x", false),
        ("subscriptions/a?b", false),
    ] {
        assert_eq!(scope(text).is_ok(), good, "{text}");
    }
}
