//! Which service needs which: an order in which each comes after those it needs, or the circle that forbids one.

use super::{Of, Service};

/// Gives the places in order, or a circle that begins and ends with the same place.
pub(super) fn order(services: &[Service]) -> Result<Vec<usize>, Vec<usize>> {
    let needs: Vec<Vec<usize>> = services.iter().map(needs).collect();
    let mut walk =
        Walk { needs: &needs, marks: vec![Mark::New; services.len()], path: Vec::new(), order: Vec::new() };
    for place in 0..services.len() {
        walk.visit(place)?;
    }
    Ok(walk.order)
}

fn needs(service: &Service) -> Vec<usize> {
    let members = service.members.iter().flat_map(|member| {
        let made_of = match member.of {
            Of::Service(place) => Some(place),
            Of::Check(_) => None,
        };
        member.depends_on.iter().copied().chain(made_of)
    });
    members.chain(service.depends_on.iter().copied()).collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    OnPath,
    Done,
}

struct Walk<'a> {
    needs: &'a [Vec<usize>],
    marks: Vec<Mark>,
    path: Vec<usize>,
    order: Vec<usize>,
}

impl Walk<'_> {
    fn visit(&mut self, place: usize) -> Result<(), Vec<usize>> {
        let (Some(mark), Some(needs)) = (self.marks.get_mut(place), self.needs.get(place)) else {
            return Ok(());
        };
        match mark {
            Mark::Done => return Ok(()),
            Mark::OnPath => {
                let circle = self.path.iter().skip_while(|on_path| **on_path != place);
                return Err(circle.copied().chain([place]).collect());
            }
            Mark::New => *mark = Mark::OnPath,
        }
        self.path.push(place);
        for needed in needs {
            self.visit(*needed)?;
        }
        self.path.pop();
        if let Some(mark) = self.marks.get_mut(place) {
            *mark = Mark::Done;
        }
        self.order.push(place);
        Ok(())
    }
}
