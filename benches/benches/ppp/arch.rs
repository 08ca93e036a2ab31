//! An allocator that counts.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use std::alloc::System;

/// The system's allocator, which counts what a thread holds.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
}

/// Octets that this thread has allocated and not freed, with 16 for each block, which is what common
/// allocators need for themselves.
pub(crate) fn held() -> isize {
    HELD.get()
}

fn count(octets: usize, sign: isize) {
    // While a thread ends, nobody asks any more.
    let _ = HELD.try_with(|held| held.set(held.get() + sign * (octets.cast_signed() + 16)));
}

// SAFETY: every call is passed on to the system's allocator as it is; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller keeps the contract of `GlobalAlloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: the caller keeps the contract of `GlobalAlloc`, which is the same.
        unsafe { System.dealloc(block, layout) }
    }
}
