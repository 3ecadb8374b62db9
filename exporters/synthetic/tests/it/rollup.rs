//! The roll-up of a service: all 512 rows of three members, and what must hold of any members and groups.
//!
//! The table is written down from the rules' own words, one predicate a rule, and counted by hand; nothing of it is taken
//! from the program.

use proptest::prelude::*;
use synthetic_exporter::checks::Status;
use synthetic_exporter::health::rollup::{Group, Member, State, roll_up};

/// A member of the table: its status, and whether it is critical.
type Row = [(Status, bool); 3];

/// A rule by its number: when it applies, and what the service is then.
type Rule = (u8, fn(&Row) -> bool, State);

/// The rules for services without groups, in the order in which they decide.
const RULES: [Rule; 5] = [
    (5, |row| row.iter().all(|(status, _)| *status == Status::Unknown), State::Unknown),
    (2, |row| row.contains(&(Status::Fail, true)), State::Unhealthy),
    (
        6,
        |row| critical(row).next().is_some() && critical(row).all(|status| status == Status::Unknown),
        State::Unknown,
    ),
    (
        3,
        |row| {
            let non_critical_fail = row.contains(&(Status::Fail, false));
            let warn = row.iter().any(|(status, _)| *status == Status::Warn);
            non_critical_fail || warn || row.contains(&(Status::Unknown, true))
        },
        State::Degraded,
    ),
    (4, |_| true, State::Healthy),
];

/// How many rows each rule decides, counted on paper:
/// 5: each member unknown, critical or not: 2³.
/// 2: all but those without a critical failure: 8³ − 7³.
/// 6: each member not critical, or critical and unknown: 5³; without those that have no critical member, 4³, and those of
///    rule 5 that have one: 2³ − 1.
/// 4: each member ok, or not critical and unknown: 3³; without the one in which nothing is known.
/// 3: the rest.
const COUNTS: [(u8, usize); 5] = [(5, 8), (2, 169), (6, 125 - 64 - 7), (3, 255), (4, 26)];

fn critical(row: &Row) -> impl Iterator<Item = Status> {
    row.iter().filter(|(_, critical)| *critical).map(|(status, _)| *status)
}

fn rows() -> impl Iterator<Item = Row> {
    let each = || Status::ALL.into_iter().flat_map(|status| [(status, true), (status, false)]);
    each().flat_map(move |one| each().flat_map(move |two| each().map(move |three| [one, two, three])))
}

fn member((status, critical): (Status, bool)) -> Member {
    Member { status, critical, weight: 1.0, group: None }
}

#[test]
fn all_rows_of_three_members() {
    let mut counts = [0; 5];
    let mut all = 0;
    for row in rows() {
        let (at, (rule, _, expected)) =
            RULES.iter().enumerate().find(|(_, (_, applies, _))| applies(&row)).unwrap();
        let verdict = roll_up(&row.map(member), &[]);
        assert_eq!(verdict.state, *expected, "rule {rule}: {row:?}");
        let known = row.iter().filter(|(status, _)| *status != Status::Unknown).count();
        #[expect(clippy::cast_precision_loss, reason = "three at most")]
        let coverage = known as f64 / 3.0;
        assert!((verdict.coverage - coverage).abs() < 1e-9, "{row:?}");
        assert!((0.0..=coverage + 1e-9).contains(&verdict.score), "{row:?}");
        counts[at] += 1;
        all += 1;
    }
    assert_eq!(all, 512);
    assert_eq!(counts, COUNTS.map(|(_, count)| count));
    assert_eq!(RULES.map(|(rule, ..)| rule), COUNTS.map(|(rule, _)| rule));
}

#[test]
fn nothing_is_never_healthy() {
    assert_eq!(roll_up(&[], &[]).state, State::Unknown);
    assert_eq!(roll_up(&[], &[Group { min_healthy: 1, critical: true }]).state, State::Unknown);
    let verdict = roll_up(&[], &[]);
    assert!(verdict.coverage.abs() < 1e-9 && verdict.score.abs() < 1e-9);
}

/// Letters are members of one group: o ok, w warn, f fail, u unknown.
fn group(members: &str, min_healthy: usize, critical: bool) -> State {
    let of =
        |letter: char| Status::ALL.into_iter().find(|status| status.as_str().starts_with(letter)).unwrap();
    let member = |letter| Member { group: Some(0), ..member((of(letter), false)) };
    let members: Vec<Member> = members.chars().map(member).collect();
    roll_up(&members, &[Group { min_healthy, critical }]).state
}

#[test]
fn a_group_needs_some_of_its_members() {
    let check = |members: &str, min_healthy: usize, expected: State| {
        assert_eq!(group(members, min_healthy, true), expected, "{members}, {min_healthy}");
        let calm = if expected == State::Unhealthy { State::Degraded } else { expected };
        assert_eq!(group(members, min_healthy, false), calm, "{members}, {min_healthy}, not critical");
    };
    check("ooo", 2, State::Healthy);
    check("oof", 2, State::Degraded);
    check("off", 2, State::Unhealthy);
    check("fff", 1, State::Unhealthy);
    check("fff", 0, State::Unhealthy);
    // a member that warns works
    check("ww", 2, State::Degraded);
    check("wf", 1, State::Degraded);
    // what is not known is not ok
    check("oou", 2, State::Degraded);
    check("fu", 1, State::Unhealthy);
    // and no outage that anybody saw
    check("ou", 2, State::Degraded);
    check("uu", 1, State::Unknown);
}

#[test]
fn score_goes_by_weight() {
    let members = [(Status::Ok, 3.0), (Status::Warn, 2.0), (Status::Fail, 1.0), (Status::Unknown, 2.0)]
        .map(|(status, weight)| Member { weight, ..member((status, false)) });
    let verdict = roll_up(&members, &[]);
    assert!((verdict.score - 0.5).abs() < 1e-9, "(3 + 1) of 8");
    assert!((verdict.coverage - 0.75).abs() < 1e-9, "6 of 8");
}

/// How bad a service is. What nobody can say is worse than what works with limits.
fn badness(state: State) -> u8 {
    match state {
        State::Healthy => 0,
        State::Degraded => 1,
        State::Unknown => 2,
        State::Unhealthy => 3,
    }
}

fn statuses() -> impl Strategy<Value = Status> {
    prop::sample::select(Status::ALL.to_vec())
}

fn services() -> impl Strategy<Value = (Vec<Member>, Vec<Group>)> {
    let groups = prop::collection::vec((0_usize..4, any::<bool>()), 0..3);
    groups.prop_flat_map(|groups| {
        let groups: Vec<Group> =
            groups.into_iter().map(|(min_healthy, critical)| Group { min_healthy, critical }).collect();
        let count = groups.len();
        let one = (statuses(), any::<bool>(), 0.1_f64..10.0, 0..=count);
        let members = prop::collection::vec(one, 0..8).prop_map(move |members| {
            let member = |(status, critical, weight, group)| Member {
                status,
                critical,
                weight,
                group: Some(group).filter(|group| *group < count),
            };
            members.into_iter().map(member).collect()
        });
        (members, Just(groups))
    })
}

/// The state with another status of one member.
fn with(members: &[Member], groups: &[Group], at: usize, status: Status) -> u8 {
    let mut members = members.to_vec();
    members[at].status = status;
    badness(roll_up(&members, groups).state)
}

proptest! {
    #[test]
    fn what_worsens_never_improves((members, groups) in services(), at in any::<prop::sample::Index>()) {
        prop_assume!(!members.is_empty());
        let at = at.index(members.len());
        let bad = |status| with(&members, &groups, at, status);
        prop_assert!(bad(Status::Ok) <= bad(Status::Warn));
        prop_assert!(bad(Status::Warn) <= bad(Status::Fail));
        let alone = members[at].group.is_none();
        if alone {
            prop_assert!(bad(Status::Ok) <= bad(Status::Unknown));
        }
        let critical = members[at].group.map_or(members[at].critical, |group| groups[group].critical);
        if critical {
            prop_assert!(bad(Status::Unknown) <= bad(Status::Fail));
        }
    }

    #[test]
    fn order_makes_no_difference(
        (members, shuffled, groups) in services().prop_flat_map(|(members, groups)| {
            (Just(members.clone()), Just(members).prop_shuffle(), Just(groups))
        })
    ) {
        let (one, other) = (roll_up(&members, &groups), roll_up(&shuffled, &groups));
        prop_assert_eq!(one.state, other.state);
        prop_assert!((one.score - other.score).abs() < 1e-9 && (one.coverage - other.coverage).abs() < 1e-9);
        // groups come in any order, too
        let last = groups.len().saturating_sub(1);
        let backwards: Vec<Group> = groups.iter().rev().copied().collect();
        let renumbered: Vec<Member> =
            members.iter().map(|member| Member { group: member.group.map(|group| last - group), ..*member }).collect();
        prop_assert_eq!(one.state, roll_up(&renumbered, &backwards).state);
    }

    #[test]
    fn saying_it_again_changes_nothing((members, groups) in services()) {
        let once = roll_up(&members, &groups);
        prop_assert_eq!(once, roll_up(&members, &groups));
        // a service whose only member is this one is as this one
        prop_assert_eq!(once.state, roll_up(&[member((once.state.as_member(), true))], &[]).state);
        // a member that is there twice is there once
        let twice: Vec<Member> = members.iter().filter(|member| member.group.is_none()).chain(&members).copied().collect();
        prop_assert_eq!(once.state, roll_up(&twice, &groups).state);
    }

    #[test]
    fn shares_are_shares((members, groups) in services()) {
        let verdict = roll_up(&members, &groups);
        prop_assert!((0.0..=1.0 + 1e-9).contains(&verdict.coverage));
        prop_assert!(verdict.score <= verdict.coverage + 1e-9);
        let known = members.iter().any(|member| member.status != Status::Unknown);
        prop_assert!(known || verdict.state == State::Unknown);
    }
}
