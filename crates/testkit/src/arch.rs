//! An allocator that counts.

#![expect(unsafe_code, reason = "an allocator is unsafe to write")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use std::alloc::System;

/// The system's allocator, which counts what each thread takes and holds: the test harness allocates on
/// threads of its own whenever it likes.
///
/// A test binary that makes it its own counts from then on:
///
/// ```
/// use testkit::CountingAllocator;
///
/// #[global_allocator]
/// static ALLOCATOR: CountingAllocator = CountingAllocator;
///
/// let before = CountingAllocator::allocations();
/// let boxed = Box::new([0_u8; 100]);
/// assert_eq!(CountingAllocator::allocations() - before, 1);
/// drop(boxed);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CountingAllocator;

thread_local! {
    // None of these needs memory or a destructor, so that counting does not allocate.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
    static HELD: Cell<isize> = const { Cell::new(0) };
}

impl CountingAllocator {
    /// How often this thread has allocated; a block that grows counts again.
    pub fn allocations() -> usize {
        ALLOCATIONS.get()
    }

    /// Octets that this thread has allocated, freed ones among them.
    pub fn allocated() -> usize {
        ALLOCATED.get()
    }

    /// Octets that this thread has allocated and not freed, with 16 for each block, which is what
    /// common allocators need for themselves.
    pub fn held() -> isize {
        HELD.get()
    }
}

fn hold(layout: Layout, sign: isize) {
    // While a thread ends, nobody asks any more.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + sign * (layout.size().cast_signed() + 16));
    });
}

// SAFETY: every call is passed on to the system's allocator as it is; counting does not allocate.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        let _ = ALLOCATED.try_with(|octets| octets.set(octets.get() + layout.size()));
        hold(layout, 1);
        // SAFETY: the caller keeps the contract of `GlobalAlloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        hold(layout, -1);
        // SAFETY: the caller keeps the contract of `GlobalAlloc`, which is the same.
        unsafe { System.dealloc(block, layout) }
    }
}
