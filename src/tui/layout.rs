//! Which part of the screen has which rows. Depends on the size alone, so nothing jumps while a run goes on. Pure.

use ratatui::layout::Rect;

/// The parts of the screen, from top to bottom. A part that has no room is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parts {
    /// Playbook, step, clock.
    pub name: Rect,
    /// Context, gate, lamp, sources, kill key.
    pub state: Rect,
    pub rule_above: Rect,
    pub recovery: Rect,
    pub faults: Rect,
    /// Where the screens and the dialogs are; its first row is a heading.
    pub body: Rect,
    /// A rule that carries messages.
    pub message: Rect,
    pub keys: Rect,
}

impl Parts {
    /// What matters most is kept longest: gate and kill key, recovery, faults, then the rest.
    pub fn of(area: Rect) -> Self {
        let tall = area.height;
        let at_least = |rows: u16, got: u16| if tall >= rows { got } else { 0 };
        let mut y = area.y;
        let mut take = |rows: u16| {
            let part = Rect::new(area.x, y, area.width, rows);
            y = y.saturating_add(rows);
            part
        };
        let recovery = match tall {
            0..2 => 0,
            2..30 => 1,
            _ => 2,
        };
        let faults = match tall {
            0..3 => 0,
            3..30 => 1,
            30..45 => 2,
            _ => 3,
        };
        let name = at_least(6, 1);
        let above = at_least(20, 1);
        let (message, keys) = (at_least(9, 1), at_least(7, 1));
        let state = at_least(1, 1);
        let used = name + state + above + recovery + faults + message + keys;
        Self {
            name: take(name),
            state: take(state),
            rule_above: take(above),
            recovery: take(recovery),
            faults: take(faults),
            body: take(tall.saturating_sub(used)),
            message: take(message),
            keys: take(keys),
        }
    }
}

/// Shares `rows` among panels: the least that each needs first, from the top, then what each would like; the last panel
/// gets what is left. A panel that cannot have its least gets nothing.
pub fn share(rows: u16, wants: &[(u16, u16)]) -> Vec<u16> {
    let mut left = rows;
    let mut shares: Vec<u16> = wants
        .iter()
        .map(|(least, _)| {
            let got = if *least <= left { *least } else { 0 };
            left -= got;
            got
        })
        .collect();
    for (share, (_, like)) in shares.iter_mut().zip(wants) {
        if *share > 0 {
            let more = like.saturating_sub(*share).min(left);
            *share += more;
            left -= more;
        }
    }
    if let Some(last) = shares.iter_mut().rev().find(|share| **share > 0) {
        *last += left;
    }
    shares
}

/// `area` cut into rows of these heights.
pub fn stack(area: Rect, heights: &[u16]) -> Vec<Rect> {
    let mut y = area.y;
    heights
        .iter()
        .map(|height| {
            let height = (*height).min(area.bottom().saturating_sub(y));
            let part = Rect::new(area.x, y, area.width, height);
            y = y.saturating_add(height);
            part
        })
        .collect()
}

/// `area` cut in two side by side, with one column between them.
pub fn beside(area: Rect, left: u16) -> (Rect, Rect, Rect) {
    let left = left.min(area.width);
    let gap = u16::from(area.width > left);
    let right = area.width - left - gap;
    (
        Rect::new(area.x, area.y, left, area.height),
        Rect::new(area.x + left, area.y, gap, area.height),
        Rect::new(area.x + left + gap, area.y, right, area.height),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_used_once_at_any_size() {
        for height in 0..120 {
            let parts = Parts::of(Rect::new(0, 0, 80, height));
            let rows = [
                parts.name,
                parts.state,
                parts.rule_above,
                parts.recovery,
                parts.faults,
                parts.body,
                parts.message,
                parts.keys,
            ];
            assert_eq!(
                rows.iter().map(|part| part.height).sum::<u16>(),
                height,
                "{height}"
            );
            if height >= 3 {
                assert!(parts.state.height > 0 && parts.recovery.height > 0 && parts.faults.height > 0);
            }
        }
        assert!(Parts::of(Rect::new(0, 0, 40, 12)).body.height >= 4);
        assert!(Parts::of(Rect::new(0, 0, 80, 24)).body.height >= 14);
    }

    #[test]
    fn shares_never_exceed_what_there_is() {
        for rows in 0..60 {
            let shares = share(rows, &[(3, 8), (4, 5), (3, 20)]);
            assert!(shares.iter().sum::<u16>() <= rows);
            if rows >= 3 {
                assert_eq!(shares.iter().sum::<u16>(), rows);
            }
        }
    }
}
