//! All samples of one scrape, grouped by family, and their encodings.

use std::hash::BuildHasher;
use std::io::Write;
use std::sync::{Arc, OnceLock};

use flate2::write::GzEncoder;
use foldhash::fast::RandomState;
use hyper::body::Bytes;

use super::desc::Kind;
use super::negotiate::{Compression, Format};
use super::samples::{FamilyEntry, Sample, Samples};
use super::text;

/// gzip level of a page: level 1 takes half the time of level 6 for half as much again of bytes, and the bytes
/// stay within a data centre.
pub(super) const GZIP_LEVEL: flate2::Compression = flate2::Compression::fast();

/// The sections that collectors have written for one scrape.
#[derive(Debug, Default)]
pub struct Page {
    head: Option<Arc<Finished>>,
    sections: Vec<Samples>,
}

/// How many samples were left out of a page, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// The same name and labels were there already.
    pub duplicate: u64,
    /// A name, label or value that the formats forbid.
    pub invalid: u64,
    /// A collector was at its series limit.
    pub capped: u64,
}

/// A page that is ready to be sent, encoded at most once per format and compression.
#[derive(Debug)]
pub struct Finished {
    /// Stands before everything else.
    head: Option<Arc<Self>>,
    sections: Vec<Samples>,
    families: Vec<PageFamily>,
    /// Samples in page order; each family owns a range of it.
    order: Vec<Place>,
    encoded: [OnceLock<Bytes>; 4],
    /// The text without its end, of pages that stand at the head of others.
    bodies: [OnceLock<Bytes>; 2],
}

/// Where a sample lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    section: u32,
    sample: u32,
}

/// A family as it stands on the page, possibly written by several collectors.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageFamily {
    section: u32,
    entry: FamilyEntry,
    start: usize,
    end: usize,
}

impl Page {
    /// An empty page.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what one collector wrote.
    pub fn section(&mut self, samples: Samples) {
        self.sections.push(samples);
    }

    /// Puts a page before everything else that was finished earlier: it is encoded once for all pages that begin with it.
    /// For programs that render on their own cadence. Its families stay together, and sections may not add to them.
    pub fn begin_with(&mut self, head: Arc<Finished>) {
        self.head = Some(head);
    }

    /// Groups the samples by family and drops what may not stand.
    pub fn finish(self) -> (Finished, Dropped) {
        let mut dropped = Dropped::default();
        for section in &self.sections {
            dropped.invalid += section.invalid;
            dropped.capped += section.capped;
        }
        let grouped: Vec<Grouped> = self.sections.iter().map(Grouped::by_family).collect();
        let mut by_name = families_by_name(&self.sections, &grouped);
        by_name.sort_by(|a, b| a.name.cmp(b.name).then(a.section.cmp(&b.section)));
        if let Some(head) = &self.head {
            by_name.retain(|found| {
                let taken = head.has_family(found.name);
                dropped.duplicate += if taken { found.samples.len() as u64 } else { 0 };
                !taken
            });
        }

        let mut families: Vec<PageFamily> = Vec::with_capacity(by_name.len());
        let mut order: Vec<Place> = Vec::with_capacity(self.sections.iter().map(Samples::len).sum());
        let mut seen = Seen::default();
        for run in by_name.chunk_by(|a, b| a.name == b.name) {
            let Some(first) = run.first() else { continue };
            let start = order.len();
            let total: usize = run.iter().map(|found| found.samples.len()).sum();
            seen.clear(total);
            for found in run {
                if found.entry.kind != first.entry.kind {
                    // two collectors disagree on what this is: the first stands
                    dropped.invalid += found.samples.len() as u64;
                    continue;
                }
                for &sample in found.samples {
                    let place = Place { section: found.section, sample };
                    if seen.insert(&self.sections, &order, start, place) {
                        order.push(place);
                    } else {
                        dropped.duplicate += 1;
                    }
                }
            }
            families.push(PageFamily {
                section: first.section,
                entry: *first.entry,
                start,
                end: order.len(),
            });
        }
        let Self { head, sections } = self;
        (
            Finished {
                head,
                sections,
                families,
                order,
                encoded: Default::default(),
                bodies: Default::default(),
            },
            dropped,
        )
    }
}

impl Finished {
    /// Adds one more section, the process's own metrics, whose families must not stand on the page yet: those that
    /// do are dropped and counted.
    pub fn append(&mut self, samples: Samples) -> Dropped {
        let mut page = Page::new();
        page.section(samples);
        let (addition, mut dropped) = page.finish();
        let shift = u32::try_from(self.sections.len()).unwrap_or(u32::MAX);
        let mut families = Vec::new();
        for family in &addition.families {
            if self.has_family(addition.name_of(family)) {
                dropped.duplicate += (family.end - family.start) as u64;
                continue;
            }
            let places = addition.order.get(family.start..family.end).unwrap_or_default();
            let start = self.order.len();
            self.order.extend(places.iter().map(|place| Place { section: shift, ..*place }));
            families.push(PageFamily { section: shift, start, end: self.order.len(), ..*family });
        }
        self.sections.extend(addition.sections);
        self.families.extend(families);
        let (sections, families) = (&self.sections, &mut self.families);
        families.sort_by(|a, b| a.name(sections).cmp(b.name(sections)));
        self.encoded = Default::default();
        dropped
    }

    /// The page's bytes in this format and compression; made on first demand, then shared.
    pub fn encode(&self, format: Format, compression: Compression) -> Bytes {
        let slot = match (format, compression) {
            (Format::Text, Compression::Identity) => 0,
            (Format::Text, Compression::Gzip) => 1,
            (Format::OpenMetrics(_), Compression::Identity) => 2,
            (Format::OpenMetrics(_), Compression::Gzip) => 3,
        };
        let make = || match compression {
            Compression::Identity => {
                let mut out = Vec::with_capacity(self.size_estimate());
                if let Some(head) = &self.head {
                    out.extend_from_slice(&head.body(format));
                }
                self.write_body(format, &mut out);
                text::write_end(format, &mut out);
                Bytes::from(out)
            }
            Compression::Gzip => gzip(&self.encode(format, Compression::Identity)),
        };
        self.encoded.get(slot).map_or_else(make, |once| once.get_or_init(make).clone())
    }

    /// How many samples stand on the page.
    pub fn len(&self) -> usize {
        self.order.len() + self.head.as_ref().map_or(0, |head| head.len())
    }

    /// Whether the page has no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What stands before everything else.
    pub(super) fn head(&self) -> Option<&Arc<Self>> {
        self.head.as_ref()
    }

    /// The text of the page without its end; made on first demand, then shared by all pages that begin with it.
    pub(super) fn body(&self, format: Format) -> Bytes {
        let make = || {
            let mut out = Vec::with_capacity(self.size_estimate());
            self.write_body(format, &mut out);
            Bytes::from(out)
        };
        let [text, open] = &self.bodies;
        let slot = if format == Format::Text { text } else { open };
        slot.get_or_init(make).clone()
    }

    fn write_body(&self, format: Format, out: &mut Vec<u8>) {
        for family in &self.families {
            text::write_family(self, family, format, out);
        }
    }

    pub(super) fn families(&self) -> &[PageFamily] {
        &self.families
    }

    pub(super) fn name_of(&self, family: &PageFamily) -> &str {
        family.name(&self.sections)
    }

    /// Families are sorted by name.
    pub(super) fn has_family(&self, name: &str) -> bool {
        self.families.binary_search_by(|family| self.name_of(family).cmp(name)).is_ok()
            || self.head.as_ref().is_some_and(|head| head.has_family(name))
    }

    pub(super) fn help_of(&self, family: &PageFamily) -> &str {
        self.sections.get(family.section as usize).map_or("", |section| section.text(family.entry.help))
    }

    /// The family's samples with their escaped label sets.
    pub(super) fn samples_of(&self, family: &PageFamily) -> impl Iterator<Item = (&Sample, &str)> {
        let places = self.order.get(family.start..family.end).unwrap_or_default();
        places.iter().filter_map(|place| locate(&self.sections, *place))
    }

    /// A line is a name, a label set and about 20 bytes; close enough to avoid most regrowth.
    pub(super) fn size_estimate(&self) -> usize {
        let lines: usize = self
            .families
            .iter()
            .map(|family| {
                let name = self.name_of(family).len();
                let labels: usize =
                    self.samples_of(family).take(1).map(|(_, labels)| labels.len() + 24).sum();
                (name + labels + 8) * (family.end - family.start) + 2 * name + self.help_of(family).len() + 32
            })
            .sum();
        lines + 64 + self.head.as_ref().map_or(0, |head| head.size_estimate())
    }
}

impl PageFamily {
    fn name<'a>(&self, sections: &'a [Samples]) -> &'a str {
        sections.get(self.section as usize).map_or("", |section| section.text(self.entry.name))
    }

    pub(super) fn kind(&self) -> Kind {
        self.entry.kind
    }
}

/// One section's samples, sorted by family with a counting sort: wide rows write families interleaved.
struct Grouped {
    /// Sample numbers, family after family.
    samples: Vec<u32>,
    /// Where each family begins in `samples`; one more than there are families.
    starts: Vec<usize>,
}

impl Grouped {
    fn by_family(section: &Samples) -> Self {
        let mut starts = vec![0_usize; section.families().len() + 1];
        for sample in section.samples() {
            if let Some(count) = starts.get_mut(sample.family as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut next = starts.clone();
        let mut samples = vec![0_u32; section.len()];
        for (number, sample) in (0_u32..).zip(section.samples()) {
            if let Some(at) = next.get_mut(sample.family as usize) {
                if let Some(place) = samples.get_mut(*at) {
                    *place = number;
                }
                *at += 1;
            }
        }
        Self { samples, starts }
    }
}

/// A family of one section, before families of the same name are joined.
struct SectionFamily<'a> {
    name: &'a str,
    entry: &'a FamilyEntry,
    section: u32,
    samples: &'a [u32],
}

fn families_by_name<'a>(sections: &'a [Samples], grouped: &'a [Grouped]) -> Vec<SectionFamily<'a>> {
    let mut found = Vec::with_capacity(sections.iter().map(|section| section.families().len()).sum());
    for ((number, section), grouped) in (0_u32..).zip(sections).zip(grouped) {
        for (entry, bounds) in section.families().iter().zip(grouped.starts.windows(2)) {
            let &[start, end] = bounds else { continue };
            let samples = grouped.samples.get(start..end).unwrap_or_default();
            if !samples.is_empty() {
                found.push(SectionFamily { name: section.text(entry.name), entry, section: number, samples });
            }
        }
    }
    found
}

/// The series of one family that already stand on the page: open addressing, reused from family to family.
/// Label values come from the watched server, so the hash is seeded.
#[derive(Default)]
struct Seen {
    hasher: RandomState,
    /// (upper half of the hash, place in the order + 1); 0 is free.
    slots: Vec<(u32, u32)>,
    mask: usize,
}

impl Seen {
    fn clear(&mut self, expected: usize) {
        let size = (expected * 2).next_power_of_two().max(8);
        self.mask = size - 1;
        if self.slots.len() < size {
            self.slots.resize(size, (0, 0));
        }
        if let Some(used) = self.slots.get_mut(..size) {
            used.fill((0, 0));
        }
    }

    /// Whether the sample at `place` is new among those at `order[start..]`; remembers it as the next one.
    fn insert(&mut self, sections: &[Samples], order: &[Place], start: usize, place: Place) -> bool {
        let Some((sample, labels)) = locate(sections, place) else { return false };
        let hash = self.hasher.hash_one((sample.part, sample.bound.to_bits(), labels));
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of the hash")]
        let (upper, mut slot) = ((hash >> 32) as u32, (hash as usize) & self.mask);
        while let Some(&(known, taken)) = self.slots.get(slot)
            && taken != 0
        {
            let earlier = order.get(start + taken as usize - 1).and_then(|place| locate(sections, *place));
            if known == upper && earlier.is_some_and(|earlier| same_series(earlier, (sample, labels))) {
                return false;
            }
            slot = (slot + 1) & self.mask;
        }
        if let Some(free) = self.slots.get_mut(slot) {
            *free = (upper, u32::try_from(order.len() - start + 1).unwrap_or(u32::MAX));
        }
        true
    }
}

fn same_series(a: (&Sample, &str), b: (&Sample, &str)) -> bool {
    a.0.part == b.0.part && a.0.bound.to_bits() == b.0.bound.to_bits() && a.1 == b.1
}

fn locate(sections: &[Samples], place: Place) -> Option<(&Sample, &str)> {
    let section = sections.get(place.section as usize)?;
    let sample = section.samples().get(place.sample as usize)?;
    Some((sample, section.text(sample.labels)))
}

fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 8 + 64), GZIP_LEVEL);
    // a Vec takes every write; were it to fail, an empty body with a wrong length is refused by every client
    let written = encoder.write_all(plain).and_then(|()| encoder.finish());
    written.map(Bytes::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::desc::Desc;
    use super::*;

    const KEYS: Desc<'_> = Desc { name: "keys", help: "Keys.", kind: Kind::Gauge, labels: &["db"] };

    fn section(write: impl FnOnce(&mut Samples)) -> Samples {
        let mut samples = Samples::new("t");
        write(&mut samples);
        samples
    }

    fn text(page: &Finished) -> String {
        String::from_utf8(page.encode(Format::Text, Compression::Identity).to_vec()).unwrap()
    }

    #[test]
    fn families_of_all_sections_stand_together_and_sorted() {
        let mut page = Page::new();
        page.section(section(|s| {
            s.add(&KEYS, &["0"], 1.0);
            s.add(&Desc { name: "a", labels: &[], ..KEYS }, &[], 2.0);
            s.add(&KEYS, &["1"], 3.0);
        }));
        page.section(section(|s| s.add(&KEYS, &["2"], 4.0)));
        let (page, dropped) = page.finish();
        assert_eq!(dropped, Dropped::default());
        assert_eq!(
            text(&page),
            "# HELP t_a Keys.\n# TYPE t_a gauge\nt_a 2\n# HELP t_keys Keys.\n# TYPE t_keys gauge\n\
             t_keys{db=\"0\"} 1\nt_keys{db=\"1\"} 3\nt_keys{db=\"2\"} 4\n"
        );
    }

    #[test]
    fn duplicates_and_disagreements_are_dropped_and_counted() {
        let mut page = Page::new();
        page.section(section(|s| {
            s.add(&KEYS, &["0"], 1.0);
            s.add(&KEYS, &["0"], 2.0);
            s.histogram(&Desc { name: "h", kind: Kind::Histogram, ..KEYS }, &["0"], &[(1.0, 1)], 1.0, 1);
            s.histogram(&Desc { name: "h", kind: Kind::Histogram, ..KEYS }, &["0"], &[(1.0, 1)], 1.0, 1);
        }));
        page.section(section(|s| {
            s.add(&KEYS, &["0"], 3.0);
            s.add(&Desc { name: "h", ..KEYS }, &["9"], 3.0);
        }));
        let (page, dropped) = page.finish();
        assert_eq!(dropped, Dropped { duplicate: 2 + 4, invalid: 1, capped: 0 });
        assert!(text(&page).contains("t_keys{db=\"0\"} 1\n"));
    }

    #[test]
    fn own_metrics_are_appended_but_never_take_a_familys_place() {
        let mut page = Page::new();
        page.section(section(|s| s.add(&KEYS, &["0"], 1.0)));
        let (mut page, _) = page.finish();
        let dropped = page.append(section(|s| {
            s.add(&KEYS, &["1"], 1.0);
            s.add(&Desc { name: "a", labels: &[], ..KEYS }, &[], 2.0);
            s.add(&Desc { name: "z", labels: &[], ..KEYS }, &[], 3.0);
        }));
        assert_eq!(dropped, Dropped { duplicate: 1, ..Dropped::default() });
        let text = text(&page);
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(samples, ["t_a 2", "t_keys{db=\"0\"} 1", "t_z 3"]);
    }

    #[test]
    fn a_page_that_was_finished_before_stands_at_the_head_of_others() {
        let mut head = Page::new();
        head.section(section(|s| s.add(&Desc { name: "a_total", kind: Kind::Counter, ..KEYS }, &["0"], 1.0)));
        let head = Arc::new(head.finish().0);
        let begun = || {
            let mut page = Page::new();
            page.begin_with(Arc::clone(&head));
            page.section(section(|s| s.add(&KEYS, &["0"], 2.0)));
            page.section(section(|s| {
                s.add(&Desc { name: "a_total", kind: Kind::Counter, ..KEYS }, &["1"], 3.0);
            }));
            page.finish()
        };
        let (page, dropped) = begun();
        assert_eq!((dropped.duplicate, page.len()), (1, 2));
        let plain = "# HELP t_a_total Keys.\n# TYPE t_a_total counter\nt_a_total{db=\"0\"} 1\n# HELP t_keys Keys.\n# TYPE t_keys gauge\nt_keys{db=\"0\"} 2\n";
        assert_eq!((text(&page), text(&begun().0)), (plain.to_owned(), plain.to_owned()));
        let open = Format::OpenMetrics(super::super::Escaping::Unsaid);
        let page = Arc::new(page);
        let whole = page.encode(open, Compression::Identity);
        assert!(
            whole.ends_with(b"t_keys{db=\"0\"} 2\n# EOF\n") && whole.starts_with(b"# TYPE t_a counter\n")
        );
        let pieces: Vec<u8> = page.pieces(open, Compression::Identity).flatten().collect();
        assert_eq!(pieces, whole);
    }

    #[test]
    fn many_series_with_colliding_slots_all_stay() {
        let names: Vec<String> = (0..5000).map(|number| number.to_string()).collect();
        let mut page = Page::new();
        page.section(section(|s| names.iter().for_each(|name| s.add(&KEYS, &[name], 1.0))));
        page.section(section(|s| names.iter().for_each(|name| s.add(&KEYS, &[name], 1.0))));
        let (page, dropped) = page.finish();
        assert_eq!((page.len(), dropped.duplicate), (5000, 5000));
    }
}
