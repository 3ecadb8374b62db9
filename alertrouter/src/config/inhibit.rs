//! `inhibit_rules`: matchers in all of Alertmanager's forms.

use toolkit::config::{Fields, Item};

use super::lints::Lints;
use super::routes::matchers;
use crate::inhibit::InhibitRule;

pub(super) fn decode(fields: &mut Fields<'_>, lints: &mut Lints) -> Vec<InhibitRule> {
    fields.list("inhibit_rules", |item| rule(&item, lints))
}

fn rule(item: &Item<'_>, lints: &mut Lints) -> Option<InhibitRule> {
    let mut fields = item.fields()?;
    let position = fields.position();
    let rule = InhibitRule {
        name: fields.string("name").unwrap_or_default(),
        source: matchers(&mut fields, ["source_matchers", "source_match", "source_match_re"], lints),
        target: matchers(&mut fields, ["target_matchers", "target_match", "target_match_re"], lints),
        equal: fields.list("equal", |item| {
            let name = item.string()?;
            if !lints.mode.is_label_name(&name) {
                item.problem(format!("invalid label name {name:?} in equal list"));
            }
            Some(name)
        }),
    };
    if rule.source.is_empty() && rule.target.is_empty() {
        lints.add(position, "this rule matches everything on both sides: nothing is ever inhibited by it");
    } else if rule.source.is_empty() {
        lints.add(position, "this rule has no source_matchers: any alert that fires inhibits its targets");
    } else if rule.target.is_empty() {
        lints.add(position, "this rule has no target_matchers: it inhibits every other alert");
    }
    Some(rule)
}
