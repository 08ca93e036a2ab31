//! The no-panic sweep: what lies near a good packet.

use std::thread;

/// Octets at the front of an input that are all tried; headers lie there.
const DENSE: usize = 512;
/// Positions that are tried in the rest of the input, at the most.
const SPARSE: usize = 512;

/// Calls `check` with every prefix of `octets` and with every octet changed, and returns how many
/// variants that were. It is the caller's to look at each: a parser must return, whatever it says.
///
/// The prefixes are of every length from 0 to the whole; each octet in turn becomes, where that is
/// a change, 0x00 and 0xff, and has its lowest, its highest and all its bits flipped. Of an input
/// above 512 octets, which mostly is payload then, lengths and positions beyond 512 are taken at
/// even steps, not more than 512 of them, and those of the last eight octets besides.
///
/// When `check` panics, the variant is printed.
///
/// ```
/// let variants = testkit::sweep(&[0x45, 0x00], |octets| {
///     let _ = octets.first().map(|first| first >> 4);
/// });
/// // Three prefixes; five changes of 0x45; of 0x00, which stays and whose flip is 0xff, three.
/// assert_eq!(variants, 3 + 5 + 3);
/// ```
pub fn sweep(octets: &[u8], mut check: impl FnMut(&[u8])) -> usize {
    let mut variants = 0;
    let mut run = |what: Change, variant: &[u8]| {
        variants += 1;
        let _guard = VariantGuard { what, variant };
        check(variant);
    };
    for length in positions(octets.len() + 1) {
        run(Change::CutTo(length), &octets[..length]);
    }
    let mut variant = octets.to_vec();
    for at in positions(octets.len()) {
        let good = octets[at];
        let mut tried = vec![good];
        for bad in [0x00, 0xff, good ^ 0x01, good ^ 0x80, !good] {
            if !tried.contains(&bad) {
                tried.push(bad);
                variant[at] = bad;
                run(Change::Octet { at, good, bad }, &variant);
            }
        }
        variant[at] = good;
    }
    variants
}

/// The positions to try among `0..end`.
fn positions(end: usize) -> impl Iterator<Item = usize> {
    let rest = end.saturating_sub(DENSE);
    let step = rest.div_ceil(SPARSE).max(1);
    let tail = end.saturating_sub(8);
    (0..end).filter(move |&at| at < DENSE || (at - DENSE).is_multiple_of(step) || at >= tail)
}

#[derive(Clone, Copy)]
enum Change {
    CutTo(usize),
    Octet { at: usize, good: u8, bad: u8 },
}

/// Says which variant it was when the check of it panics.
struct VariantGuard<'a> {
    what: Change,
    variant: &'a [u8],
}

impl Drop for VariantGuard<'_> {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        match self.what {
            Change::CutTo(length) => eprintln!("the sweep had cut the input to {length} octets"),
            Change::Octet { at, good, bad } => {
                eprintln!("the sweep had changed octet {at} from {good:#04x} to {bad:#04x}");
            }
        }
        eprintln!("{}", hex::encode(self.variant));
    }
}
