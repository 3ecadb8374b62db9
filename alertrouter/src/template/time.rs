//! Times and lengths of time as values of templates: Go's `time.Time`, `time.Duration`, `time.Month`, `time.Weekday`.

use gotemplate::{Args, Failure, Field, Integer, Method, Named, Object, Signature, Str, Type, Value};
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, Zoned};

use super::{duration, layout};

/// `time.Time`.
#[derive(Debug, Clone)]
pub(super) struct Time(pub(super) Zoned);

/// `time.Duration`, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Duration(pub(super) i64);

/// `time.Location`.
#[derive(Debug, Clone)]
struct Location(TimeZone);

/// `time.Month` or `time.Weekday`: a number with a name.
#[derive(Debug, Clone, Copy)]
struct Calendar {
    of: &'static Named,
    number: i64,
    name: &'static str,
}

/// Go's zero time.
pub(super) const ZERO: Timestamp = Timestamp::constant(-62_135_596_800, 0);

const fn method(name: &'static str, params: &'static [Type], result: Type) -> Method {
    Method { name, signature: Signature::new(params, result) }
}

/// `time.Time`.
pub(super) static TIME: Named = Named {
    name: "time.Time",
    underlying: Type::Struct(&[
        Field { name: "wall", of: Type::UINT64 },
        Field { name: "ext", of: Type::INT64 },
        Field { name: "loc", of: Type::Interface },
    ]),
    methods: &[
        method("Add", &[Type::Named(&DURATION)], Type::Named(&TIME)),
        method("AddDate", &[Type::INT, Type::INT, Type::INT], Type::Named(&TIME)),
        method("After", &[Type::Named(&TIME)], Type::Bool),
        method("Before", &[Type::Named(&TIME)], Type::Bool),
        method("Compare", &[Type::Named(&TIME)], Type::INT),
        method("Day", &[], Type::INT),
        method("Equal", &[Type::Named(&TIME)], Type::Bool),
        method("Format", &[Type::String], Type::String),
        method("GoString", &[], Type::String),
        method("Hour", &[], Type::INT),
        method("In", &[Type::Pointer(&LOCATION)], Type::Named(&TIME)),
        method("IsDST", &[], Type::Bool),
        method("IsZero", &[], Type::Bool),
        method("Local", &[], Type::Named(&TIME)),
        method("Location", &[], Type::Pointer(&LOCATION)),
        method("Minute", &[], Type::INT),
        method("Month", &[], Type::Named(&MONTH)),
        method("Nanosecond", &[], Type::INT),
        method("Round", &[Type::Named(&DURATION)], Type::Named(&TIME)),
        method("Second", &[], Type::INT),
        method("String", &[], Type::String),
        method("Sub", &[Type::Named(&TIME)], Type::Named(&DURATION)),
        method("Truncate", &[Type::Named(&DURATION)], Type::Named(&TIME)),
        method("UTC", &[], Type::Named(&TIME)),
        method("Unix", &[], Type::INT64),
        method("UnixMicro", &[], Type::INT64),
        method("UnixMilli", &[], Type::INT64),
        method("UnixNano", &[], Type::INT64),
        method("Weekday", &[], Type::Named(&WEEKDAY)),
        method("Year", &[], Type::INT),
        method("YearDay", &[], Type::INT),
    ],
    zero: || Time(ZERO.to_zoned(TimeZone::UTC)).into(),
};

/// `time.Duration`.
pub(super) static DURATION: Named = Named {
    name: "time.Duration",
    underlying: Type::INT64,
    methods: &[
        method("Abs", &[], Type::Named(&DURATION)),
        method("Hours", &[], Type::Float),
        method("Microseconds", &[], Type::INT64),
        method("Milliseconds", &[], Type::INT64),
        method("Minutes", &[], Type::Float),
        method("Nanoseconds", &[], Type::INT64),
        method("Round", &[Type::Named(&DURATION)], Type::Named(&DURATION)),
        method("Seconds", &[], Type::Float),
        method("String", &[], Type::String),
        method("Truncate", &[Type::Named(&DURATION)], Type::Named(&DURATION)),
    ],
    zero: || Duration(0).into(),
};

static LOCATION: Named = Named {
    name: "time.Location",
    underlying: Type::Struct(&[Field { name: "name", of: Type::String }]),
    methods: &[method("String", &[], Type::String)],
    zero: || Value::object(Location(TimeZone::UTC)),
};

static MONTH: Named = Named {
    name: "time.Month",
    underlying: Type::INT,
    methods: &[method("String", &[], Type::String)],
    zero: || Value::Int(0),
};

static WEEKDAY: Named = Named {
    name: "time.Weekday",
    underlying: Type::INT,
    methods: &[method("String", &[], Type::String)],
    zero: || Value::Int(0),
};

impl Time {
    /// A moment in UTC.
    pub(super) fn utc(moment: Timestamp) -> Self {
        Self(moment.to_zoned(TimeZone::UTC))
    }

    /// The time from another to this one, as Go has it: as near as 64 bits of nanoseconds come.
    pub(super) fn since(&self, other: &Self) -> Duration {
        let nanoseconds = self.0.timestamp().as_nanosecond() - other.0.timestamp().as_nanosecond();
        let bounded = nanoseconds.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        Duration(i64::try_from(bounded).unwrap_or(i64::MAX))
    }

    fn moved(&self, nanoseconds: i64) -> Self {
        self.0.checked_add(SignedDuration::from_nanos(nanoseconds)).map_or_else(|_| self.clone(), Self)
    }

    /// Nanoseconds since the zero time, up to the last whole `step`.
    fn above(&self, step: i64) -> i64 {
        let since = self.0.timestamp().as_nanosecond() - ZERO.as_nanosecond();
        i64::try_from(since.rem_euclid(i128::from(step.max(1)))).unwrap_or(0)
    }

    /// Years and months first, then days: the 31st of a month that has none is in the next one.
    fn add_date(&self, args: Args<'_>) -> Result<Self, Failure> {
        let (years, months, days) = (args.int(0), args.int(1), args.int(2));
        let moved = || {
            let month = i64::from(self.0.month()) - 1 + months;
            let year = i64::from(self.0.year()).checked_add(years)?.checked_add(month.div_euclid(12))?;
            let month = i8::try_from(month.rem_euclid(12) + 1).ok()?;
            let first = Date::new(i16::try_from(year).ok()?, month, 1).ok()?;
            let days = days.checked_add(i64::from(self.0.day()) - 1)?;
            let date = first.checked_add(Span::new().try_days(days).ok()?).ok()?;
            date.to_datetime(self.0.time()).to_zoned(self.0.time_zone().clone()).ok()
        };
        moved().map(Self).ok_or_else(|| Failure::new("the time is out of range"))
    }
}

/// The time among the arguments.
pub(super) fn time_of(value: &Value) -> Time {
    value.downcast::<Time>().cloned().unwrap_or_else(|| Time::utc(ZERO))
}

/// The length of time among the arguments.
fn duration_of(value: &Value) -> i64 {
    value.as_int().unwrap_or_default()
}

impl Object for Time {
    fn go_type(&self) -> Type {
        Type::Named(&TIME)
    }

    fn text(&self) -> Option<Str> {
        Some(layout::print(&self.0).into())
    }

    fn json(&self) -> Option<Result<Str, Failure>> {
        // year 0 to 9999 is all that a time can be here
        let text: Str = layout::format(&self.0, "2006-01-02T15:04:05.999999999Z07:00").into();
        Some(gotemplate::json(&text.into()).map(Str::from))
    }

    fn go_text(&self) -> Option<Str> {
        let (time, zone) = (&self.0, &self.0);
        let place = match zone.time_zone().iana_name() {
            None | Some("UTC") if zone.offset().is_zero() => "time.UTC".to_owned(),
            Some(name) => format!("time.Location({name:?})"),
            None => "time.Location(\"\")".to_owned(),
        };
        let (month, date) = (layout::month(time.date()), time.date());
        let clock = (time.hour(), time.minute(), time.second(), time.subsec_nanosecond());
        let (hour, minute, second, nanosecond) = clock;
        Some(
            format!(
                "time.Date({}, time.{month}, {}, {hour}, {minute}, {second}, {nanosecond}, {place})",
                date.year(),
                date.day()
            )
            .into(),
        )
    }

    fn count(&self) -> usize {
        3
    }

    fn at(&self, position: usize) -> Option<Value> {
        let moment = self.0.timestamp();
        Some(match position {
            0 => Value::Sized(Integer::Uint64, u64::from(moment.subsec_nanosecond().unsigned_abs())),
            1 => Value::Sized(Integer::Int64, (moment.as_second() - ZERO.as_second()).cast_unsigned()),
            _ => Value::Nil,
        })
    }

    fn call(&self, method: &str, args: Args<'_>) -> Result<Value, Failure> {
        let (time, moment) = (&self.0, self.0.timestamp());
        let int = |number: i64| Value::Int(number);
        let int64 = |number: i128| Value::Sized(Integer::Int64, wrapped(number).cast_unsigned());
        let order = || moment.cmp(&time_of(args.value(0)).0.timestamp());
        Ok(match method {
            "Add" => self.moved(duration_of(args.value(0))).into(),
            "AddDate" => self.add_date(args)?.into(),
            "After" => order().is_gt().into(),
            "Before" => order().is_lt().into(),
            "Equal" => order().is_eq().into(),
            "Compare" => int(order() as i64),
            "Year" => int(time.year().into()),
            "Month" => {
                Calendar { of: &MONTH, number: time.month().into(), name: layout::month(time.date()) }.into()
            }
            "Day" => int(time.day().into()),
            "Hour" => int(time.hour().into()),
            "Minute" => int(time.minute().into()),
            "Second" => int(time.second().into()),
            "Nanosecond" => int(time.subsec_nanosecond().into()),
            "YearDay" => int(time.day_of_year().into()),
            "Weekday" => Calendar {
                of: &WEEKDAY,
                number: Weekday::to_sunday_zero_offset(time.weekday()).into(),
                name: layout::weekday(time.date()),
            }
            .into(),
            "Format" => layout::format(time, &args.text(0)).into(),
            "String" => layout::print(time).into(),
            "GoString" => self.go_text().unwrap_or_default().into(),
            "Location" => Value::pointer(Location(time.time_zone().clone())),
            "In" => {
                let zone = args.value(0).downcast::<Location>();
                let zone = zone.ok_or_else(|| Failure::new("time: missing Location in call to Time.In"))?;
                Self(moment.to_zoned(zone.0.clone())).into()
            }
            "IsDST" => time.time_zone().to_offset_info(moment).dst().is_dst().into(),
            "IsZero" => (moment == ZERO).into(),
            "UTC" => Self::utc(moment).into(),
            "Local" => Self(moment.to_zoned(TimeZone::system())).into(),
            "Sub" => self.since(&time_of(args.value(0))).into(),
            "Truncate" => self.moved(-self.above(duration_of(args.value(0)))).into(),
            "Round" => {
                let step = duration_of(args.value(0));
                let above = self.above(step);
                let up = above.saturating_add(above) >= step && step > 0;
                self.moved(if up { step - above } else { -above }).into()
            }
            "Unix" => int64(moment.as_second().into()),
            "UnixMilli" => int64(moment.as_millisecond().into()),
            "UnixMicro" => int64(moment.as_microsecond().into()),
            "UnixNano" => int64(moment.as_nanosecond()),
            other => return Err(Failure::new(format!("time.Time has no method {other}"))),
        })
    }
}

/// The low 64 bits, as Go's conversion leaves them.
#[expect(clippy::cast_possible_truncation, reason = "what Go does, too")]
fn wrapped(number: i128) -> i64 {
    number as i64
}

impl Object for Duration {
    fn go_type(&self) -> Type {
        Type::Named(&DURATION)
    }

    fn text(&self) -> Option<Str> {
        Some(duration::print(self.0).into())
    }

    fn scalar(&self) -> Value {
        Value::Sized(Integer::Int64, self.0.cast_unsigned())
    }

    fn call(&self, method: &str, args: Args<'_>) -> Result<Value, Failure> {
        let int64 = |number: i64| Value::Sized(Integer::Int64, number.cast_unsigned());
        let step = duration_of(args.value(0));
        Ok(match method {
            "String" => duration::print(self.0).into(),
            "Hours" => self.in_units(3_600_000_000_000).into(),
            "Minutes" => self.in_units(60_000_000_000).into(),
            "Seconds" => self.seconds().into(),
            "Milliseconds" => int64(self.0 / 1_000_000),
            "Microseconds" => int64(self.0 / 1_000),
            "Nanoseconds" => int64(self.0),
            "Abs" => Self(self.0.saturating_abs()).into(),
            "Truncate" if step <= 0 => (*self).into(),
            "Truncate" => Self(self.0 - self.0 % step).into(),
            "Round" => self.rounded(step).into(),
            other => return Err(Failure::new(format!("time.Duration has no method {other}"))),
        })
    }
}

impl Duration {
    /// In seconds.
    pub(super) fn seconds(self) -> f64 {
        self.in_units(1_000_000_000)
    }

    #[expect(clippy::cast_precision_loss, reason = "what Go does, too")]
    fn in_units(self, unit: i64) -> f64 {
        (self.0 / unit) as f64 + (self.0 % unit) as f64 / unit as f64
    }

    /// To the nearest multiple, halves away from zero.
    fn rounded(self, step: i64) -> Self {
        if step <= 0 {
            return self;
        }
        let over = (self.0 % step).unsigned_abs();
        let down = self.0 - self.0 % step;
        if over.saturating_mul(2) < step.unsigned_abs() {
            Self(down)
        } else {
            Self(if self.0 < 0 { down.saturating_sub(step) } else { down.saturating_add(step) })
        }
    }
}

impl Object for Location {
    fn go_type(&self) -> Type {
        Type::Named(&LOCATION)
    }

    fn text(&self) -> Option<Str> {
        let utc = self.0 == TimeZone::UTC;
        Some(self.0.iana_name().unwrap_or(if utc { "UTC" } else { "" }).into())
    }

    fn count(&self) -> usize {
        1
    }

    fn at(&self, _position: usize) -> Option<Value> {
        self.text().map(Value::from)
    }

    fn call(&self, _method: &str, _args: Args<'_>) -> Result<Value, Failure> {
        Ok(self.text().unwrap_or_default().into())
    }
}

impl Object for Calendar {
    fn go_type(&self) -> Type {
        Type::Named(self.of)
    }

    fn text(&self) -> Option<Str> {
        Some(self.name.into())
    }

    fn scalar(&self) -> Value {
        Value::Int(self.number)
    }

    fn call(&self, _method: &str, _args: Args<'_>) -> Result<Value, Failure> {
        Ok(self.name.into())
    }
}
